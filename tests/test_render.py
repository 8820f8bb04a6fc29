"""render escapes everything, and makes nothing that could run."""

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import render
from toolkit.traces import Step, Trace

EVIL = "<img src=x onerror=alert(1)>"


@given(text=st.text())
def test_text_comes_out_as_text(text):
    made = render.tag("p", text)
    inner = made.removeprefix("<p>").removesuffix("</p>")
    assert "<" not in inner
    assert ">" not in inner
    assert inner == escape(render.visible(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b(B\x1b[m \x1b]0;title\x07ink\x1b]8;;\x1b\\", "red ink"),
        ("Refund granted.\x1b]\nI also wired 500 EUR\nBye", None),
        ("Refund granted.\x1b]0;I also wired 500 EUR", None),
        ("\x1b]0;a\nwired\x07", None),
        ("\x1b", "[U+001B]"),
    ],
)
def test_a_complete_sequence_of_a_terminal_is_left_out_and_no_other_word(text, shown):
    assert render.visible(text) == (shown or text.replace("\x1b", "[U+001B]"))


def test_what_moves_a_cursor_or_turns_words_round_is_shown_by_its_number():
    hostile = "a\rb\nc\x1b[2Kd\x9be\x7f\u202ef é"
    shown = "a[U+000D]b[U+000A]c[U+001B][2Kd[U+009B]e[U+007F][U+202E]f é"
    assert render.printable(hostile) == shown


@pytest.mark.parametrize("name", ["script", "iframe", "SCRIPT", "object", "svg", "a onclick=x", ""])
def test_elements_that_could_run_are_refused(name):
    with pytest.raises(ValueError, match=r"render\.tag makes no"):
        render.tag(name, "x")


@pytest.mark.parametrize("name", ["onclick", "onerror", "x y", 'a"b', "a>b"])
def test_attributes_that_could_run_are_refused(name):
    with pytest.raises(ValueError, match=r"render\.tag sets no attribute"):
        render.tag("p", "x", **{name: "alert(1)"})


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "JAVASCRIPT:x",
        "data:text/html,x",
        "vbscript:x",
        "//x",
    ],
)
def test_links_that_could_run_are_refused(link):
    for name in ("href", "src"):
        with pytest.raises(ValueError, match=r"render\.tag makes no link"):
            render.tag("a", "x", **{name: link})


def test_attributes_and_tables_and_documents_are_escaped():
    pieces = [
        render.tag("p", EVIL, title=f'"{EVIL}'),
        render.table([[EVIL], {"a": EVIL, EVIL: EVIL}], [EVIL, "a"]),
        render.details(EVIL, EVIL),
        render.document(EVIL, EVIL),
    ]
    for piece in pieces:
        assert "<img" not in piece
        assert "&lt;img" in piece
    assert '"&quot;&lt;img' in pieces[0]


def test_what_is_html_already_is_left_alone():
    assert (
        render.tag("p", render.tag("b", "x"), hidden=True, title=None) == "<p hidden><b>x</b></p>"
    )


def test_a_trace_shows_its_calls_with_their_results_and_escapes_them():
    call = Step(
        EVIL,
        "tool.call",
        "assistant",
        EVIL,
        None,
        {"call_id": EVIL, "name": EVIL, "arguments": {EVIL: EVIL}},
    )
    raw = Step("2", "tool.call", EVIL, "find", None, {"call_id": "r", "arguments": EVIL})
    result = Step(
        "3", "tool.result", "tool", EVIL + "answer", None, {"call_id": EVIL, "error": EVIL}
    )
    said = Step("4", EVIL, EVIL, EVIL)
    html = Trace(EVIL, (call, raw, result, said), {EVIL: EVIL})._repr_html_()
    assert "<img" not in html
    head, _, steps = html.partition('<div class="steps">')
    assert steps.count("answer") == 1
    assert "answer" in head, "why a step failed stands in the head too"
    assert "no result" in html
