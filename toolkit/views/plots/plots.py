"""Plots: each takes an ``ax`` or makes its own, returns it, and says on its face what is simulated.

Colours are of Okabe and Ito (2008), which most colour-blind people can tell apart; shape or words
always say the same as the colour.
"""

from typing import TYPE_CHECKING, Any

from toolkit.evals import TopicMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_topics"]

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000 #e69f00 #56b4e9 #009e73 #f0e442 #0072b2 #d55e00 #cc79a7".split()
)
TOPICS_SHOWN = 20


def plot_topics(topic_map: TopicMap, ax: "Axes | None" = None, simulated: bool = False) -> "Axes":
    """What is the collection about? A bar a topic, largest first, with its size and words.

    Of more than 20 topics the largest are shown, and the rest counted. `simulated` is for texts: of
    traces the map knows it.
    """
    shown = topic_map.topics.head(TOPICS_SHOWN)
    ax = ax or _axes(8.0, 1.3 + 0.36 * max(1, len(shown)))
    if not len(shown):
        return _nothing(ax)
    ax.barh(range(len(shown)), shown["size"], color=SKY, edgecolor=BLUE, height=0.72)
    largest = max(shown["size"], default=1)
    for place, (size, words) in enumerate(zip(shown["size"], shown["words"], strict=True)):
        ax.text(
            size + 0.015 * largest,
            place,
            f"{size}: {_short(words, 60, 0)}",
            va="center",
            fontsize=8.5,
        )
    ax.set_yticks(range(len(shown)), [f"topic {topic}" for topic in shown["topic"]])
    ax.set_ylim(max(1, len(shown)) - 0.4, -0.6)
    ax.set_xlim(0, 2.1 * largest)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= largest and tick == int(tick)])
    ax.set_xlabel("items in the topic (a list to read, not a rate)", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    more = len(topic_map.topics) - len(shown)
    title = (
        f"{len(topic_map.topics)} topics in {len(topic_map.labels)} items"
        + f", {more} not shown" * bool(more)
    )
    notes = "".join(f"\n! {note}" for note in topic_map.warnings)
    ax.set_title(title + notes, loc="left", fontsize=10)
    return _stamp(ax, simulated or topic_map.source == "simulated")


def _axes(width_in: float, height_in: float) -> "Axes":
    """Axes on a figure that pyplot knows nothing of, so nothing is left open."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained").subplots()


def _stamp(ax: "Axes", simulated: bool) -> "Axes":
    """Write ``simulated`` on the plot itself, where a copy of the picture keeps it."""
    if simulated:
        box = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": VERMILION}
        at: dict[str, Any] = {
            "xycoords": "axes fraction",
            "textcoords": "offset points",
            "ha": "right",
        }
        ax.annotate(
            "simulated", (1, 1), (0, 6), color=VERMILION, fontsize=9, va="bottom", bbox=box, **at
        )
    return ax


def _nothing(ax: "Axes") -> "Axes":
    """Bare axes that say so, with what title and label they have."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.text(0.5, 0.5, "nothing to show", transform=ax.transAxes, ha="center", va="center")
    return ax


def _short(words: object, length: int = 18, end: int = 8) -> str:
    """Text that matplotlib draws as it is: no mathematics, no second line; of what is too long both
    ends are kept.
    """
    text = " ".join(str(words).split())
    if len(text) > length:
        text = text[: length - end - 1] + "…" + text[len(text) - end :]
    return text.replace("$", r"\$")
