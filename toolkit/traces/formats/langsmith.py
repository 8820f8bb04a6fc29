"""LangSmith: the runs of a project, as its SDK and its bulk export write them."""

from collections.abc import Iterator
from typing import Any

from toolkit.traces.decode import decoded
from toolkit.traces.fields import object_in, objects_in, others, stated_only
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.scores import score
from toolkit.traces.formats.vendor import read_content
from toolkit.traces.ids import Record, first_id
from toolkit.traces.spans import Kind, Span, trace_of
from toolkit.traces.times import epoch_s
from toolkit.traces.trace import Trace
from toolkit.traces.usage import usage_of

KINDS: dict[str, Kind] = {"llm": "model", "tool": "tool", "retriever": "tool"}
PAGES = ("runs", "data")
"""The fields of a page of the API that hold its runs."""
SESSIONS = ("thread_id", "conversation_id", "session_id")
"""The names in the metadata of the conversation that a trace is of."""
USAGE = (
    "prompt_tokens",
    "completion_tokens",
    "total_cost",
    "prompt_token_details",
    "completion_token_details",
)
FEEDBACK_HOMES = ("key", "score", "comment", "feedback_source")
ENDED = ("success", "error")
CONVERTED = frozenset(
    "id trace_id parent_run_id parent_run_ids dotted_order run_type start_time end_time "
    "error status name child_runs prompt_tokens completion_tokens total_cost lc type "
    "feedback_source".split()
)
"""The fields of a run that have a home in a `Span`, and those that say what a message is."""
HOMES = CONVERTED | {"inputs", "outputs", "feedback_stats", "feedback", "tags"}


def _is_run(record: Record) -> bool:
    """Whether it is a run, or a page that begins with one."""
    runs = [record, *objects_in(record, *PAGES)]
    for run in runs[:2]:
        has_type = isinstance(run.get("run_type"), str)
        if has_type and ("inputs" in run or "dotted_order" in run):
            return True
    return False


def _runs(record: Record) -> Iterator[Record]:
    """The runs of a page, and those inside of a run."""
    waiting: list[Record] = []
    if "run_type" not in record:
        waiting += objects_in(record, *PAGES)
    if not waiting:
        waiting.append(record)
    while waiting:
        run = {name: decoded(value) for name, value in waiting.pop(0).items()}
        children = objects_in(run, "child_runs")
        for child in children:
            child.setdefault("parent_run_id", run.get("id"))
            child.setdefault("trace_id", _trace_id(run))
        waiting += children
        yield run


def _trace_id(run: Record) -> str | None:
    if "records" in run:
        run = run["records"][0]
    trace_id = first_id(run, "trace_id")
    if trace_id is not None:
        return trace_id
    order = _order(run)
    if order:
        return order[0]
    if run.get("parent_run_id"):
        return None
    return first_id(run, "id")


def _order(run: Record) -> list[str]:
    """The ids from the root down to a run, as its ``dotted_order`` has them behind their times."""
    written = run.get("dotted_order")
    if not isinstance(written, str):
        return []
    return [part.partition("Z")[2] for part in written.split(".") if "Z" in part]


def _span(run: Record, number: int) -> Span:
    order = _order(run)
    span = Span(first_id(run, "id") or f"run-{number + 1}")
    span.parent = first_id(run, "parent_run_id")
    if span.parent is None and len(order) > 1:
        span.parent = order[-2]
    span.name = str(run.get("name", ""))
    span.kind = KINDS.get(str(run.get("run_type")), "other")
    span.start = epoch_s(run.get("start_time"))
    span.end = epoch_s(run.get("end_time"))
    span.why = str(run.get("error") or "")
    has_ended = run.get("status") in ENDED or span.end is not None
    if "error" in run and has_ended:
        span.error = bool(span.why)
    span.other_fields = others(run, HOMES)
    read_content(span, run, "inputs", "outputs")
    span.arguments = _arguments(span.arguments)
    if span.kind == "model":
        span.model = _model(run)
        _read_usage(span, run)
    return span


def _arguments(inputs: Any) -> Any:
    """The arguments of a tool. LangChain writes them as the text of a dict, under ``input``."""
    inputs = decoded(inputs)
    if isinstance(inputs, dict) and list(inputs) == ["input"]:
        inner = decoded(inputs["input"])
        return inner if isinstance(inner, dict) else inputs
    return inputs


def _model(run: Record) -> str | None:
    """The model that a run called, which several places may name."""
    extra = object_in(run, "extra")
    outputs = object_in(run, "outputs")
    for place, names in (
        (object_in(extra, "metadata"), ("ls_model_name",)),
        (object_in(extra, "invocation_params"), ("model", "model_name")),
        (object_in(outputs, "llm_output"), ("model_name", "model")),
        (outputs, ("model",)),
    ):
        model = first_id(place, *names)
        if model is not None:
            return model
    return None


def _read_usage(span: Span, run: Record) -> None:
    """The usage, which several places may state; what the run itself states counts most."""
    outputs = object_in(run, "outputs")
    llm_output = object_in(outputs, "llm_output")
    for usage in (
        object_in(outputs, "usage_metadata"),
        object_in(outputs, "usage"),
        object_in(llm_output, "token_usage"),
    ):
        span.usage = usage_of(usage) | span.usage
    span.usage |= usage_of(_counts(run))


def _counts(run: Record) -> dict[str, Any]:
    """The counts that stand among the fields of a run."""
    counts = {name: run.get(name) for name in USAGE}
    return stated_only(counts)


def _read(record: Record, id_: str) -> Trace:
    runs = record["records"]
    spans = [_span(run, number) for number, run in enumerate(runs)]
    scores: list[dict[str, Any]] = []
    meta: dict[str, Any] = {}
    for run in runs:
        scores += _scores(run)
        extra = object_in(run, "extra")
        metadata = object_in(extra, "metadata")
        session = first_id(metadata, *SESSIONS)
        if session is not None:
            meta.setdefault("session", session)
    if scores:
        meta["scores"] = scores
    meta |= _meta_of_root(_root(runs))
    return trace_of(spans, id_, meta)


def _root(runs: list[Record]) -> Record:
    """The run that has no parent; the first one where each has."""
    for run in runs:
        if not run.get("parent_run_id"):
            return run
    return runs[0]


def _meta_of_root(root: Record) -> dict[str, Any]:
    """The tags, and the sums that a run states for all that are in it."""
    meta: dict[str, Any] = {}
    if root.get("tags"):
        meta["tags"] = root["tags"]
    if root.get("run_type") == "llm":
        return meta
    meta |= usage_of(_counts(root))
    if root.get("total_tokens") is not None:
        meta["total_tokens"] = root["total_tokens"]
    return meta


def _scores(run: Record) -> Iterator[dict[str, Any]]:
    """The feedback of a run: each by itself, or the mean that the run states."""
    for feedback in objects_in(run, "feedback"):
        source = str(object_in(feedback, "feedback_source").get("type"))
        value = feedback.get("score")
        if value is None:
            value = feedback.get("value")
        comment = feedback.get("comment")
        more = others(feedback, FEEDBACK_HOMES)
        yield score(feedback.get("key"), value, source, comment, None, more)
    for name, stats in object_in(run, "feedback_stats").items():
        if isinstance(stats, dict):
            sources = stats.get("sources") or ()
            named = " ".join(map(str, sources))
            yield score(name, stats.get("avg"), named, more={"stats": stats})


FORMAT = Format(
    "langsmith",
    ("run_type", *PAGES),
    _read,
    _is_run,
    _trace_id,
    _runs,
    _trace_id,
    converted=CONVERTED | {"**.lc", "**.messages.id", "**.message.id", "**.feedback_source"},
)
