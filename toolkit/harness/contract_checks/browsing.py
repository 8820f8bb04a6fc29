"""Browsing: what a person sees of the app in a browser."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from toolkit.harness.contract_checks.values import MAX_TIMEOUT_S, STRICT, timeout_fault
from toolkit.shown import Shown

MAX_STEPS = 40
MAX_PICTURES = 5
Act = Literal["open", "fill", "click", "press", "see", "not_see", "picture"]


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
        return timeout_fault(self.timeout_s)


def is_picture_name(name: str) -> bool:
    """Whether a picture may be called so: its name becomes that of a file."""
    return name.isascii() and name.isalnum() and len(name) <= 40
