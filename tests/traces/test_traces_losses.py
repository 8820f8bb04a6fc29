"""Nothing is lost without a word: a field of a sample is renamed or dropped, and each value that is
still in the file is in the traces, or the report names its field.
"""

import copy
import json
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.records import RecordError
from toolkit.traces import Traces, read_traces
from toolkit.traces.audit import CONVERTED, ID_ENDINGS
from toolkit.traces.formats import known_formats

FOLDER = Path(__file__).with_name("samples")
SAMPLES = {path.name: path for path in sorted(FOLDER.iterdir()) if path.suffix.startswith(".json")}
Place = tuple[str | int, ...]


def loaded(path: Path) -> tuple[list, bool]:
    """The records of a sample, and whether each has a line of its own."""
    text = path.read_text()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()], True
    return [json.loads(text)], False


def places(value: object, place: Place = ()) -> Iterator[Place]:
    """The place of each field."""
    children = enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict):
        children = value.items()
        yield from ((*place, name) for name in value)
    for name, inner in children:
        yield from places(inner, (*place, name))


def changed(records: list, place: Place, rename: bool) -> list:
    """The records with a field renamed or dropped."""
    records = copy.deepcopy(records)
    holder = records
    for name in place[:-1]:
        holder = holder[name]
    fields = list(holder.items())
    holder.clear()
    for name, value in fields:
        if name != place[-1]:
            holder[name] = value
        elif rename:
            holder[f"zz{name}"] = value
    return records


def values(value: object, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """The texts and the numbers in JSON, and in texts that are JSON, with the names above each."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from values(inner, (*names, name))
    elif isinstance(value, list):
        for inner in value:
            yield from values(inner, names)
    elif value not in (None, "") and not isinstance(value, bool):
        yield names, value


def in_another_shape(names: tuple[str, ...], forms: list[str]) -> bool:
    """Whether a trace need not have a value as it stands in the file."""
    if CONVERTED & set(names) or (names and names[-1].endswith(ID_ENDINGS)):
        return True
    for form in forms:
        for converted in known_formats()[form].converted:
            end = converted.split("*")[-1].strip(".").split(".")[-2:]
            if end == list(names[-len(end) :]):
                return True
    return False


def unnamed_losses(records: list, traces: Traces) -> list[tuple[tuple[str, ...], object]]:
    """The values of a file that are neither in its traces nor under a field that the report names."""
    written = json.dumps([asdict(trace) for trace in traces], ensure_ascii=False)
    written += "".join(str(text) for _, text in values([asdict(trace) for trace in traces]))
    report = traces.report
    named = " ".join(remark.what for remark in report.not_understood)
    beside = " ".join(note for note in report.notes if "beside it stood" in note)
    losses = []
    for names, value in values(records):
        words = [line.strip() for line in str(value).splitlines()]
        is_kept = all(word in written or json.dumps(word)[1:-1] in written for word in words)
        is_named = (bool(names) and names[-1] in named.split()) or any(
            name in named for name in names[-1:]
        )
        if names and names[0] in beside:
            continue
        if not is_kept and not is_named and not in_another_shape(names, list(report.forms)):
            losses.append((names, value))
    return losses


def check(folder: Path, name: str, place: Place, rename: bool) -> None:
    records, are_lines = loaded(SAMPLES[name])
    records = changed(records, place, rename)
    text = "".join(json.dumps(record) + "\n" for record in records)
    path = folder / f"sample{SAMPLES[name].suffix}"
    path.write_text(text if are_lines else json.dumps(records[0]))
    with warnings.catch_warnings(action="ignore"):
        try:
            traces = read_traces(path)
        except RecordError as error:
            assert len(str(error)) > len(str(path))  # noqa: PT017 - a refusal is a word too
            return
    if traces.report.problems:
        return  # the record is named, with the reason
    assert unnamed_losses(records, traces) == []


CASES = [
    (name, place, rename)
    for name, path in SAMPLES.items()
    for place in places(loaded(path)[0])
    for rename in (True, False)
]


@settings(max_examples=300)
@given(case=st.sampled_from(CASES))
def test_a_field_that_is_renamed_or_dropped_is_not_lost_without_a_word(tmp_path_factory, case):
    check(tmp_path_factory.mktemp("losses"), *case)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_each_field_that_is_renamed_or_dropped_is_not_lost_without_a_word(tmp_path, name):
    for case in CASES:
        if case[0] == name:
            check(tmp_path, *case)
