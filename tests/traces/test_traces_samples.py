"""Each form by a small sample of it: what `tests/traces/samples/README.md` promises."""

import warnings
from pathlib import Path

import pytest

from toolkit.traces import read_traces
from toolkit.traces.formats import known_formats
from toolkit.traces.scan import scan

FOLDER = Path(__file__).with_name("samples")
SAMPLES = sorted(path for path in FOLDER.iterdir() if path.suffix != ".md")
GENERAL = {"chat", "table", "rows", "spans"}
"""What has messages, or an input and an output, or a place among spans: tried after what says more."""


def form_of(path: Path) -> str:
    return path.name.split(".")[0]


def records_of(path: Path) -> list[dict]:
    """The records of a sample, as they stand in the file."""
    return [record.value for record in scan(path.read_bytes()) if not record.error]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_is_told_from_its_content_and_read_without_a_problem(path):
    with warnings.catch_warnings(action="error"):
        traces = read_traces(path)
    assert traces
    assert all(trace.steps for trace in traces)
    assert (traces.report.format, traces.report.problems) == (form_of(path), ())


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_no_other_form_claims_a_record_of_a_sample(path):
    others = {name: form for name, form in known_formats().items() if name not in GENERAL}
    others.pop(form_of(path), None)
    for record in records_of(path):
        claims = [name for name, form in others.items() if form.fits(record)]
        assert claims == []


def test_each_form_has_a_sample():
    assert {form_of(path) for path in SAMPLES} >= set(known_formats())
