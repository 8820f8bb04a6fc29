import json
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from toolkit.evals import align

GARBLED = [None, float("nan"), "", "  ", "maybe", [], {"verdict": "pass"}]


def close(ours, oracle):
    return ours is not None and abs(ours - oracle) < 1e-9


@pytest.mark.parametrize("seed", range(60))
def test_a_random_table_agrees_with_scikit_learn_and_statsmodels(seed):
    rng = np.random.default_rng(seed)
    labels = ["fail", "pass"] if seed % 2 else ["bad", "good", "mixed", "pass"][: rng.integers(3, 5)]
    positive, n = ("pass" if seed % 2 else "good"), int(rng.integers(1, 60))
    human = rng.choice(labels, n)
    judge = np.where(rng.random(n) < 0.6, human, rng.choice(sorted(set(human)), n))
    found = align(human, judge, positive=positive)
    binary = seed % 2 or (len(set(human)) == 2 and positive in human)
    scope = {"average": "binary", "pos_label": positive} if binary else {"average": "macro"}
    assert found.n == n
    assert close(found.accuracy, metrics.accuracy_score(human, judge))
    for name, count, of in (
        ("tpr", ((human == positive) & (judge == positive)).sum(), (human == positive).sum()),
        ("tnr", ((human != positive) & (judge != positive)).sum(), (human != positive).sum()),
    ):
        value, interval = getattr(found, name), getattr(found, f"{name}_interval")
        if of == 0 or (value is None and positive not in human):
            assert value is interval is None
            assert name in found.reason
        else:
            assert close(value, count / of)
            assert np.allclose(interval, proportion_confint(count, of, method="wilson"), atol=1e-9)
    if found.kappa is None:
        assert len({*human, *judge}) == 1
    else:
        assert close(found.kappa, metrics.cohen_kappa_score(human, judge))
    for name, oracle in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ):
        if getattr(found, name) is None:
            assert name in found.reason
        else:
            assert close(getattr(found, name), oracle(human, judge, **scope, zero_division=math.nan))
    known = list(found.confusion.index)
    counts = [[((human == row) & (judge == column)).sum() for column in known] for row in known]
    assert found.confusion.to_numpy().tolist() == counts


@pytest.fixture(scope="session")
def pandalm(data_dir):
    folder = data_dir / "pandalm"
    if not folder.is_dir():
        pytest.skip(f"PandaLM is not in {data_dir}")
    people = json.loads((folder / "testset-v1.json").read_text())
    gpt = json.loads((folder / "gpt-3.5-turbo-testset-v1.json").read_text())
    seven = json.loads((folder / "pandalm-7b-testset-v1.json").read_text())
    votes = [Counter(row[f"annotator{n}"] for n in (1, 2, 3)) for row in people]
    return (
        [vote.most_common(1)[0][0] for vote in votes],
        [{"0": 0, "1": 1, "2": 2, "Tie": 0}.get(row["gpt_result"], row["gpt_result"]) for row in gpt],
        [int(row["pandalm_result"]) for row in seven],
    )


def test_the_published_figures_of_pandalm_7b_come_out(pandalm):
    human, _, seven = pandalm
    assert [human.count(label) for label in (0, 1, 2)] == [105, 422, 472]
    found = align(human, seven, positive=1)
    shown = [round(100 * getattr(found, name), 2) for name in ("accuracy", "precision", "recall", "f1")]
    assert shown == [66.77, 57.38, 57.50, 57.43]
    assert found.n_unparsed == 0


def test_the_published_figures_of_gpt_35_come_out_only_if_garbage_counts_as_a_tie(pandalm):
    human, gpt, _ = pandalm
    found = align(human, gpt, positive=0, unparsed="pass")
    shown = [round(100 * getattr(found, name), 2) for name in ("accuracy", "precision", "recall", "f1")]
    assert shown == [71.07, 58.79, 57.36, 57.55]
    assert found.n_unparsed == 25
    assert set(found.pairs.query("status == 'unparsed'")["judge"]) == {"garbage"}
    accuracy = found.policies()["accuracy"].astype(float).mul(100).round(2)
    assert accuracy.to_dict() == {"report": 71.56, "exclude": 71.56, "fail": 69.77, "pass": 71.07}


def test_pandalm_with_its_own_words_for_a_tie_is_refused(pandalm):
    human, gpt, _ = pandalm
    own_words = ["Tie" if verdict == 0 else verdict for verdict in gpt]
    with pytest.raises(ValueError, match="'Tie' and never 0"):
        align(human, own_words)


@pytest.mark.parametrize("garbled", GARBLED)
def test_what_is_no_verdict_is_unparsed_under_every_policy_and_never_a_silent_pass(garbled):
    human, judge = ["pass", "pass", "fail", "fail"], ["pass", garbled, "fail", garbled]
    found = {policy: align(human, judge, unparsed=policy) for policy in ("report", "exclude", "fail", "pass")}
    assert {policy: (one.n, one.n_unparsed) for policy, one in found.items()} == {
        "report": (2, 2),
        "exclude": (2, 2),
        "fail": (4, 2),
        "pass": (4, 2),
    }
    assert [found[p].tpr for p in ("report", "fail", "pass")] == [1.0, 0.5, 1.0]
    assert [found[p].tnr for p in ("report", "fail", "pass")] == [1.0, 1.0, 0.5]
    assert found["report"].policies()["tpr"].tolist() == [1.0, 1.0, 0.5, 1.0]
    assert "2 unparsed, left out" in found["report"].subtitle
    assert "2 unparsed, left out" in found["exclude"].subtitle


def test_a_judge_that_codes_the_labels_otherwise_is_an_error_and_not_a_bad_judge():
    for human, judge in (
        ([1, 2, 2, 1], [1, 0, 0, 1]),
        (["1", "2"], [1, 2]),
        (["pass", "fail"], ["yes", "no"]),
        (["pass", "fail"] * 5, ["pass", "Fail"] * 5),
    ):
        with pytest.raises(ValueError, match="Write the judge's values as the human ones"):
            align(human, judge)


def test_two_series_are_aligned_by_index_and_odd_ids_are_named():
    human = pd.Series({"a": "pass", "b": "fail", "c": "pass"})
    judge = pd.Series({"c": "pass", "b": "pass", "a": "fail"})
    found = align(human, judge)
    assert found.confusion.loc["pass", "fail"] == 1
    assert found.pairs.index.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="'d'"):
        align(human, pd.concat([judge, pd.Series({"d": "pass"})]))
    with pytest.raises(ValueError, match="more than once: 'a'"):
        align(pd.concat([human, human[:1]]), judge)
    with pytest.raises(ValueError, match="3 items and judge 2"):
        align(human, ["pass", "fail"])


def test_deferred_items_are_set_aside_and_counted_and_a_missing_label_is_an_error():
    found = align(["pass", "defer", "fail"], ["pass", "pass", "fail"])
    assert (found.n, found.n_deferred, found.n_unparsed, found.accuracy) == (2, 1, 0, 1.0)
    with pytest.raises(ValueError, match="no human label for 1"):
        align(["pass", None], ["pass", "pass"])


def test_one_sided_labels_do_not_make_the_other_verdict_unparsed():
    found = align(["pass"] * 4, ["pass", "fail", "fail", "pass"])
    assert (found.n, found.n_unparsed, found.tpr, found.tnr) == (4, 0, 0.5, None)
    assert "tnr" in found.reason


def test_nothing_to_compare_gives_none_with_reasons():
    for human, judge in (([], []), (["pass", "fail"], [None, None]), (["defer"], ["pass"])):
        found = align(human, judge)
        assert found.n == 0
        for name in ("accuracy", "kappa", "tpr", "tnr", "precision", "recall", "f1"):
            assert getattr(found, name) is None
            assert name in found.reason


def test_only_labels_of_people_make_a_human_alignment():
    titles = {
        kind: align(["pass"], ["pass"], human_kind=kind).title
        for kind in ("human", "model", "simulated", None, ("human", "simulated"))
    }
    assert titles.pop("human") == "Human alignment"
    assert not [title for title in titles.values() if "uman" in title]
    mixed = pd.Series(["human", "simulated"])
    assert align(["pass"], ["pass"], human_kind=mixed).simulated
    with pytest.raises(ValueError, match="robot"):
        align(["pass"], ["pass"], human_kind="robot")


def test_unparsed_counted_as_a_label_that_nobody_gives_agree_with_nobody():
    rows = align(["a", "b"], ["a", None], positive="good").policies()
    assert rows["accuracy"].to_dict() == {"report": 1.0, "exclude": 1.0, "fail": 0.5, "pass": 0.5}
    assert rows["tpr"].isna().all()


def test_a_notebook_shows_what_every_policy_makes_of_missing_verdicts():
    shown = align(["pass", "fail"], ["pass", None], unparsed="exclude", human_kind="simulated")._repr_html_()
    assert "Alignment with simulated labels" in shown
    assert "1 unparsed, left out" in shown
    assert all(f"<td>{policy}</td>" in shown for policy in ("report", "exclude", "fail", "pass"))
    assert "undefined" in shown
    assert "<table>" not in align(["pass", "fail"], ["pass", "fail"])._repr_html_()


def test_the_confusion_does_not_call_labels_human():
    assert align(["pass", "fail"], ["pass", "fail"], human_kind="simulated").confusion.index.name == "labels"


def test_a_dict_is_compared_by_its_keys_and_a_bare_word_is_refused():
    found = align({"a": "pass", "b": "fail"}, {"b": "fail", "a": "fail"})
    assert (found.tpr, found.tnr, found.accuracy) == (0.0, 1.0, 0.5)
    with pytest.raises(TypeError, match="not the word 'pass'"):
        align("pass", "pass")
