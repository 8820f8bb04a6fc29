"""Panel: a page at a time. Each action is on disk before the next page is shown, so a kernel that
dies costs nothing; a click or a key that arrives late was meant for a page that is gone, and is
dropped.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from getpass import getuser
from itertools import count

from ipywidgets import HTML, Button, HBox, Layout, VBox, Widget

from toolkit.traces import Trace
from toolkit.views.panels.keys import FOCUS, Keys, Press
from toolkit.views.panels.look import in_family
from toolkit.views.panels.page import Page, button, close_tree, widgets_in

__all__ = ["Panel", "by_id", "problems_text", "user_name"]


class Panel(VBox):  # type: ignore[misc]
    """A panel of pages, to build your own on. `draw` says what stands on a page, and `turn_page`
    puts the first page on the stage.

    A button of a page has an action: a function that writes to disk and returns a message, which
    the next page shows. `take_back` is the action of Undo. `head`, `bar` and `stage` stand above
    each other: the head, which shows `heading`, and the bar stay from page to page.

    Parameters
    ----------
    keys : mapping of str to str
        The key of each act, such as ``{"better": "1"}``: it presses the button of that act.
    hint : str
        The sentence under the panel.
    help : mapping of str to str
        What each key does, in words, for the list that ``?`` shows; a key that is not in it is
        listed with the name of its act, one with blank words not at all.

    Examples
    --------
    >>> class Counter(Panel):
    ...     n = 0
    ...     def draw(self, page):
    ...         return [page.button("add", "Add", "plus", "Add one", self.add)]
    ...     def add(self):
    ...         self.n += 1
    ...         return f"Saved: {self.n}."
    >>> panel = Counter()
    >>> panel.turn_page()
    >>> panel.page.buttons["add"].click()
    >>> panel.message
    'Saved: 1.'
    """

    message = ""
    """What the panel says on the page."""

    def __init__(
        self,
        keys: Mapping[str, str] | None = None,
        hint: str = FOCUS,
        help: Mapping[str, str] | None = None,
    ):
        self.head = HTML()
        self.bar = HBox().add_class("fieldbook-bar")
        self.stage = VBox()
        self.buttons: dict[str, Button] = {}
        """The buttons that stay from page to page, by their act."""
        self._caps = dict(keys or {})
        self._numbers = count(1)
        self.page = Page(0, self._caps, self.act)
        super().__init__(layout=Layout(max_width="62rem"))
        rows = [in_family(self), self.head, self.bar, self.stage]
        self.children = rows
        if self._caps:
            self.key_layer = Keys(self, self._press, self._caps, hint, help)
            self.children = [*rows, self.key_layer]

    def draw(self, page: Page) -> Sequence[Widget]:
        """What stands on a fresh page. Make its buttons with `page.button`, and put `page.note`
        where messages are to stand (else they stand at the end).
        """
        raise NotImplementedError

    def heading(self) -> str:
        """The HTML above the page, such as where the panel stands; made by `toolkit.render`."""
        return ""

    def take_back(self) -> str:
        """Take the last action back on disk, and return the message."""
        raise NotImplementedError

    def turn_page(self, message: str = "") -> None:
        """Put a fresh page on the stage, with `message` on it. The page before it is gone."""
        gone = self.page
        page = Page(next(self._numbers), self._caps, self.act)
        page.children = self.draw(page)
        if page.note not in widgets_in(page):
            page.children = [*page.children, page.note]
        gone.on_stage = False
        self.page = page
        self.stage.children = [page]
        self.head.value = self.heading()  # after the page, so that who reads it sees the page too
        self.say(message)
        for widget in (gone, *gone.buttons.values()):
            close_tree(widget)

    def say(self, text: str, problem: bool = False) -> None:
        """Show `text` on the page. A `problem` is marked, and a screen reader reads it at once."""
        self.message = text
        self.page.say(text, problem)

    def unsaved(self, act: str) -> str:  # noqa: ARG002
        """The message about words on the page that `act` would lose; blank where it loses none."""
        return ""

    def write(self, action: Callable[[], object]) -> bool:
        """Whether `action` wrote to disk. Where it raised OSError or ValueError, the panel says so
        and stays as it is.
        """
        try:
            action()
        except ValueError as error:
            self.say(f"Not saved: {error}", problem=True)
            return False
        except OSError as error:
            self.say(f"Not saved: {error}. Your words are still in the box.", problem=True)
            return False
        return True

    def act(self, act: str, action: Callable[[], str]) -> None:
        """Do the `action` of a button, then show the next page with the message that it returns.
        Words that it would lose, and a write that fails, hold the page in place.
        """
        loss = self.unsaved(act)
        if loss:
            self.say(loss, problem=True)
            return
        messages: list[str] = []
        if self.write(lambda: messages.append(action())):
            self.turn_page(*messages)

    def button(
        self, act: str, word: str, icon: str, tooltip: str, action: Callable[[], str]
    ) -> Button:
        """A button that stays from page to page, for an act that holds on each of them."""

        def press() -> None:
            self.act(act, action)

        self.buttons[act] = button(word, icon, tooltip, press, key=self._caps.get(act, ""))
        return self.buttons[act].add_class(f"fieldbook-{act}")

    def undo_button(self, page: Page) -> Button:
        """The Undo button of a page. The second click of a double click comes late, and takes
        nothing more back.
        """
        tooltip = "Take your last action back, and show it"
        return page.button("undo", "Undo", "undo", tooltip, self.take_back)

    def _press(self, press: Press) -> None:
        """Take a key for the click on its button; a key of a page that is gone does nothing."""
        if press.act in self.buttons:
            self.buttons[press.act].click()
        elif press.page == self.page.number:
            self.page.press(press.act, press.why)
        self.key_layer.send({"page": self.page.number})  # the browser takes keys again


def by_id(traces: Iterable[Trace]) -> dict[str, Trace]:
    """Each trace under its id. Raises ValueError where two different ones share it."""
    traces_by_id: dict[str, Trace] = {}
    for trace in traces:
        if traces_by_id.setdefault(trace.id, trace) != trace:
            raise ValueError(
                f"two different traces have the id {trace.id!r}, so a label of it could mean either"
            )
    return traces_by_id


def problems_text(file: str, problems: Iterable[ValueError]) -> str:
    """What is wrong with the lines of a `file`, in a sentence each."""
    return " ".join(f"A line of the {file} needs a look: {problem}." for problem in problems)


def user_name(name: str | None = None) -> str:
    """Who works here: `name`, or the user of the environment. Raises ValueError where there is no
    such name, or it is blank.
    """
    if name and not name.strip():
        raise ValueError(f"the name {name!r} is blank: give rater='your name'")
    try:
        return name or getuser()
    except (KeyError, ImportError, OSError):
        raise ValueError("the environment names no user: give rater='your name'") from None
