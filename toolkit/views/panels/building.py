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
N_HUES = 6
"""The hues of the style, which lanes take in turn."""
SHOWN_REQUESTS = 2
GOAL_CHARS = 120
WHY_CHARS = 240
NOT_BEGUN = "No build has begun on this session: run a Harness on it."


def head_html(status: HarnessStatus) -> render.Html:
    """The goal, what it does now, how far it is, and what went wrong with it, in sentences."""
    goal = _first_line(status.goal) or "A build"
    name = render.tag("strong", goal, class_="goal")
    if status.phase == "not begun":
        row = _row(name, _badge(PHASES["not begun"]))
        return render.block(row, _note(NOT_BEGUN))
    source = _badge(status.source) if status.source else ""
    position = _span(status.position, "soft")
    row = _row(name, _state(status), source, position)
    return render.block(row, _progress(status), *_notes(status))


def _first_line(goal: str) -> str:
    first_line, _, _ = goal.strip().partition("\n")
    return shortened(first_line, GOAL_CHARS)


def _state(status: HarnessStatus) -> render.Html:
    """What it does now, or how it ended."""
    if status.outcome is None:
        words = PHASES[status.phase]
        return _span(words, f"badge is-{status.phase}")
    words, look = OUTCOMES[status.outcome]
    return _span(words, f"pill {look}".strip())


def _progress(status: HarnessStatus) -> render.Html:
    """The share of the criteria that hold."""
    share = status.n_holding / max(1, status.n_criteria)
    filled = render.tag("span", class_="holding", style=f"width:{share:.1%}")
    return _picture("holds", status.position, filled)


def _notes(status: HarnessStatus) -> list[render.Html]:
    """What is out of the ordinary, a sentence each."""
    notes = []
    if status.outcome is not None and status.why:
        sentence = f"{status.why[:1].upper()}{status.why[1:]}."
        is_problem = status.outcome in ("failed", "halted")
        notes.append(_alert(sentence) if is_problem else _note(sentence))
    if status.banner:
        notes.append(_note(status.banner))
    if status.trouble:
        notes.append(_alert(status.trouble))
    return notes


def _note(sentence: str) -> render.Html:
    return render.tag("div", sentence, class_="fieldbook-note", role="status")


def _alert(sentence: str) -> render.Html:
    return render.tag("div", sentence, class_="fieldbook-note problem", role="alert")


def cost_html(status: HarnessStatus) -> render.Html:
    """What was spent, by role, against the budget."""
    if status.phase == "not begun":
        return render.fragment()
    meter = _meter(status)
    words = render.tag("span", status.money)
    keys = [_cost_key(lane, hue) for hue, lane in enumerate(status.lanes)]
    line = render.spaced(words, *keys)
    return render.block(meter, render.tag("p", line, class_="costs"))


def _meter(status: HarnessStatus) -> render.Html:
    """A bar as long as the budget, or as what was spent where there is none."""
    limit_usd = status.budget_usd
    if limit_usd is None:
        limit_usd = status.spent_usd
    parts = []
    for hue, lane in enumerate(status.lanes):
        share = min(1.0, lane.cost_usd / limit_usd) if limit_usd else 0.0
        part = render.tag("span", class_=_hue(hue), style=f"width:{share:.2%}")
        parts.append(part)
    return _picture("meter", status.money, *parts)


def _cost_key(lane: Lane, hue: int) -> render.Html:
    cost = dollars(lane.cost_usd)
    return _span(f"{lane.role} {cost}", f"key {_hue(hue)}")


def lane_html(lane: Lane, hue: int) -> render.Html:
    """What a role does: its last turns, the newest at the end, which stays in sight."""
    turns = [_turn(turn) for turn in reversed(lane.turns)]
    label = f"The {lane.role}"
    log = render.tag("div", *turns, class_="turns", role="log", aria_label=label)
    look = f"lane {_hue(hue)}"
    if lane.is_at_work:
        look += " at-work"
    return render.block(render.tag("article", _lane_head(lane), log, class_=look))


def _lane_head(lane: Lane) -> render.Html:
    """The role, whether it is at work, and what it has used."""
    role = render.tag("strong", lane.role)
    state = _span(_lane_state(lane), "state")
    n_turns = quantity(lane.n_turns, "turn")
    cost = dollars(lane.cost_usd)
    figures = _span(f"{n_turns} · {cost}", "soft")
    return render.tag("header", render.spaced(role, state, figures))


def _lane_state(lane: Lane) -> str:
    if not lane.n_turns:
        return "○ not asked yet"
    return "● at work" if lane.is_at_work else "idle"


def _turn(turn: TurnStatus) -> render.Html:
    """A turn: what it was for, the files that it wrote, and its words."""
    caption = render.tag("small", _turn_caption(turn))
    files = [render.tag("code", f"wrote {path}") for path in turn.files]
    words: render.Html | str = ""
    if turn.words:
        words = render.tag("div", render.markdown(turn.words), class_="md")
    return render.tag("div", caption, *files, words, class_="turn")


def _turn_caption(turn: TurnStatus) -> str:
    """The step and its number, as far as the session says, and how it stands."""
    title = turn.step
    if turn.number:
        title = f"{title} {turn.number}".strip()
    state = TURN_STATES.get(turn.state, turn.state)
    return f"{title} · {state}" if title else state


def line_html(line: Line) -> render.Html:
    """A criterion: how it stands, its claim, and what came of it in each round."""
    look = f"criterion {_look(line.now)}"
    return render.block(render.tag("div", _line_head(line), _reason(line), class_=look))


def _line_head(line: Line) -> render.Html:
    sign = MARKS[line.now.grade] if line.now else "○"
    mark = _span(sign, "mark")
    claim = _span(line.claim or line.id, "claim")
    kinds = [_badge(word) for word in (line.kind, *line.notes) if word]
    words = render.spaced(mark, claim, *kinds, _history(line))
    return render.tag("div", words, class_="line")


def _history(line: Line) -> render.Html:
    """What came of a criterion, round by round."""
    rounds = []
    for number, cell in sorted(line.cells.items()):
        rounds.append(_cell(number, cell))
    return _span(render.spaced(*rounds), "rounds")


def _reason(line: Line) -> render.Html | str:
    """Why a criterion does not hold; nothing where it does, or where nothing was checked."""
    if line.now is None or line.now.grade == "pass":
        return ""
    why = shortened(line.now.why, WHY_CHARS)
    return render.tag("p", why, class_="why")


def _cell(number: int, cell: Cell) -> render.Html:
    """One round in the history of a criterion: a sign and a number, in words for who hears them."""
    when = f"round {number}" if number else "before the build"
    words = f"{when}: {GRADES[cell.grade]}"
    if not cell.is_verdict:
        words += ", by its check"
    sign = f"{number} {MARKS[cell.grade]}"
    look = f"cell {_look(cell)}"
    return render.tag("span", sign, class_=look, title=words, aria_label=words)


def _look(cell: Cell | None) -> str:
    """The classes by which the style shows a grade, by a verdict or by a check alone."""
    if cell is None:
        return "open"
    return cell.grade if cell.is_verdict else f"{cell.grade} checked"


def requests_html(status: HarnessStatus) -> render.Html:
    """What people asked of the build, the newest first, and whether it was heard."""
    lines = []
    for request in status.requests[-SHOWN_REQUESTS:]:
        is_unused = request.unused != ""
        lines.append(asked_line(str(request), request.heard, is_unused))
    return asked_html(lines)


def _row(*parts: object) -> render.Html:
    return render.tag("div", render.spaced(*parts), class_="row")


def _span(words: str, look: str) -> render.Html:
    return render.tag("span", words, class_=look)


def _badge(words: str) -> render.Html:
    return _span(words, "badge")


def _picture(look: str, words: str, *parts: render.Html) -> render.Html:
    """A drawing of coloured parts, with the words that say the same."""
    return render.tag("div", *parts, class_=look, role="img", aria_label=words)


def _hue(number: int) -> str:
    return f"hue-{number % N_HUES}"
