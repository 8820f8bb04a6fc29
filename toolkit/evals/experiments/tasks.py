"""Tasks: what an experiment calls with each case, and the trace that comes of it."""

import asyncio
import contextvars
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from toolkit.errors import UsageError
from toolkit.evals.experiments.dataset import Case
from toolkit.evals.scorers.scorers import second_parameter
from toolkit.models.deadline import within
from toolkit.tasks import cancelled_from_within
from toolkit.traces import Source, Step, Trace

Task: TypeAlias = Callable[..., Any]
"""Of ``(case)`` or ``(case, trial)``, plain or async, to a `Trace` or a str. A plain one runs in a
thread.
"""


class TaskFailed(Exception):
    """The task gave no trace. The cause is what it raised, where it raised."""


class TaskCaller:
    """A task as it is called: here where it is async, else in one of `threads`, and each time by
    `timeout_s`.
    """

    def __init__(self, task: Task, threads: ThreadPoolExecutor, timeout_s: float):
        if not callable(task):
            raise UsageError(f"{task!r} is no task: a function of a case is wanted")
        self._task = task
        self._threads = threads
        self._timeout_s = timeout_s
        self._is_async = is_async(task)
        self._takes_trial = takes_trial(task)

    async def call(self, case: Case, trial: int) -> Any:
        """What the task returns. Raises TaskFailed, for whatever reason there is none."""
        arguments = (case, trial) if self._takes_trial else (case,)
        try:
            async with within(self._timeout_s):
                if self._is_async:
                    return await self._task(*arguments)
                return await self._in_a_thread(arguments)
        except TimeoutError as error:
            why = str(error) or f"no answer within {self._timeout_s:g} s"
            raise TaskFailed(why) from error
        except (Exception, SystemExit) as error:
            raise TaskFailed(f"{type(error).__name__}: {error}") from error
        except asyncio.CancelledError as error:
            if not cancelled_from_within():
                raise
            raise TaskFailed("the task was cancelled from within") from error

    async def _in_a_thread(self, arguments: tuple[Any, ...]) -> Any:
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        run = context.run
        returned = await loop.run_in_executor(self._threads, run, self._task, *arguments)
        return await returned if inspect.isawaitable(returned) else returned


def is_async(task: Task) -> bool:
    """Whether a call of `task` gives a coroutine."""
    call = getattr(task, "__call__", None)  # noqa: B004 - of an object, its method
    return inspect.iscoroutinefunction(task) or inspect.iscoroutinefunction(call)


def takes_trial(task: Task) -> bool:
    """Whether `task` takes the number of the trial, from 0, after the case."""
    return second_parameter(task, "trial") is not None


def trace_of(returned: Any, case: Case, trial: int, source: Source | None) -> Trace:
    """The trace that a task `returned`; of a str, one that says it. Raises TaskFailed for others.

    `source` is that of the calls to models that were seen: a str has no source of its own.
    """
    if isinstance(returned, Trace):
        return returned
    if isinstance(returned, str):
        step = Step("answer", "message", "assistant", returned)
        return Trace(f"{case.id}-{trial}", (step,), source=source or "imported")
    kind = type(returned).__name__
    raise TaskFailed(f"the task returned {kind}, and not a Trace or a str")
