"""Values: what all checks are made of, and how records are read that come from outside."""

from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from toolkit.shown import Shown


def _kind_is_asked_for(schema: dict[str, Any]) -> None:
    """A check without its kind is none, so the schema that roles are given asks for it."""
    if "kind" in schema["properties"]:
        schema["required"] = ["kind", *schema.get("required", [])]


STRICT = {
    "extra": "forbid",
    "allow_inf_nan": False,
    "use_attribute_docstrings": True,  # the roles read what stands below a field
    "json_schema_extra": _kind_is_asked_for,
}
"""How records are read that come from outside."""
MAX_TIMEOUT_S = 60.0


Scalar: TypeAlias = str | int | float | bool | None
"""A value that JSON and SQLite both have."""


@dataclass(frozen=True, slots=True)
class Value(Shown):
    """What has a name, and must be this value.

    In an answer it is a path through its JSON, as ``tasks.0.title``; ``tasks.#`` is how many there
    are. In a table it is a column.
    """

    __pydantic_config__: ClassVar = STRICT
    name: str
    value: Scalar


def timeout_fault(timeout_s: float) -> str | None:
    if not 0 < timeout_s <= MAX_TIMEOUT_S:
        return f"timeout_s must be above 0 and at most {MAX_TIMEOUT_S:g}"
    return None
