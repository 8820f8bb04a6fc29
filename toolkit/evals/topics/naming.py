"""The names of topics: for each the words that tell it from the others, and a sentence of it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.evals.topics.dull import TOKEN, dull_words, names_in
from toolkit.evals.topics.embedding import quiet

if TYPE_CHECKING:
    import pandas as pd

WORDS_SHOWN = 6
EXAMPLES_SHOWN = 3
SENTENCES_FROM = 10
"""How many of a topic's texts its sentence is sought in."""
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
SENTENCE_WORDS = range(5, 18)
"""How many words a sentence has that tells something, and can be read at a glance."""
HAS_DIGIT = re.compile(r"\d")
FEWEST_TEXTS = 2
"""A word of fewer of a topic's texts tells of a text, not of the topic."""
FEWEST_WORDS = 2
"""A topic with fewer distinct words is named by all words that its texts share."""
LEAST_SHARE = 0.15
TIMES_OTHERS = 2.0
"""A word that tells a topic from others is in such a share of its texts, and so many times as
common there as in all others: ``time`` and ``hey`` are about as common everywhere.
"""


def named_topics(
    texts: list[str], labels: np.ndarray, vectors: np.ndarray, ids: list[Any]
) -> "pd.DataFrame":
    """Each topic with the words that tell it from the others and the items nearest to its mean,
    that of the sentence first.
    """
    import pandas as pd

    names = names_in(texts)
    rows = []
    for topic, weights in enumerate(_topic_weights(texts, labels, names)):
        members = np.flatnonzero(labels == topic)
        nearest = _nearest_to_mean(members, vectors)
        sentence, row = _telling_sentence(texts, nearest[:SENTENCES_FROM], weights, names)
        others = [other for other in nearest if other != row]
        examples = tuple(ids[example] for example in [row, *others][:EXAMPLES_SHOWN])
        words = ", ".join(list(weights)[:WORDS_SHOWN])
        rows.append((topic, len(members), words, examples, sentence))
    return pd.DataFrame(rows, columns=["topic", "size", "words", "examples", "sentence"])


def _nearest_to_mean(members: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The rows of a topic's items, those that are nearest to its mean first."""
    member_vectors = vectors[members]
    nearness = member_vectors @ member_vectors.mean(axis=0)
    return members[np.argsort(-nearness, kind="stable")]


def _telling_sentence(
    texts: list[str], rows: np.ndarray, weights: dict[str, float], names: set[str]
) -> tuple[str, int]:
    """The sentence whose words tell most of the topic, and the row of its text; where there is one,
    of a fair length, and without a number or a name.
    """

    def telling(candidate: tuple[str, int]) -> tuple[bool, bool, bool, float]:
        sentence, _ = candidate
        spoken = set(re.findall(TOKEN, sentence.lower()))
        weight = sum(weights.get(word, 0.0) for word in spoken)
        is_fair = len(sentence.split()) in SENTENCE_WORDS
        is_plain = HAS_DIGIT.search(sentence) is None and spoken.isdisjoint(names)
        return weight > 0, is_fair, is_plain, weight

    return max(_sentences(texts, rows), key=telling)


def _sentences(texts: list[str], rows: np.ndarray) -> Iterator[tuple[str, int]]:
    for row in rows:
        for part in SENTENCE_END.split(texts[row]):
            sentence = part.strip()
            if sentence:
                yield sentence, row


def _topic_weights(texts: list[str], labels: np.ndarray, names: set[str]) -> list[dict[str, float]]:
    """For each topic the words that tell it from the others, and how well (c-TF-IDF), the best
    first.

    A topic is named by words that are not dull and much more common in its texts than in others;
    where it has none, by words of two texts, of one text, or by dull ones; never by what has a
    digit in it, as the number of a booking.
    """
    from bertopic.vectorizers import ClassTfidfTransformer
    from scipy import sparse
    from sklearn.feature_extraction.text import CountVectorizer

    if labels.max() < 0:
        return []
    vectorizer = CountVectorizer(token_pattern=TOKEN)
    counts_of_texts = vectorizer.fit_transform(texts)
    topics = range(labels.max() + 1)
    members = np.array([labels == topic for topic in topics], dtype=int)
    counts = sparse.csr_matrix(members @ counts_of_texts)
    n_texts = members @ (counts_of_texts > 0)
    with quiet():
        weights = ClassTfidfTransformer().fit_transform(counts).toarray()
    vocabulary = vectorizer.get_feature_names_out()
    has_digit = [HAS_DIGIT.search(word) is not None for word in vocabulary]
    weights[:, has_digit] = 0
    telling = np.where(dull_words(vocabulary, counts.toarray(), names), 0, weights)
    shared = np.where(n_texts >= FEWEST_TEXTS, telling, 0)
    distinct = np.where(_are_distinct(n_texts, members.sum(axis=1)), shared, 0)
    n_distinct = np.count_nonzero(distinct, axis=1)
    distinct[n_distinct < FEWEST_WORDS] = 0
    weights_of_topics = []
    for topic in topics:
        ranks = weights[topic]
        for stricter in (telling, shared, distinct):
            if stricter[topic].any():
                ranks = stricter[topic]
        best = np.argsort(-ranks, kind="stable")[: np.count_nonzero(ranks)]
        weights_of_topics.append(dict(zip(vocabulary[best], ranks[best], strict=True)))
    return weights_of_topics


def _are_distinct(n_texts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Which words many texts of a topic have, and few of the others: ``(n_topics, n_words) bool``.

    `n_texts` says how many texts of each topic have each word, `sizes` how many texts it has.
    """
    shares = n_texts / sizes[:, None]
    n_others = np.maximum(1, sizes.sum() - sizes)
    shares_of_others = (n_texts.sum(axis=0) - n_texts) / n_others[:, None]
    is_distinct: np.ndarray = shares >= np.maximum(LEAST_SHARE, TIMES_OTHERS * shares_of_others)
    return is_distinct
