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
            _age_all()
            gc.enable()


def _age_all() -> None:
    """Make all objects old ones: the next look for garbage would be at all that were made.

    They are collected as before in the looks at old objects, which are few. A program that has
    frozen objects of its own keeps them so.
    """
    if gc.get_freeze_count() == 0:
        gc.freeze()
        gc.unfreeze()
