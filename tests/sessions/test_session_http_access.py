"""Who may do what over HTTP: what a token that only reads cannot write, and what another site's
page cannot do.
"""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
import websockets

from toolkit.sessions import MemoryLog, Session
from toolkit.sessions.http.app import Tokens, serve

DEADLINE_S = 20
FRONTEND = "http://localhost:5173"


@dataclass
class Site:
    url: str
    tokens: Tokens | None
    log: MemoryLog
    client: httpx.AsyncClient

    @property
    def session(self):
        return Session(self.log, "s")

    def bearer(self, grant="control", **options):
        return {"authorization": f"Bearer {self.tokens.issue('s', grant, **options)}"}

    async def get(self, path="", headers=None, **params):
        return await self.client.get(
            f"{self.url}/sessions/s{path}", headers=headers or {}, params=params
        )

    async def post(self, do, body=None, headers=None):
        return await self.client.post(
            f"{self.url}/sessions/s/{do}", json=body or {}, headers=headers or {}
        )

    async def open_status(self, headers=None, **params):
        """The status of the stream, which is closed at once."""
        address = f"{self.url}/sessions/s/events"
        async with self.client.stream(
            "GET", address, headers=headers or {}, params=params
        ) as answer:
            return answer.status_code

    def socket(self, headers=None, **params):
        address = httpx.URL(f"{self.url.replace('http', 'ws')}/sessions/s/ws", params=params)
        # no bound: a client that does not read would wait ten seconds for its own close
        return websockets.connect(
            str(address), additional_headers=headers or {}, proxy=None, max_queue=None
        )

    async def socket_status(self, headers):
        try:
            async with self.socket(headers):
                return 101
        except websockets.InvalidStatus as refused:
            return refused.response.status_code

    async def kinds(self, session="s"):
        return [event.kind async for event in Session(self.log, session).read(follow=False)]


@asynccontextmanager
async def site(with_tokens=True, attendant=None, **options):
    log = MemoryLog()
    tokens = Tokens() if with_tokens else None
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(60))
        url = await stack.enter_async_context(serve(log, tokens, attendant, beat_s=0.2, **options))
        client = await stack.enter_async_context(
            httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S)
        )
        yield Site(url, tokens, log, client)


async def until(ready):
    async with asyncio.timeout(DEADLINE_S):
        while not await ready():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("name", ["", "Ada"])
async def test_a_token_that_only_reads_writes_nothing_and_wakes_nobody(name):
    woken = []

    async def attendant(session):
        woken.append(session.id)

    async with site(attendant=attendant) as here:
        headers = here.bearer("read", name=name)
        for n in range(20):
            assert await here.open_status(headers, name=f"n{n}") == 200
            async with here.socket(headers, name=f"n{n}") as ws:
                assert "live" in json.loads(await ws.recv())
        assert await here.kinds() == []
        assert await here.log.latest("s", "lease") == []
    assert woken == []


async def test_the_names_that_connections_announce_are_bounded():
    async with site() as here, AsyncExitStack() as stack:
        headers = here.bearer()
        for n in range(105):
            ws = await stack.enter_async_context(here.socket(headers, name=f"n{n}"))
            await ws.recv()
        assert len(await here.session.present()) == 100


@pytest.mark.parametrize("by", ["expiry", "revoking"])
async def test_what_is_connected_with_a_token_ends_with_it(by):
    async with site() as here:
        secret = here.tokens.issue("s", "control", ttl_s=1.0 if by == "expiry" else 60.0)
        headers = {"authorization": f"Bearer {secret}"}
        async with (
            here.socket(headers) as ws,
            here.client.stream("GET", f"{here.url}/sessions/s/events", headers=headers) as stream,
        ):
            assert stream.status_code == 200
            if by == "revoking":
                assert here.tokens.revoke(secret)
            async with asyncio.timeout(DEADLINE_S):
                await stream.aread()  # to its end
                await ws.wait_closed()
            assert ws.close_code == 4401
        assert (await here.get("/events", headers)).status_code == 401
        assert (await here.post("say", {"text": "x"}, headers)).status_code == 401
        assert not here.tokens.revoke(secret)
        assert await here.kinds() == []


def test_a_token_that_would_expire_before_it_is_issued_is_refused():
    with pytest.raises(ValueError, match="ttl_s"):
        Tokens().issue("s", ttl_s=0)


IMAGE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
ELSEWHERE = [
    IMAGE,
    IMAGE | {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
    {"referer": "http://evil.example/page"},
    {"origin": "http://evil.example", "sec-fetch-site": "cross-site"},
]


@pytest.mark.parametrize("headers", ELSEWHERE)
@pytest.mark.parametrize("with_tokens", [True, False])
async def test_a_get_from_another_site_s_page_has_no_effect(headers, with_tokens):
    woken = []

    async def attendant(session):
        woken.append(session.id)

    async with site(with_tokens, attendant=attendant) as here:
        known = {"token": here.tokens.issue("s", "control")} if with_tokens else {}
        assert await here.open_status(headers, name="evil", **known) == 403
        assert await here.kinds() == []
        if "origin" not in headers and "referer" not in headers:
            assert await here.socket_status(headers) == 403
    assert woken == []


async def test_a_person_may_follow_a_link_to_the_page_and_a_script_may_not_open_it():
    link = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    async with site(with_tokens=False) as here:
        assert (await here.get("", link | {"sec-fetch-user": "?1"})).status_code == 200
        assert (await here.get("", link)).status_code == 403
        assert (await here.get("", link | {"sec-fetch-site": "none"})).status_code == 200
        assert (await here.get("", IMAGE)).status_code == 403
        assert (await here.get("", {"referer": "http://mail.example/"})).status_code == 200
        own = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
        assert await here.open_status(own) == 200
        assert await here.socket_status({"origin": here.url}) == 101


async def test_a_frontend_on_a_named_origin_may_read_and_control_and_no_other_may():
    preflight = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    async with site(origins=[FRONTEND]) as here:
        address = f"{here.url}/sessions/s/say"
        asked = await here.client.options(address, headers=preflight | {"origin": FRONTEND})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, FRONTEND)
        assert "access-control-allow-credentials" not in asked.headers
        said = await here.post("say", {"text": "hello"}, here.bearer() | {"origin": FRONTEND})
        assert (said.status_code, said.headers["access-control-allow-origin"]) == (200, FRONTEND)
        cross = {"origin": FRONTEND, "sec-fetch-site": "cross-site"}
        async with here.client.stream(
            "GET", f"{here.url}/sessions/s/events", headers=here.bearer() | cross
        ) as stream:
            assert (stream.status_code, stream.headers["access-control-allow-origin"]) == (
                200,
                FRONTEND,
            )
        assert await here.socket_status(here.bearer() | cross) == 101
        for other in ("http://localhost:5174", "https://localhost:5173", "null"):
            answer = await here.post("say", {"text": "hello"}, here.bearer() | {"origin": other})
            assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (
                403,
                None,
            )
            asked = await here.client.options(address, headers=preflight | {"origin": other})
            assert asked.headers.get("access-control-allow-origin") is None


@pytest.mark.parametrize(
    "origin", ["*", "localhost:5173", "http://localhost:5173/", "http://*.example", "null", ""]
)
async def test_an_origin_that_is_not_exact_is_refused(origin):
    with pytest.raises(ValueError, match="is no origin"):
        async with serve(MemoryLog(), Tokens(), origins=[origin]):
            pass


async def test_who_did_it_is_the_name_of_the_token():
    async with site() as here:
        run = await here.session.start_run("agent", "simulated", "r", window_s=0)
        asking = asyncio.create_task(run.ask("Pay 100?", DEADLINE_S))
        await until(lambda: asked(here))
        question = await asked(here)
        ada, bo, nameless = here.bearer(name="ada"), here.bearer(name="bo"), here.bearer()
        assert (await here.post("say", {"text": "hello"}, ada)).status_code == 200
        assert (await here.post("steer", {"text": "shorter", "run": "r"}, bo)).status_code == 200
        assert (await here.post("interrupt", {"run": "r"}, nameless)).status_code == 200
        assert (
            await here.post("approve", {"request": question, "answer": True}, bo)
        ).status_code == 200
        assert await asyncio.wait_for(asking, DEADLINE_S) is True
        async with here.socket(ada) as ws:
            await ws.send(json.dumps({"do": "cancel", "run": "r"}))
            while "ack" not in (message := json.loads(await ws.recv())):
                pass
            assert message["ack"]["seq"]
        await run.finish()
        wanted = ("message", "steer", "interrupt", "approve", "cancel")
        done = [
            (e.kind, e.actor) async for e in here.session.read(follow=False) if e.kind in wanted
        ]
        assert done == list(zip(wanted, ("ada", "bo", "user", "bo", "ada"), strict=True))


async def asked(here):
    ids = [
        event.id
        async for event in here.session.read(follow=False)
        if event.kind == "approval.asked"
    ]
    return ids[0] if ids else None
