"""The outline of a trace: its entries as a page shows them, and which of them failed and why."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal

from toolkit.render import visible
from toolkit.traces.brief import as_text, as_words, shortened
from toolkit.traces.trace import Step, Trace

USAGE = "model.usage"
"""The kind of a step that counts what a reply used."""
REPLIES = ("message", "thinking", "tool.call")
"""The kinds of steps that a reply is made of."""
SAYS_ERROR = re.compile(r"\W{0,4}(error|exception|traceback|fatal)\b", re.IGNORECASE)
"""How a result begins that speaks of an error, where the source does not say that it failed."""
NAMES_ERROR = re.compile(r"^E\s{2,}\S|\b\w*(Error|Exception)\b|\b(error|fatal|panic):")
"""What a line says that names an error, as tests, compilers and programs write it."""
ABOUT_ERROR = re.compile(r"error|exception|fail|fatal|denied|cannot|not ", re.IGNORECASE)
"""What a line says that tells more than ``Exit code 1``."""
RULE = re.compile(r"[=_*#~-]{4,}")
"""A line across the text, which a heading may stand in."""
WRAPPER = re.compile(r"^\s*<\w{1,40}>|</\w{1,40}>\s*$")
"""A tag that a tool wraps its words in."""
WHY_CHARS = 160
SAYS_LITTLE_CHARS = 24
"""A first line up to this long is followed by one that says more."""
BEGIN_CHARS = 200
"""How far into a result a word for an error is looked for."""
SEEN_CHARS = 20_000
"""How far into a result the reason is looked for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A step, or a call together with its result."""

    step: Step
    number: int
    """The position of the step in its trace, counted from 1."""
    anchor: str
    """The id of its element on the page."""
    result: Step | None = None
    """The answer to a call."""
    result_number: int | None = None
    failure: Literal["stated", "said"] | None = None
    """Whether the source states that it failed, or its result only speaks of an error."""
    same_as: int | None = None
    """The number of the first failed call with the same name and arguments."""
    usages: tuple[tuple[int, Step], ...] = ()
    """The steps that count what it used, with their numbers."""
    is_mistake: bool = False
    """Whether the source of the trace names it as the step that the failure comes from."""

    @property
    def failed(self) -> bool:
        """Whether the source says that the step failed, or its result speaks of an error."""
        return self.failure is not None

    @property
    def why(self) -> str:
        """The line of a failed step that says most; empty where none says anything."""
        lines = _lines(visible(self.answer.content[:SEEN_CHARS]))
        if not lines:
            return ""
        first = lines[0]
        if first.startswith("Traceback"):
            return shortened(lines[-1], WHY_CHARS)
        if len(lines) > 1 and len(first) <= SAYS_LITTLE_CHARS:
            first = f"{first} · {_telling(lines[1:])}"
        return shortened(first, WHY_CHARS)

    @property
    def name(self) -> str:
        """The tool that is called or answers; the kind of another step, of a message its writer."""
        step = self.step
        if step.kind == "tool.call":
            return step.content
        kind = f"message of {self.who}" if step.kind == "message" else step.kind
        return as_words(step.data.get("name") or kind)

    @property
    def members(self) -> list[int]:
        """The numbers of all steps that stand here: its own, and those of its result and counts."""
        numbers = [self.number]
        if self.result_number:
            numbers.append(self.result_number)
        for number, _ in self.usages:
            numbers.append(number)
        return sorted(numbers)

    @property
    def result_anchor(self) -> str | None:
        """The id of the element of a result that stands with its call."""
        return self.anchor_of(self.result_number) if self.result_number else None

    def anchor_of(self, number: int) -> str:
        """The id of the element of another step, which stands with this one."""
        return f"{self.anchor.rpartition('-')[0]}-{number}"

    @property
    def who(self) -> str:
        """Who acts: a named agent by its name."""
        return who_acts(self.step)

    @property
    def agent(self) -> str:
        """The named agent or sub-agent that acts; empty where the source names none."""
        return _agent(self.step)

    @property
    def answer(self) -> Step:
        """The result of a call; the step itself where there is none."""
        return self.result or self.step


def who_acts(step: Step) -> str:
    """The actor of a step; of an assistant that has a name, the name."""
    if step.actor == "assistant":
        return _agent(step) or step.actor
    return step.actor


def _agent(step: Step) -> str:
    return as_words(step.data.get("agent") or "")


def _lines(text: str) -> list[str]:
    """The lines of a text that say something, without headings and what they are wrapped in."""
    lines = []
    for line in text.splitlines():
        says_something = any(letter.isalnum() for letter in line)
        if says_something and not RULE.search(line):
            lines.append(WRAPPER.sub("", line).strip())
    return lines


def _telling(lines: list[str]) -> str:
    """The first line that names an error, else that is about one, else the first."""
    for pattern in (NAMES_ERROR, ABOUT_ERROR):
        for line in lines:
            if pattern.search(line):
                return line
    return lines[0]


def outline(trace: Trace, anchors: str | None = None) -> list[Entry]:
    """The entries of a trace in order. A result that answers no call stands where it came in, and a
    count of tokens where its reply is not at hand.
    """
    prefix = anchors_of(trace) if anchors is None else anchors
    results = _results_by_call(trace)
    call_keys = {_call_key(call) for call in trace.calls}
    usages = _usages_by_reply(trace.steps)
    folded = {number for used in usages.values() for number, _ in used}
    first_failures: dict[str, int] = {}
    entries: list[Entry] = []
    for number, step in enumerate(trace.steps, 1):
        if number in folded:
            continue
        anchor = f"{prefix}-{number}"
        used = tuple(usages.get(number, ()))
        key = _call_key(step)
        result_number, result = results.get(key, (None, None))
        if step.kind == "tool.call":
            failure = _failure_of(result or step)
            entry = Entry(step, number, anchor, result, result_number, failure, usages=used)
            if failure:
                asked = f"{step.content} {as_text(step.data.get('arguments'))}"
                first = first_failures.setdefault(asked, number)
                entry = replace(entry, same_as=first if first != number else None)
            entries.append(entry)
        elif step is not result or key not in call_keys:
            entries.append(Entry(step, number, anchor, failure=_failure_of(step), usages=used))
    return entries


def _usages_by_reply(steps: Sequence[Step]) -> dict[int, list[tuple[int, Step]]]:
    """The steps that count what a reply used, by the number of the step that they stand with: the
    words before them, or else what the reply does after them.
    """
    usages: dict[int, list[tuple[int, Step]]] = {}
    for number, usage in enumerate(steps, 1):
        if usage.kind != USAGE:
            continue
        for other in (number - 1, number + 1):
            reply = steps[other - 1] if 1 <= other <= len(steps) else usage
            is_call_before = reply.kind == "tool.call" and other < number
            if _counts(usage, reply) and not is_call_before:
                usages.setdefault(other, []).append((number, usage))
                break
    return usages


def _counts(usage: Step, reply: Step) -> bool:
    """Whether a step can be what another one counts the tokens of."""
    is_of_run = reply.data.get("run") == usage.data.get("run")
    is_uncounted = not reply.data.get("usage")
    is_reply = reply.kind in REPLIES and who_acts(reply) == who_acts(usage)
    return is_reply and is_of_run and is_uncounted


def failed_entries(trace: Trace, anchors: str | None = None) -> list[Entry]:
    """The entries that failed. Most traces have none: then there is no outline to make."""
    if not any(map(_failure_of, trace.steps)):
        return []
    return [entry for entry in outline(trace, anchors) if entry.failed]


def _failure_of(step: Step) -> Literal["stated", "said"] | None:
    """How it is known that a step failed; None where it did not."""
    error = step.data.get("error")
    if error or step.kind.endswith("error"):
        return "stated"
    if step.kind != "tool.result" or error is not None:
        return None
    begin = visible(step.content[:BEGIN_CHARS])
    return "said" if SAYS_ERROR.match(begin) else None


def _results_by_call(trace: Trace) -> dict[str, tuple[int, Step]]:
    """The first result for each call id, with its number."""
    results: dict[str, tuple[int, Step]] = {}
    for number, step in enumerate(trace.steps, 1):
        if step.kind == "tool.result":
            results.setdefault(_call_key(step), (number, step))
    results.pop(repr(None), None)  # a result without an id answers no call for certain
    return results


def _call_key(step: Step) -> str:
    # as text: what a file says may be a list, which is no key
    return as_text(step.data.get("call_id"))


def anchors_of(trace: Trace) -> str:
    """What the ids of a trace's elements begin with: the same for the same trace, on every page."""
    last = trace.steps[-1].content if trace.steps else ""
    about = repr((trace.id, trace.source, len(trace.steps), last))
    return "t" + blake2b(about.encode("utf-8", "replace"), digest_size=6).hexdigest()


def step_anchor(trace: Trace, step: Step | str, anchors: str | None = None) -> str:
    """The id of the element that shows `step` on the page of `trace`.

    Parameters
    ----------
    trace
        The trace that is shown.
    step
        A step of it, or the id of one. A result that stands with its call has an element too.
    anchors
        As it was given to `trace_html`.

    Raises
    ------
    KeyError
        Where the trace has no such step.
    """
    step_id = step if isinstance(step, str) else step.id
    prefix = anchors_of(trace) if anchors is None else anchors
    for number, candidate in enumerate(trace.steps, 1):
        if candidate.id == step_id:
            return f"{prefix}-{number}"
    raise KeyError(f"the trace {trace.id} has no step {step_id!r}")


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed in the same way, once or more."""

    name: str
    why: str
    entries: list[Entry]


def failures(entries: Iterable[Entry]) -> list[Failure]:
    """The entries that failed, those of one tool and one reason together, in order."""
    by_reason: dict[tuple[str, str], Failure] = {}
    for entry in entries:
        if entry.failed:
            key = (entry.name, entry.why)
            by_reason.setdefault(key, Failure(*key, [])).entries.append(entry)
    return list(by_reason.values())
