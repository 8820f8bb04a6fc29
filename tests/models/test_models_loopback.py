"""The loopback Messages API, seen by the bare SDK and by a bare HTTP client."""

import asyncio
import json
import signal

import anthropic
import httpx2
import pytest
from pydantic import BaseModel

from toolkit.models import Answer, LoopbackServer, Usage

USER = {"role": "user", "content": "Hello"}
BODY = {"model": "claude-haiku-5-5", "max_tokens": 10, "messages": [USER]}
TOOL_USE = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "t1", "name": "find", "input": {}}],
}
RESULT = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "B1"}],
}


def hello(request):
    return Answer("Hello there", tools=(("find", {"id": "B1"}),), usage=Usage(7, 3))


async def post(server, body, path="/v1/messages"):
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.post(server.url + path, json=body, timeout=10)


def sdk(server):
    return anthropic.AsyncAnthropic(
        api_key="x",
        base_url=server.url,
        http_client=httpx2.AsyncClient(trust_env=False),
        max_retries=0,
    )


async def test_a_stream_has_the_events_of_the_api_in_their_order():
    async with LoopbackServer(hello) as server:
        response = await post(server, BODY | {"stream": True})
    frames = [frame.split("\n") for frame in response.text.strip().split("\n\n")]
    events = [frame[0].removeprefix("event: ") for frame in frames]
    data = [json.loads(frame[1].removeprefix("data: ")) for frame in frames]
    assert events == [item["type"] for item in data]
    text = ["content_block_start", *["content_block_delta"] * 2, "content_block_stop"]
    tool = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert events == ["message_start", *text, *tool, "ping", "message_delta", "message_stop"]
    assert data[6]["delta"]["type"] == "input_json_delta"
    assert data[-2]["delta"]["stop_reason"] == "tool_use"
    assert response.headers["request-id"]


async def test_the_bare_sdk_reads_a_message_that_is_not_streamed():
    async with LoopbackServer(hello) as server, sdk(server) as client:
        message = await client.messages.create(**BODY)
    assert [block.type for block in message.content] == ["text", "tool_use"]
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (7, 3)


async def test_the_bare_sdk_parses_structured_output():
    class Verdict(BaseModel):
        verdict: str

    async with (
        LoopbackServer(lambda request: Answer(data={"verdict": "pass"})) as server,
        sdk(server) as client,
    ):
        message = await client.messages.parse(**BODY, output_format=Verdict)
    assert message.parsed_output == Verdict(verdict="pass")


async def test_the_bare_sdk_counts_tokens_and_lists_models():
    async with LoopbackServer(hello) as server, sdk(server) as client:
        count = await client.messages.count_tokens(model="claude-haiku-5-5", messages=[USER])
        models = [model.id async for model in client.models.list()]
    assert count.input_tokens > 0
    assert "claude-haiku-5-5" in models


@pytest.mark.parametrize("status", [400, 401, 408, 409, 413, 429, 500, 529])
async def test_an_error_has_the_shape_of_the_api(status):
    async with LoopbackServer(lambda request: Answer(status=status)) as server:
        response = await post(server, BODY)
    assert response.status_code == status
    assert set(response.json()) == {"type", "error"}
    assert set(response.json()["error"]) == {"type", "message"}
    assert response.headers["request-id"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"model": "claude-haiku-5-5", "messages": [USER]}, "max_tokens"),
        (BODY | {"max_tokens": 0}, "max_tokens"),
        (BODY | {"messages": []}, "messages"),
        (BODY | {"messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
        (BODY | {"messages": [{"role": "user", "content": ""}]}, "messages.0.content"),
        (BODY | {"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content"),
        (BODY | {"messages": [USER, {"role": "assistant", "content": "Hi"}]}, "messages.1"),
        (
            BODY | {"messages": [USER, TOOL_USE, USER]},
            "messages.2: tool_use 't1' has no tool_result",
        ),
        (BODY | {"messages": [USER, TOOL_USE]}, "messages.1"),
        (BODY | {"messages": [RESULT]}, "messages.0: tool_result 't1' answers no tool_use"),
        (BODY | {"temperature": 0.5}, "temperature"),
        (BODY | {"tools": [{"name": "find"}]}, "tools.0.input_schema"),
        (BODY | {"tools": [{"name": "find", "input_schema": {}}] * 2}, "same name"),
        (BODY | {"metadata": {"trace": "x"}}, "metadata.trace"),
        (
            BODY
            | {"output_config": {"format": {"type": "json_schema", "schema": {"type": "thing"}}}},
            "schema",
        ),
        ([BODY], "body"),
        (None, "body"),
    ],
)
async def test_a_body_that_the_api_would_refuse_is_a_400_that_names_the_place(body, named):
    async with LoopbackServer(hello) as server:
        response = await post(server, body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert named in response.json()["error"]["message"]


async def test_a_tool_that_got_its_result_is_accepted():
    async with LoopbackServer(hello) as server:
        response = await post(server, BODY | {"messages": [USER, TOOL_USE, RESULT]})
    assert response.status_code == 200


async def test_an_unknown_model_and_an_unknown_path_are_404():
    async with LoopbackServer(hello) as server:
        model = await post(server, BODY | {"model": "claude-9"})
        path = await post(server, BODY, "/v1/complete")
    assert (model.status_code, path.status_code) == (404, 404)
    assert path.json()["error"]["type"] == "not_found_error"


async def test_what_the_policy_raised_is_kept():
    async with LoopbackServer(lambda request: 1 / 0) as server:
        response = await post(server, BODY)
    assert response.status_code == 500
    assert "ZeroDivisionError" in response.json()["error"]["message"]
    assert [type(error) for error in server.errors] == [ZeroDivisionError]


@pytest.mark.parametrize("stream", [True, False])
async def test_closing_the_server_ends_a_stream_that_hangs(stream):
    server = LoopbackServer(lambda request: Answer("Hello there", fault="hang"))
    await server.start()
    ask = {"url": server.url + "/v1/messages", "json": BODY | {"stream": stream}}
    async with (
        httpx2.AsyncClient(trust_env=False) as client,
        client.stream("POST", **ask) as response,
    ):
        assert response.status_code == 200
        async with asyncio.timeout(2):
            await server.close()
        with pytest.raises(httpx2.TransportError):
            await response.aread()


async def test_a_closed_server_starts_again_and_closes_twice():
    server = LoopbackServer(hello)
    await server.start()
    await server.start()
    await server.close()
    await server.close()
    async with server:
        assert (await post(server, BODY)).status_code == 200


async def test_the_server_leaves_the_signal_handlers_alone():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    async with LoopbackServer(hello):
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("fault", ["close", "cut"])
async def test_a_message_that_is_not_streamed_can_be_cut_too(fault):
    async with LoopbackServer(lambda request: Answer("Hello there", fault=fault)) as server:
        with pytest.raises(httpx2.TransportError):
            await post(server, BODY)


async def test_a_server_keeps_the_last_requests_alone():
    async with (
        LoopbackServer(hello, keep=5) as server,
        httpx2.AsyncClient(trust_env=False) as client,
    ):
        for number in range(8):
            await client.post(f"{server.url}/v1/messages/count_tokens", json=number)
        assert [one.body for one in server.requests] == list(range(3, 8))
