"""Control: an experiment as a run of the session that it is kept on, which obeys what people ask
there.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from toolkit.evals.experiments.limiter import Limiter, Slots
from toolkit.evals.experiments.plan import Trial
from toolkit.evals.experiments.store import ExperimentStore, Journal, Recorded
from toolkit.events import Event, Outcome
from toolkit.tasks import shielded, stop

logger = logging.getLogger(__name__)

CONCURRENCY = re.compile(r"concurrency\s*=?\s*(\d{1,4})")
KEY_CHARS = 8
"""Of a result's key: enough to tell the planned ones from any others in the store."""
PLAN_GROUP = 10_000
"""Trials that one event says are planned, at most."""
KNOWN = "an experiment knows pause, resume, stop and concurrency N"


@dataclass(frozen=True)
class Controls:
    """What can be changed of an experiment that is under way."""

    slots: Slots
    """Of the trials."""
    limiter: Limiter
    halt: Callable[[str], None]
    """No trial begins any more; those under way go on."""
    stop: Callable[[str], None]
    """Those under way are broken off, too."""
    is_stopped: Callable[[], bool]

    def obey(self, event: Event) -> bool:
        """Do what a signal asks for. Returns whether it was understood."""
        if event.kind == "cancel":
            self.stop(f"{event.actor} cancelled the experiment")
            return True
        words = str(event.data.get("text", "")).strip().lower()
        concurrency = CONCURRENCY.fullmatch(words)
        if concurrency and int(concurrency[1]) > 0:
            self.slots.tune(int(concurrency[1]))
            self.limiter.tune(int(concurrency[1]))
        elif words in ("pause", "resume"):
            self.slots.tune(paused=words == "pause")
        elif words == "stop":
            self.halt(f"{event.actor} stopped the experiment")
        else:
            return False
        return True


async def listen(store: ExperimentStore, journal: Journal, controls: Controls) -> None:
    """Obey each signal that comes from now on, and write down that it was."""
    async for event in store.read(journal.heard, follow=True, lane="control"):
        if event.run not in (None, journal.run):
            continue
        is_obeyed = controls.obey(event)
        if (event.seq or 0) < journal.joined_at:
            continue
        if is_obeyed:
            journal.put("steer.consumed", {"event": event.id})
            slots = controls.slots
            state = {"concurrency": slots.limit, "paused": slots.paused}
            journal.put("experiment.tuned", state)
        else:
            data = {"event": event.id, "why": KNOWN}
            journal.put("signal.unused", data, id=f"{event.id}-unused")
        await journal.stored()


@asynccontextmanager
async def kept(
    store: ExperimentStore | None,
    journal: Journal,
    known: Recorded,
    controls: Controls,
    about: dict[str, Any],
    planned: Sequence[Trial],
) -> AsyncIterator[None]:
    """The block as a run of the session, with the signals to it obeyed; without a store, as it is.

    Runs of experiments whose process died are ended. Whoever watches is told which trials are
    planned: each by the begin of its result's key.
    """
    if store is None:
        yield
        return
    listener: asyncio.Task[None] | None = None
    outcome: Outcome = "error"
    try:
        await journal.begin(known)
        for start in range(0, len(planned), PLAN_GROUP):
            group = planned[start : start + PLAN_GROUP]
            keys = "".join(trial.result_key[:KEY_CHARS] for trial in group)
            journal.put("experiment.planned", {"keys": keys})
        journal.put("experiment.started", about)
        await journal.stored()
        listener = asyncio.create_task(_listen_or_say(store, journal, controls))
        yield
        outcome = "cancelled" if controls.is_stopped() else "complete"
    except asyncio.CancelledError:
        outcome = "cancelled"
        raise
    finally:
        # cancelled once more, it ends all the same: else its lease would be renewed for ever
        await shielded(_end(journal, listener, outcome))


async def _end(journal: Journal, listener: "asyncio.Task[None] | None", outcome: Outcome) -> None:
    """Stop listening, and end the run."""
    if listener:
        await stop(listener)
    try:
        await journal.end(outcome)
    except Exception:
        if outcome != "error":  # the error of the block is the one to raise
            raise


async def _listen_or_say(store: ExperimentStore, journal: Journal, controls: Controls) -> None:
    """Listen; where that fails the experiment goes on, unheard."""
    try:
        await listen(store, journal, controls)
    except Exception:
        logger.exception("the experiment no longer hears what is asked of it; it goes on")
