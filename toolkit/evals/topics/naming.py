"""The names of topics: for each the words that tell it from the others, and a sentence of it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.evals.topics.embedding import quiet

if TYPE_CHECKING:
    import pandas as pd

TOKEN = r"(?u)\b\w[\w'’-]+\b|\S"
WORDS_SHOWN = 6
EXAMPLES_SHOWN = 3
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
SENTENCE_WORDS = range(4, 18)
"""How many words a sentence has that tells something, and can be read at a glance."""
HAS_DIGIT = re.compile(r"\d")
LEAST_LETTERS = 3
DULL_WEIGHT = 1e-6
"""What a dull word's weight counts: it comes after all others, and counts where there are none."""


def named_topics(
    texts: list[str], labels: np.ndarray, vectors: np.ndarray, ids: list[Any]
) -> "pd.DataFrame":
    """Each topic with the words that tell it from the others and the items nearest to its mean."""
    import pandas as pd

    rows = []
    for topic, words in enumerate(_topic_words(texts, labels)):
        members = np.flatnonzero(labels == topic)
        nearest = _nearest_to_mean(members, vectors)
        sentence = _telling_sentence([texts[row] for row in nearest], words)
        examples = tuple(ids[row] for row in nearest)
        rows.append((topic, len(members), words, examples, sentence))
    return pd.DataFrame(rows, columns=["topic", "size", "words", "examples", "sentence"])


def _nearest_to_mean(members: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The rows of the items that are nearest to the mean of a topic."""
    member_vectors = vectors[members]
    nearness = member_vectors @ member_vectors.mean(axis=0)
    order = np.argsort(-nearness, kind="stable")
    return members[order[:EXAMPLES_SHOWN]]


def _telling_sentence(texts: list[str], words: str) -> str:
    """The first sentence that has most of `words`; where there is one, of a fair length, and
    without a number.
    """
    topic_words = set(words.split(", "))

    def telling(sentence: str) -> tuple[bool, bool, int]:
        is_fair = len(sentence.split()) in SENTENCE_WORDS
        has_digit = HAS_DIGIT.search(sentence) is not None
        spoken = set(re.findall(TOKEN, sentence.lower()))
        return is_fair, not has_digit, len(spoken & topic_words)

    return max(_sentences(texts), key=telling)


def _sentences(texts: list[str]) -> Iterator[str]:
    for text in texts:
        for part in SENTENCE_END.split(text):
            sentence = part.strip()
            if sentence:
                yield sentence


def _topic_words(texts: list[str], labels: np.ndarray) -> list[str]:
    """For each topic the words that tell it from the others (c-TF-IDF).

    Stop words of English, and of the languages that the topic is in, come last; what has a digit in
    it, as the number of a booking, never.
    """
    import pandas as pd
    from bertopic.vectorizers import ClassTfidfTransformer
    from sklearn.feature_extraction.text import CountVectorizer

    if labels.max() < 0:
        return []
    vectorizer = CountVectorizer(token_pattern=TOKEN)
    with quiet():
        text_of_topic = pd.Series(texts).groupby(labels).agg(" ".join)
        counts = vectorizer.fit_transform(text_of_topic)
        weights = ClassTfidfTransformer().fit_transform(counts).toarray()
    vocabulary = vectorizer.get_feature_names_out()
    is_stop_word = _stop_words(vocabulary, counts.toarray())
    names = []
    for ranks in _ranks(vocabulary, weights, is_stop_word):
        order = np.argsort(-ranks, kind="stable")
        best = order[:WORDS_SHOWN]
        ranked = best[ranks[best] > 0]
        names.append(", ".join(vocabulary[ranked]))
    return names


def _ranks(vocabulary: np.ndarray, weights: np.ndarray, is_stop_word: np.ndarray) -> np.ndarray:
    """By what the words of each topic are chosen: ``(n_topics, n_words) float``, 0 for never."""
    ranks = np.where(is_stop_word, weights * DULL_WEIGHT, weights)
    for column, word in enumerate(vocabulary):
        if HAS_DIGIT.search(word):
            ranks[:, column] = 0
        elif len(word) < LEAST_LETTERS or not word.replace("-", "").isalnum():
            ranks[:, column] = weights[:, column] * DULL_WEIGHT
    return ranks


def _stop_words(vocabulary: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Which words are stop words of English, or of the two languages that most stop words of a
    topic are of: ``(n_topics, n_words) bool``.
    """
    from stop_words import AVAILABLE_LANGUAGES, get_stop_words

    parts = [{word, *word.split("-")} for word in vocabulary]  # of "puis-je" both too
    rows = []
    for language in AVAILABLE_LANGUAGES:
        stop_words = set(get_stop_words(language))
        rows.append([not stop_words.isdisjoint(part) for part in parts])
    is_stop_word = np.array(rows)
    hits = counts @ is_stop_word.T
    order = np.argsort(-hits, axis=1, kind="stable")
    english = is_stop_word[AVAILABLE_LANGUAGES.index("english")]
    first = is_stop_word[order[:, 0]]
    second = is_stop_word[order[:, 1]]
    return np.asarray(first | second | english)
