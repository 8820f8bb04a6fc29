"""Builds to be watched: one whose roles wait at a gate, and sessions that no build would write."""

import asyncio
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from toolkit.events import Event
from toolkit.harness import Evaluator, Generator, Harness, Planner, Sandbox, Workspace
from toolkit.harness.watching import HarnessStatus, WatchedBuild
from toolkit.models import Answer, Request, ScriptedModel
from toolkit.sessions import Session

GOAL = "A note that says hello."
HOSTILE = "<img src=x onerror=alert(1)>"
HANDOFF = {"tried": "Writing.", "found": HOSTILE, "decided": "Plain text.", "next": "More."}
CRITERIA = [
    {
        "id": "says-hello",
        "claim": "The note says hello.",
        "check": {"kind": "command", "argv": ["cat", "note.txt"], "stdout": ["hello"]},
    }
]


@dataclass
class Gated(ScriptedModel):
    """A scripted model that answers once it is let through."""

    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def stream(self, request: Request):
        await self.gate.acquire()
        async for piece in super().stream(request):
            yield piece


def plan(_: Request) -> Answer:
    return Answer(data={"spec": f"# A note\nIt says hello. {HOSTILE}"})


def generate(request: Request) -> Answer:
    """Wrong in the first round, right in the second."""
    asked = json.loads(request.messages[-1]["content"])
    if asked["task"] == "propose":
        return Answer(data={"criteria": CRITERIA})
    words = "hello" if asked["number"] > 1 else "good day"
    file = {"path": "note.txt", "content": words}
    return Answer(data={"files": [file], "handoff": HANDOFF})


def evaluate(request: Request) -> Answer:
    asked = json.loads(request.messages[-1]["content"])
    if asked["task"] == "review":
        return Answer(data={"agree": True, "objections": []})
    verdicts = []
    for check in asked["checks"]:
        verdicts.append(
            {"criterion": check["criterion"], "verdict": check["finding"], "why": check["why"]}
        )
    return Answer(data={"verdicts": verdicts})


TURNS = 7
"""Plan, propose, review, build and judge, and the last two again."""


def gated_harness(
    folder: str | Path, session: Session, gate: asyncio.Semaphore, **options: Any
) -> Harness:
    """A build of seven turns, each of which waits for `gate`."""
    planner, generator, evaluator = (
        Gated(policy, gate=gate) for policy in (plan, generate, evaluate)
    )
    roles = Planner(planner), Generator(generator), Evaluator(evaluator)
    sandbox = Sandbox.best(unsafe=True)
    return Harness(*roles, Workspace(folder), session, sandbox=sandbox, **options)


def folded(events: list[Event]) -> HarnessStatus:
    """The status after `events`."""
    watched = WatchedBuild()
    for event in events:
        watched.apply(event)
    return watched.status()


# --- Sessions that no build would write.

KINDS = ["run.started", "run.finished", "text.delta", "model.usage", "tool.call", "tool.result"]
KINDS += ["check.result"] * 4 + ["verdict"] * 4
KINDS += ["contract.frozen", "sprint.started", "build.started", "build.finished", "message"]
KINDS += ["steer", "cancel", "steer.consumed", "signal.unused", "approval.asked"]
KINDS += ["approval.settled", "text.snapshot", "run.rolled_back", "run.suspended", "error"]
KINDS += ["turn.started", "another"]
ACTORS = ["planner", "generator", "evaluator", "tester", "harness", "ada"]
ODD = [None, True, -1, 1.5, 10**20, "", "pass", [], {}, ["x"], {"id": 1}]


def random_session(draw) -> list[Event]:
    """Events in an order, and with data, that no build would write."""
    events = []
    runs = {f"r{n}": ACTORS[n % len(ACTORS)] for n in range(8)}
    for seq in range(1, draw.randint(2, 90)):
        kind = draw.choice(KINDS)
        run = draw.choice(list(runs))
        earlier = draw.choice(events).id if events else "none"
        data = data_of(kind, draw, earlier, seq)
        if data and draw.random() < 0.15:
            data[draw.choice(list(data))] = draw.choice(ODD)
        actor = runs[run]
        of_run = None if kind in ("message", "contract.frozen", "build.started") else run
        if kind in ("steer", "cancel"):
            of_run = draw.choice([None, run])
            actor = "ada"
        events.append(Event("s", kind, actor, data, f"e{seq}", of_run, float(seq), seq))
    return events


def data_of(kind, draw, earlier, seq):
    grade = draw.choice(["pass", "fail", "unscored"])
    ids = ["totals", "dates", "names"]
    evidence = [{"name": "output.json", "path": "../../etc/passwd", "sha256": "ab" * 32}]
    seen = {"criterion": draw.choice(ids), "round": draw.randint(0, 3), "why": HOSTILE}
    seen |= {"evidence": draw.choice([evidence, []]), "sprint": draw.choice([None, 1, 2])}
    criteria = [{"id": id_, "claim": id_, "check": {"kind": "command"}} for id_ in ids]
    criteria[0]["held_out"] = draw.choice([True, False])
    usage = {"input_tokens": draw.randint(0, 99), "output_tokens": draw.randint(0, 99)}
    arguments = {"path": draw.choice(["a.py", "b.py"])}
    known = {
        "run.started": {"source": draw.choice(["simulated", "live", "odd"])},
        "run.finished": {"outcome": draw.choice(["complete", "cancelled", "odd"])},
        "text.delta": {"text": draw.choice(["one ", HOSTILE])},
        "text.snapshot": {"text": "so far", "covers": draw.randint(0, 90), "items": [], "open": 0},
        "model.usage": {"usage": usage, "cost_usd": draw.choice([0.25, 0.001])},
        "tool.call": {"call_id": "c1", "name": "write_file", "arguments": arguments},
        "tool.result": {"call_id": "c1", "error": draw.choice([True, False])},
        "check.result": seen | {"finding": grade, "regression_of": draw.choice([None, 1])},
        "verdict": seen | {"verdict": grade},
        "contract.frozen": {"sha256": "cd" * 32, "criteria": criteria, "sprint": seq % 3},
        "sprint.started": {"sprint": draw.randint(1, 3), "of": 3, "goal": "totals"},
        "build.started": {"roles": draw.choice([ACTORS[:4], []]), "budget": {"cost_usd": 2.0}},
        "build.finished": {"outcome": draw.choice(["complete", "odd"]), "why": "so"},
        "message": {"text": GOAL},
        "steer": {"text": "no dark mode", "screen": draw.choice(["", "phone"])},
        "approval.asked": {"question": "Go on?"},
        "approval.settled": {"request": earlier, "answer": True},
        "error": {"why": "the log was away"},
        "turn.started": {"step": "build", "number": draw.randint(1, 3)},
    }
    data = dict(known.get(kind, {"event": earlier}))
    if kind in ("steer.consumed", "signal.unused"):
        data = {"event": earlier, "why": "so"}
    return data


def plain(status: HarnessStatus) -> dict[str, Any]:
    """All of a status as JSON, figures to six digits."""
    values = asdict(status)
    values["position"] = status.position
    values["spent_usd"] = f"{status.spent_usd:.6f}"
    values["requests"] = [str(request) for request in status.requests]
    for lane in values["lanes"]:
        lane["cost_usd"] = f"{lane['cost_usd']:.6f}"
    return json.loads(json.dumps(values))
