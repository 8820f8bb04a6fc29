import hashlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from toolkit.evals import fit_topics
from toolkit.traces import Step, Trace

pytestmark = pytest.mark.timeout(600)
"""In an environment that is new, the first fit compiles: 30 s of a core that it may have to share."""
PARTS = {
    "refund": [
        "I want my refund",
        "where is the refund money",
        "refund the deposit",
        "the refund never came",
    ],
    "brakes": [
        "the brakes squeak",
        "front brakes are loose",
        "brakes do not grip",
        "please mend the brakes",
    ],
    "dates": [
        "move my booking to Friday",
        "change the dates",
        "other dates for the booking",
        "booking a day later",
    ],
}
TAILS = [
    "please",
    "as soon as you can",
    "it is the third time",
    "my name is Jo",
    "thank you",
    "hello there",
]


def questions():
    return [f"{line}, {tail}" for lines in PARTS.values() for line in lines for tail in TAILS]


def traces(source="imported"):
    return [
        Trace(
            f"t{n:03}",
            [
                Step("0", "message", "system", "You rent bicycles."),
                Step("1", "message", "user", words),
            ],
            source=source,
        )
        for n, words in enumerate(questions())
    ]


def fingerprint(labels):
    return hashlib.sha256(np.asarray(labels).astype("int64").tobytes()).hexdigest()


@pytest.fixture(scope="module")
def another_process():
    """Fits the same traces beside this process, so that both compile umap at the same time."""
    folder = __file__.rsplit("/", 1)[0]
    script = (
        f"import sys; sys.path.insert(0, {folder!r})\n"
        "from test_evals_topics import *\nprint(fingerprint(fit_topics(traces()).labels))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


@pytest.fixture(scope="module")
def fitted(another_process):
    return fit_topics(traces())


def test_shuffled_rows_and_another_process_give_the_same_topics(fitted, another_process):
    order = np.random.default_rng(3).permutation(len(questions()))
    again = fit_topics([traces()[i] for i in order])
    assert (again.labels == fitted.labels[order]).all()
    assert another_process.communicate(timeout=500)[0].strip() == fingerprint(fitted.labels)


def test_texts_are_fitted_alike_in_any_order_and_from_a_series():
    texts = pd.Series(questions(), index=range(100, 100 + len(questions())))
    order = np.random.default_rng(4).permutation(len(texts))
    first, again = fit_topics(texts), fit_topics(list(texts.iloc[order]))
    assert (again.labels == first.labels[order]).all()


def test_the_map_is_whole(fitted):
    frame = fitted.topics
    assert list(frame) == ["topic", "size", "words", "examples", "sentence"]
    assert frame["size"].is_monotonic_decreasing
    assert frame["size"].sum() == len(questions())
    assert frame["size"].tolist() == np.bincount(fitted.labels).tolist()
    for row in frame.itertuples():
        assert {fitted.labels[int(example[1:])] for example in row.examples} == {row.topic}
        assert row.words
    assert "bicycles" not in " ".join(frame["words"])  # the system prompt is not read


def test_stability_lies_beside_the_map(fitted):
    found = fitted.stability(2)
    assert len(found.runs) == 2
    assert -1 <= found.min <= found.mean <= 1
    with pytest.raises(ValueError, match="at least one"):
        fitted.stability(0)


def test_few_texts_are_refused_and_blank_ones_are_set_aside_and_named():
    with pytest.raises(ValueError, match="at least 15"):
        fit_topics(["one", "two", " "])
    with pytest.raises(ValueError, match="one and the same word"):
        fit_topics(["?"] * 20)
    found = fit_topics([*questions(), "", "  "])
    assert found.labels[-2:].tolist() == [-1, -1]
    assert "2 texts have no words: their label is -1" in found.warnings


def test_a_reader_is_warned_of_equal_texts_and_of_texts_that_the_embedder_cuts():
    class Short:
        max_seq_length = 3

        def encode(self, texts):
            return np.random.default_rng(0).normal(size=(len(texts), 8))

    assert any("look the same" in note for note in fit_topics(["hello there friend"] * 20).warnings)
    assert any(
        "longer than the 3 tokens" in note
        for note in fit_topics(questions(), embed=Short()).warnings
    )


def test_a_word_with_a_hyphen_is_one_word_and_one_joined_to_a_stop_word_names_nothing():
    from toolkit.evals.topics.embedding import quiet
    from toolkit.evals.topics.naming import named_topics

    texts = ["puis-je avoir un pique-nique", "pourriez-vous mettre un pique-nique", "die Bremse"]
    with quiet():
        named = named_topics(texts, np.array([0, 0, 1]), np.eye(3), [0, 1, 2])
    assert named["words"][0] == "pique-nique"


def test_words_in_any_script_are_read():
    found = fit_topics(["Где мой возврат", "Тормоза скрипят", "退款在哪里", "?!"] * 10)
    assert len(found.labels) == 40


@pytest.mark.parametrize(
    "embed", ["bert", lambda texts: np.zeros((2, 3)), lambda texts: [[np.nan]] * len(texts)]
)
def test_an_embedding_that_cannot_be_used_is_an_error(embed):
    with pytest.raises(ValueError, match="embed"):
        fit_topics(questions(), embed=embed)


def test_without_bertopic_the_error_is_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "bertopic", None)
    with pytest.raises(ImportError) as caught:
        fit_topics(questions())
    assert str(caught.value) == "pip install -e . && pip install --no-deps bertopic==0.17.4"


def test_the_door_of_the_room_is_light():
    heavy = "{'pandas', 'sklearn', 'bertopic', 'umap', 'scipy', 'matplotlib', 'anthropic'}"
    code = (
        f"import sys, toolkit.evals, toolkit.views.plots; print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_banking77_reaches_the_target_of_the_offline_pipeline(data_dir):
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    path = data_dir / "banking77" / "train.csv"
    if not path.exists():
        pytest.skip(f"Banking77 is not in {data_dir}")
    table = pd.read_csv(path)
    found = fit_topics(table["text"])
    assert normalized_mutual_info_score(table["category"], found.labels) >= 0.65
    assert adjusted_rand_score(table["category"], found.labels) >= 0.31


def test_what_is_missing_is_blank_and_no_word_and_each_stage_is_told():
    told = []
    found = fit_topics([None, float("nan"), pd.NA, *questions()], progress=told.append)
    assert found.labels[:3].tolist() == [-1, -1, -1]
    assert "3 texts have no words: their label is -1" in found.warnings
    assert told == ["embedding", "reducing", "clustering", "naming"]
