"""Tasks: what an experiment calls with each case, and the trace that comes of it."""

import asyncio
import contextvars
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from toolkit.evals.experiments.dataset import Case
from toolkit.models.deadline import within
from toolkit.traces import Source, Step, Trace

Task: TypeAlias = Callable[..., Any]
"""Of ``(case)`` or ``(case, trial)``, plain or async, to a `Trace` or a str. A plain one runs in a
thread.
"""


class TaskFailed(Exception):
    """The task gave no trace. The cause is what it raised, where it raised."""


async def call_task(
    task: Task, arguments: tuple[Any, ...], timeout_s: float, threads: ThreadPoolExecutor
) -> Any:
    """What `task` returns, by `timeout_s`. Raises TaskFailed, for whatever reason there is none."""
    try:
        async with within(timeout_s):
            if is_async(task):
                return await task(*arguments)
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            returned = await loop.run_in_executor(threads, context.run, task, *arguments)
            return await returned if inspect.isawaitable(returned) else returned
    except TimeoutError as error:
        raise TaskFailed(str(error) or f"no answer within {timeout_s:g} s") from error
    except (Exception, SystemExit) as error:
        raise TaskFailed(f"{type(error).__name__}: {error}") from error
    except asyncio.CancelledError as error:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        raise TaskFailed("the task was cancelled from within") from error


def is_async(task: Task) -> bool:
    """Whether a call of `task` gives a coroutine."""
    call = getattr(task, "__call__", None)  # noqa: B004 - of an object, its method
    return inspect.iscoroutinefunction(task) or inspect.iscoroutinefunction(call)


def takes_trial(task: Task) -> bool:
    """Whether `task` takes the number of the trial, from 0, after the case."""
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(task).parameters.values()
    except ValueError:  # some functions that are written in C state none
        return False
    positional = [parameter for parameter in parameters if parameter.kind in by_place]
    if len(positional) < 2:
        return False
    second = positional[1]
    return second.name == "trial" or second.default is inspect.Parameter.empty


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
