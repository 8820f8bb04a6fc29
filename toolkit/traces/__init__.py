"""Traces: what an agent did, as a person reads it.

A production transcript, or the fold of a durable session's events, is a `Trace`; each message, tool
call and tool result in it is a `Step`. The framework's "structured vibe check" starts from
`read_traces`.

>>> from pandas import DataFrame
>>> answers = DataFrame({"key": ["a"], "asked": ["Is the shop open?"], "said": ["Until six."]})
>>> traces_from_frame(answers, id="key", input="asked", output="said")
[Trace('a', 2 steps, imported, 'Is the shop open?')]
"""

from toolkit.traces.formats import Format, register_format
from toolkit.traces.frames import steps_frame, traces_frame, traces_from_frame
from toolkit.traces.outline import step_anchor
from toolkit.traces.page import trace_html
from toolkit.traces.read import read_traces
from toolkit.traces.report import ImportReport, Problem, SkippedRecords, Traces
from toolkit.traces.trace import Source, Step, Trace
from toolkit.traces.write import write_traces

__all__ = [
    "Format",
    "ImportReport",
    "Problem",
    "SkippedRecords",
    "Source",
    "Step",
    "Trace",
    "Traces",
    "read_traces",
    "register_format",
    "step_anchor",
    "steps_frame",
    "trace_html",
    "traces_frame",
    "traces_from_frame",
    "write_traces",
]
