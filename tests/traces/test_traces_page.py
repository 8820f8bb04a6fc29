"""The page of a trace: what it shows, what it folds, and that nothing breaks out of it."""

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.opcodes import counted
from toolkit import render
from toolkit.traces import Step, Trace, step_anchor, trace_html
from toolkit.traces.amounts import seconds
from toolkit.traces.brief import shortened
from toolkit.traces.outline import failures, outline
from toolkit.traces.page_wrong import SHOWS_END
from toolkit.traces.viewer import viewer

EVIL = "<img src=x onerror=alert(1)>"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Elements(HTMLParser):
    """The elements of a piece of HTML, each with its attributes, and whether each was closed."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in render.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.found if attribute in attrs]

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for _, attrs in self.found if name in (attrs.get("class") or "").split()]


def elements(html: str) -> Elements:
    parsed = Elements(html)
    assert parsed.open == []
    return parsed


def call(number: int, name: str, arguments, answer: str, error: bool | None, **more) -> list[Step]:
    about = {"call_id": f"c{number}", "name": name}
    return [
        Step(
            f"call-{number}",
            "tool.call",
            "assistant",
            name,
            data={**about, "arguments": arguments, **more},
        ),
        Step(
            f"result-{number}",
            "tool.result",
            "tool",
            answer,
            data={**about, "error": error, **more},
        ),
    ]


def said(actor: str, text: str, time: float | None = None, id: str = "m", **data) -> Step:
    return Step(id, "message", actor, text, time, data)


def steps_of(html: str) -> str:
    return html.partition('<div class="steps">')[2]


def head_of(html: str) -> str:
    return html.partition("</style>")[2].partition('<div class="steps">')[0]


def test_the_head_says_how_it_ended_what_it_cost_and_where_it_went_wrong():
    steps = [
        said("user", "Is a bike free?", 0.0),
        *call(1, "find", {"day": "today"}, "Error: no such day", True),
        *call(2, "find", {"day": "today"}, "Error: no such day", True),
        said("assistant", "I could not find out.", 134.0),
    ]
    meta = {
        "outcome": "failed",
        "reward": 0.0,
        "model": "m-1",
        "cost_usd": 0.11,
        "input_tokens": 40_000,
        "output_tokens": 1234,
    }
    html = head_of(trace_html(Trace("t", steps, meta)))
    for words in (
        "failed",
        "reward 0",
        "m-1",
        "6 steps",
        "2 calls",
        "2 failed",
        "41 k tokens",
        "$0.11",
        "2 min 14 s",
        "imported",
    ):
        assert f">{words}</span>" in html, words
    text = re.sub(r"<[^>]*>", "", html)
    assert (
        "find failed 2 times, at steps 2 4 (1 with the same arguments again) Error: no such day"
        in text
    )


def test_a_trace_that_went_wrong_without_a_failed_call_says_so_and_how_it_ends():
    talk = [said("user" if n % 2 else "assistant", f"words {n}") for n in range(9)]
    html = head_of(trace_html(Trace("t", talk, {"reward": 0})))
    assert "no step says that it failed" in html
    assert "words 8" in html
    assert "no errors" in html


def test_the_strip_keeps_the_id_the_outcome_the_failures_and_the_tokens_in_sight():
    meta = {"outcome": "complete", "input_tokens": 900, "output_tokens": 100}
    html = trace_html(Trace("t", call(1, "find", {}, "gone", True), meta))
    glance = html.partition('class="glance"')[2].partition("</div>")[0]
    assert re.findall(">([^<>]+)</", glance) == ["t", "complete", "1 failed", "1,000 tokens"]


def test_a_result_that_speaks_of_an_error_is_not_called_failed_where_the_source_does_not_say():
    html = trace_html(Trace("t", call(1, "find", {}, "Error: no such day", None)))
    assert "says error" in html
    assert "1 say error" in html
    assert ">failed<" not in head_of(html).partition('class="bar"')[0]
    answered = trace_html(Trace("t", call(1, "find", {}, "No error was found", None)))
    assert "says error" not in answered
    assert "answered" in answered


def test_a_failed_call_is_open_and_says_why_and_a_good_one_is_folded():
    steps = [
        *call(1, "find", {"day": "today"}, "12 bikes", False),
        *call(2, "book", {"bike": 7}, "it is gone", True),
    ]
    good, bad = steps_of(trace_html(Trace("t", steps))).split("<article")[1:]
    assert "<details>" in good
    assert "12 bikes" in good.partition("</summary>")[0]
    assert "<details open>" in bad
    assert "why it failed" in bad
    assert "it is gone" in bad
    assert 'class="step tool failed"' in bad


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            "Exit code 1\n===\ncollected 3\nE   NameError: no x\nFAILED a",
            "Exit code 1 · E NameError: no x",
        ),
        (
            "Exit code 1\n=== FAILURES ===\n____ FAILURES ____\n> assert a\nE     assert 13 == 12\n1 failed",
            "Exit code 1 · E assert 13 == 12",
        ),
        ("Exit code 2\na.c:3: error: no such thing", "Exit code 2 · a.c:3: error: no such thing"),
        ("Traceback (most recent call last):\n  File x\nOSError: no disk", "OSError: no disk"),
        ("<tool_use_error>Read it first.</tool_use_error>", "Read it first."),
        ("\n \n--\nnot there", "not there"),
        ("", ""),
        ("---", ""),
    ],
)
def test_why_is_the_line_that_says_most(answer, why):
    (entry,) = outline(Trace("t", call(1, "run", {}, answer, True)))
    assert entry.why == why


def test_failures_of_one_reason_stand_together():
    steps = [
        *call(1, "a", {}, "x", True),
        *call(2, "b", {}, "x", True),
        *call(3, "a", {"n": 1}, "x", True),
    ]
    assert [
        (failure.name, len(failure.entries)) for failure in failures(outline(Trace("t", steps)))
    ] == [("a", 2), ("b", 1)]


def test_steps_have_numbers_anchors_and_the_time_since_the_start():
    trace = Trace(
        "t",
        [
            said("user", "one", 1000.0, "a"),
            said("assistant", "two", 1134.0, "b"),
            *call(1, "find", {}, "x", False),
        ],
    )
    parsed = elements(trace_html(trace))
    ids = parsed.values("id")
    for step in trace.steps:
        assert step_anchor(trace, step) in ids
        assert step_anchor(trace, step.id) == step_anchor(trace, step)
    assert [attrs["href"] for attrs in parsed.of_class("tick")] == [
        f"#{step_anchor(trace, step)}" for step in trace.steps[:3]
    ]
    assert ">+2:14<" in trace_html(trace)
    with pytest.raises(KeyError, match="no step"):
        step_anchor(trace, "z")


def test_ids_are_unique_where_several_traces_and_one_of_them_twice_stand_on_a_page():
    one, other = Trace("t", [said("user", "one")]), Trace("t", [said("user", "two")])
    page = [
        trace_html(one),
        trace_html(other),
        trace_html(one, anchors="again"),
        one._repr_html_(),
        one._repr_html_(),
    ]
    ids = elements("".join(page)).values("id")
    assert len(ids) == len(set(ids)) == 5
    assert step_anchor(one, "m", "again") == "again-1"
    assert step_anchor(one, "m") == step_anchor(Trace("t", [said("user", "one")]), "m")


def test_markdown_is_rendered_and_html_in_it_is_text():
    text = f"# Plan\n\n**bold** `code` {EVIL}\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\n<b>x</b>\n```"
    html = steps_of(trace_html(Trace("t", [said("assistant", text)])))
    for made in (
        "<h1>Plan</h1>",
        "<strong>bold</strong>",
        "<li>one</li>",
        "<td>1</td>",
        "&lt;b&gt;x&lt;/b&gt;",
        "&lt;img",
    ):
        assert made in html
    assert "<img" not in html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "vbscript:x",
        "data:text/html,x",
        "data:image/svg+xml;base64,eA==",
        "//x.org",
        "file:///etc/passwd",
        "/relative",
        "java&#115;cript:x",
        "&#x6A;avascript:x",
        "java\tscr&#105;pt:x",
    ],
)
def test_links_that_could_run_or_lead_elsewhere_are_text(address):
    text = f"[a]({address}) ![b]({address}) [c][d] <{address}>\n\n[d]: {address}"
    parsed = elements(steps_of(f'<div class="steps">{render.markdown(text)}'))
    assert parsed.values("href") == []
    assert parsed.values("src") == []


def test_links_open_a_tab_of_their_own_and_pictures_of_the_net_are_links():
    parsed = elements(
        render.markdown("[a](https://x.org/?a=1&b=2) ![b](http://x.org/p.png) <me@x.org>")
    )
    assert parsed.values("href") == [
        "https://x.org/?a=1&b=2",
        "http://x.org/p.png",
        "mailto:me@x.org",
    ]
    assert parsed.values("rel") == ["noopener noreferrer"] * 3
    assert [name for name, _ in parsed.found if name == "img"] == []


def test_pictures_are_rasters_in_the_trace_behind_a_fold():
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG}},
        {"inlineData": {"mimeType": "image/webp", "data": PNG}},
        {"type": "file", "mediaType": "image/gif", "url": f"data:image/gif;base64,{PNG}"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/svg+xml", "data": PNG}},
        {
            "type": "image_url",
            "image_url": {"url": f'data:image/png;base64,{PNG}" onerror="alert(1)'},
        },
        {"type": "image_url", "image_url": {"url": "https://x.org/pixel.png"}},
    ]
    text = f"Look: ![it](data:image/png;base64,{PNG})"
    html = trace_html(Trace("t", [said("user", text, parts=parts)]))
    parsed = elements(html)
    kinds = [source.partition(";")[0] for source in parsed.values("src")]
    assert kinds == [f"data:image/{kind}" for kind in ("png", "png", "jpeg", "webp", "gif")]
    assert "<details><summary>5 pictures</summary><img" in html
    assert "https://x.org/pixel.png" in parsed.values("href")
    assert "Look: [picture]" in html


def test_a_result_shows_its_pictures_and_whatever_else_was_in_it():
    steps = call(1, "crop", {}, "[image]", False)
    steps[1].data["parts"] = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "audio", "id": "hum"},
    ]
    html = trace_html(Trace("t", steps))
    assert len(elements(html).values("src")) == 1
    assert "hum" in html


def test_json_is_indented_and_folded_by_level_and_arguments_stand_whole():
    arguments = {
        "query": "x" * 3000,
        "code": "a = 1\nb = 2",
        "deep": {"list": [{"number": n, "name": f"bike {n}"} for n in range(20)]},
        "none": None,
        "yes": True,
    }
    html = steps_of(
        trace_html(
            Trace(
                "t",
                call(1, "find", arguments, json.dumps({"a": {"b": [1, 2]}, "c": "y" * 100}), False),
            )
        )
    )
    assert "x" * 1200 in html
    assert "1,600 more" not in html
    assert "a = 1\nb = 2" in html
    assert html.count("bike ") >= 20
    assert "20 items" in html
    assert ">none</span>: null" in html
    assert ">yes</span>: true" in html
    assert ">a</span>: {&quot;b&quot;: [1, 2]}" in html


def test_an_edit_is_a_diff_and_a_patch_has_its_colours():
    edits = [
        {"file_path": "/a.py", "old_string": "a = 1\nb = 2\n", "new_string": "a = 1\nb = 3\n"},
        {"command": "str_replace", "path": "/a.py", "old_str": "b = 2", "new_str": "b = 3"},
        {"edits": [{"old_string": "b = 2", "new_string": "b = 3"}]},
        {"input": "*** Begin Patch\n*** Update File: a.py\n-b = 2\n+b = 3\n*** End Patch"},
        "*** Begin Patch\n-b = 2\n+b = 3\n*** End Patch",
    ]
    for arguments in edits:
        html = steps_of(trace_html(Trace("t", call(1, "Edit", arguments, "done", False))))
        assert '<span class="removed">-b = 2\n</span>' in html, arguments
        assert '<span class="added">+b = 3\n</span>' in html, arguments


def test_the_end_of_a_trace_is_its_last_step_that_says_something():
    usage = Step("u", "model.usage", "support", "", data={"usage": {"input_tokens": 7}})
    talk = [said("user", "Hello"), said("support", "Bye")] * SHOWS_END
    head = head_of(trace_html(Trace("t", [*talk, usage])))
    words = re.sub(r"<[^>]*>", "", head)
    assert f"Its last words are step {len(talk)} of {len(talk) + 1} · support: Bye" in words
    assert "Its last" not in head_of(trace_html(Trace("t", [usage] * SHOWS_END)))


def test_words_that_stand_in_a_line_are_apart_without_any_style():
    steps = [
        said("user", "Is a bike free?", 0.0),
        *call(1, "find", {"day": "today"}, "no such day", True, duration_s=2.0),
        *call(2, "find", {"day": "monday"}, "2 bikes", False),
        said("assistant", "Two.", 134.0, model="m-1"),
    ]
    meta = {"outcome": "failed", "model": "m-1", "cost_usd": 0.11}
    html = trace_html(Trace("t", steps, meta)).partition("</style>")[2]
    inline = "span|code|strong|label|a|bdi"
    joined = rf"[^>\s]</(?:{inline})>(?:</(?:{inline})>)*(?:<(?:{inline})\b[^>]*>)+[^<\s]"
    assert re.findall(joined, html) == []


def test_two_long_texts_are_shown_without_being_compared():
    costs = []
    for n_lines in (4000, 8000):
        old, new = ("\n".join(pair * (n_lines // 2)) for pair in ("ab", "ba"))
        edit = call(1, "Edit", {"old_string": old, "new_string": new}, "", False)
        with counted() as opcodes:
            html = trace_html(Trace("t", edit))
        costs.append(opcodes.count)
        assert html.count('class="removed"') == html.count('class="added"') == n_lines
    assert costs[1] < 2.5 * costs[0]  # to compare each with each would be four times as much


def test_reasoning_and_long_requests_and_the_system_prompt_fold():
    steps = [
        said("system", "Be kind. " * 200),
        said("user", "Please. " * 300),
        said("assistant", "Yes. " * 600),
        Step("k", "thinking", "assistant", "Hm."),
    ]
    system, request, answer, reasoning = steps_of(trace_html(Trace("t", steps))).split("<article")[
        1:
    ]
    assert "<details>" in system
    assert "(1,800 characters)" in system
    assert "<details>" in request
    assert "<details" not in answer
    assert "assistant · reasoning" in reasoning
    assert "<details>" in reasoning


def test_named_agents_and_branches_stand_under_their_name():
    steps = [
        said("assistant", "I ask two.", id="1", agent="lead"),
        said("user", "Look at it.", id="2", agent="scout", branch="b1"),
        said("assistant", "Seen.", id="3", agent="scout", branch="b1"),
        said("assistant", "Written.", id="4", agent="writer"),
        said("assistant", "Thanks.", id="5", agent="lead"),
    ]
    html = steps_of(trace_html(Trace("t", steps)))
    assert html.count('<div class="agent">') == 2
    scout, writer = html.split('<div class="agent">')[1:]
    assert "<strong>scout · branch b1</strong>" in scout
    assert "2 steps" in scout
    assert "<strong>writer</strong>" in writer
    assert "lead</strong>" in html.partition('<div class="agent">')[0]


def test_usage_and_all_else_that_the_source_says_stand_behind_folds():
    usage = {"input_tokens": 900, "output_tokens": 100, "cost_usd": 0.02, "cached_tokens": 800}
    trace = Trace(
        "t",
        [said("assistant", "Yes.", usage=usage, model="m-2", stop_reason="end_turn")],
        {"customer": {"tier": "gold"}},
    )
    html = trace_html(trace)
    assert "<summary>1,000 tokens · $0.02</summary>" in html
    assert "cached tokens 800" in html
    assert "end_turn" in html
    assert "gold" in html
    assert ">m-2</span>" in html


def test_a_field_that_the_head_cannot_show_stands_in_the_record():
    meta = {
        "outcome": {"kind": "partial"},
        "reward": [0.5],
        "model": ["m"],
        "scores": "many",
        "cost_usd": "much",
    }
    html = head_of(trace_html(Trace("t", [said("user", "x")], meta)))
    for word in ("partial", "0.5", "many", "much"):
        assert word in html, word


def test_scores_say_who_gave_them_and_lead_to_their_step():
    score = {
        "name": "helpful",
        "value": False,
        "comment": EVIL,
        "rater": "ada",
        "rater_kind": "human",
        "step": "m",
    }
    trace = Trace("t", [said("assistant", "No.")], {"scores": [score, "odd"]})
    html = head_of(trace_html(trace))
    assert "ada, human" in html
    assert f'href="#{step_anchor(trace, "m")}">step 1' in html
    assert "&lt;img" in html


def test_words_that_were_searched_for_are_marked_and_their_folds_are_open():
    steps = [
        said("system", "canal " * 100),
        said("assistant", "By the Canal & the shed."),
        *call(1, "find", {"where": "the canal"}, "nothing", False),
    ]
    html = trace_html(Trace("canal-1", steps), mark="canal &")
    system, answer, found = steps_of(html).split("<article")[1:]
    assert "By the <mark>Canal</mark> <mark>&amp;</mark> the shed." in answer
    assert "<details open>" in found
    assert "<details>" in system
    assert '"the <mark>canal</mark>"' in found.replace("&quot;", '"')
    assert elements(html).values("data-step") == ["m", "m", "call-1", "result-1"]
    assert "<mark>" not in trace_html(
        Trace("t", [said("user", "amp lt gt")]), mark="quot div class"
    )


def nested(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


MOST_OPCODES = 12_000_000
"""Of the page of a trace that is nested as deeply as it is shown; the deepest are cut before."""


@pytest.mark.parametrize("levels", [100, 900, 5000, 100_000])
def test_hostile_nesting_is_bounded(levels):
    value = nested(levels)
    steps = call(
        1, "find", {"deep": value}, "[" * levels + "]" * levels, True, more=value, parts=[value]
    )
    steps += call(2, "find", {"deep": value}, "> " * levels + "a", False)
    steps.append(said("assistant", "> " * levels + "a", usage={"input_tokens": value}, agent=value))
    with counted() as opcodes:
        html = Trace("t", steps, {"deep": value, "outcome": value})._repr_html_()
    assert opcodes.count < MOST_OPCODES
    assert html.count("<details") < 400
    assert "find" in html


def test_what_is_too_large_is_cut_and_says_so():
    steps = [
        *call(1, "read", {"n": 10**5000}, "a\n" * 2_000_000, False),
        said("assistant", "b" * 3_000_000),
    ]
    steps += call(2, "list", {"all": list(range(50_000))}, "x", False)
    html = trace_html(Trace("t", steps))
    assert "3,000,000 more characters are in the trace" in html
    assert "more is in the trace" in html
    assert len(html) < 6_000_000


@settings(deadline=None, max_examples=60)
@given(
    text=st.text()
    | st.sampled_from(
        [
            EVIL,
            "</article></div></style><script>alert(1)</script>",
            "]]>",
            "<!--",
            '"><b>',
            "[x](javascript:alert(1))",
            f"![](data:image/png;base64,{PNG})",
        ]
    ),
    kind=st.sampled_from(
        ["message", "thinking", "tool.call", "tool.result", "error", "compaction", EVIL]
    ),
    error=st.sampled_from([True, False, None, EVIL]),
)
def test_nothing_from_a_trace_breaks_out(text, kind, error):
    data = dict.fromkeys(("name", "agent", "branch", "model", "call_id", text), text)
    data |= {
        "arguments": {text: [text, {text: text}]},
        "usage": {text: text},
        "parts": [{text: text, "url": text}],
        "error": error,
    }
    steps = [Step(text, kind, actor, text, 1.0, data) for actor in ("user", text)]
    steps.append(Step("r", "tool.result", "tool", text, 1e300, {"call_id": text, "error": error}))
    html = trace_html(
        Trace(
            text,
            steps,
            {"outcome": text, "model": text, "scores": [{"name": text, "step": text}], text: text},
        ),
        mark=text,
    )
    parsed = elements(html)
    assert {name for name, _ in parsed.found} <= render.TAGS | {
        "h4",
        "h5",
        "h6",
        "blockquote",
        "s",
        "del",
    }
    assert {name for name, _ in parsed.found if name == "style"} == {"style"}
    assert html.count("<style") == 1
    for _, attributes in parsed.found:
        assert not [name for name in attributes if name.startswith("on")]
    assert all(address.startswith(render.LINKS) for address in parsed.values("href"))
    assert all(address.startswith(render.PICTURES) for address in parsed.values("src"))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2.2 defines it."""

    def luminance(colour: str) -> float:
        digits = colour.lstrip("#")
        if len(digits) == 3:
            digits = "".join(digit * 2 for digit in digits)
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_text_can_be_read_in_light_and_dark():
    pairs = dict(re.findall(r"--fb-([\w-]+):light-dark\(([^)]*)\)", render.STYLE))
    colours = {name: pair.split(",") for name, pair in pairs.items()}
    texts = {
        "page": "ink soft accent user-ink assistant-ink tool-ink failed ok",
        "card": "ink soft accent failed ok",
        "failed-card": "ink failed accent",
        "ok-card": "ok",
        "failed": "on-failed",
        "mark": "ink",
    }
    for ground, inks in texts.items():
        for ink in inks.split():
            for theme in (0, 1):
                assert contrast(colours[ink][theme], colours[ground][theme]) >= 4.5, (
                    ink,
                    ground,
                    theme,
                )


def test_a_long_trace_has_a_strip_that_stays_short():
    steps = [said("assistant", f"step {n}", id=str(n)) for n in range(1000)] + call(
        1, "x", {}, "bad", True
    )
    ticks = elements(trace_html(Trace("t", steps))).of_class("tick")
    assert len(ticks) <= 300
    assert "failed" in (ticks[-1]["class"] or "")
    assert ticks[-1]["href"].endswith("-1001")


def test_an_empty_trace_has_a_page():
    assert "no steps" in trace_html(Trace("t", ()))


def test_shortened_keeps_to_its_length():
    assert shortened("a b", 3) == "a b"
    assert shortened("a " * 50, 10) == "a a a a a…"


def test_what_would_turn_a_line_round_is_shown_as_its_code_point():
    evil = "run\u202etxt.exe\u2066"
    steps = [said("user", evil), *call(1, evil, {"a": evil, "b": [evil]}, evil, True, agent=evil)]
    html = trace_html(Trace(evil, steps, {"outcome": evil, "model": evil, "more": {evil: evil}}))
    page = viewer([Trace(evil, steps), Trace("other", [said("user", evil)])], evil).html
    for text in (html, page):
        assert not re.search("[\u202a-\u202e\u2066-\u2069]|u202e|u2066", text)
        assert "run[U+202E]txt.exe[U+2066]" in text
    assert "<h1><bdi>run[U+202E]" in html
    assert "“<bdi>run[U+202E]" in html
    assert "<mark>" in render.marked(render.tag("p", "שלום"), ["שלום"])


def test_the_colours_of_a_terminal_are_not_shown():
    red = "\x1b[1;31mError\x1b[0m: \x1b]0;title\x07no \x1b[38;5;9mfile\x1b[K"
    steps = [
        *call(1, "run", {"text": red, "all": [red]}, red, None),
        *call(2, "run", {}, json.dumps({"log": red, "lines": [red] * 99}), False, note=red),
        said("assistant", red),
    ]
    trace = Trace("t", steps)
    html = trace_html(trace)
    assert "\x1b" not in html
    assert "[1;31m" not in html
    assert "u001b" not in html
    assert html.count("Error: no file") > 8
    (entry, *_) = outline(trace)
    assert (entry.failure, entry.why) == ("said", "Error: no file")


def test_source_text_that_spells_an_escape_keeps_its_letters():
    literal = "\\u001b[31m"  # a backslash and five letters, then four
    red = "\x1b[31mred"
    trace = Trace("t", call(1, "write", {"text": literal, "all": [red, literal]}, "done", False))
    html = trace_html(trace)
    assert html.count("\\\\u001b[31m") == 2
    assert "[&quot;red&quot;, &quot;\\\\u001b[31m&quot;]" in html


def test_no_value_hides_the_next_with_an_escape_that_has_no_end():
    values = ["\x1b]", "paid 500 EUR", "\x1b\\"]
    trace = Trace("t", call(1, "write", {"all": values}, "done", False))
    assert "paid 500 EUR" in trace_html(trace)


def table_of(columns: int, filled: int) -> str:
    head = "|" + "a|" * columns + "\n|" + "-|" * columns + "\n"
    row = "|" + "b|" * filled + "\n"
    return (head + row * 40_000)[: render.MARKDOWN_CHARS]


def test_a_table_costs_no_more_than_other_text_and_a_huge_one_says_that_it_is_plain():
    costs = []
    for text in ("a *b* c\n\n" * 4400, *(table_of(n, k) for n in (4, 90, 1000) for k in (1, n))):
        with counted() as opcodes:
            html = render.markdown(text)
        costs.append(opcodes.count)
        if text.startswith("|"):
            assert "as it was written" in html
            assert "|a|a|" in html
    assert max(costs[1:]) < costs[0]
    small = table_of(4, 4)[:8_000]
    assert "<td>b</td>" in render.markdown(small)
    assert "as it was written" in render.markdown("a" * 50_000)


def counted_reply(run, words="", tool=""):
    """A reply of a named agent as a session has it: words before the count of its tokens, calls
    after it.
    """
    data = {"agent": "support", "run": run}
    usage = {"usage": {"input_tokens": 1600, "output_tokens": 35}, "run": run, "model": "haiku"}
    steps = [Step(f"m-{run}", "message", "assistant", words, data=data)] if words else []
    steps.append(Step(f"u-{run}", "model.usage", "support", "", data=usage))
    if tool:
        call_data = {**data, "call_id": run, "arguments": {}}
        steps.append(Step(f"c-{run}", "tool.call", "assistant", tool, data=call_data))
        result_data = {"call_id": run, "error": False, "run": run}
        steps.append(Step(f"r-{run}", "tool.result", "tool", "done", data=result_data))
    return steps


def test_what_a_reply_used_stands_behind_a_fold_of_the_step_that_used_it():
    steps = [said("user", "Hello"), *counted_reply("1", tool="find")]
    steps += [*counted_reply("2", "Found.", "refund"), *counted_reply("3", "Bye")]
    trace = Trace("t", steps)
    html = trace_html(trace)
    user, find, found, refund, bye = steps_of(html).split("<article")[1:]
    for owner, usage in ((find, "u-1"), (found, "u-2"), (bye, "u-3")):
        assert f'id="{step_anchor(trace, usage)}" data-step="{usage}"' in owner
        assert "<summary>1,635 tokens</summary>" in owner
    assert "tokens" not in user + refund
    assert "support · model.usage" not in html
    assert html.count('class="tick ') == 5


def test_the_numbers_on_a_page_have_no_gaps_and_end_with_the_count_of_its_steps():
    steps = [said("user", "Hello"), *counted_reply("1", tool="find")]
    steps += [*counted_reply("2", "Found.", "refund"), *counted_reply("3", "Bye")]
    html = trace_html(Trace("t", steps))
    assert re.findall('class="n"[^>]*>([^<]*)', html) == ["1", "2–4", "5–6", "7–8", "9–10"]
    assert "10 steps, 3 of them token counts" in head_of(html)


def test_of_two_calls_at_once_each_has_the_number_of_its_result():
    first, second = call(1, "find", {}, "a", False), call(2, "look", {}, "b", False)
    steps = [first[0], second[0], first[1], second[1]]
    for step in steps:
        step.data["agent"] = "researcher"
    html = trace_html(Trace("t", [said("assistant", "Hi", agent="lead"), *steps]))
    assert re.findall('class="n"[^>]*>([^<]*)', html) == ["1", "2, 4", "3, 5"]
    assert "4 steps" in html.partition('class="agent"')[2]


def test_a_line_of_a_call_says_what_is_an_argument_and_what_came_back():
    answer = json.dumps(
        {"bike": "Heron", "size": "M", "price": 34, "free": True, "until": "Friday"}
    )
    steps = [*call(1, "find", {"day": "today"}, answer, False), *call(2, "look", {}, answer, False)]
    steps += [*call(3, "list", {}, "one\ntwo", False), *call(4, "book", {}, "gone", True)]
    steps += call(5, "book", {}, "gone", True)
    find, look, lines, book, again = steps_of(trace_html(Trace("t", steps))).split("<article")[1:]
    assert '"arguments">day: today<' in find
    assert "returned 5 fields" in look.partition("</summary>")[0]
    assert "returned 2 lines" in lines.partition("</summary>")[0]
    assert ">result (step 4)<" in look
    assert ">why it failed (step 8)<" in book
    assert "same arguments as step 7, which failed" in again


def test_the_list_of_a_viewer_says_when_a_trace_began_and_what_a_letter_means():
    first = Trace("a", [said("user", "Hello", time=0.0)], {"outcome": "C"})
    html = viewer([first, Trace("b", [said("user", "Hello")])], "two").html
    assert '"started":["1970-01-01 00:00",""]' in html.replace(", ", ",").replace(": ", ":")
    assert "C, correct" in html
    assert "C, correct" in head_of(trace_html(first))


def test_a_count_of_tokens_whose_reply_is_not_at_hand_is_a_step_of_its_own():
    usage = Step("u", "model.usage", "support", "", data={"usage": {"input_tokens": 7}})
    other = Step("m", "message", "assistant", "Hi", data={"agent": "planner"})
    own = Step("n", "message", "support", "Hi", data={"usage": {"input_tokens": 8}})
    for steps in ([usage], [other, usage], [usage, said("user", "Hello")], [own, usage]):
        html = steps_of(trace_html(Trace("t", steps)))
        assert "support · model.usage" in html, steps


def test_one_actor_has_one_name_on_a_page():
    trace = Trace("t", [said("user", "Hello"), *counted_reply("1", "Bye")] * SHOWS_END)
    html = trace_html(trace)
    assert "<bdi>support: Bye</bdi>" in head_of(html)
    assert 'aria-label="2 support · Bye"' in html
    assert '<span class="assistant">support</span>' in html
    assert "assistant: " not in html


def test_the_title_is_one_message_and_never_two_of_them_as_a_quote():
    steps = [Step("1", "message", "user", " "), Step("2", "message", "user", "Move it.")]
    steps += [Step("3", "message", "assistant", "Done."), Step("4", "message", "user", "No!")]
    assert "“<bdi>Move it.</bdi>”" in trace_html(Trace("t1", steps))


def test_a_title_has_room_for_a_whole_request():
    asked = "Is a bike free on Sunday? " * 5
    assert f"“<bdi>{asked.strip()}</bdi>”" in trace_html(
        Trace("t1", [Step("1", "message", "user", asked)])
    )


@pytest.mark.parametrize(
    ("duration_s", "words"), [(9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 0 s")]
)
def test_a_duration_is_in_whole_seconds_from_ten_on(duration_s, words):
    assert seconds(duration_s) == words
