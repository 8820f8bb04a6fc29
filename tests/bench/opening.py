"""Opening the page of a long trace in Chromium, beside the same text as one <pre>."""

import asyncio
import re
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.measure import Row
from tests.conftest import find_chromium, missing_for_browser
from toolkit.render import document, tag
from toolkit.traces import Step, Trace, trace_html

N_STEPS = 5000
ROUNDS = 3
AT_MOST_MS = 1000.0
WHAT = ("until DOMContentLoaded", "until the first paint", "processor time until both")
TIMEOUT_S = 120
TIMES = """() => new Promise(done => new PerformanceObserver(entries => {
    const painted = entries.getEntriesByName('first-contentful-paint')[0];
    const read = performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd;
    if (painted) done([read, painted.startTime]);
}).observe({type: 'paint', buffered: true}))"""
"""The milliseconds from the navigation until all of the page was read, and until it was painted."""


def long_trace(n_steps: int) -> Trace:
    """A session of words, thoughts, calls and answers, of which each 25th fails."""
    steps: list[Step] = []
    for at in range(0, n_steps, 4):
        about = {"call_id": f"c{at}", "name": "Bash"}
        words = f"I look at **file {at}**:\n\n- it exists\n- it `compiles`\n\nThen I go on."
        usage = {"input_tokens": 1000, "output_tokens": 20}
        arguments = {"command": f"head -50 src/file{at}.py", "timeout": 1000, "env": {"A": 1}}
        lines = "\n".join(f"line {n} of the file" for n in range(30))
        call = {**about, "arguments": arguments}
        result = {**about, "error": at % 100 == 96}
        time = 1e9 + at
        steps += [
            Step(f"s{at}", "message", "assistant", words, time, {"usage": usage, "model": "m"}),
            Step(f"t{at}", "thinking", "assistant", "Perhaps it is unused. " * 6, time),
            Step(f"c{at}", "tool.call", "assistant", "Bash", time, call),
            Step(f"r{at}", "tool.result", "tool", lines, time, result),
        ]
    return Trace("long", steps)


async def opening(scale: float) -> list[Row]:
    """Milliseconds until the page of a trace of 5,000 steps was read and seen, by Chromium."""
    missing = missing_for_browser()
    if missing:
        return [Row("opening", "not measured", 0.0, "", note=missing)]
    from playwright.async_api import async_playwright

    trace = long_trace(N_STEPS)
    page = document(trace.id, trace_html(trace))
    words = re.sub(r"<[^>]*>", " ", trace_html(trace).partition("</style>")[2])
    plain = document(trace.id, tag("pre", words))
    rounds = max(1, round(ROUNDS * scale))
    with TemporaryDirectory() as folder:
        (Path(folder) / "empty.html").write_text("<title>empty</title>")
        async with async_playwright() as play:
            flags = ["--no-sandbox", "--disable-gpu"]
            browser = await play.chromium.launch(executable_path=find_chromium(), args=flags)
            ours = await _opened(browser, Path(folder) / "page.html", page, rounds)
            raw = await _opened(browser, Path(folder) / "plain.html", plain, rounds)
            await browser.close()
    rows = []
    for position, what in enumerate(WHAT):
        ours_ms = median(times[position] for times in ours)
        raw_ms = median(times[position] for times in raw)
        row = Row(
            "opening",
            f"{N_STEPS:,} steps: {what}; raw: one <pre>",
            ours_ms,
            "ms",
            raw=raw_ms,
            ratio=ours_ms / raw_ms,
            target=f"<= {AT_MOST_MS:g} ms",
            met=ours_ms <= AT_MOST_MS,
            rounds=rounds,
            note=f"{len(page):,} characters; raw {len(plain):,}",
        )
        rows.append(row)
    return rows


async def _opened(browser: Any, path: Path, html: str, rounds: int) -> list[list[float]]:
    """What `WHAT` says of each round, each in a tab of its own."""
    path.write_text(html, encoding="utf-8")
    figures = []
    for _ in range(rounds):
        async with asyncio.timeout(TIMEOUT_S):
            tab = await browser.new_page()
            await tab.goto((path.parent / "empty.html").as_uri())
            tools = await tab.context.new_cdp_session(tab)
            await tools.send("Performance.enable", {"timeDomain": "threadTicks"})
            before_ms = await _worked_ms(tools)
            await tab.goto(path.as_uri(), timeout=1000 * TIMEOUT_S)
            times = await tab.evaluate(TIMES)
            worked_ms = await _worked_ms(tools) - before_ms
            figures.append([*times, worked_ms])
            await tab.close()
    return figures


async def _worked_ms(tools: Any) -> float:
    """The processor time that the thread of a page has taken, whatever else the machine does."""
    answer = await tools.send("Performance.getMetrics")
    metrics = {metric["name"]: metric["value"] for metric in answer["metrics"]}
    return 1000 * metrics["TaskDuration"]
