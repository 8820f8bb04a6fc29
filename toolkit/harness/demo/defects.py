"""Defects: planted in a scripted build, and followed through what its session holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.events import Event
from toolkit.harness.sandbox import TextFile


@dataclass(frozen=True, slots=True)
class Defect:
    """A fault in the first version of a file, and what it becomes once a check has named it."""

    name: str
    file: str
    """Its path within the build."""
    defective: str
    mended: str
    caught_by: str
    """The id of the criterion that must fail as long as the defective text is there."""

    def plant(self, file: TextFile) -> TextFile:
        """The file with the defect in it."""
        return self._replaced(file, self.mended, self.defective)

    def mend(self, file: TextFile) -> TextFile:
        """The file without it."""
        return self._replaced(file, self.defective, self.mended)

    def _replaced(self, file: TextFile, old: str, new: str) -> TextFile:
        if file.path != self.file:
            return file
        return TextFile(file.path, file.content.replace(old, new))


@dataclass(slots=True)
class DefectTrail:
    """What became of a planted defect, by the events of the build."""

    defect: Defect
    planted: Event | None = None
    """The writing of a file that holds it."""
    red: Event | None = None
    """The first verdict that was red while it was there."""
    mending: Event | None = None
    """The writing after which it was gone."""
    green: Event | None = None
    """The verdict that passed once it was gone."""
    is_there: bool = False

    @property
    def is_caught(self) -> bool:
        """Whether a check has failed because of it, and passed when it was mended."""
        return self.green is not None

    def follow_file(self, event: Event, content: str) -> None:
        """Take in that its file was written."""
        was_there = self.is_there
        self.is_there = self.defect.defective in content
        if self.is_there:
            self.planted = self.planted or event
        elif was_there:
            self.mending = event

    def follow_verdict(self, event: Event) -> None:
        """Take in a verdict on its criterion. What the check showed counts, and no word alone."""
        if self.is_there and event.data["check"] == "fail":
            self.red = self.red or event
        if self.red and not self.is_there and event.data["verdict"] == "pass":
            self.green = self.green or event


def follow_defects(events: Iterable[Event], defects: Sequence[Defect]) -> list[DefectTrail]:
    """The trail of each of `defects` through the events of a build, in their order."""
    events = list(events)
    refused = _refused_calls(events)
    trails = [DefectTrail(defect) for defect in defects]
    for event in events:
        if event.kind == "tool.call" and event.data["call_id"] not in refused:
            file: dict[str, Any] = event.data["arguments"]
            for trail in trails:
                if trail.defect.file == file["path"]:
                    trail.follow_file(event, file["content"])
        elif event.kind == "verdict":
            for trail in trails:
                if trail.defect.caught_by == event.data["criterion"]:
                    trail.follow_verdict(event)
    return trails


def _refused_calls(events: Iterable[Event]) -> set[str]:
    """The ids of the calls whose files were not taken."""
    refused = set()
    for event in events:
        if event.kind == "tool.result" and event.data["error"]:
            refused.add(event.data["call_id"])
    return refused


def count_defects(events: Iterable[Event], defects: Sequence[Defect]) -> dict[str, int]:
    """How many of `defects` were planted in a build, and how many were caught and mended."""
    trails = follow_defects(events, defects)
    return {
        "defects_planted": sum(trail.planted is not None for trail in trails),
        "defects_caught": sum(trail.is_caught for trail in trails),
    }
