"""Inspect's own package writes logs with its mock model, and the form of Inspect reads them."""

import subprocess
import sys
import zipfile
from importlib.util import find_spec

import pytest

from toolkit.evals import labels_of, scores_of
from toolkit.traces import read_traces, traces_frame

pytestmark = [pytest.mark.vendors, pytest.mark.timeout(400)]
RUN = '''
import sys
from inspect_ai import Task, eval, task
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatMessageAssistant, ContentReasoning, ContentText, ModelOutput, ModelUsage, get_model,
)
from inspect_ai.model._model_output import ChatCompletionChoice
from inspect_ai.scorer import includes, model_graded_qa
from inspect_ai.solver import generate, system_message, use_tools
from inspect_ai.tool import ToolError, tool


@tool
def clock():
    async def execute(zone: str):
        """Tells the time.

        Args:
            zone: A time zone.
        """
        if zone == "nowhere":
            raise ToolError("no such zone")
        return "noon"

    return execute


def counted(output, n=1):
    """With its usage: to count the tokens itself it would fetch an encoding."""
    output.usage = ModelUsage(input_tokens=n, output_tokens=n, total_tokens=2 * n)
    return output


def call(zone):
    return counted(ModelOutput.for_tool_call("mockllm/model", "clock", {"zone": zone}))


def reply(words, usage):
    thought = ContentReasoning(reasoning="The clock knows.")
    message = ChatMessageAssistant(content=[thought, ContentText(text=words)])
    choice = ChatCompletionChoice(message=message, stop_reason="stop")
    return ModelOutput(model="mockllm/model", choices=[choice], usage=usage)


usage = ModelUsage(
    input_tokens=10, output_tokens=5, total_tokens=115, input_tokens_cache_read=100
)
question = "What time is it?" + " Please." * 40
for log_format in ("json", "eval"):
    outputs = [call("nowhere"), call("UTC"), reply("Noon.", usage)]
    grade = counted(ModelOutput.from_content("mockllm/model", "GRADE: C"))
    grader = get_model("mockllm/model", custom_outputs=[grade], memoize=False)
    eval(
        Task(
            dataset=[Sample(input=question, target="Noon", id="time-1")],
            solver=[system_message("Be brief."), use_tools(clock()), generate()],
            scorer=[includes(), model_graded_qa(model=grader)],
            name="clock",
        ),
        model=get_model("mockllm/model", custom_outputs=outputs, memoize=False),
        log_dir=sys.argv[1],
        log_format=log_format,
        display="none",
    )
'''


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A folder with a log in each of its formats."""
    if not find_spec("inspect_ai"):
        pytest.skip("no inspect-ai: uv run --group vendors pytest -m vendors")
    folder = tmp_path_factory.mktemp("logs")
    command = [sys.executable, "-c", RUN, str(folder)]
    subprocess.run(command, check=True, timeout=360, cwd=folder)
    return folder


@pytest.fixture(params=["json", "eval"])
def log(logs, request):
    [path] = logs.glob(f"*.{request.param}")
    return path


def test_a_real_log_is_read_without_a_remark(log):
    traces = read_traces(log)
    report = traces.report
    assert (report.format, report.problems, report.warnings) == ("inspect", (), ())
    assert report.not_understood == ()
    [trace] = traces
    assert trace.id == "time-1"
    assert [step.kind for step in trace.steps] == [
        *["message"] * 2,
        *["message", "tool.call", "tool.result"] * 2,
        *["thinking", "message"],
    ]
    failed, answered = [trace.result_of(call) for call in trace.calls]
    assert (failed.data["error"], failed.content) == (True, "no such zone")
    assert (answered.data["error"], answered.content) == (False, "noon")
    assert trace.text("assistant").endswith("Noon.")
    assert all(step.time for step in trace.steps[1:])


def test_its_usage_and_its_scores_are_ours(log):
    traces = read_traces(log)
    thought, _ = traces[0].steps[-2:]
    usage = thought.data["usage"]
    assert usage == {"input_tokens": 110, "cached_tokens": 100, "output_tokens": 5}
    row = traces_frame(traces).iloc[0]
    assert (row["input_tokens"], row["output_tokens"], row["tool_errors"]) == (113, 8, 1)
    assert row["duration_s"] > 0
    assert list(scores_of(traces)["scorer"]) == ["includes"]
    [label] = labels_of(traces)
    assert (label.rater, label.rater_kind, label.verdict) == ("model_graded_qa", "model", "pass")


def test_its_archive_is_compressed_as_the_extra_says(logs):
    [path] = logs.glob("*.eval")
    methods = {info.compress_type for info in zipfile.ZipFile(path).infolist()}
    assert methods == {93}
