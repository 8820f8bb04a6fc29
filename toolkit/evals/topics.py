"""Topics: what the collection is about, as a list to read and never as a rate.

BERTopic's steps on an embedding that needs no download: TF-IDF of words and of character n-grams, SVD,
then UMAP, HDBSCAN, and each outlier moved to the topic nearest to it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from toolkit.evals.dataset import user_messages
from toolkit.evals.embed import Embed, embed_texts, quiet
from toolkit.traces import Source, Trace

if TYPE_CHECKING:
    import pandas as pd

MIN_TEXTS = 15
TOKEN = r"(?u)\b\w[\w'’]+\b|\S"
WORDS_SHOWN = 6
EXAMPLES_SHOWN = 3
INSTALL = "pip install -e . && pip install --no-deps bertopic==0.17.4"


@dataclass(frozen=True, slots=True)
class Stability:
    """How far refits on other row orders and seeds find the same topics: 1 the same, 0 as chance."""

    mean: float
    """Mean adjusted Rand index between the map and each refit."""
    min: float
    """The least of them."""
    runs: tuple[float, ...]
    """One a refit."""


@dataclass(frozen=True, slots=True)
class TopicMap:
    """Topics of a collection."""

    labels: np.ndarray
    """``(n,) int``, in the order of the input; -1 where a text has no words or no topic was found."""
    topics: "pd.DataFrame"
    """A row a topic, largest first: ``topic``, ``size``, ``words``, ``examples`` (trace ids, or positions)."""
    warnings: tuple[str, ...]
    """What to know before believing the map, a sentence each."""
    outliers: float
    """Share of texts that lay outside every topic before they were moved to the nearest."""
    texts: tuple[str, ...] = field(repr=False)
    """What was read of each item."""
    vectors: np.ndarray = field(repr=False)
    """``(n, d) float``, unit length: the embedding of each text."""
    source: Source | None = None
    """Of the traces: ``simulated`` as soon as one is; None of plain texts."""
    seed: int = 0
    """Of UMAP."""
    min_topic_size: int = 5
    """Of HDBSCAN."""

    def stability(self, runs: int = 5) -> Stability:
        """Fit `runs` times again with the rows shuffled and another seed, and compare.

        Raises
        ------
        ValueError
            For fewer than one run.
        """
        from sklearn.metrics import adjusted_rand_score

        if runs < 1:
            raise ValueError(f"stability needs at least one run, not {runs}")
        rng = np.random.default_rng(self.seed)
        rows = np.flatnonzero([bool(text.strip()) for text in self.texts])
        found = []
        for run in range(runs):
            order = rng.permutation(rows)
            texts = [self.texts[i] for i in order]
            again = _cluster(texts, self.vectors[order], self.seed + run + 1, self.min_topic_size)[0]
            found.append(float(adjusted_rand_score(self.labels[order], again)))
        return Stability(float(np.mean(found)), min(found), tuple(found))


def fit_topics(
    texts_or_traces: Sequence[str | Trace],
    embed: str | Embed = "lsa",
    seed: int = 0,
    min_topic_size: int | None = None,
) -> TopicMap:
    """Find the topics of texts, or of the user's messages in traces.

    Of a trace the user's messages are read, because they say what it was about (the system prompt is the
    same in every trace, and drowns the rest). Rows are sorted by trace id (plain texts by themselves) and
    fitted on one BLAS thread, so neither row order nor the machine's cores change the result.

    Parameters
    ----------
    texts_or_traces : sequence of str or of Trace, or Series
        At least 15 with words in them.
    embed : "lsa" or callable
        ``texts -> (n, d)`` array, or an object with ``encode`` such as a sentence-transformers model.
    seed : int
        Of UMAP.
    min_topic_size : int, optional
        Smallest topic. None takes a sixtieth of n, between 3 and 15.

    Returns
    -------
    TopicMap

    Raises
    ------
    ValueError
        Where there are fewer than 15 texts, all are one word, or the embedding has another number of rows.
    ImportError
        Where BERTopic is missing; the message is the line that installs it.

    References
    ----------
    Grootendorst (2022), BERTopic, arXiv 2203.05794.
    """
    items = list(texts_or_traces)
    texts = ["\n\n".join(user_messages(item)) if isinstance(item, Trace) else str(item) for item in items]
    ids = [item.id if isinstance(item, Trace) else i for i, item in enumerate(items)]
    rows = [i for i, text in enumerate(texts) if text.strip()]
    if len(rows) < MIN_TEXTS:
        raise ValueError(
            f"topics need at least {MIN_TEXTS} texts with words in them, and there are {len(rows)}: "
            "read so few one by one"
        )
    rows.sort(key=lambda i: (str(ids[i]), texts[i]) if isinstance(items[i], Trace) else ("", texts[i]))
    size = min_topic_size or int(np.clip(round(len(rows) / 60), 3, 15))
    ordered = [texts[i] for i in rows]
    if len({word for text in ordered for word in re.findall(TOKEN, text)}) < 2:
        raise ValueError("all texts are one and the same word: there is nothing to tell apart")
    vectors = embed_texts(ordered, embed, seed)
    found, outliers = _cluster(ordered, vectors, seed, size)
    words = _words(ordered, found)
    labels = np.full(len(items), -1)
    labels[rows] = found
    spread = np.zeros((len(items), vectors.shape[1]))
    spread[rows] = vectors
    notes = _notes(ordered, vectors, words, outliers, embed, blank=len(items) - len(rows))
    frame = _frame(labels, spread, words, ids)
    sources = [item.source for item in items if isinstance(item, Trace)]
    source = min(sources, key=("simulated", "tape", "imported", "live").index, default=None)
    return TopicMap(labels, frame, notes, outliers, tuple(texts), spread, source, seed, size)


def _cluster(texts: list[str], vectors: np.ndarray, seed: int, size: int) -> tuple[np.ndarray, float]:
    """Labels (largest topic 0; all -1 where no topic is found), and the share of outliers before they moved."""
    with quiet():
        try:
            from bertopic import BERTopic
        except ImportError as error:
            raise ImportError(INSTALL) from error
        from hdbscan import HDBSCAN
        from sklearn.feature_extraction.text import CountVectorizer
        from umap import UMAP

        reducer = UMAP(
            n_neighbors=int(np.clip(len(texts) // 40, 7, 15)),  # 15 merges what a small collection holds
            n_components=5,
            min_dist=0.0,
            metric="cosine",
            random_state=seed,
            n_jobs=1,
        )
        model = BERTopic(
            language="multilingual",  # "english" strips every letter that is not ASCII
            umap_model=reducer,
            hdbscan_model=HDBSCAN(min_cluster_size=size, core_dist_n_jobs=1),
            vectorizer_model=CountVectorizer(token_pattern=TOKEN),
        )
        first = np.asarray(model.fit_transform(texts, embeddings=vectors)[0])
    outliers = float(np.mean(first < 0))
    if first.max() < 0:
        return first, outliers
    return _numbered(np.where(first < 0, _nearest(vectors, first), first)), outliers


def _nearest(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For each row the topic whose mean vector has the greatest cosine with it."""
    means = np.stack([vectors[labels == topic].mean(axis=0) for topic in range(labels.max() + 1)])
    length = np.linalg.norm(means, axis=1, keepdims=True)
    return cast(np.ndarray, (vectors @ (means / np.where(length > 0, length, 1)).T).argmax(axis=1))


def _numbered(labels: np.ndarray) -> np.ndarray:
    """Number topics by size, largest first."""
    return cast(np.ndarray, np.argsort(np.argsort(-np.bincount(labels), kind="stable"))[labels])


def _words(texts: list[str], labels: np.ndarray) -> list[str]:
    """The words that tell each topic from the others, by BERTopic's c-TF-IDF of the final labels."""
    from bertopic.vectorizers import ClassTfidfTransformer
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

    said = [" ".join(t for t, at in zip(texts, labels, strict=True) if at == k) for k in range(labels.max() + 1)]
    if not said:
        return []
    with quiet():
        counter = CountVectorizer(token_pattern=TOKEN)
        weights = ClassTfidfTransformer().fit_transform(counter.fit_transform(said)).toarray()
    vocabulary = counter.get_feature_names_out()
    dull = np.array([word in ENGLISH_STOP_WORDS or not word.isalnum() for word in vocabulary])
    ranked = np.argsort(-np.where(dull, weights * 1e-6, weights), axis=1, kind="stable")[:, :WORDS_SHOWN]
    return [", ".join(vocabulary[i] for i in row if weights[k, i] > 0) for k, row in enumerate(ranked)]


def _frame(labels: np.ndarray, vectors: np.ndarray, words: list[str], ids: list[Any]) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for topic, shown in enumerate(words):
        members = np.flatnonzero(labels == topic)
        near = vectors[members] @ vectors[members].mean(axis=0)
        nearest = members[np.argsort(-near, kind="stable")[:EXAMPLES_SHOWN]]
        rows.append((topic, len(members), shown, tuple(ids[i] for i in nearest)))
    return pd.DataFrame(rows, columns=["topic", "size", "words", "examples"])


def _notes(
    texts: list[str], vectors: np.ndarray, words: list[str], outliers: float, embed: str | Embed, blank: int
) -> tuple[str, ...]:
    """The warnings that a reader must see beside the map."""
    equal = 1 - len(np.unique(vectors.round(9), axis=0)) / len(vectors)
    window = getattr(embed, "max_seq_length", None) or getattr(getattr(embed, "__self__", None), "max_seq_length", None)
    longer = sum(len(text.split()) > window for text in texts) if window else 0
    notes = {
        f"{blank} texts have no words: their label is -1": blank > 0,
        f"{outliers:.0%} were outliers before they were moved to the nearest topic": outliers > 0.30,
        f"only {len(words)} topics were found: too few to tell anything apart": len(words) < 3,
        f"{equal:.0%} of the texts have the same vector as another": equal > 0.20,
        f"{longer} texts are longer than the {window} tokens that the embedder reads": longer > 0,
    }
    return tuple(note for note, holds in notes.items() if holds)
