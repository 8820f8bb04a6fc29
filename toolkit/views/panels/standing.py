"""Standing: where an experiment stands, as HTML: its progress, its tiles, and what to know."""

from toolkit import render
from toolkit.evals.experiments.status import ExperimentStatus
from toolkit.traces.amounts import dollars, seconds
from toolkit.views.panels.asked import asked_html, asked_line
from toolkit.views.words import quantity

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
NOT_BEGUN = "Nothing has begun on this session: call evaluate with it as its store."
NOT_PASSED = "In the rate, what is unscored or errored is not passed."
NEITHER = "have numbers and categories alone, and are in no pass rate."


def head_html(status: ExperimentStatus, now_s: float) -> render.Html:
    """The name, what it does now, how far it is, and what went wrong with it, in sentences."""
    name = render.tag("strong", status.started.name)
    phase = _badge(PHASES[status.phase], f" is-{status.phase.replace(' ', '-')}")
    if status.phase == "not begun":
        return render.block(_row(name, phase), _note(NOT_BEGUN))
    source = ""
    if status.source:
        source = _badge(status.source)
    position = render.tag("span", _position(status), class_="soft")
    row = _row(name, phase, source, position)
    return render.block(row, _bar(status), *_notes(status, now_s))


def _row(*parts: object) -> render.Html:
    return render.tag("div", render.spaced(*parts), class_="row")


def _badge(words: str, look: str = "") -> render.Html:
    return render.tag("span", words, class_=f"badge{look}")


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
    done = _part("done", status.n_done, status)
    running = _part("under-way", status.n_running, status)
    words = _position(status)
    return render.tag("div", done, running, class_="trials", role="img", aria_label=words)


def _part(look: str, n: int, status: ExperimentStatus) -> render.Html:
    share = n / max(1, status.planned)
    return render.tag("span", class_=look, style=f"width:{share:.2%}")


def _notes(status: ExperimentStatus, now_s: float) -> list[render.Html]:
    """What is out of the ordinary, a sentence each."""
    notes = []
    if status.end:
        notes.append(_note(status.end, is_problem=True))
    for words in (_waiting(status), _silence(status, now_s), _unreadable(status)):
        if words:
            notes.append(_note(words))
    return notes


def _note(words: str, is_problem: bool = False) -> render.Html:
    if is_problem:
        return render.tag("div", words, class_="fieldbook-note problem", role="alert")
    return render.tag("div", words, class_="fieldbook-note", role="status")


def _waiting(status: ExperimentStatus) -> str:
    """That trials wait because a server asked for it; blank where none does."""
    n = status.n_pausing
    if not n:
        return ""
    trials = f"{quantity(n, 'trial')} {'waits' if n == 1 else 'wait'}"
    why = "a server has refused their calls for now (rate limit)"
    return f"{trials}, as {why}: waiting is no latency."


def _silence(status: ExperimentStatus, now_s: float) -> str:
    """That nothing has come for long; blank where something has."""
    if status.phase != "running" or status.last_s is None:
        return ""
    silence_s = now_s - status.last_s
    if silence_s < QUIET_S:
        return ""
    quiet = f"Nothing was written for {seconds(silence_s)}"
    return f"{quiet}: a call takes long, or the process has died."


def _unreadable(status: ExperimentStatus) -> str:
    if not status.n_unreadable:
        return ""
    events = quantity(status.n_unreadable, "event")
    return f"{events} on this session cannot be read: left out here."


def tiles_html(status: ExperimentStatus) -> render.Html:
    """What became of the trials, a tile each; the rate with its interval, and the money."""
    if status.phase == "not begun":
        return render.fragment()
    tiles = []
    for word, n in status.counts.items():
        look = LOOKS.get(word, "") if n else ""
        is_to_come = word == "not run" and status.phase != "ended"
        tiles.append(_tile(f"{n:,}", "waiting" if is_to_come else word, look))
    rate = status.rate
    if rate.value is not None:
        words = "pass rate"
        if rate.low is not None:
            words += f", 95% interval {rate.low:.2f} to {rate.high:.2f}, clustered by case"
        tiles.append(_tile(f"{rate.value:.2f}", words, "wide"))
    if status.money:
        tiles.append(_tile(dollars(status.spent_usd), _money(status), "wide"))
    row = render.tag("div", *tiles, class_="tiles")
    limits = render.tag("p", _limits(status), class_="soft")
    return render.block(row, limits)


def _tile(figure: str, words: str, look: str) -> render.Html:
    number = render.tag("strong", figure)
    meaning = render.tag("span", words)
    return render.tag("div", number, meaning, class_=f"tile {look}".strip())


def _money(status: ExperimentStatus) -> str:
    words = "spent, at most"
    budget_usd = status.started.budget_usd
    if budget_usd is not None:
        words += f", of {dollars(budget_usd)}"
    if status.in_flight_usd:
        words += f"; {dollars(status.in_flight_usd)} reserved"
    return words


def _limits(status: ExperimentStatus) -> str:
    """The high-water marks, and how unscored trials count."""
    sentences = []
    if status.trials_at_once:
        marks = [quantity(status.trials_at_once, "trial")]
        for provider, n_calls in sorted(status.calls_at_once.items()):
            marks.append(f"{quantity(n_calls, 'call')} to {provider}")
        sentences.append(f"The most at once so far: {', '.join(marks)}.")
    n_unscored = status.counts["unscored"] - status.n_neither
    if n_unscored or status.counts["errored"]:
        sentences.append(NOT_PASSED)
    if status.n_neither:
        sentences.append(f"{status.n_neither:,} of the unscored {NEITHER}")
    return " ".join(sentences)


def signals_html(status: ExperimentStatus) -> render.Html:
    """What was asked of the experiment, the newest first, and whether it was heard."""
    lines = []
    for signal in status.signals[-SHOWN_SIGNALS:]:
        lines.append(asked_line(str(signal), bool(signal.heard_by), bool(signal.unused)))
    return asked_html(lines)
