"""The JSON boundary, and the file that is fsynced."""

import codecs
import errno
import os
import re
import stat
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from toolkit.events import Event
from toolkit.jsonl import FileChanged, JsonlFile, TornLine
from toolkit.records import RecordError, canonical, decode, encode, read_text, validate, write_whole

WRITER = """
import sys
from toolkit.events import Event
from toolkit.jsonl import JsonlFile
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


@pytest.mark.parametrize(
    "torn", [b'{"session":"s","ki', b"x" * 200_000, b"\xff\0\0", b"[" * 100_000]
)
def test_a_torn_line_is_passed_over_and_kept_aside_by_the_next_append(tmp_path, torn):
    file = JsonlFile(tmp_path / "log.jsonl", Event)
    file.append(event("a"))
    with file.path.open("ab") as raw:
        raw.write(torn)
    assert [record.id for record in file.records()] == ["a"]
    problem = list(file.lines())[-1].error
    assert isinstance(problem, TornLine)
    assert (problem.line, "log.jsonl.torn" in str(problem)) == (2, True)
    file.append(event("b"))
    assert [record.id for record in file.records()] == ["a", "b"]
    assert file.path.read_bytes().count(b"\n") == 2
    assert file.torn_path.read_bytes() == torn + b"\n"
    assert [line.error for line in file.lines()] == [None, None]


def test_a_file_that_is_one_torn_line_starts_anew(tmp_path):
    file = JsonlFile(tmp_path / "log.jsonl", Event)
    file.path.write_bytes(b"torn")
    file.append(event("a"))
    assert [record.id for record in file.records()] == ["a"]


def test_two_processes_that_append_at_once_lose_nothing(tmp_path):
    path, count = tmp_path / "log.jsonl", 60
    start = [sys.executable, "-c", WRITER, str(path)]
    writers = [
        subprocess.Popen(
            [*start, name, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
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
    assert (lines[1].error.file, lines[1].error.line, lines[1].error.field) == (
        str(file.path),
        3,
        "kind",
    )
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
    assert canonical({"b": 1, "a": {"d": "é", "c": None}}) == canonical(
        {"a": {"c": None, "d": "é"}, "b": 1}
    )
    assert canonical({"b": 1, "a": 2}) == '{"a":2,"b":1}'


def synced_folders(monkeypatch):
    seen, sync = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda number: seen.append(os.fstat(number).st_ino) or sync(number)
    )
    return lambda *folders: [folder for folder in folders if folder.stat().st_ino in seen]


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be opened")
def test_the_name_of_a_new_file_is_fsynced_and_that_of_its_folder(tmp_path, monkeypatch):
    synced = synced_folders(monkeypatch)
    file = JsonlFile(tmp_path / "deep" / "log.jsonl", Event)
    file.append(event("a"))
    assert synced(tmp_path, tmp_path / "deep", file.path) == [
        tmp_path,
        tmp_path / "deep",
        file.path,
    ]
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


def write(path, events, mark=b"", end="\n", last_end="\n", encoding="utf-8"):
    """A file as another program writes it."""
    path.write_bytes(mark + (end.join(map(encode, events)) + last_end).encode(encoding))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["newline", "CRLF", "CR"])
@pytest.mark.parametrize("has_last_end", [True, False], ids=["ended", "open"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
    ids=["bare", "mark", "UTF-16-LE", "UTF-16-BE", "UTF-32"],
)
@pytest.mark.parametrize("count", [1, 3])
def test_what_another_program_wrote_is_read_and_an_append_keeps_it(
    tmp_path, end, has_last_end, mark, encoding, count
):
    file, names = JsonlFile(tmp_path / "log.jsonl", Event), [f"{n} é 🚲" for n in range(count)]
    write(file.path, map(event, names), mark, end, end if has_last_end else "", encoding)
    assert [(line.number, line.record.id) for line in file.lines()] == list(enumerate(names, 1))
    known = file.content().end
    end_of_file = file.append(event("mine"), expected_end=known)
    assert [record.id for record in file.records()] == [*names, "mine"]
    file.append(event("more"), expected_end=end_of_file)
    assert [record.id for record in file.records()] == [*names, "mine", "more"]
    assert not file.torn_path.exists()


def test_a_last_line_that_is_json_but_no_record_stays_in_the_file_as_a_problem(tmp_path):
    file = JsonlFile(tmp_path / "log.jsonl", Event)
    file.path.write_bytes(b'{"session":"s","kind":5}')
    file.append(event("b"))
    lines = list(file.lines())
    assert [(line.number, line.error and line.error.field) for line in lines] == [
        (1, "kind"),
        (2, None),
    ]


def test_utf_16_that_is_broken_is_named_with_its_line_and_never_written_to(tmp_path):
    file = JsonlFile(tmp_path / "log.jsonl", Event)
    write(file.path, [event("a"), event("b")], codecs.BOM_UTF16_LE, encoding="utf-16-le")
    broken = file.path.read_bytes() + b"\x00\xdc\x00\xdc{"
    file.path.write_bytes(broken)
    lines = list(file.lines())
    assert [line.record and line.record.id for line in lines] == ["a", "b", None]
    assert lines[2].error.line == 3
    with pytest.raises(RecordError, match=r"log\.jsonl:3: byte \d+ is not UTF-16"):
        file.append(event("c"))
    assert file.path.read_bytes() == broken


@given(
    names=st.lists(st.text(max_size=5), max_size=4),
    tail=st.binary(max_size=12)
    | st.sampled_from([b'{"session":"s"', b"   ", b"\r", b"1", b"\xef\xbb\xbf"]),
    mark=st.sampled_from([b"", codecs.BOM_UTF8]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
@example(names=[], tail=b"\x00\n\x00", mark=b"", end="\n")
def test_whatever_stands_at_the_end_of_a_file_no_byte_of_it_is_lost(
    tmp_path_factory, names, tail, mark, end
):
    file = JsonlFile(tmp_path_factory.mktemp("tail") / "log.jsonl", Event)
    write(file.path, map(event, names), mark, end, end if names else "")
    before = file.path.read_bytes() + tail
    file.path.write_bytes(before)
    if before.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return  # by its mark it is no UTF-8, and has tests of its own
    known = file.content().end
    file.append(event("mine"), expected_end=known)
    assert [line.record.id for line in file.lines() if line.record] == [*names, "mine"]
    aside = file.torn_path.read_bytes() if file.torn_path.exists() else b""
    kept = file.path.read_bytes() + aside
    # a tail of several lines may be parted: what is whole stays, the torn rest stands aside
    assert all(piece in kept for piece in re.split(rb"[\r\n]", tail))
    assert Counter(before) <= Counter(kept)


def test_an_append_to_what_another_program_wrote_since_is_refused_and_writes_nothing(tmp_path):
    file = JsonlFile(tmp_path / "log.jsonl", Event)
    known = file.append(event("a"))
    JsonlFile(file.path, Event).append(event("b"))
    with pytest.raises(FileChanged, match="another program"):
        file.append(event("c"), expected_end=known)
    assert [record.id for record in file.records()] == ["a", "b"]


@contextmanager
def small_disk(folder, size):
    """A disk of `size` bytes at `folder`; needs root."""
    if not sys.platform.startswith("linux") or os.geteuid():
        pytest.skip(
            "a small disk of its own needs root on Linux; the test with a limit on the file's size ran"
        )
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk may be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(file):
    """Append until there is no more room. Gives how many were acknowledged, and the error."""
    for count in range(200):
        try:
            file.append(event(f"{count}-" + "x" * 5000))
        except OSError as error:
            return count, error
    raise AssertionError("a small disk takes it all")


def test_a_full_disk_leaves_whole_lines_and_the_file_goes_on_when_there_is_room(tmp_path):
    with small_disk(tmp_path, 256 * 1024):
        file, ballast = JsonlFile(tmp_path / "log.jsonl", Event), tmp_path / "ballast"
        ballast.write_bytes(b"x" * 150_000)
        count, error = fill(file)
        assert (error.errno, "disk full" in str(error)) == (errno.ENOSPC, True)
        assert file.path.read_bytes().endswith(b"\n")
        assert len(list(file.records())) == count
        write_whole(tmp_path / "small.txt", "fits")
        with pytest.raises(OSError, match="disk full"):
            write_whole(tmp_path / "small.txt", "x" * 200_000)
        assert (tmp_path / "small.txt").read_text() == "fits"
        ballast.unlink()
        file.append(event("room"))
        assert [record.id for record in file.records()][-1] == "room"
        assert len(list(file.records())) == count + 1


LIMITED = """
import resource, sys
from pathlib import Path
from toolkit.events import Event
from toolkit.jsonl import JsonlFile
from toolkit.records import write_whole

def event(text):
    return Event("s", "message", "user", {"text": text}, text[:8])

hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
file = JsonlFile(sys.argv[1], Event)
file.append(event("first"))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
errors = []
for write in (lambda: file.append(event("x" * 30_000)), lambda: write_whole(sys.argv[1] + ".txt", "x" * 30_000)):
    try:
        write()
    except OSError as error:
        errors.append("disk full" in str(error))
size = Path(sys.argv[1]).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
file.append(event("later"))
print(errors, size, [record.id for record in file.records()], Path(sys.argv[1] + ".txt").exists())
"""


@pytest.mark.skipif(os.name != "posix", reason="limits are POSIX")
def test_a_write_that_is_cut_short_leaves_no_half_line(tmp_path):
    path = tmp_path / "log.jsonl"
    JsonlFile(path, Event).append(Event("s", "message", "user", {"text": "first"}, "first"))
    one_line = path.stat().st_size
    path.unlink()
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.strip() == f"[True, True] {one_line} ['first', 'later'] False"


@pytest.mark.skipif(os.name != "posix", reason="modes and links are POSIX")
def test_a_file_that_is_written_whole_keeps_its_mode_and_stays_behind_its_link(tmp_path):
    target, link = tmp_path / "real" / "secret.txt", tmp_path / "link.txt"
    write_whole(target, "one")
    target.chmod(0o600)
    link.symlink_to(target)
    write_whole(link, "two")
    assert link.is_symlink()
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("two", 0o600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.txt", "real"]
    missing = tmp_path / "dangling.txt"
    missing.symlink_to(tmp_path / "later.txt")
    write_whole(missing, "three")
    assert (tmp_path / "later.txt").read_text() == "three"


@pytest.mark.skipif(os.name != "posix", reason="pipes with names are POSIX")
def test_the_draft_of_a_private_file_is_private_before_it_takes_its_place(tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text("before")
    secret.chmod(0o600)
    modes = []
    fsync = os.fsync

    def seen(descriptor):
        modes.extend(draft.stat().st_mode & 0o777 for draft in tmp_path.glob("*.tmp"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    write_whole(secret, "after")
    assert modes == [0o600]
    assert secret.stat().st_mode & 0o777 == 0o600


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
    write_whole(pipe, "through")
    assert reader.communicate(timeout=20)[0] == b"through"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_is_read_whoever_wrote_it(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes("Grüße\r\n🚲\rend\n".encode(encoding))
    assert read_text(path) == "Grüße\n🚲\nend\n"


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"one\r\ntwo \xff", r"a\.txt:2: byte 9 is not UTF-8"),
        (
            codecs.BOM_UTF16_LE + "one\ntwo".encode("utf-16-le") + b"x",
            r"a\.txt:2: byte 16 is not UTF-16",
        ),
    ],
)
def test_text_that_is_no_unicode_is_named_with_its_line(tmp_path, raw, where):
    path = tmp_path / "a.txt"
    path.write_bytes(raw)
    with pytest.raises(RecordError, match=where):
        read_text(path)
