"""A small build by scripted roles: a CSV report whose first version has one planted defect.

The roles are simulated; the contract, the sandbox, the checks, the loop and the session are the real ones, and the
scripted answers travel through the real SDK over loopback. What is reported is counted from the session's events.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.events import Event
from toolkit.harness.loop import Harness
from toolkit.harness.outcome import Budget, Outcome
from toolkit.harness.roles import Evaluator, Generator, Planner
from toolkit.harness.workspace import Workspace
from toolkit.models import Answer, Ledger, Request, connect_model
from toolkit.sessions import Session

GOAL = (
    "A command for the bicycle shop: python report.py FILE reads sales from a CSV file (customer, region, amount) and "
    "prints the total of each region. It must be safe to run on whatever the till exports."
)
SPEC = """# Sales by region
`python report.py FILE` prints one line a region, sorted by name: the region, a space, its total with two decimals.
Customers' names come from people: they hold commas and quotation marks. A file that is missing, or an amount that is
no number, is refused with exit code 2 and one line on stderr that names the file or the line; nothing is printed then.
A file with a header and no sales prints "no sales".
"""
PLAIN = "customer,region,amount\nAda,north,10.00\nBen,south,12.50\nCleo,north,20.00\n"
QUOTED = 'customer,region,amount\n"Okafor, Ada",north,10.00\n"Ben ""Spokes"" Lee",south,2.50\n'
DEFECTIVE_LINE = 'rows = [line.rstrip("\\n").split(",") for line in file]'
MENDED_LINE = "rows = list(csv.reader(file))"
FIRST_VERSION = f"""import csv
import sys
from collections import defaultdict
from decimal import Decimal, InvalidOperation


def totals(path):
    with open(path, newline="", encoding="utf-8") as file:
        {DEFECTIVE_LINE}
    sums = defaultdict(Decimal)
    for number, row in enumerate(rows[1:], 2):
        try:
            sums[row[1]] += Decimal(row[2])
        except (IndexError, InvalidOperation):
            raise SystemExit(refuse(f"{{path}}: line {{number}}: no amount in {{row}}"))
    return sums


def refuse(why):
    print(why, file=sys.stderr)
    return 2


def main(arguments):
    if len(arguments) != 1:
        return refuse("use: python report.py FILE")
    try:
        sums = totals(arguments[0])
    except OSError as error:
        return refuse(f"{{arguments[0]}}: {{error.strerror}}")
    print("\\n".join(f"{{region}} {{sums[region]:.2f}}" for region in sorted(sums)) or "no sales")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect planted on purpose."""

    marker: str
    """The text that is in a file as long as the defect is."""
    criterion: str
    """The criterion that must turn red because of it."""


DEFECTS = (Defect(DEFECTIVE_LINE, "quoted-commas"),)


def _criterion(id: str, text: str, name: str, content: str | None, **expected: Any) -> dict[str, Any]:
    files = [] if content is None else [{"path": name, "content": content}]
    return {"id": id, "text": text, "command": ["python", "report.py", name], "files": files} | expected


def _criteria(objections: list[str]) -> list[dict[str, Any]]:
    """The contract; its first draft takes Python's own exit code 2 for the command's refusal."""
    named = ["missing.csv"] if any("missing-file" in objection for objection in objections) else []
    bad = PLAIN.replace("12.50", "a lot")
    return [
        _criterion("totals", "Totals by region.", "sales.csv", PLAIN, stdout=["north 30.00\nsouth 12.50\n"]),
        _criterion(
            "quoted-commas", "Names may hold commas.", "sales.csv", QUOTED, stdout=["north 10.00\nsouth 2.50\n"]
        ),
        _criterion("missing-file", "A missing file is refused.", "missing.csv", None, exit_code=2, stderr=named),
        _criterion("bad-amount", "A bad amount is refused.", "sales.csv", bad, exit_code=2, stderr=["line 3"]),
        _criterion("no-sales", "An empty month is no error.", "sales.csv", PLAIN[:23], stdout=["no sales\n"]),
    ]


def plan_policy(_: Request) -> Answer:
    """The scripted Planner."""
    return Answer(data={"spec": SPEC})


def generate_policy(request: Request) -> Answer:
    """The scripted Generator: mends what the request's findings or objections name, and nothing else."""
    asked = question(request)
    if asked["task"] == "propose":
        return Answer(
            data={"criteria": _criteria([why for refused in asked["refused"] for why in refused["objections"]])}
        )
    failed = {found["criterion"] for found in asked["findings"] or [] if found["verdict"] != "pass"}
    if "quoted-commas" in failed:
        code, note = FIRST_VERSION.replace(DEFECTIVE_LINE, MENDED_LINE), "The csv module reads the rows now."
    else:
        code, note = FIRST_VERSION, "report.py does all that the contract asks."
    return Answer(data={"files": [{"path": "report.py", "content": code}], "handoff": note})


def evaluate_policy(request: Request) -> Answer:
    """The scripted Evaluator: wants a quoted comma in the contract, and goes by what the checks show."""
    asked = question(request)
    if asked["task"] == "review":
        tried = any('"' in file["content"] for criterion in asked["criteria"] for file in criterion["files"])
        return Answer(data={"agree": tried, "objections": [] if tried else ["No criterion tries a quoted comma."]})
    verdicts = [
        {
            "criterion": check["criterion"],
            "verdict": "pass" if check["finding"] == "pass" else "fail",
            "why": (check["stderr"].strip() or check["why"])[:200],
        }
        for check in asked["checks"]
    ]
    return Answer(data={"verdicts": verdicts})


def question(request: Request) -> dict[str, Any]:
    """What a role was asked, as the JSON that its message holds."""
    content = request.messages[0]["content"]
    text = content if isinstance(content, str) else "".join(block["text"] for block in content)
    asked: dict[str, Any] = json.loads(text)
    return asked


def count_defects(events: Iterable[Event], defects: Iterable[Defect] = DEFECTS) -> dict[str, int]:
    """Count planted and caught defects from a run's events.

    A defect counts as planted where a file written in some round holds its marker; as caught where the executed
    check of its criterion failed in that round, and the criterion passed in a later one.
    """
    events = list(events)
    written = [e.data["arguments"] for e in events if e.kind == "tool.call" and e.data["name"] == "write_file"]
    verdicts = [e.data for e in events if e.kind == "verdict"]
    planted = caught = 0
    for defect in defects:
        rounds = [file["round"] for file in written if defect.marker in file["content"]]
        about = [verdict for verdict in verdicts if verdict["criterion"] == defect.criterion]
        red = [verdict["round"] for verdict in about if verdict["check"] == "fail" and verdict["round"] in rounds]
        planted += bool(rounds)
        caught += any(v["verdict"] == "pass" and v["round"] > min(red) for v in about) if red else 0
    return {"defects_planted": planted, "defects_caught": caught}


@asynccontextmanager
async def demo_harness(
    folder: str | Path, session: Session, ledger: Ledger | None = None, budget: Budget | None = None
) -> AsyncIterator[Harness]:
    """The three scripted roles over the real SDK on loopback, ready to build `GOAL` in `folder`.

    Parameters
    ----------
    folder : str or Path
        The workspace; the same folder again goes on from its journal.
    session : Session
        What the roles write to.
    ledger : Ledger, optional
        Counts the calls that are made, at the prices that they would have.
    budget : Budget, optional
        The limits.
    """
    ledger = Ledger() if ledger is None else ledger
    async with (
        connect_model(policy=plan_policy, ledger=ledger) as planner,
        connect_model(policy=generate_policy, ledger=ledger) as generator,
        connect_model(policy=evaluate_policy, ledger=ledger) as evaluator,
    ):
        roles = Planner(planner), Generator(generator), Evaluator(evaluator)
        yield Harness(*roles, Workspace(folder), session, budget or Budget())


async def run_demo(folder: str | Path, session: Session) -> dict[str, Any]:
    """Run the small build on `session` and count what its events show.

    Returns
    -------
    dict
        outcome, why, rounds, defects_planted, defects_caught, criteria, passed, contract_hash, cost_usd (of the whole
        build, at the prices that the calls would have), model_calls, replayed_calls, source.
    """
    after = (await session.conversation()).cursor
    async with demo_harness(folder, session) as harness:
        outcome = await harness.run(GOAL)
    events = [event async for event in session.read(after, follow=False)]
    return tell(outcome, events)


def tell(outcome: Outcome, events: Iterable[Event]) -> dict[str, Any]:
    """The figures of a run, from its outcome and its events."""
    events = list(events)
    rounds = [e.data for e in events if e.kind == "verdict"]
    last = max((verdict["round"] for verdict in rounds), default=0)
    frozen = [len(event.data["criteria"]) for event in events if event.kind == "contract.frozen"]
    return {
        "outcome": outcome.outcome,
        "why": outcome.why,
        "rounds": last,
        **count_defects(events),
        "criteria": frozen[-1] if frozen else 0,
        "passed": sum(verdict["verdict"] == "pass" for verdict in rounds if verdict["round"] == last),
        "contract_hash": outcome.contract_hash,
        "cost_usd": outcome.cost_usd,
        "model_calls": outcome.model_calls,
        "replayed_calls": outcome.replayed_calls,
        "source": "+".join(outcome.sources),
    }
