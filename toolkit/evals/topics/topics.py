"""Topics: what the collection is about, as a list to read and never as a rate.

BERTopic's steps (Grootendorst 2022, arXiv 2203.05794) on an embedding that needs no download:
TF-IDF of words and of character n-grams, SVD, then UMAP, HDBSCAN, and each outlier moved to the
topic nearest to it.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit import render
from toolkit.evals.text import python_value, user_messages
from toolkit.evals.topics.embedding import Embed, embed_texts, quiet
from toolkit.evals.topics.naming import TOKEN, named_topics
from toolkit.models.model import reporting
from toolkit.shown import Shown
from toolkit.traces import Source, Trace
from toolkit.traces.sources import least_live

if TYPE_CHECKING:
    import pandas as pd

Report = Callable[[str], object]
MIN_TEXTS = 15
INSTALL = "pip install -e . && pip install --no-deps bertopic==0.17.4"


@dataclass(frozen=True, slots=True)
class Stability(Shown):
    """How far refits on other row orders and seeds find the same topics: 1 same, 0 as chance."""

    mean: float
    min: float
    runs: tuple[float, ...]
    """The adjusted Rand index between the map and each refit."""


@dataclass(frozen=True, slots=True)
class TopicMap:
    """Topics of a collection."""

    labels: np.ndarray
    """``(n,) int``, in the order of the input; -1 where a text has no words or no topic was found.
    """
    topics: "pd.DataFrame"
    """A row a topic, largest first: ``topic``, ``size``, ``words``, ``examples`` (trace ids, or
    positions), ``sentence`` (one of an example's, with as many of the words as any).
    """
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
    min_topic_size: int = 5

    def _repr_html_(self) -> str:
        columns = ["size", "words", "sentence"]
        table = render.table(self.topics[columns].to_numpy().tolist(), columns)
        head = f"{len(self.topics)} topics in {len(self.labels):,} items"
        if self.source:
            head += f" ({self.source})"
        notes = [render.tag("p", note) for note in self.warnings]
        return render.block(render.tag("p", head), *notes, table)

    def stability(self, runs: int = 5) -> Stability:
        """Fit `runs` times again, at least once, with the rows shuffled and another seed, and
        compare.
        """
        from sklearn.metrics import adjusted_rand_score

        if runs < 1:
            raise ValueError(f"stability needs at least one run, not {runs}")
        rng = np.random.default_rng(self.seed)
        rows = np.flatnonzero([bool(text.strip()) for text in self.texts])
        indexes = []
        for run in range(1, runs + 1):
            order = rng.permutation(rows)
            texts = [self.texts[row] for row in order]
            vectors = self.vectors[order]
            refit, _ = _cluster(texts, vectors, self.seed + run, self.min_topic_size)
            indexes.append(float(adjusted_rand_score(self.labels[order], refit)))
        return Stability(float(np.mean(indexes)), min(indexes), tuple(indexes))


def fit_topics(
    texts_or_traces: Sequence[str | Trace],
    embed: str | Embed = "lsa",
    seed: int = 0,
    min_topic_size: int | None = None,
    progress: Report | None = None,
) -> TopicMap:
    """The topics of a collection.

    Rows are sorted by trace id (plain texts by themselves) and fitted on one BLAS thread, so
    neither row order nor the machine's cores change the result.

    Parameters
    ----------
    texts_or_traces
        At least 15, as a list or Series. Of a trace the user's messages are read, because they say
        what it was about (the system prompt is the same in every trace, and drowns the rest). A
        text that is None or NaN is blank.
    embed
        ``lsa``, a function ``texts -> (n, d)``, or an object with ``encode``, such as a
        sentence-transformers model.
    seed
        Of the reduction.
    min_topic_size
        None takes a sixtieth of n, between 3 and 15.
    progress
        Gets the name of each stage as it begins: embedding, reducing, clustering, naming.

    Raises
    ------
    ValueError
        For fewer texts, texts that are all one word, or an embedding of another number of rows.
    ImportError
        Where BERTopic is missing; the message is the line that installs it.
    """
    items = list(texts_or_traces)
    texts = [_text_of(item) for item in items]
    traces = [item for item in items if isinstance(item, Trace)]
    ids = [trace.id for trace in traces] if len(traces) == len(items) else range(len(items))
    rows = [row for row, text in enumerate(texts) if text.strip()]
    if len(rows) < MIN_TEXTS:
        raise ValueError(
            f"topics need at least {MIN_TEXTS} texts with words, not {len(rows)}: read them one by "
            "one"
        )
    rows.sort(key=lambda row: (ids[row] if traces else "", texts[row]))
    ordered = [texts[row] for row in rows]
    if len(set(re.findall(TOKEN, "\n".join(ordered)))) < 2:
        raise ValueError("all texts are one and the same word: there is nothing to tell apart")
    report = reporting(progress)
    report("embedding")
    vectors = embed_texts(ordered, embed, seed)
    size = min_topic_size or int(np.clip(round(len(rows) / 60), 3, 15))
    labels, outliers = _cluster(ordered, vectors, seed, size, report)
    report("naming")
    topics = named_topics(ordered, labels, vectors, [ids[row] for row in rows])
    notes = _notes(ordered, vectors, len(topics), outliers, embed, len(items) - len(rows))
    all_labels = np.full(len(items), -1)
    all_labels[rows] = labels
    all_vectors = np.zeros((len(items), vectors.shape[1]))
    all_vectors[rows] = vectors
    source = least_live(trace.source for trace in traces)
    return TopicMap(
        all_labels, topics, notes, outliers, tuple(texts), all_vectors, source, seed, size
    )


def _text_of(item: Any) -> str:
    """The user's messages in a trace, or a plain text."""
    if isinstance(item, Trace):
        return "\n\n".join(user_messages(item))
    return str(python_value(item) or "")


def _cluster(
    texts: list[str], vectors: np.ndarray, seed: int, size: int, report: Report = str
) -> tuple[np.ndarray, float]:
    """Labels (largest topic 0; all -1 where no topic is found), and the share of outliers before
    they moved.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    with quiet():
        try:
            from bertopic import BERTopic
            from bertopic.dimensionality import BaseDimensionalityReduction
        except ImportError as error:
            raise ImportError(INSTALL) from error
        from hdbscan import HDBSCAN

        report("reducing")
        reduced = _reduced(vectors, seed)
        report("clustering")
        model = BERTopic(
            language="multilingual",  # "english" strips every letter that is not ASCII
            umap_model=BaseDimensionalityReduction(),
            hdbscan_model=HDBSCAN(min_cluster_size=size, core_dist_n_jobs=1),
            vectorizer_model=CountVectorizer(token_pattern=TOKEN),
        )
        labels = np.asarray(model.fit_transform(texts, embeddings=reduced)[0])
        outliers = float(np.mean(labels < 0))
        if outliers < 1:
            labels = _largest_first(_outliers_moved(labels, vectors))
    return labels, outliers


def _reduced(vectors: np.ndarray, seed: int) -> Any:
    """The vectors in five dimensions, by UMAP."""
    from umap import UMAP, layouts, umap_, utils

    for module in (layouts, umap_, utils):
        _keep_compiled(module)
    # 15 neighbours, as is usual, merge what a small collection holds
    n_neighbours = int(np.clip(len(vectors) // 40, 7, 15))
    umap = UMAP(
        n_neighbours, n_components=5, min_dist=0.0, metric="cosine", random_state=seed, n_jobs=1
    )
    return umap.fit_transform(vectors)


def _keep_compiled(module: Any) -> None:
    """Let numba keep on disk what it compiles of `module`: each process would compile anew, for
    13 s.
    """
    from numba.core.dispatcher import Dispatcher

    for function in vars(module).values():
        if isinstance(function, Dispatcher):
            with suppress(RuntimeError):  # no folder can be written to
                function.enable_caching()


def _outliers_moved(labels: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """`labels` with each outlier in the topic whose mean vector is nearest to it."""
    from sklearn.metrics.pairwise import cosine_similarity

    means = [vectors[labels == topic].mean(axis=0) for topic in range(labels.max() + 1)]
    nearest = cosine_similarity(vectors, means).argmax(axis=1)
    return np.where(labels < 0, nearest, labels)


def _largest_first(labels: np.ndarray) -> np.ndarray:
    """`labels` numbered anew by the size of their topics."""
    by_size = np.argsort(-np.bincount(labels), kind="stable")
    new_numbers = np.argsort(by_size)
    return np.asarray(new_numbers[labels])


def _notes(
    texts: list[str],
    vectors: np.ndarray,
    n_topics: int,
    outliers: float,
    embed: str | Embed,
    n_blank: int,
) -> tuple[str, ...]:
    """The warnings that a reader must see beside the map."""
    notes = []
    if n_blank:
        notes.append(f"{n_blank} texts have no words: their label is -1")
    if outliers > 0.30:
        moved = "outliers before they were moved to the nearest topic"
        notes.append(f"{outliers:.0%} were {moved}")
    if n_topics < 3:
        notes.append(f"only {n_topics} topics were found: too few to tell anything apart")
    n_distinct = len(np.unique(vectors.round(9), axis=0))
    share_equal = 1 - n_distinct / len(vectors)
    if share_equal > 0.20:
        alike = "look the same as another one: copies make a topic of their own"
        notes.append(f"{share_equal:.0%} of the texts {alike}")
    # sentence-transformers state how many tokens they read, and cut off the rest
    window = getattr(getattr(embed, "__self__", embed), "max_seq_length", None)
    if window:
        n_longer = sum(len(text.split()) > window for text in texts)
        if n_longer:
            what = f"longer than the {window} tokens that the embedder reads"
            notes.append(f"{n_longer} texts are {what}")
    return tuple(notes)
