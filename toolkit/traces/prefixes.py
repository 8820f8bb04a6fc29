"""What the lines of a trace begin with, as a tree: a history is looked up key by key."""

from collections.abc import Iterable, Iterator

from toolkit.traces.line import Keys, Line


class Node:
    """A key, behind those that lead to it."""

    __slots__ = ("children", "ends", "first", "owners")

    def __init__(self) -> None:
        self.children: dict[int, Node] = {}
        self.first: Line | None = None
        """The oldest line that has the keys up to here."""
        self.ends: dict[int, Line] = {}
        """The lines that have these keys and no more."""
        self.owners: list[tuple[Line, int]] = []
        """The lines that did not inherit the key, each with the place of its step."""


class Prefixes:
    """The tree of the keys of all lines."""

    def __init__(self) -> None:
        self._root = Node()
        self._tips: dict[int, Node] = {}
        """The node of the last key of each line."""
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
