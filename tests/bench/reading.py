"""Reading a file of traces: a broken one, one of an unknown form, and a whole one, each in a
process of its own; and the page that `fieldbook view` writes of the large ones.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.measure import Row

MB = 1_000_000
CHILD = """
import json, resource, sys, time, warnings
from toolkit.records import RecordError
from toolkit.traces import read_traces
warnings.simplefilter("ignore")
begun = time.process_time()
try:
    n = len(read_traces(sys.argv[1], sys.argv[2]))
except RecordError as error:
    n = 0
took = time.process_time() - begun
print(json.dumps([took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, n]))
"""
VIEW = """
import json, resource, sys, time, warnings
from toolkit.cli import app
warnings.simplefilter("ignore")
begun = time.process_time()
app(["view", sys.argv[1], "--out", sys.argv[2]], standalone_mode=False)
took = time.process_time() - begun
print()
print(json.dumps([took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0]))
"""
TIMEOUT_S = 300
READ_S = 12.0
"""How long a large file of a known form may take to be read."""
PAGE_S = 15.0
"""How long the page of a large file may take, read and written."""


def _record(number: int) -> str:
    messages = [
        {"role": "user", "content": "Is a bike free?"},
        {"role": "assistant", "content": "Two are."},
    ]
    return json.dumps({"id": f"t{number}", "messages": messages})


def broken_array(size: int) -> str:
    """An array in which each record but the first and the last lacks the colon of a key."""
    whole = [_record(number) for number in range(size // len(_record(0)))]
    broken = [record.replace('"role": ', '"role" ') for record in whole[1:-1]]
    return f"[{', '.join([whole[0], *broken, whole[-1]])}]"


def broken_quotes(size: int) -> str:
    """A table in which each second row has a stray quote and each other one is not closed."""
    rows = [f'{number},"a"b,c\n{number},"open,c\n' for number in range(size // 24)]
    return "id,input,output\n" + "".join(rows)


def unknown_array(size: int) -> str:
    """An array of objects that are no traces."""
    element = '{"weather": 3, "wind": {"from": "north", "ms": 4.5}, "note": "nothing to say"}'
    return f"[{','.join([element] * (size // len(element)))}]"


def unknown_object(size: int) -> str:
    """One object of an unknown form, in which the name of a known field stands."""
    element = '{"role": "x", "wind": {"from": "north", "ms": 4.5}, "note": "nothing to \\u00e9"}'
    return f'{{"data": [{",".join([element] * (size // len(element)))}]}}'


def unknown_lines(size: int) -> str:
    """A server's log."""
    line = "2026-11-30 12:00:00 INFO service: nothing to say about {it} [here]\n"
    return line * (size // len(line))


def whole_lines(size: int) -> str:
    """JSON lines of good traces."""
    return "".join(_record(number) + "\n" for number in range(size // len(_record(0))))


WORDS = "The tandem is in the shop until six, and the small one squeaks when it rains. " * 3
START_S = 1_764_410_400


def _lines(record: Callable[[int], object], size: int) -> str:
    """JSON lines of records by their numbers."""
    lines: list[str] = []
    n_bytes = 0
    while n_bytes < size:
        lines.append(json.dumps(record(len(lines))) + "\n")
        n_bytes += len(lines[-1])
    return "".join(lines)


def chat_lines(size: int) -> str:
    """Conversations with a call each, in the shape of chat completions."""

    def record(n: int) -> object:
        arguments = json.dumps({"day": "Monday", "n": n})
        call = {"id": f"c{n}", "type": "function", "function": {"name": "find"}}
        call["function"]["arguments"] = arguments
        usage = {"prompt_tokens": n, "completion_tokens": 7}
        messages = [
            {"role": "system", "content": WORDS},
            {"role": "user", "content": f"{n} {WORDS}", "timestamp": START_S + n},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{n}", "content": f"{WORDS} {n}"},
            {"role": "assistant", "content": f"{WORDS} {n}", "usage": usage},
        ]
        return {"id": f"t{n}", "shop": "north", "messages": messages}

    return _lines(record, size)


def claude_code_lines(size: int) -> str:
    """Sessions of 40 lines in the shape of Claude Code's."""

    def record(n: int) -> object:
        session, place = divmod(n, 40)
        line = {
            "uuid": f"u{n}",
            "parentUuid": f"u{n - 1}" if place else None,
            "sessionId": f"s{session}",
            "timestamp": f"2026-11-29T10:{place:02}:00Z",
            "cwd": "/shop",
            "version": "2.1.2",
        }
        if place == 0:
            message = {"role": "user", "content": WORDS}
        elif place % 2:
            use = {"type": "tool_use", "id": f"c{n}", "name": "Read", "input": {"file": f"{n}.py"}}
            usage = {"input_tokens": 9, "output_tokens": 5, "cache_read_input_tokens": n}
            message = {"id": f"m{n}", "role": "assistant", "model": "m", "usage": usage}
            message["content"] = [{"type": "text", "text": WORDS}, use]
        else:
            answer = {"type": "tool_result", "tool_use_id": f"c{n - 1}", "content": WORDS * 6}
            message = {"role": "user", "content": [answer]}
        kind = message["role"]
        return {**line, "type": kind, "message": message}

    return _lines(record, size)


def otlp_lines(size: int) -> str:
    """Traces of five calls of a model, each of which repeats the history, in the shape of OTLP."""

    def record(n: int) -> object:
        trace, turn = divmod(n, 5)
        history = []
        for number in range(turn + 1):
            words = f"{trace} {number} {WORDS}"
            history.append({"role": "user", "parts": [{"type": "text", "content": words}]})
            history.append({"role": "assistant", "parts": [{"type": "text", "content": words}]})
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.input.messages": json.dumps(history[:-1]),
            "gen_ai.output.messages": json.dumps(history[-1:]),
        }
        span = {
            "traceId": f"{trace:032x}",
            "spanId": f"{n:016x}",
            "name": "chat m",
            "startTimeUnixNano": f"{START_S + n}000000000",
            "endTimeUnixNano": f"{START_S + n + 1}000000000",
            "attributes": [
                {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()
            ],
        }
        return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span]}]}]}

    return _lines(record, size)


async def _measure(script: str, *arguments: str) -> tuple[float, float, int]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await asyncio.wait_for(child.communicate(), TIMEOUT_S)
    finally:
        if child.returncode is None:
            child.kill()
    took, peak_mb, n_traces = json.loads(output.splitlines()[-1])
    return took, peak_mb, n_traces


async def reading(scale: float) -> list[Row]:
    """Seconds of processor time and the peak of memory for each file; `scale` is a share of the
    large sizes.
    """
    large = int(100 * MB * scale)
    files: list[tuple[str, Callable[[int], str], int, str, float | None, float | None]] = [
        ("broken array, 2 MB", broken_array, 2 * MB, "auto", 1.0, None),
        ("broken quotes in CSV, 2 MB", broken_quotes, 2 * MB, "table", None, None),
        (f"array of an unknown form, {large / MB:g} MB", unknown_array, large, "auto", 3.0, 600.0),
        (
            f"object of an unknown form, {large / MB:g} MB",
            unknown_object,
            large,
            "auto",
            3.0,
            600.0,
        ),
        (f"a log, {large / MB:g} MB", unknown_lines, large, "auto", 3.0, 600.0),
        (
            f"JSON lines of tiny traces, {large / MB / 5:g} MB",
            whole_lines,
            large // 5,
            "auto",
            None,
            None,
        ),
        (f"chats, {large / MB:g} MB", chat_lines, large, "auto", READ_S, 500.0),
        (f"Claude Code, {large / MB:g} MB", claude_code_lines, large, "auto", READ_S, 500.0),
        (f"OTLP, {large / MB:g} MB", otlp_lines, large, "auto", READ_S, 500.0),
    ]
    rows: list[Row] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "traces"
        for what, make, size, format, at_most_s, at_most_mb in files:
            path.write_text(make(size), encoding="utf-8")
            took, peak_mb, n_traces = await _measure(CHILD, str(path), format)
            rows.append(_row(what, took, "s", at_most_s, f"{n_traces:,} traces read"))
            rows.append(_row(f"{what}: peak", peak_mb, "MB", at_most_mb, ""))
            if at_most_s == READ_S:
                page = str(Path(folder) / "page.html")
                took, peak_mb, _ = await _measure(VIEW, str(path), page)
                rows.append(_row(f"{what}: its page", took, "s", PAGE_S, "read and written"))
                rows.append(_row(f"{what}: its page: peak", peak_mb, "MB", None, ""))
    return rows


def _row(what: str, value: float, unit: str, at_most: float | None, note: str) -> Row:
    target = "" if at_most is None else f"<= {at_most:g} {unit}"
    met = None if at_most is None else value <= at_most
    return Row("reading", what, value, unit, target=target, met=met, note=note)
