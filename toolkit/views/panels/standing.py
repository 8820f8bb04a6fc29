"""Standing: where an experiment stands, as HTML: its progress, its tiles, and what to know."""

from toolkit import render
from toolkit.evals.experiments.status import ExperimentStatus
from toolkit.traces.amounts import dollars, seconds
from toolkit.views.words import quantity, upper_first

__all__ = ["head_html", "signals_html", "tiles_html"]

SHOWN_SIGNALS = 2
QUIET_S = 60.0
"""Seconds without news after which a panel says so."""
PHASES = {
    "not begun": "○ not begun",
    "running": "● running",
    "paused": "‖ paused",
    "stopping": "◐ stopping",
    "ended": "■ ended",
}
LOOKS = {"passed": "ok", "failed": "failed", "errored": "failed"}
"""The look of a tile that counts any."""


def head_html(status: ExperimentStatus, now_s: float) -> render.Html:
    """The name, what it does now, how far it is, and what went wrong with it, in sentences."""
    first = [
        render.tag("strong", status.started.name),
        render.tag("span", PHASES[status.phase], class_=f"badge phase-{status.phase[:3]}"),
    ]
    if status.source:
        first.append(render.tag("span", status.source, class_="badge"))
    if status.phase == "not begun":
        words = "Nothing has begun on this session: call evaluate with it as its store."
        return render.block(_row(*first), _note(words))
    first.append(render.tag("span", _position(status), class_="soft"))
    return render.block(_row(*first), _bar(status), *_notes(status, now_s))


def _row(*parts: object) -> render.Html:
    return render.tag("div", render.spaced(*parts), class_="row")


def _position(status: ExperimentStatus) -> str:
    """How far it is, in words."""
    words = f"{status.n_done:,} of {quantity(status.planned, 'trial')} done"
    if status.phase != "ended":
        words += f" · {status.n_running:,} running · {status.n_waiting:,} waiting"
    if status.n_workers > 1:
        words += f" · {status.n_workers} workers"
    return words


def _bar(status: ExperimentStatus) -> render.Html:
    """Done, running and waiting, as shares of what is planned."""
    parts = []
    for look, n in (("done", status.n_done), ("under-way", status.n_running)):
        share = n / max(1, status.planned)
        parts.append(render.tag("span", class_=look, style=f"width:{share:.2%}"))
    words = _position(status)
    return render.tag("div", *parts, class_="trials", role="img", aria_label=words)


def _notes(status: ExperimentStatus, now_s: float) -> list[render.Html]:
    """What is out of the ordinary, a sentence each."""
    notes = []
    if status.end:
        notes.append(_note(status.end, "problem"))
    if status.n_pausing:
        trials = quantity(status.n_pausing, "trial")
        waits = "waits" if status.n_pausing == 1 else "wait"
        why = "a server has refused their calls for now (rate limit): waiting is no latency"
        notes.append(_note(f"{trials} {waits}, as {why}."))
    if status.phase == "running" and status.last_s is not None:
        silence_s = now_s - status.last_s
        if silence_s > QUIET_S:
            quiet = f"Nothing was written for {seconds(silence_s)}"
            notes.append(_note(f"{quiet}: a call takes long, or the process has died."))
    if status.n_unreadable:
        events = quantity(status.n_unreadable, "event")
        notes.append(_note(f"{events} on this session cannot be read, and are left out."))
    return notes


def _note(words: str, look: str = "") -> render.Html:
    role = "alert" if look else "status"
    return render.tag("div", words, class_=f"fieldbook-note {look}".strip(), role=role)


def tiles_html(status: ExperimentStatus) -> render.Html:
    """What became of the trials, a tile each; the rate with its interval, and the money."""
    if status.phase == "not begun":
        return render.fragment()
    tiles = []
    for word, n in status.counts.items():
        look = LOOKS.get(word, "") if n else ""
        tiles.append(_tile(f"{n:,}", word, look))
    rate = status.rate
    if rate.value is not None:
        words = "pass rate"
        if rate.low is not None:
            words = f"pass rate, 95% interval {rate.low:.2f} to {rate.high:.2f}, clustered by case"
        tiles.append(_tile(f"{rate.value:.2f}", words, "wide"))
    if status.money:
        tiles.append(_tile(dollars(status.spent_usd), _money(status), "wide"))
    limits = render.tag("p", _limits(status), class_="soft")
    return render.block(render.tag("div", *tiles, class_="tiles"), limits)


def _tile(figure: str, words: str, look: str) -> render.Html:
    number = render.tag("strong", figure)
    return render.tag("div", number, render.tag("span", words), class_=f"tile {look}".strip())


def _money(status: ExperimentStatus) -> str:
    words = "spent, at most"
    if status.started.budget_usd is not None:
        words += f", of {dollars(status.started.budget_usd)}"
    if status.in_flight_usd:
        words += f"; {dollars(status.in_flight_usd)} reserved"
    return words


def _limits(status: ExperimentStatus) -> str:
    """The high-water marks, and how unscored trials count."""
    parts = []
    if status.trials_at_once:
        parts.append(f"most at once: {quantity(status.trials_at_once, 'trial')}")
    for provider, n_calls in sorted(status.calls_at_once.items()):
        parts.append(f"{quantity(n_calls, 'call')} to {provider}")
    sentence = upper_first(", ".join(parts)) + "." if parts else ""
    n_neither = status.n_neither
    if status.counts["unscored"] - n_neither or status.counts["errored"]:
        sentence += " In the rate, what is unscored or errored is not passed."
    if n_neither:
        alone = "have numbers and categories alone, and are in no pass rate"
        sentence += f" {n_neither:,} of the unscored {alone}."
    return sentence.strip()


def signals_html(status: ExperimentStatus) -> render.Html:
    """What was asked of the experiment, the newest first, and whether it was heard."""
    lines = []
    for signal in reversed(status.signals[-SHOWN_SIGNALS:]):
        look = "heard" if signal.heard_by else "soft"
        mark = "✓" if signal.heard_by else "…"
        if signal.unused:
            mark = "✗"
        lines.append(render.tag("li", f"{mark} {signal}", class_=look))
    if not lines:
        return render.fragment()
    return render.block(render.tag("ul", *lines, class_="asked", role="status"))
