"""Splits: train, dev and test by whole groups; and a file of who is where, and of how often test was read."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from toolkit.evals.columns import some
from toolkit.records import JsonlFile

Part = Literal["train", "dev", "test"]
SHARES: dict[Part, float] = {"train": 0.4, "dev": 0.3, "test": 0.3}


@dataclass(frozen=True, slots=True)
class Split:
    """Which trace is in which part. Work on train and dev: each look at test makes it worth less, and is counted."""

    parts: Mapping[str, Part]
    """The part of each trace id."""
    reads: Path
    """The JSONL file: what was drawn (``seed``, ``parts``), and each reading of test (``ids``, ``why``, ``time``)."""

    def ids(self, part: Literal["train", "dev"]) -> tuple[str, ...]:
        """Ids to learn and take few-shot examples from (train), or to measure on while the rubric changes (dev)."""
        if part not in ("train", "dev"):
            told = {"test": "test is read by read_test, which counts"}.get(part, f"there is no part {part!r}")
            raise ValueError(f"ids are of train or dev; {told}")
        return tuple(id_ for id_, where in self.parts.items() if where == part)

    def read_test(self, why: str) -> tuple[str, ...]:
        """Ids to measure on at the end. That they were read, and `why`, is on disk before they are returned."""
        if not why.strip():
            raise ValueError("say why test is read: each reading counts")
        ids = [id_ for id_, where in self.parts.items() if where == "test"]
        JsonlFile(self.reads, dict).append({"ids": ids, "why": why, "time": datetime.now(UTC).isoformat()})
        return tuple(ids)

    @property
    def test_reads(self) -> int:
        """How often test was read, in this split or in another that has some of its traces in test."""
        test = {id_ for id_, where in self.parts.items() if where == "test"}
        return sum(not test.isdisjoint(line.get("ids", ())) for line in JsonlFile(self.reads, dict).records())

    def refuse_examples(self, ids: Iterable[str]) -> None:
        """Raise ValueError where one of `ids`, shown to a judge as examples, is not in train."""
        if leaks := [f"{id_} ({self.parts.get(id_, 'in no part')})" for id_ in ids if self.parts.get(id_) != "train"]:
            raise ValueError(f"examples come from train alone, and these do not: {some(sorted(leaks))}")

    def __str__(self) -> str:
        sizes, times = Counter(self.parts.values()), self.test_reads
        read = {0: "never been read", 1: "been read once"}.get(times, f"been read {times} times")
        return " · ".join(f"{part} {sizes[part]}" for part in SHARES) + f" · test has {read}"

    _repr_html_ = __str__


def split_labels(
    labels: Mapping[str, str],
    reads: str | Path,
    groups: Mapping[str, str] | None = None,
    shares: Mapping[Part, float] = SHARES,
    seed: int = 0,
) -> Split:
    """Split the ids of `labels` by whole groups, so that each verdict is in each part by about its share.

    `groups` says what traces share that must not be on two sides, as a customer; None lets each stand alone. What was
    drawn is kept in `reads`: traces that are labelled later join it, and none moves, unless by another `seed`. Raises
    ValueError where a trace has no group, a group is in two parts, or there are fewer than three groups.
    """
    if not isinstance(labels, Mapping):
        raise TypeError("labels is a dict of verdicts: {one.trace_id: one.verdict for one in labels}")
    if missing := sorted(set(labels) - set(groups or labels)):
        raise ValueError(f"no group for {some(missing)}")
    members: dict[str, list[str]] = defaultdict(list)
    for id_ in sorted(labels):
        members[groups[id_] if groups else id_].append(id_)
    if len(members) < len(SHARES):
        raise ValueError(f"a part would be empty: there are {len(members)} groups, and it takes {len(SHARES)} or more")
    lines = [line for line in JsonlFile(reads, dict).records() if line.get("seed") == seed]
    before: dict[str, Part] = {id_: part for line in lines for id_, part in line["parts"].items()}
    drawn, totals, parts = sorted(members), Counter(labels.values()), dict[str, Part]()
    random.Random(seed).shuffle(drawn)
    drawn.sort(key=lambda one: (before.keys().isdisjoint(members[one]), -len(members[one])))
    short, bare = {part: {label: shares[part] * n for label, n in totals.items()} for part in SHARES}, set(SHARES)
    for left, group in zip(range(len(drawn), 0, -1), drawn, strict=True):
        if len(old := {before[id_] for id_ in members[group] if id_ in before}) > 1:
            raise ValueError(f"group {group!r} is in {' and '.join(sorted(old))}: it was drawn before it was one group")
        has = Counter(labels[id_] for id_ in members[group])
        lacks = {part: sum(n * short[part][one] / totals[one] for one, n in has.items()) for part in SHARES}
        part = max(old or (p for p in SHARES if p in bare or left > len(bare)), key=lambda one: lacks[one])
        short[part] = {label: n - has[label] for label, n in short[part].items()}
        parts |= dict.fromkeys(members[group], part)
        bare.discard(part)
    if new := {id_: part for id_, part in parts.items() if id_ not in before}:
        JsonlFile(reads, dict).append({"seed": seed, "parts": new})
    return Split({id_: parts[id_] for id_ in labels}, Path(reads))
