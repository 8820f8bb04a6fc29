"""The audit: our own endpoints, and those that other people have, served on loopback."""

import asyncio
import json
import socket
import time
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from typer.testing import CliRunner

from toolkit.cli import app
from toolkit.errors import UsageError
from toolkit.sessions import MemoryLog, Session
from toolkit.sessions.http.app import EventStream, session_app
from toolkit.sessions.http.sse import frame
from toolkit.sessions.lab import audit_endpoint
from toolkit.sessions.lab.trap import direct_stream
from toolkit.web import serving

SURVIVES, RESUMES, SHARED = "survives a cut", "resumes", "second surface"
GOES_ON, TERMINAL = "a disconnect leaves it running", "terminal event"
GOOD = dict.fromkeys((SURVIVES, RESUMES, SHARED, GOES_ON, TERMINAL), "yes")
NAIVE = dict.fromkeys((SURVIVES, RESUMES, SHARED), "no") | {
    GOES_ON: "could not probe",
    TERMINAL: "yes",
}
PATIENCE_S = 2.0


async def card_of(url, **options):
    card = await audit_endpoint(url, **{"patience_s": PATIENCE_S, "timeout_s": 25.0} | options)
    for finding in card.findings:
        assert finding.evidence
        assert finding.advice or finding.verdict == "yes", f"{finding} says nothing to do"
        assert finding.evidence.split()[0] in card._repr_html_()
    return card


def verdicts(card):
    return {finding.capability: finding.verdict for finding in card.findings}


async def answering(session, words=60, word=""):
    run = await session.start_run("agent", "simulated", window_s=0)
    for n in range(words):
        await asyncio.sleep(0.02)
        await run.write(f"{n} {word}")
    await run.finish()


async def nothing(session):
    """A session without a past."""


async def messages(session):
    for n in range(15):
        await session.say(f"message {n}")


async def a_long_past(session):
    for n in range(2500):
        await session.say(f"message {n}")


async def a_whole_answer(session):
    await answering(session, 12)


async def a_stopped_answer(session):
    run = await session.start_run("agent", "simulated", window_s=0)
    for n in range(12):
        await run.write(f"{n} ")
    await session.cancel(run.id)
    await run.finish("cancelled")


@asynccontextmanager
async def our_session(past=nothing, word="", already=0, more=70):
    """A session that is being answered, and another that is over, served as we serve them."""
    log = MemoryLog()
    session = Session(log, "s")
    for each in (session, Session(log, "old")):
        await past(each)
    routes = [Mount("/", session_app(log, None, beat_s=0.2))]
    async with serving(Starlette(routes=routes), ws="websockets-sansio") as port:
        answer = asyncio.create_task(answering(session, already + more, word))
        async for event in session.read(follow=already > 0, lane="words"):
            if event.data["text"].startswith(f"{already} "):
                break
        yield f"127.0.0.1:{port}"
        await answer


@pytest.mark.parametrize("address", ["http://{}/sessions/s/events", "ws://{}/sessions/s/ws"])
async def test_an_audit_of_a_durable_session_finds_each_capability(address):
    async with our_session() as place:
        assert verdicts(await card_of(address.format(place))) == GOOD


@pytest.mark.parametrize("past", [messages, a_whole_answer, a_stopped_answer])
@pytest.mark.parametrize("already", [0, 60])
async def test_what_a_session_has_seen_before_is_not_taken_for_the_answer(past, already):
    async with our_session(past, already=already) as place:
        assert verdicts(await card_of(f"http://{place}/sessions/s/events")) == GOOD


async def test_a_past_that_takes_its_time_is_waited_for():
    async with our_session(a_long_past, already=10, more=300) as place:
        assert verdicts(await card_of(f"http://{place}/sessions/s/events")) == GOOD


async def test_a_snapshot_in_the_place_of_words_is_no_loss():
    async with our_session(messages, word="longer than most words are " * 4, already=30) as place:
        assert verdicts(await card_of(f"http://{place}/sessions/s/events")) == GOOD


async def test_a_session_whose_answers_are_all_given_is_to_be_sent_a_message_first():
    async with our_session(a_whole_answer) as place:
        card = await card_of(f"http://{place}/sessions/old/events", patience_s=0.5)
    assert set(verdicts(card).values()) == {"could not probe"}
    assert "no word came for 0.5 s" in card.findings[0].evidence
    assert "send it a message first" in card.findings[0].advice


class Answer:
    """An answer that is made apart from its readers, in the memory of its endpoint."""

    def __init__(self, words, pace_s=0.02, thinks_s=0.0):
        self.words, self.over, self.news = [], False, asyncio.Condition()
        self.task = asyncio.create_task(self._make(words, pace_s, thinks_s))

    async def _make(self, words, pace_s, thinks_s):
        await asyncio.sleep(thinks_s)
        for n in range(words):
            await asyncio.sleep(pace_s)
            self.words.append(f"tok{n} ")
            await self._tell()
        self.over = True
        await self._tell()

    async def _tell(self):
        async with self.news:
            self.news.notify_all()

    async def follow(self, after=0):
        while True:
            async with self.news:
                while after == len(self.words) and not self.over:
                    await self.news.wait()
            while after < len(self.words):
                after += 1
                yield after, self.words[after - 1]
            if self.over:
                return

    async def cancel(self):
        self.task.cancel()
        self.over = True
        await self._tell()


def numbered(n, word):
    return f"id: {n}\ndata: {json.dumps({'text': word})}\n\n"


def openai_chunk(n, word):
    choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
    return f"id: {n}\ndata: {json.dumps({'id': 'chatcmpl-1', 'choices': [choice]})}\n\n"


DONE = "event: done\ndata: {}\n\n"


def resumable(write=numbered, end=DONE, cancels=None, words=70, thinks_s=0.0, lines="\n"):
    """An endpoint with one answer, which resumes by Last-Event-ID.

    `cancels` is "any" where each disconnect stops the answer, "last" where that of the last reader
    does, and None where none does.
    """
    answer, readers = None, 0

    async def endpoint(request):
        nonlocal answer, readers
        answer = answer or Answer(words, thinks_s=thinks_s)
        after = int(request.headers.get("last-event-id") or 0)

        async def body():
            nonlocal readers
            readers += 1
            try:
                async for n, word in answer.follow(after):
                    yield write(n, word).replace("\n", lines)
                yield end.replace("\n", lines)
            except (asyncio.CancelledError, GeneratorExit):
                if cancels == "any" or (cancels == "last" and readers == 1):
                    await answer.cancel()
                raise
            finally:
                readers -= 1

        return EventStream(body())

    return endpoint


@asynccontextmanager
async def served(endpoint, method="GET"):
    routes = [Route("/x", endpoint, methods=[method])]
    async with serving(Starlette(routes=routes)) as port:
        yield f"http://127.0.0.1:{port}/x"


RESUMABLE = {
    "with numbered events": {},
    "in the chunks of OpenAI, with [DONE]": {"write": openai_chunk, "end": "data: [DONE]\n\n"},
    "with CR LF line ends": {"lines": "\r\n"},
    "with CR line ends": {"lines": "\r"},
    "with comments between": {"write": lambda n, word: f": keep-alive\n\n{numbered(n, word)}"},
}


@pytest.mark.parametrize("kind", RESUMABLE)
async def test_an_endpoint_that_resumes_is_found_to_do_so(kind):
    async with served(resumable(**RESUMABLE[kind])) as url:
        assert verdicts(await card_of(url)) == GOOD


async def test_a_long_backlog_is_waited_for():
    answer = Answer(3000, pace_s=0.0)
    await answer.task
    answer.over = False
    answer.task = asyncio.create_task(answer._make(120, 0.02, 0.0))

    async def endpoint(request):
        async def body():
            async for n, word in answer.follow(int(request.headers.get("last-event-id") or 0)):
                yield numbered(n, f"{n}:{word}")
            yield DONE

        return EventStream(body())

    async with served(endpoint) as url:
        assert verdicts(await card_of(url)) == GOOD
    answer.task.cancel()


@pytest.mark.parametrize(
    "stalls_s",
    [{15: 1.0}, {200: 0.6, 400: 0.6, 600: 0.6, 800: 0.6}],
    ids=["once, near its beginning", "again and again"],
)
async def test_a_backlog_that_stalls_on_the_second_connection_is_waited_for(stalls_s):
    answer, n_connections = Answer(1000, pace_s=0.0), 0
    await answer.task
    answer.over = False
    answer.task = asyncio.create_task(answer._make(400, 0.02, 0.0))

    async def endpoint(request):
        nonlocal n_connections
        n_connections += 1
        stalls_here_s = stalls_s if n_connections == 2 else {}

        async def body():
            async for n, word in answer.follow(int(request.headers.get("last-event-id") or 0)):
                yield numbered(n, f"{n}:{word}")
                await asyncio.sleep(stalls_here_s.get(n, 0))
            yield DONE

        return EventStream(body())

    async with served(endpoint) as url:
        assert verdicts(await card_of(url, patience_s=5.0)) == GOOD
    answer.task.cancel()


async def test_a_model_that_thinks_for_three_seconds_is_waited_for():
    async with served(resumable(thinks_s=3.0)) as url:
        assert verdicts(await card_of(url, patience_s=6.0)) == GOOD


async def test_an_answer_without_an_end_has_no_terminal_event_and_survives():
    async with served(resumable(end="")) as url:
        found = verdicts(await card_of(url))
    assert found == GOOD | {TERMINAL: "no"}


@pytest.mark.parametrize("end", [DONE, ""], ids=["then says done", "then says nothing"])
@pytest.mark.parametrize("cancels", ["any", "last"])
async def test_an_answer_that_a_disconnect_cancels_is_not_called_alive(cancels, end):
    async with served(resumable(cancels=cancels, end=end)) as url:
        card = await card_of(url)
    found = verdicts(card)
    assert (found[GOES_ON], found[SURVIVES]) == ("no", "no"), card
    assert found[TERMINAL] == ("yes" if end else "no")
    assert "came after the cut" in card.findings[3].evidence


async def test_a_resumed_answer_that_ends_early_is_held_against_one_that_nobody_cut():
    """Without an id each connection starts an answer; a disconnect stops it a little later."""
    answers = []

    async def endpoint(request):
        after = int(request.headers.get("last-event-id") or 0)
        if not after:
            answers.append(Answer(100))
        answer = answers[0] if after else answers[-1]

        async def body():
            try:
                async for n, word in answer.follow(after):
                    yield numbered(n, word)
                yield DONE
            except (asyncio.CancelledError, GeneratorExit):
                await asyncio.sleep(0.1)
                await answer.cancel()
                raise

        return EventStream(body())

    async with served(endpoint) as url:
        card = await card_of(url)
    assert verdicts(card)[GOES_ON] == "no", card
    assert "where an answer that nobody cut had" in card.findings[3].evidence


async def words(n=45, different=45, pace_s=0.02):
    for number in range(n):
        await asyncio.sleep(pace_s)
        yield f"{number % different} "


async def opaque_events():
    """Events without a text, with ids that each connection counts anew."""
    yield frame({"grant": "read"}, "live")
    async for word in words():
        yield frame({"kind": "word", "seq": int(word)}, id=int(word) + 1)
    yield frame({}, "done")


async def ndjson():
    async for word in words():
        yield json.dumps({"response": word, "done": False}) + "\n"
    yield json.dumps({"response": "", "done": True}) + "\n"


async def anthropic_events():
    yield frame({"type": "message_start", "message": {"content": []}}, "message_start")
    async for word in words():
        delta = {"type": "text_delta", "text": word}
        yield frame({"type": "ping"}, "ping")
        yield frame({"type": "content_block_delta", "delta": delta}, "content_block_delta")
    yield frame({"type": "message_stop"}, "message_stop")


async def openai_events():
    async for word in words():
        yield f"data: {json.dumps({'choices': [{'delta': {'content': word}}]})}\n\n"
    stop = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    yield f"data: {json.dumps(stop)}\n\ndata: [DONE]\n\n"


FOREIGN = {
    "naive SSE": lambda request: direct_stream(words()),
    "words that repeat": lambda request: direct_stream(words(different=8)),
    "events without a text": lambda request: EventStream(opaque_events()),
    "NDJSON": lambda request: StreamingResponse(ndjson(), media_type="application/x-ndjson"),
}


@pytest.mark.parametrize("kind", FOREIGN)
async def test_an_endpoint_that_ties_its_answer_to_the_connection_has_only_its_end(kind):
    async def endpoint(request):
        return FOREIGN[kind](request)

    async with served(endpoint) as url:
        assert verdicts(await card_of(url)) == NAIVE


@pytest.mark.parametrize("events", [openai_events, anthropic_events])
async def test_a_post_endpoint_is_sent_its_body_and_headers_by_each_connection(events):
    sent = []

    async def endpoint(request):
        if request.headers.get("authorization") != "Bearer top-secret-token":
            return JSONResponse({"error": "who are you?"}, 401)
        sent.append(await request.json())
        return EventStream(events())

    question = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"Authorization": "Bearer top-secret-token"}
    async with served(endpoint, "POST") as url:
        assert verdicts(await card_of(url, method="post", body=question, headers=headers)) == NAIVE
        refused = await card_of(url, method="POST", body=question)
        wrong_method = await card_of(url)
    assert sent == [question] * 3
    assert "HTTP 401" in refused.findings[0].evidence
    assert "headers" in refused.findings[0].advice
    assert "HTTP 405" in wrong_method.findings[0].evidence
    assert "method" in wrong_method.findings[0].advice


async def test_no_value_of_a_header_is_told_though_the_endpoint_repeats_it():
    async def endpoint(request):
        async def body():
            secret = request.headers["x-key"]
            async for word in words(14):
                yield frame({"text": word}, id=f"{secret}-{word.strip()}")

        return EventStream(body())

    async with served(endpoint) as url:
        card = await card_of(url, headers={"X-Key": "hush-hush-1234"}, patience_s=1.0)
    assert "hush" not in f"{card} {card._repr_html_()} {card.to_dict()}"
    with pytest.raises(ValueError, match="header 'X-Key'") as refused:
        await audit_endpoint(url, headers={"X-Key": "hush\nhush"})
    assert "hush" not in str(refused.value)


async def test_what_cannot_be_probed_is_said_plainly_and_other_schemes_are_refused():
    def short(request):
        return PlainTextResponse(json.dumps({"text": "<b>hi"}) + "\n")

    async with served(short) as url:
        card = await card_of(url)
        assert set(verdicts(card).values()) == {"could not probe"}
        assert "longer answer" in card.findings[0].advice
        for scheme in ("http", "ws"):
            address = f"{scheme}{url.removeprefix('http')}/nothing-here"
            assert all(
                "HTTP 40" in finding.evidence for finding in (await card_of(address)).findings
            )
    for url in ("file:///etc/hostname", "http://[::1"):
        with pytest.raises(ValueError, match="no endpoint"):
            await audit_endpoint(url)


@pytest.mark.parametrize(
    ("status", "advice"), [(307, "redirects"), (403, "headers"), (422, "body"), (503, "is up")]
)
async def test_an_endpoint_that_refuses_is_answered_with_what_to_do_about_it(status, advice):
    def refuse(request):
        return PlainTextResponse("no", status, headers={"location": "/elsewhere"})

    async with served(refuse) as url:
        card = await card_of(url)
    assert f"HTTP {status}" in card.findings[0].evidence
    assert advice in card.findings[0].advice


async def test_an_address_is_told_without_its_password_and_the_values_of_its_query():
    async with served(FOREIGN["naive SSE"]) as url:
        address = url.replace("http://", "http://me:hush-hush@") + "?token=hush-hush&all"
        card = await card_of(address)
    assert card.url == f"{url}?token=…&all"
    assert "hush" not in f"{card} {card.to_dict()}"


async def test_an_audit_ends_by_its_deadline_whatever_the_endpoint_does():
    began_s = time.monotonic()
    async with served(resumable(words=2000)) as url:
        card = await card_of(url, timeout_s=3.0)
    assert time.monotonic() - began_s < 8
    found = verdicts(card)
    assert found[TERMINAL] == "could not probe"
    assert (found[RESUMES], found[SHARED], found[GOES_ON]) == ("yes", "yes", "yes")


def fieldbook_audit(*arguments):
    return CliRunner().invoke(app, ["audit", *arguments])


def test_the_command_refuses_what_is_no_endpoint():
    result = fieldbook_audit("file:///etc/hostname")
    assert result.exit_code == 2
    assert "no endpoint" in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--header", "hush-hush"), "a --header is 'Name: value'"),
        (("--body", "{}", "--body-file", __file__), "--body or --body-file, not both"),
    ],
)
def test_the_command_says_which_option_is_wrong_and_no_secret(arguments, told):
    result = fieldbook_audit("http://127.0.0.1:9/x", *arguments)
    assert result.exit_code == 2
    assert told in result.output
    assert "hush" not in result.output


async def test_the_command_fails_where_nothing_could_be_probed_and_not_where_the_card_is_bad():
    with socket.create_server(("127.0.0.1", 0)) as free:
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"

    async def trap(request):
        return FOREIGN["naive SSE"](request)

    async with served(trap) as url:
        for address, code in ((dead, 1), (f"{url}/nothing-here", 1), (url, 0)):
            result = await asyncio.to_thread(fieldbook_audit, address, "--json")
            assert result.exit_code == code, result.output
            assert json.loads(result.stdout)["ok"] == (code == 0)


async def test_the_command_sends_a_body_from_a_file_and_headers_and_prints_no_secret(tmp_path):
    bodies = []

    async def endpoint(request):
        assert request.headers["x-key"] == "hush-hush"
        bodies.append(await request.json())
        return EventStream(openai_events())

    body = tmp_path / "question.json"
    body.write_text('{"stream": true}')
    options = ("--method", "POST", "--body-file", str(body), "--header", "X-Key: hush-hush")
    async with served(endpoint, "POST") as url:
        result = await asyncio.to_thread(fieldbook_audit, url, *options, "--patience", "2")
    assert result.exit_code == 0, result.output
    assert bodies == [{"stream": True}] * 3
    assert "a disconnect leaves it running: could not probe" in result.output
    assert "hush" not in result.output


@pytest.mark.parametrize("times", [{"patience_s": float("nan")}, {"timeout_s": -1.0}])
async def test_a_time_that_is_none_is_refused(times):
    with pytest.raises(UsageError, match="above 0"):
        await audit_endpoint("http://127.0.0.1:9", **times)
