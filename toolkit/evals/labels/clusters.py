"""Clusters: reasons for failing that are alike, as suggestions of codes."""

from collections.abc import Iterable

import numpy as np

from toolkit.evals.labels.labels import Label

MAX_TRACES = 5_000
MAX_CLUSTERS = 60
WORDS_IN_NAME = 3
WORD = r"(?u)\b[^\W\d_][\w'’]+\b"


def cluster_reasons(labels: Iterable[Label], min_traces: int = 3) -> dict[str, list[str]]:
    """Groups of failed traces whose reasons are alike, as suggestions of codes.

    All reasons for failing a trace are read together: two raters' words for one failure tie phrases
    together that share no word. From a single rater, expect groups of like phrases, to be merged by
    a person.

    Parameters
    ----------
    labels
        Those that fail a trace are read.
    min_traces
        Smaller groups are left out.

    Returns
    -------
    dict
        The ids of the labels of each code. A code is called by its class-based TF-IDF words
        (Grootendorst 2022). Empty where reasons share no word.

    Raises
    ------
    ValueError
        For more than 5,000 failed traces, which are too many to compare each with each.
    """
    failures = _failures_by_trace(labels)
    if len(failures) > MAX_TRACES:
        too_many = f"{len(failures)} failed traces are too many to compare each with each"
        raise ValueError(f"{too_many}: take {MAX_TRACES}")
    texts = ["\n".join(label.why for label in failure) for failure in failures]
    similarity = _similarity(texts)
    if similarity is None:
        return {}
    cluster_of = _clusters(similarity)
    clusters = []
    words = []
    for number in np.unique(cluster_of):
        rows = np.flatnonzero(cluster_of == number)
        if len(rows) >= min_traces:
            clusters.append(rows)
            words.append(" ".join(texts[row] for row in rows))
    names = _names(words)
    codes: dict[str, list[str]] = {}
    for name, rows in zip(names, clusters, strict=True):
        codes[name] = []
        for row in rows:
            codes[name] += [label.id for label in failures[row]]
    return codes


def _failures_by_trace(labels: Iterable[Label]) -> list[list[Label]]:
    """The labels that fail a trace, a list for each trace, in the order of ids and raters."""
    failures: dict[str, list[Label]] = {}
    for label in sorted(labels, key=lambda label: (label.trace_id, label.rater)):
        if label.verdict == "fail":
            failures.setdefault(label.trace_id, []).append(label)
    return list(failures.values())


def _similarity(texts: list[str]) -> np.ndarray | None:
    """Squared cosines of the TF-IDF vectors, ``(n, n)``; None where `texts` share no word."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        ngram_range=(1, 3), sublinear_tf=True, min_df=2, token_pattern=r"(?u)\b\w+\b"
    )
    try:
        vectors = vectorizer.fit_transform(texts)
    except ValueError:  # no word is there twice
        return None
    cosines = (vectors @ vectors.T).toarray()
    return np.asarray(cosines**2)


def _clusters(similarity: np.ndarray) -> np.ndarray:
    """The cluster of each row: average linkage, cut where modularity (Newman 2006) is highest."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    np.fill_diagonal(similarity, 0)
    distance = (1 - similarity).clip(0)
    tree = linkage(squareform(distance, checks=False), "average")
    most = min(MAX_CLUSTERS, len(similarity))
    cuts = []
    for n_clusters in range(1, most + 1):
        cuts.append(fcluster(tree, n_clusters, "maxclust"))
    best = max(cuts, key=lambda cut: _modularity(similarity, cut))
    return np.asarray(best)


def _modularity(similarity: np.ndarray, cut: np.ndarray) -> float:
    """How much more similarity lies within the clusters than chance would put there."""
    total = similarity.sum() or 1
    degrees = similarity.sum(axis=0)
    is_member = (cut[:, None] == np.unique(cut)).astype(float)
    within = (similarity @ is_member * is_member).sum() / total
    expected = np.square(degrees @ is_member / total).sum()
    return float(within - expected)


def _names(texts: list[str]) -> list[str]:
    """The three words of each text that tell it from the others, with a number where those name
    two, or none.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

    vectorizer = CountVectorizer(token_pattern=WORD, stop_words=sorted(ENGLISH_STOP_WORDS))
    try:
        counts = vectorizer.fit_transform(texts).toarray().astype(float)
    except ValueError:  # there is no text, or no word in it
        return [f"group #{number}" for number in range(1, len(texts) + 1)]
    vocabulary = vectorizer.get_feature_names_out()
    frequency = counts / counts.sum(axis=1, keepdims=True).clip(1)
    words_per_text = counts.sum() / len(counts)
    weights = frequency * np.log1p(words_per_text / counts.sum(axis=0))
    names = []
    for row in weights:
        best = np.argsort(-row, kind="stable")[:WORDS_IN_NAME]
        words = [vocabulary[column] for column in best if row[column]]
        names.append(", ".join(words) or "group")
    numbered = []
    for number, name in enumerate(names, 1):
        is_shared = names.count(name) > 1 or name == "group"
        numbered.append(f"{name} #{number}" if is_shared else name)
    return numbered
