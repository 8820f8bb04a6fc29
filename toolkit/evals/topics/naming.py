"""The names of topics: for each the words that tell it from the others, and a sentence of it."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.evals.topics.embedding import quiet

if TYPE_CHECKING:
    import pandas as pd

TOKEN = r"(?u)\b\w[\w'’]+\b|\S"
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
        mean = vectors[members].mean(axis=0)
        nearness = vectors[members] @ mean
        order = np.argsort(-nearness, kind="stable")
        nearest = members[order[:EXAMPLES_SHOWN]]
        examples = tuple(ids[row] for row in nearest)
        sentence = _telling_sentence([texts[row] for row in nearest], words.split(", "))
        rows.append((topic, len(members), words, examples, sentence))
    return pd.DataFrame(rows, columns=["topic", "size", "words", "examples", "sentence"])


def _telling_sentence(texts: list[str], words: list[str]) -> str:
    """The first sentence that has most of `words`; where there is one, of a fair length, and
    without a number.
    """
    sentences = []
    for text in texts:
        sentences += [part.strip() for part in SENTENCE_END.split(text) if part.strip()]

    def tells(sentence: str) -> tuple[bool, bool, int]:
        is_fair = len(sentence.split()) in SENTENCE_WORDS
        spoken = set(re.findall(TOKEN, sentence.lower()))
        return is_fair, not HAS_DIGIT.search(sentence), len(spoken.intersection(words))

    return max(sentences, key=tells)


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
    ranks = _ranks(vocabulary, weights, is_stop_word)
    names = []
    for rank in ranks:
        order = np.argsort(-rank, kind="stable")
        best = [column for column in order[:WORDS_SHOWN] if rank[column] > 0]
        names.append(", ".join(vocabulary[best]))
    return names


def _ranks(vocabulary: np.ndarray, weights: np.ndarray, is_stop_word: np.ndarray) -> np.ndarray:
    """By what the words of each topic are chosen: ``(n_topics, n_words) float``, 0 for never."""
    is_short = np.array([len(word) < LEAST_LETTERS for word in vocabulary])
    is_sign = np.array([not word.isalnum() for word in vocabulary])
    has_digit = np.array([bool(HAS_DIGIT.search(word)) for word in vocabulary])
    is_dull = is_stop_word | is_short | is_sign
    ranks = np.where(is_dull, weights * DULL_WEIGHT, weights)
    ranks[:, has_digit] = 0
    return ranks


def _stop_words(vocabulary: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Which words are stop words of English, or of the two languages that most stop words of a
    topic are of: ``(n_topics, n_words) bool``.
    """
    from stop_words import AVAILABLE_LANGUAGES, get_stop_words

    lists = [set(get_stop_words(language)) for language in AVAILABLE_LANGUAGES]
    is_stop_word = np.array([[word in words for word in vocabulary] for words in lists])
    hits = counts @ is_stop_word.T
    first, second = np.argsort(-hits, axis=1, kind="stable")[:, :2].T
    english = is_stop_word[AVAILABLE_LANGUAGES.index("english")]
    return np.asarray(is_stop_word[first] | is_stop_word[second] | english)
