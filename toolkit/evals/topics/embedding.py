"""Embedding: texts as vectors, by default from words and letters alone, without a download."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

Embed = Callable[[list[str]], Any]
LSA_DIMENSIONS = 200
WORD_OR_SIGN = r"(?u)\b\w+\b|\S"


@contextmanager
def quiet() -> Iterator[None]:
    """One BLAS thread, and none of the warnings that libraries give about each other."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1), warnings.catch_warnings(action="ignore"):
        yield


def embed_texts(texts: list[str], embed: str | Embed, seed: int) -> np.ndarray:
    """`texts` as ``(n, d) float`` rows of unit length. Raises ValueError for an embedding of
    another shape.
    """
    from sklearn.preprocessing import normalize

    if embed == "lsa":
        raw = _lsa(texts, seed)
    elif isinstance(embed, str):
        raise ValueError(f"embed is 'lsa' or a function of the texts, not {embed!r}")
    else:
        function = getattr(embed, "encode", embed)
        raw = function(texts)
    vectors = np.asarray(raw, dtype=float)
    if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
        shape = f"an array of shape {vectors.shape} for {len(texts)} texts"
        raise ValueError(f"embed gave {shape}, or one not finite")
    return np.asarray(normalize(vectors))


def _lsa(texts: list[str], seed: int) -> Any:
    """TF-IDF of words (1, 2) and characters (3, 5), reduced by SVD (Deerwester et al. 1990)."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD_OR_SIGN)
    characters = TfidfVectorizer(ngram_range=(3, 5), sublinear_tf=True, analyzer="char_wb")
    with quiet():
        table = make_union(words, characters).fit_transform(texts)
        dimensions = min(LSA_DIMENSIONS, table.shape[0] - 1, table.shape[1] - 1)
        return TruncatedSVD(dimensions, random_state=seed).fit_transform(table)
