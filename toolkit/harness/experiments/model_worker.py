"""A model as what `measure_finishing` asks: page after page of work, in a context that fills."""

from dataclasses import dataclass
from typing import Any

from toolkit.harness.context import SUM_UP, Context, Conversation, tokens_of
from toolkit.harness.experiments.context_anxiety import Worked, WorkSession
from toolkit.harness.experiments.simulated import draw
from toolkit.harness.roles import Messages
from toolkit.models import Model, Reply, Request, Usage
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
        page = worst_case(self.request(messages, SUM))
        full = Usage(self.limit_tokens + page.input_tokens, self.max_tokens)
        return 2 * self.n_pages * cost_of(self.model, full)

    async def __call__(self, session: WorkSession) -> Worked:
        """The session, until it calls itself finished, is done, or has no room for a page."""
        desk = Desk(self, Context(session.policy, self.limit_tokens))
        fills: list[float] = []
        finished_early: bool | None = False
        for number in range(1, self.n_pages + 1):
            page = self._page(session, number)
            try:
                if not await desk.make_room(page):
                    break
                is_finished = await desk.add_up(page)
            except NoResult:
                finished_early = None
                break
            fills.append(desk.conversation.tokens / self.limit_tokens)
            if is_finished:
                finished_early = number < self.n_pages
                break
        return Worked(tuple(fills), finished_early, desk.cost_usd, self.source)

    def _page(self, session: WorkSession, number: int) -> dict[str, Any]:
        """A page says where in the work it stands: a clean context needs no more to go on."""
        entries = []
        for entry in range(ENTRIES_A_PAGE):
            entries.append(int(1000 * draw(session.seed, str(number), str(entry))))
        return {"page": number, "of": self.n_pages, "entries": entries}

    def request(self, messages: Messages, schema: dict[str, Any] | None = None) -> Request:
        """What the model is asked."""
        return Request(messages, WORK, schema=schema, max_tokens=self.max_tokens)


class NoResult(Exception):
    """A reply that is no result: the session is unscored."""


class Desk:
    """The conversation of one session, and what it has cost."""

    def __init__(self, worker: ModelWorker, context: Context):
        self.conversation = Conversation()
        self.cost_usd = 0.0
        self._worker = worker
        self._context = context

    async def make_room(self, page: dict[str, Any]) -> bool:
        """Whether there is room for a page, once the policy has made some."""
        match self._context.next_move(self.conversation.tokens, tokens_of(page)):
            case "full":
                return False
            case "sum up":
                messages = (*self.conversation.messages, SUM_UP_MESSAGE)
                summary = await self._ask(self._worker.request(messages))
                self.conversation.begin_clean(summary.text)
            case "begin clean":
                self.conversation.begin_clean()
        return True

    async def add_up(self, page: dict[str, Any]) -> bool:
        """Whether the model calls the work finished after a page."""
        messages = self.conversation.with_question(page)
        reply = await self._ask(self._worker.request(messages, SUM))
        if reply.parsed is None:
            raise NoResult
        self.conversation.keep(messages, reply)
        return bool(reply.parsed["finished"])

    async def _ask(self, request: Request) -> Reply:
        model = self._worker.model
        reply = await model.reply(request)
        self.cost_usd += cost_of(model, reply.usage)
        if not reply.ok:
            raise NoResult
        return reply
