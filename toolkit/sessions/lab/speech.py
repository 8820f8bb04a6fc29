"""The simulated model of the comparison: scripted tokens at a pace, each of them counted."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

N_TOKENS = 50
PACE_S = 0.02


async def speak(name: str, folder: Path) -> AsyncGenerator[str, None]:
    """The answer `name`, token by token.

    Each token is paid for by a dot in the file `name`; a cross says that the call was broken off.
    """
    with (folder / name).open("ab", buffering=0) as paid:
        try:
            for n in range(N_TOKENS):
                await asyncio.sleep(PACE_S)
                paid.write(b".")
                yield f"{name}:{n} "
        except (asyncio.CancelledError, GeneratorExit):
            paid.write(b"x")
            raise
