"""The rubric panel without a browser: what is typed goes through the box, and each click through
its button.
"""

import asyncio
from dataclasses import dataclass, replace
from html import escape

import pytest
from ipywidgets import Widget

from toolkit.evals import Criterion, Judge, Label, Rubric, Verdict
from toolkit.models import Answer, ScriptedModel, Tape
from toolkit.traces import Step, Trace
from toolkit.views import RubricPanel

HOSTILE = "<img src=x onerror='window.pwned=1'>"
RUBRIC = Rubric("polite", "Is it polite?", (Criterion("sorry", "It says sorry.", "says sorry"),))


@pytest.fixture(autouse=True)
def _no_widgets_left_over():
    yield
    Widget.close_all()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "polite.md"


def some(n=10, kind="human"):
    """Traces of which the odd ones say sorry and the last says thanks; a person passes those that
    say either.
    """
    words = [f"{HOSTILE} sorry {k}" if k % 2 else f"no {k}" for k in range(n - 1)] + ["thanks"]
    traces = [
        Trace(f"t{k}", [Step("1", "message", "assistant", said)]) for k, said in enumerate(words)
    ]
    labels = [
        Label(
            one.id,
            "ada",
            "pass" if k % 2 or k == n - 1 else "fail",
            f"{HOSTILE} it sounds so",
            kind,
        )
        for k, one in enumerate(traces)
    ]
    return traces, labels


async def opened(path, rubric=RUBRIC, judge=None, kind="human", n=10):
    panel = RubricPanel(rubric, *some(n, kind), judge=judge, path=path)
    await panel.settled()
    return panel


async def typed(panel, old, new):
    assert old in panel.box.value
    panel.box.value = panel.box.value.replace(old, new)
    await panel.settled()


def html(panel):
    """All that the panel shows as HTML."""
    found, rest = "", [panel]
    while rest:
        one = rest.pop()
        rest += getattr(one, "children", ())
        found += one.value if type(one).__name__ == "HTML" else ""
    return found


async def test_a_trace_that_is_given_twice_is_judged_and_shown_once(path):
    traces, labels = some()
    panel = RubricPanel(RUBRIC, [*traces, *traces[:3]], labels, path=path)
    await panel.settled()
    assert panel.agreement(panel.after).startswith("9 of 10 agree")
    assert html(panel).count(">t1<") == 1


async def test_a_rubric_that_another_program_saved_as_utf_16_is_read_and_saved(path):
    RUBRIC.save(path)
    path.write_text(path.read_text("utf-8"), encoding="utf-16")
    assert Rubric.load(path).hash == RUBRIC.hash
    panel = await opened(path, rubric=path)
    await typed(panel, "Is it polite?", "Is it kind?")
    panel.save.click()
    await panel.settled()
    assert Rubric.load(path).text == "Is it kind?"


async def test_the_name_of_a_rubric_leads_to_no_other_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    panel = RubricPanel(replace(RUBRIC, name="../polite"), *some())
    await panel.settled()
    assert [one.name for one in tmp_path.glob("**/*.md")] == [panel.path.name]
    assert (tmp_path / "here" / panel.path.name).exists()


async def test_an_edit_shows_at_once_which_verdicts_change(path):
    panel = await opened(path, n=11)
    assert (
        panel.agreement(panel.before)
        == "10 of 11 agree, 95% interval 0.62 to 0.98 (n = 11 · labels: human · judge: computed here)"
    )
    assert "no longer" not in html(panel)
    await typed(panel, "says sorry", "says sorry|thanks")
    changed = {
        b.trace_id for a, b in zip(panel.before, panel.after, strict=True) if a.verdict != b.verdict
    }
    assert changed == {"t10"}
    assert panel.agreement(panel.after).startswith("11 of 11 agree")
    assert html(panel).count("now agrees") == 1
    assert "Human alignment" in html(panel)
    await typed(panel, "says sorry|thanks", "never says sorry|thanks")
    assert panel.agreement(panel.after).startswith("0 of 11 agree")
    assert html(panel).count("no longer agrees") == 10


async def test_without_a_model_the_panel_says_what_judges_and_on_whose_labels(path):
    panel = await opened(path, kind="simulated")
    assert "no language model: rules for 1 of 1 criteria" in html(panel)
    assert "simulated" in panel.agreement(panel.before) + html(panel)
    assert "Human alignment" not in html(panel)
    await typed(panel, "rule: says sorry", "rule: ''")
    assert (
        "for sorry: a classifier of words (TF-IDF, logistic regression), trained on 10 simulated labels"
        in html(panel)
    )
    assert len(panel.after) == 10


async def test_an_edit_of_words_that_no_rule_and_no_model_reads_changes_no_verdict(path):
    panel = await opened(path, Rubric("polite", "Is it polite?", ("It says sorry.",)))
    await typed(panel, "It says sorry.", "It never says sorry.")
    assert [one.verdict for one in panel.after] == [one.verdict for one in panel.before]
    assert "for c1: a classifier" in html(panel)


async def test_save_writes_every_letter_of_the_box_before_it_says_so(path):
    panel = await opened(path)
    await typed(panel, "name: polite", "# mine, all mine\nname: polite")
    assert "# mine" not in path.read_text()
    panel.save.click()
    assert path.read_text() == panel.box.value
    assert panel.message == f"Saved: {path}"
    await panel.settled()
    assert panel.before == panel.after


async def test_what_was_typed_and_not_saved_is_there_again_after_the_kernel_died(path):
    panel = await opened(path)
    await typed(panel, "says sorry", "says thanks")
    await typed(panel, "name: polite", "name: [half a thou")
    Widget.close_all()
    again = await opened(path)
    assert "name: [half a thou" in again.box.value
    assert "says thanks" in again.box.value
    again.revert.click()
    await again.settled()
    assert again.box.value == path.read_text()
    assert "unsaved" not in (await opened(path)).message


async def test_what_was_saved_goes_before_the_rubric_that_the_cell_gives(path):
    panel = await opened(path)
    await typed(panel, "says sorry", "says thanks")
    panel.save.click()
    await panel.settled()
    assert "says thanks" in (await opened(path)).box.value
    assert "says thanks" in (await opened(None, path)).box.value


@pytest.mark.parametrize("broken", ["criteria: [", "name: polite\nextra: 1", "threshold: 7"])
async def test_a_rubric_that_cannot_be_read_is_named_and_not_saved(path, broken):
    panel = await opened(path)
    before = path.read_text()
    await typed(panel, "name: polite", broken if "name" in broken else f"name: polite\n{broken}")
    assert "polite.md" in panel.message
    assert panel.after == []
    panel.save.click()
    assert panel.message.startswith("Not saved: ")
    assert path.read_text() == before


async def test_a_rule_that_cannot_be_read_is_told_in_the_panel(path):
    panel = await opened(path)
    await typed(panel, "says sorry", "says (")
    assert "rule 'says ('" in panel.message


async def test_a_file_that_somebody_else_changed_is_not_written_over(path):
    panel = await opened(path)
    path.write_text(path.read_text().replace("Is it", "Is it really"))
    await typed(panel, "says sorry", "says thanks")
    panel.save.click()
    assert "somebody changed the file" in panel.message
    assert "really" in path.read_text()


async def test_a_write_that_fails_says_so_and_keeps_the_words(path, monkeypatch):
    panel = await opened(path)
    path.parent.joinpath(f".{path.name}.draft").mkdir()
    await typed(panel, "says sorry", "says thanks")
    assert panel.message.startswith("Not saved: ")
    assert "says thanks" in panel.box.value


async def test_nothing_of_a_trace_a_label_or_a_rubric_is_html(path):
    panel = await opened(path)
    await typed(panel, "name: polite", f"name: polite\n{HOSTILE}: 1")
    assert "pwned" in html(panel)
    assert "<img" not in html(panel)


def judge(policy, **settings):
    return Judge(RUBRIC, ScriptedModel(policy), **settings)


def by_wording(request):
    """A stand-in that does read the rubric: it passes everything once the rubric is lenient."""
    passes = "lenient" in request.messages[0]["content"]
    return Answer(data={"sorry": {"critique": "Because.", "verdict": "pass" if passes else "fail"}})


async def test_a_judge_is_asked_with_the_edited_rubric_and_a_script_is_called_one(path):
    panel = await opened(path, judge=judge(by_wording))
    assert {one.verdict for one in panel.before} == {"fail"}
    await typed(panel, "Is it polite?", "Is it polite? Be lenient.")
    assert {one.verdict for one in panel.after} == {"pass"}
    assert "simulated: a script stands in" in html(panel)
    assert "Human alignment" in html(panel)
    assert "simulated" in panel.agreement(panel.after)


async def test_unscored_verdicts_are_counted_beside_the_agreement(path):
    def mute(request):
        return Answer("[]") if request.metadata["user_id"] in ("t1", "t2") else by_wording(request)

    panel = await opened(path, judge=judge(mute))
    assert "n = 8 · 2 unparsed" in panel.agreement(panel.after).replace(", 2 unp", " · 2 unp")
    assert html(panel).count("unscored") >= 2


async def test_a_slow_judge_does_not_hold_up_the_kernel_and_an_older_answer_never_wins(path):
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(ScriptedModel):
        async def reply(self, request):
            if "slow" in request.messages[0]["content"]:
                begun.set()
                await go_on.wait()
            return await super().reply(request)

    panel = await opened(path, judge=Judge(RUBRIC, Slow(by_wording)))
    panel.box.value = panel.box.value.replace("Is it polite?", "slow")
    async with asyncio.timeout(10):
        await begun.wait()
    panel.box.value = panel.box.value.replace("slow", "lenient")
    await panel.settled()
    go_on.set()
    await asyncio.sleep(0)
    assert {one.verdict for one in panel.after} == {"pass"}
    assert panel.agreement(panel.after).startswith("5 of 10")


async def test_a_live_judge_is_asked_only_when_its_button_is_pressed(path):
    live = judge(by_wording)
    object.__setattr__(live.model, "source", "live")
    panel = await opened(path, judge=live)
    await typed(panel, "Is it polite?", "lenient")
    assert (panel.before, panel.after, len(live.model.ledger.attempts)) == ([], [], 0)
    assert "not judged yet" in html(panel)
    panel.again.click()
    await panel.settled()
    assert len(live.model.ledger.attempts) == 20
    assert {one.verdict for one in panel.after} == {"pass"}


def test_without_a_running_loop_there_is_no_panel(path):
    with pytest.raises(RuntimeError, match="running event loop"):
        RubricPanel(RUBRIC, *some(), path=path)


async def test_without_labels_there_is_nothing_to_judge_and_the_panel_says_so(path):
    panel = RubricPanel(RUBRIC, some()[0], [], path=path)
    await panel.settled()
    assert "0 labelled traces" in html(panel)
    assert panel.after == []


class Paid(ScriptedModel):
    """A live model as far as anybody can tell, which answers the first `ready` questions, and the
    rest at `go_on`.
    """

    def __init__(self, policy, ready):
        super().__init__(policy)
        self.source = "live"
        self.ready, self.go_on, self.waiting, self.calls = (
            ready,
            asyncio.Event(),
            asyncio.Event(),
            0,
        )

    async def reply(self, request):
        self.calls += 1
        if self.calls > self.ready and not self.go_on.is_set():
            self.waiting.set()
            await self.go_on.wait()
        return await super().reply(request)


async def paid_run(path, ready=6):
    """A panel whose Judge button was pressed, at the moment when `ready` replies came and the
    others are in flight.
    """
    model = Paid(by_wording, ready)
    panel = await opened(path, judge=Judge(RUBRIC, model))
    panel.again.click()
    async with asyncio.timeout(10):
        await model.waiting.wait()
        while len(panel.before) < ready:
            await asyncio.sleep(0)
    return panel, model


async def test_an_edit_does_not_break_off_a_paid_run_and_its_verdicts_are_kept(path):
    panel, model = await paid_run(path)
    panel.box.value = panel.box.value.replace("Is it polite?", "Is it polite? Be lenient.")
    assert "A paid run of the rubric as it was goes on" in panel.message
    assert "Be lenient" in path.with_name(f".{path.name}.draft").read_text()
    model.go_on.set()
    await panel.settled()
    assert (len(panel.before), panel.after, model.calls) == (10, [], 10)
    panel.again.click()
    await panel.settled()
    assert (len(panel.before), len(panel.after), model.calls) == (10, 10, 20)


async def test_a_paid_run_is_broken_off_by_a_second_press_and_what_came_is_not_asked_again(path):
    panel, model = await paid_run(path)
    panel.again.click()
    assert "Press Judge again to break it off" in panel.message
    await asyncio.sleep(0)
    assert not model.go_on.is_set()
    in_flight = model.calls - 6
    panel.again.click()
    model.go_on.set()
    await panel.settled()
    assert len(panel.before) == 10
    assert model.calls == 10 + in_flight


@pytest.mark.parametrize("button", ["save", "revert"])
async def test_saving_and_reverting_leave_a_paid_run_alone(path, button):
    panel, model = await paid_run(path)
    getattr(panel, button).click()
    model.go_on.set()
    await panel.settled()
    assert (len(panel.before), model.calls) == (10, 10)


async def test_going_back_to_a_wording_that_was_judged_asks_nothing_again(path):
    panel, model = await paid_run(path)
    model.go_on.set()
    await panel.settled()
    await typed(panel, "Is it polite?", "Is it polite? Be lenient.")
    panel.again.click()
    await panel.settled()
    await typed(panel, " Be lenient.", "")
    panel.again.click()
    await panel.settled()
    assert (len(panel.after), model.calls) == (10, 20)


async def test_a_tape_that_would_ask_a_live_model_is_asked_only_when_its_button_is_pressed(
    path, tmp_path
):
    model = Paid(by_wording, 99)
    panel = await opened(path, judge=Judge(RUBRIC, Tape(tmp_path / "tape.jsonl", model)))
    await typed(panel, "Is it polite?", "lenient")
    assert model.ledger.attempts == []
    panel.again.click()
    await panel.settled()
    assert len(model.ledger.attempts) == 20


async def test_a_judge_that_breaks_leaves_the_verdicts_that_came(path):
    class Broken(Judge):
        async def score(self, trace):
            if trace.id == "t9":
                raise RuntimeError("the judge is broken")
            return await super().score(trace)

    panel = await opened(path, judge=Broken(RUBRIC, ScriptedModel(by_wording)))
    assert panel.message == "the judge is broken"
    assert len(panel.before) >= 1


def verdict_of(trace, judge, verdict):
    return Verdict(trace.id, verdict, "Because.", "", "live", judge, computed=True)


class BothAgree:
    """A judge of an outsider's own: two rules must agree. It reads no rubric."""

    hash, says = "both-1", "both rules must agree"

    async def score_all(self, traces, progress=None):
        said = [trace.text("assistant") for trace in traces]
        passes = ["sorry" in words and "no" not in words for words in said]
        return [
            verdict_of(trace, self.hash, "pass" if good else "fail")
            for trace, good in zip(traces, passes, strict=True)
        ]


async def test_a_judge_of_an_outsiders_own_judges_and_the_panel_says_that_it_reads_no_rubric(path):
    panel = await opened(path, judge=BothAgree())
    assert panel.agreement(panel.before).startswith("9 of 10 agree")
    assert "both rules must agree" in html(panel)
    assert "by a rubric of its own: an edit of this one changes no verdict" in html(panel)
    await typed(panel, "says sorry", "says thanks")
    assert panel.after == panel.before


@dataclass(frozen=True)
class Wordy:
    """A judge of an outsider's own that does read the rubric: passes are longer than its text."""

    rubric: Rubric

    @property
    def hash(self):
        return self.rubric.hash

    @property
    def says(self):
        return f"wordy {HOSTILE}"

    async def score_all(self, traces, progress=None):
        long = [len(trace.text("assistant")) > len(self.rubric.text) for trace in traces]
        return [
            verdict_of(trace, self.hash, "pass" if is_long else "fail")
            for trace, is_long in zip(traces, long, strict=True)
        ]


@pytest.mark.parametrize("judge", [Wordy(RUBRIC), Wordy])
async def test_a_judge_with_a_rubric_or_a_function_of_one_judges_by_what_the_box_says(path, judge):
    panel = await opened(path, judge=judge)
    before = f'title="hash {Rubric.load(path).hash}">Judged by the rubric polite, version 1<'
    assert before in html(panel)
    assert {verdict.verdict for verdict in panel.before} == {"pass", "fail"}
    await typed(panel, "Is it polite?", "Is it polite? " + "Be strict. " * 9)
    assert {verdict.verdict for verdict in panel.after} == {"fail"}
    assert before not in html(panel)
    assert "<img" not in html(panel)


async def test_a_judge_of_ones_own_that_costs_money_waits_for_its_button(path):
    panel = RubricPanel(RUBRIC, *some(), judge=BothAgree(), path=path, live=True)
    await panel.settled()
    assert panel.before == []
    panel.again.click()
    await panel.settled()
    assert len(panel.before) == 10


async def test_an_error_is_shown_with_its_line_and_what_stands_on_it(path):
    panel = await opened(path)
    await typed(panel, "rule: says sorry", "rule: speaks sorry")
    number = panel.box.value.splitlines().index("  rule: speaks sorry") + 1
    assert f"polite.md, line {number} (rule: speaks sorry)" in panel.message


async def test_the_panel_says_whether_the_rubric_that_it_judges_by_is_saved(path):
    panel = await opened(path)
    hash_ = Rubric.load(path).hash
    assert "saved</span>" in panel.head.value
    assert hash_ in panel.head.value
    await typed(panel, "Is it polite?", "Is it kind?")
    assert "edited, not saved" in panel.head.value
    assert hash_ not in panel.head.value
    panel.key_layer.press({"act": "save"})
    await panel.settled()
    assert "edited" not in panel.head.value
    assert Rubric.load(path).hash in panel.head.value
    await typed(panel, "Is it kind?", "Is it brief?")
    panel.key_layer.press({"act": "revert"})
    await panel.settled()
    assert "Is it kind?" in panel.box.value


@pytest.mark.parametrize(
    ("kind", "rater", "says"),
    [("human", "ada", "you say"), ("simulated", "sim-robin", "sim-robin says")],
)
async def test_the_head_of_the_table_says_whose_the_labels_are(path, kind, rater, says):
    traces, labels = some()
    labels = [replace(label, rater=rater, rater_kind=kind) for label in labels]
    panel = RubricPanel(RUBRIC, traces, labels, path=path)
    await panel.settled()
    assert f"<th>{says}</th>" in html(panel)
    assert f"as {says}" in html(panel)
    assert html(panel).count("computed here") == 1


async def test_a_dot_for_each_verdict_and_a_tint_for_each_that_changed(path):
    panel = await opened(path, n=11)
    assert "●●●●●●●●●●" in html(panel)
    assert "○" in html(panel)
    assert 'class="changed"' not in html(panel)
    await typed(panel, "says sorry", "says sorry|thanks")
    assert html(panel).count('class="changed"') == 1
    assert 'verdict fail">fail</span> <span title="not as you say">✗' in html(panel)


async def test_the_lines_of_an_edit_are_marked_until_it_is_saved_or_reverted(path):
    panel = await opened(path)
    assert 'class="new"' not in html(panel)
    await typed(panel, "rule: says sorry", f"rule: says {HOSTILE}")
    assert html(panel).count('class="new"') == 1
    assert f'class="new"><span>  rule: says {escape(HOSTILE)}' in html(panel)
    assert "1 line is new or changed, and tinted." in panel.message
    panel.revert.click()
    await panel.settled()
    assert 'class="new"' not in html(panel)
    await typed(panel, "  rule: says sorry\n", "")
    assert html(panel).count('class="gone"') == 1
    assert "taken out in 1 place" in panel.message
    panel.save.click()
    await panel.settled()
    assert 'class="gone"' not in html(panel)


async def test_a_form_edits_one_criterion_in_the_text_and_no_other_letter(path):
    RUBRIC.save(path)
    path.write_text(path.read_text().replace("name: polite", "name: polite  # mine"))
    panel = await opened(None, path)
    assert panel.form.tabs.options == ("as text", "sorry")
    panel.form.tabs.value = "sorry"
    assert panel.form.claim.value == "It says sorry."
    assert (panel.form.rule.value, panel.form.about.value) == ("says", "sorry")
    before = panel.box.value
    panel.form.about.value = "thanks"
    await panel.settled()
    assert panel.box.value == before.replace("rule: says sorry", "rule: says thanks")
    assert panel.after != panel.before
    assert "Not saved yet" in panel.message
    panel.form.required.value = True
    panel.form.claim.value = f"Kind: {HOSTILE}"
    await panel.settled()
    (criterion,) = Rubric.parse(panel.box.value).criteria
    assert criterion == Criterion("sorry", f"Kind: {HOSTILE}", "says thanks", True)
    panel.revert.click()
    assert panel.form.claim.value == "It says sorry."


async def test_a_reason_of_a_rule_names_a_step_by_its_number(path):
    traces = []
    for trace in some()[0]:
        call = Step("c9", "tool.call", "assistant", "refund", data={"call_id": "1"})
        result = Step("r9", "tool.result", "tool", "Gone.", data={"call_id": "1", "error": True})
        traces.append(replace(trace, steps=(*trace.steps, call, result)))
    rubric = Rubric("works", "Do tools work?", (Criterion("works", "They do.", "tools_succeeded"),))
    panel = RubricPanel(rubric, traces, some()[1], path=path)
    await panel.settled()
    assert "step 3: Gone." in html(panel)
    assert "r9" not in html(panel)


async def test_how_a_criterion_is_checked_is_a_list_of_the_rules_that_exist(path):
    panel = await opened(path)
    form = panel.form
    form.tabs.value = "sorry"
    names = [name for name, _ in form.rule.options]
    assert names[:2] == ["read by a judge", "answered"]
    assert names[-4:] == ["says …", "never says …", "calls …", "never calls …"]
    form.rule.value = "never calls"
    assert "rule: says sorry" in panel.box.value  # a verb alone is no rule yet
    assert (form.about.value, form.about.description) == ("", "Which tool")
    form.about.value = "refund"
    assert "rule: never calls refund" in panel.box.value
    form.rule.value = "answered"
    assert form.about.layout.display == "none"
    assert Rubric.parse(panel.box.value).criteria[0].rule == "answered"
    await panel.settled()
    await typed(panel, "rule: answered", "rule: speaks sorry")
    assert form.rule.value == "speaks sorry"


async def test_an_edit_says_how_far_it_moved_the_agreement_and_whether_that_may_be_chance(path):
    panel = await opened(path)
    assert "→" not in html(panel)
    await typed(panel, "says sorry", "says sorry|thanks")
    assert "9 of 10 → 10 of 10 agree: 1 changed; too few to tell" in html(panel)


async def test_a_form_shows_what_the_box_says_and_keeps_an_edit_that_is_no_rubric(path):
    panel = await opened(path)
    panel.form.tabs.value = "sorry"
    await typed(panel, "It says sorry.", "It is kind.")
    assert panel.form.claim.value == "It is kind."
    panel.form.claim.value = " "
    await panel.settled()
    assert "no blank criterion" in panel.message
    panel.form.claim.value = "It is brief."
    await panel.settled()
    assert Rubric.parse(panel.box.value).criteria[0].text == "It is brief."
    await typed(panel, "criteria:\n- id", "criteria: [\n- id")
    panel.form.claim.value = "It is long."
    assert "Not put into the text" in panel.message
    assert "It is long." not in panel.box.value
