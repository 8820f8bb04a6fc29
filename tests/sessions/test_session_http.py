"""Sessions over HTTP, seen by bare clients: what a cut costs, who may do what, and the trap beside
it.
"""

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import psutil
import pytest
import websockets
from starlette.applications import Starlette
from starlette.routing import Route

from toolkit.events import decode_event
from toolkit.sessions import Conversation, MemoryLog, NatsLog, NatsServer, Session, attend
from toolkit.sessions.http.app import Tokens, serve, speaking
from toolkit.sessions.lab.trap import direct_stream
from toolkit.web import serving

WORDS = [f"word{n} " for n in range(120)]
DEADLINE_S = 20


@dataclass
class Calls:
    """A model call that can be watched from outside."""

    said: list[str] = field(default_factory=list)
    open: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    half: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, text):
        self.open += 1
        try:
            for n, word in enumerate([f"[{text}] ", *WORDS]):
                if n == 60:
                    self.half.set()
                    await self.gate.wait()
                self.said.append(word)
                yield word
        finally:
            self.open -= 1
            self.closed.set()


@dataclass
class Site:
    url: str
    tokens: Tokens
    log: MemoryLog
    calls: Calls
    client: httpx2.AsyncClient

    def session(self, id="s"):
        return Session(self.log, id)

    def headers(self, grant="control", session="s"):
        return {"authorization": f"Bearer {self.tokens.issue(session, grant)}"}

    async def post(self, do, body=None, headers=None, session="s"):
        url = f"{self.url}/sessions/{session}/{do}"
        return await self.client.post(
            url, json=body or {}, headers=headers or self.headers(session=session)
        )

    async def get(self, path="events", headers=None, **params):
        return await self.client.get(
            f"{self.url}/sessions/s/{path}".rstrip("/"), headers=headers or {}, params=params
        )

    @asynccontextmanager
    async def events(self, headers=None, **params):
        """The frames of the session's stream."""
        headers, url = self.headers("read") | (headers or {}), f"{self.url}/sessions/s/events"
        async with self.client.stream("GET", url, headers=headers, params=params) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            async with aclosing(frames(response)) as feed:
                yield feed

    @property
    def socket(self):
        return f"{self.url.replace('http', 'ws')}/sessions/s/ws"

    async def refused_socket(self, headers=None):
        """The status that a WebSocket is refused with."""
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(self.socket, additional_headers=headers or {}, proxy=None)
        return refused.value.response.status_code


@asynccontextmanager
async def serving_calls(calls, log=None, tokens=None, **options):
    log = log or MemoryLog()
    tokens = tokens or Tokens()

    async def answer(session):
        await attend(session, speaking(calls), "agent", "simulated")

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(60))
        url = await stack.enter_async_context(serve(log, tokens, answer, **options))
        client = await stack.enter_async_context(
            httpx2.AsyncClient(trust_env=False, timeout=DEADLINE_S)
        )
        yield Site(url, tokens, log, calls, client)


@pytest.fixture
async def site():
    async with serving_calls(Calls(), beat_s=0.2) as one:
        yield one


async def frames(response):
    """The frames of a stream as dicts, comments under ``comment``."""
    frame = {}
    async for line in response.aiter_lines():
        if not line:
            yield frame
            frame = {}
            continue
        name, _, value = line.partition(": ")
        frame[name or "comment"] = value


async def read_until(feed, done):
    """Frames up to the first that is `done`."""
    got = []
    async with asyncio.timeout(DEADLINE_S):
        while not got or not done(got[-1]):
            got.append(await anext(feed))
    return got


def event_of(frame):
    return decode_event(frame["data"]) if "data" in frame and "event" not in frame else None


def finished(frame):
    event = event_of(frame)
    return event is not None and event.kind == "run.finished"


async def speak(session, words=WORDS, window_s=0.0):
    run = await session.start_run("agent", source="simulated", window_s=window_s)
    for word in words:
        await run.write(word)
    await run.finish()
    return run


async def test_an_event_s_id_is_its_place_in_the_log(site):
    session = site.session()
    before = await session.say("before")
    async with site.events() as feed:
        got = await read_until(feed, lambda frame: frame.get("event") == "live")
        assert [event_of(f).seq for f in got if event_of(f)] == [before.seq]
        assert [int(f["id"]) for f in got if "id" in f] == [before.seq]
        after = await session.say("after")
        got = await read_until(feed, lambda frame: event_of(frame) is not None)
        assert (got[-1]["id"], event_of(got[-1]).seq) == (str(after.seq), after.seq)


@pytest.mark.parametrize("seed", range(3))
async def test_a_reader_that_is_cut_anywhere_resumes_by_last_event_id_without_loss_or_double(
    log, seed
):
    async with serving_calls(Calls(), log) as site:
        await cut_anywhere(site, site.session(), random.Random(seed))


async def cut_anywhere(site, session, draw):
    await session.say("go")
    writing = asyncio.create_task(speak(session, WORDS * 4))
    view, applied, last, over = Conversation("s"), [], "", False
    async with asyncio.timeout(DEADLINE_S):
        while not over:
            cut = draw.randint(1, 90)
            async with site.events(headers={"last-event-id": last} if last else {}) as feed:
                async for frame in feed:
                    last = frame.get("id", last)
                    if event := event_of(frame):
                        view.apply(event)
                        applied += [] if event.kind == "text.snapshot" else [event.seq]
                        over = event.kind == "run.finished"
                    cut -= 1
                    if over or cut <= 0:
                        break
        await writing
    assert applied == sorted(set(applied))
    assert view.to_json() == (await session.conversation()).to_json()
    assert view.text == "".join(WORDS * 4)


async def test_a_cut_while_catching_up_loses_none_of_the_words_that_a_snapshot_would_have_brought(
    site,
):
    session = site.session()
    run = await session.start_run("agent", source="simulated", window_s=0)
    for n, word in enumerate(WORDS):
        await run.write(word)
        if n % 10 == 0:
            await session.say(f"aside {n}")
    for cut in range(1, 20):
        view, last = Conversation("s"), ""
        for upto in (cut, 10**6):
            async with site.events(headers={"last-event-id": last} if last else {}) as feed:
                for frame in await read_until(feed, lambda f: "live" in f.get("event", "")):
                    upto -= 1
                    if upto >= 0:
                        last = frame.get("id", last)
                        if event := event_of(frame):
                            view.apply(event)
        assert view.text == "".join(WORDS)
    await run.finish()


async def test_after_in_the_address_is_a_cursor_too_and_the_header_counts_for_more(site):
    session = site.session()
    acks = [await session.say(f"message {n}") for n in range(5)]
    for headers, after, first in (
        ({}, acks[1].seq, 2),
        ({"last-event-id": str(acks[2].seq)}, acks[1].seq, 3),
    ):
        async with site.events(headers=headers, after=after) as feed:
            got = await read_until(feed, lambda frame: frame.get("event") == "live")
        assert [event_of(f).data["text"] for f in got if event_of(f)] == [
            f"message {n}" for n in range(first, 5)
        ]


@pytest.mark.parametrize("cursor", ["-1", "1.5", "x", "9" * 30, "١"])
async def test_a_cursor_that_is_no_number_is_refused(site, cursor):
    assert (await site.get(headers=site.headers(), after=cursor)).status_code == 400


async def test_a_silent_stream_says_that_it_lives(site):
    async with site.events() as feed:
        got = await read_until(feed, lambda frame: frame.get("event") == "beat")
    assert got[-1] == {"event": "beat", "data": "{}"}
    async with (
        asyncio.timeout(DEADLINE_S),
        websockets.connect(site.socket, additional_headers=site.headers("read"), proxy=None) as ws,
    ):
        assert [json.loads(await ws.recv()) for _ in range(2)] == [
            {"live": {"grant": "read", "actor": "user", "beat_s": 0.2, "first": None}},
            {"beat": {}},
        ]


@pytest.mark.nats
async def test_a_beat_tells_of_a_log_that_is_away(tmp_path):
    def beat(frame):
        return frame.get("event") == "beat" and json.loads(frame["data"])

    async with NatsServer(store=tmp_path) as server, await NatsLog.connect(server.url) as log:
        assert log.reachable
        async with serving_calls(Calls(), log, beat_s=0.1) as site, site.events() as feed:
            await server.kill()
            await read_until(feed, lambda frame: beat(frame) == {"log": "away"})
            assert not log.reachable
            await server.restart()
            await read_until(feed, lambda frame: beat(frame) == {})


async def test_a_message_is_answered_and_its_acknowledgement_states_the_durability(site):
    site.calls.gate.set()
    async with site.events() as feed:
        ack = await site.post("say", {"text": "hello", "id": "chosen-id"})
        assert ack.status_code == 200
        assert ack.json()["durability"] == "memory"
        await read_until(feed, finished)
    again = await site.post("say", {"text": "hello", "id": "chosen-id"})
    assert again.json()["duplicate"] is True
    assert (await site.session().conversation()).text == "".join(["[hello] ", *WORDS])
    assert len(site.calls.said) == len(WORDS) + 1


async def test_a_closed_connection_never_cancels(site):
    await site.post("say", {"text": "hello"})
    async with asyncio.timeout(DEADLINE_S):
        await site.calls.half.wait()
    for _ in range(20):
        async with site.events() as feed:
            await read_until(feed, lambda frame: frame.get("event") == "live")
        async with websockets.connect(
            site.socket, additional_headers=site.headers(), proxy=None
        ) as ws:
            await asyncio.wait_for(ws.recv(), DEADLINE_S)
    assert site.calls.open == 1
    async with site.events() as feed:
        site.calls.gate.set()
        await read_until(feed, finished)
    conversation = await site.session().conversation()
    assert [run.state for run in conversation.runs.values()] == ["complete"]
    assert conversation.text == "".join(["[hello] ", *WORDS])


@asynccontextmanager
async def trapped(calls):
    """The naive baseline over `calls`: its address, and a client."""

    async def endpoint(request):
        return direct_stream(calls((await request.json())["text"]))

    app = Starlette(routes=[Route("/trap", endpoint, methods=["POST"])])
    async with (
        asyncio.timeout(60),
        serving(app) as port,
        httpx2.AsyncClient(trust_env=False, timeout=DEADLINE_S) as client,
    ):
        yield f"http://127.0.0.1:{port}/trap", client


async def test_direct_stream_cancels_the_model_call_when_its_client_goes_and_keeps_nothing():
    calls = Calls()
    async with trapped(calls) as (url, client):
        async with (
            client.stream("POST", url, json={"text": "hello"}) as response,
            aclosing(frames(response)) as feed,
        ):
            got = await read_until(
                feed, lambda frame: json.loads(frame["data"])["text"] == WORDS[10]
            )
            assert len(got) == 12
            assert all("id" not in frame for frame in got)
            assert calls.open == 1
        await calls.closed.wait()
        assert calls.open == 0
        assert len(calls.said) < len(WORDS) + 1


async def test_direct_stream_gives_everything_to_a_client_that_stays():
    calls = Calls()
    calls.gate.set()
    async with trapped(calls) as (url, client):
        response = await client.post(url, json={"text": "hello"})
    words = [
        json.loads(line[6:]).get("text", "")
        for line in response.text.splitlines()
        if line.startswith("data: ")
    ]
    assert "".join(words) == "".join(["[hello] ", *WORDS])
    assert response.text.endswith("event: done\ndata: {}\n\n")
    assert response.headers["content-type"].startswith("text/event-stream")


async def test_the_trap_is_no_part_of_the_product(site):
    answer = await site.post("direct", {"text": "hello"})
    assert answer.status_code == 400
    assert [event async for event in site.session().read(follow=False)] == []


@pytest.mark.parametrize("do", ["cancel", "interrupt"])
async def test_cancel_and_interrupt_break_the_model_call_off(site, do):
    await site.post("say", {"text": "hello"})
    async with asyncio.timeout(DEADLINE_S):
        await site.calls.half.wait()
    async with site.events() as feed:
        for _ in range(2):
            assert (await site.post(do)).status_code == 200
        await read_until(feed, finished)
    states = [run.state for run in (await site.session().conversation()).runs.values()]
    assert states == ["cancelled" if do == "cancel" else "complete"]
    assert (site.calls.open, len(site.calls.said)) == (0, 60)


async def test_a_steer_is_consumed_and_makes_for_another_model_call(site):
    await site.post("say", {"text": "hello"})
    async with asyncio.timeout(DEADLINE_S):
        await site.calls.half.wait()
    steer = (await site.post("steer", {"text": "shorter"})).json()
    async with site.events() as feed:
        site.calls.gate.set()
        await read_until(feed, finished)
    conversation = await site.session().conversation()
    assert "[shorter] " in conversation.text
    assert [i.data["event"] for i in conversation.items if i.kind == "steer.consumed"] == [
        steer["id"]
    ]


@pytest.mark.parametrize(
    ("order", "body"),
    [
        ("say", {"text": "hello"}),
        ("steer", {"text": "shorter", "run": "later"}),
        ("interrupt", {"text": "wait", "run": "later"}),
        ("cancel", {"run": "later"}),
        ("approve", {"request": "question", "answer": True}),
    ],
)
async def test_an_order_names_the_screen_that_it_came_from_and_none_where_none_is_named(
    site, order, body
):
    session = site.session()
    await session.start_run("agent", source="simulated", id="later")
    await session.append("approval.asked", "agent", {"question": "?"}, "later", id="question")
    answer = await site.post(order, body | {"screen": "x" * 65})
    assert answer.status_code == 400
    assert (await site.post(order, body | {"screen": "phone"})).status_code == 200
    if order != "approve":
        assert (await site.post(order, body)).status_code == 200
    kind = "message" if order == "say" else order
    items = [item for item in (await session.conversation()).items if item.kind == kind]
    assert [item.data.get("screen") for item in items] == ["phone", None][: len(items)]
    assert [item.who for item in items] == ["user, on the phone", "user"][: len(items)]


async def test_a_websocket_reads_and_controls_and_resumes(site):
    url = site.socket
    view, cursor = Conversation("s"), 0
    async with asyncio.timeout(DEADLINE_S):
        async with websockets.connect(url, additional_headers=site.headers(), proxy=None) as ws:
            await ws.send(json.dumps({"do": "say", "text": "hello"}))
            while len(view.text) < 100:
                frame = json.loads(await ws.recv())
                if "event" in frame:
                    cursor = frame["event"]["seq"]
                    view.apply(decode_event(json.dumps(frame["event"])))
        await site.calls.half.wait()
        token = site.tokens.issue("s", "control")
        async with websockets.connect(f"{url}?after={cursor}&token={token}", proxy=None) as ws:
            await ws.send(json.dumps({"do": "cancel"}))
            acks = []
            while not any(run.ended for run in view.runs.values()):
                frame = json.loads(await ws.recv())
                acks += [frame["ack"]] if "ack" in frame else []
                if "event" in frame:
                    view.apply(decode_event(json.dumps(frame["event"])))
    assert view.to_json() == (await site.session().conversation()).to_json()
    assert len(acks) == 1
    assert [run.state for run in view.runs.values()] == ["cancelled"]


@pytest.mark.parametrize(
    "text", ["{", '{"do": "explode"}', '{"do": "say", "text": ""}', "[]", '{"do": "say"}']
)
async def test_nonsense_over_a_websocket_is_answered_and_changes_nothing(site, text):
    url = f"{site.socket}?token={site.tokens.issue('s', 'control')}"
    async with asyncio.timeout(DEADLINE_S), websockets.connect(url, proxy=None) as ws:
        await ws.send(text)
        answers = [json.loads(await ws.recv()), json.loads(await ws.recv())]
    assert any("error" in answer for answer in answers)
    assert [event async for event in site.session().read(follow=False)] == []


async def test_without_a_token_nothing_is_readable(site):
    await site.session().say("secret")
    for path in ("", "events"):
        for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic x"}):
            answer = await site.get(path, headers=headers)
            assert answer.status_code == 401
            assert "secret" not in answer.text
    assert (await site.post("say", {"text": "x"}, {"x": "y"})).status_code == 401
    assert await site.refused_socket() == 401


async def test_a_token_of_another_session_opens_nothing_here(site):
    other = site.headers(session="other")
    assert (await site.get("events", other)).status_code == 403
    assert (await site.get("", other)).status_code == 403
    for do in ("say", "cancel", "steer", "interrupt", "approve"):
        assert (await site.post(do, {"text": "x"}, other)).status_code == 403
    assert await site.refused_socket(other) == 403
    assert [event async for event in site.session().read(follow=False)] == []


async def test_a_read_token_reads_and_cannot_control(site):
    await site.session().say("hello")
    async with site.events() as feed:
        got = await read_until(feed, lambda frame: frame.get("event") == "live")
    assert json.loads(got[-1]["data"])["grant"] == "read"
    for do in ("say", "cancel", "steer", "interrupt", "approve"):
        assert (await site.post(do, {"text": "x"}, site.headers("read"))).status_code == 403
    async with (
        asyncio.timeout(DEADLINE_S),
        websockets.connect(site.socket, additional_headers=site.headers("read"), proxy=None) as ws,
    ):
        await ws.send('{"do": "cancel"}')
        answers = [json.loads(await ws.recv()) for _ in range(3)]
    assert {"error": "this token only reads", "status": 403} in answers
    assert [event.kind async for event in site.session().read(follow=False)] == ["message"]


async def test_a_token_in_the_address_reads_but_does_not_post(site):
    """A link to a POST cannot then be made of a leaked address by a form alone."""
    token = site.tokens.issue("s", "control")
    assert (await site.get("", token=token)).status_code == 200
    answer = await site.client.post(f"{site.url}/sessions/s/cancel", params={"token": token})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "strange",
    [
        {"host": "evil.example"},
        {"host": "evil.example:80"},
        {"host": "127.0.0.1.evil.example"},
        {"host": ""},
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:1"},
        {"origin": "null"},
    ],
)
async def test_another_web_page_cannot_drive_a_session_even_with_a_token(site, strange):
    headers = site.headers() | strange
    assert (await site.get("events", headers)).status_code == 403
    assert (await site.get("", headers)).status_code == 403
    assert (await site.post("cancel", {}, headers)).status_code == 403
    if "origin" in strange:
        assert await site.refused_socket(headers) == 403
    assert [event async for event in site.session().read(follow=False)] == []


async def test_our_own_page_may_post(site):
    headers = site.headers() | {"origin": site.url, "sec-fetch-site": "same-origin"}
    assert (await site.post("say", {"text": "hello"}, headers)).status_code == 200


@pytest.mark.parametrize(
    ("do", "body", "status"),
    [
        ("explode", {}, 400),
        ("say", {}, 400),
        ("say", {"text": "   "}, 400),
        ("say", {"text": 5}, 400),
        ("say", {"text": "x", "id": "a b c d e f g"}, 400),
        ("say", {"text": "x" * 30_000}, 400),
        ("say", {"text": "x" * 70_000}, 413),
        ("cancel", {"run": "a b"}, 400),
        ("cancel", {"run": "a.>"}, 400),
    ],
)
async def test_what_makes_no_sense_is_refused_and_writes_nothing(site, do, body, status):
    assert (await site.post(do, body)).status_code == status
    assert [event async for event in site.session().read(follow=False)] == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"text": "\\ud800"}', b"\xff"])
async def test_a_body_that_is_no_json_object_is_refused(site, body):
    url = f"{site.url}/sessions/s/say"
    assert (await site.client.post(url, content=body, headers=site.headers())).status_code == 400


@pytest.mark.parametrize("id", ["a b", "x" * 129, "a.b", "%3E"])
async def test_a_name_that_no_session_can_have_is_not_found(site, id):
    token = site.tokens.issue({"%3E": ">"}.get(id, id), "control")
    answer = await site.client.get(f"{site.url}/sessions/{id}/events", params={"token": token})
    assert answer.status_code == 404


async def test_the_page_is_shut_in_by_its_policy(site):
    await site.session().say("<b>hello</b>")
    first, second = [await site.get("", site.headers("read")) for _ in range(2)]
    policy = first.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert first.headers["referrer-policy"] == "no-referrer"
    assert "hello" not in first.text
    assert policy != second.headers["content-security-policy"]
    assert re.findall(r"https?://\w+", first.text) == [], "the page loads nothing from elsewhere"


async def test_without_tokens_only_loopback_is_served():
    with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
        async with serve(MemoryLog(), None, host="0.0.0.0"):
            pass
    async with serve(MemoryLog(), None) as url, httpx2.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{url}/sessions/any")).status_code == 200
        foreign = {"origin": "http://localhost:3000"}
        assert (await client.post(f"{url}/sessions/any/cancel", headers=foreign)).status_code == 403


async def test_tokens_tell_their_secrets_to_nobody(site, caplog, capfd):
    caplog.set_level("DEBUG")
    tokens = Tokens()
    secrets = [tokens.issue("s"), site.tokens.issue("s", "control")]
    assert len(set(secrets)) == 2
    assert min(map(len, secrets)) >= 40
    await site.get("events", token=secrets[0])
    await site.get("", token=secrets[1])
    said = caplog.text.replace(f"token={secrets[0]}", "") if "httpx" in caplog.text else caplog.text
    ours = [
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore"))
    ]
    assert all(secret not in " ".join([repr(vars(tokens)), *ours]) for secret in secrets), said
    out = "".join(capfd.readouterr())
    assert all(secret not in out for secret in secrets)


async def test_closing_the_server_ends_its_streams_and_its_attendants():
    calls = Calls()
    async with serving_calls(calls) as site:
        await site.post("say", {"text": "hello"})
        async with site.events() as feed:
            await read_until(feed, lambda frame: frame.get("event") == "live")
            await calls.half.wait()
    assert calls.open == 0


COMMAND = [sys.executable, "-c", "from toolkit.cli import app; app()", "serve"]


@asynccontextmanager
async def served(*options):
    """The command at work: what it printed, and its process."""
    process, out = (
        await asyncio.create_subprocess_exec(*COMMAND, *options, stdout=asyncio.subprocess.PIPE),
        "",
    )
    try:
        async with asyncio.timeout(90):
            while "Only this machine" not in out and "plain HTTP" not in out:
                line = (await process.stdout.readline()).decode()
                assert line, out
                out += line
            yield out, process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.nats
@pytest.mark.parametrize("killed", [False, True])
async def test_the_command_serves_an_agent_and_prints_its_address_and_outlives_its_nats_server(
    killed,
):
    async with (
        served() as (out, process),
        httpx2.AsyncClient(trust_env=False, timeout=DEADLINE_S) as client,
    ):
        address, token = re.search(r"control: (\S+)\?token=(\S+)", out).groups()
        assert "█" not in out  # no QR code: no phone could open an address of this machine alone
        assert (await client.get(address)).status_code == 401
        headers = {"authorization": f"Bearer {token}"}
        assert (
            await client.post(f"{address}/say", json={"text": "hello"}, headers=headers)
        ).status_code == 200
        async with (
            client.stream("GET", f"{address}/events", headers=headers) as response,
            aclosing(frames(response)) as feed,
        ):
            await read_until(feed, lambda frame: (e := event_of(frame)) and e.kind == "text.delta")
            if killed:
                family = psutil.Process(process.pid).children(recursive=True)
                next(one for one in family if one.name() == "nats-server").kill()
                assert b"runs again" in await asyncio.wait_for(
                    process.stdout.readline(), DEADLINE_S
                )
            assert (await client.post(f"{address}/cancel", headers=headers)).status_code == 200
            got = await read_until(feed, finished)
        assert event_of(got[-1]).data["outcome"] == "cancelled"
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 30) == 0


@pytest.mark.nats
async def test_a_whole_network_is_served_with_a_token_and_nothing_is_readable_without_it():
    async with (
        served("--host", "0.0.0.0") as (out, _),
        httpx2.AsyncClient(trust_env=False) as client,
    ):
        port, path, token = re.search(
            r"control: http://[^/]+:(\d+)(\S+)\?token=(\S+)", out
        ).groups()
        page = f"http://127.0.0.1:{port}{path}"
        right, wrong = (
            {"authorization": f"Bearer {token}"},
            {"authorization": f"Bearer {token[:-1]}"},
        )
        for headers in ({}, wrong):
            for way in ("", "/events"):
                assert (await client.get(f"{page}{way}", headers=headers)).status_code == 401
            for do in ("say", "cancel", "steer", "interrupt", "approve"):
                assert (
                    await client.post(f"{page}/{do}", json={"text": "x"}, headers=headers)
                ).status_code == 401
            with pytest.raises(websockets.InvalidStatus, match="401"):
                await websockets.connect(
                    f"{page.replace('http', 'ws')}/ws", additional_headers=headers, proxy=None
                )
        assert (await client.get(page, headers=right)).status_code == 200


async def stored_events(client, out):
    """What a reader with the link in `out` is sent of the session, and how to post to it."""
    address, token = re.search(r"control: (\S+)\?token=(\S+)", out).groups()
    headers = {"authorization": f"Bearer {token}"}
    async with (
        client.stream("GET", f"{address}/events", headers=headers) as response,
        aclosing(frames(response)) as feed,
    ):
        got = await read_until(feed, lambda frame: frame.get("event") == "live")
    return [event for frame in got if (event := event_of(frame))], address, headers


@pytest.mark.nats
async def test_a_session_with_a_store_is_there_again_after_a_kill_of_the_command(tmp_path):
    store = ("--store", str(tmp_path / "kept"))
    async with httpx2.AsyncClient(trust_env=False, timeout=DEADLINE_S) as client:
        async with served(*store) as (out, process):
            _, address, headers = await stored_events(client, out)
            await client.post(f"{address}/say", json={"text": "hello"}, headers=headers)
            async with (
                client.stream("GET", f"{address}/events", headers=headers) as response,
                aclosing(frames(response)) as feed,
            ):
                await read_until(
                    feed, lambda frame: (e := event_of(frame)) and e.kind == "text.delta"
                )
                await client.post(f"{address}/cancel", headers=headers)
                await read_until(feed, finished)
            before, _, _ = await stored_events(client, out)
            process.kill()
            await process.wait()
        async with served(*store) as (out, _):
            after, address, _ = await stored_events(client, out)
            assert {event.id for event in before} <= {event.id for event in after}
            assert [e.data["text"] for e in after if e.kind == "message"] == ["hello"]
            words = [[e.id for e in kept if e.kind == "text.delta"] for kept in (before, after)]
            assert words[0] == words[1] != []
            assert (await client.get(address, headers=headers)).status_code == 401


@pytest.mark.nats
async def test_a_store_that_another_server_has_is_named_in_one_line(tmp_path):
    async with NatsServer(store=tmp_path):
        command = [*COMMAND, "--store", str(tmp_path)]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=40
        )
    assert done.returncode == 2
    assert done.stderr.startswith(f"fieldbook: {tmp_path}: another nats-server has this store")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.nats
async def test_the_command_states_its_bound_and_gives_each_person_a_link():
    async with (
        served("--person", "ada", "--person", "bo") as (out, _),
        httpx2.AsyncClient(trust_env=False) as client,
    ):
        assert re.search(r"Up to [0-9]+ connections at a time", out)
        for name in ("ada", "bo"):
            address, token = re.search(rf"As {name}: (\S+)\?token=(\S+)", out).groups()
            headers = {"authorization": f"Bearer {token}"}
            said = await client.post(
                f"{address}/say", json={"text": f"this is {name}"}, headers=headers
            )
            assert said.status_code == 200
            async with (
                client.stream("GET", f"{address}/events", headers=headers) as response,
                aclosing(frames(response)) as feed,
            ):
                message = (
                    await read_until(
                        feed, lambda f, name=name: (e := event_of(f)) and e.actor == name
                    )
                )[-1]
            assert event_of(message).data["text"] == f"this is {name}"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "laptop.example"])
def test_the_command_refuses_to_let_a_whole_network_in_without_a_token(host):
    command = [*COMMAND, "--host", host, "--no-token"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=40, check=False, env=dict(os.environ)
    )
    assert done.returncode == 2
    assert "--no-token" in done.stderr
