"""Garbage: to look for some among all that is read takes as long as the reading."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected_garbage() -> Iterator[None]:
    """Leave garbage for later: what is made meanwhile holds no circles, and there is much of it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
