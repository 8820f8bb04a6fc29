"""What people say of traces. `sample_traces` says which to read first; a `Label` has a verdict
and a reason, and is kept in a `LabelStore`, or comes from a table by `labels_from_frame`,
or with the traces of an export by `labels_of`; `scores_of` has what is no verdict there.
`merge_labels` puts several raters side by side. In a `Codebook` reasons become codes, and codes
`FailureMode`s. `split_labels` sets apart what is kept for the end.
"""

from toolkit.evals.labels.clusters import cluster_reasons
from toolkit.evals.labels.codebook import Codebook
from toolkit.evals.labels.codes import FailureMode
from toolkit.evals.labels.imported import labels_of, scores_of
from toolkit.evals.labels.labels import Label, LabelStore, labels_frame
from toolkit.evals.labels.sample import Sample, sample_traces
from toolkit.evals.labels.splits import split_labels
from toolkit.evals.labels.suggest import ask_for_codes, match_modes
from toolkit.evals.labels.tables import labels_from_frame, merge_labels

__all__ = [
    "Codebook",
    "FailureMode",
    "Label",
    "LabelStore",
    "Sample",
    "ask_for_codes",
    "cluster_reasons",
    "labels_frame",
    "labels_from_frame",
    "labels_of",
    "match_modes",
    "merge_labels",
    "sample_traces",
    "scores_of",
    "split_labels",
]
