"""Embedding: texts as vectors, without a download and the same on every machine."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np

Embed = Callable[[list[str]], Any]
"""``texts -> (n, d)`` array."""

LSA_DIMENSIONS = 200


@contextmanager
def quiet() -> Iterator[None]:
    """One BLAS thread, and none of the warnings that BERTopic's parts give about each other."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ImportWarning)  # umap: no tensorflow
        for module in ("umap", "pynndescent", "hdbscan", "numba", "scipy", "bertopic", "sklearn"):
            warnings.filterwarnings("ignore", module=rf"{module}(\.|$)")
        yield


def embed_texts(texts: list[str], embed: str | Embed, seed: int) -> np.ndarray:
    """Embed `texts` as ``(n, d) float`` rows of unit length. Raises ValueError for an embedding of another shape."""
    if isinstance(embed, str):
        if embed != "lsa":
            raise ValueError(f"embed is 'lsa' or a function of the texts, not {embed!r}")
        raw = _lsa(texts, seed)
    else:
        raw = np.asarray(getattr(embed, "encode", embed)(texts), dtype=float)
    if raw.ndim != 2 or len(raw) != len(texts) or not np.isfinite(raw).all():
        raise ValueError(f"embed gave an array of shape {raw.shape} for {len(texts)} texts, or one not finite")
    length = np.linalg.norm(raw, axis=1, keepdims=True)
    return cast(np.ndarray, raw / np.where(length > 0, length, 1))


def _lsa(texts: list[str], seed: int) -> np.ndarray:
    """TF-IDF of words (1, 2) and characters (3, 5), reduced by SVD (Deerwester et al. 1990)."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    with quiet():
        union = make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|\S"),
            TfidfVectorizer(ngram_range=(3, 5), analyzer="char_wb", sublinear_tf=True),
        )
        table = union.fit_transform(texts)
        dimensions = min(LSA_DIMENSIONS, *(side - 1 for side in table.shape))
        return np.asarray(TruncatedSVD(dimensions, random_state=seed).fit_transform(table))
