"""Files that people try and that hold no traces as they are: what they look like, what to do."""

import re
from collections.abc import Mapping
from typing import Any

from toolkit.traces.fields import object_in

ROWS = "write its messages as rows with the columns conversation_id, role and content"
FIELDS: dict[tuple[str, ...], str] = {
    ("user", "text", "ts"): f"This looks like an export of Slack: {ROWS}.",
    ("log.entries",): "This looks like what a browser saves of its requests (HAR): save the "
    "request and the response of each call to a model as JSON, a record a line.",
    ("conversation_parts",): f"This looks like a conversation of Intercom: {ROWS}.",
    ("tickets",): f"This looks like an export of Zendesk: {ROWS}.",
    ("requester_id", "subject"): f"This looks like a ticket of Zendesk: {ROWS}.",
    ("eval_cases",): "This looks like an eval set of Google's ADK, which holds what is expected: "
    "give the sessions of the agent.",
    ("task_name", "agent", "status"): "This looks like the log of a crew of CrewAI, which has no "
    "messages: export its traces over OpenTelemetry.",
}
"""What an object looks like that has all of these fields."""
TEXTS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (
        re.compile(rb"\s*(<!doctype html|<html)", re.IGNORECASE),
        "This looks like a web page: save the data behind it as JSON.",
    ),
    (
        re.compile(rb"\s*(#{1,3} \S|\*\*\w+:?\*\*)"),
        "This looks like Markdown: export the conversation as JSON, or write its messages as "
        "rows with the columns role and content.",
    ),
    (
        re.compile(rb"\s*\d{4}-\d\d-\d\d[ T]\d\d:\d\d"),
        "This looks like the lines of a log: have the program write JSON, a record a line.",
    ),
)
"""What a text looks like that begins so."""


def looks_foreign(content: bytes, objects: list[dict[str, Any]]) -> str | None:
    """What a file looks like that holds no traces as it is, and what to do; None for others."""
    for names, sentence in FIELDS.items():
        if objects and _has_all(objects[0], names):
            return sentence
    for beginning, sentence in TEXTS:
        if not objects and beginning.match(content):
            return sentence
    return None


def _has_all(record: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    """Whether an object has all fields of these names; a dot leads into an object."""
    for name in names:
        outer, dot, inner = name.partition(".")
        if outer not in record or (dot and inner not in object_in(record, outer)):
            return False
    return True
