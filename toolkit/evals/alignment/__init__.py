"""Alignment: how far labels and verdicts agree, with intervals, and what a judge is then good for.

`agreement` compares raters with each other, `align` a judge with labels, `compare_judges` two
judges; `trusted` decides whether a judge may score at scale, and `corrected_rate` takes its errors
out of a rate.
"""

from toolkit.evals.alignment.agreement import Agreement, agreement
from toolkit.evals.alignment.align import align
from toolkit.evals.alignment.alignment import Alignment, alignments_frame
from toolkit.evals.alignment.annotator import AnnotatorTest, annotator_test
from toolkit.evals.alignment.correction import corrected_rate
from toolkit.evals.alignment.estimate import Estimate
from toolkit.evals.alignment.paired import JudgeComparison, compare_judges, retest
from toolkit.evals.alignment.planning import corrected_width, interval_width, labels_needed
from toolkit.evals.alignment.trust import BANDS, RATES, Trust, TrustPolicy, trusted

__all__ = [
    "BANDS",
    "RATES",
    "Agreement",
    "Alignment",
    "AnnotatorTest",
    "Estimate",
    "JudgeComparison",
    "Trust",
    "TrustPolicy",
    "agreement",
    "align",
    "alignments_frame",
    "annotator_test",
    "compare_judges",
    "corrected_rate",
    "corrected_width",
    "interval_width",
    "labels_needed",
    "retest",
    "trusted",
]
