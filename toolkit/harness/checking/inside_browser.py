"""Steps in a browser: a program that runs in the app's box, with Playwright and a Chromium there.

It knows the acts of a `Step` and no others; it prints what came of each, and its pictures.
"""

import base64
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator, Page

START_MS = 60_000
END_MS = 20_000
LOAD_S = 30.0
"""How long a page may take to load, or to be drawn."""
SETTLE_S = 2.0
"""How long an answer on its way is waited for: some streams never end."""
LOOK_MS = 50
SIZE = {"width": 1000, "height": 700}
MAX_TEXT_CHARS = 8_000
MAX_WHY_CHARS = 300
MAX_MESSAGES = 20
UNASKED = "/favicon.ico"
"""What a browser asks for by itself."""
# Chromium's own sandbox needs user namespaces of its own; the walls of the box stand in for it.
FLAGS = ["--no-sandbox", "--force-color-profile=srgb"]
ROLES = "button", "link", "checkbox", "radio", "tab", "menuitem", "switch", "textbox", "combobox"
"""Controls that go by an accessible name."""


class StepFault(Exception):
    """A step that cannot be made, and why."""


class Walk:
    """The steps on one page, and what they have shown so far."""

    def __init__(self, page: "Page", address: str, deadline: float, step_s: float):
        self.page = page
        self.pictures: dict[str, str] = {}
        self.messages: list[str] = []
        self._address = address
        self._deadline = deadline
        self._step_s = step_s
        self._on_their_way: set[Any] = set()
        page.on("request", lambda request: self._on_their_way.add(request))
        page.on("requestfinished", lambda request: self._on_their_way.discard(request))
        page.on("requestfailed", lambda request: self._on_their_way.discard(request))
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("console", self._note_error)

    def take(self, step: dict[str, Any]) -> None:
        """Make one step. Raises StepFault, or an error of Playwright."""
        acts = {
            "open": self._open,
            "fill": self._fill,
            "click": self._click,
            "press": self._press,
            "see": self._see,
            "not_see": self._not_see,
            "picture": self._picture,
        }
        acts[step["act"]](step)

    def _open(self, step: dict[str, Any]) -> None:
        self.page.goto(self._address + step["target"], timeout=self._left_ms(LOAD_S))
        self._settle()

    def _fill(self, step: dict[str, Any]) -> None:
        control = self._control(step)
        if control.evaluate("element => element.tagName") == "SELECT":
            control.select_option(label=step["text"], timeout=self._left_ms())
        else:
            control.fill(step["text"], timeout=self._left_ms())

    def _click(self, step: dict[str, Any]) -> None:
        self._control(step).click(timeout=self._left_ms())
        self._settle()

    def _press(self, step: dict[str, Any]) -> None:
        self.page.keyboard.press(step["target"])
        self._settle()

    def _see(self, step: dict[str, Any]) -> None:
        with waiting_for("it is not there"):
            self._texts(step).first.wait_for(timeout=self._left_ms())

    def _not_see(self, step: dict[str, Any]) -> None:
        from playwright.sync_api import expect

        self._settle()
        try:
            expect(self._texts(step)).to_have_count(0, timeout=self._left_ms())
        except AssertionError:
            raise StepFault("it is there") from None

    def _picture(self, step: dict[str, Any]) -> None:
        self._settle()
        self._take_picture(step["target"], self._left_ms(LOAD_S))

    def _take_picture(self, name: str, timeout_ms: float) -> None:
        png = self.page.screenshot(animations="disabled", timeout=timeout_ms)
        self.pictures[name] = base64.b64encode(png).decode()

    def end(self) -> str:
        """Take a last picture, and read what is written on the page; nothing where it hangs."""
        from playwright.sync_api import Error

        try:
            self._take_picture("end", END_MS)
            return self.page.inner_text("body", timeout=END_MS)
        except Error:
            return ""

    def _texts(self, step: dict[str, Any]) -> "Locator":
        """Visible places of a text, in the case that it is written in."""
        text = re.compile(re.escape(step["target"]))
        texts: Locator = self._scope(step).get_by_text(text)
        return texts.filter(visible=True)

    def _control(self, step: dict[str, Any]) -> "Locator":
        """The one visible control of that name; what has it as its text, where no control has."""
        name = step["target"]
        scope = self._scope(step)
        named: Locator = scope.get_by_label(name, exact=True)
        named = named.or_(scope.get_by_placeholder(name, exact=True))
        for role in ROLES:
            named = named.or_(scope.get_by_role(role, name=name, exact=True))
        named = named.filter(visible=True)
        texts: Locator = scope.get_by_text(name, exact=True).filter(visible=True)
        with waiting_for("there is no such control"):
            named.or_(texts).first.wait_for(timeout=self._left_ms())
        controls = named if named.count() else texts
        n_controls = controls.count()
        if n_controls > 1:
            raise StepFault(f"{n_controls} controls are called so: say within which text")
        return controls

    def _scope(self, step: dict[str, Any]) -> Any:
        """The page, or the innermost item of a list or row of a table that holds the text."""
        if not step["within"]:
            return self.page
        text = re.compile(re.escape(step["within"]))
        items = self.page.get_by_role("listitem").or_(self.page.get_by_role("row"))
        holding = items.filter(has_text=text)
        innermost = holding.filter(has_not=holding)
        with waiting_for(f"no item of a list or row of a table holds {step['within']!r}"):
            innermost.first.wait_for(timeout=self._left_ms())
        if innermost.count() > 1:
            raise StepFault(f"{innermost.count()} items or rows hold {step['within']!r}")
        return innermost

    def _settle(self) -> None:
        """Wait until no answer is on its way."""
        give_up = time.monotonic() + SETTLE_S
        self.page.wait_for_timeout(LOOK_MS)
        while self._on_their_way and time.monotonic() < give_up:
            self.page.wait_for_timeout(LOOK_MS)

    def _left_ms(self, most_s: float | None = None) -> float:
        """How long may be waited: at most `most_s`, else as long as a step waits."""
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise StepFault("the time for all steps is over")
        return min(most_s or self._step_s, left_s) * 1000

    def _note_error(self, message: "ConsoleMessage") -> None:
        address = message.location["url"]
        if message.type == "error" and not address.endswith(UNASKED):
            self._note(f"{address}: {message.text}")

    def _note(self, text: str) -> None:
        if len(self.messages) < MAX_MESSAGES:
            self.messages.append(text[:MAX_WHY_CHARS])


@contextmanager
def waiting_for(fault: str) -> Iterator[None]:
    """Raise StepFault where what is waited for does not come in time."""
    from playwright.sync_api import TimeoutError as NotInTime

    try:
        yield
    except NotInTime:
        raise StepFault(fault) from None


def why_not(walk: Walk, step: dict[str, Any]) -> str:
    """Make a step. Nothing where it was possible; else why it was not, in a line."""
    from playwright.sync_api import Error
    from playwright.sync_api import TimeoutError as NotInTime

    try:
        walk.take(step)
    except StepFault as fault:
        return str(fault)
    except NotInTime:
        return "it could not be done in time"
    except Error as error:
        first_line = error.message.splitlines()[0]
        return first_line[:MAX_WHY_CHARS]
    return ""


def browse(page: "Page", question: dict[str, Any]) -> dict[str, Any]:
    """What came of the steps up to the first that is not possible, and the page as it is then."""
    deadline = time.monotonic() + question["timeout_s"]
    address = f"http://127.0.0.1:{question['port']}"
    walk = Walk(page, address, deadline, question["step_s"])
    faults = []
    for step in question["steps"]:
        faults.append(why_not(walk, step))
        if faults[-1]:
            break
    text = walk.end()
    return {
        "faults": faults,
        "text": text[:MAX_TEXT_CHARS],
        "messages": walk.messages,
        "pictures": walk.pictures,
    }


def main(question: dict[str, Any]) -> dict[str, Any]:
    """Start the browser, in a home of its own, and make the steps."""
    from playwright.sync_api import sync_playwright

    os.environ["HOME"] = tempfile.mkdtemp()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=question["chromium"], args=FLAGS, timeout=START_MS
        )
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")  # type: ignore[arg-type]
        report = browse(page, question)
        browser.close()
    return report


if __name__ == "__main__":
    question = json.loads(sys.argv[1])
    print(json.dumps(main(question)))
