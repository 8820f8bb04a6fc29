"""Each of the exercises accepts its right answer, and says to wrong ones what they get wrong."""

import asyncio
import inspect
import json
from dataclasses import replace
from pathlib import Path

import checks
import pytest
from scipy.stats import binomtest

from toolkit.assess import Evidence, assess
from toolkit.evals import Criterion, Score

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


async def words_after(session, cursor):
    events = [event async for event in session.read(after=cursor, follow=False)]
    return "".join(event.data["text"] for event in events if event.kind == "text.delta")


async def every_word(session, cursor):
    return await words_after(session, 0)


async def one_word_too_many(session, cursor):
    return await words_after(session, cursor - 1)


async def no_word(session, cursor):
    return ""


def shares(runs):
    wasted = runs.groupby("arm")["regenerated"].agg(["sum", "size"])
    return (wasted["sum"] / (wasted["sum"] + 50 * wasted["size"])).to_dict()


def deduplicated(events):
    text, covered = "", 0
    for event in events:
        if event.kind == "text.snapshot":
            if event.data["covers"] >= covered:
                text, covered = event.data["text"], event.data["covers"]
        elif event.seq > covered:
            text, covered = text + event.data["text"], event.seq
    return text


def all_text(events):
    return "".join(event.data["text"] for event in events)


def deltas_once(events):
    return "".join(
        {event.seq: event.data["text"] for event in events if event.kind == "text.delta"}.values()
    )


def last_snapshot_wins(events):
    text = ""
    for event in events:
        text = event.data["text"] if event.kind == "text.snapshot" else text + event.data["text"]
    return text


def failed_most_first(frame):
    failed = frame[(frame["tool_errors"] > 0).fillna(False)]
    return list(failed.sort_values("tool_errors", ascending=False)["id"])


def worth_an_audit(facts):
    now = assess(Evidence(facts)).answer
    names = ["survives", "resumes", "shared", "goes_on", "terminal"]
    could_be = [replace(facts, **dict.fromkeys(names, verdict)) for verdict in ("yes", "no")]
    return any(assess(Evidence(each)).answer != now for each in could_be)


def rate(labels):
    judged = labels[labels["verdict"] != "defer"]["verdict"]
    return (float((judged == "pass").mean()) if len(judged) else None), len(judged)


def looked_first(trace):
    names = [call.data["name"] for call in trace.calls]
    if "refund" not in names:
        return Score("looked_first", None, "no refund")
    return Score("looked_first", "find_booking" in names[: names.index("refund")])


def looked_at_all(trace):
    names = [call.data["name"] for call in trace.calls]
    return Score(
        "looked_first", "find_booking" in names if "refund" in names else None, "no refund"
    )


def corrected(passed, tpr, tnr):
    if tpr + tnr <= 1:
        return None
    return min(1, max(0, (passed + tnr - 1) / (tpr + tnr - 1)))


def rates(passed, free):
    def rate(trials):
        return sum(trial is True for trial in trials) / len(trials) if trials else None

    everything = [trial for trials in passed.values() for trial in trials]
    others = [trial for case, trials in passed.items() if case not in free for trial in trials]
    return rate(everything), rate(others)


def rates_of_what_was_scored(passed, free):
    scored = {
        case: [each for each in trials if each is not None] for case, trials in passed.items()
    }
    return rates(scored, free)


def rates_that_divide(passed, free):
    trials = [trial for trials in passed.values() for trial in trials]
    others = [trial for case in passed if case not in free for trial in passed[case]]
    return trials.count(True) / len(trials), others.count(True) / len(others)


def with_rule(rule, name="no_voucher"):
    def answer(rubric):
        return replace(
            rubric, criteria=(*rubric.criteria, Criterion(name, "No voucher is spoken of.", rule))
        )

    return answer


def sign_test(wins, losses):
    if wins + losses == 0:
        return None, "not shown"
    p = binomtest(wins, wins + losses).pvalue
    if p >= 0.05:
        return p, "not shown"
    return p, "better" if wins > losses else "worse"


def one_sided(wins, losses):
    p = binomtest(wins, max(1, wins + losses), alternative="greater").pvalue
    return p, "better" if p < 0.05 else "not shown"


# check: (its notebook, the right answer, [(a wrong answer, a word of what is said to it)])
EXERCISES = {
    checks.catches_up: (
        "00",
        words_after,
        [
            (every_word, "missed the last 2"),
            (one_word_too_many, "missed the last"),
            (no_word, "got ''"),
        ],
    ),
    checks.finds_tool_trouble: (
        "01",
        failed_most_first,
        [
            (lambda frame: [], "['dora', 'anna']"),
            (lambda frame: [i for i, n in frame.to_numpy() if n > 0], "does not say whether"),
            (lambda frame: list(frame[frame["tool_errors"].fillna(1) > 0]["id"]), "ben (<NA>)"),
        ],
    ),
    checks.counts_the_judged: (
        "02",
        rate,
        [
            (lambda labels: (0.0, 0), "0.25 of 4"),
            (lambda labels: ((labels["verdict"] == "pass").mean(), len(labels)), "0.25 of 4"),
            (lambda labels: (labels["verdict"] == "pass").mean(), "two things"),
        ],
    ),
    checks.looks_before_it_pays: (
        "03",
        looked_first,
        [
            (
                lambda trace: Score("looked_first", True, "it always does"),
                "then the booking is looked up",
            ),
            (looked_at_all, "then the booking is looked up"),
            (lambda trace: True, "returns a Score"),
        ],
    ),
    checks.takes_the_errors_out: (
        "04",
        corrected,
        [
            (lambda passed, tpr, tnr: passed, "such a judge passes"),
            (lambda passed, tpr, tnr: (passed + tnr - 1) / (tpr + tnr - 1), "by chance"),
            (lambda p, a, b: min(1, max(0, (p + b - 1) / (a + b - 1))), "divides by zero"),
        ],
    ),
    checks.forbids_vouchers: (
        "05",
        with_rule("never says voucher"),
        [
            (lambda rubric: rubric, "yours are: polite"),
            (with_rule("says voucher"), "'Please wait.'"),
            (with_rule("never says voucher", "vouchers"), "yours are: polite, vouchers"),
        ],
    ),
    checks.shows_rates_without_the_free: (
        "07",
        rates,
        [
            (lambda passed, free: (1.0, 1.0), "you gave (1.0, 1.0)"),
            (rates_of_what_was_scored, "the rates are (0.5, 0.2)"),
            (rates_that_divide, "divides by zero"),
        ],
    ),
    checks.knows_the_waste: (
        "09",
        shares,
        [
            (lambda runs: {}, "yours are for: none"),
            (lambda runs: dict(zip(runs["arm"], runs["regenerated"], strict=True)), "1/3"),
            (lambda runs: runs["regenerated"], "yours are for: 0, 1, 2"),
        ],
    ),
    checks.shows_each_word_once: (
        "10",
        deduplicated,
        [
            (all_text, "come again"),
            (deltas_once, "a snapshot comes"),
            (last_snapshot_wins, "come again"),
        ],
    ),
    checks.concludes_no_more_than_is_shown: (
        "11",
        sign_test,
        [
            (lambda wins, losses: (0.0, "better"), "with 5 wins and 3 losses"),
            (one_sided, "(0.7265625, 'not shown')"),
            (lambda w, n: (sign_test(w, n)[0] or 1.0, sign_test(w, n)[1]), "0 wins and 0 losses"),
        ],
    ),
    checks.knows_what_an_audit_could_change: (
        "12",
        worth_an_audit,
        [
            (lambda facts: True, "could not change the answer; you say True"),
            (lambda facts: facts.survives is None, "drops are tolerated"),
            (lambda facts: assess(Evidence(facts)).answer, "yours is a str"),
        ],
    ),
}


def said_by(check, answer):
    verdict = check(answer)
    return asyncio.run(verdict) if inspect.isawaitable(verdict) else verdict


@pytest.mark.parametrize("check", EXERCISES, ids=lambda check: check.__name__)
def test_the_right_answer_is_accepted(check):
    assert said_by(check, EXERCISES[check][1]).startswith("Right: ")


@pytest.mark.parametrize("check", EXERCISES, ids=lambda check: check.__name__)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_wrong_answer_is_told_in_a_sentence_what_is_wrong(check, which):
    answer, word = EXERCISES[check][2][which]
    verdict = said_by(check, answer)
    assert verdict.startswith("Not yet: ")
    assert word in verdict
    assert "object at 0x" not in verdict
    assert len(verdict) < 250
    assert verdict._repr_html_().startswith("<p>Not yet: ")


def test_each_notebook_has_one_exercise_and_each_check_is_in_this_table():
    for check, (notebook, _, wrong) in EXERCISES.items():
        (path,) = NOTEBOOKS.glob(f"{notebook}_*.ipynb")
        last = "".join(json.loads(path.read_text())["cells"][-1]["source"])
        assert f"checks.{check.__name__}(" in last
        assert len(wrong) == 3
    defined = {
        name for name, made in vars(checks).items() if getattr(made, "__module__", "") == "checks"
    }
    tools = {"near", "marked", "Marked", "holds"}
    assert defined == {check.__name__ for check in EXERCISES} | tools


def test_a_claim_of_the_text_that_its_cells_do_not_show_is_said_to_be_otherwise():
    assert checks.holds("the probe notices it", True) == "As the text says: the probe notices it."
    assert checks.holds("the probe notices it", False) == "Not so this time: the probe notices it."
