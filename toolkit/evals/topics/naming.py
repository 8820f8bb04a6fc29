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
SENTENCE_WORDS = range(4, 18)
"""How many words a sentence has that tells something, and can be read at a glance."""
HAS_DIGIT = re.compile(r"\d")
FEWEST_TEXTS = 2
"""A word of fewer of a topic's texts tells of a text, not of the topic."""


def named_topics(
    texts: list[str], labels: np.ndarray, vectors: np.ndarray, ids: list[Any]
) -> "pd.DataFrame":
    """Each topic with the words that tell it from the others and the items nearest to its mean,
    that of the sentence first.
    """
    import pandas as pd

    names = names_in(texts)
    rows = []
    for topic, words in enumerate(_topic_words(texts, labels, names)):
        members = np.flatnonzero(labels == topic)
        nearest = _nearest_to_mean(members, vectors)
        sentence, row = _telling_sentence(texts, nearest[:SENTENCES_FROM], words, names)
        others = [other for other in nearest if other != row]
        examples = tuple(ids[example] for example in [row, *others][:EXAMPLES_SHOWN])
        rows.append((topic, len(members), words, examples, sentence))
    return pd.DataFrame(rows, columns=["topic", "size", "words", "examples", "sentence"])


def _nearest_to_mean(members: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The rows of a topic's items, those that are nearest to its mean first."""
    member_vectors = vectors[members]
    nearness = member_vectors @ member_vectors.mean(axis=0)
    return members[np.argsort(-nearness, kind="stable")]


def _telling_sentence(
    texts: list[str], rows: np.ndarray, words: str, names: set[str]
) -> tuple[str, int]:
    """The first sentence that has most of `words`, and the row of its text; where there is one, of
    a fair length, and without a number or a name.
    """
    topic_words = set(words.split(", "))

    def telling(candidate: tuple[str, int]) -> tuple[bool, bool, bool, int]:
        sentence, _ = candidate
        spoken = set(re.findall(TOKEN, sentence.lower()))
        n_shared = len(spoken & topic_words)
        is_fair = len(sentence.split()) in SENTENCE_WORDS
        is_plain = HAS_DIGIT.search(sentence) is None and spoken.isdisjoint(names)
        return n_shared > 0, is_fair, is_plain, n_shared

    return max(_sentences(texts, rows), key=telling)


def _sentences(texts: list[str], rows: np.ndarray) -> Iterator[tuple[str, int]]:
    for row in rows:
        for part in SENTENCE_END.split(texts[row]):
            sentence = part.strip()
            if sentence:
                yield sentence, row


def _topic_words(texts: list[str], labels: np.ndarray, names: set[str]) -> list[str]:
    """For each topic the words that tell it from the others (c-TF-IDF).

    A topic is named by words of two texts or more that are not dull; where it has none, by those of
    one text, or by dull ones; never by what has a digit in it, as the number of a booking.
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
    is_dull = dull_words(vocabulary, counts.toarray(), names)
    is_shared = n_texts >= FEWEST_TEXTS
    topic_words = []
    for topic in topics:
        telling = np.where(is_dull[topic], 0, weights[topic])
        shared = np.where(is_shared[topic], telling, 0)
        ranks = next((ranks for ranks in (shared, telling) if ranks.any()), weights[topic])
        best = np.argsort(-ranks, kind="stable")[:WORDS_SHOWN]
        topic_words.append(", ".join(vocabulary[best[ranks[best] > 0]]))
    return topic_words
