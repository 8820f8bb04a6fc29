"""The plot of a topic map."""

from textwrap import wrap
from typing import TYPE_CHECKING

from toolkit.evals import TopicMap
from toolkit.views.plots.figure import (
    BLUE,
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

TOPICS_SHOWN = 12
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
    """What is the collection about? A bar a topic, largest first, with its words and a sentence of
    one of its texts.

    Of more than 12 topics the largest are shown, and the rest counted. Where the topics are no good
    the plot says so instead. `simulated` is for texts: of traces the map knows it.
    """
    simulated = simulated or topic_map.source == "simulated"
    shown = topic_map.topics.head(TOPICS_SHOWN)
    row_height = NARROW_ROW_HEIGHT if is_narrow() else ROW_HEIGHT
    ax = ax or new_axes(row_height * max(1, len(shown)))
    title = topics_sentence(topic_map)
    notes = [f"! {note}" for note in topic_map.warnings]
    if shown.empty or _is_no_good(topic_map):
        return write_heading(nothing_to_show(ax), title, notes, simulated)
    largest = int(shown["size"].max())
    ax.barh(range(len(shown)), shown["size"], color=BLUE, height=0.5)
    for row, topic in enumerate(shown.to_dict("records")):
        _write_topic(ax, row, topic["size"], topic["words"], topic["sentence"])
    ax.set_xlim(0, largest / BAR_SHARE)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_axis_off()
    about = f"{quantity(len(topic_map.topics), 'topic')} in {len(topic_map.labels):,} items"
    n_hidden = len(topic_map.topics) - len(shown)
    if n_hidden:
        about += f", {n_hidden} not shown"
    about += " · bars: items in a topic (a list to read, not a rate)"
    return write_heading(ax, title, [about, *notes], simulated)


def topics_sentence(topic_map: TopicMap) -> str:
    """What the largest topic is, or why the topics are no good."""
    topics = topic_map.topics
    if topics.empty:
        return "Nothing to show: no topic was found"
    if len(topics) < FEWEST_TOPICS:
        few = quantity(len(topics), "topic")
        return f"Topics tell nothing here: only {few} could be told apart"
    if topic_map.outliers > MOST_OUTLIERS:
        return f"Topics tell nothing here: {topic_map.outliers:.0%} of the items lie outside all"
    largest = topics.iloc[0]
    words = largest["words"].split(", ")
    name = short_name(", ".join(words[:3]), 40, 0)
    share = f"{largest['size']} of {len(topic_map.labels):,}"
    return f"The largest of {len(topics)} topics is “{name}”: {share} items"


def _is_no_good(topic_map: TopicMap) -> bool:
    return len(topic_map.topics) < FEWEST_TOPICS or topic_map.outliers > MOST_OUTLIERS


def _write_topic(ax: "Axes", row: int, size: int, words: str, sentence: str) -> None:
    """The size at the end of its bar; right of all bars the words, and under them a sentence."""
    count = ax.annotate(f"{size:,}", (size, row), (4, 0), "data", "offset points")
    count.set(color=INK, fontweight="bold", va="center")
    chars = int(((1 - BAR_SHARE) * new_width() - TEXT_LEFT - 2 * EDGE) / SMALL_CHAR)
    place = ax.get_yaxis_transform()
    for line, ink, up, side in (
        (short_name(words, chars, 0), INK, 2, "bottom"),
        (_broken_sentence(sentence, chars), SOFT, -2, "top"),
    ):
        text = ax.annotate(line, (BAR_SHARE, row), (TEXT_LEFT, up), place, "offset points")
        text.set(color=ink, va=side)


def _broken_sentence(sentence: str, chars: int) -> str:
    """The begin of a sentence, in quotes: one line, or two on a phone."""
    lines = wrap(" ".join(sentence.split()), chars - 2, max_lines=1 + is_narrow(), placeholder=" …")
    return "“" + "\n".join(lines).replace("$", r"\$") + "”"
