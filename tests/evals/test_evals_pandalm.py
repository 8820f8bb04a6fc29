"""The published figures of PandaLM's test set: 999 items, three annotators, two judges."""

import json
from collections import Counter

import pandas as pd
import pytest

from toolkit.evals import agreement, align, annotator_test, compare_judges


@pytest.fixture(scope="session")
def pandalm(data_dir):
    folder = data_dir / "pandalm"
    if not folder.is_dir():
        pytest.skip(f"PandaLM is not in {data_dir}")
    people = json.loads((folder / "testset-v1.json").read_text())
    gpt = json.loads((folder / "gpt-3.5-turbo-testset-v1.json").read_text())
    seven = json.loads((folder / "pandalm-7b-testset-v1.json").read_text())
    ratings = pd.DataFrame(people)[["annotator1", "annotator2", "annotator3"]]
    return (
        ratings,
        [Counter(row).most_common(1)[0][0] for row in ratings.itertuples(index=False)],
        [
            {"0": 0, "1": 1, "2": 2, "Tie": 0}.get(row["gpt_result"], row["gpt_result"])
            for row in gpt
        ],
        [int(row["pandalm_result"]) for row in seven],
    )


def test_three_annotators_agree_as_published(pandalm):
    found = agreement(pandalm[0], human_kind="human")
    assert (found.n_items, found.n_raters, found.n_gaps) == (999, 3, 0)
    assert found.pairs["kappa"].astype(float).round(3).tolist() == [0.852, 0.879, 0.862]
    assert round(found.alpha, 4) == 0.8642
    assert round(found.ac1, 4) == 0.8864
    assert found.intervals["alpha"][0] < found.alpha < found.intervals["alpha"][1]
    assert found.title == "Agreement of people's labels"


def test_the_published_figures_of_pandalm_7b_come_out(pandalm):
    _, human, _, seven = pandalm
    assert [human.count(label) for label in (0, 1, 2)] == [105, 422, 472]
    found = align(human, seven, positive=1)
    shown = [
        round(100 * getattr(found, name), 2) for name in ("accuracy", "precision", "recall", "f1")
    ]
    assert shown == [66.77, 57.38, 57.50, 57.43]
    assert found.n_unparsed == 0


def test_the_published_figures_of_gpt_35_come_out_only_if_garbage_counts_as_a_tie(pandalm):
    _, human, gpt, _ = pandalm
    found = align(human, gpt, positive=0, unparsed="pass")
    shown = [
        round(100 * getattr(found, name), 2) for name in ("accuracy", "precision", "recall", "f1")
    ]
    assert shown == [71.07, 58.79, 57.36, 57.55]
    assert found.n_unparsed == 25
    assert set(found.pairs.query("status == 'unparsed'")["judge"]) == {"garbage"}
    accuracy = found.policies()["accuracy"].astype(float).mul(100).round(2)
    assert accuracy.to_dict() == {
        "report": 71.56,
        "exclude": 71.56,
        "fail": 69.77,
        "pass": 71.07,
        "wrong": 69.77,
    }


def test_pandalm_with_its_own_words_for_a_tie_is_refused(pandalm):
    _, human, gpt, _ = pandalm
    own_words = ["Tie" if verdict == 0 else verdict for verdict in gpt]
    with pytest.raises(ValueError, match="'Tie' and never 0"):
        align(human, own_words)


def test_the_25_unparsed_verdicts_are_listed_one_by_one(pandalm):
    _, human, gpt, _ = pandalm
    found = align(human, gpt, positive=0)
    listed = found.disagreements().frame.query("status == 'unparsed'")
    assert len(listed) == found.n_unparsed == 25
    assert {gpt[at] for at in listed.index} == {"garbage"}
    shown = found._repr_html_()
    assert all(f"<td>{policy}</td>" in shown for policy in ("report", "exclude", "fail", "pass"))


def test_mcnemar_between_the_judges_comes_out_as_published(pandalm):
    _, human, gpt, seven = pandalm
    found = compare_judges(
        *(align(human, judge, positive=0, unparsed="pass") for judge in (gpt, seven))
    )
    assert (found.first_only, found.second_only, round(found.p, 4)) == (154, 111, 0.0097)
    assert found.interval[0] < found.difference < found.interval[1]
    left_out = compare_judges(*(align(human, judge, positive=0) for judge in (gpt, seven)))
    assert left_out.n == 974


def test_neither_judge_may_stand_in_for_an_annotator_and_their_majority_may(pandalm):
    ratings, human, gpt, seven = pandalm
    assert [annotator_test(ratings, judge).passes for judge in (gpt, seven, human)] == [
        False,
        False,
        True,
    ]
    assert annotator_test(ratings, gpt).n == 999
