"""The public Panel: an outsider's own panel, in a few lines, loses nothing and takes no late click."""

import ast
import signal
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest
from ipywidgets import Widget

from toolkit.traces import Step, Trace
from toolkit.views import Panel

SOURCE = Path(__file__).with_name("which_is_better.py")
OUTSIDER = run_path(str(SOURCE))
HOSTILE = '<img src=x onerror="window.pwned=1">'


def answer(name: str) -> Trace:
    return Trace(name, (Step("1", "message", "assistant", f"{name} {HOSTILE}"),))


PAIRS = {f"p{n}": (answer(f"a{n}"), answer(f"b{n}")) for n in range(3)}


@pytest.fixture(autouse=True)
def _no_widgets_left_over():
    yield
    Widget.close_all()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "choices.jsonl"


@pytest.fixture
def panel(path):
    return OUTSIDER["WhichIsBetter"](PAIRS, path)


def press(panel, act, page=None):
    number = panel.page.number if page is None else page
    panel.key_layer.press({"act": act, "page": number})


def test_it_takes_fewer_than_25_lines():
    (panel,) = [node for node in ast.parse(SOURCE.read_text()).body if type(node) is ast.ClassDef]
    lines = SOURCE.read_text().splitlines()[panel.lineno - 1 : panel.end_lineno]
    assert len([line for line in lines if line.strip()]) < 25


def test_a_click_is_on_disk_before_the_next_pair_is_shown(panel):
    panel.page.buttons["left"].click()
    assert panel.choices() == {"p0": "left"}
    assert panel.message == "Saved: the better of p0 is left."
    panel.page.buttons["right"].click()
    panel.page.buttons["right"].click()
    assert panel.choices() == {"p0": "left", "p1": "right", "p2": "right"}
    assert set(panel.page.buttons) == {"undo"}


def test_a_second_click_and_a_late_key_count_for_nothing(panel):
    first = panel.page
    for button in (first.buttons["left"], first.buttons["left"], first.buttons["undo"]):
        button.click()
    press(panel, "right", first.number)
    assert panel.choices() == {"p0": "left"}


def test_keys_press_the_buttons_which_show_them(panel):
    assert panel.page.buttons["left"].description == "Left (1)"
    press(panel, "right")
    press(panel, "left")
    press(panel, "undo")
    press(panel, "no such act")
    assert panel.choices() == {"p0": "right", "p1": ""}
    assert panel.message == "Saved: the better of p1 is open again."


def test_a_write_that_fails_says_so_and_the_page_stays(panel, path):
    path.mkdir()
    page = panel.page
    page.buttons["left"].click()
    assert panel.message.startswith("Not saved: ")
    assert "Not saved" in page.note.value
    path.rmdir()
    panel.page.buttons["left"].click()
    assert (panel.page is page, panel.choices()) == (False, {"p0": "left"})


def test_nothing_hostile_becomes_markup_and_a_long_sitting_leaves_no_widgets(panel):
    before = len(Widget.get_manager_state()["state"])
    panel.say(HOSTILE)
    for _ in range(9):
        press(panel, "left")
        press(panel, "undo")
    models = Widget.get_manager_state()["state"].values()
    assert len(models) == before
    shown = "".join(model["state"].get("value") or "" for model in models)
    assert "&lt;img" in shown
    assert "<img" not in shown


def test_words_that_an_act_would_lose_hold_the_page_in_place(path):
    class Careful(OUTSIDER["WhichIsBetter"]):
        def unsaved(self, act):
            return "A note is not saved yet." if act == "undo" else ""

    panel = Careful(PAIRS, path)
    panel.page.buttons["left"].click()
    panel.page.buttons["undo"].click()
    assert (panel.choices(), panel.message) == ({"p0": "left"}, "A note is not saved yet.")


def test_what_was_clicked_is_there_after_the_kernel_was_killed(path):
    script = f"""
import os, signal
from runpy import run_path
from toolkit.traces import Step, Trace
answers = tuple(Trace(name, (Step("1", "message", "assistant", name),)) for name in "ab")
panel = run_path({str(SOURCE)!r})["WhichIsBetter"]({{"p0": answers, "p1": answers}}, {str(path)!r})
panel.page.buttons["left"].click()
panel.key_layer.press({{"act": "right", "page": panel.page.number}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    again = OUTSIDER["WhichIsBetter"](PAIRS, path)
    assert again.choices() == {"p0": "left", "p1": "right"}
    assert "left" in again.page.buttons  # of the third pair


def test_a_panel_without_keys_has_no_key_layer():
    class Silent(Panel):
        def draw(self, page):
            return []

    panel = Silent()
    panel.turn_page("Hello")
    assert not hasattr(panel, "key_layer")
    assert "Hello" in panel.page.children[0].value
