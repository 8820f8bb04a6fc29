"""Meter: whoever must know of each call to a model that is made on its account, before it is made.

An experiment meters the calls of each trial: those of the task and those of its judges. A `Ledger`
asks the meter of the context that it is used in.
"""

from contextvars import ContextVar
from typing import Any, Protocol

from toolkit.models.model import Price, Request, State, Usage
from toolkit.traces import Source


class Meter(Protocol):
    """What a ledger asks of a meter, for each attempt to reach a model."""

    async def admit(
        self,
        provider: str,
        model: str,
        source: Source,
        *requests: Request,
        batch: bool = False,
        price: Price | None = None,
    ) -> Any:
        """Wait until the attempt may be made. What is returned stands for it in `end`.

        Raises `BudgetExceeded` where it may not be made.
        """

    def end(self, admitted: Any, state: State, status: int | None, usage: Usage, why: str) -> None:
        """Take note of what became of it."""

    def refuse(self, why: str) -> None:
        """Take note that a ledger's own cap forbade it."""


METER: ContextVar[Meter | None] = ContextVar("meter", default=None)
"""The meter of the current context; a task inherits that of the one that made it."""


class metered_by:  # noqa: N801 - a context manager, named as the words that it stands for
    """Have each attempt that is made in this block, and in the tasks it makes, asked of `meter`."""

    __slots__ = ("_meter", "_token")

    def __init__(self, meter: Meter | None):
        self._meter = meter

    def __enter__(self) -> None:
        self._token = METER.set(self._meter)

    def __exit__(self, *error: object) -> None:
        METER.reset(self._token)
