"""A file that another program wrote: its encoding, its line ends, its long cells, and one bad thing
in it.
"""

import csv
import gzip
import io
import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.opcodes import counted
from toolkit.records import RecordError
from toolkit.traces import Format, SkippedRecords, Step, Trace, read_traces, write_traces

RECORDS = [
    {
        "id": f"t{n}",
        "messages": [
            {"role": "user", "content": f"Größe {n}?"},
            {"role": "assistant", "content": "Two\nlines."},
        ],
    }
    for n in range(3)
]
ROWS = [["id", "input", "output"], *([f"t{n}", f"Größe {n}?", "Two\nlines."] for n in range(3))]


def csv_text(rows: list[list[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


LAYOUTS = {
    "jsonl": "\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS),
    "array": json.dumps(RECORDS, ensure_ascii=False, indent=1),
    "csv": csv_text(ROWS).rstrip("\n"),
}
LINE_ENDS = {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "last_newline", [True, False], ids=["newline at the end", "none at the end"]
)
def test_a_file_is_read_in_each_encoding_and_with_each_line_end(
    tmp_path, layout, line_end, encoding, last_newline
):
    text = LAYOUTS[layout] + ("\n" if last_newline else "")
    path = tmp_path / f"file.{layout}"
    path.write_bytes(text.replace("\n", LINE_ENDS[line_end]).encode(encoding))
    traces = read_traces(path)
    assert [trace.id for trace in traces] == ["t0", "t1", "t2"]
    assert [step.content for step in traces[2].steps] == ["Größe 2?", "Two\nlines."]
    assert traces.report.problems == ()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (gzip.compress(LAYOUTS["jsonl"].encode())[:30], "looks like gzip that is cut short"),
        (b"PK\x03\x04\x14\0\0\0", "looks like a zip archive that is cut short"),
        (b"SQLite format 3\0" + bytes(84), "looks like an SQLite database"),
        (b"PAR1\x15\x04", "Parquet"),
        (LAYOUTS["array"].encode("utf-16-le"), "UTF-8"),
        (("\ufeff" + LAYOUTS["array"]).encode("utf-16-le") + b"\0", "UTF-16"),
    ],
    ids=["gzip", "zip", "sqlite", "parquet", "UTF-16 without a mark", "UTF-16 cut in a character"],
)
def test_a_file_that_is_no_text_is_called_by_its_name(tmp_path, content, word):
    path = tmp_path / "file.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=word):
        read_traces(path)


def test_a_cell_of_any_length_is_read_and_the_bound_of_other_readers_stays(tmp_path):
    bound = csv.field_size_limit()
    path = tmp_path / "rows.csv"
    path.write_text(
        csv_text(
            [["id", "input", "output"], ["a", "x" * 140_000, "y"], ["b", "x", "y" * 2_000_000]]
        )
    )
    traces = read_traces(path)
    assert [len(trace.text("user")) for trace in traces] == [140_000, 1]
    assert len(traces[1].text("assistant")) == 2_000_000
    assert csv.field_size_limit() == bound


def test_a_header_with_a_line_break_in_its_quotes_is_read(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('id,"note;\nof the shop",input,output\na,good,Open?,Yes.\n')
    traces = read_traces(path)
    assert traces[0].meta == {"note;\nof the shop": "good"}
    assert traces[0].text() == "Open?\n\nYes."


def test_a_first_row_that_is_broken_does_not_hide_that_the_file_is_a_table(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('id,input,output\na,"bro"ken,No.\nb,Open?,Yes.\n')
    with pytest.warns(SkippedRecords, match="1 of 2"):
        assert [trace.id for trace in read_traces(path)] == ["b"]


def test_a_quote_that_is_never_closed_costs_its_own_row(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(
        'id,input,output\na,Open?,Yes.\nb,"Late?,No.\nc,Far?,"A\nlittle."\nd,Dear?,No.\n'
    )
    with pytest.warns(SkippedRecords, match="1 of 4"):
        traces = read_traces(path)
    assert [trace.id for trace in traces] == ["a", "c", "d"]
    assert traces[1].text("assistant") == "A\nlittle."
    assert [problem.line for problem in traces.report.problems] == [3]


@settings(deadline=None)
@given(rows=st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=6))
def test_what_csv_writes_is_read_back_with_its_words(tmp_path_factory, rows):
    rows = [
        [cell.encode(errors="replace").decode().replace("\r", "\n") for cell in row] for row in rows
    ]
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    numbered = [[f"t{n}", *row] for n, row in enumerate(rows)]
    path.write_text(csv_text([["id", "input", "output"], *numbered]), encoding="utf-8")
    traces = read_traces(path, "table")
    read = [[trace.id, trace.text("user"), trace.text("assistant")] for trace in traces]
    assert read == numbered


def test_a_null_in_a_list_is_passed_over(tmp_path):
    call = {"id": "c1", "function": {"name": "find", "arguments": "{}"}}
    content = [None, {"type": "text", "text": "I look."}]
    messages = [None, {"role": "assistant", "content": content, "tool_calls": [None, call]}]
    path = tmp_path / "null.jsonl"
    path.write_text(json.dumps({"id": "a", "messages": messages}))
    traces = read_traces(path)
    assert [(step.kind, step.content) for step in traces[0].steps] == [
        ("message", "I look."),
        ("tool.call", "find"),
    ]
    assert traces.report.problems == ()


def test_numbers_that_json_cannot_write_become_null_and_the_report_says_so(tmp_path):
    call = (
        '{"id": "c", "function": {"name": "find", "arguments": "{\\"x\\": -Infinity, \\"y\\": 2}"}}'
    )
    messages = f'[{{"role": "assistant", "tool_calls": [{call}]}}]'
    record = f'{{"id": "n", "messages": {messages}, "score": NaN, "cost": 1e999}}'
    path = tmp_path / "nan.jsonl"
    path.write_text(f"{record}\n{json.dumps({**RECORDS[0], 'note': 'NaN'})}\n")
    traces = read_traces(path)
    assert traces[0].meta == {"score": None, "cost": None}
    assert traces[0].calls[0].data["arguments"] == {"x": None, "y": 2}
    [warning] = [remark for remark in traces.report.warnings if "null" in remark.what]
    assert warning.what.startswith("-Infinity, 1e999, NaN became null")
    assert (warning.n, warning.first) == (1, "record 1, line 1 (n)")


@pytest.mark.parametrize("levels", [400, 3_000])
def test_what_is_nested_too_deeply_is_named_and_the_trace_can_be_written(tmp_path, levels):
    deep = '{"id": "deep", "messages": [], "tree": ' + "[" * levels + "]" * levels + "}"
    path = tmp_path / "deep.jsonl"
    path.write_text(f"{json.dumps(RECORDS[0])}\n{deep}\n{json.dumps(RECORDS[1])}\n")
    traces = read_traces(path)
    [warning] = [remark for remark in traces.report.warnings if "too deeply" in remark.what]
    assert warning.first == "record 2, line 2 (deep)"
    write_traces(tmp_path / "out.jsonl", traces)
    assert [trace.id for trace in read_traces(tmp_path / "out.jsonl")] == ["t0", "deep", "t1"]


def test_a_record_of_nothing_but_depth_says_so(tmp_path):
    path = tmp_path / "deep.jsonl"
    path.write_text('{"messages": ' + "[" * 3_000 + "]" * 3_000 + "}")
    with pytest.warns(SkippedRecords, match="nested too deeply"):
        assert not read_traces(path)


DAMAGES = {
    "no colon": lambda text: text.replace('"role": ', '"role" '),
    "no brackets at the end": lambda text: text[:-3],
    "a quote lost": lambda text: text.replace('"user"', '"user'),
}


def broken_array(n: int, damage: str) -> str:
    whole = [json.dumps({**RECORDS[0], "id": f"t{at}"}) for at in range(n)]
    return f"[{', '.join([whole[0], *map(DAMAGES[damage], whole[1:-1]), whole[-1]])}]"


def broken_rows(n: int, _damage: str) -> str:
    return "id,input,output\n" + "".join(f'{at},"a"b,c\n{at},"open,c\n' for at in range(n))


class WalkedError(json.JSONDecodeError):
    """The decoder's error, which walks from the top of its text to the fault to count the lines."""

    n_chars = 0
    """How far all of them have walked."""

    def __init__(self, message: str, text: str, at: int):
        super().__init__(message, text, at)
        WalkedError.n_chars += at


def cost_of_reading(path, text: str, format: str) -> int:
    """Instructions, and the characters that errors walked over, which no instruction counts."""
    path.write_text(text)
    WalkedError.n_chars = 0
    with (
        warnings.catch_warnings(action="ignore", category=SkippedRecords),
        counted() as opcodes,
    ):
        assert read_traces(path, format).report.problems
    return opcodes.count + WalkedError.n_chars


@pytest.mark.parametrize(
    ("make", "damage", "format", "n"),
    [
        *((broken_array, damage, "auto", 100) for damage in DAMAGES),
        (broken_rows, "", "table", 100),
    ],
    ids=[*DAMAGES, "quotes in CSV"],
)
def test_eight_times_as_many_broken_records_cost_about_eight_times_as_much(
    tmp_path, monkeypatch, make, damage, format, n
):
    monkeypatch.setattr(json.decoder, "JSONDecodeError", WalkedError)
    few = cost_of_reading(tmp_path / "few", make(n, damage), format)
    many = cost_of_reading(tmp_path / "many", make(8 * n, damage), format)
    assert many < 1.5 * 8 * few  # 64 times where it is quadratic


def read_diary(record, id):
    entries = record["records"]
    notes = [entry["note"] for entry in entries if "note" in entry]
    moods = [entry["mood"] for entry in entries if "mood" in entry]
    steps = [Step(str(n), "message", "user", note) for n, note in enumerate(notes)]
    return Trace(id, tuple(steps), {"moods": moods})


def mood_of(entry):
    if "mood" not in entry:
        raise RecordError("it has no mood")
    return entry


def moods_in(name, record):
    return map(mood_of, record["about"]) if "about" in record else None


DIARY = Format(
    "diary",
    ("note",),
    read_diary,
    group=lambda record: record["of"],
    companions=moods_in,
)
"""A form with files of moods beside it. It expects that each record says of which diary it is."""


def write_diary(folder, *moods):
    (folder / "diary.jsonl").write_text(json.dumps({"note": "Rain.", "of": "may"}))
    (folder / "about.json").write_text(json.dumps({"about": moods}))


def test_a_file_that_fails_after_it_has_begun_is_refused_as_one_that_fails_before(tmp_path):
    write_diary(tmp_path, {"of": "may"})
    with pytest.raises(RecordError, match=r"about\.json: it has no mood"):
        read_traces(tmp_path / "about.json", formats=[DIARY])


def test_a_file_that_fails_after_it_has_begun_is_one_file_in_the_report(tmp_path):
    write_diary(tmp_path, {"of": "may"})
    with pytest.warns(SkippedRecords, match="it has no mood"):
        traces = read_traces(tmp_path, formats=[DIARY])
    assert [trace.id for trace in traces] == ["may"]
    assert len(traces.report.problems) == 1
    assert len(traces.report.files) == 2


def test_a_broken_record_beside_traces_costs_none_of_those_behind_it(tmp_path):
    write_diary(tmp_path, {"mood": "bad"}, {"mood": "good", "of": "may"})
    with pytest.warns(SkippedRecords, match="'of'"):
        traces = read_traces(tmp_path, formats=[DIARY])
    assert traces[0].meta["moods"] == ["good"]
    assert [problem.record for problem in traces.report.problems] == [1]


def answers(delimiter: str) -> str:
    rows = [["id", "question", "answer"], ["a", "Größe 2, or “3”?", "Zwei; für 5 €."]]
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return written.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_table_of_excel_is_read_with_the_delimiter_that_it_states(tmp_path, delimiter, encoding):
    path = tmp_path / "answers.csv"
    text = f"sep={delimiter}\r\n{answers(delimiter)}"
    path.write_bytes(text.encode(encoding))
    traces = read_traces(path)
    [trace] = traces
    assert [step.content for step in trace.steps] == ["Größe 2, or “3”?", "Zwei; für 5 €."]
    assert traces.report.problems == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_a_table_that_is_not_utf_8_is_read_and_its_encoding_is_named(tmp_path, delimiter, encoding):
    path = tmp_path / "answers.csv"
    # a control character stands where Windows-1252 has no letter
    odd = "" if encoding == "cp1252" else "\x81"
    text = answers(delimiter).replace("“", "").replace("”", odd).replace("€", "£")
    path.write_bytes(text.encode(encoding))
    traces = read_traces(path)
    assert [step.content for step in traces[0].steps] == [f"Größe 2, or 3{odd}?", "Zwei; für 5 £."]
    [warning] = traces.report.warnings
    assert f"read as {encoding}" in warning.what


def test_two_letters_that_are_one_in_utf_8_by_chance_make_no_table_of_it(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_bytes(
        "id;question;answer\na;Viel „Spaß“ für Äpfel?;Größer, später\n".encode("cp1252")
    )
    traces = read_traces(path)
    assert traces[0].steps[0].content == "Viel „Spaß“ für Äpfel?"
    assert "read as cp1252" in traces.report.warnings[0].what


def test_a_table_in_utf_8_with_a_broken_byte_is_not_read_in_another_encoding(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_bytes("id;question;answer\na;Größe?;Zwei.\nb;Preis?;5 €".encode()[:-1])
    with pytest.warns(UserWarning, match="1 of 2 records skipped"):
        traces = read_traces(path)
    assert traces[0].steps[0].content == "Größe?"


def test_a_table_in_an_encoding_that_cannot_be_guessed_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "answers.csv"
    text = "id,question,answer\na,Сколько стоит велосипед?,Сорок рублей в день.\n"
    path.write_bytes(text.encode("cp1251"))
    with pytest.raises(RecordError, match="save it as UTF-8"):
        read_traces(path)


def test_a_broken_byte_in_a_table_of_utf_8_costs_its_row(tmp_path):
    path = tmp_path / "answers.csv"
    good = answers(",").encode()
    path.write_bytes(good + b"b,Is it \xff?,No.\r\n")
    with pytest.warns(SkippedRecords):
        traces = read_traces(path)
    assert [trace.id for trace in traces] == ["a"]
    assert "not UTF-8" in traces.report.problems[0].why
