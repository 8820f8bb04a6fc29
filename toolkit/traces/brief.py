"""Whatever a trace holds, in a line of text: no value is too deep or too large for that."""

from toolkit.render import visible


def shortened(text: str, n_chars: int) -> str:
    """The first words of `text` on one line.

    >>> shortened("Is  the shop open?", 10)
    'Is the sh…'
    """
    line = " ".join(visible(text[: 4 * n_chars]).split())
    return line if len(line) <= n_chars else line[: n_chars - 1] + "…"


def as_text(value: object) -> str:
    """The value as Python writes it; its type where it is too deep or too large for that.

    >>> as_text("7"), as_text(7), as_text(10**5000)
    ("'7'", '7', '(int: too large to show)')
    """
    try:
        return repr(value)
    except (RecursionError, ValueError):
        return f"({type(value).__name__}: too large to show)"


def as_words(value: object) -> str:
    """A text as it is, and any other value as Python writes it."""
    return value if isinstance(value, str) else as_text(value)
