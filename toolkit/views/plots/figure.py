"""What our plots have in common: a figure in the inks of the page, a heading, and short names.

A title is a sentence that says what is seen; what it rests on stands under it. Colour is never
alone: shape or words always say the same.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from io import BytesIO
from textwrap import wrap
from typing import Any, NamedTuple, ParamSpec

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from matplotlib.transforms import Transform, offset_copy

from toolkit import render
from toolkit.look import INKS, SIZES

INK = INKS["ink"].light
SOFT = INKS["soft"].light
LINE = INKS["line"].light
CARD = INKS["card"].light
PAGE = INKS["page"].light
BLUE = INKS["accent"].light
BROWN = INKS["tool-ink"].light
GREEN = INKS["ok"].light
GREEN_CARD = INKS["ok-card"].light
RED = INKS["failed"].light
RED_CARD = INKS["failed-card"].light
SMALL = SIZES["small"]
TEXT = SIZES["text"]
TITLE = SIZES["title"]
WIDTH = 720
"""Of a figure of ours, in pixels. At 640, its small text is as large as that of a footnote."""
NARROW = 600
"""A narrower figure is for phones."""
EDGE = SIZES["space"]
POINTS_PER_INCH = 72
TITLE_LINE = 1.3 * TITLE
SMALL_LINE = 1.45 * SMALL
TITLE_CHAR = 0.6 * TITLE
SMALL_CHAR = 0.53 * SMALL
"""The mean width of a letter."""
STAMP_WIDTH = 90
LEFT_WIDTH = 56
"""About what the ticks and the label of a y axis take, in pixels."""
TICKS_HEIGHT = 29
"""Of the ticks of an x axis, in pixels."""
MOST_COLOURS = 256
"""Of a picture."""
NO_BREAK = "\u00a0"
DOT = " · "
"""Between the parts of a line of a heading."""
LEAST_CHARS = 24
"""The shortest line that a heading is broken into, however narrow the axes."""
LOOK: Any = {
    "font.family": "DejaVu Sans",
    "font.size": SMALL,
    "text.color": INK,
    "figure.facecolor": PAGE,
    "axes.facecolor": "none",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.labelsize": SMALL,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": SMALL,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "legend.handlelength": 3.2,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "savefig.facecolor": "auto",
}
GROUND = {"facecolor": PAGE, "edgecolor": "none", "pad": 2}
"""What words stand on that lie across the edge of a shade."""
Arguments = ParamSpec("Arguments")
_width = ContextVar("width of new figures", default=WIDTH)


@contextmanager
def figures_of_width(pixels: int) -> Iterator[None]:
    """Figures that are made inside are so wide, and their text keeps its size."""
    before = _width.set(pixels)
    try:
        yield
    finally:
        _width.reset(before)


def new_width() -> int:
    """How wide a new figure is, in pixels."""
    return _width.get()


def is_narrow() -> bool:
    """Whether a new figure is for phones."""
    return new_width() < NARROW


class Picture(Figure):
    """A figure that follows the theme of the notebook or page that shows it.

    One point is one pixel of the page. Where no HTML is shown, it is a PNG on a light ground.
    """

    def make_room(self, height: float) -> None:
        """Grow by so many pixels at the top, for what stands above the axes."""
        full_height = self.get_figheight() * POINTS_PER_INCH + height
        self.set_size_inches(self.get_figwidth(), full_height / POINTS_PER_INCH)
        engine = self.get_layout_engine()
        if isinstance(engine, ConstrainedLayoutEngine):
            engine.set(rect=(0, 0, 1, 1 - height / full_height))

    def _repr_html_(self) -> str:
        (title,) = [ax.get_title(loc="left") for ax in self.axes[:1]] or [""]
        return render.block(render.drawing(self, " ".join(title.split())))

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        """With a palette: a third of the size, and notebooks are committed with their pictures."""
        from PIL import Image

        drawn = BytesIO()
        self.savefig(drawn, format="png", dpi=2 * POINTS_PER_INCH)
        picture = Image.open(drawn).convert("RGB")
        buffer = BytesIO()
        of_few_colours = picture.quantize(MOST_COLOURS, dither=Image.Dither.NONE)
        of_few_colours.save(buffer, format="png", optimize=True)
        return buffer.getvalue(), {"width": round(self.get_figwidth() * POINTS_PER_INCH)}


def in_our_look(plot: Callable[Arguments, Axes]) -> Callable[Arguments, Axes]:
    """A plot whose text and axes have the inks and sizes of the page."""

    @wraps(plot)
    def drawn(*args: Arguments.args, **options: Arguments.kwargs) -> Axes:
        with rc_context(LOOK):
            return plot(*args, **options)

    return drawn


def new_axes(height: float) -> Axes:
    """Axes on a figure that is so many pixels high without its heading.

    Pyplot knows nothing of the figure, so nothing is left open.
    """
    size = (new_width() / POINTS_PER_INCH, height / POINTS_PER_INCH)
    with rc_context(LOOK):
        figure = Picture(figsize=size, dpi=POINTS_PER_INCH)
        edge = EDGE / POINTS_PER_INCH
        figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=edge, h_pad=edge))
        return figure.subplots()


class Place(NamedTuple):
    """Where a heading stands: its distances are pixels up from the top of `within`."""

    within: Transform
    """The figure, where it is ours, else the axes."""
    from_edge: float
    title_up: float
    small_up: float
    grows: str
    """Which side of the text is at its distance: ``top`` or ``bottom``."""


def write_heading(
    ax: Axes, title: str, subtitle: Sequence[str] = (), simulated: bool = False
) -> Axes:
    """Write the sentence that says what is seen, and under it what it rests on.

    Parameters
    ----------
    ax : Axes
        On a figure of ours the heading begins at the figure's edge, and the figure grows by it.
    title : str
        A sentence; a long one is broken into lines.
    subtitle : sequence of str
        Lines, as of units, n and intervals.
    simulated : bool
        Whether anything on the plot is: ``simulated`` is then written on the plot itself, where a
        copy of the picture keeps it.
    """
    figure = ax.get_figure(root=True)
    ours = figure if isinstance(figure, Picture) else None
    width = new_width() - 2 * EDGE if ours else _width_of(ax)
    title_lines = _broken([title], width / TITLE_CHAR)
    small_lines = _small_lines(subtitle, width, simulated)
    small_height = SMALL_LINE * max(len(small_lines), int(simulated))
    if ours:
        title_height = TITLE_LINE * len(title_lines)
        ours.make_room(title_height + small_height + 2 * EDGE)
        place = Place(ours.transFigure, EDGE, -EDGE, -EDGE - title_height, "top")
    else:
        place = Place(ax.transAxes, 0, EDGE + small_height, EDGE, "bottom")
    _write_title(ax, "\n".join(title_lines), place)
    _write_small(ax, small_lines, place)
    if simulated:
        _stamp(ax, place)
    return ax


def _width_of(ax: Axes) -> float:
    """In points."""
    return float(ax.get_window_extent().width) * POINTS_PER_INCH / ax.figure.dpi


def _small_lines(subtitle: Sequence[str], width: float, simulated: bool) -> list[str]:
    """The subtitle in lines: the stamp stands right of the first, and on a phone above it where it
    is long.
    """
    chars = width / SMALL_CHAR
    if not simulated:
        return _broken(subtitle, chars)
    stamp_chars = STAMP_WIDTH / SMALL_CHAR
    lines = _broken(subtitle, chars)
    if width < NARROW and lines and len(lines[0]) > chars - stamp_chars:
        return ["", *lines]
    return _broken(subtitle, chars, stamp_chars)


def _broken(lines: Sequence[str], chars: float, fewer_in_first: float = 0) -> list[str]:
    """Lines of so many letters at most, and the first of all of some fewer."""
    most = max(LEAST_CHARS, int(chars))
    broken: list[str] = []
    for line in lines:
        taken = "" if broken else NO_BREAK * int(fewer_in_first)
        for part in _packed(taken + line, most):
            broken.append(part.replace(NO_BREAK, " ").strip())
    return broken


def _packed(line: str, chars: int) -> list[str]:
    """A line that is too long, broken where a dot parts it, and the dot is dropped; what is between
    two dots and too long itself is broken between words.
    """
    packed: list[str] = []
    for part in line.split(DOT):
        joined = f"{packed[-1]}{DOT}{part}" if packed else part
        if packed and len(joined) <= chars:
            packed[-1] = joined
        else:
            packed += _balanced(part, chars)
    return packed


def _balanced(line: str, chars: int) -> list[str]:
    """As few lines as hold so many letters each, and about as long as each other: no word is left
    alone in the last.
    """
    parts = wrap(line, chars, break_on_hyphens=is_narrow())
    if len(parts) < 2:
        return parts
    longest_word = max(map(len, line.split(" ")))
    for fewer_chars in range(longest_word, chars):
        balanced = wrap(line, fewer_chars, break_on_hyphens=is_narrow())
        if len(balanced) == len(parts):
            return balanced
    return parts


def _write_title(ax: Axes, words: str, place: Place) -> None:
    """The title, which `Axes.get_title` tells too: that one would take room in the axes' layout."""
    ax.set_title(words, loc="left").set_visible(False)
    title = _write(ax, words, place, place.title_up)
    title.set(color=INK, fontsize=TITLE, fontweight="bold", linespacing=1.25)


def _write_small(ax: Axes, lines: Sequence[str], place: Place) -> None:
    """Each line by itself: beside the first one is the stamp."""
    up = place.small_up
    if place.grows == "bottom":
        up += SMALL_LINE * (len(lines) - 1)
    for line in lines:
        if line:
            _write(ax, line, place, up).set(color=SOFT, fontsize=SMALL)
        up -= SMALL_LINE


def _write(ax: Axes, words: str, place: Place, up: float) -> Annotation:
    offset = (place.from_edge, up)
    text = ax.annotate(words, (0, 1), offset, place.within, "offset points", va=place.grows)
    text.set_in_layout(place.grows == "bottom")
    return text


def _stamp(ax: Axes, place: Place) -> None:
    """The word ``simulated`` at the right end."""
    stamp = ax.annotate(
        "simulated",
        (1, 1),
        (-place.from_edge - 4, place.small_up),
        place.within,
        "offset points",
        color=BROWN,
        fontsize=SMALL,
        ha="right",
        va=place.grows,
        bbox={"boxstyle": "round,pad=0.25", "facecolor": "none", "edgecolor": BROWN},
    )
    stamp.set_in_layout(place.grows == "bottom")


def write_label(ax: Axes, words: str) -> None:
    """Write what the x axis shows, in lines that a figure for phones holds too."""
    chars = (new_width() - LEFT_WIDTH) / SMALL_CHAR
    ax.set_xlabel("\n".join(_broken([words], chars)), loc="left")


def nothing_to_show(ax: Axes) -> Axes:
    """Leave the axes off: the heading says why, and nothing empty is drawn."""
    ax.set(xticks=[], yticks=[])
    ax.set_axis_off()
    figure = ax.get_figure(root=True)
    if isinstance(figure, Picture):
        figure.set_layout_engine("none")
        figure.set_size_inches(figure.get_figwidth(), EDGE / POINTS_PER_INCH)
    return ax


def short_name(words: object, length: int = 18, end: int = 8) -> str:
    """Text that matplotlib draws as it is: no mathematics, no second line; of what is too long both
    ends are kept.
    """
    text = " ".join(str(words).split())
    if len(text) > length:
        text = text[: length - end - 1] + "…" + text[len(text) - end :]
    return text.replace("$", r"\$")


def legend_below(ax: Axes) -> None:
    """The legend under the label of the x axis, at a distance that does not grow with the plot."""
    label_height = SMALL_LINE * len(ax.get_xlabel().splitlines())
    down = -TICKS_HEIGHT - label_height
    below = offset_copy(ax.transAxes, ax.get_figure(root=True), y=down, units="points")
    ax.legend(
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=below,
        borderaxespad=0,
        borderpad=0,
        ncols=1 if is_narrow() else 3,
    )


def whole_numbers(axis: Axis) -> None:
    """Let the ticks of an axis that counts stand at whole numbers alone."""
    axis.set_major_locator(MaxNLocator(6, integer=True))
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
