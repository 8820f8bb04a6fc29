"""Run: one agent's turn on a session, from ``run.started`` to one ``run.finished``."""

from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, TypeVar, get_args

from toolkit.events import Event, Outcome
from toolkit.models import Model, Reply, Request
from toolkit.sessions.approvals import ask, last_answers, settle
from toolkit.sessions.calls import short, stream_call, unless_interrupted
from toolkit.sessions.held import HeldRun
from toolkit.sessions.log import Ack, Fenced, LogUnavailable
from toolkit.tasks import shielded

T = TypeVar("T")


class Run(HeldRun):
    """A run in progress. Make one with `Session.start_run`; signals to it are heard while it
    runs.
    """

    @property
    def text(self) -> str:
        """The run's words so far, as they stand on the log."""
        return self.writer.text

    async def write(self, text: str) -> Ack | None:
        """Add words. The first are stored at once; later ones within the window, together.

        Returns
        -------
        Ack or None
            The acknowledgement, where the words were stored by this call; None where they wait for
            the window to pass. `flush` stores what waits.

        Raises
        ------
        Fenced
            Another agent has adopted this run. Nothing of it is stored.
        LogUnavailable
            The log did not acknowledge in time. The words are kept, and go before the next: do not
            write them again.
        """
        if not isinstance(text, str):
            raise TypeError(f"a run's words are a str, not {type(text).__name__}: {text!r}")
        if self.outcome:
            raise Fenced(f"run {self.id} has ended ({self.outcome}): nothing can be added to it")
        if text:
            self.acknowledge(self.inbox.taken)
        return await self.writer.add(text)

    async def flush(self) -> Ack | None:
        """Store the words that wait. Returns None where there were none."""
        return await self.writer.store()

    async def stream(self, model: Model, request: Request) -> Reply | None:
        """Write a model's words as they come, then what they cost. None where a cancel or an
        interrupt broke it off.

        A call that is broken off has its ``model.usage`` too: it may have been billed, and the
        model did not say how much.
        """
        return await self.unless_interrupted(stream_call(self, model, request))

    async def call_tool(
        self, name: str, arguments: dict[str, Any], call_id: str | None = None
    ) -> str:
        """Record that a tool is called. Returns the call's id, which its result must name."""
        call_id = call_id or self.session.new_id()
        await self.append("tool.call", {"call_id": call_id, "name": name, "arguments": arguments})
        return call_id

    async def tool_result(self, call_id: str, content: str, error: bool = False) -> Ack:
        """Record what the tool answered."""
        data = {"call_id": call_id, "content": content, "error": error}
        return await self.append("tool.result", data)

    async def step(self, name: str, attempt: int = 1) -> None:
        """Begin a step, or another attempt at it: what an earlier attempt put out is replaced on
        every surface.
        """
        await self.append("step.started", {"step": name, "attempt": attempt})

    async def roll_back(self) -> None:
        """Take back everything that this run put out: no surface shows it any more, the log keeps
        it.

        A question that nobody has answered is withdrawn. An answer that came already counts where
        the agent asks the same again.
        """
        self.writer.drop()
        for request in self.inbox.unanswered_questions():
            await settle(self, request, None, "the run was rolled back")
        await self.append("run.rolled_back", {})

    async def finish(self, outcome: Outcome | None = None) -> None:
        """End the run, once: ``cancelled`` by default where a cancel was acknowledged before, else
        ``complete``.
        """
        if outcome not in (None, *get_args(Outcome)):
            raise ValueError(f"a run ends as {', '.join(get_args(Outcome))}, not as {outcome!r}")
        try:
            await shielded(self._end(outcome))
        finally:
            await self.stop_listening()

    async def fail(self, error: BaseException) -> None:
        """Write an ``error`` event that says why, and end the run as ``error``."""
        await self.append("error", {"why": short(error)})
        await self.finish("error")

    async def _end(self, outcome: Outcome | None) -> None:
        if self.outcome is not None:
            return
        await self.catch_up()
        if outcome is None:
            outcome = "cancelled" if self.cancelled else "complete"
        self.outcome = await self.writer.end(outcome, await last_answers(self, outcome))
        # A renewal that met the run's own end was refused like one that met another agent.
        self.lost = False
        with suppress(LogUnavailable):
            await self.catch_up()
            # One may have come while the run was ending, or its receipt was refused by the log: no
            # agent is left to use it.
            if any(not self._is_heeded(signal) for signal in self.signals):
                await self.session.settle(self.actor)

    def _is_heeded(self, signal: Event) -> bool:
        """Whether a signal is a cancel of a run that has ended as cancelled."""
        return signal.kind == "cancel" and self.outcome == "cancelled"

    async def take_steers(self) -> list[Event]:
        """The steers, and the interrupts with words, that were not taken yet; none once the run is
        cancelled.

        To take them is to say: what I put out next was asked for with these words. So the log says
        ``steer.consumed`` together with the next words, tool call or cost of a model, and not
        before. Where none follow, the run's end says ``signal.unused``.
        """
        return self.inbox.take_words()

    async def unless_interrupted(self, work: Awaitable[T], by_steers: bool = False) -> T | None:
        """Await `work`, a model call say, and break it off when a cancel or an interrupt is heard:
        None then.

        With `by_steers` a steer, or one that nobody has taken yet, breaks it off as well.
        """
        return await unless_interrupted(self, work, by_steers)

    async def ask(self, question: str, timeout_s: float) -> bool | None:
        """Suspend the run until somebody approves or refuses; the first answer wins, None at the
        deadline.

        In a run that was adopted, a question that the agent before had open is not put again: its
        answer counts, also one that was given meanwhile.
        """
        return await ask(self, question, timeout_s)
