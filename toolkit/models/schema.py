"""The JSON object that a request asks for by a schema: read from the reply's text, and checked."""

import json
from collections import Counter
from typing import Any

from pydantic_core import from_json


def parse(text: str, schema: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The JSON object in `text` where it satisfies `schema`, or None and what is wrong."""
    try:
        value = from_json(text, allow_inf_nan=False)
        json.loads(text, object_pairs_hook=_without_doubles)
        fault = next(validator_of(schema).iter_errors(value), None)
    except Exception as error:
        # Text nested too deep, a pattern that is no regex, a $ref to nowhere, among others.
        problem = f"{type(error).__name__}: {error}"
        return None, f"the reply cannot be read as JSON of the schema: {problem}"
    if not isinstance(value, dict):
        return None, f"the reply is a JSON {type(value).__name__}, not an object"
    if fault:
        return None, f"the reply does not match the schema at {fault.json_path}: {fault.message}"
    return value, ""


def schema_faults(schema: dict[str, Any]) -> list[str]:
    """What is wrong with `schema` as a JSON schema."""
    meta_schema = validator_of({}).META_SCHEMA
    return [fault.message for fault in validator_of(meta_schema).iter_errors(schema)]


def validator_of(schema: dict[str, Any]) -> Any:
    """The validator of values by `schema`."""
    from jsonschema import Draft202012Validator
    from jsonschema_specifications import REGISTRY

    # A registry of its own keeps a $ref from being fetched over the network.
    return Draft202012Validator(schema, registry=REGISTRY)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of `pairs`. Raises ValueError where a name stands twice: of two verdicts none is
    clear.
    """
    times = Counter(name for name, _ in pairs)
    for name, count in times.items():
        if count > 1:
            raise ValueError(f"{name!r} stands there twice")
    return dict(pairs)
