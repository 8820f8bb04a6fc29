"""Traces: what an agent did, as a person reads it.

A trace is a production transcript, a span tree flattened, or the fold of a durable session's events; here all of
them are a `Trace`, and each message, tool call and tool result in it is a `Step`. ``outcome``, cost and whatever else
a source says stand in ``Trace.meta``. The framework's "structured vibe check" starts from `read_traces`.

>>> import pandas as pd
>>> answers = pd.DataFrame({"key": ["a"], "asked": ["Is the shop open?"], "said": ["Until six."]})
>>> traces = traces_from_frame(answers, id="key", input="asked", output="said")
>>> traces
[Trace('a', 2 steps, imported, 'Is the shop open?')]
>>> traces_frame(traces)[["id", "messages", "tool_calls"]].to_dict("records")
[{'id': 'a', 'messages': 2, 'tool_calls': 0}]
"""

from toolkit.traces.frames import steps_frame, traces_frame, traces_from_frame
from toolkit.traces.read import read_traces, write_traces
from toolkit.traces.report import ImportReport, Problem, SkippedRecords, Traces
from toolkit.traces.trace import Source, Step, Trace, trace_html

__all__ = [
    "ImportReport",
    "Problem",
    "SkippedRecords",
    "Source",
    "Step",
    "Trace",
    "Traces",
    "read_traces",
    "steps_frame",
    "trace_html",
    "traces_frame",
    "traces_from_frame",
    "write_traces",
]
