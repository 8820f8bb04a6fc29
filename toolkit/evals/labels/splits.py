"""Splits: train, dev and test by whole groups; and a file of who is where, and of how often test
was read.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from toolkit.evals.labels.labels import append_decided
from toolkit.evals.text import first_few
from toolkit.records import JsonlFile

Part = Literal["train", "dev", "test"]
SHARES: dict[Part, float] = {"train": 0.4, "dev": 0.3, "test": 0.3}


@dataclass(frozen=True, slots=True)
class Split:
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
        if part not in ("train", "dev"):
            told = {"test": "test is read by read_test, which counts"}.get(
                part, f"there is no part {part!r}"
            )
            raise ValueError(f"ids are of train or dev; {told}")
        return tuple(id_ for id_, where in self.parts.items() if where == part)

    def read_test(self, why: str) -> tuple[str, ...]:
        """Ids to measure on at the end. That they were read, and `why`, is on disk before they are
        returned.
        """
        if not why.strip():
            raise ValueError("say why test is read: each reading counts")
        ids = [id_ for id_, where in self.parts.items() if where == "test"]
        JsonlFile(self.reads, dict).append(
            {"ids": ids, "why": why, "time": datetime.now(UTC).isoformat()}
        )
        return tuple(ids)

    @property
    def test_reads(self) -> int:
        """How often test was read, in this split or in another that has some of its traces in test."""
        test = {id_ for id_, where in self.parts.items() if where == "test"}
        return sum(
            not test.isdisjoint(line.get("ids", ()))
            for line in JsonlFile(self.reads, dict).records()
        )

    def refuse_examples(self, ids: Iterable[str]) -> None:
        """Raise ValueError where one of `ids`, shown to a judge as examples, is not in train."""
        if leaks := [
            f"{id_} ({self.parts.get(id_, 'in no part')})"
            for id_ in ids
            if self.parts.get(id_) != "train"
        ]:
            raise ValueError(
                f"examples come from train alone, and these do not: {first_few(sorted(leaks))}"
            )

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
    """Split the ids of `labels` by whole groups, so that each verdict is in each part by about its
    share.

    `groups` says what traces share that must not be on two sides, as a customer; None lets each
    stand alone. What was drawn is kept in `reads`: traces that are labelled later join it, and none
    moves, unless by another `seed`. Raises ValueError where a trace has no group, a group is in two
    parts, or there are fewer than three groups.
    """
    if not isinstance(labels, Mapping):
        raise TypeError(
            "labels is a dict of verdicts: {one.trace_id: one.verdict for one in labels}"
        )
    if missing := sorted(set(labels) - set(groups or labels)):
        raise ValueError(f"no group for {first_few(missing)}")
    members: dict[str, list[str]] = defaultdict(list)
    for id_ in sorted(labels):
        members[groups[id_] if groups else id_].append(id_)
    if len(members) < len(SHARES):
        raise ValueError(
            f"a part would be empty: there are {len(members)} groups, and it takes {len(SHARES)} or more"
        )
    file = JsonlFile(reads, dict)
    parts: dict[str, Part] = {}

    def decide() -> list[dict[str, Any]]:
        lines = [line for line in file.records() if line.get("seed") == seed]
        before: dict[str, Part] = {
            id_: part for line in lines for id_, part in line["parts"].items()
        }
        parts.clear()
        parts.update(_draw(labels, members, before, shares, seed))
        new = {id_: part for id_, part in parts.items() if id_ not in before}
        return [{"seed": seed, "parts": new}] if new else []

    append_decided(file, decide)
    return Split({id_: parts[id_] for id_ in labels}, Path(reads))


def _draw(
    labels: Mapping[str, str],
    members: Mapping[str, Sequence[str]],
    before: Mapping[str, Part],
    shares: Mapping[Part, float],
    seed: int,
) -> dict[str, Part]:
    """The part of each id, by whole groups (their `members`), where those in `before` keep theirs."""
    totals = Counter(labels.values())
    wanted = {part: {label: shares[part] * n for label, n in totals.items()} for part in SHARES}
    empty, parts = set(SHARES), dict[str, Part]()
    groups = _draw_order(members, before, seed)
    for number, group in enumerate(groups):
        earlier = {before[id_] for id_ in members[group] if id_ in before}
        if len(earlier) > 1:
            where = " and ".join(sorted(earlier))
            raise ValueError(f"group {group!r} is in {where}: it was drawn before it was one group")
        counts = Counter(labels[id_] for id_ in members[group])
        all_are_open = len(groups) - number > len(
            empty
        )  # else each group that is left fills an empty part
        open_parts = earlier or [part for part in SHARES if part in empty or all_are_open]
        part = max(open_parts, key=lambda part: _need(counts, wanted[part], totals))
        for label, n in counts.items():
            wanted[part][label] -= n
        parts |= dict.fromkeys(members[group], part)
        empty.discard(part)
    return parts


def _draw_order(
    members: Mapping[str, Sequence[str]], before: Mapping[str, Part], seed: int
) -> list[str]:
    """Groups that have a part first, then the larger ones; those of one size in an order drawn by
    `seed`.
    """
    groups = sorted(members)
    random.Random(seed).shuffle(groups)
    groups.sort(key=lambda group: (before.keys().isdisjoint(members[group]), -len(members[group])))
    return groups


def _need(
    counts: Mapping[str, int], wanted: Mapping[str, float], totals: Mapping[str, int]
) -> float:
    """How much a part that still wants so many of each label needs a group with these `counts`."""
    return sum(n * wanted[label] / totals[label] for label, n in counts.items())
