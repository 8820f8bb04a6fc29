"""Topics: what the collection is about, as a list to read and never as a rate.

BERTopic's steps (Grootendorst 2022, arXiv 2203.05794) on an embedding that needs no download:
TF-IDF of words and of character n-grams, SVD, then UMAP, HDBSCAN, and each outlier moved to the
topic nearest to it.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.evals.experiments.dataset import user_messages
from toolkit.evals.text import python_value
from toolkit.models.model import reporting
from toolkit.traces import Source, Trace
from toolkit.traces.sources import least_live

if TYPE_CHECKING:
    import pandas as pd

Embed = Callable[[list[str]], Any]
Tell = Callable[[str], object]
MIN_TEXTS, LSA_DIMENSIONS = 15, 200
TOKEN = r"(?u)\b\w[\w'’]+\b|\S"
WORDS_SHOWN, EXAMPLES_SHOWN = 6, 3
INSTALL = "pip install -e . && pip install --no-deps bertopic==0.17.4"


@dataclass(frozen=True, slots=True)
class Stability:
    """How far refits on other row orders and seeds find the same topics: 1 the same, 0 as chance."""

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
    positions).
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

    def stability(self, runs: int = 5) -> Stability:
        """Fit `runs` times again, at least once, with the rows shuffled and another seed, and
        compare.
        """
        from sklearn.metrics import adjusted_rand_score

        if runs < 1:
            raise ValueError(f"stability needs at least one run, not {runs}")
        rng = np.random.default_rng(self.seed)
        rows = np.flatnonzero([bool(text.strip()) for text in self.texts])
        found = []
        for seed in range(self.seed + 1, self.seed + runs + 1):
            order = rng.permutation(rows)
            again = _cluster(
                [self.texts[i] for i in order], self.vectors[order], seed, self.min_topic_size
            )[0]
            found.append(float(adjusted_rand_score(self.labels[order], again)))
        return Stability(float(np.mean(found)), min(found), tuple(found))


def fit_topics(
    texts_or_traces: Sequence[str | Trace],
    embed: str | Embed = "lsa",
    seed: int = 0,
    min_topic_size: int | None = None,
    progress: Tell | None = None,
) -> TopicMap:
    """Find the topics of at least 15 texts (a list or Series), or of the user's messages in traces.

    Of a trace the user's messages are read, because they say what it was about (the system prompt
    is the same in every trace, and drowns the rest); a text that is None or NaN is blank. Rows are
    sorted by trace id (plain texts by themselves) and fitted on one BLAS thread, so neither row
    order nor the machine's cores change the result. `embed` may be a function ``texts -> (n, d)``,
    or an object with ``encode`` such as a sentence-transformers model; `min_topic_size` None takes
    a sixtieth of n, between 3 and 15. `progress` gets the name of each stage as it begins:
    embedding, reducing, clustering, naming. Raises ValueError for fewer texts, texts that are all
    one word, or an embedding of another number of rows, and ImportError where BERTopic is missing;
    the message is the line that installs it.
    """
    items = list(texts_or_traces)
    texts = [
        "\n\n".join(user_messages(item))
        if isinstance(item, Trace)
        else str(python_value(item) or "")
        for item in items
    ]
    traces = [item for item in items if isinstance(item, Trace)]
    ids = [trace.id for trace in traces] if len(traces) == len(items) else range(len(items))
    rows = [i for i, text in enumerate(texts) if text.strip()]
    if len(rows) < MIN_TEXTS:
        raise ValueError(
            f"topics need at least {MIN_TEXTS} texts with words, not {len(rows)}: read them one by one"
        )
    rows.sort(key=lambda i: (ids[i] if traces else "", texts[i]))
    ordered = [texts[i] for i in rows]
    if len({word for text in ordered for word in re.findall(TOKEN, text)}) < 2:
        raise ValueError("all texts are one and the same word: there is nothing to tell apart")
    tell = reporting(progress)
    tell("embedding")
    read = _embed(ordered, embed, seed)
    vectors, labels = np.zeros((len(items), read.shape[1])), np.full(len(items), -1)
    vectors[rows] = read
    size = min_topic_size or int(np.clip(round(len(rows) / 60), 3, 15))
    labels[rows], outliers = _cluster(ordered, read, seed, size, tell)
    tell("naming")
    topics = _frame(ordered, labels[rows], read, [ids[i] for i in rows])
    notes = _notes(ordered, read, len(topics), outliers, embed, blank=len(items) - len(rows))
    source = least_live(trace.source for trace in traces)
    return TopicMap(labels, topics, notes, outliers, tuple(texts), vectors, source, seed, size)


@contextmanager
def _quiet() -> Iterator[None]:
    """One BLAS thread, and none of the warnings that libraries give about each other."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1), warnings.catch_warnings(action="ignore"):
        yield


def _embed(texts: list[str], embed: str | Embed, seed: int) -> np.ndarray:
    """Embed `texts` as ``(n, d) float`` rows of unit length. Raises ValueError for an embedding of
    another shape.
    """
    from sklearn.preprocessing import normalize

    if isinstance(embed, str) and embed != "lsa":
        raise ValueError(f"embed is 'lsa' or a function of the texts, not {embed!r}")
    raw = _lsa(texts, seed) if isinstance(embed, str) else getattr(embed, "encode", embed)(texts)
    raw = np.asarray(raw, dtype=float)
    if raw.ndim != 2 or len(raw) != len(texts) or not np.isfinite(raw).all():
        raise ValueError(
            f"embed gave an array of shape {raw.shape} for {len(texts)} texts, or one not finite"
        )
    return np.asarray(normalize(raw))


def _lsa(texts: list[str], seed: int) -> Any:
    """TF-IDF of words (1, 2) and characters (3, 5), reduced by SVD (Deerwester et al. 1990)."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    with _quiet():
        table = make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|\S"),
            TfidfVectorizer(ngram_range=(3, 5), analyzer="char_wb", sublinear_tf=True),
        ).fit_transform(texts)
        dimensions = min(LSA_DIMENSIONS, *(side - 1 for side in table.shape))
        return TruncatedSVD(dimensions, random_state=seed).fit_transform(table)


def _cluster(
    texts: list[str], vectors: np.ndarray, seed: int, size: int, tell: Tell = str
) -> tuple[np.ndarray, float]:
    """Labels (largest topic 0; all -1 where no topic is found), and the share of outliers before
    they moved.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.metrics.pairwise import cosine_similarity

    with _quiet():
        try:
            from bertopic import BERTopic
            from bertopic.dimensionality import BaseDimensionalityReduction
        except ImportError as error:
            raise ImportError(INSTALL) from error
        from hdbscan import HDBSCAN
        from umap import UMAP

        neighbours = int(
            np.clip(len(texts) // 40, 7, 15)
        )  # 15 merges what a small collection holds
        tell("reducing")
        umap = UMAP(
            neighbours, n_components=5, min_dist=0.0, metric="cosine", random_state=seed, n_jobs=1
        )
        reduced = umap.fit_transform(vectors)
        tell("clustering")
        model = BERTopic(
            language="multilingual",  # "english" strips every letter that is not ASCII
            umap_model=BaseDimensionalityReduction(),
            hdbscan_model=HDBSCAN(min_cluster_size=size, core_dist_n_jobs=1),
            vectorizer_model=CountVectorizer(token_pattern=TOKEN),
        )
        found = np.asarray(model.fit_transform(texts, embeddings=reduced)[0])
        outliers = float(np.mean(found < 0))
        if outliers < 1:
            means = [vectors[found == topic].mean(axis=0) for topic in range(found.max() + 1)]
            found = np.where(found < 0, cosine_similarity(vectors, means).argmax(axis=1), found)
            found = np.argsort(np.argsort(-np.bincount(found), kind="stable"))[found]
    return found, outliers


def _frame(
    texts: list[str], labels: np.ndarray, vectors: np.ndarray, ids: list[Any]
) -> "pd.DataFrame":
    """Each topic with the words that tell it from the others (c-TF-IDF) and the items nearest to
    its middle.
    """
    import pandas as pd
    from bertopic.vectorizers import ClassTfidfTransformer
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

    columns, rows, counter = (
        ["topic", "size", "words", "examples"],
        [],
        CountVectorizer(token_pattern=TOKEN),
    )
    if labels.max() < 0:
        return pd.DataFrame(columns=columns)
    with _quiet():
        said = counter.fit_transform(pd.Series(texts).groupby(labels).agg(" ".join))
        weights = ClassTfidfTransformer().fit_transform(said).toarray()
    vocabulary = counter.get_feature_names_out()
    dull = np.array([word in ENGLISH_STOP_WORDS or not word.isalnum() for word in vocabulary])
    ranked = np.argsort(-np.where(dull, weights * 1e-6, weights), axis=1, kind="stable")[
        :, :WORDS_SHOWN
    ]
    for topic, best in enumerate(ranked):
        words = ", ".join(vocabulary[i] for i in best if weights[topic, i] > 0)
        members = np.flatnonzero(labels == topic)
        near = vectors[members] @ vectors[members].mean(axis=0)
        nearest = members[np.argsort(-near, kind="stable")[:EXAMPLES_SHOWN]]
        rows.append((topic, len(members), words, tuple(ids[i] for i in nearest)))
    return pd.DataFrame(rows, columns=columns)


def _notes(
    texts: list[str],
    vectors: np.ndarray,
    found: int,
    outliers: float,
    embed: str | Embed,
    blank: int,
) -> tuple[str, ...]:
    """The warnings that a reader must see beside the map."""
    equal = 1 - len(np.unique(vectors.round(9), axis=0)) / len(vectors)
    window = getattr(getattr(embed, "__self__", embed), "max_seq_length", None)
    longer = sum(len(text.split()) > window for text in texts) if window else 0
    notes = {
        f"{blank} texts have no words: their label is -1": blank > 0,
        f"{outliers:.0%} were outliers before they were moved to the nearest topic": outliers
        > 0.30,
        f"only {found} topics were found: too few to tell anything apart": found < 3,
        f"{equal:.0%} of the texts have the same vector as another": equal > 0.20,
        f"{longer} texts are longer than the {window} tokens that the embedder reads": longer > 0,
    }
    return tuple(note for note, holds in notes.items() if holds)
