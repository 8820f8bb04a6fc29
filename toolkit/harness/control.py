"""Control: what people ask of a build while it runs, from any surface: stop, steer, approve.

It is heard on a run of the loop's own, which lasts as long as the build does.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolkit import events
from toolkit.harness.outcome import Ended, Stop
from toolkit.jsonl import JsonlFile
from toolkit.sessions import Run, Session
from toolkit.tasks import stop
from toolkit.traces import Source

ACTOR = "harness"
Gate = Literal["contract", "sprint"]
"""Where a build waits for a person: before a contract is frozen, or before what passed is taken
over.
"""
ENDS: dict[Ended, events.Outcome] = {
    "complete": "complete",
    "failed": "error",
    "halted": "error",
    "budget": "cancelled",
    "cancelled": "cancelled",
}
"""How the loop's run ends on the session."""


@dataclass(frozen=True, slots=True)
class Steer:
    """A person's word, and the turn of the Generator from which on it was asked with it."""

    turn: int
    event: str
    text: str


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's yes to a question."""

    question: str


class Control:
    """The ears of one run of a build. Make it with `Control.begin`, and close it."""

    def __init__(self, session: Session, folder: Path, run: Run, after: int):
        self.run = run
        """The loop's own."""
        self.run_ids = {run.id}
        """Whoever cancels one of these stops the build."""
        self._session = session
        self._steers = JsonlFile(folder / "steers.jsonl", Steer)
        self._approvals = JsonlFile(folder / "approvals.jsonl", Approval)
        self.stopped = asyncio.create_task(self._wait_for_cancel(after))
        """Done as soon as the build has to stop."""

    @classmethod
    async def begin(cls, session: Session, folder: Path, source: Source, after: int) -> "Control":
        """Start the loop's run, and listen for what comes `after` on the session."""
        run = await session.start_run(ACTOR, source)
        return cls(session, folder, run, after)

    async def _wait_for_cancel(self, after: int) -> Stop:
        try:
            async for event in self._session.read(after, lane="control"):
                is_ours = event.run is None or event.run in self.run_ids
                if event.kind == "cancel" and is_ours:
                    return Stop("cancelled", "a cancel arrived on the session")
            return Stop("halted", "the session's control feed has ended")
        except (ValueError, OSError) as error:
            return Stop("halted", f"cancels can no longer be heard: {error}")

    async def close(self, ended: Ended | None) -> None:
        """Stop listening, and end the loop's run: what nobody used is answered so."""
        await stop(self.stopped)
        await self.run.finish(ENDS[ended] if ended else "cancelled")

    def steers(self, turn: int) -> list[str]:
        """The words that the Generator is asked with at its `turn`, in their order."""
        return [steer.text for steer in self._known() if steer.turn <= turn]

    def _known(self) -> Iterable[Steer]:
        return self._steers.records()

    async def take_steers(self, turn: int) -> bool:
        """Take what people have said since. Returns whether there is something new.

        Their receipts follow with `used`: the log must not say so before an answer has come.
        """
        await self.run.catch_up()
        taken = await self.run.take_steers()
        for event in taken:
            steer = Steer(turn, event.id, str(event.data.get("text", "")))
            await asyncio.to_thread(self._steers.append, steer)
        return bool(taken)

    async def used(self, turn: int, role: str) -> None:
        """Note that `role` has answered at a `turn`; steers that it was asked with get their
        receipts.
        """
        await self.run.append("turn.answered", {"turn": turn, "role": role})
        steers = [steer for steer in self._known() if steer.turn == turn]
        if not steers:
            return
        signals = await self._session.signals()
        for steer in steers:
            # Of a run that died between its answer and the receipt.
            if signals.state(steer.event) == "pending":
                await self.run.store("steer.consumed", {"event": steer.event})

    async def approved(self, question: str, timeout_s: float) -> None:
        """Wait for a person's yes. Raises Stop for a no, and where nobody answers in time."""
        if Approval(question) in self._approvals.records():
            return
        answer = await self.run.ask(question, timeout_s)
        if answer is None:
            raise Stop("halted", f"nobody answered within {timeout_s:g} s: {question}")
        if not answer:
            raise Stop("halted", f"a person said no: {question}")
        await asyncio.to_thread(self._approvals.append, Approval(question))
