"""Gating files: an experiment and a policy as they lie on disk, and what shows that a judge may be
trusted. What cannot be read is a broken gate, and never a crash that might be taken for a pass.
"""

from pathlib import Path

from toolkit.errors import message_for_user
from toolkit.evals.alignment import BANDS, RATES, Trust, align, trusted
from toolkit.evals.experiments.decision import Decision, GateCheck
from toolkit.evals.experiments.experiment import Experiment
from toolkit.evals.experiments.gate import gate
from toolkit.evals.experiments.policy import GatePolicy, JudgeEvidence
from toolkit.evals.judges import VerdictStore
from toolkit.evals.labels.labels import Label
from toolkit.evals.labels.tables import gather_labels

SCHOOLS = {"rates": RATES, "bands": BANDS}


def gate_files(experiment: Path, policy: Path, baseline: Path | None = None) -> Decision:
    """The decision about a saved experiment. Files that a policy names lie beside it."""
    try:
        return _gate(experiment, policy, baseline)
    except (OSError, ValueError, TypeError) as error:
        reason = message_for_user(error) or f"{type(error).__name__}: {error}"
        check = GateCheck("files", "an experiment and a policy that can be read", reason, "broken")
        return Decision(experiment.name, policy.name, (check,))


def _gate(experiment: Path, policy: Path, baseline: Path | None) -> Decision:
    """The decision. Raises the error of what cannot be read."""
    rules = GatePolicy.load(policy)
    loaded = Experiment.load(experiment)
    compared = Experiment.load(baseline) if baseline else None
    trust = {}
    for score, evidence in rules.judges.items():
        judge = loaded.judges.get(score)
        if judge is None:
            raise ValueError(f"judges {score}: no judge gave a score of that name")
        trust[score] = trust_of(judge, evidence, policy.parent)
    return gate(loaded, rules, compared, trust)


def trust_of(judge: str, evidence: JudgeEvidence, folder: Path) -> Trust:
    """Whether the judge with that hash may be trusted, by labels and verdicts in a folder.

    Raises ValueError where a trace has labels of several people: one file of the labels that they
    agreed on decides.
    """
    labels = _one_label_each(folder / evidence.labels)
    store = VerdictStore(folder / evidence.verdicts)
    verdicts = {}
    for (judge_hash, trace_id), verdict in store.items():
        if judge_hash == judge and trace_id in labels:
            verdicts[trace_id] = verdict
    if not verdicts:
        wanted = f"no verdict of judge {judge} on a labelled trace"
        raise ValueError(f"{evidence.verdicts}: {wanted}; a changed judge is judged anew")
    labelled = [labels[trace_id] for trace_id in verdicts]
    alignment = align(labelled, list(verdicts.values()))
    return trusted(alignment, SCHOOLS[evidence.school], judge)


def _one_label_each(path: Path) -> dict[str, Label]:
    """The labels of a file by their trace. Raises ValueError where a trace has several."""
    labels: dict[str, Label] = {}
    for label in gather_labels([path]):
        if label.trace_id in labels:
            mend = "give a file of the labels that the raters agreed on"
            raise ValueError(f"{path.name}: several labels of {label.trace_id}; {mend}")
        labels[label.trace_id] = label
    return labels
