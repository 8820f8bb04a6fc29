"""The tree that the spans of a trace are, however broken it came."""

from collections.abc import Iterable

from toolkit.traces.span import Span

MOST_ANCESTORS = 1000
"""A chain of parents that is longer is cut."""


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


def _fullness(span: Span) -> int:
    """How much a span says: the second of two exports may lack its end or its words."""
    words = len(span.input) + len(span.output) + len(span.rest)
    return words + (span.end is not None) + (span.result is not None)
