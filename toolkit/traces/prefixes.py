"""What the lines of a trace begin with, as a tree: a history is looked up key by key.

A key is a number for what a step says. Line 1 says "Time?" (0), "Noon." (1), "Sure?" (2); line 2
has inherited "Time?" from it, and says "One." (3)::

    root - 0 - 1 - 2      line 1 ends at 2
           + - 3          line 2 ends at 3

The first line of key 0 is line 1, which is also its only owner. A call that was given "Time?" and
"Noon." is looked up as 0, 1: line 1 begins so.
"""

from collections.abc import Iterable, Iterator

from toolkit.traces.line import Keys, Line


class Node:
    """A key, behind the keys that lead to it from the root."""

    __slots__ = ("children", "ends", "first", "owners")

    def __init__(self) -> None:
        self.children: dict[int, Node] = {}
        self.first: Line | None = None
        """The oldest line that has the keys up to here."""
        self.ends: dict[int, Line] = {}
        """The lines that have these keys and no more."""
        self.owners: list[tuple[Line, int]] = []
        """The lines that have the key as their own, not inherited, each with the place of the
        key's step in its transcript."""


class Prefixes:
    """The tree of the keys of all lines."""

    def __init__(self) -> None:
        self._root = Node()
        self._tips: dict[int, Node] = {}
        """The node of the last key of each line, by the line's identity."""
        self._numbers: dict[int, int] = {}
        """The age of each line: the number of those that had keys before it."""

    def extend(self, line: Line, begin: int, is_own: bool) -> None:
        """Note the keys of a line from `begin` on, which it has now."""
        number = self._numbers.setdefault(id(line), len(self._numbers))
        node = self._tips.get(id(line), self._root)
        node.ends.pop(id(line), None)
        for place in range(begin, len(line.keys)):
            node = node.children.setdefault(line.keys[place], Node())
            if node.first is None or number < self._numbers[id(node.first)]:
                node.first = line
            if is_own:
                node.owners.append((line, line.key_steps[place]))
        node.ends[id(line)] = line
        self._tips[id(line)] = node

    def path(self, keys: Keys) -> Iterator[Node]:
        """The nodes of keys in their order, as far as a line has them."""
        node = self._root
        for key in keys:
            child = node.children.get(key)
            if child is None:
                return
            node = child
            yield node

    def oldest(self, lines: Iterable[Line]) -> Line | None:
        """The line of several that had keys first."""
        return min(lines, key=lambda line: self._numbers[id(line)], default=None)
