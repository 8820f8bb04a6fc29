"""Usage and times: one meaning, whoever's spelling they came in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.traces.times import epoch_s
from toolkit.traces.usage import SPELLINGS, total_of, usage_of

# One reply whose prompt had 1,105 tokens, 1,000 of them from the cache; 14 written, 4 of them thought.
REPLY = {"input_tokens": 1105, "cached_tokens": 1000, "output_tokens": 14}
THOUGHT = REPLY | {"reasoning_tokens": 4}
WRITTEN = REPLY | {"cache_write_tokens": 100}

SPELLED = {
    "OpenAI chat": (
        {
            "prompt_tokens": 1105,
            "prompt_tokens_details": {"cached_tokens": 1000, "audio_tokens": 0},
            "completion_tokens": 14,
            "completion_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 1119,
        },
        THOUGHT,
    ),
    "OpenAI Responses": (
        {
            "input_tokens": 1105,
            "input_tokens_details": {"cached_tokens": 1000},
            "output_tokens": 14,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 1119,
        },
        THOUGHT,
    ),
    "OpenAI hosted Evals": (
        {"prompt_tokens": 1105, "completion_tokens": 14, "cached_tokens": 1000},
        REPLY,
    ),
    "Anthropic": (
        {
            "input_tokens": 5,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 1000,
            "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 14,
            "service_tier": "standard",
        },
        WRITTEN,
    ),
    "Bedrock": (
        {
            "inputTokens": 5,
            "outputTokens": 14,
            "totalTokens": 1119,
            "cacheReadInputTokens": 1000,
            "cacheWriteInputTokens": 100,
        },
        WRITTEN,
    ),
    "Claude Code's result": (
        {
            "inputTokens": 5,
            "outputTokens": 14,
            "cacheReadInputTokens": 1000,
            "cacheCreationInputTokens": 100,
            "costUSD": 0.25,
        },
        WRITTEN | {"cost_usd": 0.25},
    ),
    "Gemini": (
        {
            "promptTokenCount": 1105,
            "cachedContentTokenCount": 1000,
            "candidatesTokenCount": 10,
            "thoughtsTokenCount": 4,
            "totalTokenCount": 1119,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1105}],
        },
        THOUGHT,
    ),
    "Gemini in Python": (
        {"prompt_token_count": 1105, "cached_content_token_count": 1000}
        | {"candidates_token_count": 14},
        REPLY,
    ),
    "Vercel 4": ({"promptTokens": 1105, "completionTokens": 14, "cachedInputTokens": 1000}, REPLY),
    "Vercel 5": (
        {"inputTokens": 1105, "cachedInputTokens": 1000, "outputTokens": 14, "reasoningTokens": 4},
        THOUGHT,
    ),
    "Vercel 5 with Anthropic": (
        {"inputTokens": 105, "cachedInputTokens": 1000, "outputTokens": 14, "totalTokens": 119},
        REPLY | {"input_tokens": 105},
    ),
    "Vercel 6": (
        {
            "inputTokens": {"total": 1105, "noCache": 5, "cacheRead": 1000, "cacheWrite": 100},
            "outputTokens": {"total": 14, "text": 10, "reasoning": 4},
        },
        THOUGHT | {"cache_write_tokens": 100},
    ),
    "OpenTelemetry": (
        {
            "gen_ai.usage.input_tokens": "1105",
            "gen_ai.usage.cache_read.input_tokens": "1000",
            "gen_ai.usage.cache_creation.input_tokens": 100,
            "gen_ai.usage.output_tokens": 14,
        },
        WRITTEN,
    ),
    "OpenTelemetry, older": (
        {
            "gen_ai.usage.input_tokens": 1105,
            "gen_ai.usage.cache_read_input_tokens": 1000,
            "gen_ai.usage.completion_tokens": 14,
        },
        REPLY,
    ),
    "OpenInference": (
        {
            "llm.token_count.prompt": 1105,
            "llm.token_count.prompt_details.cache_read": 1000,
            "llm.token_count.prompt_details.cache_write": 100,
            "llm.token_count.completion": 14,
            "llm.token_count.total": 1119,
            "llm.cost.total": 0.5,
        },
        WRITTEN | {"cost_usd": 0.5},
    ),
    "LangChain": (
        {
            "input_tokens": 1105,
            "input_token_details": {"cache_read": 1000},
            "output_tokens": 14,
            "output_token_details": {"reasoning": 4},
            "total_tokens": 1119,
        },
        THOUGHT,
    ),
    "Langfuse": (
        {"input": 105, "input_cached_tokens": 1000, "output": 10, "output_reasoning_tokens": 4}
        | {"total": 1119},
        THOUGHT,
    ),
    "Langfuse with Anthropic": (
        {"input": 5, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 100}
        | {"output": 14},
        WRITTEN,
    ),
    "Inspect with Anthropic": (
        {
            "input_tokens": 5,
            "output_tokens": 14,
            "total_tokens": 1119,
            "input_tokens_cache_write": 100,
            "input_tokens_cache_read": 1000,
        },
        WRITTEN,
    ),
    "Codex": (
        {"input_tokens": 1105, "cached_input_tokens": 1000, "output_tokens": 14}
        | {"reasoning_output_tokens": 4, "total_tokens": 1119},
        THOUGHT,
    ),
    "ATIF's final metrics": (
        {"total_prompt_tokens": 1105, "total_cached_tokens": 1000, "total_completion_tokens": 14}
        | {"total_cost_usd": "0.125"},
        REPLY | {"cost_usd": 0.125},
    ),
    "Fieldbook's own model": (
        {"input_tokens": 1105, "output_tokens": 14, "cache_read_tokens": 1000}
        | {"cache_write_5m_tokens": 60, "cache_write_1h_tokens": 40},
        WRITTEN,
    ),
    "DeepSeek": (
        {"prompt_tokens": 1105, "prompt_cache_hit_tokens": 1000, "completion_tokens": 14},
        REPLY,
    ),
}


@pytest.mark.parametrize("vendor", SPELLED)
def test_the_same_reply_has_the_same_counts_in_each_spelling(vendor):
    spelled, counts = SPELLED[vendor]
    assert usage_of(spelled) == counts
    assert usage_of(usage_of(spelled)) == counts


def test_whoever_knows_where_the_cached_tokens_are_says_so():
    usage = {"input_tokens": 5, "cache_read_input_tokens": 1000}
    assert usage_of(usage, "beside")["input_tokens"] == 1005
    assert usage_of(usage, "inside")["input_tokens"] == 5
    stated = usage_of({"prompt_tokens": 5, "cached_tokens": 3}, "beside")
    assert stated == {"input_tokens": 8, "cached_tokens": 3}


@pytest.mark.parametrize(
    "number", [-1, "-3", float("nan"), float("inf"), True, None, "many", [3], 10**400, "9" * 5000]
)
def test_what_is_no_count_is_passed_over(number):
    assert usage_of({"input_tokens": number, "output_tokens": "3", "cost": number}) == {
        "output_tokens": 3
    }


def test_a_total_alone_is_no_input():
    assert usage_of({"total_tokens": 40}) == {}
    assert (total_of({"totalTokens": "40"}), total_of({"input": 3})) == (40, None)


names = st.sampled_from([name for spellings in SPELLINGS.values() for name in spellings])
numbers = st.integers(-5, 10**6) | st.floats() | st.text(max_size=3) | st.none()


@given(usage=st.dictionaries(names | st.just("total") | st.text(max_size=8), numbers))
def test_any_usage_has_counts_that_mean_what_they_say(usage):
    counts = usage_of(usage)
    assert usage_of(counts) == counts
    assert all(number >= 0 for number in counts.values())


MOMENT_S = 1767603600.0


@pytest.mark.parametrize(
    "written",
    [
        1767603600,
        "1767603600",
        1767603600000,
        "1767603600000",
        1767603600000000,
        "1767603600000000000",
        "2026-01-05T09:00:00Z",
        "2026-01-05T09:00:00",
        "2026-01-05T10:00:00+01:00",
        "2026-01-05 09:00:00",
        "2026-01-05 09:00:00 UTC",
        "2026-01-05 09:00:00.000 +0000",
        "2026-01-05T09:00:00.000000000Z",
        "Mon, 05 Jan 2026 09:00:00 GMT",
        "5 Jan 2026 10:00:00 +0100",
    ],
)
def test_a_moment_is_the_same_in_each_unit_and_spelling(written):
    assert epoch_s(written) == MOMENT_S


@pytest.mark.parametrize(
    "written",
    [
        *(0, 12.5, "12.5", 90_000, -1767603600, True, None, float("nan"), float("inf"), 10**400),
        *("", "01/05/2026 09:00", "2026-01-05", "yesterday", "noon", [1767603600], {}),
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-13-05T09:00:00Z", "9" * 5000),
    ],
)
def test_what_is_no_moment_is_none(written):
    assert epoch_s(written) is None


@given(st.text() | st.integers() | st.floats())
def test_any_value_is_a_moment_of_our_time_or_none(value):
    moment = epoch_s(value)
    assert moment is None or 631152000 <= moment < 4102444800
