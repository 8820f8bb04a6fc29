"""Beside: the roles that are added to the three. They write, they object, and they pass nothing."""

from toolkit.harness.answers import Notes
from toolkit.harness.contract import Contract
from toolkit.harness.roles import Place, Role, Step
from toolkit.harness.sandbox import TextFile, WorkspaceError, clip
from toolkit.harness.site import Site
from toolkit.harness.turns import Turn

Objections = dict[str, tuple[str, ...]]
"""By the name of who objects."""


async def hear_others(
    site: Site, step: Step, place: Place, contract: Contract | None = None
) -> Objections:
    """What the roles beside the three object at `step`. Their files and answers are kept."""
    objections: Objections = {}
    for role in site.crew.others(step):
        objected = await _hear(site, role, step, place, contract)
        if objected:
            objections[role.name] = objected
    return objections


async def _hear(
    site: Site, role: Role, step: Step, place: Place, contract: Contract | None
) -> tuple[str, ...]:
    async with site.turns.turn(role, step, place) as turn:
        if contract:
            turn.workspace.freeze(contract, place.folder)
        notes = await turn.ask(Notes)
        name = f"notes/{role.name}-{step}-{turn.number}"
        turn.write(f"{name}.json", notes.model_dump(mode="json"))
        refused = await write_files(turn, notes.files, place.folder + name)
        objections = notes.objections
        if refused:
            objections += (refused,)
        await turn.say(" ".join(objections) or "No objection.")
    return objections


async def write_files(turn: Turn, files: tuple[TextFile, ...], beside: str) -> str:
    """Write what a role answers into the attempt where its tools let it, else into the folder
    `beside`. Returns why it was refused, which it can mend; empty where it was not.
    """
    refused = ""
    try:
        if "write" in turn.role.tools:
            turn.workspace.lay(files)
        elif files:
            turn.workspace.lay_beside(beside, files)
    except WorkspaceError as error:
        refused = str(error)
    for file in files:
        await _log_file(turn, file, refused)
    return refused


async def _log_file(turn: Turn, file: TextFile, refused: str) -> None:
    """Append the writing of a file as a call of a tool, which is what it is to a reader."""
    arguments = {"path": file.path, "content": clip(file.content), "round": turn.number}
    call_id = await turn.run.call_tool("write_file", arguments)
    result = refused or f"{len(file.content)} characters written"
    await turn.run.tool_result(call_id, result, bool(refused))
