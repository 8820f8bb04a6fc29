"""The real anthropic SDK on loopback: round trips, retries, secrets, and what a reader may do to a
stream.
"""

import asyncio
import subprocess
import sys
from contextlib import aclosing

import pytest

from toolkit.models import (
    Answer,
    BudgetExceeded,
    ClaudeModel,
    Ledger,
    LoopbackServer,
    Request,
    Tape,
    UnknownModel,
    Usage,
    connect_model,
)
from toolkit.models.prices import cost_usd, worst_case
from toolkit.web import serving

TEXT = "The bike is ready at nine, and the helmet with it."
TOOL = {"name": "add", "description": "Add", "input_schema": {"type": "object"}}
ASK = Request(({"role": "user", "content": "Is my bike ready?"},))


def one_of_each(*replies):
    """A policy for retries: it answers each call with the next of `replies`."""
    left = list(replies)
    return lambda request: left.pop(0)


def adder(request):
    last = request.messages[-1]["content"]
    if isinstance(last, list):
        return Answer(f"It is {last[0]['content']}.")
    return Answer("Let me add.", tools=(("add", {"a": 2, "b": 3}),))


async def test_a_tool_goes_round():
    asked = {"role": "user", "content": "2 + 3?"}
    async with connect_model(policy=adder) as model:
        first = await model.reply(Request((asked,), tools=(TOOL,)))
        (call,) = first.tool_calls
        used = [
            {"type": "text", "text": first.text},
            {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments},
        ]
        result = {
            "type": "tool_result",
            "tool_use_id": call.id,
            "content": str(sum(call.arguments.values())),
        }
        turns = (
            asked,
            {"role": "assistant", "content": used},
            {"role": "user", "content": [result]},
        )
        second = await model.reply(Request(turns, tools=(TOOL,)))
    assert first.stopped == "tool_use"
    assert (second.text, second.stopped) == ("It is 5.", "end")


async def test_the_policy_sees_the_request_that_was_sent():
    seen = []
    request = Request(ASK.messages, "Be kind.", (TOOL,), None, 99, {"user_id": "s1"})
    async with connect_model(policy=lambda r: seen.append(r) or Answer("ok")) as model:
        await model.reply(request)
    assert seen == [request]


async def test_each_http_attempt_is_in_the_ledger_retries_included():
    policy = one_of_each(
        Answer(status=529), Answer(status=429), Answer(TEXT, usage=Usage(1000, 100))
    )
    async with connect_model(policy=policy) as model:
        reply = await model.reply(ASK)
    assert reply.ok
    frame = model.ledger.frame()
    assert frame.status.tolist() == [529, 429, 200]
    assert frame.state.tolist() == ["free", "free", "billed"]
    assert frame.source.unique().tolist() == ["simulated"]
    assert model.ledger.cost_usd == pytest.approx(1000 * 0.1e-6 + 100 * 0.5e-6)


async def test_a_status_that_may_not_be_retried_is_tried_once():
    async with connect_model(policy=lambda request: Answer(status=413)) as model:
        reply = await model.reply(ASK)
    assert len(model.ledger.attempts) == 1
    assert reply.why == "HTTP 413 request_too_large: scripted status 413"


async def test_a_stream_is_never_tried_again_once_words_came():
    async with connect_model(policy=lambda request: Answer(TEXT, fault="cut")) as model:
        reply = await model.reply(ASK)
        assert len(model.server.requests) == 1
    (attempt,) = model.ledger.attempts
    assert reply.stopped == "truncated"
    assert attempt.state == "possibly billed"
    assert model.ledger.held_usd == attempt.worst_usd > model.ledger.cost_usd


async def test_a_server_that_is_not_there_is_an_error_that_cost_nothing():
    async with LoopbackServer(adder) as server:
        url = server.url
    async with ClaudeModel(
        "claude-opus-5-5", base_url=url, api_key="loopback", source="simulated", max_retries=0
    ) as model:
        reply = await model.reply(ASK)
    assert reply.stopped == "error"
    assert reply.why.startswith("no answer")
    assert [a.state for a in model.ledger.attempts] == ["free"]


async def test_a_reader_that_leaves_in_mid_stream_leaves_an_attempt_that_is_possibly_billed():
    model = connect_model(policy=lambda request: Answer(TEXT, delay_s=0.01))
    async with model, aclosing(model.stream(ASK)) as stream:
        async for _ in stream:
            break
    assert [a.state for a in model.ledger.attempts] == ["possibly billed"]


async def test_a_cancelled_reply_leaves_an_attempt_that_is_possibly_billed():
    started = asyncio.Event()

    def policy(request):
        started.set()
        return Answer(TEXT, fault="hang")

    async with connect_model(policy=policy) as model:
        task = asyncio.create_task(model.reply(ASK))
        await asyncio.wait_for(started.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [a.state for a in model.ledger.attempts] == ["possibly billed"]


async def test_many_replies_at_once_share_one_server():
    async with connect_model(
        policy=lambda request: Answer(request.messages[0]["content"])
    ) as model:
        asks = [Request(({"role": "user", "content": f"bike {n}"},)) for n in range(20)]
        replies = await asyncio.gather(*(model.reply(ask) for ask in asks))
    assert [reply.text for reply in replies] == [f"bike {n}" for n in range(20)]
    assert len(model.ledger.attempts) == 20


async def test_nothing_of_the_environment_reaches_a_loopback_model(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret-key")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "secret-token")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/secret")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Team: secret-team\nX-Api-Key: secret-header")
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with connect_model() as model:
        reply = await model.reply(ASK)
        (received,) = model.server.requests
    assert reply.ok
    assert "simulated" in reply.text
    assert "secret" not in str(received).lower()
    assert received.headers["authorization"] == "Bearer loopback"


async def test_the_cap_stops_a_call_before_it_is_made():
    async with connect_model("claude-opus-5-5", max_usd=0.03) as model:
        with pytest.raises(BudgetExceeded, match=r"raise the cap or ask for fewer max_tokens"):
            await model.reply(ASK)
        assert model.server.requests == []
        assert (await model.reply(Request(ASK.messages, max_tokens=100))).ok


async def test_an_attempt_that_was_possibly_billed_counts_against_the_cap_at_its_worst():
    request = Request(ASK.messages, max_tokens=100)
    ledger = Ledger(cap_usd=1.5 * cost_usd("claude-opus-5-5", worst_case(request)))
    async with LoopbackServer(lambda request: Answer(fault="hang")) as server:
        model = ClaudeModel(
            "claude-opus-5-5", base_url=server.url, api_key="x", ledger=ledger, timeout_s=0.2
        )
        async with model:
            assert (await model.reply(request)).stopped == "timeout"
            with pytest.raises(BudgetExceeded):
                await model.reply(request)
        assert len(server.requests) == 1


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(UnknownModel, match="claude-opus-5-5, claude-sonnet-5-5, claude-haiku-5-5"):
        connect_model("gpt-9")


def test_live_needs_a_cap_and_a_key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    with pytest.raises(ValueError, match="max_usd"):
        connect_model(live=True)
    with pytest.raises(ValueError, match="policy"):
        connect_model(live=True, max_usd=1, policy=adder)
    with pytest.raises(ValueError, match="cap once"):
        connect_model(live=True, max_usd=1, ledger=Ledger(2))
    assert connect_model(live=True, max_usd=1).source == "live"
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(ValueError, match="ANTHROPIC_API_KEY"):
        connect_model(live=True, max_usd=1)


def test_a_base_url_needs_its_own_key():
    with pytest.raises(ValueError, match="api_key"):
        ClaudeModel("claude-opus-5-5", base_url="https://example.org")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_gateway_on_this_machine_is_live_and_needs_a_cap(host, monkeypatch):
    gateway = f"http://{host}:4000"
    with pytest.raises(ValueError, match="no cap"):
        ClaudeModel("claude-opus-5-5", base_url=gateway, api_key="x")
    assert (
        ClaudeModel("claude-opus-5-5", base_url=gateway, api_key="x", ledger=Ledger(1)).source
        == "live"
    )
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", gateway)
    assert connect_model(live=True, max_usd=1).source == "live"
    with pytest.raises(ValueError, match="no cap"):
        connect_model(live=True)


async def test_a_loopback_server_is_known_by_itself_and_only_as_long_as_it_runs():
    async with LoopbackServer(lambda request: Answer("ok")) as server:
        assert (
            ClaudeModel("claude-opus-5-5", base_url=server.url + "/", api_key="x").source
            == "simulated"
        )
    with pytest.raises(ValueError, match="no cap"):
        ClaudeModel("claude-opus-5-5", base_url=server.url, api_key="x")


async def test_a_tape_of_a_gateway_is_played_back_as_a_tape_and_one_of_a_loopback_stays_simulated(
    tmp_path,
):
    async with LoopbackServer(lambda request: Answer("ok")) as behind:

        async def forward(scope, receive, send):
            await behind(scope, receive, send)

        async with serving(forward) as port:
            url = f"http://127.0.0.1:{port}"  # a gateway on this machine, that is none of our loopback servers
            for name, model in {
                "gateway": ClaudeModel(
                    "claude-haiku-5-5", base_url=url, api_key="x", ledger=Ledger(1)
                ),
                "loopback": ClaudeModel("claude-haiku-5-5", base_url=behind.url, api_key="x"),
            }.items():
                async with model:
                    await Tape(tmp_path / name, model).reply(ASK)
    assert (await Tape(tmp_path / "gateway").reply(ASK)).source == "tape"
    assert (await Tape(tmp_path / "loopback").reply(ASK)).source == "simulated"


SLOW_IMPORT = """
import asyncio, importlib.abc, sys, time

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "anthropic":
            time.sleep(10)
        return None

sys.meta_path.insert(0, Slow())
from toolkit.evals import Judge, Rubric
from toolkit.models import Answer, connect_model
from toolkit.traces import Step, Trace

async def main():
    good = {"whole": {"critique": "ok", "verdict": "pass"}}
    async with connect_model(policy=lambda request: Answer(data=good)) as model:
        judge = Judge(Rubric("r", "Is it good?"), model, timeout_s=9)
        return await judge.score(Trace("t", (Step("1", "message", "assistant", "Hello."),)))

verdict = asyncio.run(main())
print(verdict.verdict, verdict.why_unscored)
"""


def test_the_first_calls_timeout_does_not_pay_for_importing_the_sdk():
    child = subprocess.run(
        [sys.executable, "-c", SLOW_IMPORT], capture_output=True, text=True, timeout=120, check=True
    )
    assert child.stdout.strip() == "pass"


@pytest.mark.parametrize("there", [{}, {"base_url": "https://example.org", "api_key": "x"}])
def test_a_live_model_without_a_cap_is_refused_with_the_mend(there):
    with pytest.raises(ValueError, match=r"no cap: pass ledger=Ledger\(cap_usd=1.0\)"):
        ClaudeModel("claude-haiku-5-5", **there)


async def test_a_model_that_the_environment_sends_to_this_machine_is_not_called_live(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    async with LoopbackServer(lambda request: Answer("ok")) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://example.org")
        late = connect_model(live=True, max_usd=1)
        assert late.source == "live"
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        async with connect_model(live=True, max_usd=1) as model:
            assert model.source == "simulated"
            assert (await model.reply(ASK)).source == "simulated"
        assert model.ledger.attempts[0].source == "simulated"
        assert len(server.requests) == 1


def test_the_door_imports_nothing_heavy():
    code = (
        "import sys, toolkit.models\n"
        "print([m for m in 'anthropic openai httpx2 uvicorn starlette pandas jsonschema'.split() if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert out.stdout.strip() == "[]"


async def test_a_schema_that_cannot_be_applied_is_a_non_result():
    for schema in (
        {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/x"}}},
        {"pattern": "("},
        {},
    ):
        request = Request(ASK.messages, schema=schema)
        async with connect_model(policy=lambda request: Answer(data={"a": "b"})) as model:
            reply = await model.reply(request)
        assert (reply.stopped, reply.parsed) == ("error", None), schema


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": NaN}', '{"a": 1} and more', "null", '"a"'])
async def test_hostile_text_instead_of_data_is_a_non_result(text):
    async with connect_model(policy=lambda request: Answer(text)) as model:
        reply = await model.reply(Request(ASK.messages, schema={"type": "object"}))
    assert (reply.stopped, reply.parsed, reply.text) == ("error", None, text)
