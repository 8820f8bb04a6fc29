"""One contract, three models: a script in process, and the two real SDKs on loopback, answer alike."""

from contextlib import aclosing
from dataclasses import replace

import pytest

from toolkit.models import (
    Answer,
    ChatModel,
    ClaudeModel,
    LoopbackServer,
    Reply,
    Request,
    ScriptedModel,
    Usage,
)
from toolkit.models.prices import cost_usd

NAME = "claude-haiku-5-5"
TEXT = "The bike is ready at nine, and the helmet with it."
SCHEMA = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["pass", "fail"]},
        "points": {"type": "integer", "minimum": 0},
    },
    "required": ["verdict", "points"],
}
TOOL = {"name": "find", "description": "Find a booking", "input_schema": {"type": "object"}}


def say(text="Is my bike ready?", **kwargs):
    return Request(({"role": "user", "content": text},), **kwargs)


def broken(request):
    raise KeyError("booking")


def answers(answer):
    return lambda request: answer


CASES = {
    "text": (Answer(TEXT), say()),
    "nothing": (Answer(""), say()),
    "unicode": (
        Answer("Grüße, 自転車 🚲\n\n  fin\u2028 "),
        say("¿Está lista?", system="Sé amable"),
    ),
    "usage": (Answer(TEXT, usage=Usage(1234, 56)), say()),
    "tools": (
        Answer("Let me look.", tools=(("find", {"id": "B1", "n": None}), ("find", {}))),
        say(tools=(TOOL,)),
    ),
    "tools only": (Answer(tools=(("find", {"id": "B1" * 40}),)), say(tools=(TOOL,))),
    "data": (Answer(data={"verdict": "pass", "points": 3}), say(schema=SCHEMA)),
    "data that breaks a bound": (
        Answer(data={"verdict": "pass", "points": -1}),
        say(schema=SCHEMA),
    ),
    "data of another shape": (Answer(data={"verdict": "perhaps", "points": 1}), say(schema=SCHEMA)),
    "words for data": (Answer("It passes."), say(schema=SCHEMA)),
    "a list for data": (Answer("[1]"), say(schema=SCHEMA)),
    "max_tokens": (Answer(TEXT, stopped="max_tokens"), say()),
    "max_tokens in a tool": (
        Answer(TEXT, tools=(("find", {}),), stopped="max_tokens"),
        say(tools=(TOOL,)),
    ),
    "max_tokens in data": (Answer('{"verdict": "pa', stopped="max_tokens"), say(schema=SCHEMA)),
    "refusal": (Answer("I cannot help.", stopped="refusal"), say()),
    "metadata": (Answer(TEXT), say(metadata={"user_id": "s1"})),
    "no messages": (Answer(TEXT), Request(())),
    "an unanswered tool": (
        Answer(TEXT),
        Request(
            (
                {"role": "user", "content": "Find it"},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t1", "name": "find", "input": {}}],
                },
                {"role": "user", "content": "Well?"},
            )
        ),
    ),
} | {
    f"status {status}": (Answer(status=status), say())
    for status in (400, 401, 408, 409, 413, 429, 500, 529)
}
for fault in ("close", "cut", "error", "hang"):
    CASES[f"{fault} in text"] = (Answer(TEXT, fault=fault), say())
    CASES[f"{fault} before a tool"] = (
        Answer(TEXT, tools=(("find", {}),), fault=fault),
        say(tools=(TOOL,)),
    )
    CASES[f"{fault} in a tool"] = (
        Answer(tools=(("find", {"id": "B1" * 40}),), fault=fault),
        say(tools=(TOOL,)),
    )

RESULTS = {"text", "nothing", "unicode", "usage", "tools", "tools only", "data", "metadata"}


def patience_s(answer):
    """Short only where the answer hangs: a busy machine may be slow."""
    return 0.3 if isinstance(answer, Answer) and answer.fault == "hang" else 30


async def all_three(policy, request, timeout_s=30):
    """The (pieces, reply, ledger) of a script in process, and of the two real SDKs on loopback."""
    async with LoopbackServer(policy) as server:
        results = []
        for model in (
            ScriptedModel(policy, NAME, timeout_s=timeout_s),
            ClaudeModel(NAME, base_url=server.url, api_key="loopback", timeout_s=timeout_s),
            ChatModel(f"{server.url}/v1", NAME, timeout_s=timeout_s),
        ):
            results.append((*await pieces(model, request), model.ledger))
            if not isinstance(model, ScriptedModel):
                await model.close()
    return results


async def pieces(model, request):
    async with aclosing(model.stream(request)) as stream:
        *words, reply = [piece async for piece in stream]
    assert isinstance(reply, Reply)
    assert all(isinstance(word, str) for word in words)
    return words, reply


@pytest.mark.parametrize("case", CASES)
async def test_all_models_give_the_same_reply_and_the_same_words(case):
    answer, request = CASES[case]
    scripted, claude, chat = await all_three(answers(answer), request, patience_s(answer))
    words, reply, ledger = scripted
    assert "".join(words) == reply.text
    assert reply.source == "simulated"
    last = ledger.attempts[-1]
    for sdk_words, sdk_reply, sdk_ledger in (claude, chat):
        expected = reply
        used = last.usage
        if answer.fault and sdk_reply is chat[1]:  # in this form what was used comes at the end
            expected = replace(reply, usage=Usage())
            used = Usage()
        assert sdk_reply == expected
        assert sdk_words == words
        sdk_last = sdk_ledger.attempts[-1]
        assert (sdk_last.state, sdk_last.status) == (last.state, last.status)
        assert (sdk_last.usage, sdk_last.cost_usd) == (used, cost_usd(NAME, used))


@pytest.mark.parametrize("case", CASES)
async def test_in_a_batch_a_result_is_that_of_a_stream_and_all_else_is_no_result_and_free(case):
    answer, request = CASES[case]
    async with (
        LoopbackServer(answers(answer)) as server,
        ClaudeModel(NAME, base_url=server.url, api_key="x") as claude,
    ):
        (reply,) = await claude.batch([request])
    assert reply.ok == (case in RESULTS)
    (attempt,) = claude.ledger.attempts
    assert attempt.batch
    if not answer.fault and answer.status == 200 and not case.startswith(("no ", "an unanswered")):
        assert reply == await ScriptedModel(answers(answer), NAME).reply(request)
        assert (attempt.state, attempt.usage) == ("billed", reply.usage)
    else:
        assert (bool(reply.why), reply.usage, claude.ledger.held_usd) == (True, Usage(), 0)
        assert attempt.state == "free"


@pytest.mark.parametrize("case", CASES)
async def test_a_non_result_has_a_reason_and_nothing_to_act_on(case):
    answer, request = CASES[case]
    reply = await ScriptedModel(answers(answer), NAME, timeout_s=0.01).reply(request)
    assert reply.ok == (case in RESULTS)
    if not reply.ok:
        assert reply.why
        assert reply.tool_calls == ()
        assert reply.parsed is None


@pytest.mark.parametrize(
    ("policy", "raised"), [(broken, "KeyError"), (lambda request: "hello", "TypeError")]
)
async def test_a_policy_that_raises_or_returns_something_else_is_a_500_that_says_what_it_raised(
    policy, raised
):
    for _, reply, _ in await all_three(policy, say()):
        assert (reply.stopped, reply.why) == (
            "error",
            f"HTTP 500 api_error: the policy raised {raised}",
        )


@pytest.mark.parametrize("fault", ["close", "cut", "error", "hang"])
async def test_a_stream_that_breaks_keeps_half_of_the_text(fault):
    answer = Answer(TEXT, fault=fault)
    for words, reply, _ in await all_three(answers(answer), say(), patience_s(answer)):
        assert reply.text == TEXT[: len(TEXT) // 2]
        assert len(words) > 1
        assert (
            reply.stopped
            == {"close": "truncated", "cut": "truncated", "error": "error", "hang": "timeout"}[
                fault
            ]
        )


async def test_tool_call_ids_depend_on_the_request_and_the_position_alone():
    policy = answers(Answer(tools=(("find", {"id": 1}), ("find", {"id": 2}))))
    first = await ScriptedModel(policy).reply(say(tools=(TOOL,)))
    again = await ScriptedModel(policy).reply(say(tools=(TOOL,)))
    other = await ScriptedModel(policy).reply(say("Another", tools=(TOOL,)))
    ids = [call.id for call in first.tool_calls]
    assert ids == [call.id for call in again.tool_calls]
    assert len(set(ids) | {call.id for call in other.tool_calls}) == 4
