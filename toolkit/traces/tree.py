"""The tree that the spans of a trace are, however broken it came."""

from collections.abc import Iterable

from toolkit.traces.span import Span

MOST_ANCESTORS = 1000
"""A chain of parents that is longer is cut."""
LONG_AGO = float("-inf")
"""The start of a span that does not say when it began."""


class Tree:
    """The spans of a trace, each one once, in the order of their start."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.notes: list[str] = []
        """What was repaired."""
        self._by_id = self._each_once(spans)
        self._note_odd_parents()
        self._starts = self._latest_starts()
        self.spans = sorted(self._by_id.values(), key=self._order)
        self._step_over_wrappers()

    def _each_once(self, spans: Iterable[Span]) -> dict[str, Span]:
        """The spans by id. Of one that comes twice, the one that says more is kept."""
        by_id: dict[str, Span] = {}
        n_again = 0
        for span in spans:
            earlier = by_id.get(span.id)
            if earlier is not None:
                n_again += 1
            if earlier is None or _fullness(span) > _fullness(earlier):
                by_id[span.id] = span
        self._note(
            n_again, "span came twice: it is read once", "spans came twice: each is read once"
        )
        return by_id

    def _note(self, n: int, of_one: str, of_several: str) -> None:
        if n:
            self.notes.append(f"{n} {of_one if n == 1 else of_several}")

    def _note_odd_parents(self) -> None:
        n_roots = 0
        n_orphans = 0
        n_early = 0
        for span in self._by_id.values():
            n_roots += span.parent is None
            n_orphans += self._is_orphan(span)
            n_early += self._starts_too_early(span)
        if n_roots > 1:
            self.notes.append(f"{n_roots} spans have no parent: they are read side by side")
        self._note(
            n_orphans,
            "span has a parent that is not in the file",
            "spans have a parent that is not in the file",
        )
        self._note(
            n_early,
            "span starts before its parent: clocks disagree",
            "spans start before their parent: clocks disagree",
        )

    def _parent(self, span: Span) -> Span | None:
        return None if span.parent is None else self._by_id.get(span.parent)

    def _is_orphan(self, span: Span) -> bool:
        return span.parent is not None and span.parent not in self._by_id

    def _starts_too_early(self, span: Span) -> bool:
        parent = self._parent(span)
        if parent is None or parent.start is None or span.start is None:
            return False
        return span.start < parent.start

    def ancestors(self, span: Span) -> list[Span]:
        """From the parent up to the root; a ring of parents ends where it closes."""
        ancestors: list[Span] = []
        seen = {span.id}
        parent = self._parent(span)
        while parent is not None and parent.id not in seen:
            if len(ancestors) == MOST_ANCESTORS:
                break
            seen.add(parent.id)
            ancestors.append(parent)
            parent = self._parent(parent)
        return ancestors

    def _latest_starts(self) -> dict[str, float]:
        """The latest start of each span and of those around it, by its id."""
        starts: dict[str, float] = {}
        for span in self._by_id.values():
            chain: dict[str, Span] = {}
            above: Span | None = span
            while above is not None and above.id not in starts and above.id not in chain:
                chain[above.id] = above
                above = self._parent(above)
            start = LONG_AGO
            if above is not None and above.id in starts:
                start = starts[above.id]
            elif above is not None:  # a ring of parents: each of it is around all others
                ring = list(chain)[list(chain).index(above.id) :]
                start = max(_own_start(chain[id_]) for id_ in ring)
            for id_ in reversed(chain):
                start = max(start, _own_start(chain[id_]))
                starts[id_] = start
        return starts

    def _order(self, span: Span) -> tuple[float, float]:
        """The key by which spans are sorted: no child comes before its parent."""
        return self._starts[span.id], _own_start(span)

    def _step_over_wrappers(self) -> None:
        """A model's span around another one's is a wrapper: the call itself is inside."""
        inside: dict[str, list[Span]] = {}
        for span in self.spans:
            if span.kind != "model" or not span.has_words():
                continue
            for ancestor in self.ancestors(span):
                if ancestor.kind == "model" or ancestor.id in inside:
                    ancestor.kind = "other"
                    inside.setdefault(ancestor.id, []).append(span)
        for wrapper in reversed(self.spans):
            calls = [span for span in inside.get(wrapper.id, ()) if span.kind == "model"]
            if calls:
                _pass_on(wrapper, calls)
        self._note(
            len(inside),
            "span of a model holds another one: that one is read",
            "spans of a model hold another one: that one is read",
        )

    def speaking(self) -> list[Span]:
        """The spans that hold the conversation: those of models, else the outermost with words."""
        models = [span for span in self.spans if span.kind == "model"]
        if any(span.has_words() for span in models):
            return models
        talking: list[Span] = []
        talking_ids: set[str] = set()
        for span in self.spans:
            if span.kind in ("model", "tool") or not span.has_words():
                continue
            around = {ancestor.id for ancestor in self.ancestors(span)}
            if talking_ids.isdisjoint(around):
                talking.append(span)
                talking_ids.add(span.id)
        return sorted([*talking, *models], key=self._order)

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
        parents = {span.parent for span in self.spans}
        tools: list[Span] = []
        for span in self.spans:
            is_leaf = span.id not in parents
            is_called = span.kind == "other" and span.name in called
            if span.kind == "tool" or (is_called and is_leaf and span.id not in used):
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
            if span.parent is None or self._is_orphan(span):
                return span
        return None


def _own_start(span: Span) -> float:
    return LONG_AGO if span.start is None else span.start


def _pass_on(wrapper: Span, calls: list[Span]) -> None:
    """Give what the calls inside a wrapper do not say to the first of them: it counts once."""
    first = calls[0]
    first.model = first.model or wrapper.model
    if not any(call.usage for call in calls):
        first.usage = wrapper.usage
    elif wrapper.usage:
        wrapper.other_fields["usage"] = wrapper.usage


def _fullness(span: Span) -> int:
    """How much a span says: the second of two exports may lack its end or its words."""
    n_words = len(span.input) + len(span.output) + len(span.other_fields)
    has_end = span.end is not None
    has_result = span.result is not None
    return n_words + has_end + has_result
