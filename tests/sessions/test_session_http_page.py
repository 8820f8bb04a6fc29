"""The page of a session before it is live: what it says to do, and to whom it shows a link."""

from contextlib import asynccontextmanager

import httpx
import pytest

from toolkit.render import qr_code
from toolkit.sessions import MemoryLog
from toolkit.sessions.http.app import Tokens, Welcome, serve

NETWORK = ("127.0.0.1", "192.168.1.7")
HOSTILE = "<script>window.pwned=1</script>"


@asynccontextmanager
async def pages(tokens=None, **options):
    """Gets the page of the session ``s``: its text, and the port it came from."""
    async with (
        serve(MemoryLog(), tokens, **options) as url,
        httpx.AsyncClient(trust_env=False, timeout=20) as client,
    ):

        async def get(headers=None, **params):
            page = await client.get(f"{url}/sessions/s", headers=headers or {}, params=params)
            assert page.status_code == 200
            return page.text, httpx.URL(url).port

        yield get


def codes(page):
    return page.count("<svg")


@pytest.mark.parametrize(
    ("grant", "may"), [("control", "write, steer and stop"), ("read", "watch")]
)
async def test_the_code_is_the_pages_own_link_as_a_phone_writes_it(grant, may):
    tokens = Tokens()
    secret = tokens.issue("s", grant)
    async with pages(tokens, hosts=NETWORK) as get:
        page, port = await get(token=secret)
    link = f"http://192.168.1.7:{port}/sessions/s?token={secret}"
    assert qr_code(link, "The link to this page") in page
    assert f"may {may}" in page
    assert page.count("<summary>Show the QR code</summary>") == (grant == "control")


async def test_a_page_that_came_by_https_keeps_its_name_and_one_in_clear_shows_no_code():
    tokens = Tokens()
    secret = tokens.issue("s", "control")
    async with pages(tokens, hosts=(*NETWORK, "bikes.example")) as get:
        headers = {"host": "bikes.example", "x-forwarded-proto": "https"}
        page, _ = await get(headers, token=secret)
        clear, _ = await get({"host": "bikes.example"}, token=secret)
    link = f"https://bikes.example/sessions/s?token={secret}"
    assert qr_code(link, "The link to this page") in page
    assert codes(clear) == 0
    assert "the token would cross the internet in clear" in clear


async def test_the_code_of_a_named_link_says_as_whom_its_holder_acts():
    tokens = Tokens()
    async with pages(tokens, hosts=NETWORK) as get:
        page, _ = await get(token=tokens.issue("s", "control", "ada"))
        watcher, _ = await get(token=tokens.issue("s", "read", "ada"))
    assert "may write, steer and stop as ada." in page
    assert "may watch, as you may." in watcher


@pytest.mark.parametrize("token", ["not-a-secret", "x" * 5000])
async def test_what_is_no_token_of_the_server_is_not_put_into_a_link(token):
    async with pages(hosts=NETWORK) as get:
        page, _ = await get(token=token)
    assert codes(page) == 0
    assert "has no token in it" in page
    assert "To open it on your phone" not in page


async def test_a_host_with_a_port_that_no_server_has_is_refused():
    host = f"192.168.1.7:{'9' * 5000}"
    tokens = Tokens()
    params = {"token": tokens.issue("s", "control")}
    async with (
        serve(MemoryLog(), tokens, hosts=NETWORK) as url,
        httpx.AsyncClient(trust_env=False, timeout=20) as client,
    ):
        page = await client.get(f"{url}/sessions/s", headers={"host": host}, params=params)
    assert page.status_code == 403


async def test_a_page_that_no_phone_can_open_shows_no_code_and_says_why():
    tokens = Tokens()
    async with pages(tokens) as get:
        page, _ = await get(token=tokens.issue("s", "control"))
    assert codes(page) == 0
    assert "start: uv run fieldbook serve --host 0.0.0.0" in page
    async with pages() as get:
        page, _ = await get()
    assert codes(page) == 0


async def test_a_token_that_came_in_a_header_is_not_put_into_a_link():
    tokens = Tokens()
    secret = tokens.issue("s", "control")
    async with pages(tokens, hosts=NETWORK) as get:
        page, _ = await get({"authorization": f"Bearer {secret}"})
        other, _ = await get({"authorization": f"Bearer {secret}"}, token="not-a-secret")
    assert codes(page) == codes(other) == 0
    assert secret not in page


async def test_whoever_only_watches_is_offered_nothing_to_send():
    tokens = Tokens()
    welcome = Welcome("Ask about a bike.", "A script answers.", ("Is the tandem free?",))
    async with pages(tokens, welcome=welcome) as get:
        writer, _ = await get(token=tokens.issue("s", "control"))
        reader, _ = await get(token=tokens.issue("s", "read"))
    assert "Is the tandem free?" in writer
    assert "Is the tandem free?" not in reader
    assert "You are watching" in reader


async def test_a_welcome_is_text_and_nothing_else():
    async with pages(welcome=Welcome(HOSTILE, HOSTILE, (HOSTILE, "$script $nonce"))) as get:
        page, _ = await get()
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;window.pwned=1") == 4
    assert "$script $nonce" in page
