"""What our plots have in common: colours, axes, the word ``simulated``, and short names.

Colours are of Okabe and Ito (2008), which most colour-blind people can tell apart; shape or words
always say the same as the colour.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLACK = "#000000"
ORANGE = "#e69f00"
SKY = "#56b4e9"
GREEN = "#009e73"
YELLOW = "#f0e442"
BLUE = "#0072b2"
VERMILION = "#d55e00"
PURPLE = "#cc79a7"


def new_axes(width_in: float, height_in: float) -> "Axes":
    """Axes on a figure that pyplot knows nothing of, so nothing is left open."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained").subplots()


def stamp(ax: "Axes", simulated: bool) -> "Axes":
    """Write ``simulated`` on the plot itself, where a copy of the picture keeps it."""
    if not simulated:
        return ax
    box = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": VERMILION}
    ax.annotate(
        "simulated",
        (1, 1),
        (0, 6),
        "axes fraction",
        "offset points",
        color=VERMILION,
        fontsize=9,
        ha="right",
        va="bottom",
        bbox=box,
    )
    return ax


def nothing_to_show(ax: "Axes") -> "Axes":
    """Bare axes that say so, with what title and label they have."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.text(0.5, 0.5, "nothing to show", transform=ax.transAxes, ha="center", va="center")
    return ax


def short_name(words: object, length: int = 18, end: int = 8) -> str:
    """Text that matplotlib draws as it is: no mathematics, no second line; of what is too long both
    ends are kept.
    """
    text = " ".join(str(words).split())
    if len(text) > length:
        text = text[: length - end - 1] + "…" + text[len(text) - end :]
    return text.replace("$", r"\$")


def open_frame(ax: "Axes") -> None:
    """Leave off the frame's upper and right side."""
    ax.spines[["top", "right"]].set_visible(False)


def legend_below(ax: "Axes", ncols: int) -> None:
    """The legend under the label of the x axis, at a distance that does not grow with the plot."""
    from matplotlib.transforms import offset_copy

    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.4, 0),
        bbox_transform=offset_copy(ax.transAxes, ax.get_figure(root=True), y=-34, units="points"),
        ncols=ncols,
        frameon=False,
        fontsize=8.5,
    )
