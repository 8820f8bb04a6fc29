"""Building: where a build stands, as HTML: its head, its cost, its lanes and its criteria."""

from toolkit import render
from toolkit.harness.watching import Cell, HarnessStatus, Lane, Line, TurnStatus
from toolkit.traces.amounts import dollars
from toolkit.traces.brief import shortened
from toolkit.traces.outcome import OUTCOME_WORDS
from toolkit.views.panels.asked import asked_html, asked_line
from toolkit.views.words import quantity

__all__ = ["MARKS", "cost_html", "head_html", "lane_html", "line_html", "requests_html"]

PHASES = {
    "not begun": "○ not begun",
    "running": "● running",
    "waiting": "? waits for you",
    "stopping": "◐ stopping",
    "ended": "■ ended",
}
OUTCOMES = {
    "complete": ("✓ complete", "ok"),
    "failed": ("✗ failed", "failed"),
    "budget": ("■ budget used up", ""),
    "halted": ("✗ halted", "failed"),
    "cancelled": ("■ stopped", ""),
}
"""How an end is called, and its look."""
MARKS = {"pass": "✓", "fail": "✗", "unscored": "–"}
GRADES = {"pass": "holds", "fail": "does not hold", "unscored": "unscored"}
TURN_STATES = OUTCOME_WORDS | {"active": "at work", "suspended": "waits"}
SHOWN_REQUESTS = 2
GOAL_CHARS = 120
WHY_CHARS = 240
NOT_BEGUN = "No build has begun on this session: run a Harness on it."


def head_html(status: HarnessStatus) -> render.Html:
    """The goal, what it does now, how far it is, and what went wrong with it, in sentences."""
    name = render.tag("strong", _short(status.goal) or "A build", class_="goal")
    if status.phase == "not begun":
        return render.block(_row(name, _badge(PHASES["not begun"])), _note(NOT_BEGUN))
    source = _badge(status.source) if status.source else ""
    position = render.tag("span", status.position, class_="soft")
    row = _row(name, _state(status), source, position)
    return render.block(row, _progress(status), *_notes(status))


def _short(goal: str) -> str:
    """The first line of a goal."""
    first_line, _, _ = goal.strip().partition("\n")
    return shortened(first_line, GOAL_CHARS)


def _state(status: HarnessStatus) -> render.Html:
    if status.outcome is not None:
        words, look = OUTCOMES[status.outcome]
        return render.tag("span", words, class_=f"pill {look}".strip())
    return _badge(PHASES[status.phase], f" is-{status.phase}")


def _row(*parts: object) -> render.Html:
    return render.tag("div", render.spaced(*parts), class_="row")


def _badge(words: str, look: str = "") -> render.Html:
    return render.tag("span", words, class_=f"badge{look}")


def _progress(status: HarnessStatus) -> render.Html:
    """The share of the criteria that hold."""
    share = status.n_holding / max(1, status.n_criteria)
    filled = render.tag("span", class_="holding", style=f"width:{share:.1%}")
    return render.tag("div", filled, class_="holds", role="img", aria_label=status.position)


def _notes(status: HarnessStatus) -> list[render.Html]:
    """What is out of the ordinary, a sentence each."""
    notes = []
    if status.outcome is not None and status.why:
        notes.append(_note(f"{status.why[:1].upper()}{status.why[1:]}.", status.outcome))
    if status.banner:
        notes.append(_note(status.banner))
    if status.trouble:
        notes.append(_note(status.trouble, "failed"))
    return notes


def _note(words: str, outcome: str = "") -> render.Html:
    if outcome in ("failed", "halted"):
        return render.tag("div", words, class_="fieldbook-note problem", role="alert")
    return render.tag("div", words, class_="fieldbook-note", role="status")


def cost_html(status: HarnessStatus) -> render.Html:
    """What was spent, by role, against the budget."""
    if status.phase == "not begun":
        return render.fragment()
    limit_usd = status.budget_usd if status.budget_usd is not None else status.spent_usd
    parts = []
    keys = []
    for hue, lane in enumerate(status.lanes):
        share = min(1.0, lane.cost_usd / limit_usd) if limit_usd else 0.0
        parts.append(render.tag("span", class_=f"hue-{hue % 6}", style=f"width:{share:.2%}"))
        words = f"{lane.role} {dollars(lane.cost_usd)}"
        keys.append(render.tag("span", words, class_=f"key hue-{hue % 6}"))
    bar = render.tag("div", *parts, class_="meter", role="img", aria_label=status.money)
    words = render.tag("span", status.money)
    return render.block(bar, render.tag("p", render.spaced(words, *keys), class_="costs"))


def lane_html(lane: Lane, hue: int) -> render.Html:
    """What a role does: its last turns, the newest at the end, which stays in sight."""
    state = "● at work" if lane.is_at_work else "idle"
    if not lane.n_turns:
        state = "○ not asked yet"
    figures = f"{quantity(lane.n_turns, 'turn')} · {dollars(lane.cost_usd)}"
    head = render.tag(
        "header",
        render.spaced(
            render.tag("strong", lane.role),
            render.tag("span", state, class_="state"),
            render.tag("span", figures, class_="soft"),
        ),
    )
    turns = [_turn(turn) for turn in reversed(lane.turns)]
    body = render.tag("div", *turns, class_="turns", role="log", aria_label=f"The {lane.role}")
    look = " at-work" if lane.is_at_work else ""
    return render.block(render.tag("article", head, body, class_=f"lane hue-{hue % 6}{look}"))


def _turn(turn: TurnStatus) -> render.Html:
    parts = [turn.step] if turn.step else []
    if turn.number:
        parts.append(str(turn.number))
    title = " ".join(parts)
    state = TURN_STATES.get(turn.state, turn.state)
    caption = render.tag("small", f"{title} · {state}" if title else state)
    words = render.tag("div", render.markdown(turn.words), class_="md") if turn.words else ""
    files = [render.tag("code", f"wrote {path}") for path in turn.files]
    return render.tag("div", caption, *files, words, class_="turn")


def line_html(line: Line) -> render.Html:
    """A criterion: how it stands, its claim, and what came of it in each round."""
    now = line.now
    mark = render.tag("span", MARKS[now.grade] if now else "○", class_="mark")
    about = [line.kind, *line.notes]
    claim = render.tag("span", line.claim or line.id, class_="claim")
    kinds = [_badge(word) for word in about if word]
    rounds = [_cell(number, cell) for number, cell in sorted(line.cells.items())]
    history = render.tag("span", render.spaced(*rounds), class_="rounds")
    head = render.tag("div", render.spaced(mark, claim, *kinds, history), class_="line")
    why = ""
    if now and now.grade != "pass":
        why = render.tag("p", shortened(now.why, WHY_CHARS), class_="why")
    return render.block(render.tag("div", head, why, class_=f"criterion {_look(now)}"))


def _look(cell: Cell | None) -> str:
    if cell is None:
        return "open"
    return cell.grade if cell.is_verdict else f"{cell.grade} checked"


def _cell(number: int, cell: Cell) -> render.Html:
    """One round in the history of a criterion: a sign and a number, in words for who hears them."""
    when = f"round {number}" if number else "before the build"
    words = f"{when}: {GRADES[cell.grade]}"
    if not cell.is_verdict:
        words += ", by its check"
    text = f"{number} {MARKS[cell.grade]}"
    return render.tag("span", text, class_=f"cell {_look(cell)}", title=words, aria_label=words)


def requests_html(status: HarnessStatus) -> render.Html:
    """What people asked of the build, the newest first, and whether it was heard."""
    lines = []
    for request in status.requests[-SHOWN_REQUESTS:]:
        lines.append(asked_line(str(request), request.heard, bool(request.unused)))
    return asked_html(lines)
