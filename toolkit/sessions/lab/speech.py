"""The simulated model of the comparison: scripted tokens at a pace, each of them counted."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

N_TOKENS = 50
PACE_S = 0.02
"""Between two tokens, where nobody says otherwise."""


async def speak(name: str, folder: Path, pace_s: float) -> AsyncGenerator[str, None]:
    """The answer `name`, a token each `pace_s`.

    Each token is paid for by a dot in the file `name`; a cross says that the call was broken off.
    """
    with (folder / name).open("ab", buffering=0) as paid:
        try:
            for n in range(N_TOKENS):
                await asyncio.sleep(pace_s)
                paid.write(b".")
                yield f"{name}:{n} "
        except (asyncio.CancelledError, GeneratorExit):
            paid.write(b"x")
            raise
