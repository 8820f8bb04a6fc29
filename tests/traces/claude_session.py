"""A long session of Claude Code, written by hand rather than by a model, for tests and pictures.

>>> lines = session()
>>> len({line["uuid"] for line in lines if "uuid" in line}) > 50
True

`python -m tests.traces.claude_session FILE` writes it. The story: a shop's clock shows the wrong
hour. The agent looks, asks a sub-agent, is shown a screenshot, edits a file wrongly (the edit
fails, since the text is not there), edits it rightly, and breaks another test, which it says is
fine. It goes wrong at the second run of the tests.
"""

import base64
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SESSION = "5e7a9c1e-0000-4000-8000-00000000c10c"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MODEL = "claude-opus-4-5"
SUB_MODEL = "claude-haiku-4-5"
Line = dict[str, Any]

CLOCK = """\
from datetime import datetime


OFFSET_HOURS = 1


def hour_now(now: datetime) -> int:
    \"\"\"The hour that the clock shows.\"\"\"
    return now.hour + OFFSET_HOURS


def label(now: datetime) -> str:
    return f"{hour_now(now):02}:{now.minute:02}"
"""
TESTS_FAIL = """\
Exit code 1
============================= test session starts ==============================
collected 4 items

tests/test_clock.py .F..                                                 [100%]

=================================== FAILURES ===================================
_____________________________ test_winter_is_utc _______________________________

    def test_winter_is_utc():
>       assert hour_now(datetime(2026, 1, 5, 12)) == 12
E       assert 13 == 12

tests/test_clock.py:9: AssertionError
========================= 1 failed, 3 passed in 0.04s =========================
"""
TESTS_FAIL_AGAIN = TESTS_FAIL.replace("test_winter_is_utc", "test_summer_is_an_hour_on").replace(
    "2026, 1, 5, 12", "2026, 7, 5, 12"
)


def picture(width: int = 240, height: int = 120) -> str:
    """A PNG of a clock that shows the wrong hour: a dark face with two bars, as base64."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            on_hand = (abs(x - width // 2) < 3 and y < height // 2) or (
                abs(y - height // 2) < 3 and width // 2 <= x < width - 40
            )
            rows += b"\xd9\x77\x57" if on_hand else bytes((30, 34 + y // 4, 44 + x // 8))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        png += struct.pack(">I", len(data)) + name + data + checksum
    return base64.b64encode(png).decode()


class Writer:
    """The lines of a session, each on the one before, some seconds apart."""

    def __init__(self, start: datetime, prefix: str, model: str, **envelope: Any) -> None:
        self.lines: list[Line] = []
        self.now = start
        self._prefix = prefix
        self._model = model
        self._envelope = envelope
        self._parent: str | None = None
        self._n_replies = 0

    def line(self, kind: str, seconds: float, **fields: Any) -> Line:
        """Append a line of a kind, so many seconds after the last."""
        self.now += timedelta(seconds=seconds)
        uuid = f"{self._prefix}{len(self.lines) + 1:03}"
        line = {
            "parentUuid": self._parent,
            "isSidechain": False,
            "userType": "external",
            "cwd": "/home/ada/shop",
            "sessionId": SESSION,
            "version": "2.1.227",
            "gitBranch": "main",
            "type": kind,
            **fields,
            "uuid": uuid,
            "timestamp": self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            **self._envelope,
        }
        self._parent = uuid
        self.lines.append(line)
        return line

    def user(self, content: Any, seconds: float = 20, **fields: Any) -> None:
        """Append what the user says."""
        self.line("user", seconds, message={"role": "user", "content": content}, **fields)

    def reply(self, *blocks: Line, seconds: float = 4) -> None:
        """Append a reply of the model: a line a block, and its usage on each."""
        self._n_replies += 1
        reply_id = f"msg_{self._prefix}{self._n_replies:03}"
        for position, block in enumerate(blocks, 1):
            is_last = position == len(blocks)
            usage = {
                "input_tokens": 4 + self._n_replies,
                "cache_creation_input_tokens": 220 + 35 * self._n_replies,
                "cache_read_input_tokens": 14_000 + 900 * self._n_replies,
                "output_tokens": 90 + 11 * self._n_replies if is_last else 3,
                "service_tier": "standard",
            }
            has_call = block["type"] == "tool_use"
            message = {
                "id": reply_id,
                "type": "message",
                "role": "assistant",
                "model": self._model,
                "content": [block],
                "stop_reason": ("tool_use" if has_call else "end_turn") if is_last else None,
                "usage": usage,
            }
            self.line("assistant", seconds, message=message, requestId=f"req_{reply_id}")

    def result(
        self, call: Line, content: Any, stated: Any = None, failed: bool = False, seconds: float = 1
    ) -> None:
        """Append the result of a call, and what the tool returned besides."""
        block = {"tool_use_id": call["id"], "type": "tool_result", "content": content}
        if failed:
            block["is_error"] = True
        stated = stated if stated is not None else content
        message = {"role": "user", "content": [block]}
        self.line("user", seconds, message=message, toolUseResult=stated)


def text(words: str) -> Line:
    return {"type": "text", "text": words}


def thought(words: str) -> Line:
    return {"type": "thinking", "thinking": words, "signature": "c2lnbmVk"}


def calls(prefix: str) -> Iterator[str]:
    """The ids of calls, one after the other."""
    number = 0
    while True:
        number += 1
        yield f"toolu_{prefix}{number:02}"


def session(sub_agent_beside: bool = False) -> list[Line]:
    """The lines of the session.

    Parameters
    ----------
    sub_agent_beside
        Leave the lines of the sub-agent out: they are in `sub_agent`, for a file of their own.
    """
    ids = calls("main")

    def call(name: str, **arguments: Any) -> Line:
        return {"type": "tool_use", "id": next(ids), "name": name, "input": arguments}

    writer = Writer(START, "m", MODEL)
    _look_around(writer, call)
    started = call(
        "Task",
        description="Find every clock",
        subagent_type="Explore",
        prompt="Find each place where the shop shows the hour, and say which use hour_now.",
    )
    writer.reply(text("The hour may be shown elsewhere. I let a sub-agent look."), started)
    sub_lines = sub_agent(writer.now)
    writer.now += timedelta(seconds=31)
    writer.result(
        started,
        [text("Three places show the hour; `receipt.py` formats it by itself.")],
        {"status": "completed", "agentId": "a7f3", "totalDurationMs": 31000, "totalTokens": 4210},
    )
    _edit(writer, call)
    _finish(writer, call)
    summary = {"type": "summary", "summary": "The clock is an hour late", "leafUuid": "m001"}
    lines = [summary, *writer.lines]
    return lines if sub_agent_beside else lines + sub_lines


def _look_around(writer: Writer, call: Any) -> None:
    """The user asks; the agent reads and searches, and is shown a picture."""
    writer.user(
        "The clock on the shop's page shows **13:05** at noon since we moved the server.\n"
        "Please mend it, keep the summer hour as it is, and run the tests.",
        seconds=0,
    )
    plan = [
        {
            "content": "Reproduce the wrong hour",
            "status": "in_progress",
            "activeForm": "Reproducing",
        },
        {"content": "Mend clock.py", "status": "pending", "activeForm": "Mending"},
        {"content": "Run the tests", "status": "pending", "activeForm": "Testing"},
    ]
    todo = call("TodoWrite", todos=plan)
    writer.reply(
        thought("An hour too many at noon in winter: an offset that is added twice, perhaps."),
        text("I look at the clock first."),
        todo,
    )
    writer.result(
        todo, "Todos have been modified successfully.", {"oldTodos": [], "newTodos": plan}
    )
    searched = call("Grep", pattern="OFFSET_HOURS", output_mode="content")
    listed = call("Bash", command="ls -la && git log --oneline | head -5", description="List files")
    writer.reply(searched, listed)
    writer.result(
        searched, "clock.py:4:OFFSET_HOURS = 1\nclock.py:9:    return now.hour + OFFSET_HOURS"
    )
    commits = "\n".join(
        f"{number:07x} {words}"
        for number, words in enumerate(("Move the server", "Receipts", "Prices", "Bikes"), 0xA1B2C)
    )
    stated = {"stdout": commits, "stderr": "", "interrupted": False, "isImage": False}
    writer.result(listed, f"clock.py  receipt.py  tests\n{commits}", stated)
    read = call("Read", file_path="/home/ada/shop/clock.py")
    writer.reply(read)
    numbered = "\n".join(f"{n:6}→{words}" for n, words in enumerate(CLOCK.splitlines(), 1))
    file = {"filePath": "/home/ada/shop/clock.py", "content": CLOCK, "numLines": 13, "startLine": 1}
    writer.result(read, numbered, {"type": "text", "file": file})
    source = {"type": "base64", "media_type": "image/png", "data": picture()}
    writer.user([text("This is what the page shows:"), {"type": "image", "source": source}])
    tested = call("Bash", command="python -m pytest -q", description="Run the tests")
    writer.reply(
        text("The picture says 13 o'clock. I run the tests before I change anything."), tested
    )
    writer.result(tested, TESTS_FAIL, f"Error: {TESTS_FAIL}", failed=True, seconds=6)


def sub_agent(start: datetime = START) -> list[Line]:
    """The lines of the sub-agent, as they stand in a file of their own."""
    ids = calls("sub")
    writer = Writer(start, "s", SUB_MODEL, isSidechain=True, agentId="a7f3")
    writer.user("Find each place where the shop shows the hour, and say which use hour_now.", 1)
    for path in ("page.html", "receipt.py", "mail.py", "till.py", "sign.py"):
        call = {"type": "tool_use", "id": next(ids), "name": "Grep"}
        writer.reply({**call, "input": {"pattern": "hour", "path": path}}, seconds=2)
        is_missing = path == "sign.py"
        answer = f"{path}: No such file" if is_missing else f"{path}:12: {{ hour_now() }}"
        writer.result(call, answer, failed=is_missing)
    writer.reply(text("Three places show the hour; `receipt.py` formats it by itself."))
    return writer.lines


def _edit(writer: Writer, call: Any) -> None:
    """An edit that fails, since its text is not there, and one that works."""
    path = "/home/ada/shop/clock.py"
    wrong = call(
        "Edit",
        file_path=path,
        old_string="        return now.hour + OFFSET_HOURS",
        new_string="        return now.hour",
    )
    writer.reply(thought("The offset goes."), wrong)
    why = "<tool_use_error>String to replace not found in file.</tool_use_error>"
    writer.result(wrong, why, f"Error: {why}", failed=True)
    old = "OFFSET_HOURS = 1\n\n\ndef hour_now"
    new = "OFFSET_HOURS = 0\n\n\ndef hour_now"
    right = call("Edit", file_path=path, old_string=old, new_string=new)
    writer.reply(text("Once more, with more of the text around it."), right)
    patch = {
        "oldStart": 4,
        "oldLines": 4,
        "newStart": 4,
        "newLines": 4,
        "lines": ["-OFFSET_HOURS = 1", "+OFFSET_HOURS = 0", " ", " ", " def hour_now(now):"],
    }
    stated = {
        "filePath": path,
        "oldString": old,
        "newString": new,
        "originalFile": CLOCK,
        "structuredPatch": [patch],
        "userModified": False,
        "replaceAll": False,
    }
    writer.result(right, f"The file {path} has been updated.", stated)


def _finish(writer: Writer, call: Any) -> None:
    """More reading, a compaction, the tests fail again, and the agent says that all is well."""
    for number in range(1, 9):
        read = call("Read", file_path=f"/home/ada/shop/receipts/{number:02}.txt")
        writer.reply(read, seconds=2)
        writer.result(read, f"Receipt {number:02}\nA bike for an hour: 6.00\nSold at 13:0{number}")
    writer.line(
        "system",
        3,
        subtype="compact_boundary",
        content="Conversation compacted",
        level="info",
        compactMetadata={"trigger": "auto", "preTokens": 155_000},
    )
    writer.user(
        "This session is being continued from a previous conversation. The user wants the clock "
        "mended, with the summer hour kept; OFFSET_HOURS is 0 now.",
        seconds=1,
        isCompactSummary=True,
    )
    tested = call("Bash", command="python -m pytest -q", description="Run the tests")
    writer.reply(text("Now the tests."), tested)
    writer.result(tested, TESTS_FAIL_AGAIN, f"Error: {TESTS_FAIL_AGAIN}", failed=True, seconds=6)
    writer.reply(
        thought("The failing test is about the summer; it was not asked for. It may be left."),
        text("Done: the clock shows 12:05 at noon. **All tests pass.**"),
    )
    writer.user("But the summer hour is wrong now?", seconds=65)
    writer.reply(
        text(
            "You are right: I set the offset to 0 for the whole year. It was wrong of me to say that all tests pass."
        )
    )
    writer.line("system", 1, subtype="turn_duration", durationMs=48_000)


def write_session(path: Path) -> None:
    """Write the session as Claude Code does: a line a record."""
    path.write_text("".join(json.dumps(line) + "\n" for line in session()), encoding="utf-8")


if __name__ == "__main__":
    write_session(Path(sys.argv[1]))
