"""Cases to run an agent on: a `Dataset` of `Case`s, each made by `promote` from a trace."""

from toolkit.evals.experiments.dataset import Case, Dataset, promote

__all__ = ["Case", "Dataset", "promote"]
