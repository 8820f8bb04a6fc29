"""gate: does an experiment show what a policy asks for?

>>> from toolkit.evals.experiments.result import TrialResult
>>> results = [TrialResult(str(case), 0, "scored", passed=case % 20 > 0) for case in range(200)]
>>> experiment = Experiment("agent", tuple(results), planned=200)
>>> gate(experiment, GatePolicy(min_pass_rate=0.9)).outcome
'pass'
>>> gate(experiment, GatePolicy(min_pass_rate=0.95)).outcome
'inconclusive'
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from toolkit.evals.alignment import Trust
from toolkit.evals.experiments.compare import compare
from toolkit.evals.experiments.decision import Decision, GateCheck, Outcome
from toolkit.evals.experiments.difference import Difference
from toolkit.evals.experiments.experiment import Experiment
from toolkit.evals.experiments.policy import GatePolicy
from toolkit.evals.experiments.rate import Rate
from toolkit.evals.experiments.summary import Summary
from toolkit.traces.amounts import dollars

NO_TRUST: Mapping[str, Trust] = {}


def gate(
    experiment: Experiment,
    policy: GatePolicy,
    baseline: Experiment | None = None,
    trust: Mapping[str, Trust] = NO_TRUST,
) -> Decision:
    """Decide whether `experiment` shows what `policy` asks for.

    Parameters
    ----------
    experiment
        Its `Experiment.judges` are known by their hashes.
    policy
        What must be shown. Bounds decide: one that may be met and may be missed is inconclusive.
    baseline
        What it is compared with, where the policy has a margin or asks for better.
    trust
        The decision of `trusted` about the judge of each score that a judge gives, by the name of
        the score. Without one, or for another judge, the gate is broken.
    """
    summary = experiment.summary()
    checks = list(_broken_checks(experiment, policy, baseline, trust))
    if not checks:
        checks = [*_rate_checks(experiment, policy), *_total_checks(summary, policy)]
        if baseline:
            checks += _baseline_checks(experiment, baseline, policy)
    simulated = experiment.simulated or bool(baseline and baseline.simulated)
    return Decision(experiment.name, policy.name, tuple(checks), str(summary), simulated)


def _broken_checks(
    experiment: Experiment,
    policy: GatePolicy,
    baseline: Experiment | None,
    trust: Mapping[str, Trust],
) -> Iterator[GateCheck]:
    """What makes any decision impossible."""
    results = list(experiment.chosen())
    if not results:
        yield GateCheck("cases", "a case that is not broken", "none", "broken")
    elif all(result.passed is None for result in results):
        reason = f"none of {len(results)} trials has one"
        yield GateCheck("results", "a trial with a verdict", reason, "broken")
    if policy.needs_baseline and baseline is None:
        yield GateCheck("baseline", "an experiment to compare with", "none given", "broken")
    if baseline is not None and not policy.needs_baseline:
        reason = "the policy has no margin, and does not ask for better"
        yield GateCheck("baseline", "a bound in the policy", reason, "broken")
    yield from _judge_checks(experiment, policy, trust)


def _judge_checks(
    experiment: Experiment, policy: GatePolicy, trust: Mapping[str, Trust]
) -> Iterator[GateCheck]:
    """The judges that the policy goes by, and that may not score: nothing shows that they are
    right, or what shows it is about another judge.
    """
    wanted = "a judge that is trusted"
    for name, judge in experiment.judges.items():
        if not policy.goes_by_all_scores and name not in policy.min_scores:
            continue
        decision = trust.get(name)
        if decision is None:
            reason = f"nothing shows that judge {judge} may score"
            yield GateCheck(f"judge of {name}", wanted, reason, "broken")
        elif not decision.covers(judge):
            reason = decision.title
            if decision.trusted:
                reason = f"judge {judge} scored, and judge {decision.judge} is trusted"
            yield GateCheck(f"judge of {name}", wanted, reason, "broken")


def _rate_checks(experiment: Experiment, policy: GatePolicy) -> Iterator[GateCheck]:
    """A check for each rate that the policy bounds."""
    if policy.min_pass_rate is not None:
        yield _rate_check("pass rate", policy.min_pass_rate, experiment.rate)
    if policy.min_pass_rate_without_free is not None:
        yield _rate_check(
            "pass rate without the free cases",
            policy.min_pass_rate_without_free,
            partial(experiment.rate, cases="not free"),
        )
    for k, lowest in policy.min_pass_hat.items():
        yield _rate_check(f"pass^{k}", lowest, partial(experiment.pass_hat, k))
    for score, lowest in policy.min_scores.items():
        yield _rate_check(score, lowest, partial(experiment.rate, score))


def _rate_check(name: str, lowest: float, rate_of: Callable[[], Rate]) -> GateCheck:
    """Whether the lower bound of a rate reaches `lowest`. Without such a rate it is broken."""
    wanted = f"lower bound {lowest:g}"
    try:
        rate = rate_of()
    except ValueError as error:  # no such score, or one that is no bool
        return GateCheck(name, wanted, str(error), "broken")
    return GateCheck(name, wanted, rate.words, _outcome_of_rate(rate, lowest))


def _outcome_of_rate(rate: Rate, lowest: float) -> Outcome:
    """The whole interval decides; one that holds `lowest` is inconclusive."""
    if rate.value is None:
        return "broken"
    if rate.low is None or rate.high is None:
        return "inconclusive"
    if rate.low >= lowest:
        return "pass"
    return "fail" if rate.high < lowest else "inconclusive"


def _total_checks(summary: Summary, policy: GatePolicy) -> Iterator[GateCheck]:
    """What is counted, and has no interval."""
    if policy.max_unscored is not None:
        n_planned = summary.planned - summary.n_broken_trials
        n_without = n_planned - summary.n_passed - summary.n_failed
        share = n_without / n_planned
        outcome: Outcome = "pass" if share <= policy.max_unscored else "fail"
        reason = f"{share:.1%} ({n_without} of {n_planned} trials)"
        yield GateCheck("unscored", f"at most {policy.max_unscored:.1%}", reason, outcome)
    if policy.max_cost_usd is not None:
        outcome = "pass" if summary.cost_usd <= policy.max_cost_usd else "fail"
        wanted = f"at most {dollars(policy.max_cost_usd)}"
        yield GateCheck("cost", wanted, dollars(summary.cost_usd), outcome)


def _baseline_checks(
    experiment: Experiment, baseline: Experiment, policy: GatePolicy
) -> Iterator[GateCheck]:
    """What the comparison with the baseline shows."""
    passed = compare(experiment, baseline, policy.margin).passed
    reason = str(passed)
    if policy.margin is not None:
        wanted = f"not worse than {baseline.name} by {policy.margin:g}"
        yield GateCheck("baseline", wanted, reason, _outcome_of_margin(passed, policy.margin))
    if policy.better:
        outcomes: dict[Any, Outcome] = {"better": "pass", "worse": "fail"}
        outcome = outcomes.get(passed.conclusion, "inconclusive")
        outcome = outcome if passed.n_trials else "broken"
        yield GateCheck("better", f"better than {baseline.name}", reason, outcome)


def _outcome_of_margin(passed: Difference, margin: float) -> Outcome:
    """A large p decides nothing: the one-sided bound shows what is not worse by `margin`."""
    if not passed.n_trials:
        return "broken"
    if passed.not_worse:
        return "pass"
    is_worse = passed.high is not None and passed.high < -margin
    return "fail" if is_worse else "inconclusive"
