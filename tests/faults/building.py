"""The program that the kill tests kill: a build of three sprints on a log of its own.

Each model call is noted in a file before it is answered: what is recorded was called, and a second
call of what was recorded is seen there. It kills itself when a chosen event is stored, or in the
middle of a chosen call.
"""

import asyncio
import hashlib
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.harness.builds import GOAL, Notes, question, right, runs, writes
from toolkit.events import Event
from toolkit.harness import Outcome, Sandbox
from toolkit.harness.written import digest
from toolkit.models import Answer, Request, ScriptedModel
from toolkit.models.schema import schema_faults
from toolkit.records import encode
from toolkit.sessions import Ack, Log, MemoryLog, NatsLog, Session

NOT_COUNTED = ("lease.renewed",)
"""Events whose number depends on how long a run takes."""
APP = """
import http.server, pathlib

class Notes(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = pathlib.Path("alpha.txt").read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Notes).serve_forever()
"""


class Site(Notes):
    """Two files, and a server that shows the first; the second sprint needs a second round."""

    def generate(self, request: Request) -> Answer:
        asked = question(request)
        name = asked["feature"]["id"]
        if name != "web":
            self.right_from = 2 if name == "beta" else 1
            return super().generate(request)
        if asked["task"] == "propose":
            get = {"method": "GET", "path": "/", "texts": ["alpha is here"]}
            check = {"kind": "exchange", "requests": [get]}
            served = {"id": "served", "claim": "It is served.", "check": check}
            serve = {"argv": ["python", "app.py"]}
            kept = runs("kept", "test", "-e", "app.py")
            return Answer(data={"criteria": [served, kept], "serve": serve})
        return writes({"app.py": APP} | right("web"))


class Deadly:
    """Counts what is stored on a log, and kills the process once the chosen event is."""

    def __init__(self, nth: int):
        self.nth = nth
        self.stored: set[str] = set()

    def count(self, *events: Event) -> None:
        for event in events:
            if event.kind in NOT_COUNTED or event.id in self.stored:
                continue
            self.stored.add(event.id)
            if len(self.stored) == self.nth:
                os.kill(os.getpid(), signal.SIGKILL)


def deadly(log: Log, nth: int) -> Deadly:
    """Have `log` kill the process when its event number `nth` is stored.

    A log may store one event by way of the other method: each event counts once.
    """
    counter = Deadly(nth)
    append, append_all = log.append, log.append_all

    async def one(event: Event, fence: int | None = None) -> Ack:
        ack = await append(event, fence)
        counter.count(event)
        return ack

    async def several(events: Any, fence: int | None = None) -> list[Ack]:
        acks = await append_all(events, fence)
        counter.count(*events)
        return acks

    log.append = one  # type: ignore[method-assign]
    log.append_all = several  # type: ignore[method-assign]
    return counter


def noting(notes: Site, calls: Path, killing_call: int) -> None:
    """Have the roles' models note each call in a file, and kill the process in the middle of one."""
    made = notes.model

    def model(policy: Any) -> ScriptedModel:
        def ask(request: Request) -> Answer:
            with calls.open("a") as file:
                file.write(hashlib.sha256(encode(request).encode()).hexdigest() + "\n")
            if len(calls.read_text().splitlines()) == killing_call:
                os.kill(os.getpid(), signal.SIGKILL)
            return policy(request)

        return made(ask)

    notes.model = model  # type: ignore[method-assign]


async def run(folder: Path, log: Log, calls: Path, killing_call: int = 0) -> Outcome:
    notes = Site(["alpha", "beta", "web"])
    noting(notes, calls, killing_call)
    session = Session(log, folder.name, clock=lambda: 1_700_000_000.0)
    return await notes.harness(folder, session).run(GOAL)


def result(folder: Path, outcome: Outcome) -> dict[str, Any]:
    """All of a build that a kill must not change."""
    files = {}
    for path in sorted(folder.rglob("*.json")) + sorted(folder.glob("*.md")):
        name = path.relative_to(folder).as_posix()
        if name != "written.json":
            files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    branches = {}
    for path in sorted((folder / "history.git/refs/heads").iterdir()):
        branches[path.name] = path.read_text()
    return {
        "outcome": outcome.outcome,
        "why": outcome.why,
        "rounds": outcome.rounds,
        "features": outcome.features,
        "contract": outcome.contract_hash,
        "verdicts": [asdict(verdict) for verdict in outcome.verdicts],
        "ledger": [asdict(totals) for totals in outcome.ledger],
        "cost_usd": outcome.cost_usd,
        "build": digest(folder / "build"),
        "files": files,
        "history": outcome.history,
        "branches": branches,
    }


async def main(folder: Path, where: str, nth: int, killing_call: int) -> None:
    log: Log
    if where.startswith("nats:"):
        log = await NatsLog.connect(where)
    else:
        log = MemoryLog(where)
    counter = deadly(log, nth)
    outcome = await run(folder, log, folder.with_suffix(".calls"), killing_call)
    told = result(folder, outcome) | {
        "stored": len(counter.stored),
        "possibly_billed_calls": outcome.possibly_billed_calls,
    }
    folder.with_suffix(".result").write_text(json.dumps(told))
    await log.close()


def fork_on_demand() -> None:
    """Run the build in a fork for each line of arguments, and print how it ended. What takes long
    is done once, before: to import the check of schemas, and to find out what sandbox runs here.
    """
    schema_faults({})
    Sandbox.best(unsafe=True)
    for line in sys.stdin:
        folder, where, nth, killing_call = line.split()
        pid = os.fork()
        if pid == 0:
            asyncio.run(main(Path(folder), where, int(nth), int(killing_call)))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    fork_on_demand()
