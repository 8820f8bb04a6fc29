"""A real file of 200 agent trajectories, whole and damaged."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from toolkit.traces import SkippedRecords, read_traces, traces_frame

DATA = Path(
    os.environ.get("FIELDBOOK_DATA") or Path(__file__).parents[2].parent / "shared" / "data"
)
FILE = DATA / "tau-bench-airline" / "gpt-4o-airline.json"
pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason=f"the tau-bench trajectories are not at {FILE}"
)


def damaged(folder: Path, text: str) -> Path:
    path = folder / "damaged.json"
    path.write_text(text)
    return path


def test_all_trajectories_and_all_tool_calls_are_imported_and_paired():
    traces = read_traces(FILE)
    report = traces.report
    assert (report.format, report.n_traces, report.n_tool_calls, report.problems) == (
        "tau-bench",
        200,
        1164,
        (),
    )
    assert traces[0].id == "task-0-trial-0"
    assert set(traces[0].meta) == {"task_id", "trial", "reward", "info"}
    raw = json.loads(FILE.read_text())
    for trace, record in zip(traces, raw, strict=True):
        answers = [message["content"] for message in record["traj"] if message["role"] == "tool"]
        results = [trace.result_of(call) for call in trace.calls]
        assert [result and result.content for result in results] == answers
    frame = traces_frame(traces)
    assert frame["tool_calls"].sum() == 1164
    assert frame["tokens"].isna().all()


def test_call_ids_that_come_again_in_a_trajectory_are_told_apart():
    raw = json.loads(FILE.read_text())
    repeated = 0
    for record in raw:
        ids = Counter(
            call["id"] for message in record["traj"] for call in message.get("tool_calls") or ()
        )
        repeated += sum(n - 1 for n in ids.values())
    calls = [call for trace in read_traces(FILE) for call in trace.calls]
    assert sum("original_call_id" in call.data for call in calls) == repeated == 73


@pytest.mark.parametrize("indent", [None, 2])
def test_three_wrong_records_are_named_and_the_rest_is_kept(tmp_path, indent):
    raw = json.loads(FILE.read_text())
    raw[4]["traj"] = "gone"
    del raw[70]["traj"]
    raw[71] = None
    with pytest.warns(SkippedRecords, match="3 of 200"):
        traces = read_traces(damaged(tmp_path, json.dumps(raw, indent=indent)))
    assert len(traces) == 197
    named = [(problem.record, problem.id, problem.field) for problem in traces.report.problems]
    assert named == [
        (5, "task-4-trial-0", "traj"),
        (71, "task-20-trial-1", "traj"),
        (72, None, None),
    ]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("places", [[60, 61, 62], [0, 100, 199]], ids=str)
def test_three_records_of_broken_text_are_named_and_the_rest_is_kept(tmp_path, indent, places):
    raw = json.loads(FILE.read_text())
    texts = [json.dumps(record, indent=indent) for record in raw]
    for place, (old, new) in zip(
        places,
        [
            ('"role": ', '"role" '),
            (
                "}",
                "",
            ),
            ('"content"', '"content'),
        ],
        strict=True,
    ):
        head, found, tail = texts[place].rpartition(old)
        texts[place] = head + new + tail
        assert found
    text = (
        "[" + ", ".join(texts) + "]"
        if indent is None
        else "[\n  " + ",\n".join(texts).replace("\n", "\n  ") + "\n]"
    )
    with pytest.warns(SkippedRecords, match="3 of 200"):
        traces = read_traces(damaged(tmp_path, text))
    named = {problem.record: problem for problem in traces.report.problems}
    assert sorted(named) == [place + 1 for place in places]
    wanted = [f"task-{raw[place]['task_id']}-trial-{raw[place]['trial']}" for place in places]
    assert [problem.id for problem in traces.report.problems] == wanted
    lines = text.split("\n")
    for problem in traces.report.problems:
        assert "{" in lines[problem.line - 1]
    assert len({trace.id for trace in traces} | set(wanted)) == 200
