"""The plot of context rot: recall by how full the context is, or by depth, under each policy."""

from typing import TYPE_CHECKING, Literal, NamedTuple

from toolkit.evals import Rate
from toolkit.harness.experiments import ContextRot
from toolkit.harness.experiments.context_rot import Policy
from toolkit.views.plots.figure import (
    BLUE,
    BROWN,
    GREEN,
    in_our_look,
    legend_below,
    new_axes,
    nothing_to_show,
    write_heading,
    write_label,
)
from toolkit.views.words import listed, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 260
ASIDE = 0.008
"""How far the marks of policies stand apart, so that their intervals are seen."""
By = Literal["fill", "depth"]


class Look(NamedTuple):
    """How a policy is drawn."""

    shape: str
    line: str
    colour: str


LOOKS: dict[Policy, Look] = {
    "none": Look("o", "-", BROWN),
    "compaction": Look("s", "--", BLUE),
    "reset": Look("^", ":", GREEN),
}
LABELS = {
    "fill": "how full the context was, as a share of its limit",
    "depth": "where the fact stood: 0 at the beginning, 1 at the end",
}


@in_our_look
def plot_context_rot(rot: ContextRot, by: By = "fill", ax: "Axes | None" = None) -> "Axes":
    """Is less recalled from a full context, or from its middle, and which policy helps?

    Parameters
    ----------
    rot
        What `measure_recall` found.
    by : {"fill", "depth"}
        What stands on the x axis.
    ax : Axes, optional
        Where to draw; None makes a figure of its own.
    """
    title = rot_sentence(rot, by)
    ax = ax or new_axes(HEIGHT)
    if not rot.answers:
        return write_heading(nothing_to_show(ax), title)
    for number, policy in enumerate(rot.policies):
        _draw(ax, curve(rot, policy, by), LOOKS[policy], ASIDE * (number - 1), policy)
    ax.set_xlim(-0.04, 1.04)
    ax.set_ylim(-0.02, 1.02)
    write_label(ax, LABELS[by])
    ax.set_ylabel("recalled")
    ax.grid(axis="y")
    legend_below(ax)
    facts = quantity(len({probe.seed for probe, _ in rot.answers}), "fact")
    probes = quantity(len(rot.answers), "probe")
    about = f"n = {probes} of {facts} · 95% intervals, clustered by fact"
    return write_heading(ax, title, [about], rot.simulated)


def curve(rot: ContextRot, policy: Policy, by: By) -> dict[float, Rate]:
    """Recall at each fill, or at each depth."""
    if by == "fill":
        return {fill: rot.recall(policy, fill=fill) for fill in rot.fills}
    return {depth: rot.recall(policy, depth=depth) for depth in rot.depths}


def _draw(ax: "Axes", rates: dict[float, Rate], look: Look, aside: float, policy: Policy) -> None:
    """A line through the rates of a policy, each with its interval."""
    known = {at + aside: rate for at, rate in rates.items() if rate.value is not None}
    name = "no policy" if policy == "none" else policy
    values = [rate.value or 0.0 for rate in known.values()]
    (line,) = ax.plot(list(known), values, look.line, color=look.colour, lw=1.8, label=name)
    line.set(marker=look.shape, markersize=7)
    for at, rate in known.items():
        if rate.low is not None and rate.high is not None:
            ax.plot([at, at], [rate.low, rate.high], color=look.colour, lw=1.6)


def rot_sentence(rot: ContextRot, by: By) -> str:
    """How far recall falls under each policy."""
    if not rot.answers:
        return "Nothing to show: no fact was asked for"
    falls = []
    for policy in rot.policies:
        rates = curve(rot, policy, by)
        first = rates[min(rates)].value
        last = rates[max(rates)].value
        if by == "depth":
            last = rates[min(rates, key=lambda depth: abs(depth - 0.5))].value
        if first is not None and last is not None:
            name = "no policy" if policy == "none" else policy
            falls.append(f"from {first:.2f} to {last:.2f} with {name}")
    where = "In a fuller context" if by == "fill" else "From the beginning to the middle"
    return f"{where} recall goes {listed(falls)}"
