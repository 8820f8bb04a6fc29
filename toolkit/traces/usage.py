"""Usage: what a reply or a trace used, with one meaning a count, whoever's spelling it came in.

Vendors differ in names, and in what a count includes: one counts cached tokens among the input
tokens, another beside them. Here input tokens include the cached ones, and output tokens those of
reasoning.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, Literal

SPELLINGS: dict[str, tuple[str, ...]] = {
    "input_tokens": (
        "input_tokens",
        "prompt_tokens",
        "input_token_count",
        "prompt_token_count",
        "input_tokens.total",
        "total_input_tokens",
        "total_prompt_tokens",
        "input",
        "prompt",
    ),
    "cached_tokens": (
        "cached_tokens",
        "cache_read_input_tokens",
        "cache_read.input_tokens",
        "cached_input_tokens",
        "cache_read_tokens",
        "cache_read",
        "cached_content_token_count",
        "input_cached_tokens",
        "input_cache_read",
        "input_cache_read_tokens",
        "input_tokens_cache_read",
        "input_tokens.cache_read",
        "total_cached_tokens",
        "prompt_cached_tokens",
        "prompt_cache_hit_tokens",
    ),
    "cache_write_tokens": (
        "cache_write_tokens",
        "cache_creation_input_tokens",
        "cache_write_input_tokens",
        "cache_creation.input_tokens",
        "cache_write.input_tokens",
        "cache_creation_tokens",
        "cache_creation",
        "cache_write",
        "input_cache_creation",
        "input_cache_write",
        "input_cache_creation_tokens",
        "input_tokens_cache_write",
        "input_tokens.cache_write",
        "prompt_cache_creation_tokens",
    ),
    "output_tokens": (
        "output_tokens",
        "completion_tokens",
        "output_token_count",
        "candidates_token_count",
        "output_tokens.total",
        "total_output_tokens",
        "total_completion_tokens",
        "response_token_count",
        "output",
        "completion",
    ),
    "reasoning_tokens": (
        "reasoning_tokens",
        "reasoning.output_tokens",
        "reasoning_output_tokens",
        "reasoning",
        "thoughts_token_count",
        "output_reasoning_tokens",
        "output_reasoning",
        "output_tokens.reasoning",
        "completion_reasoning_tokens",
    ),
}
"""The names of each count, in snake case, without a vendor's prefix or the name of its details."""
COUNT_OF = {spelling: name for name, spellings in SPELLINGS.items() for spelling in spellings}
"""The count that a name states."""
TOTALS = ("total_tokens", "total_token_count", "total")
COSTS = (
    "cost_usd",
    "total_cost_usd",
    "cost",
    "total_cost",
    "estimated_cost",
    "response_cost",
    "cost.total",
    "cost.total_cost",
    "instance_cost",
)
PREFIX = re.compile(r"^(gen_ai\.usage|ai\.usage|llm\.token_count|llm(?=\.cost))\.")
DETAILS = re.compile(r"^(input|prompt|output|completion)_(tokens?_)?details\.")
"""The prefix of a part of a count, as the cached tokens of the input."""
CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
APART_FROM_INPUT = {
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_write_input_tokens",
}
"""What Anthropic and Bedrock count beside ``input_tokens``."""
APART_FROM_OUTPUT = {"thoughts_token_count", "output_reasoning_tokens", "output_reasoning"}
"""What Gemini and Langfuse count beside the output."""
OWN = {"cached_tokens", "cache_write_tokens"}
"""What stands here has been read before, and is counted inside the input."""
CACHE_WRITES = {
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_creation.ephemeral_5m_input_tokens",
    "cache_creation.ephemeral_1h_input_tokens",
}
"""What is written to the cache, by how long it is kept."""
MOST = 2**53
"""No count is as large as this."""


def usage_of(
    usage: Mapping[str, Any], cached: Literal["inside", "beside"] | None = None
) -> dict[str, Any]:
    """The counts and the cost that `usage` states, under our names.

    >>> usage_of({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}})
    {'input_tokens': 9, 'cached_tokens': 4}
    >>> usage_of({"input_tokens": 5, "cache_read_input_tokens": "4", "output_tokens": 2})
    {'input_tokens': 9, 'cached_tokens': 4, 'output_tokens': 2}

    Parameters
    ----------
    usage
        In the spelling of any vendor, flat or with details. A number may be text; one that is
        negative or not finite is passed over.
    cached
        Whether the count of input tokens includes the cached ones; None to tell it from the total
        where one is stated, else from the spelling.

    Returns
    -------
    dict
        Of ``input_tokens`` (cached ones included), ``cached_tokens``, ``cache_write_tokens``,
        ``output_tokens`` (reasoning included), ``reasoning_tokens`` and ``cost_usd``, those that
        are stated. It is the same when it is read again.
    """
    stated = _numbers(usage)
    if not stated:
        return {}
    counts = _counts(stated)
    if not APART_FROM_OUTPUT.isdisjoint(stated):
        counts["output_tokens"] = counts.get("output_tokens", 0) + counts["reasoning_tokens"]
    if "tool_use_prompt_token_count" in stated and "input_tokens" in counts:
        counts["input_tokens"] += round(stated["tool_use_prompt_token_count"])
    n_cached = _from_cache(counts)
    if n_cached and "input_tokens" in counts:
        if cached is None and _are_beside(usage, stated, counts):
            cached = "beside"
        if cached == "beside":
            counts["input_tokens"] += n_cached
    cost = _first(stated, COSTS)
    return counts if cost is None else {**counts, "cost_usd": cost}


def total_of(usage: Mapping[str, Any]) -> int | None:
    """The sum of all tokens, where `usage` states it."""
    total = _first(_numbers(usage), TOTALS)
    return None if total is None else round(total)


def number_of(value: object) -> float | None:
    """A number that is finite and not negative, or the text of one; None for another value."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) and 0 <= number < MOST else None


def _numbers(usage: Mapping[str, Any]) -> dict[str, float]:
    """The numbers in `usage` by their names in snake case; those of details come out."""
    flat: dict[str, Any] = {}
    for name, value in usage.items():
        if isinstance(value, dict):
            for detail, number in value.items():
                flat[f"{name}.{detail}"] = number
        else:
            flat[name] = value
    numbers: dict[str, float] = {}
    for name, value in flat.items():
        number = number_of(value)
        if number is not None:
            numbers.setdefault(_spelling(str(name)), number)
    return numbers


@lru_cache(maxsize=1000)
def _spelling(name: str) -> str:
    """A name in snake case, without the prefix of a vendor or of details.

    >>> _spelling("promptTokensDetails.cachedTokens"), _spelling("gen_ai.usage.input_tokens")
    ('cached_tokens', 'input_tokens')
    """
    snake = CAPITAL.sub("_", name).lower().replace("-", "_")
    return DETAILS.sub("", PREFIX.sub("", snake))


def _counts(stated: Mapping[str, float]) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    names = {COUNT_OF.get(spelling) for spelling in stated}
    for name, spellings in SPELLINGS.items():
        number = _first(stated, spellings) if name in names else None
        if number is not None:
            counts[name] = round(number)
    if not CACHE_WRITES.isdisjoint(stated):
        writes = [number for name, number in stated.items() if name in CACHE_WRITES]
        counts.setdefault("cache_write_tokens", round(sum(writes)))
    return counts


def _first(stated: Mapping[str, float], names: tuple[str, ...]) -> float | None:
    if stated.keys().isdisjoint(names):
        return None
    for name in names:
        if name in stated:
            return stated[name]
    return None


def _from_cache(counts: Mapping[str, int]) -> int:
    return counts.get("cached_tokens", 0) + counts.get("cache_write_tokens", 0)


def _are_beside(
    usage: Mapping[str, Any], stated: Mapping[str, float], counts: Mapping[str, int]
) -> bool:
    """Whether cached tokens are counted beside the input: the total tells, or the spelling."""
    n_input = counts.get("input_tokens", 0)
    n_listed = n_input + counts.get("output_tokens", 0)
    total = _first(stated, TOTALS)
    if total == n_listed:
        return False
    if total == n_listed + _from_cache(counts):
        return True
    if not OWN.isdisjoint(usage):
        return False
    if _from_cache(counts) > n_input:
        return True
    if "input_tokens" not in stated:
        return "input" in stated  # as Langfuse has it
    if APART_FROM_INPUT.isdisjoint(stated):
        return False
    is_prefixed = any(PREFIX.match(str(name)) for name in usage)
    return not is_prefixed  # else the input has all in it
