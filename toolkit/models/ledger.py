"""Ledger: what every attempt to reach a model cost, or may have cost, and the cap that stops the next one."""

import json
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from toolkit.errors import FieldbookError, UsageError
from toolkit.models.model import Request, State, Usage
from toolkit.models.wire import body_of
from toolkit.records import canonical
from toolkit.traces import Source

if TYPE_CHECKING:
    import pandas as pd

BYTES_PER_TOKEN = 2
NOTHING = Usage()
OVERHEAD_TOKENS = 600  # the API's own words around tools and schemas


class BudgetExceeded(FieldbookError, RuntimeError):
    """The next attempt could pass the cap, so it was not made."""


class UnknownModel(UsageError):
    """A model without a price: it is refused, not guessed."""


@cache
def price_table() -> dict[str, Any]:
    """The dated prices that ship with the package, each model's in bands of prompt length, the shortest first."""
    table: dict[str, Any] = json.loads((files("toolkit.models") / "prices.json").read_bytes())
    return table


def cost_usd(model: str, usage: Usage, batch: bool = False) -> float:
    """Dollars for `usage` of `model`; the whole prompt is charged in the band that its length falls in.

    Raises `UnknownModel`, which lists those with a price.
    """
    for band in price_table()["models"].get(model, ()):
        if usage.input_tokens <= band.get("up_to_input_tokens", usage.input_tokens):
            usd: float = usage.input_tokens * band["input_usd"] + usage.output_tokens * band["output_usd"]
            return usd / 1e6 * (price_table()["batch_share"] if batch else 1)
    known = ", ".join(price_table()["models"])
    raise UnknownModel(f"no price for model {model!r}: use one of {known}, or add it to prices.json")


def worst_case(request: Request) -> Usage:
    """More tokens than an answer to `request` can use, for prose and code: a token for every two bytes."""
    size = len(canonical(body_of(request, "")).encode())
    return Usage(size // BYTES_PER_TOKEN + OVERHEAD_TOKENS, request.max_tokens)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP attempt, or one call of a scripted model; of a batch, one request of it."""

    model: str
    source: Source
    worst_usd: float
    """What it could cost at most, by `worst_case`."""
    batch: bool = False
    state: State = "open"
    status: int | None = None
    """Of HTTP; None where no answer came."""
    usage: Usage = NOTHING
    cost_usd: float = 0.0
    why: str = ""

    @property
    def held_usd(self) -> float:
        """What the cap must count: the cost once it is known, the worst case until then."""
        return self.cost_usd if self.state in ("billed", "free") else max(self.worst_usd, self.cost_usd)


@dataclass(eq=False)
class Ledger:
    """Counts tokens and dollars, attempt by attempt; simulated ones too, marked by their source."""

    cap_usd: float | None = None
    """The most that may be spent, attempts that were possibly billed counted at their worst. None for no cap."""
    attempts: list[Attempt] = field(default_factory=list)
    """In the order in which they began; only `begin` and `end` change it."""
    held_usd: float = field(default=0.0, init=False)
    """Dollars that may have been spent at most: `cost_usd`, and what is open or possibly billed at its worst."""

    def __post_init__(self) -> None:
        self.held_usd = sum(attempt.held_usd for attempt in self.attempts)

    @property
    def cost_usd(self) -> float:
        """Dollars known to be spent."""
        return sum(attempt.cost_usd for attempt in self.attempts)

    def begin(self, model: str, source: Source, *requests: Request, batch: bool = False) -> list[int]:
        """Note attempts that are about to be made, and get their numbers; all of them, or at the cap BudgetExceeded."""
        worst = [cost_usd(model, worst_case(request), batch) for request in requests]
        if self.cap_usd is not None and self.held_usd + sum(worst) > self.cap_usd:
            held = f"${self.held_usd:.4f} of the cap of ${self.cap_usd:.4f} is spent or held"
            could = f"this {'batch' if batch else 'call'} could cost ${sum(worst):.4f}"
            raise BudgetExceeded(f"{model}: {could}, and {held}: raise the cap or ask for fewer max_tokens")
        self.attempts += [Attempt(model, source, usd, batch) for usd in worst]
        self.held_usd += sum(worst)
        return list(range(len(self.attempts) - len(worst), len(self.attempts)))

    def end(
        self, numbers: list[int], state: State, status: int | None = None, usage: Usage = NOTHING, why: str = ""
    ) -> None:
        """Close attempts with what became of each."""
        for n in numbers:
            before = self.attempts[n]
            spent = cost_usd(before.model, usage, before.batch)
            after = replace(before, state=state, status=status, usage=usage, cost_usd=spent, why=why)
            self.attempts[n] = after
            self.held_usd += after.held_usd - before.held_usd

    def frame(self) -> "pd.DataFrame":
        """One row an attempt."""
        import pandas as pd

        columns = "model source batch state status input_tokens output_tokens cost_usd worst_usd why".split()
        rows = [asdict(attempt) | asdict(attempt.usage) for attempt in self.attempts]
        return pd.DataFrame(rows, columns=columns).astype({"status": "Int64"})
