"""Inspect: the log of an evaluation, as `.json`, or as `.eval`, an archive with a file a sample.

A sample becomes a trace. Its messages are its steps; when they were sent and what they used stands
in its events.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from operator import is_
from typing import Any

from toolkit.records import RecordError
from toolkit.traces.fields import fields_of, object_in, objects_in, objects_of, stated_only, without
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.inspect_archive import UNREADABLE, archived_logs
from toolkit.traces.formats.inspect_events import Events, counts_of
from toolkit.traces.formats.inspect_scores import outcome_of, scores_of
from toolkit.traces.ids import Record, id_text
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Trace

REFERENCE = "attachment://"
"""How a text begins that stands among the attachments of its sample."""
OF_SAMPLES = {"samples", "reductions"}
"""The fields of a log that are about its samples one by one."""
USED = {"id", "epoch", "messages", "scores", "events", "total_time", "error"}
MOST_LEVELS = 200
MODEL_USAGE = "model_usage"


def _is_inspect(record: Record) -> bool:
    """Whether it is a log, or a sample by itself."""
    eval_ = record.get("eval")
    if isinstance(eval_, dict):
        return "task" in eval_ and "model" in eval_
    has_epoch = isinstance(record.get("epoch"), int)
    has_messages = isinstance(record.get("messages"), list)
    return has_epoch and has_messages and "target" in record


def _samples(record: Record) -> Iterator[Record]:
    """The samples of a log, each with what the log says of all of them."""
    if "eval" not in record:
        yield _with_texts(record)
        return
    log = without(record, *OF_SAMPLES)
    samples = record.get("samples")
    if not isinstance(samples, list) or not samples:
        yield {"log": log}
        return
    for sample in samples:
        if isinstance(sample, dict):
            yield {**_with_texts(sample), "log": log}
        else:
            yield {"log": log, UNREADABLE: "a sample is an object"}


def _with_texts(sample: Record) -> Record:
    """A sample with the texts of its attachments where it refers to them, and the references."""
    attachments = sample.get("attachments")
    if not isinstance(attachments, dict) or not attachments:
        return sample
    others = without(sample, "attachments")
    references = [f"{REFERENCE}{name}" for name in attachments]
    return {**resolved(others, attachments), "attachments": references}


def _id(record: Record) -> str | None:
    """The id of a sample, with its epoch from the second on."""
    id_ = id_text(record.get("id"))
    epoch = record.get("epoch")
    if id_ is None or epoch in (None, 1):
        return id_
    return f"{id_}-epoch-{epoch}"


def _read(record: Record, id_: str) -> Trace:
    if UNREADABLE in record:
        raise RecordError(str(record[UNREADABLE]))
    if "log" in record and "id" not in record:
        raise RecordError(f"the log has no samples: {_ending(record['log'])}", field="samples")
    events = Events(record.get("events"))
    transcript = Transcript()
    messages = _messages(record)
    transcript.read_all([events.dated(message) for message in messages])
    pool = object_in(record, "events_data").get("messages")
    for branch in events.branches(messages, pool):
        transcript.read_all(branch.messages, branch.agent, branch.id)
    error = record.get("error")
    if error:
        words = fields_of(error).get("message", error)
        transcript.add("error", "system", str(words), {"detail": error})
    trace = transcript.trace(id_, record, *USED)
    trace.meta.update(_about(record, events))
    return trace


def _ending(log: Any) -> str:
    """How the run of a log ended that has no samples."""
    ending = f"status {log.get('status', 'unknown')}"
    why = object_in(log, "error").get("message")
    return f"{ending}, {why}" if why else ending


def _messages(sample: Record) -> list[Any]:
    """The messages of a sample; of one that has none, its input and its output."""
    messages = sample.get("messages")
    if isinstance(messages, list) and messages:
        return messages
    input_ = sample.get("input")
    asked = input_ if isinstance(input_, list) else [{"role": "user", "content": input_}]
    output = object_in(sample, "output")
    answered = [choice.get("message") for choice in objects_in(output, "choices")]
    return [*asked, *answered]


def _about(sample: Record, events: Events) -> dict[str, Any]:
    """What a trace's meta says of a sample, under the names that all forms share."""
    log = sample.get("log", {})
    eval_ = log.get("eval", {})
    scores = scores_of(sample.get("scores"))
    about = {
        "model": eval_.get("model"),
        "outcome": outcome_of(scores, sample),
        "duration_s": sample.get("total_time"),
        "session": eval_.get("run_id"),
        "tags": log.get("tags") or eval_.get("tags"),
        "scores": scores,
        "events": events.others,
        **_usage(sample, eval_.get("model")),
    }
    return stated_only(about)


def _usage(sample: Record, model: Any) -> dict[str, Any]:
    """What the model under test used; where it is not named, what all of them used."""
    by_model = object_in(sample, MODEL_USAGE)
    if not by_model:
        return {}
    chosen = list(by_model.values())
    if model in by_model:
        chosen = [by_model[model]]
    totals: Counter[str] = Counter()
    for usage in objects_of(chosen):
        totals.update(counts_of(usage))
    return dict(totals)


def resolved(value: Any, attachments: Mapping[str, Any], levels: int = MOST_LEVELS) -> Any:
    """`value` with each reference to an attachment replaced by its text; itself without any."""
    if isinstance(value, str) and value.startswith(REFERENCE):
        return attachments.get(value.removeprefix(REFERENCE), value)
    if not levels:
        return value
    if isinstance(value, dict):
        inner = list(value.values())
        items = resolved(inner, attachments, levels)
        return value if items is inner else dict(zip(value, items, strict=True))
    if isinstance(value, list):
        items = [resolved(item, attachments, levels - 1) for item in value]
        is_same = all(map(is_, items, value))
        return value if is_same else items
    return value


FORMAT = Format(
    "inspect",
    ("eval", "epoch"),
    _read,
    _is_inspect,
    record_id=_id,
    parts=_samples,
    archive=archived_logs,
    converted=frozenset(
        {"**.events.input_refs", "**.events.call_refs", "**.events.call.call_refs"}
    ),
)
