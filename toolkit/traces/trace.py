"""Trace and Step: what an agent did, in order, whatever format it came in."""

from dataclasses import dataclass, field
from typing import Any, Literal

from toolkit import render

Source = Literal["live", "tape", "simulated", "imported"]
"""Where something comes from. It travels with every reply, trace, label and figure."""

TITLE_CHARS, CALL_CHARS = 60, 160


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened in a trace."""

    id: str
    """Unique within its trace: that of the first event that it was folded from, where there is one.
    """
    kind: str
    """``message``, ``tool.call``, ``tool.result``, or the kind of the event that it came from."""
    actor: str
    """``system``, ``user``, ``assistant``, ``tool``, or a name."""
    content: str
    """What a person reads: the words said, the name of the tool called, the tool's answer."""
    time: float | None = None
    """Seconds since 1970 UTC, None where the source has none."""
    data: dict[str, Any] = field(default_factory=dict)
    """The rest: ``call_id``, ``name``, ``arguments`` of a call; ``call_id``, ``error`` of a result.
    """


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole interaction, from the first message to the last."""

    id: str
    steps: tuple[Step, ...]
    meta: dict[str, Any] = field(default_factory=dict)
    """Everything else that the source said: ``outcome``, ``cost_usd``, ``model``, unknown fields.
    """
    source: Source = "imported"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))

    def text(self, *actors: str) -> str:
        """The words of the trace (those of `actors`, or of all), one paragraph a message."""
        said = (s for s in self.steps if s.kind == "message" and (not actors or s.actor in actors))
        return "\n\n".join(step.content for step in said)

    @property
    def calls(self) -> tuple[Step, ...]:
        """The steps that call a tool."""
        return tuple(step for step in self.steps if step.kind == "tool.call")

    def result_of(self, call: Step) -> Step | None:
        """The step that answers `call`, or None."""
        wanted = call.data.get("call_id")
        results = (
            s for s in self.steps if s.kind == "tool.result" and s.data.get("call_id") == wanted
        )
        return next(results, None) if wanted is not None else None

    def __repr__(self) -> str:
        return f"Trace({self.id!r}, {len(self.steps)} steps, {self.source}, {title(self)!r})"

    def _repr_html_(self) -> str:
        return render.block(trace_html(self))


def title(trace: Trace) -> str:
    """The first words of the user; empty where nobody spoke."""
    words = " ".join(trace.text("user").split())
    return words if len(words) <= TITLE_CHARS else words[: TITLE_CHARS - 1] + "…"


def trace_html(trace: Trace) -> render.Html:
    """The trace as HTML: system prompt and tool payloads folded away, each call with its result."""
    head = render.tag(
        "p", render.tag("strong", trace.id), " ", render.tag("span", trace.source, class_="badge")
    )
    results = {_call_id(step): step for step in reversed(trace.steps) if step.kind == "tool.result"}
    results.pop(_call_id(None), None)
    answers = {id(results.get(_call_id(call))) for call in trace.calls}
    shown = (step for step in trace.steps if id(step) not in answers)
    return render.fragment(head, *(_step_html(step, results.get(_call_id(step))) for step in shown))


def _call_id(step: Step | None) -> str:
    # as text: what a file says may be a list, which is no key
    return repr(step.data.get("call_id") if step else None)


def _step_html(step: Step, result: Step | None) -> render.Html:
    if step.kind == "tool.call":
        return _call_html(step, result)
    body = render.tag("pre", step.content)
    who = step.actor if step.kind == "message" else f"{step.actor} · {step.kind}"
    if step.actor in ("system", "tool"):
        body = render.details(f"{who} ({len(step.content):,} characters)", body)
        return render.tag("div", body, class_=f"step {step.actor}")
    if step.kind != "message" and not step.content:
        body = render.details(who, render.tag("pre", str(step.data)))
        return render.tag("div", body, class_="who")
    css = step.actor if step.actor in {"user", "assistant"} else "control"
    return render.tag("div", render.tag("div", who, class_="who"), body, class_=f"step {css}")


def _call_html(call: Step, result: Step | None) -> render.Html:
    arguments = call.data.get("arguments", {})
    pairs = arguments.items() if isinstance(arguments, dict) else [("arguments", arguments)]
    whole = f"{call.content}({', '.join(f'{key}={value!r}' for key, value in pairs)})"
    summary = whole if len(whole) <= CALL_CHARS else whole[: CALL_CHARS - 1] + "…"
    error = result.data.get("error") if result else None
    mark = (
        "no result"
        if result is None
        else "error"
        if error
        else "ok"
        if error is False
        else "answered"
    )
    head = render.fragment(
        render.tag("code", summary), " ", render.tag("span", mark, class_="badge")
    )
    asked = render.tag("pre", whole) if whole != summary else ""
    body = render.details(head, asked, render.tag("pre", result.content if result else ""))
    return render.tag("div", body, class_="step tool")
