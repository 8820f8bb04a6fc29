"""What may be given to read_traces: files, folders, patterns, archives, frames; and hostile ones."""

import gzip
import io
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import warnings
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toolkit.errors import UsageError
from toolkit.records import RecordError
from toolkit.traces import SkippedRecords, read_traces, traces_from_frame, write_traces
from toolkit.traces.formats import decoded_cell


def chat(id: str, words: str = "Is a bike free?") -> dict:
    return {"id": id, "messages": [{"role": "user", "content": words}]}


def lines(*records: object) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def saved(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def ids(traces) -> list[str]:
    return [trace.id for trace in traces]


def test_a_folder_is_read_with_all_that_is_in_it_and_the_report_names_each_file(tmp_path):
    saved(tmp_path / "b.jsonl", lines(chat("b1"), chat("same")))
    saved(tmp_path / "deep" / "er" / "a.json", lines(chat("same")))
    saved(tmp_path / "rows.csv", b"id,input,output\nr,Open?,Yes.\n")
    saved(tmp_path / ".hidden" / "c.jsonl", lines(chat("hidden")))
    saved(tmp_path / "notes.md", b"nothing")
    traces = read_traces(tmp_path)
    assert ids(traces) == ["b1", "same", "r", "same-2"]
    report = traces.report
    assert [Path(file.path).name for file in report.files] == ["b.jsonl", "rows.csv", "a.json"]
    assert [file.n_traces for file in report.files] == [2, 1, 1]
    assert (report.n_records, dict(report.forms)) == (4, {"chat": 3, "table": 1})
    assert "rows.csv" in report._repr_html_()


def test_what_is_no_trace_in_a_folder_is_named_and_keeps_no_other_from_being_read(tmp_path):
    saved(tmp_path / "a.jsonl", lines(chat("a")))
    saved(tmp_path / "config.json", b'{"weather": 3}')
    saved(tmp_path / "half.json.gz", gzip.compress(lines(chat("x")))[:-19])
    with pytest.warns(SkippedRecords, match=r"config\.json"):
        traces = read_traces(tmp_path)
    assert ids(traces) == ["a"]
    [config, half] = traces.report.problems
    assert "weather" in config.why
    assert "cut short, in line 1 (byte" in half.why
    assert (Path(half.file).name, half.record) == ("half.json.gz", 0)


def test_a_pattern_and_a_list_are_read_in_order(tmp_path):
    for name in ("b", "a", "c"):
        saved(tmp_path / "logs" / f"{name}.jsonl", lines(chat(name)))
    assert ids(read_traces(tmp_path / "logs" / "[ab].jsonl")) == ["a", "b"]
    assert ids(read_traces(str(tmp_path / "**" / "*.jsonl"))) == ["a", "b", "c"]
    listed = [tmp_path / "logs" / "c.jsonl", str(tmp_path / "logs" / "a.jsonl")]
    assert ids(read_traces(listed)) == ["c", "a"]
    assert ids(read_traces(path for path in listed)) == ["c", "a"]
    with pytest.raises(RecordError, match="no file has a name of this pattern"):
        read_traces(tmp_path / "*.none")
    with pytest.raises(FileNotFoundError):
        read_traces([*listed, tmp_path / "none.jsonl"])
    with pytest.raises(RecordError, match=r"looks for .csv"):
        read_traces([])


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl"])
def test_gzip_is_told_from_its_content(tmp_path, name):
    path = saved(tmp_path / name, gzip.compress(lines(chat("a"))) + gzip.compress(lines(chat("b"))))
    assert ids(read_traces(path)) == ["a", "b"]


def test_a_zip_archive_is_read_member_by_member(tmp_path):
    members = {
        "logs/a.jsonl": lines(chat("a")),
        "logs/b.json.gz": gzip.compress(lines(chat("b"))),
        "__MACOSX/._a.jsonl": b"\0\0",
        "utf16.json": json.dumps([chat("c", "Größe?")]).encode("utf-16"),
    }
    traces = read_traces(zipped(tmp_path / "export", members))
    assert ids(traces) == ["a", "b", "c"]
    assert traces[2].text() == "Größe?"
    assert traces.report.files[0].path.endswith("export/logs/a.jsonl")


def test_a_frame_is_read_by_its_usual_columns_or_by_the_form_of_its_rows():
    rows = pd.DataFrame({"id": ["a", "b"], "question": ["Open?", None], "answer": ["Yes.", "No."]})
    assert [trace.text() for trace in read_traces(rows)] == ["Open?\n\nYes.", "No."]
    talks = pd.DataFrame({"id": [1], "messages": ['[{"role": "user", "content": "hi"}]']})
    assert [trace.text("user") for trace in read_traces(talks)] == ["hi"]


def test_a_frame_needs_no_output_and_a_cell_of_json_is_messages():
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    frame = pd.DataFrame(
        {"key": ["a", "b", "c"], "talk": [json.dumps(messages), messages, '{"no": "message"}']}
    )
    traces = traces_from_frame(frame, id="key", input="talk")
    assert [trace.text() for trace in traces] == ["hi\n\nho", "hi\n\nho", '{"no": "message"}']
    assert traces.report.decided == "columns key, talk"


def test_parquet_is_read_where_pyarrow_is_there(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"id": ["a"], "input": ["Open?"], "output": ["Yes."], "n": [3]})
    path = tmp_path / "rows"
    frame.to_parquet(path)
    [trace] = read_traces(path)
    assert (trace.text(), trace.meta) == ("Open?\n\nYes.", {"n": 3})


def test_parquet_without_pyarrow_says_what_to_install(tmp_path):
    path = saved(tmp_path / "rows.parquet", b"PAR1\x15\x04PAR1")
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from toolkit.traces import read_traces\n"
        f"read_traces({str(path)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "pip install pyarrow" in done.stderr.splitlines()[-1]


def test_links_out_of_a_folder_are_refused_by_name_and_those_inside_are_read_once(tmp_path):
    secret = saved(tmp_path / "secret" / "s.jsonl", lines(chat("secret")))
    folder = tmp_path / "given"
    saved(folder / "a.jsonl", lines(chat("a")))
    (folder / "out.jsonl").symlink_to(secret)
    (folder / "dir").symlink_to(secret.parent)
    (folder / "b.jsonl").symlink_to(folder / "a.jsonl")
    (folder / "round").symlink_to(folder)
    (folder / "nowhere.jsonl").symlink_to(folder / "none")
    with pytest.warns(SkippedRecords):
        traces = read_traces(folder)
    assert ids(traces) == ["a"]
    refused = [Path(problem.file).name for problem in traces.report.problems]
    assert refused == ["dir", "out.jsonl"]
    assert all("leads out of the folder" in problem.why for problem in traces.report.problems)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("given", [".", "*.jsonl"])
def test_what_is_no_file_is_named_and_keeps_nobody_waiting(tmp_path, given):
    saved(tmp_path / "a.jsonl", lines(chat("a")))
    os.mkfifo(tmp_path / "b.jsonl")
    (tmp_path / "c.jsonl").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "d.jsonl"))
        with pytest.warns(SkippedRecords):
            traces = read_traces(tmp_path / given)
    assert ids(traces) == ["a"]
    refused = {Path(problem.file).name: problem.why for problem in traces.report.problems}
    assert list(refused) == ["b.jsonl", "c.jsonl", "d.jsonl"]
    assert "a named pipe and no file" in refused["b.jsonl"]
    assert "leads out of the folder" in refused["c.jsonl"]
    assert "a socket and no file" in refused["d.jsonl"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.timeout(30)
def test_a_pipe_or_a_device_that_is_named_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a named pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(RecordError, match=f"{kind} and no file: .* give - and < it"):
            read_traces(path)


@pytest.mark.parametrize(
    "name", ["../x.jsonl", "a/../../x.jsonl", "/etc/x.jsonl", "C:\\x.jsonl", "..\\x.jsonl"]
)
def test_a_name_that_leads_out_of_an_archive_is_refused_and_nothing_is_written(tmp_path, name):
    path = saved(tmp_path / "in" / "a.zip", b"")
    zipped(path, {name: lines(chat("evil")), "good.jsonl": lines(chat("good"))})
    with pytest.warns(SkippedRecords, match="leads out of the archive"):
        traces = read_traces(path)
    assert ids(traces) == ["good"]
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["a.zip", "in"]


def claiming(content: bytes, size: int) -> bytes:
    """A zip archive whose headers claim that its one member has so many bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", content)
    raw = bytearray(packed.getvalue())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = raw.index(mark) + offset
        raw[at : at + 4] = size.to_bytes(4, "little")
    return bytes(raw)


def zeros(mb: int) -> bytes:
    return gzip.compress(bytes(mb * 2**20))


HOSTILE = {
    "zip claims 1 GB": (lambda: claiming(lines(chat("a")), 2**30), "unpacks to more than"),
    "zip bomb": (lambda: zip_bomb(90), "unpacks to more than"),
    "zip bomb of many members": (lambda: many_members(9), "unpacks to more than"),
    "gzip bomb": (lambda: zeros(90), "unpacks to more than"),
    "half a gzip": (lambda: gzip.compress(lines(chat("a")))[:30], "gzip that is cut short"),
    "broken gzip": (lambda: b"\x1f\x8b\x08\0" + b"x" * 40, "gzip that is (broken|cut short)"),
    "half a zip": (lambda: claiming(b"x" * 99, 99)[:60], "zip archive that is cut short"),
    "a zip in a zip": (lambda: zip_of(zip_of(b"x")), "an archive in an archive"),
    "a workbook": (lambda: zip_of(b"x", "[Content_Types].xml"), "a workbook"),
    "an empty zip": (lambda: b"PK\x05\x06" + bytes(18), "no files of traces"),
    "a tar in gzip": (lambda: gzip.compress(bytes(257) + b"ustar" + bytes(250)), "tar archive"),
    "an image": (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(60), "not UTF-8"),
    "10,000 levels of objects in an array": (
        lambda: b'[{"messages": ' + b'{"a": ' * 10_000 + b"1" + b"}" * 10_000 + b"}]",
        "nested too deeply",
    ),
    "10,000 levels, cut": (lambda: b'{"messages": ' + b"[" * 10_000, "nested too deeply"),
    "half an object": (lambda: lines(chat("a"))[:40], "not JSON"),
    "half an array": (lambda: b"[" + lines(chat("a"))[:40], "not JSON"),
    "rows of other columns": (
        lambda: b'{"who": "a", "why": "b"}\n{"who": "c", "why": "d"}\n',
        r"columns who, why: name those you mean, as in fieldbook view \S+ --input",
    ),
    "objects with a role that are no messages": (
        lambda: json.dumps({"data": [{"role": "x", "wind": 3}] * 9}).encode(),
        "Its objects have the fields data",
    ),
    "a name that is nearly right": (
        lambda: b'{"xmessages": [1]}',
        r"Nearest: [\w, -]+ \(it has messages where this has xmessages",
    ),
}


def zip_of(content: bytes, name: str = "a.jsonl") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def zip_bomb(mb: int) -> bytes:
    return zip_of(bytes(mb * 2**20))


def many_members(n: int, first: bytes = b"") -> bytes:
    """An archive whose members are within bounds one by one, and far too large together."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first.jsonl", first)
        for number in range(n):
            archive.writestr(f"{number}.jsonl", bytes(30 * 2**20))
    return packed.getvalue()


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_ends_in_one_clear_error(tmp_path, what):
    make, words = HOSTILE[what]
    path = saved(tmp_path / "file", make())
    with pytest.raises(RecordError, match=words) as caught:
        read_traces(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1_500


def test_what_is_nested_too_deeply_costs_its_place_and_keeps_nothing_from_being_written(tmp_path):
    depths = [90, 190, 250, 400, 900, 3_000, 10_000]
    records = []
    for levels in depths:
        arguments = '{"x": ' + "[" * levels + "]" * levels + "}"
        call = {"id": "c", "function": {"name": "f", "arguments": arguments}}
        record = chat(f"d{levels}")
        record["messages"].append({"role": "assistant", "tool_calls": [call]})
        records.append(record)
    deep = b"".join(
        b'{"id": "o%d", "messages": [{"role": "user", "content": "hi"}], "x": ' % levels
        + b"[" * levels
        + b"]" * levels
        + b"}\n"
        for levels in depths
    )
    path = saved(tmp_path / "deep.jsonl", lines(*records) + deep + lines(chat("flat")))
    with warnings.catch_warnings(action="ignore", category=SkippedRecords):
        traces = read_traces(path)
    write_traces(tmp_path / "out.jsonl", traces)
    assert read_traces(tmp_path / "out.jsonl") == traces
    assert {"d90", "o90", "flat"} <= set(ids(traces))
    skipped = {problem.id for problem in traces.report.problems}
    assert len(set(ids(traces)) | skipped) == 2 * len(depths) + 1
    assert "nested too deeply" in str(traces.report)


def test_lone_surrogates_are_shown_and_written(tmp_path):
    path = saved(
        tmp_path / "a.jsonl",
        b'{"id": "a\\ud83d", "messages": [{"role": "user", "content": "\\udc00"}]}',
    )
    [trace] = read_traces(path)
    assert (trace.id, trace.text()) == ("a\ufffd", "\ufffd")
    write_traces(tmp_path / "out.jsonl", [trace])
    assert trace._repr_html_().encode()


FIELDBOOK = Path(sys.executable).with_name("fieldbook")


def fieldbook(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [FIELDBOOK, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_import_takes_several_files_and_says_what_was_passed_over(tmp_path):
    odd = {**chat("a"), "note": [{"mood": "calm"}]}
    a = saved(tmp_path / "in" / "a.jsonl", lines(odd))
    b = saved(tmp_path / "in" / "b.csv", b"id,input,output\nb,Open?,Yes.\n")
    done = fieldbook("import", a, b, "--to", tmp_path / "out.jsonl")
    assert done.returncode == 0, done.stderr
    assert "chat (1 record), table (1 record)" in done.stdout
    assert "kept in meta: note" in done.stdout
    assert ids(read_traces(tmp_path / "out.jsonl")) == ["a", "b"]
    again = fieldbook("import", tmp_path / "in", "--to", tmp_path / "in" / "out.jsonl")
    assert (again.returncode != 0, "in the folder to be read" in again.stderr) == (True, True)


def test_import_refuses_in_one_line(tmp_path):
    path = saved(tmp_path / "half.gz", gzip.compress(lines(chat("a")))[:30])
    done = fieldbook("import", path, "--to", tmp_path / "out.jsonl")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "this looks like gzip that is cut short" in done.stderr


def test_a_file_that_is_reached_twice_is_read_once(tmp_path):
    file = tmp_path / "talk.jsonl"
    file.write_text('{"id": "a", "messages": [{"role": "user", "content": "hi"}]}\n')
    (tmp_path / "latest.jsonl").symlink_to(file)
    assert [trace.id for trace in read_traces(tmp_path)] == ["a"]
    assert [trace.id for trace in read_traces([file, str(file)])] == ["a"]


def test_a_pattern_follows_no_link_out_of_its_folder_either(tmp_path):
    secret = saved(tmp_path / "secret" / "s.jsonl", lines(chat("secret")))
    runs = tmp_path / "runs"
    saved(runs / "1" / "a.jsonl", lines(chat("a")))
    (runs / "out.jsonl").symlink_to(secret)
    (runs / "2").symlink_to(secret.parent)
    (runs / "latest").symlink_to(runs / "1")
    refused_by_pattern = {
        "**/*.jsonl": ["out.jsonl"],
        "*": ["2", "out.jsonl"],
        "*/*.jsonl": ["s.jsonl"],
    }
    for pattern, refused in refused_by_pattern.items():
        with pytest.warns(SkippedRecords):
            traces = read_traces(runs / pattern)
        assert ids(traces) == ["a"], pattern
        assert [Path(problem.file).name for problem in traces.report.problems] == refused
        assert all("leads out of the folder" in problem.why for problem in traces.report.problems)
    with pytest.raises(RecordError, match="leads out of the folder: not followed"):
        read_traces(runs / "out*")
    assert ids(read_traces(runs / "latest" / "*.jsonl")) == ["a"]


def test_a_folder_and_a_file_in_it_are_read_once(tmp_path):
    file = saved(tmp_path / "a.jsonl", lines(chat("a")))
    assert ids(read_traces([tmp_path, file, tmp_path / "*.jsonl"])) == ["a"]


def noise(n: int) -> bytes:
    """Traces that gzip cannot make much smaller, so that a cut falls into one of them."""
    words = [sha256(str(number).encode()).hexdigest() * 3 for number in range(n)]
    return lines(*(chat(f"t{number}", text) for number, text in enumerate(words)))


def damaged(packed: bytes, at: int) -> bytes:
    return packed[:at] + bytes([packed[at] ^ 255]) + packed[at + 1 :]


@pytest.mark.parametrize("way", ["cut", "damaged", "second file cut"])
def test_what_stands_before_the_cut_of_a_gzip_is_read_and_the_cut_is_named(tmp_path, way):
    packed = gzip.compress(noise(9000))
    content = {
        "cut": packed[: len(packed) // 2],
        "damaged": damaged(packed, len(packed) - 5),
        "second file cut": packed + gzip.compress(lines(chat("last")))[:12],
    }[way]
    with pytest.warns(SkippedRecords):
        traces = read_traces(saved(tmp_path / "runs.jsonl.gz", content))
    assert ids(traces) == [f"t{number}" for number in range(len(traces))]
    assert len(traces) > 4000
    cut = traces.report.problems[-1]
    assert cut.record == 0
    assert re.search(r"gzip that is (cut short|broken \(.*\)), in line [\d,]+ \(byte", cut.why)
    if way == "cut":
        assert f"in line {len(traces) + 1:,} (byte" in cut.why
        assert len(traces) < 9000


def test_a_document_that_is_cut_off_is_refused_with_the_cut(tmp_path):
    document = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "a"}] * 99}]}]})
    path = saved(tmp_path / "spans.json.gz", gzip.compress(document.encode())[:-20])
    with pytest.raises(RecordError, match="gzip that is cut short, in line 1") as caught:
        read_traces(path)
    assert "it begins with '{\"resourceSpans" in str(caught.value)


def test_what_stands_before_the_cut_of_a_zip_archive_is_read(tmp_path):
    whole = zipped(tmp_path / "whole.zip", {"a.jsonl": lines(chat("a")), "b.jsonl": noise(3000)})
    content = whole.read_bytes()
    with pytest.warns(SkippedRecords):
        traces = read_traces(saved(tmp_path / "half.zip", content[: len(content) // 2]))
    assert ids(traces)[:2] == ["a", "t0"]
    assert 500 < len(traces) < 3000
    [archive, last_line, member] = traces.report.problems
    assert "zip archive that is cut short" in archive.why
    assert last_line.record == len(traces)
    assert member.file.endswith("half.zip/b.jsonl")
    assert f"this member is cut short, in line {len(traces):,} (byte" in member.why


def test_half_a_zip_bomb_of_many_members_ends_at_what_all_may_hold_together(tmp_path):
    cut = many_members(9, first=lines(chat("a")))[:-200]
    with pytest.warns(SkippedRecords):
        traces = read_traces(saved(tmp_path / "half.zip", cut))
    assert ids(traces) == ["a"]
    *_, last = traces.report.problems
    assert "unpacks to more than" in last.why
    assert len(traces.report.problems) < 9


def test_a_member_that_is_damaged_costs_what_comes_after_the_damage(tmp_path):
    path = zipped(tmp_path / "a.zip", {"b.jsonl": noise(9000), "c.jsonl": lines(chat("c"))})
    content = path.read_bytes()
    middle = content.index(b"PK\x03\x04", 4) // 2
    with pytest.warns(SkippedRecords):
        traces = read_traces(saved(tmp_path / "b.zip", damaged(content, middle)))
    assert ids(traces)[0] == "t0"
    assert ids(traces)[-1] == "c"
    assert any("this member cannot be read" in problem.why for problem in traces.report.problems)


def test_columns_are_named_and_the_refusal_says_how(tmp_path):
    rows = "key;frage;antwort\n7;Ist der Laden auf?;Ja, bis sechs.\n8;Und morgen?;Nein, nicht.\n"
    commands = []
    for name, content in {
        "rows of mine.csv": rows.encode(),
        "utf16.csv": rows.encode("utf-16"),
        "tabs.csv": rows.replace(";", "\t").encode(),
        "rows.jsonl": lines(
            {"key": 7, "frage": "Ist der Laden auf?", "antwort": "Ja, bis sechs."},
            {"key": 8, "frage": "Und morgen?", "antwort": "Nein, nicht."},
        ),
    }.items():
        path = saved(tmp_path / name, content)
        with pytest.raises(RecordError) as caught:
            read_traces(path)
        [call] = re.findall(r"\(in Python: (read_traces\(.*\))\)", str(caught.value))
        for traces in (
            eval(call),
            read_traces(path, id="key", input="frage", output="antwort"),
        ):
            assert ids(traces) == ["7", "8"]
            assert traces[0].text("user") == "Ist der Laden auf?"
            assert traces[1].text("assistant") == "Nein, nicht."
            assert traces.report.decided == "by the columns key, frage, antwort"
        [command] = re.findall(r"as in fieldbook (view .*?) \(in Python", str(caught.value))
        commands.append(shlex.split(command))
    done = fieldbook(*commands[0], "--no-open", "--out", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    assert "Ist der Laden auf?" in (tmp_path / "page.html").read_text()


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    path = saved(tmp_path / "rows.csv", b"key,said\n7,hi\n")
    with pytest.raises(RecordError, match="no column 'word'; the columns are: key, said"):
        read_traces(path, input="word")
    with pytest.raises(UsageError, match="name the column of the input"):
        read_traces(path, id="key")


def test_the_lists_of_messages_that_pandas_writes_into_csv_are_messages(tmp_path):
    talks = [
        [
            {"role": "user", "content": 'It\'s "open"?\n1 {a}'},
            {"role": "assistant", "content": "Ja"},
        ],
        [{"role": "user", "content": "Größe?", "name": None}],
    ]
    path = tmp_path / "rows.csv"
    pd.DataFrame({"id": ["a", "b"], "messages": talks}).to_csv(path, index=False)
    arrays = pd.DataFrame({"id": ["a"], "talk": [np.array(talks[0], dtype=object)]})
    arrays.to_csv(tmp_path / "arrays.csv", index=False)
    assert [trace.text() for trace in read_traces(path)] == ['It\'s "open"?\n1 {a}\n\nJa', "Größe?"]
    [trace] = read_traces(tmp_path / "arrays.csv", id="id", input="talk")
    assert trace.text("assistant") == "Ja"


@pytest.mark.parametrize(
    "cell",
    [
        "[{'role': __import__('os').getcwd()}]",
        "{'role', 'content'}",
        "{'role': b'user'}",
        "[{'role': " + "[" * 100_000,
        "[{'role': " + "-" * 400_000 + "1}]",
        "[{'role': " + "1+" * 200_000 + "1}]",
        "[{'role': '\\d', 'content': 9**9**9}]",
        "[{'role': 'user', 'content': '" + "x" * 600_000 + "'}]",
    ],
    ids=["call", "set", "bytes", "deep", "signs", "sums", "power", "long"],
)
def test_a_cell_that_is_no_literal_of_json_or_too_large_stays_text(cell):
    assert decoded_cell(cell) == cell


def test_the_same_file_comes_in_by_standard_input(tmp_path):
    for content in (lines(chat("a")), gzip.compress(lines(chat("a")))):
        file = saved(tmp_path / "in", content)
        with file.open("rb") as stdin:
            done = subprocess.run(
                [FIELDBOOK, "import", "-", "--to", tmp_path / "out.jsonl"],
                stdin=stdin,
                capture_output=True,
                text=True,
                timeout=60,
            )
        assert done.returncode == 0, done.stderr
        assert "wrote 1 trace to" in done.stdout
        assert ids(read_traces(tmp_path / "out.jsonl")) == ["a"]


def test_a_form_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path):
    done = fieldbook("import", tmp_path / "none.jsonl", "--to", tmp_path / "out", "--form", "xx")
    assert done.returncode == 2
    assert "no form 'xx': traces are written as fieldbook, chat, atif, otlp" in done.stderr
    assert "none.jsonl" not in done.stderr


MY_FORM = """
from toolkit.traces import Format, Step, Trace, register_format

def read(record, id):
    return Trace(id, (Step("1", "message", "user", record["jotting"]),))

register_format(Format("jotting", ("jotting",), read))
"""


@pytest.mark.parametrize("command", ["view", "import", "lab"])
def test_each_command_that_reads_takes_a_form_of_yours(tmp_path, command):
    form = saved(tmp_path / "my_form.py", MY_FORM.encode())
    file = saved(tmp_path / "in.jsonl", b'{"jotting": "The tandem is lost."}\n')
    last = {
        "view": [file, "--out", tmp_path / "page.html"],
        "import": [file, "--to", tmp_path / "out.jsonl"],
        "lab": ["--traces", file, "--folder", tmp_path / "notebooks", "--no-open"],
    }[command]
    done = fieldbook(command, *last, "--formats", form)
    assert done.returncode == 0, done.stderr
    assert "jotting (decided from the content: 1 of 1 record fit)" in done.stdout
    if command == "lab":
        labels = Path(__file__).parents[2] / "fieldbook-out"  # as the tour looks for them
        assert f"to label them: {tmp_path / 'notebooks'}" in done.stdout
        assert f"labels: {labels / 'in-'}" in done.stdout


def test_the_notebooks_know_a_form_that_lab_was_given(tmp_path):
    form = saved(tmp_path / "my_form.py", MY_FORM.encode())
    file = saved(tmp_path / "in.jsonl", b'{"jotting": "The tandem is lost."}\n')
    code = f"from toolkit.traces import read_traces; print(read_traces({str(file)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "FIELDBOOK_FORMATS": str(form)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "The tandem is lost." in done.stdout, done.stderr
