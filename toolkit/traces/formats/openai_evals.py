"""OpenAI's hosted Evals: the export of an eval with its runs, or output items, one a line.

What graders say becomes scores. The source of a python grader is kept as text, and never run.
"""

import re
from collections.abc import Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import object_in, objects_in, others, stated_only, without
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.scores import score, verdict
from toolkit.traces.ids import Record
from toolkit.traces.messages import Transcript
from toolkit.traces.spelling import snake
from toolkit.traces.trace import Trace
from toolkit.traces.usage import usage_of

OUTPUT_ITEM = "eval.run.output_item"
BY_MODELS = ("label_model", "score_model")
"""The types of graders that ask a model, with hyphens or without."""
GRADER_ID = re.compile(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
"""What stands behind the name of a criterion in the results."""
USED = ("id", "object", "sample", "results")
OF_RUNS = ("rows", "runs")
MESSAGES = ("input", "output")
HOMES = ("name", "type", "score", "passed", "reason")


def _is_openai_evals(record: Record) -> bool:
    """Whether it is an output item, or an export of a whole eval."""
    if record.get("object") == OUTPUT_ITEM:
        return True
    return "testing_criteria" in object_in(record, "eval") and "runs" in record


def _output_items(record: Record) -> Iterator[Record]:
    """The output items of an export, each with its run and its eval."""
    if "runs" not in record:
        yield record
        return
    shared = without(record, *OF_RUNS)
    n_items = 0
    for run in objects_in(record, "runs"):
        for item in objects_in(run, "output_items"):
            n_items += 1
            yield {**item, **shared, "run": run.get("run")}
    if not n_items:
        yield shared


def _read(record: Record, id_: str) -> Trace:
    if "results" not in record and "sample" not in record:
        raise RecordError("the eval has no outputs: Dataset.load reads its rows", field="runs")
    sample = object_in(record, "sample")
    transcript = Transcript()
    for name in MESSAGES:
        transcript.read_all(objects_in(sample, name))
    error = object_in(sample, "error")
    words = error.get("message") or error.get("code")
    if words:
        transcript.add("error", "system", str(words), {"detail": error})
    trace = transcript.trace(id_, record, *USED)
    about = {
        "sample": without(sample, *MESSAGES),
        "model": sample.get("model"),
        "outcome": record.get("status"),
        "session": record.get("run_id"),
        "scores": [_score(record, result) for result in objects_in(record, "results")],
        **usage_of(object_in(sample, "usage")),
    }
    trace.meta.update(stated_only(about))
    return trace


def _score(record: Record, result: Record) -> dict[str, Any]:
    """What a grader says of an output, with the words of the model that graded it."""
    criterion = _criterion(record, str(result.get("name")))
    type_ = snake(result.get("type") or criterion.get("type") or "")
    source = "model" if type_.startswith(BY_MODELS) else "code"
    entry = score(
        criterion.get("name") or GRADER_ID.sub("", str(result.get("name"))),
        result.get("score"),
        source,
        result.get("reason") or _grader_words(result),
        criterion.get("model") if source == "model" else None,
        {"verdict": verdict(result.get("passed")), "grader": type_},
    )
    return {**others(result, HOMES), **entry}


def _criterion(record: Record, name: str) -> Record:
    """The criterion of the eval that a result is of, by its id, or its name with an id behind."""
    criteria = objects_in(object_in(record, "eval"), "testing_criteria")
    for criterion in criteria:
        if name in (criterion.get("id"), criterion.get("name")):
            return criterion
    for criterion in criteria:
        if name.startswith(f"{criterion.get('name')}-"):
            return criterion
    return {}


def _grader_words(result: Record) -> str | None:
    """The last words of the model that graded, where the export holds them."""
    messages = objects_in(object_in(result, "sample"), "output")
    words = messages[-1].get("content") if messages else None
    return words if isinstance(words, str) else None


FORMAT = Format("openai-evals", ("object", "eval"), _read, _is_openai_evals, parts=_output_items)
