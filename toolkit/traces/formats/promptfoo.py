"""promptfoo: the results of an evaluation, as a document or a result a line."""

from collections.abc import Iterator
from typing import Any

from toolkit.traces.formats.form import Format
from toolkit.traces.formats.rows import messages_in
from toolkit.traces.formats.scores import score, stated_only, verdict
from toolkit.traces.ids import Record, first_id, id_text
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace
from toolkit.traces.usage import usage_of

BY_PEOPLE = "human"
"""The type of the assertion that promptfoo adds where a person gave a thumb in its page."""
BY_MODELS = (
    *("llm-rubric", "factuality", "model-graded", "g-eval", "answer-relevance", "context-"),
    *("conversation-relevance", "select-best", "moderation", "classifier", "search-rubric", "pi"),
    *("agent-rubric", "trajectory:goal-success", "promptfoo:redteam"),
)
"""How the types of assertions begin that a model decides."""
USED = ("id", "prompt", "response", "latencyMs", "success", "score", "error")
ERROR = 2
"""The ``failureReason`` of a result that is an error, and no wrong answer."""


def _is_result(record: Record) -> bool:
    return isinstance(record.get("prompt"), dict) and "raw" in record["prompt"] and "vars" in record


def _is_promptfoo(record: Record) -> bool:
    """Whether it is a result, or a document of results."""
    if _is_result(record):
        return "success" in record or "gradingResult" in record
    return any(_is_result(result) for result in _listed_results(record)[:1])


def _listed_results(record: Record) -> list[Any]:
    """The results of a document, which from version 2 on are one level deeper."""
    results = record.get("results")
    if isinstance(results, dict):
        results = results.get("results")
    return (
        [result for result in results if isinstance(result, dict)]
        if isinstance(results, list)
        else []
    )


def _results(record: Record) -> Iterator[Record]:
    """The results, each with what the document says of all of them."""
    if "vars" in record:
        yield record
        return
    document = {name: value for name, value in record.items() if name != "results"}
    if isinstance(record.get("results"), dict):
        about = {name: value for name, value in record["results"].items() if name != "results"}
        document = {**document, **about}
    for result in _listed_results(record):
        yield {**result, "evaluation": document}


def _id(record: Record) -> str | None:
    """The id of a result, or the numbers of its test and its prompt."""
    test = id_text(record.get("testIdx"))
    prompt = id_text(record.get("promptIdx"))
    place = f"test-{test}-prompt-{prompt}" if test is not None and prompt is not None else None
    return first_id(record, "id") or place


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    response = record.get("response")
    response = response if isinstance(response, dict) else {"output": response}
    history = _history(record, response)
    if history:
        transcript.read_all(history)
    else:
        raw = record["prompt"]["raw"]
        transcript.read_all(messages_in(raw) or [{"role": "user", "content": raw}])
        output = response.get("output")
        if output is not None:
            said = messages_in(output) or [{"role": "assistant", "content": output}]
            transcript.read_all(said)
    error = record.get("error") or response.get("error")
    failed = record.get("failureReason") == ERROR or response.get("error")
    if error and failed:
        transcript.add("error", "system", str(error), {})
    trace = transcript.trace(id_, record, *USED)
    trace.meta.update(_about(record, response))
    return trace


def _history(record: Record, response: Record) -> list[Any]:
    """The messages of a conversation of several turns, which stands in the metadata."""
    for holder in (response, record):
        metadata = holder.get("metadata")
        messages = metadata.get("messages") if isinstance(metadata, dict) else None
        if isinstance(messages, list) and messages:
            return messages
    return []


def _about(record: Record, response: Record) -> dict[str, Any]:
    """What a trace's meta says of a result, under the names that all forms share."""
    provider = record.get("provider")
    model = provider.get("id") if isinstance(provider, dict) else provider
    usage = record.get("tokenUsage") or response.get("tokenUsage")
    outcome = {True: "pass", False: "fail"}.get(record.get("success"))  # type: ignore[arg-type]
    if record.get("failureReason") == ERROR:
        outcome = "error"
    latency_ms = record.get("latencyMs")
    about = {
        "model": model,
        "outcome": outcome,
        "reward": record.get("score"),
        "error": record.get("error"),
        "duration_s": latency_ms / 1000 if isinstance(latency_ms, int | float) else None,
        "cost_usd": record.get("cost"),
        "scores": list(_scores(record)),
        "response": {name: value for name, value in response.items() if name != "output"},
        "prompt": {name: value for name, value in record["prompt"].items() if name != "raw"},
        **(usage_of(usage) if isinstance(usage, dict) else {}),
    }
    return stated_only(about)


def _scores(record: Record) -> Iterator[dict[str, Any]]:
    """A score for each assertion; where none is listed, that of the whole."""
    grading = record.get("gradingResult")
    grading = grading if isinstance(grading, dict) else {}
    components = grading.get("componentResults")
    listed = [part for part in components or () if isinstance(part, dict)]
    if not listed and grading:
        listed = [grading]
    for component in listed:
        assertion = component.get("assertion")
        assertion = assertion if isinstance(assertion, dict) else {}
        type_ = str(assertion.get("type") or "score")
        source = _source(type_)
        yield score(
            assertion.get("metric") or type_,
            component.get("score"),
            source,
            component.get("comment") or component.get("reason"),
            assertion.get("provider") if source == "model" else None,
            verdict=verdict(component.get("pass")),
        )
    named = record.get("namedScores")
    for name, value in (named if isinstance(named, dict) else {}).items():
        yield score(name, value, "code")


def _source(type_: str) -> str:
    """Who decides an assertion of this type; ``not-`` before it turns it round."""
    name = type_.removeprefix("not-")
    if name == BY_PEOPLE:
        return "human"
    return "model" if name.startswith(BY_MODELS) else "code"


FORMAT = Format(
    "promptfoo",
    ("results", "vars"),
    _read,
    _is_promptfoo,
    record_id=_id,
    parts=_results,
    converted=frozenset({"raw", "success", "latencyMs", "tokenUsage"}),
)
