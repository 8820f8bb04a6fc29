"""Probes: does a judge go by what it should not go by? Place, length, or who wrote it; each with an interval and n."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from toolkit.evals.columns import SOURCES, said_by
from toolkit.evals.judge import Judge, Verdict, findings_in, in_turn, trace_block
from toolkit.models.model import Progress
from toolkit.traces import Source, Trace

Z = 1.96  # 95%
PASS_FAIL = ("pass", "fail")
PADDING = " To sum up, and to leave nothing unclear: all that is said above holds, word for word, as it was said above."


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe found. It prints as a sentence."""

    about: str
    """What the effect is: 0 is none."""
    effect: float | None
    """None where it is undefined, and then `reason` says why."""
    interval: tuple[float, float] | None
    """At 95%."""
    n: int
    """The traces, or pairs, that it rests on."""
    unscored: int
    """Those left out for want of a verdict."""
    source: str
    """Of the verdicts. A simulated effect was put into a script, and is no finding about a model."""
    reason: str = ""

    def __str__(self) -> str:
        size = f"undefined ({self.reason})" if self.effect is None else f"{self.effect:+.2f}"
        within = f" (95% interval {self.interval[0]:+.2f} to {self.interval[1]:+.2f})" if self.interval else ""
        return f"{self.about}: {size}{within}, n = {self.n}, {self.unscored} unscored, {self.source}"


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two traces a judge prefers, asked in both orders."""

    ids: tuple[str, str]
    by_order: tuple[str | None, str | None]
    """What won with the first id shown first, and with the second: ``first``, ``second``, ``tie``, None (unscored)."""
    source: Source
    why: str
    """The critiques, or why there is none."""

    @property
    def winner(self) -> str | None:
        """An id where both orders agree on it, or ``tie``; None where they disagree, or one is unscored."""
        won = {"first": self.ids[0], "second": self.ids[1]}, {"first": self.ids[1], "second": self.ids[0]}
        one, other = (names.get(word or "", word) for names, word in zip(won, self.by_order, strict=True))
        return one if one == other else None


async def prefer(
    judge: Judge, pairs: Sequence[tuple[Trace, Trace]], progress: Progress | None = None
) -> list[Preference]:
    """Ask `judge` which trace of each pair fits its rubric better, in both orders, at once."""

    async def shown(pair: tuple[Trace, Trace]) -> tuple[str | None, Source, str]:
        blocks = "\n\n".join(f"{word}:\n{trace_block(t)}" for word, t in zip(("First", "Second"), pair, strict=True))
        what, names = f"{blocks}\n\nWhich fits the rubric better as a whole: first, second, or tie?", ["better"]
        grades = ("first", "second", "tie")
        reply = await judge.reply(judge.ask(what, names, grades, " ".join(trace.id for trace in pair)))
        try:
            found = findings_in(reply, names, grades)["better"]
        except ValueError as error:
            return None, reply.source, str(error)
        return found.verdict, reply.source, found.critique

    async def both(pair: tuple[Trace, Trace]) -> Preference:
        (one, source, why), (other, again, because) = await shown(pair), await shown(pair[::-1])
        least = min(source, again, key=SOURCES.index)
        return Preference((pair[0].id, pair[1].id), (one, other), least, f"{why}\n{because}")

    return await in_turn(both, pairs, progress)


def probe_position(preferences: Sequence[Preference]) -> Probe:
    """By how much more often the trace that is shown first wins than the one shown second."""
    points = {"first": 1.0, "second": -1.0, "tie": 0.0}
    leans = [sum(points[word or ""] for word in one.by_order) / 2 for one in preferences if None not in one.by_order]
    about = "the first of two wins more often than the second"
    return _probe(about, preferences, len(preferences) - len(leans), leans)


async def probe_length(judge: Judge, traces: Sequence[Trace], progress: Progress | None = None) -> Probe:
    """By how much the pass rate rises where the last answer is padded; traces without one are left out."""
    traces = [trace for trace in traces if padded(trace) != trace]
    said = await judge.score_all([*traces, *map(padded, traces)], progress)
    pairs = zip(said[: len(traces)], said[len(traces) :], strict=True)
    rises = [float((b.verdict == "pass") - (a.verdict == "pass")) for a, b in pairs if a.verdict and b.verdict]
    return _probe("the pass rate rises where the answer is padded", said, len(traces) - len(rises), rises)


def probe_self_preference(
    traces: Sequence[Trace], labels: Mapping[str, str], verdicts: Sequence[Verdict], own: Callable[[Trace], bool]
) -> Probe:
    """By how much more the judge exceeds the labels' pass rate on traces of its `own` model than on the others."""
    said = {one.trace_id: one.verdict for one in verdicts}
    known = [(trace, said.get(trace.id), labels[trace.id]) for trace in traces if labels.get(trace.id) in PASS_FAIL]
    excess: dict[bool, list[float]] = {True: [], False: []}
    for trace, verdict, label in known:
        if verdict:
            excess[bool(own(trace))].append(float(verdict == "pass") - (label == "pass"))
    about = "passes beyond the labels: its own model's traces less the others'"
    return _probe(about, verdicts, len(known) - sum(map(len, excess.values())), excess[True], excess[False])


def padded(trace: Trace) -> Trace:
    """`trace` with its last answer at least twice as long, and nothing added to what it says."""
    steps = list(trace.steps)
    for n in [n for n, step in enumerate(steps) if step.kind == "message" and step.actor == "assistant"][-1:]:
        more = PADDING * (3 + len(steps[n].content) // len(PADDING))
        steps[n] = replace(steps[n], content=steps[n].content + more)
    return replace(trace, steps=tuple(steps))


def _probe(about: str, said: Sequence[Verdict | Preference], unscored: int, *arms: list[float]) -> Probe:
    """The mean of values between -1 and 1, or the first arm's less the second's.

    The interval is adjusted as for matched proportions (Agresti & Min 2005): half a case is added at either end, and
    one at 0, so that a handful of cases that all agree does not make it a point. Like theirs it is cut off at the
    ends of the scale (1, or 2 for the difference of two arms), which the normal approximation does not know of.
    """
    source: str = min((one.source for one in said), key=SOURCES.index, default=SOURCES[0])
    n = sum(map(len, arms))
    source = said_by(source, all(getattr(one, "computed", False) for one in said))
    if not all(arms):
        return Probe(about, None, None, n, unscored, source, "too few verdicts, or no difference between them")
    effect = middle = square = 0.0
    for sign, values in zip((1, -1), arms, strict=False):
        size = len(values) + 2
        effect += sign * sum(values) / len(values)
        middle += sign * sum(values) / size
        square += ((sum(value**2 for value in values) + 1) / size - (sum(values) / size) ** 2) / size
    half = Z * math.sqrt(square)
    end = float(len(arms))
    return Probe(about, effect, (max(-end, middle - half), min(end, middle + half)), n, unscored, source)
