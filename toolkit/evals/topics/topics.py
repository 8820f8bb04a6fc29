"""Topics: what the collection is about, as a list to read and never as a rate.

BERTopic's steps (Grootendorst 2022, arXiv 2203.05794) on an embedding that needs no download:
TF-IDF of words and of character n-grams, SVD, then UMAP, HDBSCAN, and each outlier moved to the
topic nearest to it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit import render
from toolkit.evals.text import python_value, user_messages
from toolkit.evals.topics.clustering import Report, clustered, largest_first
from toolkit.evals.topics.copies import first_alike
from toolkit.evals.topics.dull import TOKEN
from toolkit.evals.topics.embedding import Embed, embed_texts
from toolkit.evals.topics.naming import named_topics
from toolkit.models.model import reporting
from toolkit.shown import Shown
from toolkit.traces import Source, Trace
from toolkit.traces.sources import least_live

if TYPE_CHECKING:
    import pandas as pd

MIN_TEXTS = 15


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
    """``(n, d) float``, unit length: the embedding of each text, or of that which it is a near-copy
    of.
    """
    source: Source | None = None
    """Of the traces: ``simulated`` as soon as one is; None of plain texts."""
    seed: int = 0
    min_topic_size: int = 5
    fitted: np.ndarray = field(default_factory=lambda: np.array([], dtype=int), repr=False)
    """The positions of the texts that were fitted: neither blank nor near-copies of another one."""

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
        indexes = []
        for run in range(1, runs + 1):
            order = rng.permutation(self.fitted)
            texts = [self.texts[row] for row in order]
            vectors = self.vectors[order]
            refit, _ = clustered(texts, vectors, self.seed + run, self.min_topic_size)
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
        text that is None or NaN is blank. Near-copies, as the trials of one case, are fitted once,
        and have one label.
    embed
        ``lsa``, a function ``texts -> (n, d)``, or an object with ``encode``, such as a
        sentence-transformers model.
    seed
        Of the reduction.
    min_topic_size
        None takes a fortieth of the texts that are no near-copies, between 3 and 15.
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
    rows = _rows_with_words(texts)
    rows.sort(key=lambda row: (ids[row] if traces else "", texts[row]))
    kept, kept_of = _folded([items[row] for row in rows], [texts[row] for row in rows])
    distinct = [texts[rows[position]] for position in kept]
    report = reporting(progress)
    report("embedding")
    vectors = embed_texts(distinct, embed, seed)
    size = min_topic_size or int(np.clip(round(len(distinct) / 40), 3, 15))
    labels, outliers = clustered(distinct, vectors, seed, size, report)
    labels = largest_first(labels, labels[kept_of])
    report("naming")
    topics = named_topics(distinct, labels, vectors, [ids[rows[position]] for position in kept])
    topics["size"] = [int(np.sum(labels[kept_of] == topic)) for topic in topics["topic"]]
    notes = _notes(distinct, vectors, len(topics), outliers, embed, len(items) - len(rows))
    if len(kept) < len(rows):
        notes = (_about_copies(len(rows) - len(kept), len(rows)), *notes)
    all_labels = np.full(len(items), -1)
    all_labels[rows] = labels[kept_of]
    all_vectors = np.zeros((len(items), vectors.shape[1]))
    all_vectors[rows] = vectors[kept_of]
    source = least_live(trace.source for trace in traces)
    fitted = np.array(rows)[kept]
    return TopicMap(
        all_labels, topics, notes, outliers, tuple(texts), all_vectors, source, seed, size, fitted
    )


def _rows_with_words(texts: list[str]) -> list[int]:
    """The positions of texts that are not blank. Raises ValueError for too few, or for one word."""
    rows = [row for row, text in enumerate(texts) if text.strip()]
    if len(rows) < MIN_TEXTS:
        raise ValueError(
            f"topics need at least {MIN_TEXTS} texts with words, not {len(rows)}: read them one by "
            "one"
        )
    if len(set(re.findall(TOKEN, "\n".join(texts)))) < 2:
        raise ValueError("all texts are one and the same word: there is nothing to tell apart")
    return rows


def _folded(items: list[Any], texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The positions that are kept of `texts`, one of each set of near-copies; and for each text
    which of the kept ones it is folded into.

    Where too few would be kept, all are: copies then make topics of their own.
    """
    openings = [user_messages(item)[0] if isinstance(item, Trace) else item for item in items]
    firsts = first_alike(openings, texts)
    if len(np.unique(firsts)) < MIN_TEXTS:
        firsts = np.arange(len(texts))
    return np.unique(firsts, return_inverse=True)


def _text_of(item: Any) -> str:
    """The user's messages in a trace, or a plain text."""
    if isinstance(item, Trace):
        return "\n\n".join(user_messages(item))
    return str(python_value(item) or "")


def _about_copies(n_copies: int, n_texts: int) -> str:
    n_distinct = n_texts - n_copies
    rest = f"topics are sought among the other {n_distinct:,}"
    copies = "each copy is counted with the text that it copies"
    return f"{n_copies:,} of {n_texts:,} texts begin as another one does: {rest}, and {copies}"


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
