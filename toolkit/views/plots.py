"""Plots: each takes an ``ax`` or makes its own, returns it, and says on its face what is simulated.

Colours are of Okabe and Ito (2008), which most colour-blind people can tell apart; shape or words always say
the same as the colour.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolkit.evals import TopicMap

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_delivery", "plot_topics"]

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000 #e69f00 #56b4e9 #009e73 #f0e442 #0072b2 #d55e00 #cc79a7".split()
)
FAULT_MARKS: tuple[tuple[str, str, Any], ...] = (
    (VERMILION, "v", "--"),
    (PURPLE, "s", "-."),
    (ORANGE, "D", ":"),
    (BLUE, "P", (0, (5, 1))),
)
TOPICS_SHOWN = 20


def plot_topics(topic_map: TopicMap, ax: "Axes | None" = None, simulated: bool = False) -> "Axes":
    """What is the collection about? A bar a topic, largest first, with its size and words.

    Of more than 20 topics the largest are shown, and the rest counted. `simulated` is for texts: of traces the map
    knows it.
    """
    shown = topic_map.topics.head(TOPICS_SHOWN)
    ax = ax or _axes(8.0, 1.3 + 0.36 * max(1, len(shown)))
    if not len(shown):
        return _nothing(ax)
    ax.barh(range(len(shown)), shown["size"], color=SKY, edgecolor=BLUE, height=0.72)
    largest = max(shown["size"], default=1)
    for place, (size, words) in enumerate(zip(shown["size"], shown["words"], strict=True)):
        ax.text(size + 0.015 * largest, place, f"{size}: {_short(words, 60, 0)}", va="center", fontsize=8.5)
    ax.set_yticks(range(len(shown)), [f"topic {topic}" for topic in shown["topic"]])
    ax.set_ylim(max(1, len(shown)) - 0.4, -0.6)
    ax.set_xlim(0, 2.1 * largest)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= largest and tick == int(tick)])
    ax.set_xlabel("items in the topic (a list to read, not a rate)", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    more = len(topic_map.topics) - len(shown)
    title = f"{len(topic_map.topics)} topics in {len(topic_map.labels)} items" + f", {more} not shown" * bool(more)
    notes = "".join(f"\n! {note}" for note in topic_map.warnings)
    ax.set_title(title + notes, loc="left", fontsize=10)
    return _stamp(ax, simulated or topic_map.source == "simulated")


def plot_delivery(
    frame: "pd.DataFrame", faults: Sequence[tuple[float, str]], ax: "Axes | None" = None, simulated: bool = False
) -> "Axes":
    """Does it all arrive, whatever breaks? Events sent and received over time, with each fault marked.

    Parameters
    ----------
    frame : DataFrame
        ``time_s`` since the start, ``sent`` and ``received``: cumulative counts of events.
    faults : sequence of (float, str)
        When, in seconds, and what was broken. Each name has a colour, a marker and a line of its own.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    simulated : bool
        Whether the words that were sent are a script's.
    """
    ax = ax or _axes(8.0, 4.2)
    ax.step(frame["time_s"], frame["sent"], where="post", color=BLACK, lw=1.2, ls="--", label="sent")
    ax.step(frame["time_s"], frame["received"], where="post", color=GREEN, lw=2.2, alpha=0.9, label="received")
    top = max([1, *frame["sent"], *frame["received"]])
    kinds = list(dict.fromkeys(name for _, name in faults))
    for row, (kind, (colour, mark, line)) in enumerate(zip(kinds, FAULT_MARKS * len(kinds), strict=False)):
        height = (1.05 + 0.06 * row) * top
        times = [time for time, name in faults if name == kind]
        ax.vlines(times, 0, height, colors=colour, linestyles=line, lw=1.2)
        ax.plot(times, [height] * len(times), mark, color=colour, ms=8, label=f"{kind} (×{len(times)})")
    ax.set_ylim(0, (1.08 + 0.06 * len(kinds)) * top)
    ax.set_xlim(left=0)
    ax.set_xlabel("seconds since the start")
    ax.set_ylabel("events so far")
    sent, received = (int(max([0, *frame[name]])) for name in ("sent", "received"))
    ax.set_title(f"{received:,} of {sent:,} events received, {len(faults)} faults", loc="left", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8.5)
    return _stamp(ax, simulated)


def _axes(width_in: float, height_in: float) -> "Axes":
    """Axes on a figure that pyplot knows nothing of, so nothing is left open."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained").subplots()


def _stamp(ax: "Axes", simulated: bool) -> "Axes":
    """Write ``simulated`` on the plot itself, where a copy of the picture keeps it."""
    if simulated:
        box = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": VERMILION}
        at: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right"}
        ax.annotate("simulated", (1, 1), (0, 6), color=VERMILION, fontsize=9, va="bottom", bbox=box, **at)
    return ax


def _nothing(ax: "Axes") -> "Axes":
    """Bare axes that say so, with what title and label they have."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.text(0.5, 0.5, "nothing to show", transform=ax.transAxes, ha="center", va="center")
    return ax


def _short(words: object, length: int = 18, end: int = 8) -> str:
    """Text that matplotlib draws as it is: no mathematics, no second line; of what is too long both ends are kept."""
    text = " ".join(str(words).split())
    if len(text) > length:
        text = text[: length - end - 1] + "…" + text[len(text) - end :]
    return text.replace("$", r"\$")
