"""Clustering: which texts lie together, by UMAP and HDBSCAN as BERTopic uses them."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from toolkit.evals.topics.dull import TOKEN
from toolkit.evals.topics.embedding import quiet

Report = Callable[[str], object]
LARGEST_SHARE = 0.5
"""A topic that holds more than this share of the texts tells nothing: smaller ones are sought."""
INSTALL = "pip install -e . && pip install --no-deps bertopic==0.17.4"


def clustered(
    texts: list[str], vectors: np.ndarray, seed: int, size: int, report: Report = str
) -> tuple[np.ndarray, float]:
    """Labels (all -1 where no topic is found), and the share of outliers before they moved."""
    with quiet():
        report("reducing")
        reduced = _reduced(vectors, seed)
        report("clustering")
        labels = _clusters(texts, reduced, size, "eom")
        if np.bincount(labels + 1)[1:].max(initial=0) > LARGEST_SHARE * len(texts):
            labels = _clusters(texts, reduced, size, "leaf")
        outliers = float(np.mean(labels < 0))
        if outliers < 1:
            labels = _outliers_moved(labels, vectors)
    return labels, outliers


def _clusters(texts: list[str], reduced: Any, size: int, selection: str) -> np.ndarray:
    """Labels by HDBSCAN, -1 outside every topic: ``eom`` takes the clusters that last longest,
    ``leaf`` the smallest.
    """
    from hdbscan import HDBSCAN
    from sklearn.feature_extraction.text import CountVectorizer

    try:
        from bertopic import BERTopic
        from bertopic.dimensionality import BaseDimensionalityReduction
    except ImportError as error:
        raise ImportError(INSTALL) from error
    clusterer = HDBSCAN(
        min_cluster_size=size, cluster_selection_method=selection, core_dist_n_jobs=1
    )
    model = BERTopic(
        language="multilingual",  # "english" strips every letter that is not ASCII
        umap_model=BaseDimensionalityReduction(),
        hdbscan_model=clusterer,
        vectorizer_model=CountVectorizer(token_pattern=TOKEN),
    )
    return np.asarray(model.fit_transform(texts, embeddings=reduced)[0])


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


def largest_first(labels: np.ndarray, labels_of_all: np.ndarray) -> np.ndarray:
    """`labels` numbered anew by the size of their topics, near-copies counted too."""
    if labels.max() < 0:
        return labels
    by_size = np.argsort(-np.bincount(labels_of_all), kind="stable")
    new_numbers = np.argsort(by_size)
    return np.asarray(new_numbers[labels])
