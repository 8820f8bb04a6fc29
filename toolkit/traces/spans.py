"""Spans, as tracing tools write them, become one conversation.

A trace of spans is a tree: an agent's span holds those of its calls to a model and to tools. Each
span of a model repeats the whole history, so the conversation is found by merging them (`lines`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from toolkit.traces.audit import LEAST_INSIDE
from toolkit.traces.line import Reply
from toolkit.traces.lines import Lines
from toolkit.traces.messages import Transcript
from toolkit.traces.span import Kind, Span
from toolkit.traces.toolcalls import called_names, in_order, with_tool_runs
from toolkit.traces.trace import Step, Trace
from toolkit.traces.tree import Tree

__all__ = ["NOTES", "Kind", "Span", "trace_of"]

NOTES = "import_notes"
"""The field of a trace's meta with what was repaired on the way in."""


def trace_of(spans: Iterable[Span], id_: str, meta: Mapping[str, Any]) -> Trace:
    """The conversation of a trace's spans.

    Parameters
    ----------
    spans
        In any order. A parent may be missing, a span may come twice, clocks may disagree: what was
        repaired stands in the trace's ``meta["import_notes"]``.
    id_
        That of the trace.
    meta
        What the source says of the trace; the fields of spans that became no steps are added to it,
        under ``spans``.

    Returns
    -------
    Trace
        The steps in the order of time. Those of a branch have its id in ``data["branch"]``, those
        of a named agent its name in ``data["agent"]``.
    """
    tree = Tree(spans)
    lines = Lines()
    speaking = tree.speaking()
    for span in speaking:
        lines.add(_reply(span, tree))
    root = tree.root()
    steps_of_lines = lines.labelled()
    tools = tree.tools(called_names(steps_of_lines), speaking)
    for span in tools:
        span.agent = tree.agent_of(span)
    all_lines = with_tool_runs(steps_of_lines, tools)
    if root is not None and root not in speaking and root not in tools:
        all_lines = _with_outer_words(all_lines, root)
    steps = in_order(all_lines)
    notes = [*tree.notes, *lines.notes()]
    used = {span.id for span in (*speaking, *tools)}
    about = _meta(tree, used, steps) | dict(meta)
    if lines.n_repeated:
        about["n_messages_merged"] = lines.n_repeated
    if notes:
        about[NOTES] = [*about.get(NOTES, ()), *notes]
    return Trace(id_, tuple(steps), about)


def _with_outer_words(lines: list[list[Step]], root: Span) -> list[list[Step]]:
    """The lines, with what the root was asked and what it answered where no call says it."""
    steps = [step for line in lines for step in line]
    times = [step.time for step in steps if step.time is not None]
    end = root.end if root.end is not None else max(times, default=None)
    asked = _last_words(root.input, "user")
    answered = _last_words(root.output, "assistant")
    all_lines = list(lines)
    if asked is not None and not _is_said(asked, steps):
        all_lines.insert(0, [replace(asked, time=root.start)])
    if answered is not None and not _is_said(answered, steps):
        all_lines.append([replace(answered, time=end)])
    return all_lines


def _is_said(message: Step, steps: list[Step]) -> bool:
    """Whether a message of the same actor says the same, or the steps hold its words.

    A prompt holds the question that it was made of. Only long words are looked for inside of
    others: "No" is in "North" too.
    """
    words = _single_spaced(message.content)
    for step in steps:
        is_of_actor = step.kind == "message" and step.actor == message.actor
        if is_of_actor and _single_spaced(step.content) == words:
            return True
    if len(words) < LEAST_INSIDE:
        return False
    return words in _single_spaced("\n".join(step.content for step in steps))


def _last_words(messages: list[Any], actor: str) -> Step | None:
    """What the last message says; None where it is not the actor's, or says nothing."""
    transcript = Transcript()
    transcript.read_all(messages[-1:])
    for step in transcript.steps:
        if step.kind == "message" and step.actor == actor and step.content:
            return step
    return None


def _single_spaced(words: str) -> str:
    return " ".join(words.split())


def _reply(span: Span, tree: Tree) -> Reply:
    return Reply(
        input=span.input,
        output=span.output,
        start=span.start,
        end=span.end,
        error=span.why or span.name if span.error else None,
        model=span.model,
        usage=span.usage,
        agent=tree.agent_of(span),
        depth=tree.depth(span),
        is_model=span.kind == "model",
    )


def _meta(tree: Tree, used: set[str], steps: list[Step]) -> dict[str, Any]:
    """What the spans say of the whole trace, and what of each span became no step."""
    meta: dict[str, Any] = {}
    models = [step.data["model"] for step in steps if "model" in step.data]
    if models:
        meta["model"] = models[0]
    starts = [span.start for span in tree.spans if span.start is not None]
    ends = [span.end for span in tree.spans if span.end is not None]
    if starts and ends:
        meta["duration_s"] = max(ends) - min(starts)
    root = tree.root()
    if root is not None and root.error:
        meta["outcome"] = "error"
        meta["error"] = root.why or root.name
    kept = [_kept(span, span.id in used) for span in tree.spans]
    meta["spans"] = [fields for fields in kept if fields]
    return meta


def _kept(span: Span, became_steps: bool) -> dict[str, Any]:
    """The fields of a span that are no steps, under its place in the tree."""
    place: dict[str, Any] = {"id": span.id, "parent": span.parent, "name": span.name}
    if became_steps:
        fields = span.other_fields | span.beside_messages
    else:
        fields = span.other_fields | span.as_written
        place |= {"start": span.start, "end": span.end, "error": span.why}
    stated = {name: value for name, value in place.items() if value}
    return stated | fields
