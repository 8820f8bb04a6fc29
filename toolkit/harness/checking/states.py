"""Checks by what the app's SQLite file holds afterwards."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolkit.evals import Effect, Effects, diff_state
from toolkit.evals.scorers.state import StateDiff
from toolkit.harness.checking.app import App, open_app, run_inside
from toolkit.harness.checking.commands import command_finding
from toolkit.harness.checking.exchanges import check_exchange
from toolkit.harness.checking.finding import SHOWN, Finding, as_file
from toolkit.harness.contract import Serve
from toolkit.harness.contract_checks import Command, Exchange, RowChange, StateCheck, Value
from toolkit.harness.evidence import Grade
from toolkit.harness.sandbox import Box, Sandbox, clip

READ_S = 20.0
ROW_CHARS = 200
MAX_FAULTS = 5


@dataclass(frozen=True, slots=True)
class Tables:
    """What a database holds, or why it cannot be read."""

    tables: dict[str, Any]
    fault: str


async def check_state(
    check: StateCheck, serve: Serve | None, sandbox: Sandbox, folder: Path
) -> Finding:
    """Read the database, do what changes it, and read it again."""
    async with _opened(check, serve, sandbox, folder) as (box, app):
        before = await _read(box, check.database)
        done = await _run_all(check, box)
        if app and done.grade == "pass":
            exchange = Exchange(check.requests, check.timeout_s)
            done = await check_exchange(exchange, app)
            done = done.with_log(app.log)
        after = await _read(box, check.database)
    if done.grade != "pass":
        return done
    record = as_file({"before": before.tables, "after": after.tables})
    files = {**done.files, "state.json": record}
    if after.fault:
        return Finding("fail", f"{check.database}: {after.fault}", files=files)
    diff = difference(check, before.tables, after.tables)
    grade, why = grade_difference(diff)
    return Finding(grade, why, {"changes": diff.summary}, files)


@asynccontextmanager
async def _opened(
    check: StateCheck, serve: Serve | None, sandbox: Sandbox, folder: Path
) -> AsyncIterator[tuple[Box, App | None]]:
    """A box of the build; the app runs in it where requests are sent."""
    if check.requests and serve:
        async with open_app(serve, sandbox, folder) as app:
            yield app.box, app
    else:
        async with sandbox.open(folder) as box:
            yield box, None


async def _read(box: Box, database: str) -> Tables:
    return await run_inside(box, "sqlite", {"database": database}, Tables, READ_S)


async def _run_all(check: StateCheck, box: Box) -> Finding:
    """Run the commands, up to the first that fails."""
    for argv in check.commands:
        command = Command(argv, timeout_s=check.timeout_s)
        ended = await box.run(argv, check.timeout_s)
        finding = command_finding(command, ended)
        if finding.grade != "pass":
            return replace(finding, why=f"{' '.join(argv)}: {finding.why}")
    return Finding("pass", SHOWN)


def difference(check: StateCheck, before: Mapping[str, Any], after: Mapping[str, Any]) -> StateDiff:
    """What is different in the tables, beside what was promised.

    A table that is new was empty before: rows count, and not when the app makes its tables.
    """
    start = dict(before)
    for name, rows in after.items():
        start.setdefault(name, type(rows)())
    effects = [effect_of(change) for change in check.changes]
    return diff_state(start, after, Effects(*effects, others=check.others))


def effect_of(change: RowChange) -> Effect:
    """A promised change in the words of evals."""
    where = _by_name(change.where)
    if change.change == "added":
        return Effect.added(change.table, where, count=change.count)
    if change.change == "removed":
        return Effect.removed(change.table, where, count=change.count)
    return Effect.changed(change.table, where, _by_name(change.to), count=change.count)


def _by_name(values: Sequence[Value]) -> dict[str, Any]:
    return {value.name: value.value for value in values}


def grade_difference(diff: StateDiff) -> tuple[Grade, str]:
    """Whether the state is as promised, and what of it is not."""
    if diff.matches:
        return "pass", SHOWN
    faults = "; ".join(_faults(diff))
    return "fail", f"{diff.summary}: {faults}"


def _faults(diff: StateDiff) -> list[str]:
    """The first faults, a line each."""
    lines = list(diff.drift)
    for fault in ("missing", "wrong", "collateral"):
        for change in getattr(diff, fault):
            row = change.expected or change.after or change.before
            shown = clip(repr(row), ROW_CHARS)
            lines.append(f"{fault}: {change.kind} in {change.table} {shown}")
    return lines[:MAX_FAULTS]
