"""Spans, as tracing tools write them, become one conversation.

A trace of spans is a tree: an agent's span holds those of its calls to a model and to tools. Each
span of a model repeats the whole history, so the conversation is found by merging them (`lines`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from toolkit.traces.lines import Lines, Reply
from toolkit.traces.messages import Transcript
from toolkit.traces.toolcalls import ToolRun, called_names, in_order, with_tool_runs
from toolkit.traces.trace import Step, Trace

Kind = Literal["model", "tool", "agent", "other"]
"""What a span is of; one of another kind only holds spans."""
NOTES = "import_notes"
"""The field of a trace's meta with what was repaired on the way in."""
MOST_ANCESTORS = 1000


@dataclass(slots=True)
class Span:
    """A span, whoever wrote it."""

    id: str
    parent: str | None = None
    name: str = ""
    kind: Kind = "other"
    start: float | None = None
    """Seconds since 1970 UTC, as `end`."""
    end: float | None = None
    input: list[Any] = field(default_factory=list)
    """The messages that a model or an agent was given, as `messages` reads them."""
    output: list[Any] = field(default_factory=list)
    """The messages that it answered."""
    arguments: Any = None
    """What a tool was given."""
    result: Any = None
    """What a tool answered; None where the span does not say."""
    call_id: str | None = None
    error: bool | None = None
    """Whether it failed; None where the source does not say."""
    why: str = ""
    """Why it failed."""
    model: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    agent: str | None = None
    """The name of the agent whose span it is."""
    rest: dict[str, Any] = field(default_factory=dict)
    """What the source says of the span beyond the tree: it stays in the trace's meta."""
    raw: dict[str, Any] = field(default_factory=dict)
    """Its input and output under the source's names: they stay where they became no steps."""
    beside: dict[str, Any] = field(default_factory=dict)
    """What stood in these beside the messages."""

    def rename(self, name: str) -> None:
        """Call it by the name of its tool; the name that it had is kept."""
        if name != self.name:
            self.rest["name"] = self.name
            self.name = name

    def has_words(self) -> bool:
        return bool(self.input or self.output)


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
    runs = [_tool_run(span, tree) for span in tools]
    all_lines = with_tool_runs(steps_of_lines, runs)
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


class Tree:
    """The spans of a trace, each one once, in the order of their start."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.notes: list[str] = []
        self._by_id = self._each_once(spans)
        self._starts: dict[str, float] = {}
        self._note_odd_parents()
        self.spans = sorted(self._by_id.values(), key=self._start)
        self._step_over_wrappers()

    def _each_once(self, spans: Iterable[Span]) -> dict[str, Span]:
        """The spans by id. Of one that comes twice, the one that says more is kept."""
        by_id: dict[str, Span] = {}
        n_again = 0
        for span in spans:
            earlier = by_id.get(span.id)
            n_again += earlier is not None
            if earlier is None or _fullness(span) > _fullness(earlier):
                by_id[span.id] = span
        if n_again:
            self.notes.append(f"{n_again} spans came twice: each is read once")
        return by_id

    def _note_odd_parents(self) -> None:
        roots = [span for span in self._by_id.values() if span.parent is None]
        orphans = [span for span in self._by_id.values() if self._has_lost_parent(span)]
        if len(roots) > 1:
            self.notes.append(f"{len(roots)} spans have no parent: they are read side by side")
        if orphans:
            self.notes.append(f"{len(orphans)} spans have a parent that is not in the file")
        early = [span for span in self._by_id.values() if self._starts_too_early(span)]
        if early:
            self.notes.append(f"{len(early)} spans start before their parent: clocks disagree")

    def _has_lost_parent(self, span: Span) -> bool:
        return span.parent is not None and span.parent not in self._by_id

    def _starts_too_early(self, span: Span) -> bool:
        parent = self._by_id.get(span.parent or "")
        if parent is None or parent.start is None or span.start is None:
            return False
        return span.start < parent.start

    def ancestors(self, span: Span) -> list[Span]:
        """From the parent up to the root; a ring of parents ends where it closes."""
        ancestors: list[Span] = []
        seen = {span.id}
        parent = self._by_id.get(span.parent or "")
        while parent is not None and parent.id not in seen and len(seen) < MOST_ANCESTORS:
            seen.add(parent.id)
            ancestors.append(parent)
            parent = self._by_id.get(parent.parent or "")
        return ancestors

    def _start(self, span: Span) -> float:
        """When a span starts for the order: no earlier than any of its ancestors."""
        if span.id not in self._starts:
            start = span.start if span.start is not None else float("-inf")
            for ancestor in reversed(self.ancestors(span)):
                start = max(start, self._starts.get(ancestor.id, ancestor.start or start))
            self._starts[span.id] = start
        return self._starts[span.id]

    def _step_over_wrappers(self) -> None:
        """A model's span around another one's is a wrapper: the call itself is inside."""
        inner = [span for span in self.spans if span.kind == "model" and span.has_words()]
        n_wrappers = 0
        for span in inner:
            for ancestor in self.ancestors(span):
                if ancestor.kind == "model":
                    ancestor.kind = "other"
                    n_wrappers += 1
        if n_wrappers:
            self.notes.append(f"{n_wrappers} spans of a model hold another one: that one is read")

    def speaking(self) -> list[Span]:
        """The spans that hold the conversation: those of models, else the outermost with words."""
        models = [span for span in self.spans if span.kind == "model"]
        if any(span.has_words() for span in models):
            return models
        talking: list[Span] = []
        for span in self.spans:
            outer = {ancestor.id for ancestor in self.ancestors(span)}
            is_inside = any(other.id in outer for other in talking)
            if span.kind not in ("model", "tool") and span.has_words() and not is_inside:
                talking.append(span)
        return sorted([*talking, *models], key=self._start)

    def tools(self, called: set[str], speaking: Iterable[Span]) -> list[Span]:
        """The spans of tools: those that say so, and those with no span inside that a model called.

        Parameters
        ----------
        called
            The names in the calls of models.
        speaking
            The spans that hold the conversation.
        """
        used = {span.id for span in speaking}
        outer = {span.parent for span in self.spans}
        tools: list[Span] = []
        for span in self.spans:
            is_leaf = span.id not in used and span.id not in outer
            if span.kind == "tool" or (span.kind == "other" and is_leaf and span.name in called):
                tools.append(span)
        return tools

    def agent_of(self, span: Span) -> str | None:
        """The name of the agent that a span belongs to."""
        for owner in (span, *self.ancestors(span)):
            if owner.agent:
                return owner.agent
        return None

    def depth(self, span: Span) -> int:
        """How many agents are around a span: the main line has the fewest."""
        return sum(ancestor.kind == "agent" for ancestor in self.ancestors(span))

    def root(self) -> Span | None:
        """The first span without a parent in the file."""
        for span in self.spans:
            if span.parent is None or self._has_lost_parent(span):
                return span
        return None


def _with_outer_words(lines: list[list[Step]], root: Span) -> list[list[Step]]:
    """The lines, with what the root was asked and what it answered where no call says it."""
    said = _plain("\n".join(step.content for steps in lines for step in steps))
    first: list[Step] = []
    last: list[Step] = []
    for messages, actor, time, outer in (
        (root.input, "user", root.start, first),
        (root.output, "assistant", root.end, last),
    ):
        transcript = Transcript()
        transcript.read_all(messages[-1:])
        for step in transcript.steps:
            is_new = step.content and _plain(step.content) not in said
            if step.kind == "message" and step.actor == actor and is_new:
                outer.append(replace(step, time=time))
    return [steps for steps in (first, *lines, last) if steps]


def _plain(words: str) -> str:
    return " ".join(words.split())


def _fullness(span: Span) -> int:
    """How much a span says: the second of two exports may lack its end or its words."""
    words = len(span.input) + len(span.output) + len(span.rest)
    return words + (span.end is not None) + (span.result is not None)


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


def _tool_run(span: Span, tree: Tree) -> ToolRun:
    return ToolRun(
        name=span.name,
        arguments=span.arguments,
        result=span.result,
        call_id=span.call_id,
        start=span.start,
        end=span.end,
        error=span.error,
        why=span.why,
        agent=tree.agent_of(span),
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
        rest = span.rest | span.beside
    else:
        rest = span.rest | span.raw
        place |= {"start": span.start, "end": span.end, "error": span.why}
    stated = {name: value for name, value in place.items() if value}
    return stated | rest
