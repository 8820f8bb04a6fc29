"""Contract: what every `Log` promises, as checks that a log of your own can be held to.

Each check takes an empty log and raises AssertionError where a promise is broken. All at once::

    await check_log(lambda: MyLog("events.db"))

Or one by one, as tests::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_my_log_keeps_the_contract(check):
        await check(MyLog("events.db"))
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from toolkit.sessions.contract.reading import (
    any_cursor_resumes,
    end_is_a_cursor,
    extent_of_a_session,
    kinds_of_each_lane,
    last_of_each_run,
    lost_cursors,
    order_of_acknowledgement,
    replay_meets_live,
)
from toolkit.sessions.contract.sessions import (
    deleted_sessions,
    names_of_sessions,
    sessions_stand_apart,
)
from toolkit.sessions.contract.writing import (
    all_or_none,
    one_writer_for_a_run,
    refusals,
    stored_as_it_was_appended,
    stored_as_json,
    stored_once,
)
from toolkit.sessions.log import Log

Check = Callable[[Log], Awaitable[None]]

CHECKS: tuple[Check, ...] = (
    order_of_acknowledgement,
    any_cursor_resumes,
    replay_meets_live,
    end_is_a_cursor,
    stored_once,
    stored_as_it_was_appended,
    stored_as_json,
    all_or_none,
    sessions_stand_apart,
    one_writer_for_a_run,
    kinds_of_each_lane,
    last_of_each_run,
    extent_of_a_session,
    lost_cursors,
    refusals,
    names_of_sessions,
    deleted_sessions,
)


CHECK_S = 60.0
"""How long a check may take, with the closing of its log: each takes seconds, on a slow log too."""


async def check_log(
    make_log: Callable[[], Log],
    checks: Sequence[Check] | None = None,
    check_s: float = CHECK_S,
) -> None:
    """Hold the logs that `make_log` makes, each of them empty, to `checks`: by default, to all.

    A check that is not over after `check_s` seconds is broken off: its promise is broken, as of a
    read that waits for ever.

    Raises
    ------
    ExceptionGroup
        Of an error for each promise that is broken; its note names the check.
    """
    errors = []
    checks = CHECKS if checks is None else checks
    for check in checks:
        try:
            await _keep_to(check, make_log(), check_s)
        except Exception as error:
            error.add_note(f"broken promise: {check.__name__}")
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{len(errors)} of {len(checks)} promises are broken", errors)


async def _keep_to(check: Check, log: Log, check_s: float) -> None:
    """Run a check on a log, and close the log; TimeoutError where one of them takes too long."""
    try:
        async with asyncio.timeout(check_s) as deadline:
            await check(log)
    except TimeoutError as error:
        if deadline.expired():
            error.add_note(f"it was not over after {check_s:g} s")
        raise
    finally:
        async with asyncio.timeout(check_s):
            await log.close()
