"""A server that breaks the API's own rules: the real SDK hears it, and what comes back is typed and
can be kept.
"""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from toolkit.models import Answer, ClaudeModel, Request, ScriptedModel, Tape, Usage

ASK = Request(({"role": "user", "content": "Is my bike ready?"},))
THOUGHT = {"type": "thinking", "thinking": "Look at the booking.", "signature": "c2lnbmVk"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
CALL = {"type": "tool_use", "id": "t1", "name": "find", "input": {"id": None}}
GOOD = {"input_tokens": 7, "output_tokens": 3}


def said(*blocks, stop="end_turn", start=GOOD, end=GOOD):
    """The events of a stream that says `blocks`, each whole in its start but for its text."""
    message = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "stop_reason": None,
        "usage": start,
    }
    yield {"type": "message_start", "message": message | {"content": []}}
    for index, block in enumerate(blocks):
        text = block.get("text")
        yield {
            "type": "content_block_start",
            "index": index,
            "content_block": block | ({"text": ""} if text else {}),
        }
        if text:
            yield {
                "type": "content_block_delta",
                "index": index,
                "delta": {"type": "text_delta", "text": text},
            }
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": stop, "stop_sequence": None},
        "usage": end,
    }
    yield {"type": "message_stop"}


@asynccontextmanager
async def asked_of(events):
    """A model whose server sends `events`, whatever it is asked."""
    frames = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"

    async def answer(reader, writer):
        asked = await reader.readuntil(b"\r\n\r\n")
        length = next(
            line for line in asked.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        await reader.readexactly(int(length.split(b":")[1]))
        writer.write((head + frames).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with (
        server,
        ClaudeModel(
            "claude-haiku-5-5",
            base_url=url,
            api_key="x",
            source="simulated",
            timeout_s=5,
            max_retries=0,
        ) as model,
    ):
        yield model


async def reply_to(events):
    async with asked_of(events) as model:
        return await model.reply(ASK), model.ledger.attempts[-1]


async def test_what_a_tool_loop_must_send_back_is_kept_as_it_came_thinking_included():
    words = {"type": "text", "text": "Let me look."}
    reply, _ = await reply_to(said(THOUGHT, HIDDEN, words, CALL, stop="tool_use"))
    assert (reply.stopped, reply.text, reply.usage) == ("tool_use", "Let me look.", Usage(7, 3))
    assert reply.blocks == (THOUGHT, HIDDEN, words, CALL)


async def test_the_blocks_of_a_reply_are_a_good_assistant_message(tmp_path):
    def policy(request):
        return (
            Answer("Done.")
            if len(request.messages) > 1
            else Answer(tools=(("find", {"id": None}),))
        )

    for _ in range(2):
        tape = Tape(tmp_path / "tape.jsonl", ScriptedModel(policy))
        first = await tape.reply(ASK)
        result = {"type": "tool_result", "tool_use_id": first.tool_calls[0].id, "content": "B1"}
        back = {"role": "assistant", "content": list(first.blocks)}
        second = await tape.reply(
            Request((*ASK.messages, back, {"role": "user", "content": [result]}))
        )
        assert (second.text, second.blocks) == ("Done.", ({"type": "text", "text": "Done."},))


@pytest.mark.parametrize("wrong", [-5, 10**400, 1.5, "many", None, [], {}])
@pytest.mark.parametrize("when", ["start", "end"])
async def test_usage_of_the_wrong_type_is_a_non_result_that_may_have_cost_money(when, wrong):
    usage = {"input_tokens": 7, "output_tokens": wrong}
    reply, attempt = await reply_to(said({"type": "text", "text": "Hello"}, **{when: usage}))
    assert (reply.stopped, reply.blocks) == ("error", ())
    assert reply.why
    assert (attempt.state, attempt.why) == ("possibly billed", reply.why)


@pytest.mark.parametrize(
    "usage", [None, "many", [], {}, {"input_tokens": "many", "output_tokens": 3}]
)
async def test_no_usage_at_all_is_a_non_result_too(usage):
    reply, _ = await reply_to(said(start=usage))
    assert (reply.stopped, reply.usage) == ("error", Usage())


@pytest.mark.parametrize(
    "block", [CALL | {"input": "x"}, CALL | {"id": 5}, CALL | {"name": None}, THOUGHT]
)
async def test_a_tool_call_that_cannot_be_read_is_never_run(block):
    reply, _ = await reply_to(said(block, stop="tool_use"))
    assert (reply.stopped, reply.tool_calls, reply.blocks) == ("error", (), ())


@pytest.mark.parametrize("stop", [None, 5, [], "pause_turn"])
async def test_an_unknown_end_is_a_non_result(stop):
    reply, _ = await reply_to(said({"type": "text", "text": "Hello"}, stop=stop))
    assert (reply.stopped, reply.text) == ("error", "Hello")


@pytest.mark.parametrize("content", ["Hello", 5, None, [5]])
async def test_content_that_is_no_list_of_blocks_is_a_non_result(content):
    start, *rest = said()
    start["message"]["content"] = content
    reply, _ = await reply_to([start, *rest])
    assert reply.stopped == "error"


async def test_lone_surrogates_are_replaced_and_the_reply_can_be_kept(tmp_path):
    call = CALL | {"input": {"id": "B\udc00"}}
    async with asked_of(
        said({"type": "text", "text": "one\ud800two"}, call, stop="tool_use")
    ) as model:
        first = await Tape(tmp_path / "tape.jsonl", model).reply(ASK)
        again = await Tape(tmp_path / "tape.jsonl", model).reply(ASK)
    assert (first.text, first.tool_calls[0].arguments) == ("one\ufffdtwo", {"id": "B\ufffd"})
    assert again == first


async def test_lone_surrogates_in_the_question_or_the_script_break_no_tape_either(tmp_path):
    block = {"type": "text", "text": "\ud800 and \ud83d\ude00"}
    for content in ("\udfff", [block]):
        tape = Tape(
            tmp_path / "tape.jsonl", ScriptedModel(lambda request: Answer(data={"a": "\ud800"}))
        )
        replies = [
            await tape.reply(Request(({"role": "user", "content": content},))) for _ in range(2)
        ]
        assert (tape.hits, tape.misses, replies[0].text) == (1, 1, '{"a": "\ufffd"}')
        assert replies[0] == replies[1]
