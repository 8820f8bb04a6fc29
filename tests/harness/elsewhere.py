"""A build in a process of its own, on a server: it is wrong until a person says how to be right."""

import asyncio
import sys
from pathlib import Path

from tests.harness.builds import GOAL, Notes, question, reads, right, writes
from toolkit.models import Answer, Request
from toolkit.sessions import NatsLog, Session

WORD = "Write what the criterion reads."


class Stubborn(Notes):
    """Roles of which the Generator goes on in its own way until it is steered."""

    def generate(self, request: Request) -> Answer:
        asked = question(request)
        if asked["task"] == "propose":
            return Answer(data={"criteria": [reads("notes")]})
        is_right = WORD in asked["steers"]
        return writes(right("notes") if is_right else {"notes.txt": f"draft {asked['number']}"})


async def main(url: str, folder: Path) -> None:
    budget = {"rounds": 10_000, "cost_usd": 100.0}
    async with await NatsLog.connect(url) as log:
        made = Stubborn().harness(folder, Session(log, "build"), budget=budget)
        outcome = await made.run(GOAL)
    print(outcome.outcome)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
