"""The words of a step that a label quotes, marked on the trace's page."""

import re
from html import unescape

from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolkit.render import visible
from toolkit.traces import Step, Trace, step_anchor, trace_html

TAG = re.compile(r"<[^>]*>")
FOLDED = 'A **long** way: "it\'s" <b>free</b> & open.\n\n' + "words and\nmore of them\n" * 120
CALL = Step(
    "c", "tool.call", "assistant", "find", data={"call_id": "1", "arguments": {"at": "the canal"}}
)
FOUND = Step("r", "tool.result", "tool", "the canal\nand the shed", data={"call_id": "1"})
TRACE = Trace(
    "t",
    (
        Step("u", "message", "user", FOLDED),
        CALL,
        FOUND,
        Step("a", "message", "assistant", "It is | here\n\n- one\n- two"),
    ),
)
hostile = st.text(alphabet=st.sampled_from("<>&\"'/ =\nab*_`|#-é🚲‮"), min_size=1, max_size=60)


def shown(html: str) -> str:
    """The text of a page, without its tags and its white space."""
    return "".join(unescape(TAG.sub("", html)).split())


def marked(html: str) -> str:
    """What is marked on a page, without white space."""
    return shown("".join(re.findall(r'<mark class="quote">.*?</mark>', html, re.DOTALL)))


def article_of(html: str, step: str) -> str:
    """The HTML from the element of a step on."""
    return html[html.index(f' id="{step_anchor(TRACE, step)}"') :]


def test_words_are_marked_through_markdown_lines_and_quotation_marks():
    words = 'A long way: "it\'s" <b>free</b> & open. words'
    html = trace_html(TRACE, quotes=[("u", words)])
    assert marked(html) == "".join(words.split())
    assert '<mark class="quote">long</mark></strong>' in html


def test_the_fold_that_holds_quoted_words_is_open_and_the_others_stay_as_they_are():
    plain = trace_html(TRACE)
    html = trace_html(TRACE, quotes=[("u", "more of them")])
    assert html.count("<details open>") == plain.count("<details open>") + 1
    assert shown(html) == shown(plain)


def test_the_words_of_a_result_are_marked_in_the_result_and_not_in_its_call():
    html = trace_html(TRACE, quotes=[("r", "the canal")])
    assert marked(html) == "thecanal"
    assert marked(article_of(html, "r")) == "thecanal"
    in_call = trace_html(TRACE, quotes=[("c", "the canal")])
    assert marked(in_call) == "thecanal"
    assert marked(article_of(in_call, "r")) == ""


def test_words_over_two_paragraphs_put_no_mark_around_a_tag():
    html = trace_html(TRACE, quotes=[("a", "here one two")])
    assert re.findall(r'<mark class="quote">(.*?)</mark>', html) == ["here", "one", "two"]


def test_words_that_are_not_in_the_step_leave_the_page_as_it_is():
    for step, words in (("u", "nowhere"), ("gone", "A long way"), ("a", "  "), ("a", "A long")):
        assert trace_html(TRACE, quotes=[(step, words)]) == trace_html(TRACE)


def test_two_raters_quotes_of_one_step_are_both_marked_where_they_overlap_too():
    html = trace_html(TRACE, quotes=[("a", "It is"), ("a", "is | here")])
    assert shown(html) == shown(trace_html(TRACE))
    assert html.count("<mark") == html.count("</mark>")
    assert marked(html) == "Itis|here"


@settings(max_examples=150, deadline=None)
@given(hostile, hostile, st.data())
@example('<mark class="quote">', "</details></article>", None)
def test_a_quote_of_hostile_text_changes_no_word_and_adds_no_tag_but_marks(begin, end, data):
    content = begin + end
    trace = Trace(content, (Step("s", "tool.result", "tool", content, data={"error": True}),))
    words = content
    if data is not None:
        first = data.draw(st.integers(0, len(content) - 1))
        words = content[first : data.draw(st.integers(first + 1, len(content)))]
    words = visible(words)  # as a person sees and selects them
    html = trace_html(trace, quotes=[("s", words), ("s", "<script>")])
    assert re.sub(r'<mark class="quote">|</mark>', "", html) == trace_html(trace)
    assert marked(html) == "".join(words.split())
