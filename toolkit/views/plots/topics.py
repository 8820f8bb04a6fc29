"""The plot of a topic map."""

from typing import TYPE_CHECKING

from toolkit.evals import TopicMap
from toolkit.views.plots.figure import (
    BLUE,
    EDGE,
    INK,
    SOFT,
    in_our_look,
    new_axes,
    nothing_to_show,
    short_name,
    write_heading,
)
from toolkit.views.words import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOPICS_SHOWN = 12
ROW_HEIGHT = 44
BAR_SHARE = 0.22
"""How much of the width the bar of the largest topic takes."""
WORDS_CHARS = 66
SENTENCE_CHARS = 76
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
    ax = ax or new_axes(ROW_HEIGHT * max(1, len(shown)))
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
    place = ax.get_yaxis_transform()
    short_words = short_name(words, WORDS_CHARS, 0)
    short_sentence = short_name(sentence, SENTENCE_CHARS, 0)
    lines = [
        (short_words, INK, EDGE),
        (f"“{short_sentence}”", SOFT, -EDGE),
    ]
    for line, ink, up in lines:
        text = ax.annotate(line, (BAR_SHARE, row), (5 * EDGE, up), place, "offset points")
        text.set(color=ink, va="center")
