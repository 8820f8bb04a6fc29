"""Fieldbook: durable sessions, evals and agent harnesses on one append-only log.

The rooms are imported when they are first named, so ``import toolkit`` costs nothing.

>>> import toolkit
>>> toolkit.events.new_event("demo", "message", "user", {"text": "hi"}).kind
'message'
"""

from importlib import import_module
from types import ModuleType

__all__ = [
    "evals",
    "events",
    "harbor",
    "harness",
    "models",
    "render",
    "sessions",
    "traces",
    "views",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"toolkit.{name}")
    raise AttributeError(
        f"module 'toolkit' has no attribute {name!r}; its rooms are {', '.join(__all__)}"
    )
