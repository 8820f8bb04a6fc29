"""Harbor: the example world, a bicycle-rental shop with a customer-support agent. All of it is
invented and simulated.

A `Situation` is a customer with something on their mind; `World` is the shop's database; `TOOLS`
act on it, as their `KINDS` declare, ``policy.md`` says what is right, and a `gold_plan` has the
calls that are; `made_calls` has those of a trace, and `first_misstep` where it goes wrong.
`converse` lets customer and agent talk on a session. `harbor_policy` plays the
agent, well or with one of eight planted `FAILURE_MODES`; `scripted_agent` is a task for `evaluate`.
Simulated raters and `judge_policy` know which one, and err at known rates.

>>> import asyncio
>>> from toolkit.models import ScriptedModel
>>> from toolkit.sessions import MemoryLog, Session
>>> session, situation = Session(MemoryLog(), "demo"), situations()["storm-at-the-weekend"]
>>> with World.open(now=situation.now) as world:
...     asyncio.run(converse(session, situation, ScriptedModel(harbor_policy), world, phrasing=3))
True
"""

from toolkit.harbor.agent import (
    Talk,
    converse,
    harbor_policy,
    scripted_agent,
    system_prompt,
)
from toolkit.harbor.files import Truth, load_labels, load_traces, load_truth, text
from toolkit.harbor.frontdesk import front_desk, openings
from toolkit.harbor.gold import gold_plan, made_calls
from toolkit.harbor.missteps import first_misstep
from toolkit.harbor.raters import RATERS, Rater, judge_policy
from toolkit.harbor.situations import FAILURE_MODES, Situation, Turn, situations
from toolkit.harbor.toolbox import call, schemas
from toolkit.harbor.tools import KINDS, TOOLS
from toolkit.harbor.world import World

__all__ = [
    "FAILURE_MODES",
    "KINDS",
    "RATERS",
    "TOOLS",
    "Rater",
    "Situation",
    "Talk",
    "Truth",
    "Turn",
    "World",
    "call",
    "converse",
    "first_misstep",
    "front_desk",
    "gold_plan",
    "harbor_policy",
    "judge_policy",
    "load_labels",
    "load_traces",
    "load_truth",
    "made_calls",
    "openings",
    "schemas",
    "scripted_agent",
    "situations",
    "system_prompt",
    "text",
]
