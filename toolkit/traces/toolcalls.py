"""The spans of tools give their times, results and errors to the calls that a model made."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from heapq import merge
from typing import Any

from toolkit.records import canonical
from toolkit.traces.ids import unused
from toolkit.traces.parts import words_of
from toolkit.traces.trace import Step


@dataclass(slots=True)
class ToolRun:
    """What a tool was given and what it answered."""

    name: str
    arguments: Any = None
    result: Any = None
    call_id: str | None = None
    start: float | None = None
    end: float | None = None
    error: bool | None = None
    why: str = ""
    agent: str | None = None

    def words(self) -> str:
        """What a person reads of the answer; why it failed where there is none."""
        if self.result is None or self.result == "":
            return self.why
        if isinstance(self.result, dict):
            return json.dumps(self.result, ensure_ascii=False)
        return words_of(self.result)[0]


def called_names(lines: Iterable[list[Step]]) -> set[str]:
    """The names in the calls of models."""
    return {step.data["name"] for steps in lines for step in steps if step.kind == "tool.call"}


def with_tool_runs(lines: list[list[Step]], runs: Iterable[ToolRun]) -> list[list[Step]]:
    """The lines with what the tools' spans say of each call; a run without a call is its own line.

    A run is matched to its call by the id, else by name and arguments, else by name and order.
    """
    _make_ids_unique(lines)
    open_calls = [step for steps in lines for step in steps if step.kind == "tool.call"]
    matched: dict[str, ToolRun] = {}
    waiting = list(runs)
    for match in (_same_id, _same_arguments, _same_name):
        unmatched: list[ToolRun] = []
        for run in waiting:
            call = next((call for call in open_calls if match(run, call)), None)
            if call is None:
                unmatched.append(run)
                continue
            open_calls.remove(call)
            matched[call.data["call_id"]] = run
        waiting = unmatched
    results = {
        step.data.get("call_id") for steps in lines for step in steps if step.kind == "tool.result"
    }
    for steps in lines:
        steps[:] = _filled(steps, matched, results)
    call_ids = {step.data.get("call_id") for steps in lines for step in steps}
    taken = {id_ for id_ in call_ids if id_}
    return [*lines, *(_own_steps(run, taken) for run in waiting)]


def _same_id(run: ToolRun, call: Step) -> bool:
    ids = (call.data["call_id"], call.data.get("original_call_id"))
    return run.call_id is not None and run.call_id in ids


def _same_arguments(run: ToolRun, call: Step) -> bool:
    same = canonical(run.arguments) == canonical(call.data.get("arguments"))
    return _same_name(run, call) and same


def _same_name(run: ToolRun, call: Step) -> bool:
    return run.name == str(call.data["name"])


def _make_ids_unique(lines: list[list[Step]]) -> None:
    """Two branches may use one id for two calls."""
    taken: set[str] = set()
    for steps in lines:
        renamed: dict[str, str] = {}
        for step in steps:
            call_id = step.data.get("call_id")
            if call_id is None:
                continue
            if step.kind == "tool.call":
                own_id = unused(call_id, taken)
                if own_id != call_id:
                    step.data.setdefault("original_call_id", call_id)
                    renamed[call_id] = own_id
            step.data["call_id"] = renamed.get(call_id, call_id)


def _filled(steps: list[Step], matched: dict[str, ToolRun], results: set[Any]) -> list[Step]:
    """The steps with what the runs say. A result that no message repeats follows its calls."""
    filled: list[Step] = []
    waiting: list[Step] = []
    for step in steps:
        if step.kind != "tool.call":
            filled += waiting
            waiting = []
        run = matched.get(step.data.get("call_id") or "")
        if run is None:
            filled.append(step)
        elif step.kind == "tool.call":
            filled.append(_timed_call(step, run))
            if step.data["call_id"] not in results and _has_ended(run):
                waiting.append(_result(run, filled[-1]))
        elif step.kind == "tool.result":
            filled.append(_timed_result(step, run))
        else:
            filled.append(step)
    return filled + waiting


def _has_ended(run: ToolRun) -> bool:
    return run.result is not None or run.end is not None or bool(run.error)


def _timed_call(call: Step, run: ToolRun) -> Step:
    if run.start is None:
        return call
    if run.end is not None:
        call.data["duration_s"] = run.end - run.start
    return replace(call, time=run.start)


def _timed_result(result: Step, run: ToolRun) -> Step:
    """A result that a model was given, with the end of the tool's span."""
    if run.error is not None:
        result.data["error"] = run.error
    words = run.words()
    if words and words.split() != result.content.split():
        result.data["output"] = run.result if run.result is not None else words
    content = result.content or words
    time = run.end if run.end is not None else result.time
    return replace(result, content=content, time=time)


def _result(run: ToolRun, call: Step) -> Step:
    """The result of a call, from the tool's span alone."""
    shared = {name: call.data[name] for name in ("agent", "branch") if name in call.data}
    data = {"call_id": call.data["call_id"], "name": call.data["name"], "error": run.error}
    if run.why and run.words() != run.why:
        data["why"] = run.why
    return Step("", "tool.result", "tool", run.words(), run.end, data | shared)


def _own_steps(run: ToolRun, taken: set[str]) -> list[Step]:
    """The call and the result of a tool that no model is known to have called."""
    call_id = unused(run.call_id or f"call-{len(taken) + 1}", taken)
    arguments = {} if run.arguments is None else run.arguments
    data = {"call_id": call_id, "name": run.name, "arguments": arguments}
    if run.agent:
        data["agent"] = run.agent
    call = _timed_call(Step("", "tool.call", "assistant", run.name, None, data), run)
    return [call, _result(run, call)] if _has_ended(run) else [call]


def in_order(lines: Iterable[list[Step]]) -> list[Step]:
    """The steps of all lines in the order of time, each with an id of its own.

    Within a line the order of the messages holds, whatever the clocks say.
    """
    timed = [_with_rising_times(steps, number) for number, steps in enumerate(lines)]
    taken: set[str] = set()
    steps: list[Step] = []
    for _, _, step in merge(*timed, key=lambda entry: entry[:2]):
        id_ = step.id if step.id and not step.id.startswith("s") else f"s{len(steps) + 1}"
        steps.append(replace(step, id=unused(id_, taken)))
    return steps


def _with_rising_times(steps: list[Step], number: int) -> list[tuple[float, int, Step]]:
    """Each step with a time that is no earlier than that of the step before it."""
    now = float("-inf")
    entries: list[tuple[float, int, Step]] = []
    for step in steps:
        if step.time is not None:
            now = max(now, step.time)
        entries.append((now, number, step))
    return entries
