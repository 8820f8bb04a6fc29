"""A model as what `measure_recall` asks: a fact is hidden among notes, and asked for afterwards."""

import json
from dataclasses import dataclass
from typing import Any

from toolkit.harness.answers import HandOff
from toolkit.harness.context import CHARS_PER_TOKEN, SUM_UP
from toolkit.harness.experiments.context_rot import Probe, Recalled
from toolkit.harness.experiments.simulated import draw
from toolkit.models import Model, Request
from toolkit.models.prices import cost_of, worst_case
from toolkit.traces import Source

READ = "You read the notes of a long piece of work, and are asked about them afterwards."
HAND_OFF = "Whoever goes on begins in a clean context. Leave a hand-off for them."
ASK = "What is the code of the depot? Where you do not know it, the code is blank."
NOTE_CHARS = len("Note     0:   0 crates were counted in the hall.\n")
CODE = {
    "type": "object",
    "properties": {"code": {"type": "string"}},
    "required": ["code"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class ModelMemory:
    """A model that is shown notes, and answers from them, from its summary or its hand-off.

    Whoever sums up, or hands off, does not know yet what will be asked.
    """

    model: Model
    limit_tokens: int = 20_000
    """What a full context holds, about. The fill of a probe is a share of it."""
    max_tokens: int = 1024
    """Of a reply."""

    @property
    def source(self) -> Source:
        """Of the model."""
        return self.model.source

    def notes(self, probe: Probe) -> str:
        """The context: notes up to the fill, with the fact at its depth."""
        n_tokens = probe.fill * self.limit_tokens
        n_notes = int(n_tokens * CHARS_PER_TOKEN / NOTE_CHARS)
        lines = []
        for number in range(n_notes):
            crates = int(1000 * draw(probe.seed, "note", str(number)))
            lines.append(f"Note {number:5}: {crates:3} crates were counted in the hall.")
        depth = round(probe.depth * n_notes)
        lines.insert(depth, f"The code of the depot is {code(probe)}.")
        return "\n".join(lines)

    def worst_case_usd(self, probe: Probe) -> float:
        """The most that the answer can cost, with the summary or hand-off before it."""
        notes = self.notes(probe)
        if probe.policy == "none":
            return self._worst_usd(self._question(notes))
        first = self._carry_on(probe, notes)
        longest = "x" * CHARS_PER_TOKEN * self.max_tokens
        second = self._question(longest)
        return self._worst_usd(first) + self._worst_usd(second)

    def _worst_usd(self, request: Request) -> float:
        return cost_of(self.model, worst_case(request))

    async def __call__(self, probe: Probe) -> Recalled:
        """Whether the code came back; unscored where a reply is no result."""
        known = self.notes(probe)
        cost_usd = 0.0
        if probe.policy != "none":
            kept = await self.model.reply(self._carry_on(probe, known))
            cost_usd += cost_of(self.model, kept.usage)
            if not kept.ok:
                return Recalled(None, cost_usd, kept.source)
            known = kept.text
        reply = await self.model.reply(self._question(known))
        cost_usd += cost_of(self.model, reply.usage)
        if not reply.ok or reply.parsed is None:
            return Recalled(None, cost_usd, reply.source)
        is_recalled = reply.parsed["code"].strip() == code(probe)
        return Recalled(is_recalled, cost_usd, reply.source)

    def _carry_on(self, probe: Probe, notes: str) -> Request:
        """The request for what takes the place of the notes."""
        if probe.policy == "compaction":
            return self._request(notes, SUM_UP)
        return self._request(notes, HAND_OFF, HandOff.model_json_schema())

    def _question(self, known: str) -> Request:
        return self._request(known, ASK, CODE)

    def _request(self, known: str, asked: str, schema: dict[str, Any] | None = None) -> Request:
        text = json.dumps({"notes": known, "asked": asked}, ensure_ascii=False)
        message = {"role": "user", "content": text}
        return Request((message,), READ, schema=schema, max_tokens=self.max_tokens)


def code(probe: Probe) -> str:
    """The fact of a probe: the same for its seed in each context."""
    return f"{int(1e6 * draw(probe.seed, 'code')):06d}"
