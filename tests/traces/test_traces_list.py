"""Traces, the list: its slices and copies keep the report, and no view of it loses a source."""

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.traces import (
    Step,
    Trace,
    Traces,
    read_traces,
    steps_frame,
    trace_html,
    traces_frame,
    traces_from_frame,
    write_traces,
)

SOURCES = ["live", "tape", "simulated", "imported"]
sources_of_some = st.lists(st.sampled_from(SOURCES), min_size=1, max_size=6)


def traces_with(sources: list[str], folder) -> Traces:
    path = folder / "traces.jsonl"
    said = Step("1", "message", "user", "Is a bike free?")
    write_traces(path, [Trace(f"t{n}", (said,), {}, source) for n, source in enumerate(sources)])
    return read_traces(path)


@settings(deadline=None)
@given(
    sources=sources_of_some,
    begin=st.integers(-7, 7),
    end=st.integers(-7, 7),
    step=st.sampled_from([-2, -1, 1, 2]),
)
def test_a_slice_keeps_the_report_and_the_sources(tmp_path_factory, sources, begin, end, step):
    traces = traces_with(sources, tmp_path_factory.mktemp("slice"))
    part = traces[begin:end:step]
    assert [trace.source for trace in part] == sources[begin:end:step]
    assert part.report == traces.report
    assert part[:1]._repr_html_()


@pytest.mark.parametrize(
    "copied",
    [
        lambda traces: traces.copy(),
        copy.copy,
        copy.deepcopy,
        lambda traces: pickle.loads(pickle.dumps(traces)),
    ],
    ids=["copy", "copy.copy", "deepcopy", "pickle"],
)
def test_a_copy_keeps_the_report(tmp_path, copied):
    traces = traces_with(["live", "simulated"], tmp_path)
    again = copied(traces)
    assert (again, again.report) == (traces, traces.report)
    assert again is not traces


@settings(deadline=None)
@given(sources=sources_of_some)
def test_no_frame_view_or_file_of_traces_loses_a_source(tmp_path_factory, sources):
    traces = traces_with(sources, tmp_path_factory.mktemp("sources"))
    assert [trace.source for trace in traces] == sources
    assert traces_frame(traces)["source"].tolist() == sources
    assert steps_frame(traces)["source"].tolist() == sources
    for trace, source in zip(traces, sources, strict=True):
        assert f'<span class="badge">{source}</span>' in trace_html(trace)
        assert source in repr(trace)
    table = traces._repr_html_()
    assert all(f"<td>{source}</td>" in table for source in sources)


@settings(deadline=None)
@given(source=st.sampled_from(SOURCES))
def test_traces_made_of_a_frame_have_the_source_that_was_stated(source):
    import pandas as pd

    frame = pd.DataFrame({"i": ["a", "b"], "q": ["x", "y"], "a": ["1", "2"]})
    traces = traces_from_frame(frame, "i", "q", "a", source=source)
    assert {trace.source for trace in traces[:1]} == {source}
