"""Checks by what the app's SQLite file holds afterwards."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.evals import Effect, Effects, diff_state
from toolkit.evals.scorers.state import StateDiff
from toolkit.harness.box import Box
from toolkit.harness.checking.app import App, open_app, run_inside
from toolkit.harness.checking.exchanges import describe, grade_answers, send_all
from toolkit.harness.checking.finding import Finding, as_file
from toolkit.harness.contract import Serve
from toolkit.harness.contract_checks import RowChange, StateCheck, Value
from toolkit.harness.evidence import Grade
from toolkit.harness.sandbox import Sandbox
from toolkit.harness.workspace import clip

READ_S = 20.0
ERROR_CHARS = 500
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
        fault = await _run_all(check, box)
        answers = []
        if app and not fault:
            sent = await send_all(check.requests, app, check.timeout_s)
            answers = describe(check.requests, sent)
            grade, why = grade_answers(check.requests, sent)
            if grade != "pass":
                return Finding(grade, why, {"exchange": answers}, {"state.json": as_file(answers)})
        after = await _read(box, check.database)
    record = {"before": before.tables, "after": after.tables, "exchange": answers}
    files = {"state.json": as_file(record)}
    if fault or after.fault:
        why = fault or f"{check.database}: {after.fault}"
        return Finding("fail", why, files=files)
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


async def _run_all(check: StateCheck, box: Box) -> str:
    """Run the commands up to the first that fails. Returns why it did; else nothing."""
    for command in check.commands:
        ended = await box.run(command, check.timeout_s)
        line = " ".join(command)
        if ended.timed_out:
            return f"{line}: no end after {check.timeout_s:g} s"
        if ended.error or ended.exit_code != 0:
            why = clip(ended.error or ended.stderr.strip(), ERROR_CHARS)
            return f"{line}: exit code {ended.exit_code}: {why}"
    return ""


def difference(check: StateCheck, before: Mapping[str, Any], after: Mapping[str, Any]) -> StateDiff:
    """What is different in the tables, beside what was promised.

    A table that is new was empty before: rows count, and not when the app makes its tables.
    """
    start = {name: type(rows)() for name, rows in after.items()} | dict(before)
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
        return "pass", "the check shows it"
    return "fail", f"{diff.summary}: {'; '.join(_faults(diff))}"


def _faults(diff: StateDiff) -> list[str]:
    """The first faults, a line each."""
    lines = list(diff.drift)
    for kind, changes in (
        ("missing", diff.missing),
        ("wrong", diff.wrong),
        ("collateral", diff.collateral),
    ):
        for change in changes:
            row = change.expected or change.after or change.before
            lines.append(f"{kind}: {change.kind} in {change.table} {clip(repr(row), ROW_CHARS)}")
    return lines[:MAX_FAULTS]
