"""The report of a scripted build: one HTML page that needs nothing but itself."""

from collections.abc import Sequence
from pathlib import Path

from toolkit import render
from toolkit.harness.demo.defects import DefectTrail, follow_defects
from toolkit.harness.demo.script import ScriptedBuild
from toolkit.harness.watching import SprintStatus, WatchedBuild
from toolkit.render import Html, tag
from toolkit.tour.build_evidence import evidence_html
from toolkit.tour.tiles import Tile, tile_html
from toolkit.traces.amounts import dollars, quantity

STYLE = "".join(
    [Path(__file__).with_name(name).read_text("utf-8") for name in ("report.css", "build.css")]
)
SIMULATED = (
    "The three roles are simulated: they are scripts, which answer through the real Anthropic SDK "
    "over loopback, and the defects of their first versions are planted. The app, the checks, "
    "Chromium, the loop and the counting are real."
)
ABOUT_ROUNDS = (
    "Each check was run before anything was built, when it had to be red, and after each round."
)
ABOUT_DOLLARS = (
    "Simulated: no money was spent. It is what these tokens would cost at the model's list prices."
)
WORDS = {"pass": "green", "fail": "red", "unscored": "unscored"}
KINDS = {
    "command": "by a command",
    "exchange": "by requests to the app",
    "browse": "in Chromium",
    "state": "by the app's database",
    "judged": "by a rubric",
}


def build_report(goal: str, build: ScriptedBuild, workspace: Path) -> Html:
    """The whole page: of the evidence, in the folder `workspace`, it holds what shows a defect."""
    title = "A to-do app, built by three roles"
    trails = follow_defects(build.events, build.defects)
    sprints = _sprints_of(build)
    body = tag(
        "div",
        tag("h1", title),
        tag("p", SIMULATED, class_="lead"),
        *_banner(build),
        tag("div", *[tile_html(tile) for tile in _tiles(build)], class_="tiles"),
        tag("h2", "The goal"),
        tag("p", goal.strip()),
        tag("p", ABOUT_ROUNDS),
        *[_sprint(sprint, trails, workspace) for sprint in sprints],
        *_roles(build),
        class_="report",
    )
    return render.document(title, body, style=STYLE)


def _sprints_of(build: ScriptedBuild) -> tuple[SprintStatus, ...]:
    watched = WatchedBuild()
    for event in build.events:
        watched.apply(event)
    return watched.status().sprints


def _banner(build: ScriptedBuild) -> list[Html]:
    """What the checks ran without; nothing where there was a sandbox."""
    banner = build.outcome.banner
    return [tag("p", banner, class_="lead")] if banner else []


def _tiles(build: ScriptedBuild) -> list[Tile]:
    figures = build.figures
    outcome = build.outcome
    is_complete = outcome.outcome == "complete"
    n_sprints = quantity(len(_sprints_of(build)), "sprint")
    passed = (f"{figures['passed']} of {figures['criteria']}", "criteria pass")
    caught = (f"{figures['defects_caught']} of {figures['defects_planted']}", "defects caught")
    rounds = quantity(outcome.rounds, "round")
    return [
        Tile(
            ((outcome.outcome, f"after {rounds}"),),
            f"In {n_sprints}: {outcome.why}.",
            "ok" if is_complete else "failed",
        ),
        Tile((passed,), "By what was run. A word of a role never turns a red check green."),
        Tile((caught,), "Planted in first versions; caught by live checks, mended a round later."),
    ]


def _sprint(sprint: SprintStatus, trails: Sequence[DefectTrail], workspace: Path) -> Html:
    """A sprint: its contract with its checks, and the defects that they caught."""
    parts = [tag("h2", f"Sprint {sprint.number} · {sprint.goal}")]
    if sprint.lines:
        parts.append(_contract(sprint))
    else:
        parts.append(tag("p", "No contract was agreed on."))
    parts += _regressions(sprint)
    for trail in trails:
        if trail.defect.caught_by in sprint.lines and trail.red:
            parts.append(_defect(trail, workspace))
    return tag("section", *parts)


def _contract(sprint: SprintStatus) -> Html:
    """The criteria by the rounds."""
    rounds = range(sprint.round + 1)
    head = ["Criterion"]
    for number in rounds:
        head.append(f"Round {number}" if number else "Before")
    rows = []
    for line in sprint.lines.values():
        how = f"{line.id}, {KINDS[line.kind]}"
        cells = [render.fragment(line.claim, tag("br"), tag("span", how, class_="soft"))]
        for number in rounds:
            cell = line.cells.get(number)
            cells.append(_grade(cell.grade if cell else None))
        rows.append(cells)
    return tag("div", render.table(rows, head), class_="contract")


def _grade(grade: str | None) -> Html:
    if grade is None:
        return tag("span", "not run", class_="soft")
    looks = {"pass": "pill ok", "fail": "pill failed"}
    return tag("span", WORDS[grade], class_=looks.get(grade, "pill"))


def _regressions(sprint: SprintStatus) -> list[Html]:
    """What came of the criteria of earlier sprints, which are checked again."""
    n_earlier = len(sprint.earlier)
    sentences = []
    for number in range(1, sprint.round + 1):
        cells = [line.cells.get(number) for line in sprint.earlier.values()]
        n_green = sum(cell is not None and cell.grade == "pass" for cell in cells)
        sentences.append(
            f"Round {number}: of earlier sprints {n_green} of {n_earlier} criteria still hold."
        )
    return [tag("p", " ".join(sentences), class_="soft")] if n_earlier else []


def _defect(trail: DefectTrail, workspace: Path) -> Html:
    """A defect: what showed it, what mended it, and what shows that."""
    defect = trail.defect
    assert trail.red
    red = trail.red.data
    seen = [evidence_html(workspace, red["evidence"], f"Round {red['round']}: red")]
    words = f"Planted in {defect.file}. {defect.caught_by} showed it: {red['why']}."
    if trail.green:
        green = trail.green.data
        seen.append(evidence_html(workspace, green["evidence"], f"Round {green['round']}: green"))
    else:
        words += " It was not mended."
    change = [tag("div", f"− {defect.defective}"), tag("div", f"+ {defect.mended}")]
    return tag(
        "article",
        tag("h3", f"Caught: {defect.name}" if trail.is_caught else f"Open: {defect.name}"),
        tag("p", words),
        tag("div", *seen, class_="seen"),
        tag("p", "What mended it:") if trail.is_caught else "",
        tag("pre", *change) if trail.is_caught else "",
        class_="defect",
    )


def _roles(build: ScriptedBuild) -> list[Html]:
    """What each role used, and the sum."""
    head = ["Role", "Calls", "Tokens in", "Tokens out", "Dollars"]
    rows = []
    for totals in build.outcome.ledger:
        tokens = f"{totals.input_tokens:,}", f"{totals.output_tokens:,}"
        rows.append([totals.role, totals.calls, *tokens, dollars(totals.cost_usd)])
    calls = sum(totals.calls for totals in build.outcome.ledger)
    n_in = sum(totals.input_tokens for totals in build.outcome.ledger)
    n_out = sum(totals.output_tokens for totals in build.outcome.ledger)
    cost = dollars(build.outcome.cost_usd)
    rows.append(["All", calls, f"{n_in:,}", f"{n_out:,}", cost])
    return [
        tag("h2", "What each role used"),
        tag("div", render.table(rows, head), class_="totals"),
        tag("p", ABOUT_DOLLARS),
    ]
