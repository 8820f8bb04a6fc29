"""Checks by steps in a real Chromium, which runs in the app's box."""

import base64
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from toolkit.harness.checking.app import App, run_inside
from toolkit.harness.checking.finding import SHOWN, Finding, as_file, unscored
from toolkit.harness.contract_checks import MAX_PICTURES, Browse, Step, is_picture_name
from toolkit.harness.evidence import MAX_FILE_BYTES, Grade
from toolkit.harness.sandbox import BROWSER, Sandbox, clip

PACKAGES = "playwright", "greenlet"
BROWSERS = "chromium", "chromium-browser", "google-chrome"
NAME_CHARS = 60
PNG = b"\x89PNG\r\n\x1a\n"
START_S = 60.0
"""How long Chromium may take to start, beside the steps."""
STEP_S = 8.0
"""How long a step waits for what it needs."""
PAGE_CHARS = 160
"""How much of the page's text stands in the reason of a failure."""
ACTS = {
    "open": "opening {target}",
    "fill": "writing {text!r} into {target!r}",
    "click": "clicking {target!r}",
    "press": "pressing {target}",
    "see": "looking for the text {target!r}",
    "not_see": "looking whether the text {target!r} is gone",
    "picture": "taking the picture {target!r}",
}
"""Each act of a step, in words."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the program in the box saw."""

    faults: tuple[str, ...]
    """Of each step that was made, why it was not possible; empty where it was."""
    text: str
    """What is written on the page at the end."""
    messages: tuple[str, ...]
    """Errors of the page itself."""
    pictures: dict[str, str]
    """Each as PNG in base64."""


def find_chromium() -> str | None:
    """The path of the browser: what FIELDBOOK_CHROMIUM names, else one on PATH."""
    named = os.environ.get("FIELDBOOK_CHROMIUM")
    if named:
        return shutil.which(named)
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            return path
    return None


def missing_for_browser() -> str | None:
    """What a browser check lacks on this machine; None where it lacks nothing."""
    if not find_spec("playwright"):
        return "there is no playwright: install the extra fieldbook[browser]"
    if not find_chromium():
        return "there is no Chromium: install `chromium`, or name one in FIELDBOOK_CHROMIUM"
    return None


def with_browser(sandbox: Sandbox) -> Sandbox:
    """The sandbox, in which Playwright and Chromium can be read too."""
    packages = tuple(dict.fromkeys([*sandbox.packages, *PACKAGES]))
    browser = Path(os.path.realpath(find_chromium() or "/usr"))
    paths = sandbox.paths
    if not browser.is_relative_to("/usr"):
        paths = (*paths, str(browser.parent))
    return replace(sandbox, packages=packages, paths=paths)


async def check_browse(check: Browse, app: App) -> Finding:
    """Make the steps, and grade what was seen."""
    question = {
        "chromium": find_chromium(),
        "port": app.port,
        "steps": [asdict(step) for step in check.steps],
        "timeout_s": check.timeout_s,
        "step_s": STEP_S,
    }
    timeout_s = START_S + check.timeout_s
    report = await run_inside(app.box, "browser", question, Report, timeout_s, BROWSER)
    try:
        pictures = decoded(report.pictures)
    except ValueError as error:
        return unscored(str(error))
    grade, why = grade_report(check, report)
    observed = {
        "steps": described(check, report),
        "text": clip(report.text),
        "messages": report.messages,
        "pictures": sorted(pictures),
    }
    return Finding(grade, why, observed, {"steps.json": as_file(observed), **pictures})


def grade_report(check: Browse, report: Report) -> tuple[Grade, str]:
    """Whether every step was possible, and else the first that was not."""
    for step, fault in zip(check.steps, report.faults, strict=False):
        if fault:
            return "fail", f"{step_words(step)}: {fault}; {page_words(report.text)}"
    if len(report.faults) != len(check.steps):
        return "unscored", f"{len(report.faults)} of {len(check.steps)} steps were made"
    for step in check.steps:
        if step.act == "picture" and step.target not in report.pictures:
            return "unscored", f"there is no picture {step.target!r}"
    return "pass", SHOWN


def described(check: Browse, report: Report) -> list[str]:
    """The steps that were made, a line each."""
    lines = []
    for step, fault in zip(check.steps, report.faults, strict=False):
        lines.append(f"{step_words(step)}: {fault or 'done'}")
    return lines


def step_words(step: Step) -> str:
    """A step as a sentence begins.

    >>> step_words(Step("see", "done", within="Call Ben"))
    "looking for the text 'done' in the item with 'Call Ben'"
    """
    words = ACTS[step.act].format(target=step.target, text=step.text)
    return f"{words} in the item with {step.within!r}" if step.within else words


def page_words(text: str) -> str:
    """What is written on the page, in a line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "the page shows no text"
    return f"the page reads “{clip(' · '.join(lines), PAGE_CHARS)}”"


def decoded(pictures: Mapping[str, str]) -> dict[str, bytes]:
    """The pictures as files. Raises ValueError for what is no PNG, or too large to be one."""
    if len(pictures) > MAX_PICTURES + 1:
        raise ValueError(f"{len(pictures)} pictures, and {MAX_PICTURES + 1} were taken at most")
    files = {}
    for name, text in pictures.items():
        shown = clip(repr(name), NAME_CHARS)
        if not is_picture_name(name):
            raise ValueError(f"picture {shown} is not called so")
        try:
            png = base64.b64decode(text, validate=True)
        except ValueError:
            raise ValueError(f"picture {shown} is not in base64") from None
        if not png.startswith(PNG) or len(png) > MAX_FILE_BYTES:
            raise ValueError(f"picture {shown} is no PNG of at most {MAX_FILE_BYTES >> 20} MB")
        files[f"{name}.png"] = png
    return files
