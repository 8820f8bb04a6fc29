"""Serving: a request that never becomes whole shuts nobody out, and what goes wrong in an app is
logged.
"""

import asyncio
import logging
import subprocess
import sys
from contextlib import suppress

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from toolkit.web import connection_limit, serving

DEADLINE_S = 20
HALF = b"GET / HTTP/1.1\r\nX: "


async def body_length(request):
    return PlainTextResponse(str(len(await request.body())))


async def never(request):
    """Nothing, for as long as the client stays."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return PlainTextResponse("")


async def broken(request):
    raise ZeroDivisionError("a bug")


APP = Starlette(
    routes=[
        Route("/", lambda request: PlainTextResponse("hello")),
        Route("/body", body_length, methods=["POST"]),
        Route("/never", never),
        Route("/broken", broken),
    ]
)


@pytest.fixture
async def connection():
    """Opens connections to a port, and sends words; they are closed after the test."""
    writers = []

    async def open_(port, words=b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        writer.write(words)
        await writer.drain()
        return reader, writer

    yield open_
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def ended(reader):
    """Wait until the server has closed the connection."""
    async with asyncio.timeout(DEADLINE_S):
        try:
            while await reader.read(1000):
                pass
        except ConnectionError:
            pass
    return True


async def answer_of(port):
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        return (await client.get(f"http://127.0.0.1:{port}/")).text


async def test_half_requests_are_dropped_after_the_deadline_and_others_are_served_meanwhile(
    connection,
):
    async with serving(APP, limit_connections=20, head_s=0.5) as port:
        held = [await connection(port, HALF) for _ in range(60)]
        assert await answer_of(port) == "hello"
        assert all([await ended(reader) for reader, _ in held])


async def test_bytes_that_trickle_do_not_put_the_deadline_off(connection):
    async with serving(APP, head_s=0.5) as port:
        reader, writer = await connection(port, HALF)
        waiting = asyncio.create_task(ended(reader))
        n_sent = 0
        while not waiting.done():
            writer.write(b"x")
            n_sent += 1
            await asyncio.wait([waiting], timeout=0.1)
        assert 2 <= n_sent < 40


@pytest.mark.parametrize("words", [b"", HALF])
async def test_a_connection_that_was_answered_once_has_no_more_time_for_its_next_request(
    words, connection
):
    async with serving(APP, head_s=0.5) as port:
        reader, writer = await connection(port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"hello" in await reader.readuntil(b"hello")
        writer.write(words)
        assert await ended(reader)


async def test_a_body_that_does_not_come_ends_the_connection(connection):
    async with serving(APP, body_s=0.5) as port:
        reader, _ = await connection(
            port, b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf"
        )
        assert await ended(reader)


async def test_a_request_that_is_answered_slowly_is_left_alone(connection):
    async with serving(APP, head_s=0.2, body_s=0.2) as port:
        reader, _ = await connection(port, b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await reader.read()


async def test_where_every_connection_is_at_work_a_new_one_is_answered_503(connection):
    async with serving(APP, limit_connections=5) as port:
        for _ in range(5):
            await connection(port, b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n")
        async with asyncio.timeout(DEADLINE_S):
            while True:  # until all five are known to be at work
                reader, _ = await connection(port)
                if (await reader.read()).startswith(b"HTTP/1.1 503 "):
                    break


@pytest.mark.parametrize(("files", "limit"), [(256, 192), (1024, 768), (4096, 1000)])
def test_the_bound_lies_below_the_number_of_files_that_the_process_may_open(files, limit):
    resource = pytest.importorskip("resource")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < files:
        pytest.skip("this machine allows fewer files")
    code = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))\n"
    code += "from toolkit.web import connection_limit; print(connection_limit())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert int(done.stdout) == limit
    assert connection_limit() >= 8


async def test_what_an_app_raises_is_logged_with_its_traceback(caplog):
    caplog.set_level(logging.ERROR)
    async with serving(APP) as port, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/broken")).status_code == 500
    assert "a bug" in str([record.exc_info[1] for record in caplog.records if record.exc_info])
