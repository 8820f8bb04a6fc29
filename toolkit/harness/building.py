"""Building: the Generator writes, and leaves a hand-off for whoever goes on."""

from toolkit.harness.answers import Build, HandOff
from toolkit.harness.bench import Bench
from toolkit.harness.beside import write_files
from toolkit.harness.findings import Findings
from toolkit.harness.roles import Place
from toolkit.harness.turns import Turn


async def build(bench: Bench, place: Place, findings: Findings) -> None:
    """Write what the Generator answers. Findings are whether it was refused, and whether anything
    is new.
    """
    async with bench.site.turn("build", place) as turn:
        bench.expect_unchanged(place)
        answer = await turn.ask(Build)
        findings.refused = await write_files(turn, answer.files, "")
        findings.is_changed = turn.workspace.is_changed
        _note_progress(bench, turn, answer.handoff)
        await turn.say(answer.handoff.in_words())


def _note_progress(bench: Bench, turn: Turn, handoff: HandOff) -> None:
    """Write the hand-off where any role can begin from it."""
    workspace = turn.workspace
    sprint = bench.sprint
    title = f"Round {turn.number}"
    if sprint.feature:
        title = f"Sprint {sprint.number} ({sprint.feature}), round {turn.number}"
    progress = workspace.read("progress.md")
    progress += f"## {title}\n{handoff.in_words()}\n"
    workspace.write("progress.md", progress)
    workspace.write("handoff.json", handoff.model_dump())
