"""Models: who answers, what it cost, and whether it was real.

A model takes a `Request` and gives a `Reply`; what goes wrong is a Reply with ``ok`` False, not an
exception. `connect_model` talks to a script on this machine through the real SDK, unless live is
asked for; `ChatModel` talks to Ollama, vLLM or a gateway.

>>> import asyncio
>>> async def ask():
...     async with connect_model(policy=lambda request: Answer("We open at nine.")) as model:
...         return await model.reply(Request(({"role": "user", "content": "When do you open?"},)))
>>> reply = asyncio.run(ask())
>>> reply.text, reply.stopped, reply.source
('We open at nine.', 'end', 'simulated')
"""

from toolkit.models.chat import ChatModel
from toolkit.models.claude import ClaudeModel, connect_model
from toolkit.models.ledger import Attempt, BudgetExceeded, Ledger
from toolkit.models.loopback import LoopbackServer
from toolkit.models.model import Model, Reply, Request, Stopped, ToolCall, Usage
from toolkit.models.prices import UnknownModel
from toolkit.models.script import Answer, Fault, Policy, ScriptedModel
from toolkit.models.tape import Tape, TapeMiss

__all__ = [
    "Answer",
    "Attempt",
    "BudgetExceeded",
    "ChatModel",
    "ClaudeModel",
    "Fault",
    "Ledger",
    "LoopbackServer",
    "Model",
    "Policy",
    "Reply",
    "Request",
    "ScriptedModel",
    "Stopped",
    "Tape",
    "TapeMiss",
    "ToolCall",
    "UnknownModel",
    "Usage",
    "connect_model",
]
