"""Prices: what a model's tokens cost, and what a request can cost at most."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from toolkit.errors import UsageError
from toolkit.models.model import Model, Price, Request, Usage
from toolkit.models.wire import body_of
from toolkit.records import canonical

BYTES_PER_TOKEN = 2
OVERHEAD_TOKENS = 600  # the API's own words around tools and schemas


class UnknownModel(UsageError):
    """A model without a price: it is refused, not guessed."""


@cache
def price_table() -> dict[str, Any]:
    """The dated prices that ship with the package, each model's in bands of prompt length, the
    shortest first.
    """
    table: dict[str, Any] = json.loads((files("toolkit.models") / "prices.json").read_bytes())
    return table


def price_of(model: Model) -> Price | None:
    """The price that a `model` has of its own; a model that somebody wrote may not know of any."""
    return getattr(model, "price", None)


def cost_of(model: Model, usage: Usage, batch: bool = False) -> float:
    """Dollars for `usage` of a `model`, at the price that it has of its own or in the table."""
    return cost_usd(model.name, usage, batch, price_of(model))


def cost_usd(model: str, usage: Usage, batch: bool = False, price: Price | None = None) -> float:
    """Dollars for `usage` at `price`, or at that of `model` in the table.

    In the table the whole prompt is charged in the band that its length falls in, and tokens that
    were written to the prompt cache, or read from it, have prices of their own. Raises
    `UnknownModel`, which lists the models with a price.
    """
    if price is not None:
        input_usd, output_usd = price if isinstance(price, tuple) else (price, price)
        return (usage.input_tokens * input_usd + usage.output_tokens * output_usd) / 1e6
    table = price_table()
    for band in table["models"].get(model, ()):
        longest = band.get("up_to_input_tokens")
        if longest is None or usage.input_tokens <= longest:
            input_usd = _full_price_tokens(usage) * band["input_usd"]
            output_usd = usage.output_tokens * band["output_usd"]
            share: float = table["batch_share"] if batch else 1
            return float((input_usd + output_usd) / 1e6 * share)
    known = ", ".join(table["models"])
    raise UnknownModel(
        f"no price for model {model!r}: use one of {known}, or add it to prices.json; a ChatModel "
        "takes price=(input, output), in dollars per million tokens, and price=0 for nothing"
    )


def _full_price_tokens(usage: Usage) -> float:
    """How many input tokens at the full price cost as much as those of `usage`."""
    shares = price_table()["cache_shares"]
    cached = {
        "write_5m": usage.cache_write_5m_tokens,
        "write_1h": usage.cache_write_1h_tokens,
        "read": usage.cache_read_tokens,
    }
    uncached = max(0, usage.input_tokens - sum(cached.values()))
    return float(uncached + sum(tokens * shares[name] for name, tokens in cached.items()))


def worst_case(request: Request) -> Usage:
    """More tokens than an answer to `request` can use, for prose and code: a token for every two
    bytes.

    Where the request asks for the prompt cache, all of the prompt may be written to it, which costs
    more than reading.
    """
    body = body_of(request, "")
    tokens = len(canonical(body).encode()) // BYTES_PER_TOKEN + OVERHEAD_TOKENS
    lifetimes = set(_cache_lifetimes(body))
    return Usage(
        tokens,
        request.max_tokens,
        cache_write_5m_tokens=tokens if lifetimes and "1h" not in lifetimes else 0,
        cache_write_1h_tokens=tokens if "1h" in lifetimes else 0,
    )


def _cache_lifetimes(value: Any) -> Iterator[str]:
    """The ``ttl`` of each ``cache_control`` inside a JSON `value`; the API's default is five
    minutes.
    """
    if isinstance(value, list | tuple):
        for part in value:
            yield from _cache_lifetimes(part)
    elif isinstance(value, dict):
        control = value.get("cache_control")
        if isinstance(control, dict):
            yield str(control.get("ttl", "5m"))
        for part in value.values():
            yield from _cache_lifetimes(part)
