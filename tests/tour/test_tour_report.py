"""The trace in the tour's report names what is wrong with it."""

from toolkit.tour.report import with_mistake
from toolkit.traces import Step, Trace, trace_html

REFUND = Step("2", "tool.call", "assistant", "refund", data={"name": "refund", "arguments": {}})
ASKED = Step("1", "message", "user", "Refund?")


def test_a_trace_that_is_labelled_a_failure_is_not_shown_as_a_success_and_its_step_is_named():
    trace = Trace("t", (ASKED, REFUND), {"outcome": "complete", "model": "m"})
    assert '<span class="pill ok">complete' in trace_html(trace)
    html = trace_html(with_mistake(trace, REFUND, "Too <much>"))
    assert "pill ok" not in html
    assert '<span class="pill">run: complete' in html
    assert ">2</a> · <bdi>refund</bdi>" in html
    assert "Too &lt;much&gt;" in html


def test_where_no_step_leaves_the_good_path_none_is_named():
    trace = Trace("t", (ASKED, REFUND), {"outcome": "complete"})
    html = trace_html(with_mistake(trace, None, "A touch too breezy"))
    assert "The mistake" not in html
