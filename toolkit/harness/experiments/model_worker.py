"""A model as what `measure_finishing` asks: page after page of work, in a context that fills."""

from dataclasses import dataclass
from typing import Any

from toolkit.harness.context import SUM_UP, Context, Conversation, tokens_of
from toolkit.harness.experiments.context_anxiety import Worked, WorkSession
from toolkit.harness.experiments.simulated import draw
from toolkit.harness.roles import Messages
from toolkit.models import Model, Request, Usage
from toolkit.models.prices import cost_of, worst_case
from toolkit.traces import Source

WORK = (
    "You add up the entries of a ledger, one page a turn. With each sum say whether the work is "
    "finished. It is when all pages are done."
)
SUM = {
    "type": "object",
    "properties": {"sum": {"type": "integer"}, "finished": {"type": "boolean"}},
    "required": ["sum", "finished"],
    "additionalProperties": False,
}
SUM_UP_MESSAGE = {"role": "user", "content": SUM_UP}
ENTRIES_A_PAGE = 60


@dataclass(frozen=True)
class ModelWorker:
    """A model at work, under the context policies of a build. Its fill is measured by its usage."""

    model: Model
    limit_tokens: int = 20_000
    """What a context may hold."""
    n_pages: int = 40
    max_tokens: int = 1024
    """Of a reply."""

    @property
    def source(self) -> Source:
        """Of the model."""
        return self.model.source

    def worst_case_usd(self, session: WorkSession) -> float:
        """Twice a full context for each page: one is summed up, and one goes on."""
        messages = Conversation().with_question(self._page(session, 1))
        page = worst_case(self._request(messages, SUM))
        full = Usage(self.limit_tokens + page.input_tokens, self.max_tokens)
        return 2 * self.n_pages * cost_of(self.model, full)

    async def __call__(self, session: WorkSession) -> Worked:
        """The session, until it calls itself finished, is done, or has no room for a page."""
        context = Context(session.policy, self.limit_tokens)
        conversation = Conversation()
        fills: list[float] = []
        cost_usd = 0.0
        finished_early: bool | None = False
        for number in range(1, self.n_pages + 1):
            page = self._page(session, number)
            move = context.next_move(conversation.tokens, tokens_of(page))
            if move == "full":
                break
            if move == "sum up":
                messages = (*conversation.messages, SUM_UP_MESSAGE)
                reply = await self.model.reply(self._request(messages))
                cost_usd += cost_of(self.model, reply.usage)
                if not reply.ok:
                    finished_early = None
                    break
                conversation.begin_clean(reply.text)
            if move == "begin clean":
                conversation.begin_clean()
            messages = conversation.with_question(page)
            reply = await self.model.reply(self._request(messages, SUM))
            cost_usd += cost_of(self.model, reply.usage)
            if reply.parsed is None:
                finished_early = None
                break
            conversation.keep(messages, reply)
            fills.append(conversation.tokens / self.limit_tokens)
            if reply.parsed["finished"]:
                finished_early = number < self.n_pages
                break
        return Worked(tuple(fills), finished_early, cost_usd, self.source)

    def _page(self, session: WorkSession, number: int) -> dict[str, Any]:
        """A page says where in the work it stands: a clean context needs no more to go on."""
        entries = []
        for entry in range(ENTRIES_A_PAGE):
            entries.append(int(1000 * draw(session.seed, str(number), str(entry))))
        return {"page": number, "of": self.n_pages, "entries": entries}

    def _request(self, messages: Messages, schema: dict[str, Any] | None = None) -> Request:
        return Request(messages, WORK, schema=schema, max_tokens=self.max_tokens)
