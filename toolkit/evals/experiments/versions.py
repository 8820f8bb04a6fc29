"""Versions: when two functions count as the same task, or the same scorer.

A result that is recorded under one version is not taken for that of another.
"""

import inspect
from collections.abc import Mapping, Set
from functools import partial
from types import MappingProxyType
from typing import Any

from toolkit.evals.scorers.scorers import name_of
from toolkit.records import fingerprint

DIGITS = 16
DEPTH = 4
"""Functions that hold functions that hold functions: no deeper."""
PLAIN = (str, int, float, bool, bytes, type(None))
COLLECTIONS = {list, tuple, set, frozenset, dict, MappingProxyType}


def version_of(function: Any) -> str:
    """The name of `function`, and a hash of its source and of what it was made with.

    What it was made with are the values that it closes over and its default arguments, as they are
    now: text, numbers, lists and dicts of those, other functions, and the name, version or hash of
    an object (a model, a rubric). What it calls by a global name is not seen, nor what a Counter
    or an object of your own holds: state a version for that.

    >>> def agent(prompt):
    ...     def answer(case):
    ...         return prompt
    ...     return answer
    >>> version_of(agent("Be brief.")) == version_of(agent("Be brief."))
    True
    >>> version_of(agent("Be brief.")) == version_of(agent("Be kind."))
    False
    """
    digest = fingerprint(_parts(function, DEPTH))[:DIGITS]
    return f"{name_of(function)}@{digest}"


def _parts(value: Any, depth: int) -> Any:
    """What tells `value` from another one, as JSON: of plain data the data, of a function its code
    and what it was made with, of any other object what it says of itself.
    """
    if isinstance(value, PLAIN):
        return repr(value)
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if depth == 0:
        return kind
    if isinstance(value, partial):
        value = [value.func, value.args, value.keywords]
    if type(value) in COLLECTIONS:
        return [kind, *_parts_of_items(value, depth - 1)]
    if inspect.ismethod(value):
        return [_parts(value.__func__, depth), _parts(value.__self__, depth - 1)]
    if inspect.isfunction(value):
        return _parts_of_function(value, depth)
    return _parts_of_object(value, kind, depth)


def _parts_of_items(items: Any, depth: int) -> list[Any]:
    """The parts of what a collection holds, in its order, where it has one."""
    if isinstance(items, Mapping):
        items = [[key, item] for key, item in items.items()]
        depth += 1
    parts = [_parts(item, depth) for item in items]
    if isinstance(items, Set):
        parts.sort(key=repr)
    return parts


def _parts_of_function(function: Any, depth: int) -> list[Any]:
    """The parts of a function: its code, what it closes over, and its default arguments."""
    held = []
    for cell in function.__closure__ or ():
        try:
            held.append(_parts(cell.cell_contents, depth - 1))
        except ValueError:  # a name that has no value yet
            held.append(None)
    defaults = [function.__defaults__ or (), function.__kwdefaults__ or {}]
    return [_source(function), held, _parts(defaults, depth - 1)]


def _source(function: Any) -> str:
    """The text of a function; its bytecode where the text is not at hand."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        code = function.__code__
        return f"{code.co_code.hex()} {code.co_names} {code.co_varnames}"


def _parts_of_object(value: Any, kind: str, depth: int) -> list[Any]:
    """An object states its hash, or its version and its name; one that is called has code too."""
    own_hash = getattr(value, "hash", None)
    if isinstance(own_hash, str):
        return [kind, own_hash]
    stated = []
    for attribute in ("version", "name", "__name__"):
        text = getattr(value, attribute, None)
        stated.append(text if isinstance(text, str) else None)
    parts = [kind, *stated]
    function = getattr(value, "function", None)  # of a scorer under a name of its own
    if callable(function):
        parts.append(_parts(function, depth - 1))
    elif callable(value) and inspect.isfunction(type(value).__call__):
        fields = getattr(value, "__dict__", {})
        parts += [_source(type(value).__call__), _parts(fields, depth - 1)]
    return parts
