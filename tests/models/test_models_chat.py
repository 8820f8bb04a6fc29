"""ChatModel: the real openai SDK on loopback, what it may cost, and what a stranger's server may send."""

import ast
import asyncio
import json
import re
import sys
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import openai
import pytest

from toolkit.evals import Criterion, Judge, Rubric
from toolkit.models import (
    Answer,
    BudgetExceeded,
    ChatModel,
    Ledger,
    LoopbackServer,
    Request,
    Tape,
    UnknownModel,
    Usage,
)
from toolkit.models.prices import worst_case
from toolkit.traces import Step, Trace
from toolkit.web import serving

NAME = "qwen3:8b"  # in no table of prices
TEXT = "The bike is ready at nine, and the helmet with it."
TOOL = {"name": "add", "description": "Add", "input_schema": {"type": "object"}}
ASK = Request(({"role": "user", "content": "Is my bike ready?"},))
LOCAL = "http://localhost:11434/v1"


@asynccontextmanager
async def chatting(policy, price=0, **settings):
    """A server that answers by `policy`, and a model that asks it."""
    async with (
        LoopbackServer(policy) as server,
        ChatModel(f"{server.url}/v1", NAME, price=price, **settings) as model,
    ):
        yield server, model


def one_of_each(*answers):
    left = list(answers)
    return lambda request: left.pop(0)


def adder(request):
    last = request.messages[-1]["content"]
    if isinstance(last, list):
        return Answer(f"It is {last[0]['content']}.")
    return Answer("Let me add.", tools=(("add", {"a": 2, "b": 3}),))


# what it costs


def test_a_local_model_is_four_words_and_its_price_of_nothing_needs_no_cap(monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "sk-of-the-environment")
    model = ChatModel(LOCAL, NAME, None, 0)
    assert (model.name, model.source, model.api_key) == (NAME, "live", None)
    assert model.ledger.cap_usd is None


@pytest.mark.parametrize("price", [0.1, (0, 0.1), None])
def test_a_model_that_costs_money_is_asked_live_under_a_cap_alone(price, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    name = "claude-haiku-5-5" if price is None else NAME
    for url in (LOCAL, "https://api.openai.com/v1"):
        with pytest.raises(ValueError, match=r"no cap: pass ledger=Ledger\(cap_usd=1.0\)"):
            ChatModel(url, name, "sk-1", price)
        model = ChatModel(url, name, "sk-1", price, ledger=Ledger(1))
        assert model.source == "live"


def test_a_price_that_nobody_knows_is_refused_with_or_without_a_cap():
    for ledger in (Ledger(), Ledger(cap_usd=1)):
        with pytest.raises(UnknownModel, match=r"'qwen3:8b'.* price=0 for nothing"):
            ChatModel(LOCAL, NAME, ledger=ledger)


@pytest.mark.parametrize("price", [-1, (1, -1), float("nan"), (0, float("inf"))])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(ValueError, match="dollars per million tokens"):
        ChatModel(LOCAL, NAME, price=price, ledger=Ledger(1))


@pytest.mark.parametrize(
    ("price", "usd"), [(0, 0.0), (2, 0.0022), ((1, 3), 0.0013), ((0.0, 3.0), 0.0003)]
)
async def test_each_attempt_is_in_the_ledger_at_the_models_own_price(price, usd):
    answers = Answer(status=500), Answer(status=429), Answer(TEXT, usage=Usage(1000, 100))
    async with chatting(one_of_each(*answers), price) as (server, model):
        reply = await model.reply(ASK)
    assert reply.ok
    frame = model.ledger.frame()
    assert frame.status.tolist() == [500, 429, 200]
    assert frame.state.tolist() == ["free", "free", "billed"]
    assert frame.source.unique().tolist() == ["simulated"]
    assert model.ledger.cost_usd == pytest.approx(usd)
    assert len(server.requests) == 3


async def test_the_cap_stops_a_call_before_it_is_made():
    ledger = Ledger(cap_usd=0.01)
    async with chatting(lambda request: Answer(TEXT), (0, 10), ledger=ledger) as (server, model):
        with pytest.raises(BudgetExceeded, match=r"qwen3:8b.* fewer max_tokens"):
            await model.reply(ASK)
        assert server.requests == []
        assert (await model.reply(Request(ASK.messages, max_tokens=100))).ok


async def test_what_was_possibly_billed_counts_against_the_cap_at_its_worst():
    request = Request(ASK.messages, max_tokens=100)
    worst_usd = worst_case(request).output_tokens * 10 / 1e6
    policy = one_of_each(Answer(TEXT, fault="cut"), Answer(TEXT))
    ledger = Ledger(cap_usd=1.5 * worst_usd)
    async with chatting(policy, (0, 10), ledger=ledger) as (server, model):
        assert (await model.reply(request)).stopped == "truncated"
        with pytest.raises(BudgetExceeded):
            await model.reply(request)
    assert [attempt.state for attempt in ledger.attempts] == ["possibly billed"]
    assert ledger.held_usd == pytest.approx(worst_usd)
    assert len(server.requests) == 1


# who answers


async def test_a_loopback_server_is_known_by_itself_and_a_gateway_on_this_machine_is_live():
    async with LoopbackServer(lambda request: Answer(TEXT)) as behind:

        async def forward(scope, receive, send):
            await behind(scope, receive, send)

        async with serving(forward) as port:
            for url, source in {
                f"{behind.url}/v1/": "simulated",
                behind.url.replace("127.0.0.1", "localhost") + "/v1": "live",
                f"http://127.0.0.1:{port}/v1": "live",
            }.items():
                async with ChatModel(url, NAME, price=0) as model:
                    assert (model.source, (await model.reply(ASK)).source) == (source, source)
    assert ChatModel(f"{behind.url}/v1", NAME, price=0).source == "live"


async def test_a_server_that_is_not_there_is_an_error_that_cost_nothing():
    async with LoopbackServer(adder) as server:
        url = f"{server.url}/v1"
    async with ChatModel(url, NAME, price=1, ledger=Ledger(1), max_retries=0) as model:
        reply = await model.reply(ASK)
    assert reply.stopped == "error"
    assert reply.why.startswith("no answer")
    assert [attempt.state for attempt in model.ledger.attempts] == ["free"]


@pytest.mark.parametrize("api_key", [None, "the-gateways-own"])
async def test_of_the_environment_nothing_is_sent_and_of_keys_its_own_alone(api_key, monkeypatch):
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID", "CUSTOM_HEADERS"):
        monkeypatch.setenv(f"OPENAI_{name}", "X-Secret: secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/secret")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with chatting(lambda request: Answer(TEXT), api_key=api_key) as (server, model):
        assert (await model.reply(ASK)).ok
        (received,) = server.requests
    assert "secret" not in str(received).lower()
    assert received.headers.get("authorization") == (f"Bearer {api_key}" if api_key else None)
    assert "the-gateways-own" not in repr(model)


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ValueError, match=r'^ChatModel .*: pip install "fieldbook\[openai\]"$'):
        ChatModel(LOCAL, NAME, price=0)


# what is asked and answered


async def test_a_tool_goes_round():
    asked = {"role": "user", "content": "2 + 3?"}
    async with chatting(adder) as (_, model):
        first = await model.reply(Request((asked,), tools=(TOOL,)))
        (call,) = first.tool_calls
        result = {
            "type": "tool_result",
            "tool_use_id": call.id,
            "content": str(sum(call.arguments.values())),
        }
        turns = (
            asked,
            {"role": "assistant", "content": list(first.blocks)},
            {"role": "user", "content": [result]},
        )
        second = await model.reply(Request(turns, tools=(TOOL,)))
    assert (first.stopped, first.text) == ("tool_use", "Let me add.")
    assert (second.text, second.stopped) == ("It is 5.", "end")


async def test_the_policy_sees_the_request_that_was_sent():
    seen = []
    used = {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": [1, "ü"]}}
    turns = (
        *ASK.messages,
        {"role": "assistant", "content": [{"type": "text", "text": "Hm."}, used]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "5"},
                {"type": "text", "text": "Well?"},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "It is 5."}]},
        {
            "role": "user",
            "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}],
        },
    )
    request = Request(turns, "Be kind.", (TOOL,), {"type": "object"}, 99, {"user_id": "s1"})
    policy = lambda request: seen.append(request) or Answer(data={})  # noqa: E731
    for limit_field in ("max_tokens", "max_completion_tokens"):
        async with chatting(policy, limit_field=limit_field) as (server, model):
            await model.reply(request)
        assert server.requests[0].body[limit_field] == 99
    assert seen == [request, request]


async def test_what_the_form_has_no_word_for_is_not_sent_and_thoughts_are_left_out():
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    async with chatting(lambda request: Answer(TEXT)) as (server, model):
        refused = await model.reply(Request(({"role": "user", "content": [picture]},)))
        assert (refused.stopped, server.requests) == ("error", [])
        assert "no block of the type 'image'" in refused.why
        said = {"role": "assistant", "content": [thought, {"type": "text", "text": "At nine."}]}
        assert (await model.reply(Request((*ASK.messages, said, *ASK.messages)))).ok
    (_, sent, _) = server.requests[0].body["messages"]
    assert sent["content"] == [{"type": "text", "text": "At nine."}]


PLAIN = {
    "text": Answer(TEXT, usage=Usage(1234, 56, cache_read_tokens=1000)),
    "tools": Answer("Let me.", tools=(("add", {"a": 2}), ("add", {"b": [None, "ü"]}))),
    "length": Answer(TEXT, stopped="max_tokens"),
    "refusal": Answer("I cannot help.", stopped="refusal"),
}


@pytest.mark.parametrize("name", PLAIN)
async def test_what_is_streamed_is_what_the_bare_sdk_reads_in_one_piece(name):
    async with chatting(lambda request: PLAIN[name]) as (server, model):
        streamed = await model.reply(Request(ASK.messages, tools=(TOOL,)))
        body = server.requests[0].body | {"stream": False}
        del body["stream_options"]
        async with openai.AsyncOpenAI(api_key="x", base_url=f"{server.url}/v1") as bare:
            plain = await bare.chat.completions.create(**body)
    (choice,) = plain.choices
    assert (choice.message.content or choice.message.refusal) == streamed.text
    calls = [
        (call.id, call.function.name, json.loads(call.function.arguments))
        for call in choice.message.tool_calls or ()
    ]
    assert calls == [(call.id, call.name, call.arguments) for call in streamed.tool_calls]
    assert plain.usage.prompt_tokens == streamed.usage.input_tokens
    assert plain.usage.completion_tokens == streamed.usage.output_tokens
    assert plain.usage.prompt_tokens_details.cached_tokens == streamed.usage.cache_read_tokens
    finish = {"end": "stop", "tool_use": "tool_calls", "max_tokens": "length", "refusal": "stop"}
    assert choice.finish_reason == finish[streamed.stopped]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({"model": NAME}, "messages"),
        ({"model": NAME, "messages": []}, "messages"),
        ({"model": NAME, "messages": [{"role": "robot", "content": ""}]}, "messages.0.role"),
        ({"model": NAME, "messages": [{"role": "user", "content": ""}]}, "messages.0.content"),
        (
            {
                "model": NAME,
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {
                                "id": "1",
                                "type": "function",
                                "function": {"name": "add", "arguments": "{"},
                            }
                        ],
                    }
                ],
            },
            "messages.0.tool_calls.0.function.arguments",
        ),
        (
            {"model": NAME, "messages": [*ASK.messages], "stream_options": [1]},
            "stream_options",
        ),
    ],
)
async def test_a_body_that_no_server_would_take_is_a_400_that_names_the_place(body, field):
    import httpx

    async with LoopbackServer(adder) as server, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{server.url}/v1/chat/completions", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith(f"{field}")
    assert server.errors == []


async def test_a_reader_that_leaves_in_mid_stream_leaves_an_attempt_that_is_possibly_billed():
    async with (
        chatting(lambda request: Answer(TEXT, delay_s=0.01)) as (_, model),
        aclosing(model.stream(ASK)) as stream,
    ):
        assert await anext(stream)
    assert [attempt.state for attempt in model.ledger.attempts] == ["possibly billed"]


async def test_a_cancelled_reply_leaves_an_attempt_that_is_possibly_billed():
    started = asyncio.Event()

    def policy(request):
        started.set()
        return Answer(TEXT, fault="hang")

    async with chatting(policy) as (_, model):
        task = asyncio.create_task(model.reply(ASK))
        await asyncio.wait_for(started.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [attempt.state for attempt in model.ledger.attempts] == ["possibly billed"]


async def test_many_replies_at_once_are_counted_each_as_its_own():
    async with chatting(lambda request: Answer(request.messages[0]["content"]), 1) as (_, model):
        asks = [Request(({"role": "user", "content": f"bike {n}"},)) for n in range(20)]
        replies = await asyncio.gather(*(model.reply(ask) for ask in asks))
    assert [reply.text for reply in replies] == [f"bike {n}" for n in range(20)]
    assert [attempt.state for attempt in model.ledger.attempts] == ["billed"] * 20
    by_worst = sorted(attempt.worst_usd for attempt in model.ledger.attempts)
    assert by_worst == sorted(worst_case(ask).input_tokens / 1e6 + 0.002048 for ask in asks)


# on tape


async def test_a_tape_records_and_plays_back_at_the_same_price(tmp_path):
    async with chatting(lambda request: Answer(TEXT, usage=Usage(1000, 100)), (1, 3)) as (
        server,
        model,
    ):
        recording = Tape(tmp_path / "tape.jsonl", model)
        recorded = await recording.reply(ASK)
        assert await recording.reply(ASK) == recorded
        assert len(server.requests) == 1
    strict = Tape(tmp_path / "tape.jsonl")
    assert await strict.reply(ASK) == recorded
    assert (strict.name, strict.price, strict.source) == (NAME, (1, 3), "simulated")


@pytest.mark.parametrize("key", ["sk-proj-" + "A1b2C3d4" * 3, "a-key-of-another-make"])
async def test_a_key_of_this_make_is_on_no_tape_either(key, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-another-make")
    async with chatting(lambda request: Answer(f"Use {key}")) as (_, model):
        tape = Tape(tmp_path / "tape.jsonl", model)
        assert (await tape.reply(ASK)).ok
        with pytest.raises(ValueError, match="holds an API key"):
            await tape.reply(Request(ASK.messages, system=key))
    assert not (tmp_path / "tape.jsonl").exists()


# a judge


async def test_a_local_model_judges_from_end_to_end(tmp_path):
    rubric = Rubric("kept", "Did it keep its word?", (Criterion("paid", "The refund was paid."),))

    def policy(request):
        promise = "paid" if "we paid" in str(request.messages) else "no"
        verdict = "pass" if promise == "paid" else "fail"
        return Answer(
            data={"paid": {"critique": f"It says {promise}.", "verdict": verdict}},
            usage=Usage(1000, 100),
        )

    traces = [
        Trace("t1", [Step("1", "message", "assistant", "Yes, we paid it.")]),
        Trace("t2", [Step("1", "message", "assistant", "We shall see.")]),
    ]
    async with chatting(policy, (1, 3)) as (server, model):
        judge = Judge(rubric, Tape(tmp_path / "tape.jsonl", model))
        most_usd = judge.worst_case_usd(traces)
        verdicts = await judge.score_all(traces)
        assert len(server.requests) == 2
        with pytest.raises(NotImplementedError, match="ChatModel has no batch"):
            await Judge(rubric, model).score_all(traces, batch=True)
    assert [one.verdict for one in verdicts] == ["pass", "fail"]
    assert [one.source for one in verdicts] == ["simulated"] * 2
    assert [one.cost_usd for one in verdicts] == pytest.approx([0.0013] * 2)
    assert model.ledger.cost_usd == pytest.approx(0.0026)
    assert most_usd > 0.0026
    replayed = await Judge(rubric, Tape(tmp_path / "tape.jsonl")).score_all(traces)
    assert replayed == verdicts


async def test_the_block_that_shows_a_local_judge_runs_as_it_stands_but_for_the_address(capsys):
    page = Path(__file__).parents[2] / "notebooks" / "pages" / "install.md"
    (code,) = re.findall(r"```python\n(.+?)```", page.read_text(), re.DOTALL)
    assert code.count("http://localhost:11434/v1") == 1
    finding = {"critique": "It does.", "verdict": "pass"}
    async with LoopbackServer(lambda request: Answer(data={"whole": finding})) as server:
        code = code.replace("http://localhost:11434", server.url)
        block = compile(code, page.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await eval(block, {})
        assert {received.body["model"] for received in server.requests} == {NAME}
    assert capsys.readouterr().out == "20 passed, 0 unscored, of 20\n"


# a stranger's server


GOOD = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
CALL = {
    "index": 0,
    "id": "c1",
    "type": "function",
    "function": {"name": "add", "arguments": '{"a": 2}'},
}


def said(*deltas, finish="stop", usage=GOOD):
    """The chunks of a stream that brings `deltas`; no chunk of usage where it is None."""
    for delta in deltas:
        yield {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    if usage is not None:
        yield {"choices": [], "usage": usage}


async def reply_to(chunks, **request):
    """The reply that a server makes which sends `chunks`, whatever it is asked."""
    from starlette.responses import Response

    frames = [
        f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n" for chunk in chunks
    ]
    stream = Response("".join(frames), media_type="text/event-stream")
    async with (
        serving(stream) as port,
        ChatModel(
            f"http://127.0.0.1:{port}/v1", NAME, price=1, source="simulated", max_retries=0
        ) as model,
    ):
        return await model.reply(Request(ASK.messages, **request)), model.ledger.attempts[-1]


@pytest.mark.parametrize(
    ("deltas", "finish", "calls"),
    [
        (({"content": "At "}, {"content": "nine."}), "stop", []),
        (({"content": "At nine.", "reasoning": "Look at the booking."},), "stop", []),
        (({"content": "At nine.", "tool_calls": None, "refusal": None},), "stop", []),
        (({"content": "At nine."}, {"tool_calls": [CALL]}), "tool_calls", [{"a": 2}]),
        (({"content": "At nine."}, {"tool_calls": [CALL]}), "stop", [{"a": 2}]),
        (
            (
                {"content": "At nine.", "tool_calls": [{**CALL, "function": {"name": "add"}}]},
                {"tool_calls": [{"index": 1, "id": "c2", "function": {"name": "add"}}]},
            ),
            "tool_calls",
            [{}, {}],
        ),
    ],
)
async def test_the_dialects_of_servers_are_read(deltas, finish, calls):
    reply, attempt = await reply_to(said(*deltas, finish=finish))
    assert reply.ok, reply.why
    assert (reply.text, [call.arguments for call in reply.tool_calls]) == ("At nine.", calls)
    assert (reply.usage, attempt.state) == (Usage(7, 3), "billed")


@pytest.mark.parametrize(
    ("chunks", "stopped", "why"),
    [
        (said({"content": "x"}, finish="content_filter"), "refusal", "refused"),
        (said({"refusal": "No."}), "refusal", "refused"),
        (said({"content": "x"}, finish="length"), "max_tokens", "max_tokens"),
        (said({"content": "x"}, finish="eos"), "error", "'eos'"),
        (said({"content": "x"}, finish=["stop"]), "error", "TypeError"),
        (said({"content": "x"}, finish=None), "truncated", "closed before its end"),
        ((), "truncated", "closed before its end"),
        (said({"content": "x"}, usage=None), "error", "no usage"),
        (said({"content": "x"}, usage={**GOOD, "prompt_tokens": -1}), "error", "input_tokens"),
        (said({"content": "x"}, usage={**GOOD, "completion_tokens": "3?"}), "error", "output"),
        (said({"content": "x"}, usage={"total_tokens": 10}), "error", "prompt_tokens"),
        (said({"content": 7}), "error", "TypeError"),
        (said("x"), "error", "AttributeError"),
        (["{"], "error", "JSON"),
        (["null"], "truncated", "closed before its end"),
        ([{"choices": [None]}], "error", "AttributeError"),
        ([{"error": {"message": "out of memory", "type": "cuda"}}], "error", "cuda: out of memory"),
        ([{"error": "out of memory"}], "error", "error in mid-stream"),
        (said({}, finish="tool_calls"), "error", "no tool call"),
        *(
            (said({"tool_calls": [{**CALL, **change}]}, finish="tool_calls"), "error", "Error")
            for change in (
                {"function": {"name": "add", "arguments": '{"a": '}},
                {"function": {"name": "add", "arguments": "[2]"}},
                {"function": {"name": "add", "arguments": {"a": 2}}},
                {"function": {"name": "add", "arguments": '{"a": NaN}'}},
                {"function": {"arguments": "{}"}},
                {"id": None},
            )
        ),
    ],
)
async def test_what_cannot_be_read_is_a_non_result_with_a_reason_and_may_have_cost_money(
    chunks, stopped, why
):
    reply, attempt = await reply_to(chunks)
    assert (reply.stopped, reply.tool_calls, reply.parsed) == (stopped, (), None)
    assert why in reply.why
    if stopped in ("truncated", "error"):
        assert attempt.held_usd > 0


async def test_calls_that_a_server_does_not_number_are_not_run_as_one():
    first = {name: value for name, value in CALL.items() if name != "index"}
    reply, _ = await reply_to(said({"tool_calls": [first, first | {"id": "c2"}]}))
    assert (reply.ok, reply.tool_calls) == (False, ())


async def test_lone_surrogates_are_replaced(tmp_path):
    reply, _ = await reply_to(said({"content": "a\ud800b"}))
    assert (reply.ok, reply.text) == (True, "a\ufffdb")
