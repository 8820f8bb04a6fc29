"""The report of a scripted build: one HTML page that needs nothing but itself."""

from pathlib import Path

from toolkit import render
from toolkit.harness.demo.defects import follow_defects
from toolkit.harness.demo.script import ScriptedBuild
from toolkit.harness.watching import SprintStatus, WatchedBuild
from toolkit.render import Html, tag
from toolkit.tour.build_evidence import workspace_link
from toolkit.tour.build_sprint import sprint_html
from toolkit.tour.onward import called, fieldbook, onward_html
from toolkit.tour.tiles import Tile, tile_html
from toolkit.traces.amounts import dollars, quantity

STYLES = "report.css", "build.css"
SIMULATED = (
    "The three roles are simulated: they are scripts, which answer through the real Anthropic SDK "
    "over loopback, and the defects of their first versions are planted. The app, the checks, "
    "Chromium, the loop and the counting are real."
)
ABOUT_ROLES = (
    "The Planner cuts the goal into sprints. Before each sprint the Generator, which builds, and "
    "the Evaluator, which checks, sign a contract of criteria."
)
ABOUT_ROUNDS = (
    "Each check was run before anything was built, when it had to be red, and after each round."
)
ABOUT_DOLLARS = (
    "Simulated: no money was spent. It is what these tokens would cost at the model's list prices."
)
LEFT = (
    ("build", "The app that was built."),
    ("sprints", "Contracts, findings and evidence, a folder a sprint."),
    ("progress.md", "What was tried and decided, round by round."),
)
"""What a build leaves in its folder."""


def build_report(goal: str, build: ScriptedBuild, workspace: Path) -> Html:
    """The whole page, to be written beside the folder `workspace`: of the evidence in there it
    holds what shows a defect, and to the rest it links.
    """
    title = "A to-do app, built by three roles"
    trails = follow_defects(build.events, build.defects)
    sprints = _sprints_of(build)
    tiles = [_outcome_tile(build, len(sprints)), *_count_tiles(build)]
    body = tag(
        "div",
        tag("h1", title),
        tag("p", SIMULATED, class_="lead"),
        *_banner(build),
        tag("div", *[tile_html(tile) for tile in tiles], class_="tiles"),
        tag("h2", "The goal"),
        tag("p", goal.strip()),
        tag("p", f"{ABOUT_ROLES} {ABOUT_ROUNDS}"),
        *[sprint_html(sprint, trails, workspace) for sprint in sprints],
        *_roles(build),
        *_next(build, workspace),
        class_="report",
    )
    return render.document(title, body, style=_style())


def _style() -> str:
    sheets = [Path(__file__).with_name(name).read_text("utf-8") for name in STYLES]
    return "".join(sheets)


def _sprints_of(build: ScriptedBuild) -> tuple[SprintStatus, ...]:
    watched = WatchedBuild()
    for event in build.events:
        watched.apply(event)
    return watched.status().sprints


def _banner(build: ScriptedBuild) -> list[Html]:
    """What the checks ran without; nothing where there was a sandbox."""
    banner = build.outcome.banner
    return [tag("p", banner, class_="lead")] if banner else []


def _outcome_tile(build: ScriptedBuild, n_sprints: int) -> Tile:
    outcome = build.outcome
    ended = (outcome.outcome, f"after {quantity(outcome.rounds, 'round')}")
    note = f"In {quantity(n_sprints, 'sprint')}: {outcome.why}."
    return Tile((ended,), note, "ok" if outcome.outcome == "complete" else "failed")


def _count_tiles(build: ScriptedBuild) -> list[Tile]:
    figures = build.figures
    passed = f"{figures['passed']} of {figures['criteria']}"
    caught = f"{figures['defects_caught']} of {figures['defects_planted']}"
    return [
        Tile(
            ((passed, "criteria pass"),),
            "By what was run. A word of a role never turns a red check green.",
        ),
        Tile(
            ((caught, "defects caught"),),
            "Planted in first versions; caught by live checks, mended a round later.",
        ),
    ]


def _roles(build: ScriptedBuild) -> list[Html]:
    """What each role used, and the sum."""
    head = ["Role", "Calls", "Tokens in", "Tokens out", "Dollars"]
    rows = []
    n_calls = 0
    n_in = 0
    n_out = 0
    for totals in build.outcome.ledger:
        n_calls += totals.calls
        n_in += totals.input_tokens
        n_out += totals.output_tokens
        tokens = f"{totals.input_tokens:,}", f"{totals.output_tokens:,}"
        rows.append([totals.role, totals.calls, *tokens, dollars(totals.cost_usd)])
    rows.append(["All", n_calls, f"{n_in:,}", f"{n_out:,}", dollars(build.outcome.cost_usd)])
    return [
        tag("h2", "What each role used"),
        tag("div", render.table(rows, head), class_="totals"),
        tag("p", ABOUT_DOLLARS),
    ]


def _next(build: ScriptedBuild, workspace: Path) -> list[Html]:
    """What the build left, and the commands to go on with."""
    links = []
    for name, about in LEFT:
        links.append(tag("li", workspace_link(workspace, name, name), f": {about}"))
    watched = workspace.with_name("watched")  # an empty folder: a build begins there
    steps = [
        (f"{fieldbook()} serve --harness {watched}", "Watch such a build live, and steer it."),
        (f"{fieldbook()} lab", "Take the loop apart: the notebook on Planner and Evaluator."),
    ]
    if build.outcome.outcome == "complete":
        start = f"{called('python')} {workspace / 'build' / 'app.py'} 8765"
        steps.insert(0, (start, "Start the app, then open http://127.0.0.1:8765."))
    return [tag("h2", "What next?"), onward_html(steps), tag("ul", *links)]
