import pytest

from toolkit.evals import BANDS, RATES, Judge, Label, Rubric, TrustPolicy, Verdict, align, trusted
from toolkit.models import Answer, ScriptedModel


def judge(text="Is it right?"):
    return Judge(Rubric("right", text), ScriptedModel(lambda _: Answer("")))


def aligned(by, kind="human", n=200, wrong=0.03, missing=0.0, **more):
    """`n` labels, half of them fails; the judge errs on a share `wrong` of either kind, is silent
    on `missing`.
    """
    labels, verdicts = [], []
    for at in range(n):
        said = "pass" if at % 2 else "fail"
        other = {"pass": "fail", "fail": "pass"}[said]
        place = at // 2 / (n / 2)
        verdict = None if place >= 1 - missing else other if place < wrong else said
        labels.append(Label(f"t{at}", "ann", said, "because", kind))
        verdicts.append(Verdict(f"t{at}", verdict, "", "", "live", by.hash))
    return align(labels, verdicts, **more)


def test_a_good_judge_is_trusted_and_a_changed_one_is_not():
    one = judge()
    trust = trusted(aligned(one))
    assert trust.trusted
    assert trust.covers(one)
    assert not trust.covers(judge("Is it right, and polite?"))
    assert not trust.covers("")
    assert trust.title == "This judge is trusted to score at scale"
    assert trust.checks.loc["judge", "found"] == one.hash


@pytest.mark.parametrize(
    ("kind", "words"), [("simulated", "simulated labels"), ("model", "a model's labels")]
)
def test_labels_that_no_person_wrote_make_no_trust_and_the_decision_says_so(kind, words):
    one = judge()
    trust = trusted(aligned(one, kind))
    assert not trust.trusted
    assert not trust.covers(one)
    assert not trust.checks.loc["labels", "met"]
    lenient = trusted(
        aligned(one, kind), TrustPolicy(name="practice", min_tpr=0.8, min_tnr=0.8, human=False)
    )
    assert lenient.covers(one)
    for found in (trust, lenient):
        assert f"It rests on {words}: nothing here is about people" in found.title
        assert "nothing here is about people" in found._repr_html_()


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"wrong": 0.2}, "tpr"),
        ({"n": 40}, "n"),
        ({"missing": 0.1}, "unparsed"),
        ({"n": 40, "wrong": 0.1}, "tnr"),
    ],
)
def test_what_falls_short_is_named(change, check):
    trust = trusted(aligned(judge(), **change))
    assert not trust.trusted
    assert not trust.checks.loc[check, "met"]
    assert check in trust.title


def test_bounds_decide_and_not_values_so_few_labels_do_not_pass():
    few = aligned(judge(), n=20, wrong=0.0)
    policy = TrustPolicy(name="bounds", min_tpr=0.8, min_labels=1)
    assert few.tpr == 1.0
    assert not trusted(few, policy).trusted
    assert trusted(aligned(judge(), wrong=0.0), policy).trusted


def test_both_schools_are_shown_whichever_decides():
    found = aligned(judge())
    for policy in (RATES, BANDS):
        trust = trusted(found, policy)
        assert trust.trusted
        for told in ("TPR 0.97", "TNR 0.97", "kappa 0.94, good for a gate"):
            assert told in trust.schools
            assert told in trust._repr_html_()
    assert "good for exploration" in trusted(aligned(judge(), wrong=0.4), BANDS).schools
    assert not trusted(aligned(judge(), wrong=0.2), BANDS).trusted


def test_labels_that_come_in_groups_are_worth_less():
    one = judge()
    assert trusted(aligned(one, wrong=0.06, n=400)).trusted
    assert not trusted(
        aligned(one, wrong=0.06, n=400, groups=[at // 20 for at in range(400)])
    ).trusted


def test_a_decision_about_no_judge_in_particular_trusts_none():
    words = ["pass", "fail"] * 100
    unknown = align(words, words, human_kind="human")
    assert not trusted(unknown).trusted
    assert not trusted(unknown).covers("abcd")
    assert trusted(unknown, judge="abcd").covers("abcd")


def test_verdicts_of_one_judge_make_no_trust_in_another():
    with pytest.raises(ValueError, match="align that one"):
        trusted(aligned(judge()), judge=judge("Another question?"))


def test_an_undefined_rate_is_not_met():
    only = align(["pass"] * 50, ["pass"] * 50, human_kind="human")
    trust = trusted(only, TrustPolicy(name="rates", min_tnr=0.1, min_labels=0), "abcd")
    assert trust.checks.loc["tnr", "found"] == "undefined"
    assert not trust.trusted


def test_missing_verdicts_that_count_as_fails_are_still_missing():
    for policy in ("report", "exclude", "fail", "pass"):
        trust = trusted(aligned(judge(), missing=0.1, unparsed=policy))
        assert trust.checks.loc["unparsed", "found"] == "10%"
        assert not trust.trusted


def test_no_share_of_missing_verdicts_is_small_enough_to_count_as_passes():
    for policy, trust in (
        (p, trusted(aligned(judge(), missing=0.02, unparsed=p))) for p in ("report", "pass")
    ):
        assert trust.trusted is (policy == "report")
        assert trust.checks.loc["unparsed", "met"] == trust.trusted


def test_a_judge_no_better_than_chance_is_good_for_nothing():
    worse = aligned(judge(), wrong=0.6)
    assert worse.kappa < 0
    assert "no better than chance" in trusted(worse).schools
    lucky = aligned(judge(), n=80, wrong=0.45)
    low = lucky.interval("kappa", "bootstrap")[0]
    assert low <= 0 < lucky.kappa
    for policy in (RATES, BANDS):
        assert "no better than chance" in trusted(lucky, policy)._repr_html_()
        assert "exploration" not in trusted(lucky, policy).schools


def test_bands_go_by_the_lower_bound():
    found = aligned(judge(), n=100, wrong=0.13)
    low = found.interval("kappa", "bootstrap")[0]
    assert low < 0.7 < found.kappa
    assert "good for trends" in trusted(found).schools


@pytest.mark.parametrize("n", [10, 40, 58])
def test_below_thirty_labels_of_a_verdict_it_is_too_few_to_say_and_how_many_it_takes(n):
    few = trusted(aligned(judge(), n=n))
    missing = 30 - n // 2
    assert few.schools.startswith("Too few labels to say: it takes 30 of either verdict")
    assert (
        f"{missing} more of pass and {missing} more of fail, about {2 * missing} more labels"
        in few.too_few
    )
    assert "Too few labels" in few._repr_html_()
    assert trusted(aligned(judge(), n=60)).too_few == ""


def test_a_verdict_that_was_never_seen_has_no_share_to_reckon_with():
    only = trusted(align(["pass"] * 50, ["pass"] * 50, human_kind="human"))
    assert "30 more of fail." in only.too_few
    assert "about" not in only.too_few


@pytest.mark.parametrize("more", [{}, {"groups": [at // 4 for at in range(200)]}])
def test_text_and_table_use_one_kind_of_interval_and_name_it(more):
    trust = trusted(
        aligned(judge(), wrong=0.06, **more),
        TrustPolicy(name="all", min_tpr=0.5, min_tnr=0.5, min_kappa=0.5),
    )
    for name in ("tpr", "tnr", "kappa"):
        low, method = trust.checks.loc[name, "found"].split(" (")
        method = method.rstrip(")")
        assert method in ("exact", "bootstrap")
        title = name if name == "kappa" else name.upper()
        sentence = trust.schools.split(f"{title} ")[1]
        assert f"{method} 95% interval {low} to" in sentence


def test_the_judges_examples_are_no_missing_verdicts():
    one = judge()
    labels = [Label(f"t{at}", "ann", ("pass", "fail")[at % 2], "w") for at in range(120)]
    said = [
        Verdict(x.trace_id, None if at < 8 else x.verdict, "", "", "live", one.hash, example=at < 8)
        for at, x in enumerate(labels)
    ]
    trust = trusted(align(labels, said))
    assert trust.checks.loc["unparsed", "found"] == "0%"
    assert trust.trusted
