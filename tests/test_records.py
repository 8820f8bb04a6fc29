"""The JSON boundary, and the file that is fsynced."""

import os
import subprocess
import sys

import pytest

from toolkit.events import Event
from toolkit.records import JsonlFile, RecordError, canonical, decode, validate, write_whole

WRITER = """
import sys
from toolkit.events import Event
from toolkit.records import JsonlFile
file = JsonlFile(sys.argv[1], Event)
print("ready", flush=True)
sys.stdin.readline()
for n in range(int(sys.argv[3])):
    file.append(Event("s", "message", sys.argv[2], {"text": "x" * (n % 50)}, f"{sys.argv[2]}-{n}"))
"""


def event(name: str) -> Event:
    return Event("s", "message", "user", {"text": name}, name)


def test_what_is_appended_is_read_back_in_order(tmp_path):
    file = JsonlFile(tmp_path / "deep" / "log.jsonl", Event)
    assert list(file.records()) == []
    file.append(event("a"), event("b"))
    file.append(event("c"))
    assert [record.id for record in JsonlFile(file.path, Event).records()] == ["a", "b", "c"]


@pytest.mark.parametrize("torn", [b'{"session":"s","ki', b"x" * 200_000])
def test_a_torn_line_is_passed_over_and_cut_off_by_the_next_append(tmp_path, torn):
    file = JsonlFile(tmp_path / "log.jsonl", Event)
    file.append(event("a"))
    with file.path.open("ab") as raw:
        raw.write(torn)
    assert [record.id for record in file.records()] == ["a"]
    file.append(event("b"))
    assert [record.id for record in file.records()] == ["a", "b"]
    assert file.path.read_bytes().count(b"\n") == 2


def test_a_file_that_is_one_torn_line_starts_anew(tmp_path):
    file = JsonlFile(tmp_path / "log.jsonl", Event)
    file.path.write_bytes(b"torn")
    file.append(event("a"))
    assert [record.id for record in file.records()] == ["a"]


def test_two_processes_that_append_at_once_lose_nothing(tmp_path):
    path, count = tmp_path / "log.jsonl", 60
    start = [sys.executable, "-c", WRITER, str(path)]
    writers = [
        subprocess.Popen([*start, name, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in ("left", "right")
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    ids = [record.id for record in JsonlFile(path, Event).records()]
    for name in ("left", "right"):
        assert [id_ for id_ in ids if id_.startswith(name)] == [f"{name}-{n}" for n in range(count)]


def test_a_bad_line_is_reported_with_its_number_and_the_others_are_kept(tmp_path):
    file = JsonlFile(tmp_path / "log.jsonl", Event)
    file.append(event("a"))
    with file.path.open("ab") as raw:
        raw.write(b'\n{"session":"s","kind":5}\n\xff\n')
    file.append(event("b"))
    lines = list(file.lines())
    assert [line.number for line in lines] == [1, 3, 4, 5]
    assert [line.record and line.record.id for line in lines] == ["a", None, None, "b"]
    assert (lines[1].error.file, lines[1].error.line, lines[1].error.field) == (str(file.path), 3, "kind")
    with pytest.raises(RecordError, match=r"log\.jsonl:3: field kind"):
        list(file.records())


def test_an_append_is_all_or_nothing(tmp_path):
    file = JsonlFile(tmp_path / "log.jsonl", Event)
    file.append(event("a"))
    with pytest.raises(ValueError, match="serialize"):
        file.append(event("b"), Event("s", "message", "user", {"bad": object()}, "c"))
    assert [record.id for record in file.records()] == ["a"]


def test_an_error_names_file_line_and_field():
    with pytest.raises(RecordError) as caught:
        decode(list[Event], '[{"session": "s"}]', "x.json", 3)
    assert str(caught.value) == "x.json:3: field 0.kind: Field required"
    with pytest.raises(RecordError, match=r"^record: Input should be a valid integer"):
        validate(int, "many")


def test_canonical_text_does_not_depend_on_the_order_of_keys():
    assert canonical({"b": 1, "a": {"d": "é", "c": None}}) == canonical({"a": {"c": None, "d": "é"}, "b": 1})
    assert canonical({"b": 1, "a": 2}) == '{"a":2,"b":1}'


def synced_folders(monkeypatch):
    seen, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: seen.append(os.fstat(number).st_ino) or sync(number))
    return lambda *folders: [folder for folder in folders if folder.stat().st_ino in seen]


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be opened")
def test_the_name_of_a_new_file_is_fsynced_and_that_of_its_folder(tmp_path, monkeypatch):
    synced = synced_folders(monkeypatch)
    file = JsonlFile(tmp_path / "deep" / "log.jsonl", Event)
    file.append(event("a"))
    assert synced(tmp_path, tmp_path / "deep", file.path) == [tmp_path, tmp_path / "deep", file.path]
    synced = synced_folders(monkeypatch)
    file.append(event("b"))
    assert synced(tmp_path, tmp_path / "deep", file.path) == [file.path]


def test_a_file_is_replaced_whole_and_fsynced_or_left_as_it_was(tmp_path, monkeypatch):
    path, synced = tmp_path / "new" / "a.txt", synced_folders(monkeypatch)
    write_whole(path, "one\r\n")
    assert path.read_bytes() == b"one\r\n"
    assert synced(path, path.parent) == [path, path.parent]

    def full(number):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_whole(path, "two")
    assert [(place, place.read_bytes()) for place in path.parent.iterdir()] == [(path, b"one\r\n")]
