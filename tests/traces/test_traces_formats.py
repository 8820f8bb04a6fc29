"""A format from outside the house: one function and one call, tried first, wherever traces are read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.errors import UsageError
from toolkit.traces import Format, SkippedRecords, Step, Trace, read_traces, register_format
from toolkit.traces.formats.known import register_formats_of

OUTSIDER = '''
from toolkit.traces import Format, Step, Trace, register_format

def read_ticket(record, id):
    """A ticket of the help desk: who wrote, and what."""
    steps = [
        Step(str(number), "message", "user" if who == "customer" else "assistant", words)
        for number, (who, words) in enumerate(record["ticket"])
    ]
    return Trace(id, steps, {"desk": record["desk"]})

register_format(Format("ticket", ("ticket",), read_ticket))
'''
TICKETS = [
    {"id": "a", "desk": 3, "ticket": [["customer", "Is a bike free?"], ["desk", "Two are."]]},
    {"id": "b", "desk": 4, "ticket": [["customer", "It squeaks."]]},
]


@pytest.fixture
def tickets(tmp_path) -> Path:
    path = tmp_path / "tickets.jsonl"
    path.write_text("".join(json.dumps(ticket) + "\n" for ticket in TICKETS))
    return path


def python(*lines: str) -> str:
    """What a process of its own prints: what it registers is known nowhere else."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("arguments", ["path", "path, format='ticket'"])
def test_a_registered_format_is_read_by_content_and_by_name(tickets, arguments):
    assert len(OUTSIDER.strip().splitlines()) < 25
    printed = python(
        OUTSIDER,
        "from toolkit.traces import read_traces",
        f"path = {str(tickets)!r}",
        f"traces = read_traces({arguments})",
        "print(traces.report.format, [(t.id, t.text(), t.meta) for t in traces])",
    )
    wanted = [("a", "Is a bike free?\n\nTwo are.", {"desk": 3}), ("b", "It squeaks.", {"desk": 4})]
    assert printed.strip() == f"ticket {wanted}"


def test_the_command_line_reads_a_format_from_a_file_of_python(tickets, tmp_path):
    forms = tmp_path / "forms.py"
    forms.write_text(OUTSIDER)
    command = [Path(sys.executable).with_name("fieldbook"), "import", tickets, "--json"]
    command += ["--to", tmp_path / "out.jsonl", "--formats", forms, "--format", "ticket"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [trace.id for trace in read_traces(tmp_path / "out.jsonl")] == ["a", "b"]


def test_a_file_of_forms_that_fails_fails_again_until_it_is_mended(tmp_path):
    forms = tmp_path / "forms.py"
    forms.write_text("missing_name")
    for _ in range(2):
        with pytest.raises(NameError, match="missing_name"):
            register_formats_of(forms)
    forms.write_text("")
    register_formats_of(forms)
    forms.write_text("missing_name")
    register_formats_of(forms)  # it has registered: it is not run again


def read_two(record, id):
    first = Trace(id, (Step("1", "message", "user", record["messages"][0]["content"]),))
    return [first, Trace(id, (Step("1", "message", "user", "and this"),))]


TWO = Format("two", ("messages",), read_two)


def test_a_format_that_is_given_is_tried_before_our_own_and_known_to_this_call_alone(tmp_path):
    path = tmp_path / "chat.jsonl"
    path.write_text(json.dumps({"id": "a", "messages": [{"role": "user", "content": "hi"}]}))
    traces = read_traces(path, formats=[TWO])
    assert (traces.report.format, [trace.id for trace in traces]) == ("two", ["a", "a-2"])
    assert read_traces(path).report.format == "chat"
    with pytest.raises(UsageError, match="no format 'two'"):
        read_traces(path, format="two")


def test_a_record_without_a_trace_is_a_problem_and_a_reserved_name_is_refused(tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text('{"id": "a", "nothing": []}\n')
    with pytest.warns(SkippedRecords, match="holds no trace"):
        assert not read_traces(path, formats=[Format("none", ("nothing",), lambda *_: [])])
    with pytest.raises(UsageError, match="auto"):
        register_format(Format("auto", ("a",), read_two))
