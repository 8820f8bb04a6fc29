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
    assert inner == escape(text)


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
