"""The support agent: a loop around a model and five tools, and a scripted policy that stands in for
the model.

The loop does not know whether the model is a script in process, the real SDK on loopback, or live.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from toolkit.harbor.files import Truth, text
from toolkit.harbor.situations import Situation, Turn, situations
from toolkit.harbor.toolbox import call, schemas
from toolkit.harbor.world import World
from toolkit.models import Answer, Model, Request, ScriptedModel
from toolkit.sessions import MemoryLog, Run, Session
from toolkit.sessions.held import WINDOW_S
from toolkit.traces import Trace

MAX_CALLS = 8
"""Model calls for one word of the customer's; after that the run ends with an error."""
LOST = Answer("I'm sorry, I have no script for this. Please ask for one of Harbor's situations.")
NOTHING_MORE = Answer("Thank you for writing to Harbor Bikes. Is there anything else?")


def harbor_policy(request: Request) -> Answer:
    """Play the support agent: a plain function of the request.

    ``metadata["user_id"]`` names the part, ``situation:phrasing:failure`` with ``ok`` for no
    failure; the step within it is counted from the messages. What customers say beyond the script
    gets a polite line.
    """
    part = request.metadata.get("user_id", "")
    situation_id, phrasing, failure = f"{part}::".split(":")[:3]
    situation = situations().get(situation_id)
    if situation is None or not phrasing.isdigit():
        return LOST
    script = situation.script(int(phrasing), None if failure in ("", "ok") else failure)
    messages = request.messages
    customer = [n for n, message in enumerate(messages) if _is_customers(message)]
    if not 0 < len(customer) <= len(script):
        return NOTHING_MORE
    turn = script[len(customer) - 1]
    step = 0  # of this turn: a model call each
    for message in messages[customer[-1] :]:
        step += message["role"] == "assistant"
    if step < len(turn.calls):
        return Answer(turn.lead if step == 0 else "", tools=(turn.calls[step],))
    return Answer(turn.reply)


def _is_customers(message: dict[str, Any]) -> bool:
    """Whether the customer wrote this: tool results come in the same role."""
    kinds = {block.get("type") for block in message["content"] if isinstance(block, dict)}
    return message["role"] == "user" and "tool_result" not in kinds


def system_prompt(world: World, customer: str) -> str:
    """The agent's instructions: who is signed in, what time it is, and the policy."""
    name = world.value("select name from customers where id = ?", customer) or "unknown"
    now = f"{world.now:%A} {world.now.day} {world.now:%B %Y, %H:%M}"
    return (
        f"You answer customers of Harbor Bikes in writing. Signed in: {name} ({customer}). "
        f"It is {now}. Keep to this policy.\n\n{text('policy.md')}"
    )


async def converse(
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
    """Let the situation's customer talk with an agent on `session`: each turn is a run. Returns
    whether all were complete.

    The scripted customer speaks whatever the agent answers, until a run is cancelled or the model
    gives no result. Open the `world` of the tools with ``now=situation.now``. A model that is a
    script (`harbor_policy`, in process or on loopback) shows the `failure`; `on_turn` is called
    before each turn; `window_s` is that of `Session.start_run`.
    """
    prompt = system_prompt(world, situation.customer)
    part = session.id
    if model.source == "simulated":
        # A script must know its part; a real model must not be told what it is expected to do
        # wrong.
        part = f"{situation.id}:{phrasing}:{failure or 'ok'}"
    request = Request((), prompt, schemas(), metadata={"user_id": part})
    messages: list[dict[str, Any]] = []
    await session.say(prompt, actor="system")
    for turn in situation.script(phrasing, failure):
        if on_turn:
            on_turn(turn)
        await session.say(turn.say)
        messages.append({"role": "user", "content": turn.say})
        async with session.run("support", model.source, window_s=window_s) as run:
            if not await speak_and_act(run, model, world, request, messages):
                await run.finish("cancelled" if run.cancelled else "error")
        if run.outcome != "complete":
            return False
    return True


async def speak_and_act(
    run: Run, model: Model, world: World, request: Request, messages: list[dict[str, Any]]
) -> bool:
    """Let the model speak and call tools until it calls none. Returns whether it came to that. What
    is said is added to `messages`.
    """
    for _ in range(MAX_CALLS):
        reply = await run.stream(model, replace(request, messages=tuple(messages)))
        if run.cancelled or reply is None or not reply.ok:
            return False
        blocks = list(reply.blocks) or [{"type": "text", "text": "(nothing)"}]
        messages.append({"role": "assistant", "content": blocks})
        if not reply.tool_calls:
            return True
        results = [await _use_tool(world, run, asked) for asked in reply.tool_calls]
        messages.append({"role": "user", "content": results})
    return False


async def _use_tool(world: World, run: Run, asked: Any) -> dict[str, Any]:
    await run.call_tool(asked.name, asked.arguments, asked.id)
    content, error = call(world, asked.name, asked.arguments)
    await run.tool_result(asked.id, content, error)
    return {"type": "tool_result", "tool_use_id": asked.id, "content": content, "is_error": error}


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation to be had, on a session of its own."""

    session: str
    situation: Situation
    phrasing: int
    failure: str | None

    @property
    def truth(self) -> Truth:
        """What is planted in it."""
        return Truth(self.session, self.failure, self.situation.id)

    async def hold(self, session: Session, model: Model, **options: Any) -> bool:
        """`converse` it in a fresh world. Returns whether all its runs were complete."""
        with World.open(now=self.situation.now) as world:
            options |= {"phrasing": self.phrasing, "failure": self.failure}
            return await converse(session, self.situation, model, world, **options)


def scripted_agent(slips: float, version: str) -> Callable[[Any, int], Awaitable[Trace]]:
    """A task for `evaluate` of cases whose ids are those of situations: the scripted agent, with a
    failure planted in a share `slips` of its conversations.

    The same version slips at the same trials, and in the same way.
    """

    async def talk(case: Any, trial: int) -> Trace:
        situation = situations()[case.id]
        chance = random.Random(f"{version}:{case.id}:{trial}")
        failure = chance.choice(situation.modes) if chance.random() < slips else None
        session = Session(MemoryLog(), f"{version}-{case.id}-{trial}")
        await Talk(session.id, situation, trial, failure).hold(
            session, ScriptedModel(harbor_policy), window_s=0
        )
        return await session.trace()

    return talk
