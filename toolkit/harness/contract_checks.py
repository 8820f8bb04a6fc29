"""Checks: the ways in which a criterion can be shown to hold, as data that both sides sign.

Each is a small record, so a contract is read by people and run by us: there is no script of a
model's in it but commands, which run in a sandbox.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Discriminator

from toolkit.harness.sandbox import TextFile
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
MAX_JSON_CHARS = 60_000
"""The size of a check without its files: it is handed to a program on its command line."""
MAX_REQUESTS = 20
MAX_STEPS = 40
MAX_PICTURES = 5

Scalar: TypeAlias = str | int | float | bool | None
"""A value that JSON and SQLite both have."""
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
Act = Literal["open", "fill", "click", "press", "see", "not_see", "picture"]


@dataclass(frozen=True, slots=True)
class Value(Shown):
    """What has a name, and must be this value.

    In an answer it is a path through its JSON, as ``tasks.0.title``; ``tasks.#`` is how many there
    are. In a table it is a column.
    """

    __pydantic_config__: ClassVar = STRICT
    name: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Command(Shown):
    """A command, run in a copy of the build; what it prints and how it ends decides."""

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["command"] = field(default="command", kw_only=True)
    argv: tuple[str, ...]
    """The command and its arguments; ``python`` is the running interpreter."""
    files: tuple[TextFile, ...] = ()
    """Input for the command. They are part of the contract, and lie over whatever the build holds.
    """
    exit_code: int = 0
    """The exit code that it must end with, 0 to 125: higher ones mean that it was not started, or
    was killed.
    """
    stdout: tuple[str, ...] = ()
    """Texts that must each occur in what it prints."""
    stderr: tuple[str, ...] = ()
    """Texts that must each occur in what it complains of."""
    timeout_s: float = 10.0

    def fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if not self.argv or not self.argv[0]:
            return "no command: a criterion that cannot be run cannot be kept"
        if not 0 <= self.exit_code <= 125:
            return "exit_code must be 0 to 125"
        if "" in self.stdout or "" in self.stderr:
            return "expects an empty text, which every output contains"
        return _timeout_fault(self.timeout_s)


@dataclass(frozen=True, slots=True)
class HttpRequest(Shown):
    """A request to the app, and what its answer must be."""

    __pydantic_config__: ClassVar = STRICT
    method: Method
    path: str
    """With its query, as ``/tasks?open=1``."""
    body: str | None = None
    """What is sent, as it is."""
    content_type: str = "application/json"
    status: int = 200
    """Redirects are not followed: they are answers as well."""
    texts: tuple[str, ...] = ()
    """Texts that must each occur in the answer."""
    values: tuple[Value, ...] = ()
    """What the answer's JSON must hold."""

    def fault(self) -> str | None:
        """Why it cannot be sent; None where it can."""
        if not self.path.startswith("/") or not self.path.isprintable() or " " in self.path:
            return f"path {self.path!r} must begin with / and hold no blanks"
        if not self.content_type.isprintable():
            return "content_type must be one line"
        if not 200 <= self.status <= 599:
            return "status must be 200 to 599"
        if "" in self.texts:
            return "expects an empty text, which every answer contains"
        return None


@dataclass(frozen=True, slots=True)
class Exchange(Shown):
    """Requests to the app over HTTP, one after the other; each answer must be as it says."""

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["exchange"] = field(default="exchange", kw_only=True)
    requests: tuple[HttpRequest, ...]
    timeout_s: float = 20.0
    """For all of them."""

    def fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if not self.requests:
            return "no request: what is never asked is never answered"
        return _requests_fault(self.requests) or _timeout_fault(self.timeout_s)


@dataclass(frozen=True, slots=True)
class Step(Shown):
    """One act in the browser, as a person would do it: controls go by what is written on them."""

    __pydantic_config__: ClassVar = STRICT
    act: Act
    target: str
    """``open``: a path. ``fill`` and ``click``: the label of a control, or its text. ``press``: a
    key, as ``Enter``. ``see`` and ``not_see``: a text that is visible. ``picture``: a name.
    """
    text: str = ""
    """What ``fill`` writes."""
    within: str = ""
    """Where several controls are called the same: a text in the list item or the table row of the
    one that is meant.
    """

    def fault(self) -> str | None:
        """Why it cannot be done; None where it can."""
        if not self.target.strip():
            return f"{self.act}: the target is empty"
        if self.act == "open" and not self.target.startswith("/"):
            return f"open: {self.target!r} must be a path, which begins with /"
        if self.act == "picture" and not is_picture_name(self.target):
            return f"picture: {self.target!r} must be a name of 1 to 40 letters and digits"
        return None


@dataclass(frozen=True, slots=True)
class Browse(Shown):
    """Steps in a real Chromium on the app; each must be possible, and show what it says."""

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["browse"] = field(default="browse", kw_only=True)
    steps: tuple[Step, ...]
    timeout_s: float = MAX_TIMEOUT_S
    """For all of them; the start of the browser does not count."""

    def fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        acts = [step.act for step in self.steps]
        if not 2 <= len(acts) <= MAX_STEPS or acts[0] != "open":
            return f"a browse has 2 to {MAX_STEPS} steps, the first of which is open"
        if "see" not in acts:
            return "a browse must see a text: an empty page shows all that is not to be seen"
        if acts.count("picture") > MAX_PICTURES:
            return f"a browse takes at most {MAX_PICTURES} pictures"
        for step in self.steps:
            fault = step.fault()
            if fault:
                return fault
        return _timeout_fault(self.timeout_s)


@dataclass(frozen=True, slots=True)
class RowChange(Shown):
    """Rows of a table that are new, gone or changed afterwards."""

    __pydantic_config__: ClassVar = STRICT
    change: Literal["added", "removed", "changed"]
    table: str
    where: tuple[Value, ...] = ()
    """Which rows: what their columns hold where they are new, and held before where they are not.
    """
    to: tuple[Value, ...] = ()
    """What the columns of a changed row hold afterwards."""
    count: int = 1
    """How many rows; 0 says that it must not happen."""


@dataclass(frozen=True, slots=True)
class StateCheck(Shown):
    """What the app's SQLite file holds after commands and requests, against what it held before.

    A change that nobody speaks of is a fault, unless `others` allows it.
    """

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["state"] = field(default="state", kw_only=True)
    database: str
    """Its path within the build."""
    changes: tuple[RowChange, ...]
    commands: tuple[tuple[str, ...], ...] = ()
    """Each must end with exit code 0. They are run before the requests are sent."""
    requests: tuple[HttpRequest, ...] = ()
    others: bool = False
    timeout_s: float = 20.0
    """For each command, and for all requests."""

    def fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if not self.database:
            return "database is empty: name the file"
        if not self.changes:
            return "no change is expected: an app that does nothing would do"
        if not self.commands and not self.requests:
            return "neither commands nor requests: nothing would change anything"
        if any(not command or not command[0] for command in self.commands):
            return "a command is empty"
        if len(set(self.changes)) < len(self.changes):
            return "a change is stated twice; state it once, with its count"
        if all(change.count < 1 for change in self.changes):
            return "no row is expected to change: an app that does nothing would do"
        if any(change.count < 0 for change in self.changes):
            return "count must be 0 or more"
        return _requests_fault(self.requests) or _timeout_fault(self.timeout_s)


Look = Annotated[Command | Exchange | Browse, Discriminator("kind")]


@dataclass(frozen=True, slots=True)
class Judged(Shown):
    """A rubric in words, by which the Evaluator gives a score from 0 to 1 to what was seen.

    What is looked at must hold by itself; then the score decides, against the threshold.
    """

    __pydantic_config__: ClassVar = STRICT
    kind: Literal["judged"] = field(default="judged", kw_only=True)
    rubric: str
    look: Look
    """What shows the evidence that is judged."""

    def fault(self) -> str | None:
        """Why it cannot be used; None where it can."""
        if not self.rubric.strip():
            return "the rubric is empty: say what is good, and what is not"
        return self.look.fault()


Check = Annotated[Command | Exchange | Browse | StateCheck | Judged, Discriminator("kind")]


def is_picture_name(name: str) -> bool:
    """Whether a picture may be called so: its name becomes that of a file."""
    return name.isascii() and name.isalnum() and len(name) <= 40


def needs_app(check: Check) -> bool:
    """Whether the app must run for it."""
    if isinstance(check, Judged):
        return needs_app(check.look)
    if isinstance(check, StateCheck):
        return bool(check.requests)
    return isinstance(check, Exchange | Browse)


def size_fault(check: Check) -> str | None:
    """Why it is too large; None where it is not. The files of a command do not count."""
    record = asdict(check)
    record.pop("files", None)
    n_chars = len(json.dumps(record))
    if n_chars > MAX_JSON_CHARS:
        return f"the check takes {n_chars:,} characters, and may take {MAX_JSON_CHARS:,}"
    return None


def _requests_fault(requests: Sequence[HttpRequest]) -> str | None:
    if len(requests) > MAX_REQUESTS:
        return f"at most {MAX_REQUESTS} requests"
    for request in requests:
        fault = request.fault()
        if fault:
            return fault
    return None


def _timeout_fault(timeout_s: float) -> str | None:
    if not 0 < timeout_s <= MAX_TIMEOUT_S:
        return f"timeout_s must be above 0 and at most {MAX_TIMEOUT_S:g}"
    return None
