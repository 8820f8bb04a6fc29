"""DataFrames in and out."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from toolkit.records import RecordError
from toolkit.traces import (
    SkippedRecords,
    Step,
    Trace,
    read_traces,
    steps_frame,
    trace_html,
    traces_frame,
    traces_from_frame,
    write_traces,
)
from toolkit.traces.viewer import viewer

CALL = {"id": "c", "function": {"name": "find", "arguments": "{}"}}


def test_rows_become_traces_and_bad_rows_are_reported():
    frame = pd.DataFrame(
        {
            "key": [1.0, 2.0, np.nan, 2.0, 3.0, 4.0],
            "asked": [
                "Open?",
                [{"role": "user", "content": "Far?"}],
                "no id",
                "again",
                None,
                pd.NA,
            ],
            "said": [
                "Yes.",
                [{"role": "assistant", "tool_calls": [CALL]}],
                "x",
                "y",
                "Hello.",
                np.nan,
            ],
            "day": pd.to_datetime(["2026-01-02", None, None, None, None, None]),
            "n": np.arange(6, dtype="int64"),
            "scores": [np.array([1, 2]), None, None, None, None, None],
        },
        index=[9, 9, 9, 9, 9, 9],
    )
    with pytest.warns(SkippedRecords, match="2 of 6") as caught:
        traces = traces_from_frame(frame, id="key", input="asked", output="said")
    assert caught[0].filename == __file__
    assert [trace.id for trace in traces] == ["1", "2", "2-2", "3"]
    assert "the id 2 stands in an earlier one; this one is 2-2" in traces.report.notes[0]
    assert traces[0].meta == {"day": "2026-01-02T00:00:00", "n": 0, "scores": [1, 2]}
    assert traces[1].meta == {"day": None, "n": 1, "scores": None}
    assert [step.kind for step in traces[1].steps] == ["message", "tool.call"]
    assert traces[3].text() == "Hello."
    assert [(p.record, p.line, p.id) for p in traces.report.problems] == [
        (3, None, None),
        (6, None, "4"),
    ]


def test_a_column_that_is_not_there_is_an_error_with_the_columns():
    with pytest.raises(RecordError, match="'answer'; the columns are: key, asked"):
        traces_from_frame(
            pd.DataFrame({"key": [], "asked": []}), id="key", input="asked", output="answer"
        )


def test_traces_of_a_frame_survive_the_file(tmp_path):
    frame = pd.DataFrame(
        {
            "i": ["a"],
            "q": ["x"],
            "a": ["y"],
            "t": [pd.Timestamp("2026-01-02")],
            "v": [np.float32(2)],
        }
    )
    traces = traces_from_frame(frame, "i", "q", "a", source="simulated")
    write_traces(tmp_path / "t.jsonl", traces)
    again = read_traces(tmp_path / "t.jsonl")
    assert again == traces
    assert again[0].source == "simulated"


def test_a_row_a_trace_with_counts_costs_and_nothing_made_up():
    usage = {"usage": {"input_tokens": 10, "output_tokens": 2}, "cost_usd": 0.25}
    other = {"usage": {"prompt_tokens": 5, "completion_tokens": 1}, "cost_usd": 0.5}
    busy = Trace(
        "busy",
        (
            Step("1", "message", "user", "Is  a\nbike free?", 10.0),
            Step(
                "2",
                "tool.call",
                "assistant",
                "find",
                11.0,
                {"call_id": "c", "name": "find", "arguments": {}} | usage,
            ),
            Step(
                "3",
                "tool.result",
                "tool",
                "no",
                12.5,
                {"call_id": "c", "name": "find", "error": True},
            ),
            Step("4", "message", "assistant", "None.", None, other),
        ),
        {"outcome": "complete"},
        "simulated",
    )
    quiet = Trace(
        "quiet", (Step("1", "tool.result", "tool", "x", 3.0, {"error": None, "usage": "much"}),)
    )
    frame = traces_frame(
        [busy, quiet, Trace("stated", (), {"prompt_tokens": "7", "cost_usd": 1, "duration_s": 2})]
    )
    assert list(frame.index) == [0, 1, 2]
    row = frame.iloc[0].to_dict()
    assert row == {
        "id": "busy",
        "title": "Is a bike free?",
        "steps": 4,
        "messages": 2,
        "tool_calls": 1,
        "tool_errors": 1,
        "input_tokens": 15,
        "output_tokens": 3,
        "tokens": 18,
        "cost_usd": 0.75,
        "duration_s": 2.5,
        "outcome": "complete",
        "source": "simulated",
        "cached_tokens": None,
        "reasoning_tokens": None,
        "model": None,
        "reward": None,
        "started": pd.Timestamp("1970-01-01T00:00:10Z"),
    }
    unknown = [
        "tool_errors",
        "input_tokens",
        "output_tokens",
        "tokens",
        "cost_usd",
        "duration_s",
        "outcome",
        "cached_tokens",
        "reasoning_tokens",
        "model",
        "reward",
    ]
    assert list(frame.columns[frame.iloc[1].isna()]) == unknown
    assert frame.loc[2, ["input_tokens", "cost_usd", "duration_s"]].tolist() == [7, 1.0, 2.0]
    assert frame["tokens"].dtype == "Int64"
    steps = steps_frame([busy, quiet])
    assert (
        list(steps.columns)
        == (
            "trace_id position step_id kind actor content time name call_id source"
            " agent branch error"
        ).split()
    )
    assert steps["source"].tolist() == ["simulated"] * 4 + ["imported"]
    assert steps["call_id"].tolist()[1:3] == ["c", "c"]
    assert steps["time"].isna().tolist() == [False, False, False, True, False]


def reply(number: int, **data) -> Step:
    return Step(f"s{number}", "message", "assistant", "Yes.", 1767603600.0 + number, data)


def test_a_total_that_is_stated_counts_and_replies_are_added_up_where_none_is():
    first = {"input_tokens": 1105, "cached_tokens": 1000, "output_tokens": 14}
    second = {"input_tokens": 5, "output_tokens": 6, "reasoning_tokens": 4, "cost_usd": 0.25}
    steps = (reply(0, usage=first, model="large"), reply(9, usage=second, model="small"))
    meta = {"model": "large", "duration_s": 3.5, "cost_usd": 1, "cached_tokens": 7, "reward": -1}
    frame = traces_frame([Trace("summed", steps), Trace("stated", steps, meta)])
    summed, stated = frame.to_dict("records")
    columns = ["input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "tokens"]
    columns += ["cost_usd", "duration_s", "model"]
    assert [summed[name] for name in columns] == [1110, 1000, 20, 4, 1130, 0.25, 9, "large, small"]
    assert [stated[name] for name in columns] == [1110, 7, 20, 4, 1130, 1, 3.5, "large"]
    assert (pd.isna(summed["reward"]), stated["reward"]) == (True, -1)
    assert summed["started"] == pd.Timestamp("2026-01-05T09:00:00Z")


def test_a_total_of_all_tokens_alone_is_no_input():
    [row] = traces_frame([Trace("a", (), {"total_tokens": 40})]).to_dict("records")
    assert (row["tokens"], pd.isna(row["input_tokens"])) == (40, True)


def test_scalars_of_meta_become_columns():
    traces = [
        Trace("a", (), {"shop": "north", "id": 7, "info": {"exit": "done"}, "model": "m"}),
        Trace("b", (), {"shop": None, "open": True, "tags": ["x"]}),
    ]
    frame = traces_frame(traces, meta=True)
    added = frame.columns[len(traces_frame([]).columns) :]
    assert list(added) == ["shop", "meta.id", "open"]
    assert frame["shop"].isna().tolist() == [False, True]
    named = traces_frame(traces, meta=["info.exit", "model", "shop", "shop", "nothing"])
    assert named["info.exit"].tolist()[0] == "done"
    assert named["meta.model"].tolist()[0] == "m"
    assert named["nothing"].isna().all()
    assert list(traces_frame(traces, meta=False).columns) == list(traces_frame([]).columns)


def test_strange_values_cost_their_cell_and_no_more():
    strange = {"outcome": {"a": 1}, "model": ["m"], "reward": "much", "cost_usd": float("nan")}
    far = Step("s", "message", "user", "x", 1e300, {"agent": ["x"], "error": "no", "usage": [1]})
    frame = traces_frame([Trace("a", (far,), strange | {"input_tokens": 10**30})])
    names = ["outcome", "model", "reward", "cost_usd", "input_tokens", "started"]
    assert frame[names].isna().all(axis=None)
    assert steps_frame([Trace("a", (far,))])["error"].tolist() == [True]


def test_named_agents_and_branches_have_columns():
    step = Step("s", "message", "assistant", "I plan.", None, {"agent": "planner", "branch": "b1"})
    [row] = steps_frame([Trace("a", (step,))]).to_dict("records")
    assert (row["agent"], row["branch"], pd.isna(row["error"])) == ("planner", "b1", True)


def test_no_traces_give_empty_frames_of_the_same_kinds():
    assert traces_frame([]).dtypes.equals(traces_frame([Trace("a", ())]).dtypes)
    assert len(steps_frame([])) == 0


def test_the_door_does_not_bring_pandas_in():
    code = "import sys, json, toolkit.traces; print(json.dumps('pandas' in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) is False


@pytest.mark.parametrize(
    ("errors", "tool_errors"),
    [([], 0), ([...], None), ([None], None), ([..., False], 0), ([True, ..., None], 1)],
)
def test_errors_that_the_source_does_not_state_are_blank(errors, tool_errors):
    steps = []
    for n, error in enumerate(errors):
        about = {"call_id": str(n), "name": "find"}
        steps.append(Step(f"c{n}", "tool.call", "assistant", "find", data=about))
        if error is not ...:  # a call without a result
            result = Step(f"r{n}", "tool.result", "tool", "Two.", data={**about, "error": error})
            steps.append(result)
    trace = Trace("t", steps)
    [stated] = traces_frame([trace])["tool_errors"]
    assert (None if stated is pd.NA else stated) == tool_errors
    assert ("no errors" in trace_html(trace)) == (tool_errors == 0)
    [row] = re.findall(r'"failed": \[(\w+)\]', viewer([trace], "t").html)
    assert row == ("null" if tool_errors is None else str(tool_errors))
