"""TagChips: words that a label may have beside its verdict, each to be switched on and off."""

from collections.abc import Iterable, Sequence

from ipywidgets import HTML, Box, ToggleButton

from toolkit import render

__all__ = ["TagChips", "tag_help", "tag_keys"]

DIGITS = "3456789"
"""The keys of the first tags: 1 and 2 are verdicts."""


def tag_keys(tags: Iterable[str]) -> dict[str, str]:
    """The key of each tag's act; those after the seventh have none.

    >>> tag_keys(["tone", "policy"])
    {'tag-3': '3', 'tag-4': '4'}
    """
    return {f"tag-{digit}": digit for digit, _ in zip(DIGITS, tags, strict=False)}


def tag_help(tags: Iterable[str]) -> dict[str, str]:
    """What the key of each tag does, in words."""
    return {digit: f"tag: {tag}" for digit, tag in zip(DIGITS, tags, strict=False)}


class TagChips(Box):  # type: ignore[misc]
    """A chip for each of `tags`, and for each of those `chosen` already."""

    def __init__(self, tags: Sequence[str], chosen: Sequence[str]):
        self.chips: dict[str, ToggleButton] = {}
        """The chip of each tag, by its word."""
        for tag in [*tags, *chosen]:
            self.chips[tag] = _chip(tag, tag in chosen)
        for chip, (act, key) in zip(self.chips.values(), tag_keys(tags).items(), strict=False):
            chip.description += f" ({key})"
            chip.add_class(f"fieldbook-{act}")
        title = HTML(render.block(render.tag("span", "Tags", class_="soft")))
        super().__init__([title, *self.chips.values()])
        self.add_class("fieldbook-row").add_class("fieldbook-tags")
        self.layout.display = None if self.chips else "none"

    @property
    def chosen(self) -> tuple[str, ...]:
        """The tags that are switched on, in the order of the chips."""
        return tuple(tag for tag, chip in self.chips.items() if chip.value)


def _chip(tag: str, is_on: bool) -> ToggleButton:
    tooltip = f"The label has the tag {tag}, or not"
    chip = ToggleButton(value=is_on, description=tag, tooltip=tooltip)
    return chip.add_class("fieldbook-tag")
