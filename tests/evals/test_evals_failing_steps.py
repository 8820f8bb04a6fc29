"""The first failing step: rules and free guesses against what people named."""

import asyncio
import json
from itertools import pairwise

import pytest

from toolkit.evals import (
    NOT_APPLICABLE,
    Experiment,
    Label,
    Score,
    align,
    all_of,
    compare,
    compare_judges,
    confirmed_before,
    failing_steps,
    failing_steps_by_label,
    first_failing_step,
    forbidden_calls,
    judge_failing_step,
    looks_up_before,
    no_redundant_calls,
    recovers_from_errors,
)
from toolkit.models import Answer, ScriptedModel
from toolkit.traces import Step, Trace, read_traces

WRITES = (
    "cancel_pending_order",
    "exchange_delivered_order_items",
    "modify_pending_order_address",
    "modify_pending_order_items",
    "modify_pending_order_payment",
    "modify_user_address",
    "return_delivered_order_items",
)
LOOKUPS = ("get_order_details",)
NAMES = ("find_user_id_by_email", "find_user_id_by_name_zip")
ANYTHING = ("get_order_details", "get_product_details", "list_all_product_types", *WRITES)
RETAIL = (
    looks_up_before(ANYTHING, NAMES),
    looks_up_before(WRITES, LOOKUPS),
    confirmed_before(WRITES, each=False),
    no_redundant_calls(WRITES),
    recovers_from_errors(),
    forbidden_calls("transfer_to_human_agents"),
)


def steps_data(data_dir, *parts):
    path = data_dir.joinpath("steps", *parts)
    if not path.is_file():
        pytest.skip(f"the labelled steps are not at {path}; FIELDBOOK_DATA can name their place")
    return path


def talk(id_, *agents, source="imported"):
    steps = [
        Step(f"s{number}", "message", "assistant", "words", data={"agent": agent})
        for number, agent in enumerate(agents, 1)
    ]
    return Trace(id_, steps, source=source)


THREE = [talk("a", "ann", "bo", "bo"), talk("b", "ann", "bo"), talk("c", "bo", "ann", "ann")]
TRUTH = {"a": "s2", "b": "s2", "c": "s1"}


def test_a_guess_stands_beside_the_guesses_that_cost_nothing():
    report = failing_steps(THREE, TRUTH, {"judge": {"a": "s2", "b": "s1", "c": None}})
    frame = report.frame()
    assert list(frame.index) == ["judge", "always step 2", "always bo", "who acts most"]
    assert list(frame["free"]) == [False, True, True, True]
    assert list(frame["step_right"].fillna(-1)) == [1, 2, -1, -1]
    assert list(frame["agent_right"]) == [1, 2, 3, 1]
    assert list(frame["named"]) == [2, 3, 3, 3]
    assert report.median_step == 2


def test_a_rate_has_wilsons_interval_and_a_trace_without_a_guess_counts_as_wrong():
    (judge, *_) = failing_steps(THREE, TRUTH, {"judge": {"a": "s2"}}).guesses
    low, high = judge.step.interval
    assert judge.step.value == pytest.approx(1 / 3)
    assert (low, high) == (pytest.approx(0.0615, abs=1e-4), pytest.approx(0.7923, abs=1e-4))


def test_a_guess_is_compared_with_the_commonest_step_trace_by_trace():
    guess = {"a": "s1", "b": "s2", "c": "s1"}
    report = failing_steps(THREE, TRUTH, {"judge": guess})
    truth, always = dict(TRUTH), dict.fromkeys(TRUTH, "s2")
    judged = [align(truth, steps, unparsed="wrong") for steps in (guess, always)]
    paired = compare_judges(*judged)
    judge, *free = report.guesses
    assert judge.gain.value == paired.difference == 0
    assert judge.gain.interval == pytest.approx(paired.interval)
    assert [guess.gain for guess in free] == [None, None, None]
    low, high = failing_steps(THREE, TRUTH, {"judge": guess}, level=0.5).guesses[0].gain.interval
    assert judge.gain.interval[0] < low < 0 < high < judge.gain.interval[1]
    assert "+0.0% (" in report._repr_html_()


def test_a_step_that_is_not_in_the_trace_is_named_by_nobody():
    (judge, *_) = failing_steps(THREE, TRUTH, {"judge": {"a": "s99"}}).guesses
    assert (judge.named, judge.step.right) == (0, 0)


def test_a_true_step_that_is_not_in_its_trace_is_refused():
    with pytest.raises(ValueError, match="s9 of a"):
        failing_steps(THREE, {"a": "s9"})


def test_traces_without_a_true_step_are_counted_and_in_no_rate():
    report = failing_steps(THREE, {"a": "s2"})
    assert (report.n, report.n_unlabelled) == (1, 2)
    nothing = failing_steps(THREE, {})
    assert nothing.summary == "No trace has a step that is known to fail."
    assert nothing.guesses == ()
    assert nothing.frame().empty


def test_the_report_says_what_is_simulated_and_escapes_names():
    simulated = [talk("a", "<b>", source="simulated")]
    report = failing_steps(simulated, {"a": "s1"}, {"<i>": {}})
    assert "1 simulated traces" in report.summary
    html = report._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert "<i>" not in html


def test_of_several_labels_the_earliest_failing_step_counts():
    labels = [
        Label("a", "ann", "fail", "late", step="s3"),
        Label("a", "bo", "fail", "early", step="s2"),
        Label("a", "cy", "pass", "fine", step="s1"),
        Label("b", "ann", "fail", "somewhere"),
        Label("c", "ann", "fail", "gone", step="s77"),
    ]
    assert failing_steps_by_label(THREE, labels) == {"a": "s2"}


def by_rules(traces, rules):
    async def named():
        return {trace.id: (await first_failing_step(trace, rules)).step for trace in traces}

    return asyncio.run(named())


def blames_failed_code(trace):
    """A rule of one's own: whoever wrote the code that first fails when it is run."""
    for before, step in pairwise(trace.steps):
        if step.data.get("error"):
            return Score("code runs", False, f"step {step.id} fails", step=before.id)
    return Score("code runs", NOT_APPLICABLE, "no code fails")


def test_on_who_and_when_the_free_guesses_are_those_of_the_facts_and_a_rule_is_worse(data_dir):
    traces = read_traces(steps_data(data_dir, "who-and-when", "machine-made.jsonl"))
    mistakes = {trace.id: trace.meta["scores"][0] for trace in traces}
    truth = {id_: mistake["step"] for id_, mistake in mistakes.items()}
    agents = {id_: mistake["value"] for id_, mistake in mistakes.items()}
    guesses = {"rule": by_rules(traces, [blames_failed_code])}
    report = failing_steps(traces, truth, guesses, agents)
    frame = report.frame()
    assert report.n == 126
    assert share(frame, "always step 2", "step") == (34, 0.27)
    assert share(frame, "always Verification_Expert", "agent") == (18, 0.143)
    assert share(frame, "who acts most", "agent") == (54, 0.429)
    assert share(frame, "rule", "step") == (27, 0.214)
    assert frame.loc["rule", "named"] == 67


def share(frame, guess, of):
    return int(frame.loc[guess, f"{of}_right"]), round(frame.loc[guess, f"{of}_rate"], 3)


def first_failures(path, traces):
    """The first step that people named, of each trajectory of AgentRx."""
    truth = {}
    by_task = {trace.meta["task_id"]: trace for trace in traces}
    for entry in json.loads(path.read_text()):
        trace = by_task[entry["trajectory_id"]]
        first = min(failure["step_number"] for failure in entry["failures"])
        steps = [step for step in trace.steps if step.data.get("index") == first]
        truth[trace.id] = steps[0].id
    return truth


def test_on_agentrx_rules_of_the_policy_cannot_be_told_from_the_commonest_step(data_dir):
    traces = read_traces(steps_data(data_dir, "agentrx", "tau_dataset_failed.json"))
    truth = first_failures(steps_data(data_dir, "agentrx", "tau_ground_truth.json"), traces)
    report = failing_steps(traces, truth, {"all rules": by_rules(traces, RETAIL)})
    frame = report.frame()
    assert (report.n, report.median_step) == (29, 21)
    assert share(frame, "always step 21", "step") == (4, 0.138)
    assert share(frame, "all rules", "step") == (5, 0.172)
    assert frame.loc["all rules", "named"] == 14
    assert frame.loc["all rules", "step_low"] < 0.138 < frame.loc["all rules", "step_high"]


def asked(trace, answer):
    """What the judge says where a model gives this answer, and the request that it was sent."""
    requests = []

    def policy(request):
        requests.append(request)
        return Answer(answer)

    score = asyncio.run(judge_failing_step(trace, ScriptedModel(policy)))
    return score, requests[0]


@pytest.mark.parametrize(
    ("answer", "step", "why"),
    [
        ('{"critique": "It guesses.", "step": "s2"}', "s2", "It guesses."),
        ('{"critique": "All is well.", "step": null}', None, "it names no step: All is well."),
        ('{"critique": "There.", "step": "s9"}', None, "'s9', which is no step"),
        ('{"step": "s2"}', None, "does not match the schema"),
        ("s2", None, "cannot be read as JSON"),
    ],
)
def test_a_judge_names_a_step_of_the_trace_or_is_unscored(answer, step, why):
    score, _ = asked(THREE[0], answer)
    assert (score.value, score.step) == (step, step)
    assert why in score.why


def test_what_people_named_is_in_no_prompt(data_dir):
    traces = read_traces(steps_data(data_dir, "who-and-when", "machine-made.jsonl"))
    for trace in traces[::25]:
        _, request = asked(trace, "{}")
        _, bare = asked(Trace(trace.id, trace.steps), "{}")
        assert request == bare
        assert trace.meta["mistake_reason"] not in repr(request)
        assert trace.steps[-1].id in repr(request)


def test_a_rule_that_does_not_apply_is_no_obstacle_to_an_experiment():
    rule = forbidden_calls("talk")
    confirmed = confirmed_before(["pay"])
    spoken = [talk(name, "ann") for name in "abc"]
    experiment = Experiment.from_traces(spoken, all_of(rule), case=lambda trace: trace.id)
    assert experiment.rate().value == 1
    paid = Trace("d", (Step("s1", "message", "user", "pay"), Step("s2", "tool.call", "bot", "pay")))
    asked_first = Trace("e", (*talk("e", "ann").steps, *paid.steps))
    mixed = Experiment.from_traces(
        [*spoken, paid, asked_first], confirmed, case=lambda trace: trace.id
    )
    for rate in (mixed.rate(), mixed.rate(score=confirmed.__name__)):
        assert (rate.value, rate.n_trials, rate.n_left_out) == (0.5, 2, 3)
    silent = Experiment.from_traces(spoken, confirmed, case=lambda trace: trace.id)
    assert silent.rate(score=confirmed.__name__).n_left_out == 3
    comparison = compare(silent, silent)
    assert "neither a bool" not in comparison._repr_html_()
