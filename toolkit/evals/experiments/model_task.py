"""A model as the task of an experiment: it answers what each case says, under one prompt."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.evals.experiments.dataset import Case
from toolkit.models import ChatModel, ClaudeModel, Ledger, Model, Request, connect_model
from toolkit.models.model import Price
from toolkit.shown import Shown
from toolkit.traces import Step, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec(Shown):
    """A model as a config names it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    name: str
    prompt: str = ""
    """What it is told before the case's input."""
    max_tokens: int = 1024
    live: bool = False
    """Whether the real one answers, for money. Otherwise a script does, which is simulated."""
    base_url: str = ""
    """Of a server of OpenAI's chat completions, as Ollama's; by default Anthropic's is asked."""
    price: Price | None = None
    """Of such a server, in dollars per million tokens. 0 costs nothing."""

    def __post_init__(self) -> None:
        if self.base_url and self.price != 0 and not self.live:
            raise ValueError("a server that is paid is live: say live: true, or price: 0")


def connect(spec: ModelSpec, budget_usd: float | None) -> ChatModel | ClaudeModel:
    """The model, to be entered. Raises UsageError where it cannot be asked."""
    ledger = Ledger(budget_usd)
    if spec.base_url:
        return ChatModel(spec.base_url, spec.name, price=spec.price, ledger=ledger)
    return connect_model(spec.name, spec.live, ledger=ledger)


def model_task(model: Model, spec: ModelSpec) -> Callable[[Case], Awaitable[Trace]]:
    """A task that puts each message of a case's input to the model, in turn."""
    prompt = spec.prompt
    max_tokens = spec.max_tokens

    async def answer(case: Case) -> Trace:
        says = case.input if isinstance(case.input, list) else [case.input]
        messages: list[dict[str, Any]] = []
        for text in says:
            messages.append({"role": "user", "content": str(text)})
            request = Request(tuple(messages), prompt or None, max_tokens=max_tokens)
            reply = await model.reply(request)
            if not reply.ok:
                raise RuntimeError(f"the model gave no answer ({reply.stopped}): {reply.why}")
            messages.append({"role": "assistant", "content": reply.text})
        return Trace(case.id, _steps_of(messages), {"model": spec.name}, model.source)

    return answer


def _steps_of(messages: list[dict[str, Any]]) -> tuple[Step, ...]:
    steps = []
    for number, message in enumerate(messages, 1):
        steps.append(Step(str(number), "message", message["role"], message["content"]))
    return tuple(steps)
