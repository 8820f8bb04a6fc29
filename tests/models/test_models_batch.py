"""Message batches: the real SDK on loopback."""

import json

import anthropic
import httpx2
import pytest

from toolkit.models import (
    Answer,
    BudgetExceeded,
    ClaudeModel,
    Ledger,
    LoopbackServer,
    Request,
    Usage,
    connect_model,
)
from toolkit.models.prices import cost_usd, worst_case

NAME = "claude-haiku-5-5"
USER = {"role": "user", "content": "Hello"}
PARAMS = {"model": NAME, "max_tokens": 10, "messages": [USER]}


def asks(count):
    return [
        Request(({"role": "user", "content": f"bike {n}"},), max_tokens=50) for n in range(count)
    ]


def echo(request):
    return Answer(request.messages[0]["content"], usage=Usage(100, 10))


async def test_replies_come_in_the_order_of_the_requests_though_results_do_not():
    told = []
    async with connect_model(policy=echo) as model:
        replies = await model.batch([*asks(30), *asks(2)], progress=lambda *seen: told.append(seen))
        url = f"{model.server.url}/v1/messages/batches/msgbatch_000000/results"
        async with httpx2.AsyncClient(trust_env=False) as client:
            first = json.loads((await client.get(url)).text.split("\n")[0])
    assert [reply.text for reply in replies] == [f"bike {n}" for n in (*range(30), 0, 1)]
    assert first["custom_id"] == "31"
    assert {reply.source for reply in replies} == {"simulated"}
    assert told[-1] == (32, 32)
    paths = [received.path.removeprefix("/v1/messages/") for received in model.server.requests]
    assert paths[0] == "batches"
    assert all(path.startswith("batches/msgbatch_000000") for path in paths[1:])


async def test_a_batch_costs_half_and_each_of_its_requests_is_in_the_ledger():
    async with connect_model(policy=echo) as model:
        await model.batch(asks(3))
    frame = model.ledger.frame()
    assert frame.batch.tolist() == [True] * 3
    assert frame.state.tolist() == ["billed"] * 3
    assert model.ledger.cost_usd == pytest.approx(3 * cost_usd(NAME, Usage(100, 10)) / 2)
    assert model.ledger.held_usd == pytest.approx(model.ledger.cost_usd)


async def test_the_cap_stops_a_batch_as_a_whole_before_anything_is_sent():
    requests = asks(10)
    worst_usd = sum(cost_usd(NAME, worst_case(request)) for request in requests) / 2
    async with connect_model(policy=echo, max_usd=0.99 * worst_usd) as model:
        with pytest.raises(BudgetExceeded, match="this batch could cost"):
            await model.batch(requests)
        assert (model.server.requests, model.ledger.attempts, model.ledger.held_usd) == ([], [], 0)
        assert all(reply.ok for reply in await model.batch(requests[:9]))
    async with connect_model(policy=echo, ledger=Ledger(1.01 * worst_usd)) as model:
        assert all(reply.ok for reply in await model.batch(requests))


async def test_a_schema_that_the_sdk_cannot_send_is_no_result_and_nothing_is_sent():
    async with connect_model(policy=echo) as model:
        replies = await model.batch([*asks(1), Request((USER,), schema={})])
        assert model.server.requests == []
    assert [reply.stopped for reply in replies] == ["error"] * 2
    assert all(reply.why for reply in replies)
    assert model.ledger.attempts == []


async def test_no_requests_ask_nothing():
    async with connect_model(policy=echo) as model:
        assert await model.batch([]) == []
        assert model.server.requests == []


async def test_the_bare_sdk_creates_looks_at_reads_and_cancels_a_batch():
    async with LoopbackServer(lambda request: Answer("Hi", status=200)) as server:
        http = httpx2.AsyncClient(trust_env=False)
        async with anthropic.AsyncAnthropic(
            api_key="x", base_url=server.url, http_client=http
        ) as client:
            batches = client.messages.batches
            bad = PARAMS | {"max_tokens": 0}
            made = await batches.create(
                requests=[{"custom_id": "a", "params": PARAMS}, {"custom_id": "b", "params": bad}]
            )
            assert (made.processing_status, made.request_counts.processing, made.results_url) == (
                "in_progress",
                2,
                None,
            )
            assert (made.expires_at - made.created_at).days == 1
            ended = await batches.retrieve(made.id)
            assert (ended.processing_status, ended.request_counts.processing) == ("ended", 0)
            assert (ended.request_counts.succeeded, ended.request_counts.errored) == (1, 1)
            found = {item.custom_id: item.result async for item in await batches.results(made.id)}
            assert found["a"].message.content[0].text == "Hi"
            assert found["b"].error.error.type == "invalid_request_error"
            with pytest.raises(anthropic.BadRequestError, match="ended"):
                await batches.cancel(made.id)
            other = await batches.create(requests=[{"custom_id": "a", "params": PARAMS}])
            assert (await batches.cancel(other.id)).processing_status == "canceling"
            assert (await batches.retrieve(other.id)).request_counts.canceled == 1
            assert [item.result.type async for item in await batches.results(other.id)] == [
                "canceled"
            ]
            with pytest.raises(anthropic.NotFoundError):
                await batches.retrieve("msgbatch_9")


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"custom_id": "a", "params": PARAMS}] * 2,
        [{"custom_id": "a b", "params": PARAMS}],
        [{"custom_id": 1, "params": PARAMS}],
        [{"params": PARAMS}],
        ["a"],
        None,
    ],
)
async def test_a_batch_that_the_api_would_refuse_is_a_400_that_names_the_place(items):
    async with LoopbackServer(echo) as server, httpx2.AsyncClient(trust_env=False) as client:
        response = await client.post(f"{server.url}/v1/messages/batches", json={"requests": items})
    assert response.status_code == 400
    assert "requests" in response.json()["error"]["message"]


async def test_a_batch_that_is_refused_costs_nothing():
    async with (
        LoopbackServer(echo) as server,
        ClaudeModel(NAME, base_url=server.url, api_key="x") as model,
    ):
        await model.batch(asks(1))
        model.name = "claude-opus-5-5"
        server.requests.clear()
        (reply,) = await model.batch([Request((), max_tokens=0)])
    assert (reply.stopped, model.ledger.attempts[-1].state) == ("error", "free")
    assert "max_tokens" in reply.why
    gone = ClaudeModel(NAME, base_url=server.url, api_key="x", source="simulated", max_retries=0)
    async with gone:
        (reply,) = await gone.batch(asks(1))
    assert reply.why.startswith("no answer")
    assert [attempt.state for attempt in gone.ledger.attempts] == ["free"]
