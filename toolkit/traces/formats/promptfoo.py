"""promptfoo: the results of an evaluation, as a document or a result a line."""

from collections.abc import Iterator
from typing import Any

from toolkit.traces.contents import messages_in
from toolkit.traces.fields import object_in, objects_in, stated_only, without
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.scores import score, verdict
from toolkit.traces.ids import Record, first_id, id_text
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace
from toolkit.traces.usage import usage_of

BY_PEOPLE = "human"
"""The type of the assertion that promptfoo adds where a person gave a thumb in its page."""
BY_MODELS = (
    "llm-rubric",
    "factuality",
    "model-graded",
    "g-eval",
    "answer-relevance",
    "context-",
    "conversation-relevance",
    "select-best",
    "moderation",
    "classifier",
    "search-rubric",
    "pi",
    "agent-rubric",
    "trajectory:goal-success",
    "promptfoo:redteam",
)
"""How the types of assertions begin that a model decides."""
USED = ("id", "prompt", "response", "latencyMs", "success", "score", "error")
ERROR = 2
"""The ``failureReason`` of a result that is an error, and no wrong answer."""


def _is_promptfoo(record: Record) -> bool:
    """Whether it is a result, or a document of results."""
    if "vars" in record:
        has_grade = "success" in record or "gradingResult" in record
        return has_grade and "raw" in object_in(record, "prompt")
    first = _results_in(record)[:1]
    return any("vars" in result and "raw" in object_in(result, "prompt") for result in first)


def _results_in(record: Record) -> list[dict[str, Any]]:
    """The results of a document, which from version 2 on are one level deeper."""
    summary = object_in(record, "results")
    return objects_in(summary or record, "results")


def _results(record: Record) -> Iterator[Record]:
    """The results, each with what the document says of all of them."""
    if "vars" in record:
        yield record
        return
    about = {**record, **object_in(record, "results")}
    del about["results"]
    for result in _results_in(record):
        yield {**result, "evaluation": about}


def _id(record: Record) -> str | None:
    """The id of a result, or the numbers of its test and its prompt."""
    id_ = first_id(record, "id")
    test = id_text(record.get("testIdx"))
    prompt = id_text(record.get("promptIdx"))
    if id_ or test is None or prompt is None:
        return id_
    return f"test-{test}-prompt-{prompt}"


def _read(record: Record, id_: str) -> Trace:
    response = record.get("response")
    if not isinstance(response, dict):
        response = {"output": response}
    asked = messages_in(record["prompt"]["raw"], "user")
    answered = messages_in(response.get("output"), "assistant")
    transcript = Transcript()
    transcript.read_all(_history(record, response) or asked.messages + answered.messages)
    error = response.get("error")
    if record.get("failureReason") == ERROR:
        error = error or record.get("error")
    if error:
        transcript.add("error", "system", str(error), {})
    trace = transcript.trace(id_, record, *USED)
    beside = {"prompt": asked.beside, "output": answered.beside}
    trace.meta.update(stated_only(beside) | _about(record, response))
    return trace


def _history(record: Record, response: Record) -> list[Any]:
    """The messages of a conversation of several turns, which stands in the metadata."""
    for holder in (response, record):
        messages = objects_in(object_in(holder, "metadata"), "messages")
        if messages:
            return messages
    return []


def _about(record: Record, response: Record) -> dict[str, Any]:
    """What a trace's meta says of a result, under the names that all forms share."""
    provider = record.get("provider")
    usage = object_in(record, "tokenUsage") or object_in(response, "tokenUsage")
    outcome = verdict(record.get("success"))
    if record.get("failureReason") == ERROR:
        outcome = "error"
    latency_ms = record.get("latencyMs")
    about = {
        "model": object_in(record, "provider").get("id", provider),
        "outcome": outcome,
        "reward": record.get("score"),
        "error": record.get("error"),
        "duration_s": latency_ms / 1000 if isinstance(latency_ms, int | float) else None,
        "cost_usd": record.get("cost"),
        "scores": [*_assertions(record), *_named_scores(record)],
        "response": without(response, "output"),
        "prompt": without(record["prompt"], "raw"),
        **usage_of(usage),
    }
    return stated_only(about)


def _assertions(record: Record) -> Iterator[dict[str, Any]]:
    """A score for each assertion; where none is listed, that of the whole."""
    grading = object_in(record, "gradingResult")
    components = objects_in(grading, "componentResults")
    if grading and not components:
        components = [grading]
    for component in components:
        assertion = object_in(component, "assertion")
        type_ = str(assertion.get("type") or "score")
        source = _source(type_)
        yield score(
            assertion.get("metric") or type_,
            component.get("score"),
            source,
            component.get("comment") or component.get("reason"),
            assertion.get("provider") if source == "model" else None,
            {"verdict": verdict(component.get("pass"))},
        )


def _named_scores(record: Record) -> Iterator[dict[str, Any]]:
    """The scores that are added up over several assertions."""
    for name, value in object_in(record, "namedScores").items():
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
    converted=frozenset({"prompt.raw", "success", "latencyMs", "**.tokenUsage"}),
)
