"""The support agent: a loop around a model and five tools, and a scripted policy that stands in for the model.

The loop does not know whether the model is a script in process, the real SDK on loopback, or live.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from toolkit.harbor.content import text
from toolkit.harbor.situations import Situation, Turn, situations
from toolkit.harbor.tools import call, schemas
from toolkit.harbor.world import World
from toolkit.models import Answer, Model, Reply, Request
from toolkit.models.ledger import cost_usd
from toolkit.sessions import Run, Session
from toolkit.sessions.run import WINDOW_S

MAX_CALLS = 8
"""Model calls for one word of the customer's; after that the run ends with an error."""
LOST = Answer("I'm sorry, I have no script for this. Please ask for one of Harbor's situations.")
NOTHING_MORE = Answer("Thank you for writing to Harbor Bikes. Is there anything else?")


def harbor_policy(request: Request) -> Answer:
    """Play the support agent: a plain function of the request.

    ``metadata["user_id"]`` names the variant, ``situation:phrasing:failure`` with ``ok`` for no failure; the step
    within it is counted from the messages. What customers say beyond the script gets a polite line.
    """
    situation_id, _, variant = request.metadata.get("user_id", "").partition(":")
    phrasing, _, failure = variant.partition(":")
    situation = situations().get(situation_id)
    if situation is None or not phrasing.isdigit():
        return LOST
    script = situation.script(int(phrasing), None if failure in ("", "ok") else failure)
    said = [n for n, message in enumerate(request.messages) if _is_said(message)]
    if not 0 < len(said) <= len(script):
        return NOTHING_MORE
    turn = script[len(said) - 1]
    step = sum(message["role"] == "assistant" for message in request.messages[said[-1] :])
    if step < len(turn.calls):
        return Answer(turn.lead if step == 0 else "", tools=(turn.calls[step],))
    return Answer(turn.reply)


def _is_said(message: dict[str, Any]) -> bool:
    """Whether the customer said this: tool results come in the same role."""
    content = message["content"]
    blocks = [] if isinstance(content, str) else content
    return message["role"] == "user" and not any(block.get("type") == "tool_result" for block in blocks)


def system_prompt(world: World, customer: str) -> str:
    """What the agent is told: who is signed in, what time it is, and the policy."""
    row = world.row("select name from customers where id = ?", customer)
    name = row["name"] if row else "unknown"
    return (
        f"You answer customers of Harbor Bikes in writing. Signed in: {name} ({customer}). "
        f"It is {world.now:%A} {world.now.day} {world.now:%B %Y, %H:%M}. Keep to this policy.\n\n{text('policy.md')}"
    )


@dataclass
class _Talk:
    """What one conversation needs at each step."""

    session: Session
    model: Model
    world: World
    request: Request
    window_s: float

    def add(self, role: str, content: str | list[dict[str, Any]]) -> None:
        message = {"role": role, "content": content}
        self.request = replace(self.request, messages=(*self.request.messages, message))


async def serve(
    session: Session,
    situation: Situation,
    model: Model,
    world: World,
    *,
    phrasing: int = 0,
    failure: str | None = None,
    on_turn: Callable[[Turn], None] | None = None,
    window_s: float = WINDOW_S,
) -> bool:
    """Let the situation's customer talk with an agent on `session`: each turn is a run.

    Parameters
    ----------
    session : Session
        Where everything is written as it happens.
    situation : Situation
        Who talks; its scripted customer speaks whatever the agent answers.
    model : Model
        Who answers; `harbor_policy` plays along on a script, in process or on loopback.
    world : World
        Where the tools have their effects; open it with ``now=situation.now``.
    phrasing : int
        Which of the phrasings.
    failure : str or None
        The failure mode that a scripted model is to show.
    on_turn : callable or None
        Called before each turn, for progress or a pause.
    window_s : float
        As in `Session.start_run`.

    Returns
    -------
    bool
        Whether all runs were complete. A cancelled run, or a non-result of the model, ends the conversation.
    """
    prompt = system_prompt(world, situation.customer)
    # A script must know its part; a real model must not be told what it is expected to do wrong.
    part = f"{situation.id}:{phrasing}:{failure or 'ok'}"
    variant = {"user_id": part if model.source == "simulated" else session.id}
    talk = _Talk(session, model, world, Request((), prompt, schemas(), metadata=variant), window_s)
    await session.say(prompt, actor="system")
    for turn in situation.script(phrasing, failure):
        if on_turn:
            on_turn(turn)
        await session.say(turn.say)
        talk.add("user", turn.say)
        if not await _answer(talk):
            return False
    return True


async def _answer(talk: _Talk) -> bool:
    run = await talk.session.start_run("support", talk.model.source, window_s=talk.window_s)
    try:
        for _ in range(MAX_CALLS):
            reply = await _stream(talk, run)
            if run.cancelled or reply is None or not reply.ok:
                await run.finish("cancelled" if run.cancelled else "error")
                return False
            talk.add("assistant", list(reply.blocks) or [{"type": "text", "text": "(nothing)"}])
            if not reply.tool_calls:
                await run.finish()
                return run.outcome == "complete"
            talk.add("user", [await _use_tool(talk.world, run, asked) for asked in reply.tool_calls])
        await run.finish("error")
        return False
    except BaseException as error:
        await run.finish("error" if isinstance(error, Exception) else "cancelled")
        raise


async def _stream(talk: _Talk, run: Run) -> Reply | None:
    """Write the model's words to the run as they come. None where the run was cancelled first."""
    reply = None
    pieces = talk.model.stream(talk.request)
    try:
        async for piece in pieces:
            if isinstance(piece, Reply):
                reply = piece
            else:
                await run.write(piece)
            if run.cancelled:
                break
    finally:
        if close := getattr(pieces, "aclose", None):
            await close()
    if reply is not None:
        await _note_usage(run, reply)
    return reply


async def _note_usage(run: Run, reply: Reply) -> None:
    data: dict[str, Any] = {
        "usage": asdict(reply.usage),
        "cost_usd": round(cost_usd(reply.model, reply.usage), 8),
        "model": reply.model,
    }
    if not reply.ok:
        data |= {"stopped": reply.stopped, "why": reply.why}
    await run.append("model.usage", data)


async def _use_tool(world: World, run: Run, asked: Any) -> dict[str, Any]:
    await run.call_tool(asked.name, asked.arguments, asked.id)
    content, error = call(world, asked.name, asked.arguments)
    await run.tool_result(asked.id, content, error)
    return {"type": "tool_result", "tool_use_id": asked.id, "content": content, "is_error": error}
