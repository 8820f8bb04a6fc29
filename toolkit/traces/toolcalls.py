"""The spans of tools give their times, results and errors to the calls that a model made."""

import re
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import replace
from heapq import merge
from typing import Any

from toolkit.records import canonical
from toolkit.traces.ids import Taken
from toolkit.traces.messages import Transcript
from toolkit.traces.parts import Call, Result, answer_words
from toolkit.traces.span import Span
from toolkit.traces.trace import Step

NUMBER = re.compile(r"s\d+(-\d+)?")
"""The id of a step whose source gave it none."""


def called_names(lines: Iterable[list[Step]]) -> set[str]:
    """The names in the calls of models."""
    calls = _of_kind(lines, "tool.call")
    return {call.data["name"] for call in calls}


def with_tool_runs(lines: list[list[Step]], runs: Iterable[Span]) -> list[list[Step]]:
    """The lines with what the tools' spans say of each call; a run without a call is its own line.

    A run is matched to its call by the id, else by name and arguments, else by name and order.
    """
    _make_ids_unique(lines)
    calls = _of_kind(lines, "tool.call")
    results = _of_kind(lines, "tool.result")
    matched, unmatched = _matched(calls, runs)
    answered = {result.data.get("call_id") for result in results}
    for steps in lines:
        steps[:] = _filled(steps, matched, answered)
    taken = Taken()
    taken.update(call.data["call_id"] for call in calls)
    own_lines = [_own_steps(run, taken) for run in unmatched]
    return [*lines, *own_lines]


def _of_kind(lines: Iterable[list[Step]], kind: str) -> list[Step]:
    """The steps of one kind, line after line."""
    steps_of_kind: list[Step] = []
    for steps in lines:
        steps_of_kind += [step for step in steps if step.kind == kind]
    return steps_of_kind


def _matched(calls: list[Step], runs: Iterable[Span]) -> tuple[dict[str, Span], list[Span]]:
    """The run of each call by the call's id, and the runs that no call is known of."""
    matched: dict[str, Span] = {}
    unmatched = list(runs)
    for keys_of_call, key_of_run in (
        (_call_ids, _run_id),
        (_call_arguments, _run_arguments),
        (_call_name, _run_name),
    ):
        waiting: defaultdict[Any, deque[str]] = defaultdict(deque)
        for call in calls:
            for key in keys_of_call(call):
                waiting[key].append(call.data["call_id"])
        runs = unmatched
        unmatched = []
        for run in runs:
            candidates = waiting[key_of_run(run)]
            while candidates and candidates[0] in matched:
                candidates.popleft()
            if candidates:
                matched[candidates.popleft()] = run
            else:
                unmatched.append(run)
    return matched, unmatched


def _call_ids(call: Step) -> list[Any]:
    """The ids by which a run may name a call: its own, and the one that the source gave it."""
    ids = [call.data["call_id"], call.data.get("original_call_id")]
    return [id_ for id_ in ids if id_ is not None]


def _run_id(run: Span) -> Any:
    return run.call_id


def _call_arguments(call: Step) -> list[Any]:
    return [(call.data["name"], canonical(call.data.get("arguments")))]


def _run_arguments(run: Span) -> Any:
    return run.name, canonical(run.arguments)


def _call_name(call: Step) -> list[Any]:
    return [call.data["name"]]


def _run_name(run: Span) -> Any:
    return run.name


def _make_ids_unique(lines: list[list[Step]]) -> None:
    """Two branches may use one id for two calls."""
    taken = Taken()
    for steps in lines:
        renamed: dict[str, str] = {}
        for step in steps:
            call_id = step.data.get("call_id")
            if call_id is None:
                continue
            if step.kind == "tool.call":
                own_id = taken.unused(call_id)
                if own_id != call_id:
                    step.data.setdefault("original_call_id", call_id)
                    renamed[call_id] = own_id
            if call_id in renamed:
                step.data["call_id"] = renamed[call_id]


def _filled(steps: list[Step], matched: dict[Any, Span], answered: set[Any]) -> list[Step]:
    """The steps with what the runs say. A result that no message repeats follows its calls."""
    filled: list[Step] = []
    waiting: list[Step] = []
    for step in steps:
        if step.kind != "tool.call":
            filled += waiting
            waiting = []
        call_id = step.data.get("call_id")
        run = matched.get(call_id)
        if run is not None and step.kind == "tool.call":
            step = _timed_call(step, run)
            if call_id not in answered and _has_ended(run):
                waiting.append(_result(run, step))
        elif run is not None and step.kind == "tool.result":
            step = _timed_result(step, run)
        filled.append(step)
    return filled + waiting


def _timed_call(call: Step, run: Span) -> Step:
    """A call with the times of the tool's span."""
    if run.start is None:
        return call
    if run.end is not None:
        call.data["duration_s"] = run.end - run.start
    return replace(call, time=run.start)


def _timed_result(result: Step, run: Span) -> Step:
    """A result that a model was given, with the end of the tool's span."""
    if run.error is not None:
        result.data["error"] = run.error
    given = result.content
    words = _words(run)
    if words and words.split() != given.split():
        result.data["output"] = words if run.result is None else run.result
    if run.why and run.why not in (given, words):
        result.data["why"] = run.why
    time = result.time if run.end is None else run.end
    return replace(result, content=given or words, time=time)


def _words(run: Span) -> str:
    """What a person reads of a tool's answer; why it failed where there is none."""
    if run.result is None or run.result == "":
        return run.why
    words, _ = answer_words(run.result)
    return words


def _has_ended(run: Span) -> bool:
    """Whether anything is known of how a tool's run ended."""
    return run.result is not None or run.end is not None or bool(run.error)


def _result(run: Span, call: Step) -> Step:
    """The result of a call, from the tool's span alone."""
    stated = call.data
    words = _words(run)
    about = {"agent": stated.get("agent"), "branch": stated.get("branch")}
    if run.why and words != run.why:
        about["why"] = run.why
    result = Result(stated["call_id"], stated["name"], words, run.error, about)
    transcript = Transcript()
    transcript.result(result)
    return replace(transcript.steps[0], time=run.end)


def _own_steps(run: Span, taken: Taken) -> list[Step]:
    """The call and the result of a tool that no model is known to have called."""
    call_id = taken.unused(run.call_id or f"call-{len(taken) + 1}")
    arguments = {} if run.arguments is None else run.arguments
    about = {"agent": run.agent} if run.agent else {}
    transcript = Transcript()
    transcript.call(Call(call_id, run.name, arguments, about))
    call = _timed_call(transcript.steps[0], run)
    if not _has_ended(run):
        return [call]
    return [call, _result(run, call)]


def in_order(lines: Iterable[list[Step]]) -> list[Step]:
    """The steps of all lines in the order of time, each with an id of its own.

    Within a line the order of the messages holds, whatever the clocks say.
    """
    timed = [_with_rising_times(steps, number) for number, steps in enumerate(lines)]
    taken = Taken()
    ordered: list[Step] = []
    for _, _, step in merge(*timed, key=lambda entry: entry[:2]):
        id_ = step.id
        if not id_ or NUMBER.fullmatch(id_):
            id_ = f"s{len(ordered) + 1}"
        id_ = taken.unused(id_)
        if id_ != step.id:
            step = replace(step, id=id_)
        ordered.append(step)
    return ordered


def _with_rising_times(steps: list[Step], number: int) -> list[tuple[float, int, Step]]:
    """Each step with a time that is no earlier than that of the step before it."""
    now = float("-inf")
    entries: list[tuple[float, int, Step]] = []
    for step in steps:
        if step.time is not None:
            now = max(now, step.time)
        entries.append((now, number, step))
    return entries
