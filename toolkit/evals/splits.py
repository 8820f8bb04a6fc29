"""Splits: train, dev and test by whole groups; and a count, in a file, of how often test was read."""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from toolkit.evals.columns import some
from toolkit.records import JsonlFile, canonical

Part = Literal["train", "dev", "test"]
SHARES: dict[Part, float] = {"train": 0.4, "dev": 0.3, "test": 0.3}


@dataclass(frozen=True, slots=True)
class Split:
    """Which trace is in which part. Work on train and dev: each look at test makes it worth less, and is counted."""

    parts: Mapping[str, Part]
    """The part of each trace id."""
    reads: Path
    """The JSONL file in which readings of test are counted: ``test`` (a hash of its ids), ``why``, ``time``."""

    @property
    def train(self) -> tuple[str, ...]:
        """Ids to learn from, and to take few-shot examples from."""
        return self._ids("train")

    @property
    def dev(self) -> tuple[str, ...]:
        """Ids to measure on while the rubric still changes."""
        return self._ids("dev")

    def read_test(self, why: str) -> tuple[str, ...]:
        """Ids to measure on at the end. That they were read, and `why`, is on disk before they are returned."""
        if not why.strip():
            raise ValueError("say why test is read: each reading counts")
        self._file.append({"test": self._key, "why": why, "time": datetime.now(UTC).isoformat()})
        return self._ids("test")

    @property
    def test_reads(self) -> int:
        """How often this test part was read."""
        return sum(read.get("test") == self._key for read in self._file.records())

    def refuse_examples(self, ids: Iterable[str]) -> None:
        """Raise ValueError where one of `ids`, shown to a judge as examples, is not in train."""
        if leaks := [f"{id_} ({self.parts.get(id_, 'in no part')})" for id_ in ids if self.parts.get(id_) != "train"]:
            raise ValueError(f"examples come from train alone, and these do not: {some(sorted(leaks))}")

    def __str__(self) -> str:
        sizes, times = Counter(self.parts.values()), self.test_reads
        read = {0: "never been read", 1: "been read once"}.get(times, f"been read {times} times")
        return " · ".join(f"{part} {sizes[part]}" for part in SHARES) + f" · test has {read}"

    _repr_html_ = __str__

    def _ids(self, part: Part) -> tuple[str, ...]:
        return tuple(id_ for id_, where in self.parts.items() if where == part)

    @property
    def _key(self) -> str:
        return hashlib.sha256(canonical(sorted(self._ids("test"))).encode()).hexdigest()[:16]

    @property
    def _file(self) -> JsonlFile:
        return JsonlFile(self.reads, dict)


def split_labels(
    labels: Mapping[str, str],
    reads: str | Path,
    groups: Mapping[str, str] | None = None,
    shares: Mapping[Part, float] = SHARES,
    seed: int = 0,
) -> Split:
    """Split the ids of `labels` by whole groups, so that each verdict is in each part by about its share.

    `groups` says what traces share that must not be on two sides, as a customer; None lets each stand alone. Raises
    ValueError where a trace has no group, the shares do not sum to 1, or a part would be empty.
    """
    if set(shares) != set(SHARES) or min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > 1e-9:
        raise ValueError(f"shares are of train, dev and test, above 0, and sum to 1; not {shares}")
    if missing := sorted(set(labels) - set(groups or labels)):
        raise ValueError(f"no group for {some(missing)}")
    members: dict[str, list[str]] = defaultdict(list)
    for id_ in sorted(labels):
        members[groups[id_] if groups else id_].append(id_)
    drawn, totals, parts = sorted(members), Counter(labels.values()), dict[str, Part]()
    random.Random(seed).shuffle(drawn)
    short = {part: {label: share * n for label, n in totals.items()} for part, share in shares.items()}
    for group in sorted(drawn, key=lambda one: -len(members[one])):
        has = Counter(labels[id_] for id_ in members[group])
        gain = {part: sum(n * left[one] / totals[one] for one, n in has.items()) for part, left in short.items()}
        part = max(gain, key=lambda one: gain[one])
        for label, n in has.items():
            short[part][label] -= n
        parts |= dict.fromkeys(members[group], part)
    if empty := [part for part in SHARES if part not in parts.values()]:
        raise ValueError(f"{' and '.join(empty)} would be empty: {len(members)} groups are too few, or too large")
    return Split({id_: parts[id_] for id_ in labels}, Path(reads))
