"""Listening to an endpoint: server-sent events by the standard's rules, NDJSON, and cursors in
URLs.
"""

import asyncio
import json
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route, WebSocketRoute

from toolkit.sessions.lab.wire import Frame, Request, broken, listen
from toolkit.web import serving


async def frames_of(body, media_type="text/event-stream", **options):
    """What a listener gets of `body`, which is sent in the pieces it is given in."""
    pieces = [body] if isinstance(body, bytes) else body

    async def endpoint(request):
        async def stream():
            for piece in pieces:
                yield piece

        return StreamingResponse(stream(), media_type=media_type)

    async with serving(Starlette(routes=[Route("/x", endpoint)])) as port:
        request = Request(f"http://127.0.0.1:{port}/x")
        return [frame async for frame in listen(request, "", 5.0, **options)]


# what the standard says of each (https://html.spec.whatwg.org/multipage/server-sent-events.html)
BY_THE_STANDARD = {
    "two lines of data without a space": (b"data:alpha\ndata:beta\n\n", [("", "", "alpha\nbeta")]),
    "one space is no data, the second is": (b"data:  two\n\n", [("", "", " two")]),
    "CR line ends": (b"id: 1\rdata: a\r\rdata: b\r\r", [("", "1", "a"), ("", "", "b")]),
    "CR LF line ends": (b"data: a\r\ndata: b\r\n\r\n", [("", "", "a\nb")]),
    "all line ends in one stream": (b"data: a\rdata: b\r\ndata: c\n\n", [("", "", "a\nb\nc")]),
    "line ends of Unicode are data": (
        "data: a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\n\n".encode(),
        [("", "", "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg")],
    ),
    "a comment is nothing": (b": beat\n\ndata: a\n: beat\ndata: b\n\n", [("", "", "a\nb")]),
    "a byte-order mark is nothing": (b"\xef\xbb\xbfdata: a\n\n", [("", "", "a")]),
    "an event without data is nothing": (b"retry: 9\n\n\ndata: a\n\n", [("", "", "a")]),
    "an id without data counts": (b"id: 7\n\ndata: a\n\n", [("", "7", "a")]),
    "an event that was not ended is nothing": (b"data: a\n\ndata: cut", [("", "", "a")]),
    "an unknown field is nothing": (b"color: red\ndata: a\n\n", [("", "", "a")]),
    "a field without a colon is empty": (b"data\ndata: a\n\n", [("", "", "\na")]),
    "an id with a NUL is none": (b"id: 1\x002\ndata: a\n\n", [("", "", "a")]),
    "a name is for one event": (
        b"event: e\ndata: a\n\ndata: b\n\n",
        [("e", "", "a"), ("", "", "b")],
    ),
    "the name message is the default": (b"event: message\ndata: a\n\n", [("", "", "a")]),
    "text is UTF-8 and what is none is replaced": (b"data: \xff\n\n", [("", "", "\ufffd")]),
}


@pytest.mark.parametrize("rule", BY_THE_STANDARD)
async def test_server_sent_events_are_read_as_the_standard_says(rule):
    body, expected = BY_THE_STANDARD[rule]
    assert await frames_of(body) == [Frame(*frame) for frame in expected]


async def test_another_charset_in_the_header_changes_nothing():
    frames = await frames_of("data: é\n\n".encode(), "text/event-stream; charset=latin-1")
    assert frames == [Frame("", "", "é")]


async def test_a_media_type_in_capitals_is_the_same():
    assert await frames_of(b"data: a\n\n", "Text/Event-Stream") == [Frame("", "", "a")]


@settings(deadline=None, max_examples=50)
@given(st.data())
async def test_a_stream_is_read_alike_however_it_is_cut_into_pieces(data):
    line_end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    words = data.draw(st.lists(st.text("aé\u2028 ", max_size=4), min_size=1, max_size=4))
    lines = [f"id: {n}{line_end}data:{word}{line_end * 2}" for n, word in enumerate(words)]
    body = "".join(lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    edges = [0, *cuts, len(body)]
    pieces = [body[start:end] for start, end in pairwise(edges)]
    expected = [Frame("", str(n), word.removeprefix(" ")) for n, word in enumerate(words)]
    frames = await asyncio.wait_for(frames_of([piece for piece in pieces if piece]), 10)
    assert frames == [frame for frame in expected if frame.data]


async def test_ndjson_is_read_by_line_feeds_alone():
    lines = ['{"text": "a\u2028b"}', '{"text": "c"}', '{"text": "no line feed after it"}']
    body = "\r\n".join(lines).encode()
    frames = await frames_of(body, "application/x-ndjson")
    assert [frame.data for frame in frames] == lines


@pytest.mark.parametrize("media_type", ["text/plain", "text/event-stream"])
async def test_an_endless_line_is_given_up(media_type):
    with pytest.raises(EOFError, match="more than 1000000 bytes came"):
        await frames_of([b"x" * 100_000] * 15, media_type, max_bytes=1_000_000)


async def test_a_cursor_is_quoted_in_the_address_of_a_socket():
    queries = []

    async def socket(ws):
        queries.append(list(ws.query_params.multi_items()))
        await ws.accept()
        await ws.send_text(json.dumps({"cursor": "3&admin=1#x", "text": "a"}))
        await ws.close()

    routes = [WebSocketRoute("/x", socket)]
    async with serving(Starlette(routes=routes), ws="websockets-sansio") as port:
        request = Request(f"ws://127.0.0.1:{port}/x?room=1")
        last_id = ""
        for _ in range(2):
            with suppress(*broken()):  # as a socket ends, also where nothing is wrong
                async for frame in listen(request, last_id, 5.0):
                    last_id = frame.id
    assert queries == [[("room", "1")], [("room", "1"), ("after", "3&admin=1#x")]]


async def test_an_id_may_be_any_text_and_goes_back_as_it_came():
    ids = []

    async def endpoint(request):
        ids.append(request.headers.get("last-event-id", "").encode("latin-1").decode())

        async def stream():
            yield "id: Ω/7&x\ndata: a\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    async with serving(Starlette(routes=[Route("/x", endpoint)])) as port:
        request = Request(f"http://127.0.0.1:{port}/x")
        last_id = ""
        for _ in range(2):
            async for frame in listen(request, last_id, 5.0):
                last_id = frame.id
    assert ids == ["", "Ω/7&x"]


async def test_a_socket_is_sent_the_body_as_its_first_message():
    async def socket(ws):
        await ws.accept()
        question = await ws.receive_json()
        await ws.send_json({"text": question["ask"], "done": True})
        await ws.receive()

    routes = [WebSocketRoute("/x", socket)]
    async with serving(Starlette(routes=routes), ws="websockets-sansio") as port:
        request = Request(f"ws://127.0.0.1:{port}/x", body=b'{"ask": "who?"}')
        async for frame in listen(request, "", 5.0):
            assert json.loads(frame.data)["text"] == "who?"
            break
