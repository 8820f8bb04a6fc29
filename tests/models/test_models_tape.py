"""A tape plays back what it knows, and asks only for the rest."""

import asyncio
import threading
from contextlib import aclosing

import pytest

from toolkit.models import Answer, ClaudeModel, LoopbackServer, Request, ScriptedModel, Tape
from toolkit.records import RecordError

ASK = Request(({"role": "user", "content": "Hello"},), metadata={"user_id": "s1"})


def echo(request):
    return Answer(f"You said {request.messages[-1]['content']}", tools=())


class CountedPolicy:
    def __init__(self, answer=None):
        self.calls, self.answer = 0, answer

    def __call__(self, request):
        self.calls += 1
        return self.answer or echo(request)


async def test_the_same_request_is_asked_once_even_by_a_new_process(tmp_path):
    policy = CountedPolicy()
    tape = Tape(tmp_path / "tape.jsonl", ScriptedModel(policy))
    first = await tape.reply(ASK)
    again = await tape.reply(ASK)
    reopened = Tape(tmp_path / "tape.jsonl", ScriptedModel(policy))
    third = await reopened.reply(ASK)
    assert policy.calls == 1
    assert first == again == third
    assert (tape.hits, tape.misses, reopened.hits, reopened.misses) == (1, 1, 1, 0)
    assert first.source == "simulated"


@pytest.mark.parametrize(
    "other",
    [
        Request(({"role": "user", "content": "Hello!"},)),
        Request(ASK.messages, system="Be kind"),
        Request(ASK.messages, max_tokens=7),
        Request(ASK.messages, tools=({"name": "find", "input_schema": {}},)),
        Request(ASK.messages, schema={"type": "object"}),
        Request(ASK.messages, metadata={"user_id": "another"}),
    ],
)
async def test_a_changed_request_is_asked_anew(tmp_path, other):
    policy = CountedPolicy(Answer("{}"))
    tape = Tape(tmp_path / "tape.jsonl", ScriptedModel(policy))
    await tape.reply(ASK)
    await tape.reply(other)
    assert policy.calls == 2


async def test_another_model_is_asked_anew(tmp_path):
    policy = CountedPolicy()
    await Tape(tmp_path / "tape.jsonl", ScriptedModel(policy)).reply(ASK)
    await Tape(tmp_path / "tape.jsonl", ScriptedModel(policy, "claude-opus-5-5")).reply(ASK)
    assert policy.calls == 2


async def test_a_non_result_is_not_kept(tmp_path):
    policy = CountedPolicy(Answer("Hello there", fault="close"))
    tape = Tape(tmp_path / "tape.jsonl", ScriptedModel(policy))
    await tape.reply(ASK)
    assert (await tape.reply(ASK)).stopped == "truncated"
    assert policy.calls == 2


async def test_a_live_reply_is_played_back_as_tape_and_the_file_holds_no_key(tmp_path):
    path = tmp_path / "tape.jsonl"
    async with (
        LoopbackServer(echo) as server,
        ClaudeModel(
            "claude-haiku-5-5", base_url=server.url, api_key="secret-key", source="live"
        ) as model,
    ):
        tape = Tape(path, model)
        first = await tape.reply(ASK)
        played = await tape.reply(ASK)
        other = await tape.reply(Request(ASK.messages, metadata={"user_id": "another"}))
        assert len(server.requests) == 1
        assert other == played
    assert (first.source, played.source) == ("live", "tape")
    assert played.text == first.text
    assert "secret" not in path.read_text()


async def test_words_come_before_the_reply_from_a_tape_too(tmp_path):
    tape = Tape(tmp_path / "tape.jsonl", ScriptedModel(echo))
    for _ in range(2):
        *words, reply = [piece async for piece in tape.stream(ASK)]
        assert "".join(words) == reply.text == "You said Hello"


async def test_a_tape_that_cannot_be_read_says_where(tmp_path):
    path = tmp_path / "tape.jsonl"
    path.write_text('{"key": 1}\n')
    with pytest.raises(RecordError, match=r"tape\.jsonl:1"):
        Tape(path, ScriptedModel(echo))


async def test_a_reader_that_leaves_a_tape_leaves_the_model_behind_it_too(tmp_path):
    model = ScriptedModel(echo)
    async with aclosing(Tape(tmp_path / "tape.jsonl", model).stream(ASK)) as stream:
        await anext(stream)
    assert [attempt.state for attempt in model.ledger.attempts] == ["possibly billed"]


async def test_of_equal_requests_at_once_one_is_asked(tmp_path):
    policy = CountedPolicy()
    tape = Tape(tmp_path / "tape.jsonl", ScriptedModel(policy))
    replies = await asyncio.gather(*(tape.reply(ASK) for _ in range(5)))
    assert (policy.calls, tape.misses, tape.hits, tape.known) == (1, 1, 4, 1)
    assert replies == [replies[0]] * 5


async def test_of_equal_requests_at_once_another_is_asked_where_the_first_is_given_up(tmp_path):
    policy = CountedPolicy()
    tape = Tape(tmp_path / "tape.jsonl", ScriptedModel(policy))
    async with aclosing(tape.stream(ASK)) as stream:
        await anext(stream)
        waiting = asyncio.create_task(tape.reply(ASK))
        await asyncio.sleep(0)
    assert (await asyncio.wait_for(waiting, 10)).ok
    assert policy.calls == 2


async def test_the_event_loop_is_not_held_up_by_the_disk(tmp_path, monkeypatch):
    threads = []
    monkeypatch.setattr("os.fsync", lambda number: threads.append(threading.current_thread()))
    await Tape(tmp_path / "tape.jsonl", ScriptedModel(echo)).reply(ASK)
    assert threads
    assert threading.main_thread() not in threads


def test_a_strict_tape_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no tape at .*nope\.jsonl"):
        Tape(tmp_path / "nope.jsonl")


async def test_a_reply_that_cannot_be_recorded_is_reported_and_not_lost(tmp_path, caplog):
    model = ScriptedModel(lambda request: Answer("Yes, it is."))
    tape = Tape(tmp_path / "folder/tape.jsonl", model)
    (tmp_path / "folder").write_text("a file where a folder is wanted")
    request = Request(({"role": "user", "content": "Is my bike ready?"},))
    assert (await tape.reply(request)).text == "Yes, it is."
    assert "a reply could not be recorded" in caplog.text
    assert tape.known == 0


async def test_a_tape_that_another_program_saved_is_played_back(tmp_path):
    path = tmp_path / "tape.jsonl"
    request = Request(({"role": "user", "content": "Is my bike ready?"},))
    await Tape(path, ScriptedModel(lambda _: Answer("Yes."))).reply(request)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b""))
    assert (await Tape(path).reply(request)).text == "Yes."


async def test_a_torn_last_line_of_a_tape_costs_no_other_reply(tmp_path):
    path = tmp_path / "tape.jsonl"
    first, second = (Request(({"role": "user", "content": f"Question {n}"},)) for n in range(2))
    recorder = Tape(path, ScriptedModel(lambda _: Answer("Yes.")))
    await recorder.reply(first)
    await recorder.reply(second)
    path.write_bytes(path.read_bytes()[:-30])
    again = Tape(path, ScriptedModel(lambda _: Answer("Yes.")))
    await again.reply(first)
    await again.reply(second)
    assert (again.hits, again.misses) == (1, 1)
    assert Tape(path).known == 2
