"""What the tests of plots share."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def written() -> Callable[[Any], str]:
    """All words on a plot, a text a line; it is drawn once, so that a fault in drawing shows."""

    def words(ax: Any) -> str:
        ax.figure.draw_without_rendering()
        legend = ax.get_legend()
        texts = [
            *ax.texts,
            *ax.get_xticklabels(),
            *ax.get_yticklabels(),
            *(legend.get_texts() if legend else []),
        ]
        lines = [text.get_text() for text in texts]
        lines += [ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
        return "\n".join(" ".join(line.split()) for line in lines)

    return words
