"""The plot of a topic map."""

from textwrap import shorten, wrap
from typing import TYPE_CHECKING, Any

from toolkit.evals import TopicMap
from toolkit.views.plots.figure import (
    BLUE,
    DOT,
    EDGE,
    INK,
    SMALL_CHAR,
    SOFT,
    in_our_look,
    is_narrow,
    new_axes,
    new_width,
    nothing_to_show,
    short_name,
    write_heading,
)
from toolkit.views.words import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

TOPICS_SHOWN = 6
WORDS_IN_TITLE = 3
ROW_HEIGHT = 44
NARROW_ROW_HEIGHT = 64
BAR_SHARE = 0.22
"""How much of the width the bar of the largest topic takes."""
TEXT_LEFT = 5 * EDGE
"""How far right of the longest bar the text of a topic begins, in pixels: its count is between."""
FEWEST_TOPICS = 3
MOST_OUTLIERS = 0.5
"""Where more of the texts lay outside every topic, the topics tell nothing of the collection."""


@in_our_look
def plot_topics(topic_map: TopicMap, ax: "Axes | None" = None, simulated: bool = False) -> "Axes":
    """What is the collection about? A bar a topic, largest first, with a sentence of one of its
    texts and its words.

    Of more than 6 topics the largest are shown, and the rest counted. Where the topics are no good
    the plot says so instead. `simulated` is for texts: of traces the map knows it.
    """
    if topic_map.source == "simulated":
        simulated = True
    shown = topic_map.topics.head(TOPICS_SHOWN)
    n_shown = len(shown)
    row_height = NARROW_ROW_HEIGHT if is_narrow() else ROW_HEIGHT
    ax = ax or new_axes(row_height * max(1, n_shown))
    title = topics_sentence(topic_map)
    notes = [f"note: {note}" for note in topic_map.warnings]
    if _is_no_good(topic_map):
        return write_heading(nothing_to_show(ax), title, notes, simulated)
    noun = _noun(topic_map)
    sizes = shown["size"]
    ax.barh(range(n_shown), sizes, color=BLUE, height=0.5)
    for row, topic in enumerate(shown.itertuples()):
        _write_topic(ax, row, topic, noun)
    ax.set_xlim(0, sizes.max() / BAR_SHARE)
    ax.set_ylim(n_shown - 0.5, -0.5)
    ax.set_axis_off()
    n_topics = len(topic_map.topics)
    n_items = len(topic_map.labels)
    about = f"n = {quantity(n_items, noun)}"
    if n_topics > n_shown:
        about += f" · shown: the {n_shown} largest topics, with {sizes.sum():,} of them"
    about += f" · bars: {noun}s in a topic (a list to read, not a rate)"
    return write_heading(ax, title, [about, *notes], simulated)


def topics_sentence(topic_map: TopicMap) -> str:
    """How many topics there are and how large the largest is, or why the topics are no good."""
    topics = topic_map.topics
    n_topics = len(topics)
    if n_topics == 0:
        return "Nothing to show: no topic was found"
    if n_topics < FEWEST_TOPICS:
        few = quantity(n_topics, "topic")
        return f"Topics tell nothing here: only {few} could be told apart"
    if topic_map.outliers > MOST_OUTLIERS:
        return f"Topics tell nothing here: {topic_map.outliers:.0%} of all lie outside every one"
    n_items = len(topic_map.labels)
    subject = f"What {quantity(n_items, _noun(topic_map))} are about"
    largest = topics.iloc[0]
    words = ", ".join(largest["words"].split(", ")[:WORDS_IN_TITLE]).replace("$", r"\$")
    share = largest["size"] / n_items
    return f"{subject}: {n_topics} topics, the largest {words} ({share:.0%})"


def _noun(topic_map: TopicMap) -> str:
    return "trace" if topic_map.source else "text"


def _is_no_good(topic_map: TopicMap) -> bool:
    return len(topic_map.topics) < FEWEST_TOPICS or topic_map.outliers > MOST_OUTLIERS


def _write_topic(ax: "Axes", row: int, topic: Any, noun: str) -> None:
    """The size at the end of its bar; right of all bars a sentence, and under it the words of the
    topic and the trace or text that the sentence is from.
    """
    end_of_bar = (topic.size, row)
    count = ax.annotate(f"{topic.size:,}", end_of_bar, (4, 0), textcoords="offset points")
    count.set(color=INK, fontweight="bold", va="center")
    text_width = (1 - BAR_SHARE) * new_width() - TEXT_LEFT - 2 * EDGE
    n_chars = int(text_width / SMALL_CHAR)
    up = 2 if not is_narrow() else -4
    sentence = _write_text(ax, row, up, _quoted(topic.sentence, n_chars))
    sentence.set(color=INK, va="bottom")
    where = f"{noun} {short_name(topic.examples[0])}"
    words = _write_text(
        ax, row, up - 4, f"{_first_words(topic.words, n_chars - len(where))} · {where}"
    )
    words.set(color=SOFT, va="top")


def _write_text(ax: "Axes", row: int, up: int, text: str) -> "Annotation":
    """Text right of the bars, `up` pixels above the middle of its row."""
    end_of_bars = (BAR_SHARE, row)
    axes = ax.get_yaxis_transform()
    return ax.annotate(text, end_of_bars, (TEXT_LEFT, up), axes, "offset points")


def _quoted(sentence: str, n_chars: int) -> str:
    """The begin of a sentence, in quotes: one line, or two on a phone."""
    words = " ".join(sentence.split())
    n_lines = 2 if is_narrow() else 1
    lines = wrap(f"“{words}”", n_chars, max_lines=n_lines, placeholder=" …”")
    return "\n".join(lines).replace("$", r"\$")


def _first_words(words: str, n_chars: int) -> str:
    """As many of the words as there is room for, and one at least."""
    first, *others = words.split(", ")
    shown = shorten(first, n_chars, placeholder="…")
    for word in others:
        longer = f"{shown}, {word}"
        if len(longer) + len(DOT) > n_chars:
            break
        shown = longer
    return shown.replace("$", r"\$")
