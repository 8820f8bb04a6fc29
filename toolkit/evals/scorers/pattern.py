"""A search for a regular expression that ends in time, whatever the pattern."""

import json
import re
import signal
import subprocess
import sys
import threading

PATTERN_S = 1.0
SEARCH = """import json, re, sys
pattern, flags, texts = json.load(sys.stdin)
print(any(re.search(pattern, text, flags) for text in texts))"""


class SearchStopped(Exception):
    """The search took too long, or could not be made."""


def search(pattern: re.Pattern[str], texts: list[str], timeout_s: float = PATTERN_S) -> bool:
    """Whether one of `texts` holds `pattern`. Raises SearchStopped after `timeout_s` seconds.

    The timer counts CPU time, and only the main thread of a POSIX system has it. Elsewhere the
    search runs in a process of its own, some 15 ms each.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    try:
        if in_main_thread and hasattr(signal, "setitimer"):
            return _search_here(pattern, texts, timeout_s)
        return _search_in_child(pattern, texts, timeout_s)
    except (TimeoutError, subprocess.SubprocessError) as error:
        kind = type(error).__name__
        why = f"the search was stopped: {kind} (it may take {timeout_s:g} s)"
        raise SearchStopped(why) from None


def _search_here(pattern: re.Pattern[str], texts: list[str], timeout_s: float) -> bool:
    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, timeout_s)
        return any(pattern.search(text) for text in texts)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before or signal.SIG_DFL)


def _search_in_child(pattern: re.Pattern[str], texts: list[str], timeout_s: float) -> bool:
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", SEARCH],
        input=json.dumps([pattern.pattern, pattern.flags, texts]),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=True,
    )
    return ended.stdout.strip() == "True"
