"""The plot of a topic map."""

from typing import TYPE_CHECKING

from toolkit.evals import TopicMap
from toolkit.views.plots.figure import (
    BLUE,
    SKY,
    new_axes,
    nothing_to_show,
    open_frame,
    short_name,
    stamp,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOPICS_SHOWN = 20


def plot_topics(topic_map: TopicMap, ax: "Axes | None" = None, simulated: bool = False) -> "Axes":
    """What is the collection about? A bar a topic, largest first, with its size and words.

    Of more than 20 topics the largest are shown, and the rest counted. `simulated` is for texts: of
    traces the map knows it.
    """
    shown = topic_map.topics.head(TOPICS_SHOWN)
    ax = ax or new_axes(8.0, 1.3 + 0.36 * max(1, len(shown)))
    if shown.empty:
        return nothing_to_show(ax)
    rows = range(len(shown))
    ax.barh(rows, shown["size"], color=SKY, edgecolor=BLUE, height=0.72)
    largest = max(shown["size"])
    for row, size, words in zip(rows, shown["size"], shown["words"], strict=True):
        note = f"{size}: {short_name(words, 60, 0)}"
        ax.text(
            size + 0.015 * largest,
            row,
            note,
            va="center",
            fontsize=8.5,
        )
    ax.set_yticks(rows, [f"topic {topic}" for topic in shown["topic"]])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlim(0, 2.1 * largest)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= largest and tick == int(tick)])
    ax.set_xlabel("items in the topic (a list to read, not a rate)", loc="left")
    open_frame(ax)
    ax.set_title(_title(topic_map), loc="left", fontsize=10)
    return stamp(ax, simulated or topic_map.source == "simulated")


def _title(topic_map: TopicMap) -> str:
    n_topics = len(topic_map.topics)
    title = f"{n_topics} topics in {len(topic_map.labels)} items"
    if n_topics > TOPICS_SHOWN:
        title += f", {n_topics - TOPICS_SHOWN} not shown"
    notes = [f"! {note}" for note in topic_map.warnings]
    return "\n".join([title, *notes])
