"""OpenAI's hosted Evals: the export of an eval with its runs, or output items, one a line.

What graders say becomes scores. The source of a python grader is kept as text, and never run.
"""

from collections.abc import Iterator
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.scores import score, stated_only, verdict
from toolkit.traces.ids import Record
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace
from toolkit.traces.usage import usage_of

OUTPUT_ITEM = "eval.run.output_item"
BY_MODELS = ("label_model", "score_model")
"""The types of graders that ask a model."""
USED = ("id", "object", "sample", "results")
OF_RUNS = ("rows", "runs")


def _is_openai_evals(record: Record) -> bool:
    """Whether it is an output item, or an export of a whole eval."""
    if record.get("object") == OUTPUT_ITEM:
        return True
    eval_ = record.get("eval")
    return isinstance(eval_, dict) and "testing_criteria" in eval_ and "runs" in record


def _output_items(record: Record) -> Iterator[Record]:
    """The output items of an export, each with its run and its eval."""
    if "runs" not in record:
        yield record
        return
    others = {name: value for name, value in record.items() if name not in OF_RUNS}
    n_items = 0
    for run in record["runs"] if isinstance(record["runs"], list) else ():
        items = run.get("output_items") if isinstance(run, dict) else None
        for item in items or ():
            if isinstance(item, dict):
                n_items += 1
                yield {**item, **others, "run": run.get("run")}
    if not n_items:
        yield others


def _read(record: Record, id_: str) -> Trace:
    if "results" not in record and "sample" not in record:
        raise RecordError("the eval has no outputs: Dataset.load reads its rows", field="runs")
    sample = record.get("sample")
    sample = sample if isinstance(sample, dict) else {}
    transcript = Transcript()
    for name in ("input", "output"):
        messages = sample.get(name)
        transcript.read_all(messages if isinstance(messages, list) else [])
    error = sample.get("error")
    if isinstance(error, dict) and (error.get("message") or error.get("code")):
        words = str(error.get("message") or error["code"])
        transcript.add("error", "system", words, {"detail": error})
    trace = transcript.trace(id_, record, *USED)
    usage = sample.get("usage")
    about = {
        "sample": {
            name: value for name, value in sample.items() if name not in ("input", "output")
        },
        "model": sample.get("model"),
        "outcome": record.get("status"),
        "session": record.get("run_id"),
        "scores": list(_scores(record)),
        **(usage_of(usage) if isinstance(usage, dict) else {}),
    }
    trace.meta.update(stated_only(about))
    return trace


def _scores(record: Record) -> Iterator[dict[str, Any]]:
    """What each grader says of an output, with the words of the model that graded it."""
    results = record.get("results")
    for result in results if isinstance(results, list) else ():
        if not isinstance(result, dict):
            continue
        criterion = _criterion(record, result)
        type_ = str(result.get("type") or criterion.get("type") or "")
        source = "model" if type_.startswith(BY_MODELS) else "code"
        known = ("name", "type", "score", "passed")
        others = {name: value for name, value in result.items() if name not in known}
        yield score(
            criterion.get("name") or result.get("name"),
            result.get("score"),
            source,
            _grader_words(result),
            criterion.get("model") if source == "model" else None,
            verdict=verdict(result.get("passed")),
            grader=type_,
            **others,
        )


def _criterion(record: Record, result: Record) -> Record:
    """The criterion of the eval that a result is of, by its id, or its name with an id behind."""
    eval_ = record.get("eval")
    criteria = eval_.get("testing_criteria") if isinstance(eval_, dict) else None
    name = str(result.get("name"))
    for criterion in criteria or ():
        if not isinstance(criterion, dict):
            continue
        if name in (criterion.get("id"), criterion.get("name")):
            return criterion
        if criterion.get("name") and name.startswith(f"{criterion['name']}-"):
            return criterion
    return {}


def _grader_words(result: Record) -> str | None:
    """The last words of the model that graded, where the export holds them."""
    sample = result.get("sample")
    output = sample.get("output") if isinstance(sample, dict) else None
    last = output[-1] if isinstance(output, list) and output else None
    words = last.get("content") if isinstance(last, dict) else None
    return words if isinstance(words, str) else None


FORMAT = Format("openai-evals", ("object", "eval"), _read, _is_openai_evals, parts=_output_items)
