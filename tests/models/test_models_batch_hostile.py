"""Message batches against servers that lie, die and dawdle."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from toolkit.models import ClaudeModel, Request, Usage

NAME = "claude-haiku-5-5"
ID = "msgbatch_1"


def asks(count):
    return [
        Request(({"role": "user", "content": f"bike {n}"},), max_tokens=50) for n in range(count)
    ]


def shown(status="in_progress", **more):
    return {
        "id": ID,
        "type": "message_batch",
        "processing_status": status,
        "results_url": "/results",
    } | more


def said(custom_id, text="Hi", **more):
    message = {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
    usage = {"usage": {"input_tokens": 7, "output_tokens": 3}}
    return {
        "custom_id": custom_id,
        "result": {"type": "succeeded", "message": message | usage | more},
    }


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


@asynccontextmanager
async def asked_of(answer, **options):
    """A model, and what its server was asked; `answer` gets ``"GET /path"`` and the server, and
    gives bytes or JSON.

    Bytes that end with no newline are followed by a cut.
    """
    heard = []

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = [
            line.split(b":")[1]
            for line in head.split(b"\r\n")
            if line.startswith(b"content-length")
        ]
        await reader.readexactly(int(length[0]) if length else 0)
        heard.append(" ".join(head.decode().split(" ")[:2]))
        told = answer(heard[-1], server)
        body = told if isinstance(told, bytes) else json.dumps(told).encode() + b"\n"
        size = len(body) + (not body.endswith(b"\n"))
        kind = b"content-type: application/json\r\nconnection: close\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + kind + b"content-length: %d\r\n\r\n" % size + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with (
        server,
        ClaudeModel(
            NAME, base_url=url, api_key="x", source="simulated", max_retries=0, **options
        ) as model,
    ):
        yield model, heard


def results(*records):
    """A server whose batch has ended, with these results."""
    return lambda asked, _: lines(*records) if asked == "get /results" else shown("ended")


async def test_what_was_not_answered_is_no_result_and_costs_nothing():
    error = {
        "type": "errored",
        "error": {"type": "error", "error": {"type": "api_error", "message": "Sorry"}},
    }
    ends = [{"type": "expired"}, {"type": "canceled"}, error]
    records = [{"custom_id": str(n), "result": result} for n, result in enumerate(ends)]
    async with asked_of(results(*records)) as (model, _):
        replies = await model.batch(asks(3))
    assert [reply.stopped for reply in replies] == ["timeout", "error", "error"]
    for reply, word in zip(replies, ("expired", "cancelled", "api_error: Sorry"), strict=True):
        assert word in reply.why
    assert {attempt.state for attempt in model.ledger.attempts} == {"free"}
    assert model.ledger.held_usd == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "record",
    [
        {"custom_id": "0"},
        {"custom_id": "0", "result": None},
        {"custom_id": "0", "result": {"type": "won"}},
        {"custom_id": "0", "result": {"type": []}},
        {"custom_id": "0", "result": {"type": "succeeded"}},
        {"custom_id": "0", "result": {"type": "succeeded", "message": "Hi"}},
        {"custom_id": "0", "result": {"type": "errored", "error": "no"}},
        {"custom_id": 0, "result": said("0")["result"]},
        {"custom_id": ["0"], "result": said("0")["result"]},
        {"custom_id": "00", "result": said("0")["result"]},
        said("0", usage={"input_tokens": -1, "output_tokens": 1}),
        said("0", usage=None),
        said("0", content="Hi"),
        said("0", content=[5]),
        said("0", content=[{"type": "text", "text": 5}]),
        said("0", stop_reason=None),
        said("0", stop_reason="tool_use"),
        said("0", stop_reason="max_tokens"),
        [],
        None,
        "0",
    ],
)
async def test_a_hostile_result_is_no_result_and_takes_no_good_one_with_it(record):
    async with asked_of(results(record, said("1", "fine"), said("7"))) as (model, _):
        bad, good = await model.batch(asks(2))
    assert not bad.ok
    assert bad.why
    assert (bad.parsed, bad.tool_calls, bad.blocks) == (None, (), ())
    assert (good.text, good.usage) == ("fine", Usage(7, 3))


@pytest.mark.parametrize("line", [b"{", b"\xff\xfe", b"[" * 100_000, b"", b"{}"])
async def test_a_line_that_is_no_json_takes_no_good_one_with_it(line):
    raw = json.dumps(said("1", "one\u2028two"), ensure_ascii=False).encode() + b"\n"
    body = raw + line + b"\n" + lines(said("0", "lone \ud800"))
    async with asked_of(lambda asked, _: body if asked == "get /results" else shown("ended")) as (
        model,
        _,
    ):
        first, second = await model.batch(asks(2))
    assert (first.text, second.text) == ("lone \ufffd", "one\u2028two")


async def test_of_two_results_for_one_request_equal_ones_count_once_and_different_ones_not_at_all():
    records = [said("0"), said("1", "yes"), said("1", "no"), said("0")]
    async with asked_of(results(*records)) as (model, _):
        same, different = await model.batch(asks(2))
    assert (same.text, same.ok) == ("Hi", True)
    assert (different.ok, different.text) == (False, "")
    assert "two different results" in different.why
    assert [attempt.state for attempt in model.ledger.attempts] == ["billed", "possibly billed"]


async def test_a_request_without_a_result_is_no_result_that_may_have_cost_money():
    async with asked_of(results(said("1"))) as (model, _):
        missing, there = await model.batch(asks(2))
    assert (missing.ok, there.ok) == (False, True)
    assert missing.why == f"batch {ID}: it ended without a result for this request"
    assert [attempt.state for attempt in model.ledger.attempts] == ["possibly billed", "billed"]


async def test_a_server_that_dies_in_the_middle_of_a_batch_leaves_its_name_and_what_it_may_have_cost():
    def answer(asked, server):
        if asked.startswith("get"):
            server.close()
        return shown()

    async with asked_of(answer) as (model, _):
        replies = await model.batch(asks(3), timeout_s=0.6)
    assert {reply.stopped for reply in replies} == {"timeout"}
    assert {reply.why for reply in replies} == {f"batch {ID}: nothing came for 0.6 s"}
    assert {attempt.state for attempt in model.ledger.attempts} == {"possibly billed"}
    assert model.ledger.held_usd == sum(attempt.worst_usd for attempt in model.ledger.attempts) > 0


async def test_a_server_that_is_away_for_a_while_does_not_end_a_batch():
    def answer(asked, server):
        heard.append(asked)
        if heard.count("get /v1/messages/batches/msgbatch_1") in (1, 3):
            return b"{"  # and a cut
        return (
            lines(said("0"))
            if asked == "get /results"
            else shown("ended" if len(heard) > 3 else "in_progress")
        )

    heard = []
    async with asked_of(answer) as (model, _):
        (reply,) = await model.batch(asks(1))
    assert reply.ok
    assert len(heard) > 4


async def test_results_that_are_cut_are_read_again():
    def answer(asked, server):
        heard.append(asked)
        if asked != "get /results":
            return shown("ended")
        whole = lines(said("0"), said("1"))
        return whole[: len(whole) * 3 // 4] if heard.count(asked) == 1 else whole

    heard = []
    async with asked_of(answer) as (model, _):
        replies = await model.batch(asks(2))
    assert [reply.ok for reply in replies] == [True, True]
    assert heard.count("get /results") == 2


async def test_what_was_read_before_a_cut_is_kept_where_no_more_comes():
    whole = lines(said("0"), said("1"))
    cut = whole[: len(whole) * 3 // 4]
    async with asked_of(lambda asked, _: cut if asked == "get /results" else shown("ended")) as (
        model,
        _,
    ):
        first, second = await model.batch(asks(2), timeout_s=0.5)
    assert (first.ok, second.stopped) == (True, "timeout")
    assert [attempt.state for attempt in model.ledger.attempts] == ["billed", "possibly billed"]


async def test_a_batch_that_does_not_end_is_looked_at_less_and_less_often_and_cancelled_at_the_deadline():
    told = []
    async with asked_of(lambda asked, _: shown()) as (model, heard):
        replies = await model.batch(asks(2), lambda *seen: told.append(seen), timeout_s=1.0)
    assert [reply.stopped for reply in replies] == ["timeout"] * 2
    assert 1 <= heard.count(f"get /v1/messages/batches/{ID}") <= 4
    assert heard[-1] == f"post /v1/messages/batches/{ID}/cancel"
    assert (told[0], told[-1]) == ((0, 2), (2, 2))


async def test_a_batch_whose_reader_is_cancelled_is_cancelled_too():
    looked = asyncio.Event()
    async with asked_of(lambda asked, _: looked.set() if asked.startswith("get") else shown()) as (
        model,
        heard,
    ):
        task = asyncio.create_task(model.batch(asks(2)))
        await asyncio.wait_for(looked.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert heard[-1] == f"post /v1/messages/batches/{ID}/cancel"
    assert {attempt.state for attempt in model.ledger.attempts} == {"possibly billed"}


@pytest.mark.parametrize("made", [{}, [], None, "msgbatch_1", {"id": 5}, {"id": ""}, b"<html>\n"])
async def test_a_server_that_makes_no_batch_of_it_gives_no_results(made):
    async with asked_of(lambda asked, _: made) as (model, _):
        replies = await model.batch(asks(2), timeout_s=0.5)
    assert [reply.ok for reply in replies] == [False] * 2
    assert all(reply.why for reply in replies)
    assert {attempt.state for attempt in model.ledger.attempts} == {"possibly billed"}
