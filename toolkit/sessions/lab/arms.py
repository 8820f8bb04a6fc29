"""The arms of the comparison: for each, how an answer is asked for, watched, and counted."""

import asyncio
import re
import time
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from toolkit.events import Event
from toolkit.sessions.conversation import Conversation
from toolkit.sessions.lab.speech import N_TOKENS
from toolkit.sessions.lab.wire import Request, as_json, broken, listen

SILENCE_S = 0.4
"""A client that hears nothing for so long connects again, in every arm."""
RETRY_S = 0.05
POST_S = 1.0
PHONE_AT_S = 0.4
"""When the second surface comes, on a network of its own, without faults."""
STALL_S = 0.15
"""A pause between two words that is longer counts as a stall."""
DEADLINE_S = 30.0
"""What has not come by then is lost. A lease of ten seconds runs out before."""
TOKEN = re.compile(r"([\w-]+):(\d+) ")


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to get an answer to a screen."""

    name: str
    url: str
    """On the web server, with a place for the port and for the answer's name."""
    agent: str
    """Where the model is called."""
    store: str
    """Where the words are kept."""
    worker_path: str = ""
    """Where the worker starts the answer, for an agent that runs there."""
    say_url: str = ""
    """Where a message is posted that asks for the answer, for an agent that attends a session."""

    @property
    def is_session(self) -> bool:
        """Whether its stream is a session's, which a client folds."""
        return "/sessions/" in self.url

    @property
    def can_come_back(self) -> bool:
        """Whether a second connection can have the same answer."""
        return self.store != NO_STORE


IN_WEB = "in the web server"
IN_WORKER = "in a worker"
NO_STORE = "none"
MEMORY = "memory of the web server"
SQLITE = "SQLite file"
NATS = "NATS"
ARMS = (
    Arm("direct SSE", "http://127.0.0.1:{port}/direct/{name}", IN_WEB, NO_STORE),
    Arm("SSE with a buffer", "http://127.0.0.1:{port}/buffer/{name}", IN_WEB, MEMORY),
    Arm("bare WebSocket", "ws://127.0.0.1:{port}/live/{name}", IN_WEB, MEMORY),
    Arm(
        "resumable SSE, agent outside",
        "http://127.0.0.1:{port}/resumable/{name}",
        IN_WORKER,
        SQLITE,
        worker_path="store",
    ),
    Arm(
        "durable over SSE",
        "http://127.0.0.1:{port}/sessions/{name}/events",
        IN_WORKER,
        NATS,
        worker_path="session",
    ),
    Arm(
        "durable over WebSocket",
        "ws://127.0.0.1:{port}/sessions/{name}/ws",
        IN_WORKER,
        NATS,
        worker_path="session",
    ),
    Arm(
        "durable over SSE, agent inside",
        "http://127.0.0.1:{port}/inside/sessions/{name}/events",
        IN_WEB,
        NATS,
        say_url="http://127.0.0.1:{port}/inside/sessions/{name}/say",
    ),
)


@dataclass
class Screen:
    """What one client shows, and when each word came. A session is folded; other arms append."""

    fold: Conversation | None = None
    text: str = ""
    times_s: list[float] = field(default_factory=list)
    """By the monotonic clock."""
    cursor: str = ""
    answer: str = ""
    """The name of the answer whose tokens are looked for."""
    token_times_s: dict[int, float] = field(default_factory=dict)
    """When each token of that answer was first shown, by its number."""

    def take(self, name: str, cursor: str, message: dict[str, Any]) -> bool | None:
        """Take one message from the wire.

        Returns
        -------
        bool or None
            True where the answer is whole, False where nobody knows it any more, else None.
        """
        self.cursor = cursor or self.cursor
        n_before = len(self.text)
        if self.fold is None:
            self.text += message.get("text", "")
            is_over = name == "done" or "done" in message
        else:
            is_over = self._fold(self.fold, message.get("event", message))
        if len(self.text) > n_before:
            now_s = time.monotonic()
            self.times_s.append(now_s)
            for number in self.tokens():
                self.token_times_s.setdefault(number, now_s)
        if name == "refused":
            return False
        return True if is_over else None

    def _fold(self, fold: Conversation, event: dict[str, Any]) -> bool:
        """Fold an event of the session in. Returns whether the answer is over."""
        if "kind" in event:
            fold.apply(Event(**event))
            self.text = fold.text
        return any(run.ended for run in fold.runs.values())

    def tokens(self) -> list[int]:
        """The numbers of the answer's tokens, as shown."""
        shown = TOKEN.findall(self.text)
        return [int(number) for name, number in shown if name == self.answer]


@dataclass
class Trial:
    """One arm under one schedule: a laptop asks and reads, a phone joins in the middle."""

    arm: Arm
    name: str
    """The answer that is asked for; when it is lost, another is."""
    seed: int
    folder: Path
    """Where each answer's paid tokens are counted."""
    proxy_port: int
    web_port: int
    worker_port: int
    started_s: float
    """The moment of the monotonic clock that its times are counted from, as those of the faults."""

    async def run(self) -> dict[str, Any]:
        """Its row."""
        laptop = self._screen()
        phone = self._screen()
        with suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE_S):
                await self._start_agent()
                await asyncio.gather(self._laptop(laptop), self._phone(phone))
        return self._row(laptop, phone)

    def _row(self, laptop: Screen, phone: Screen) -> dict[str, Any]:
        paid = "".join(file.read_text() for file in sorted(self.folder.glob(f"{self.name}*")))
        shown = laptop.tokens()
        delivered = len(set(shown))
        times_s = [at_s - self.started_s for at_s in laptop.times_s]
        gaps_s = [later_s - sooner_s for sooner_s, later_s in pairwise(times_s)]
        first_s = round(times_s[0], 3) if times_s else None
        whole_s = round(times_s[-1], 3) if delivered == N_TOKENS else None
        return {
            "seed": self.seed,
            "arm": self.arm.name,
            "agent": self.arm.agent,
            "store": self.arm.store,
            "delivered": delivered,
            "lost": N_TOKENS - delivered,
            "duplicated": len(shown) - delivered,
            "reordered": sum(later < sooner for sooner, later in pairwise(shown)),
            "regenerated": max(0, paid.count(".") - N_TOKENS),
            "stall_s": round(sum(gap for gap in gaps_s if gap > STALL_S), 3),
            "ttft_s": first_s,
            "whole_s": whole_s,
            "wrong_cancels": paid.count("x"),
            "second_surface_saw_all": phone.tokens() == list(range(N_TOKENS)),
            "token_times_s": _token_times(laptop, self.started_s),
        }

    def _screen(self) -> Screen:
        fold = Conversation(self.name) if self.arm.is_session else None
        return Screen(fold, answer=self.name)

    async def _start_agent(self) -> None:
        """Have the agent answer, where it does not answer whoever connects."""
        if self.arm.worker_path:  # on the machines' own network, where the proxy is not
            path = f"{self.arm.worker_path}/{self.name}"
            await _post_until_taken(f"http://127.0.0.1:{self.worker_port}/{path}", {})
        if self.arm.say_url:
            url = self.arm.say_url.format(port=self.proxy_port, name=self.name)
            await _post_until_taken(url, {"text": "go on", "id": f"message-{self.name}"})

    async def _laptop(self, screen: Screen) -> None:
        """Watch the answer; where it is lost, ask for another, which is paid for too."""
        asks = not (self.arm.worker_path or self.arm.say_url)
        name = self.name
        n_asked = 1
        while not await self._watch(screen, name, self.proxy_port, asks):
            name = f"{self.name}-{n_asked}"
            screen.cursor = ""
            n_asked += 1

    async def _phone(self, screen: Screen) -> None:
        await asyncio.sleep(PHONE_AT_S)
        if self.arm.can_come_back:
            await self._watch(screen, self.name, self.web_port, asks=False)

    async def _watch(self, screen: Screen, name: str, port: int, asks: bool) -> bool:
        """Follow an answer across connections, as far as the arm can. False where it is lost."""
        url = self.arm.url.format(port=port, name=name)
        while True:
            request = Request(url + "?ask=1" if asks else url)
            with suppress(*broken()):
                async with aclosing(listen(request, screen.cursor, SILENCE_S)) as frames:
                    async for event, cursor, data in frames:
                        asks = False
                        is_over = screen.take(event, cursor, as_json(data))
                        if is_over is not None:
                            return is_over
            if not self.arm.can_come_back:
                return False
            await asyncio.sleep(RETRY_S)


def _token_times(screen: Screen, started_s: float) -> tuple[float | None, ...]:
    """When each token was first shown, in seconds since the start; None of one that is lost."""
    shown = set(screen.tokens())
    times_s: list[float | None] = []
    for number in range(N_TOKENS):
        is_shown = number in shown
        times_s.append(round(screen.token_times_s[number] - started_s, 3) if is_shown else None)
    return tuple(times_s)


async def _post_until_taken(url: str, body: dict[str, str]) -> None:
    """POST, and again where it may have been lost: who takes it knows it by its id."""
    import httpx

    async with httpx.AsyncClient(timeout=POST_S, trust_env=False, verify=False) as client:
        while True:
            with suppress(httpx.HTTPError):
                if (await client.post(url, json=body)).is_success:
                    return
            await asyncio.sleep(RETRY_S)
