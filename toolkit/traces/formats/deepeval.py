"""DeepEval: test cases of one turn or of several, alone or in a test run with what metrics said."""

from collections.abc import Iterator
from typing import Any

from toolkit.traces.decode import decoded
from toolkit.traces.fields import objects_in, stated_only, without
from toolkit.traces.formats.form import Format
from toolkit.traces.formats.scores import score, verdict
from toolkit.traces.ids import Record, first_id
from toolkit.traces.messages import Transcript
from toolkit.traces.spelling import spellings, stated, take
from toolkit.traces.trace import Trace

ANSWER = "actual_output"
TOOLS = "tools_called"
CASES = ("test_cases", "conversational_test_cases")
RUN = "test_run_data"
"""What stands around a run in the file that DeepEval leaves of the latest one."""
CONVERSATIONAL = (
    "scenario",
    "expected_outcome",
    "user_description",
    "chatbot_role",
    "metrics_data",
)
"""The fields of a case of several turns, of which it has at least one."""
USED = ("input", "turns", *spellings(ANSWER), *spellings(TOOLS))


def _is_deepeval(record: Record) -> bool:
    """Whether it is a case of one turn, one of several, or a run of cases."""
    run = stated(record, RUN) or record
    if any(isinstance(stated(run, name), list) for name in CASES):
        return True
    if "turns" in record:
        return (
            isinstance(record["turns"], list | str) and stated(record, *CONVERSATIONAL) is not None
        )
    return "input" in record and any(name in record for name in spellings(ANSWER))


def _cases(record: Record) -> Iterator[Record]:
    """The cases of a run, each with what the run says of all of them."""
    run = dict(record)
    run.update(take(run, RUN) or {})
    cases: list[dict[str, Any]] = []
    for name in CASES:
        cases += objects_in({name: take(run, name)}, name)
    if not cases:
        yield record
    for case in cases:
        yield {**case, "test_run": run}


def _read(record: Record, id_: str) -> Trace:
    transcript = Transcript()
    turns = decoded(record.get("turns"))
    if isinstance(turns, list):
        for turn in turns:
            transcript.read_all(_turn(turn))
    else:
        transcript.read({"role": "user", "content": record.get("input")})
        transcript.read_all(_tools(record))
        transcript.read({"role": "assistant", "content": stated(record, ANSWER)})
    trace = transcript.trace(id_, record, *USED)
    trace.meta.update(_about(record))
    return trace


def _turn(turn: Any) -> list[Any]:
    """The messages of a turn; the tools that were called in it stand before its words."""
    if not isinstance(turn, dict):
        return [turn]
    words = without(turn, *spellings(TOOLS))
    return [*_tools(turn), words]


def _tools(record: Record) -> list[dict[str, Any]]:
    """The calls that stand beside an answer, each with what came back where it says so."""
    messages: list[dict[str, Any]] = []
    called = decoded(stated(record, TOOLS))
    for tool in objects_in({TOOLS: called}, TOOLS):
        call = without(tool, "type")
        arguments = take(call, "input_parameters")
        part = {**call, "type": "tool_call", "arguments": arguments}
        messages.append({"role": "assistant", "content": [part]})
    return messages


def _about(record: Record) -> dict[str, Any]:
    """What a trace's meta says of a case, under the names that all forms share."""
    metrics = objects_in(record, *spellings("metrics_data"))
    about = {
        "outcome": verdict(record.get("success")),
        "cost_usd": stated(record, "token_cost"),
        "duration_s": stated(record, "completion_time"),
        "scores": [_score(metric) for metric in metrics],
    }
    return stated_only(about)


def _score(metric: Record) -> dict[str, Any]:
    """What a metric says, and the model that decided where one did."""
    model = stated(metric, "evaluation_model")
    return score(
        metric.get("name"),
        metric.get("score"),
        "model" if model else "code",
        metric.get("reason") or metric.get("error"),
        model,
        {"verdict": verdict(metric.get("success"))},
    )


def _id(record: Record) -> str | None:
    return first_id(record) or first_id(record, "name")


FIELDS = tuple(spelling for name in (ANSWER, RUN, *CASES) for spelling in spellings(name))
FORMAT = Format("deepeval", (*FIELDS, "turns"), _read, _is_deepeval, record_id=_id, parts=_cases)
