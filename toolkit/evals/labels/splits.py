"""Splits: train, dev and test by groups that stay together; and a file of who is where, and of how
often test was read.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from toolkit.evals.labels.store import append_decided
from toolkit.evals.text import first_few
from toolkit.jsonl import JsonlFile
from toolkit.shown import Shown

Part = Literal["train", "dev", "test"]
SHARES: dict[Part, float] = {"train": 0.4, "dev": 0.3, "test": 0.3}


@dataclass(frozen=True, slots=True)
class Split(Shown):
    """Which trace is in which part. Work on train and dev: each look at test makes it worth less,
    and is counted.
    """

    parts: Mapping[str, Part]
    """The part of each trace id."""
    reads: Path
    """The JSONL file: what was drawn (``seed``, ``parts``), and each reading of test (``ids``,
    ``why``, ``time``).
    """

    def ids(self, part: Literal["train", "dev"]) -> tuple[str, ...]:
        """Ids to learn and take few-shot examples from (train), or to measure on while the rubric
        changes (dev).
        """
        refusals = {"test": "test is read by read_test, which counts"}
        if part not in ("train", "dev"):
            why = refusals.get(part, f"there is no part {part!r}")
            raise ValueError(f"ids are of train or dev; {why}")
        return self._ids_in(part)

    def _ids_in(self, part: Part) -> tuple[str, ...]:
        return tuple(trace_id for trace_id, its_part in self.parts.items() if its_part == part)

    def read_test(self, why: str) -> tuple[str, ...]:
        """Ids to measure on at the end. That they were read, and `why`, is on disk before they are
        returned.
        """
        if not why.strip():
            raise ValueError("say why test is read: each reading counts")
        ids = self._ids_in("test")
        reading = {"ids": list(ids), "why": why, "time": datetime.now(UTC).isoformat()}
        JsonlFile(self.reads, dict).append(reading)
        return ids

    @property
    def test_reads(self) -> int:
        """How often test was read, in this split or in another that shares traces of test."""
        test = set(self._ids_in("test"))
        readings = [line.get("ids", ()) for line in JsonlFile(self.reads, dict).records()]
        return sum(not test.isdisjoint(ids) for ids in readings)

    def refuse_examples(self, ids: Iterable[str]) -> None:
        """Raise ValueError where one of `ids`, shown to a judge as examples, is not in train."""
        leaks = []
        for trace_id in sorted(ids):
            part = self.parts.get(trace_id)
            if part != "train":
                leaks.append(f"{trace_id} ({part or 'in no part'})")
        if leaks:
            raise ValueError(
                f"examples come from train alone, and these do not: {first_few(leaks)}"
            )

    def __str__(self) -> str:
        sizes = Counter(self.parts.values())
        listed = [f"{part} {sizes[part]}" for part in SHARES]
        times = self.test_reads
        was_read = {0: "never been read", 1: "been read once"}.get(
            times, f"been read {times} times"
        )
        return " · ".join([*listed, f"test has {was_read}"])


@dataclass(frozen=True, slots=True)
class Group:
    """Traces that must be in one part together."""

    name: str
    trace_ids: tuple[str, ...]
    label_counts: Counter[str]

    def parts_in(self, parts: Mapping[str, Part]) -> set[Part]:
        """The parts that its traces have."""
        return {parts[trace_id] for trace_id in self.trace_ids if trace_id in parts}


def split_labels(
    labels: Mapping[str, str],
    reads: str | Path,
    groups: Mapping[str, str] | None = None,
    shares: Mapping[Part, float] = SHARES,
    seed: int = 0,
) -> Split:
    """Split labelled traces into train, dev and test, so that each verdict is in each part by about
    its share, and no group is in two.

    Parameters
    ----------
    labels
        The verdict of each trace id.
    reads
        The JSONL file in which the draw is kept: traces that are labelled later join it, and none
        moves, unless by another `seed`.
    groups
        What traces share that must not be on two sides, as a customer, by trace id. None lets each
        trace stand alone.
    shares
        Of each part; they add up to 1.
    seed
        Of the draw.

    Raises
    ------
    ValueError
        Where a trace has no group, a group was drawn into two parts before it was one, or there are
        fewer than three groups.
    """
    if not isinstance(labels, Mapping):
        raise TypeError(
            "labels is a dict of verdicts: {one.trace_id: one.verdict for one in labels}"
        )
    listed = _groups(labels, groups)
    if len(listed) < len(SHARES):
        raise ValueError(
            f"a part would be empty: there are {len(listed)} groups, and it takes {len(SHARES)} "
            "or more"
        )
    file = JsonlFile(reads, dict)
    parts: dict[str, Part] = {}

    def decide() -> list[dict[str, Any]]:
        drawn_before: dict[str, Part] = {}
        for line in file.records():
            if line.get("seed") == seed:
                drawn_before |= line["parts"]
        parts.clear()
        parts.update(_draw(listed, drawn_before, shares, seed))
        new = {trace_id: part for trace_id, part in parts.items() if trace_id not in drawn_before}
        return [{"seed": seed, "parts": new}] if new else []

    append_decided(file, decide)
    return Split({trace_id: parts[trace_id] for trace_id in labels}, Path(reads))


def _groups(labels: Mapping[str, str], groups: Mapping[str, str] | None) -> list[Group]:
    """The groups, in the order of their names; each trace its own where `groups` is None."""
    if groups is None:
        groups = {trace_id: trace_id for trace_id in labels}
    missing = sorted(labels.keys() - groups.keys())
    if missing:
        raise ValueError(f"no group for {first_few(missing)}")
    members: dict[str, list[str]] = {}
    for trace_id in sorted(labels):
        members.setdefault(groups[trace_id], []).append(trace_id)
    listed = []
    for name in sorted(members):
        label_counts = Counter(labels[trace_id] for trace_id in members[name])
        listed.append(Group(name, tuple(members[name]), label_counts))
    return listed


def _draw(
    groups: list[Group], drawn_before: Mapping[str, Part], shares: Mapping[Part, float], seed: int
) -> dict[str, Part]:
    """The part of each trace id; those in `drawn_before` keep theirs."""
    totals: Counter[str] = Counter()
    for group in groups:
        totals.update(group.label_counts)
    wanted: dict[Part, dict[str, float]] = {}
    for part in SHARES:
        wanted[part] = {label: shares[part] * total for label, total in totals.items()}
    empty_parts = set(SHARES)
    parts: dict[str, Part] = {}
    for n_done, group in enumerate(_draw_order(groups, drawn_before, seed)):
        known = group.parts_in(drawn_before)
        if len(known) > 1:
            where = " and ".join(sorted(known))
            raise ValueError(
                f"group {group.name!r} is in {where}: it was drawn before it was one group"
            )
        n_left = len(groups) - n_done
        if known:
            candidates = list(known)
        elif n_left <= len(empty_parts):
            candidates = [part for part in SHARES if part in empty_parts]
        else:
            candidates = list(SHARES)
        part = max(candidates, key=lambda part: _need(group, wanted[part], totals))
        for label, count in group.label_counts.items():
            wanted[part][label] -= count
        parts |= dict.fromkeys(group.trace_ids, part)
        empty_parts.discard(part)
    return parts


def _draw_order(groups: list[Group], drawn_before: Mapping[str, Part], seed: int) -> list[Group]:
    """Groups that have a part first, then the larger ones; those of one size in an order drawn by
    `seed`.
    """
    ordered = list(groups)
    random.Random(seed).shuffle(ordered)
    ordered.sort(key=lambda group: (not group.parts_in(drawn_before), -len(group.trace_ids)))
    return ordered


def _need(group: Group, wanted: Mapping[str, float], totals: Mapping[str, int]) -> float:
    """How much a part that still wants so many of each label needs `group`."""
    need = 0.0
    for label, count in group.label_counts.items():
        need += count * wanted[label] / totals[label]
    return need
