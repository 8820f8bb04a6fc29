"""The page of a trace: its HTML, with system prompt and tool payloads folded away."""

from toolkit.render import Html, block, details, fragment, tag
from toolkit.traces.trace import Step, Trace

CALL_CHARS = 160
"""The most characters of a call that its head shows; below it the call stands in full."""


def trace_block(trace: Trace) -> str:
    """The trace as a piece of a notebook's output, with its style."""
    return block(trace_html(trace))


def trace_html(trace: Trace) -> Html:
    """The trace as HTML, each call with its result.

    Parameters
    ----------
    trace
        Whatever it holds is escaped.

    Returns
    -------
    Html
        A block for each step. A result that answers no call stands where it came in.
    """
    name = tag("strong", trace.id)
    badge = tag("span", trace.source, class_="badge")
    blocks = [tag("p", name, " ", badge)]
    results = _results_by_call(trace)
    call_keys = {_call_key(call) for call in trace.calls}
    for step in trace.steps:
        key = _call_key(step)
        result = results.get(key)
        if step.kind == "tool.call":
            blocks.append(_call_html(step, result))
        elif step is not result or key not in call_keys:
            blocks.append(_step_html(step))
    return fragment(*blocks)


def _results_by_call(trace: Trace) -> dict[str, Step]:
    """The first result for each call id."""
    results: dict[str, Step] = {}
    for step in trace.steps:
        if step.kind == "tool.result":
            results.setdefault(_call_key(step), step)
    results.pop(repr(None), None)  # a result without an id answers no call for certain
    return results


def _call_key(step: Step) -> str:
    # as text: what a file says may be a list, which is no key
    return repr(step.data.get("call_id"))


def _step_html(step: Step) -> Html:
    """A message, or a step of a kind that has no form of its own."""
    is_message = step.kind == "message"
    who = step.actor if is_message else f"{step.actor} · {step.kind}"
    words = tag("pre", step.content)
    if step.actor in ("system", "tool"):
        summary = f"{who} ({len(step.content):,} characters)"
        folded = details(summary, words)
        return tag("div", folded, class_=f"step {step.actor}")
    if not is_message and not step.content:
        data = tag("pre", str(step.data))
        return tag("div", details(who, data), class_="who")
    color = step.actor if step.actor in ("user", "assistant") else "control"
    head = tag("div", who, class_="who")
    return tag("div", head, words, class_=f"step {color}")


def _call_html(call: Step, result: Step | None) -> Html:
    """A call in one line, which opens on the full call and its result."""
    written = _as_written(call)
    summary = written
    full_call = ""
    if len(written) > CALL_CHARS:
        summary = written[: CALL_CHARS - 1] + "…"
        full_call = tag("pre", written)
    mark = tag("span", _outcome(result), class_="badge")
    head = fragment(tag("code", summary), " ", mark)
    answer = tag("pre", result.content if result else "")
    folded = details(head, full_call, answer)
    return tag("div", folded, class_="step tool")


def _as_written(call: Step) -> str:
    """The call as Python would write it."""
    arguments = call.data.get("arguments", {})
    if not isinstance(arguments, dict):
        arguments = {"arguments": arguments}
    pairs = [f"{name}={value!r}" for name, value in arguments.items()]
    return f"{call.content}({', '.join(pairs)})"


def _outcome(result: Step | None) -> str:
    """The mark of a call: whether its result says that it failed."""
    if result is None:
        return "no result"
    error = result.data.get("error")
    if error:
        return "error"
    return "ok" if error is False else "answered"
