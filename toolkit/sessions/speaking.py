"""Speaking: an agent made of a model call that gives words, for `attend`."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from toolkit.events import Event
from toolkit.sessions.control import Agent
from toolkit.sessions.run import Run


def speaking(model_call: Callable[[str], AsyncGenerator[str, None]]) -> Agent:
    """An agent that answers by model calls: cancel, interrupt and steer each break the current one
    off.

    After an interrupt with words, or a steer, the model is called again with those words; the log
    says that they were taken into account once that call gives words. After a cancel nothing is
    asked any more.
    """

    async def say(run: Run, words: AsyncGenerator[str, None]) -> None:
        async with aclosing(words):
            async for word in words:
                await run.write(word)

    async def answer(run: Run, message: Event) -> None:
        if run.text:
            # Adopted from an agent that died: a model call cannot be gone on with, so it is made
            # again.
            await run.roll_back()
        question = str(message.data.get("text", ""))
        while question and not run.cancelled:
            await run.unless_interrupted(say(run, model_call(question)), by_steers=True)
            steers = await run.take_steers()
            question = "\n".join(str(steer.data.get("text", "")) for steer in steers).strip()

    return answer
