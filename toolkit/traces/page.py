"""The page of a trace: its HTML, with system prompt and tool payloads folded away."""

from toolkit import render
from toolkit.traces.trace import Step, Trace

CALL_CHARS = 160


def trace_block(trace: Trace) -> str:
    """The trace as a piece of a notebook's output, with its style."""
    return render.block(trace_html(trace))


def trace_html(trace: Trace) -> render.Html:
    """The trace as HTML, each call with its result."""
    badge = render.tag("span", trace.source, class_="badge")
    head = render.tag("p", render.tag("strong", trace.id), " ", badge)
    results = _results_by_call_id(trace)
    calls = trace.calls
    shown_with_call = {id(results.get(_call_key(call))) for call in calls}
    blocks: list[render.Html] = []
    for step in trace.steps:
        if step.kind == "tool.call":
            blocks.append(_call_html(step, results.get(_call_key(step))))
        elif id(step) not in shown_with_call:
            blocks.append(_step_html(step))
    return render.fragment(head, *blocks)


def _results_by_call_id(trace: Trace) -> dict[str, Step]:
    """The first result of each call id."""
    results: dict[str, Step] = {}
    for step in trace.steps:
        if step.kind == "tool.result" and step.data.get("call_id") is not None:
            results.setdefault(_call_key(step), step)
    return results


def _call_key(step: Step) -> str:
    # as text: what a file says may be a list, which is no key
    return repr(step.data.get("call_id"))


def _step_html(step: Step) -> render.Html:
    body = render.tag("pre", step.content)
    who = step.actor if step.kind == "message" else f"{step.actor} · {step.kind}"
    if step.actor in ("system", "tool"):
        folded = render.details(f"{who} ({len(step.content):,} characters)", body)
        return render.tag("div", folded, class_=f"step {step.actor}")
    if step.kind != "message" and not step.content:
        folded = render.details(who, render.tag("pre", str(step.data)))
        return render.tag("div", folded, class_="who")
    color = step.actor if step.actor in {"user", "assistant"} else "control"
    return render.tag("div", render.tag("div", who, class_="who"), body, class_=f"step {color}")


def _call_html(call: Step, result: Step | None) -> render.Html:
    call_text = _call_text(call)
    summary = call_text
    full_call: object = ""
    if len(call_text) > CALL_CHARS:
        summary = call_text[: CALL_CHARS - 1] + "…"
        full_call = render.tag("pre", call_text)
    mark = render.tag("span", _outcome(result), class_="badge")
    head = render.fragment(render.tag("code", summary), " ", mark)
    answer = render.tag("pre", result.content if result else "")
    return render.tag("div", render.details(head, full_call, answer), class_="step tool")


def _call_text(call: Step) -> str:
    """The call as Python would write it."""
    arguments = call.data.get("arguments", {})
    if not isinstance(arguments, dict):
        arguments = {"arguments": arguments}
    written = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{call.content}({written})"


def _outcome(result: Step | None) -> str:
    """The mark of a call: whether its result says that it failed."""
    if result is None:
        return "no result"
    error = result.data.get("error")
    if error:
        return "error"
    return "ok" if error is False else "answered"
