"""Journal: each model call of a build is made once, and what became of it is known afterwards.

Replies are in journal.jsonl. Before a call is made, calls.jsonl says so: a call that was begun and
has no end there was in flight when its process died, and was possibly billed.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolkit.harness.budget import Costs
from toolkit.harness.roles import Role
from toolkit.jsonl import JsonlFile
from toolkit.models import Reply, Request, Tape, Usage
from toolkit.models.prices import cost_of, worst_case
from toolkit.traces import Source

NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class CallNote:
    """A line of calls.jsonl."""

    key: str
    """Of the request on the tape."""
    role: str
    state: Literal["begun", "no result"]
    cost_usd: float
    """At worst where it is begun; what it did cost where there was no result."""
    usage: Usage = NO_USAGE
    why: str = ""


class Journal:
    """The calls of a build, through one tape a role. Raises RecordError where a line of it cannot
    be read.
    """

    def __init__(self, folder: Path, roles: Sequence[Role], costs: Costs):
        path = folder / "journal.jsonl"
        self._tapes = {role.name: Tape(path, role.model) for role in roles}
        self._recorded = max(tape.known for tape in self._tapes.values())
        self._notes = JsonlFile(folder / "calls.jsonl", CallNote)
        self._worst_usd: dict[str, float] = {}
        self._in_flight: Counter[str] = Counter()
        self._costs = costs
        self._read_notes()

    def _read_notes(self) -> None:
        answered: set[str] = set()
        for note in self._notes.records():
            self._take(note)
            if note.key not in answered and self._is_on_tape(note.key):
                answered.add(note.key)
                self._in_flight[note.key] -= 1

    def _take(self, note: CallNote) -> None:
        if note.state == "begun":
            self._in_flight[note.key] += 1
            self._worst_usd[note.key] = note.cost_usd
        else:
            self._in_flight[note.key] -= 1
            self._costs.add(note.role, note.cost_usd, note.usage)

    def _is_on_tape(self, key: str) -> bool:
        return any(tape.holds(key) for tape in self._tapes.values())

    @property
    def played_back(self) -> int:
        """Calls that the journal answered."""
        return sum(tape.hits for tape in self._tapes.values())

    @property
    def calls(self) -> int:
        """Calls that were made."""
        return sum(tape.misses for tape in self._tapes.values())

    @property
    def in_flight(self) -> int:
        """Calls that were begun, in this run or an earlier one, and of whose end nothing is
        known.
        """
        return self._in_flight.total()

    @property
    def in_flight_usd(self) -> float:
        """The most that they can have cost."""
        return sum(count * self._worst_usd[key] for key, count in self._in_flight.items() if count)

    def source(self, role: Role) -> Source:
        """Of the next words of `role`."""
        is_played_out = self.played_back >= self._recorded
        return role.model.source if is_played_out else self._tapes[role.name].source

    def knows(self, role: Role, request: Request) -> bool:
        """Whether it holds the answer to `request`."""
        tape = self._tapes[role.name]
        return tape.holds(tape.key(request))

    async def reply(self, role: Role, request: Request) -> Reply:
        """The recorded reply, or that of the model, which is then recorded."""
        tape = self._tapes[role.name]
        key = tape.key(request)
        is_call = not tape.holds(key)
        if is_call:
            worst_usd = cost_of(role.model, worst_case(request))
            await self._write(CallNote(key, role.name, "begun", worst_usd))
        reply = await tape.reply(request)
        cost_usd = round(cost_of(role.model, reply.usage), 9)
        if reply.ok:
            self._costs.add(role.name, cost_usd, reply.usage)
            self._in_flight[key] -= is_call
        else:
            why = f"{reply.stopped}: {reply.why}"
            await self._write(CallNote(key, role.name, "no result", cost_usd, reply.usage, why))
        return reply

    async def _write(self, note: CallNote) -> None:
        await asyncio.to_thread(self._notes.append, note)
        self._take(note)
