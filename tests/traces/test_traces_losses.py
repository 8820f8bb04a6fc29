"""Nothing is lost without a word: a field of a sample is renamed or dropped, and each value that is
still in the file is in the traces, or the report names its field.
"""

import copy
import csv
import io
import json
import re
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
from toolkit.traces.formats import known_formats
from toolkit.traces.places import CONVERTED, COUNTS

FOLDER = Path(__file__).with_name("samples")
SAMPLES = {path.name: path for path in sorted(FOLDER.iterdir()) if path.suffix != ".md"}
Place = tuple[str | int, ...]
LINE_BY_LINE = (".jsonl", ".csv")
AROUND = ("span", "messages")
"""The fields in which a reader puts a span of a document, or messages that are the whole file."""


def loaded(path: Path) -> list:
    """The records of a sample: its lines, its rows, or the document that it is."""
    text = path.read_text()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(text)))
    return [json.loads(text)]


def written(records: list, suffix: str) -> str:
    """Records as a file of that suffix holds them."""
    if suffix == ".jsonl":
        return "".join(json.dumps(record) + "\n" for record in records)
    if suffix == ".csv":
        columns = dict.fromkeys(name for record in records for name in record)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(columns))
        writer.writeheader()
        writer.writerows(records)
        return text.getvalue()
    return json.dumps(records[0])


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
    if isinstance(value, str) and value.startswith(("{", "[", '"')):
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
    if not names or names[-1] in CONVERTED:
        return True
    if any(COUNTS.search(name) and name in CONVERTED for name in names):
        return True
    *around, own = names
    path = ".".join([*(name.removeprefix("zz") for name in around), own])
    for form in forms:
        for converted in known_formats()[form].converted:
            pattern = re.escape(converted).replace(r"\*\*\.", r"(.+\.)?").replace(r"\*", r"[^.]+")
            pattern = pattern.removeprefix(r"span\.")  # as in AROUND
            if re.search(rf"(^|\.){pattern}$", path):
                return True
    return False


def lines_of(value: object) -> list[str]:
    """The lines of a text; one that is a number, as in a cell, is written as numbers are."""
    with suppress(ValueError, OverflowError):
        value = f"{float(str(value)):.17g}"
    return [line.strip() for line in str(value).splitlines()]


def kept_lines(traces: Traces) -> set[str]:
    """The lines of all texts and numbers in traces."""
    lines = set()
    written = json.loads(json.dumps([asdict(trace) for trace in traces]))  # lists, no tuples
    for _, value in values(written):
        lines.update(lines_of(value))
    return lines


def named_fields(traces: Traces) -> set[tuple[str, ...]]:
    """The paths of the fields that the report names as passed over, without the places in lists.

    What stands around a record that is read by itself, as a span of a document, is not in its path.
    """
    paths = set()
    for remark in traces.report.not_understood:
        path = tuple(name for name in remark.what.split(".") if name != "*")
        paths.add(path[1:] if path[0] in AROUND and len(path) > 1 else path)
    return paths


def unnamed_losses(records: list, traces: Traces) -> list[tuple[tuple[str, ...], object]]:
    """The values of a file that are neither in its traces nor under a field that the report names."""
    lines = kept_lines(traces)
    long_text = "\n".join(lines)
    named = named_fields(traces)
    beside = " ".join(note for note in traces.report.notes if "beside it stood" in note)
    losses = []
    for names, value in values(records):
        words = lines_of(value)
        is_kept = all(word in lines or (len(word) >= 12 and word in long_text) for word in words)
        path = tuple(".".join(names).split("."))  # a name may have dots in it
        is_named = any(path[-len(field) :] == field for field in named)
        if names and names[0] in beside:
            continue
        if not is_kept and not is_named and not in_another_shape(names, list(traces.report.forms)):
            losses.append((names, value))
    return losses


def check(folder: Path, name: str, place: Place, rename: bool) -> None:
    suffix = SAMPLES[name].suffix
    records = changed(loaded(SAMPLES[name]), place, rename)
    path = folder / f"sample{suffix}"
    path.write_text(written(records, suffix))
    with warnings.catch_warnings(action="ignore"):
        try:
            traces = read_traces(path)
        except RecordError as error:
            assert len(str(error)) > len(str(path))  # noqa: PT017 - a refusal is a word too
            return
    skipped = {problem.record for problem in traces.report.problems}
    if skipped and suffix not in LINE_BY_LINE:
        return  # a record inside of the document is named, with the reason
    read = [record for number, record in enumerate(records, 1) if number not in skipped]
    assert unnamed_losses(read, traces) == []


CASES = [
    (name, place, rename)
    for name, path in SAMPLES.items()
    for place in places(loaded(path))
    for rename in (True, False)
]


def test_the_fields_of_each_form_are_renamed_and_dropped():
    assert {name.split(".")[0] for name, _, _ in CASES} == set(known_formats()) | {"table"}


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


@pytest.mark.parametrize("name", ["said", "paid", "void", "mood", "user_id", "requestUuid"])
def test_no_field_is_lost_in_silence_for_how_its_name_ends(tmp_path, name):
    message = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi"]}}
    node = {"id": "n", "parent": "r", "children": [], "message": message, name: "angry"}
    path = tmp_path / "chatgpt.json"
    path.write_text(json.dumps({"mapping": {"r": {"children": ["n"]}, "n": node}}))
    traces = read_traces(path)
    assert [remark.what for remark in traces.report.not_understood] == [f"mapping.n.{name}"]
