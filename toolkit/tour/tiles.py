"""The three results of the tour, as tiles and as sentences."""

from dataclasses import dataclass
from typing import Any, Literal

from toolkit.evals import Alignment
from toolkit.render import Html, tag
from toolkit.tour.delivery import Delivery
from toolkit.tour.quality import Quality
from toolkit.traces.amounts import quantity


@dataclass(frozen=True, slots=True)
class Tile:
    """A result that is seen at a glance."""

    figures: tuple[tuple[str, str], ...]
    """Each with what it counts, as ``("0", "lost of 995 sent")``."""
    note: str
    status: Literal["ok", "failed", ""] = ""


def tile_html(tile: Tile) -> Html:
    """A tile in a report."""
    lines = []
    for figure, unit in tile.figures:
        lines.append(tag("p", tag("strong", figure), f" {unit}", class_="result"))
    look = "tile wide" if len(lines) > 1 else "tile"
    figures = tag("div", *lines, class_="results")
    return tag("div", figures, tag("p", tile.note), class_=f"{look} {tile.status}".rstrip())


def tiles(delivery: Delivery, quality: Quality) -> list[Tile]:
    """Did it arrive, may the judge be trusted, and what is new?"""
    n_cases = len(quality.dataset)
    new = (f"{n_cases}", "new case" if n_cases == 1 else "new cases")
    return [
        delivery_tile(delivery.counts()),
        _judge_tile(quality.alignment),
        Tile((new,), "Failures of this run, kept to test the next version of the agent on."),
    ]


def arrived_whole(counts: dict[str, Any]) -> bool:
    """Whether nothing was lost, doubled, moved or changed on the way."""
    damage = counts["lost"] + counts["duplicated"] + counts["reordered"]
    return not damage and bool(counts["sha256_match"])


def delivery_tile(counts: dict[str, Any]) -> Tile:
    """What was lost, of how many events, and what was done to the parts meanwhile."""
    lost = (f"{counts['lost']:,}", f"lost of {quantity(counts['sent'], 'event')} sent")
    damage = f"{counts['duplicated']} came twice, {counts['reordered']} out of order"
    note = f"Through {kills(counts)}; {damage}"
    if not counts["sha256_match"]:
        note += ", and words were changed"
    return Tile((lost,), f"{note}.", "ok" if arrived_whole(counts) else "failed")


def _judge_tile(alignment: Alignment) -> Tile:
    figures = (
        (percent(alignment.tnr), "of failures found"),
        (percent(alignment.tpr), "of good ones passed"),
    )
    note = (
        f"The {alignment.judge_source} judge, against {alignment.labels_are}; "
        f"95% intervals {_interval(alignment, 'tnr')} and {_interval(alignment, 'tpr')}."
    )
    return Tile(figures, note)


def kills(counts: dict[str, Any]) -> str:
    """What was done to the parts, as ``2 kills of the reader and 1 kill of the server``."""
    done = []
    for key, what, part in (
        ("client_kills", "kill", "reader"),
        ("client_cuts", "cut", "reader"),
        ("server_kills", "kill", "server"),
    ):
        if counts[key]:
            done.append(f"{quantity(counts[key], what)} of the {part}")
    return " and ".join(done) or "no kill"


def delivery_sentence(counts: dict[str, Any]) -> str:
    """What the plot of the delivery shows."""
    end = "at the end nothing is missing"
    if counts["lost"]:
        end = f"at the end {quantity(counts['lost'], 'event')} are missing"
    return (
        "Where the reader's line is flat, the reader or the server was away. Whenever the reader "
        f"got through again, it read on from its cursor, and {end}."
    )


def alignment_sentence(alignment: Alignment) -> str:
    """What the plot of the alignment shows."""
    n_found, n_failures = alignment.counts("tnr")
    n_passed, n_good = alignment.counts("tpr")
    return (
        f"Read each row from the left. Of {quantity(n_failures, 'failure')} the judge lets "
        f"{n_failures - n_found} through, and of {n_good} good answers it fails "
        f"{n_good - n_passed}: a rate that it reports has to be corrected by both. "
        "TPR is the share of good answers that it passes, TNR the share of failures that it finds."
    )


def percent(rate: float | None) -> str:
    """A rate in words, as ``90%``."""
    return "undefined" if rate is None else f"{rate:.0%}"


def _interval(alignment: Alignment, name: Literal["tpr", "tnr"]) -> str:
    """As ``72% to 86%``."""
    interval = alignment.interval(name)
    if interval is None:
        return "undefined"
    low, high = interval
    return f"{low:.0%} to {high:.0%}"
