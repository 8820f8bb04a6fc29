"""Context: what a role still has before it when it is asked again, and what happens when that is
full.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from toolkit.errors import UsageError
from toolkit.models import Reply
from toolkit.shown import Shown

Policy = Literal["none", "compaction", "reset"]
"""What is done about a full context: nothing, it is summed up, or it begins clean with the hand-off
in the files.
"""
Move = Literal["go on", "sum up", "begin clean", "full"]
CHARS_PER_TOKEN = 4
SUM_UP = (
    "Your context is full. Sum up what you need to go on in a clean one: what was asked, what you "
    "decided and why, what is still open. Leave out what stands in the files that you are shown."
)
"""What a role is asked whose context is summed up."""


@dataclass(frozen=True, slots=True)
class Context(Shown):
    """How long a role's conversation goes on. Raises UsageError for a policy without tokens.

    The default begins clean at each turn: all that a role needs stands in the files.
    """

    policy: Policy = "reset"
    tokens: int = 0
    """What one context may hold, as measured by the model's own usage."""

    def __post_init__(self) -> None:
        if self.policy != "reset" and self.tokens <= 0:
            raise UsageError(f"a context with the policy {self.policy} needs tokens above 0")

    def next_move(self, held_tokens: int, question_tokens: int) -> Move:
        """What to do with a context that holds so much, before a question of that size.

        >>> Context("compaction", 1000).next_move(800, 100)
        'go on'
        >>> Context("compaction", 1000).next_move(800, 300)
        'sum up'
        >>> Context().next_move(800, 300)
        'begin clean'
        """
        if held_tokens == 0 or held_tokens + question_tokens <= self.tokens:
            return "go on"
        if self.policy == "none":
            return "full"
        return "sum up" if self.policy == "compaction" else "begin clean"


CLEAN = Context()
"""Each turn begins clean."""


class Conversation:
    """The questions and answers that one role has before it."""

    def __init__(self) -> None:
        self.messages: tuple[dict[str, Any], ...] = ()
        self.tokens = 0
        """Of all messages, by the usage of the last reply."""
        self.summary: str | None = None
        """Of what was summed up before the first message."""

    def begin_clean(self, summary: str | None = None) -> None:
        """Drop all messages."""
        self.messages = ()
        self.tokens = 0
        self.summary = summary

    def with_question(self, question: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        """The messages of the next request."""
        if self.summary and not self.messages:
            question = question | {"earlier": self.summary}
        text = json.dumps(question, indent=1, ensure_ascii=False)
        return (*self.messages, {"role": "user", "content": text})

    def keep(self, messages: tuple[dict[str, Any], ...], reply: Reply) -> None:
        """Take in a question that was answered."""
        content = list(reply.blocks) or reply.text
        self.messages = (*messages, {"role": "assistant", "content": content})
        self.tokens = reply.usage.input_tokens + reply.usage.output_tokens


def tokens_of(question: dict[str, Any]) -> int:
    """About how many tokens a question will take."""
    return len(json.dumps(question, ensure_ascii=False)) // CHARS_PER_TOKEN
