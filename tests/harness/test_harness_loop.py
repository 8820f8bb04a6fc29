"""The loop is bounded, stoppable and closed at every gap; a folder goes on where it was left,
whatever killed it.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from dataclasses import asdict

import pytest

from toolkit.harness import (
    Budget,
    Evaluator,
    Generator,
    Harness,
    Planner,
    Sandbox,
    TextFile,
    Workspace,
    demo_harness,
    run_demo,
)
from toolkit.harness.demo import (
    DEFECT,
    FIRST_VERSION,
    GOAL,
    evaluate_policy,
    generate_policy,
    plan_policy,
    question,
)
from toolkit.harness.demo.defects import count_defects
from toolkit.models import Answer, Ledger, ScriptedModel
from toolkit.sessions import MemoryLog, Session


def harness(
    folder, session, plan=plan_policy, generate=generate_policy, evaluate=evaluate_policy, **budget
):
    """The demo's roles in process; a policy may be replaced."""
    planner, generator, evaluator = (ScriptedModel(policy) for policy in (plan, generate, evaluate))
    roles = Planner(planner), Generator(generator), Evaluator(evaluator)
    sandbox = Sandbox.best(unsafe=True)
    return Harness(*roles, Workspace(folder), session, Budget(**budget), sandbox)


def instead(task, answer, policy):
    """`policy`, but for the questions of `task`."""
    return lambda request: answer if question(request)["task"] == task else policy(request)


def written(files, found="Nothing."):
    handoff = {"tried": "It.", "found": found, "decided": "So.", "next": "More."}
    return Answer(data={"files": [asdict(file) for file in files], "handoff": handoff})


def command(id, claim, argv, **more):
    """A criterion by a command, as a Generator proposes it."""
    return {"id": id, "claim": claim, "check": {"kind": "command", "argv": argv, **more}}


@pytest.fixture
def session():
    return Session(MemoryLog(), "build")


async def events_of(session, *kinds):
    return [event async for event in session.read(follow=False) if not kinds or event.kind in kinds]


async def test_the_demo_catches_the_planted_defect_in_one_round_and_mends_it_in_a_later_one(
    tmp_path, session
):
    told = await run_demo(tmp_path, session)
    assert (told["outcome"], told["rounds"], told["source"]) == ("complete", 2, "simulated")
    assert (told["defects_planted"], told["defects_caught"]) == (1, 1)
    assert (told["criteria"], told["passed"]) == (5, 5)
    assert (told["model_calls"], told["replayed_calls"]) == (8, 0)
    verdicts = [event.data for event in await events_of(session, "verdict")]
    assert {
        v["criterion"]: v["verdict"] for v in verdicts if v["round"] == 1 and v["verdict"] != "pass"
    } == {"quoted-commas": "fail"}
    assert "csv.reader" in (tmp_path / "build/report.py").read_text()
    expect_the_whole_story(await events_of(session), told)


def expect_the_whole_story(events, told):
    """The session shows each turn, and each verdict names the check that it is about."""
    by_id = {event.id: event for event in events}
    (frozen,) = [event for event in events if event.kind == "contract.frozen"]
    assert frozen.data["sha256"] == told["contract_hash"]
    for event in events:
        if event.kind == "verdict":
            check = by_id[event.data["check_event"]]
            assert (check.kind, check.data["criterion"]) == (
                "check.result",
                event.data["criterion"],
            )
            assert (check.data["round"], check.run) == (event.data["round"], event.run)
            assert check.seq < event.seq
    (loop, *turns) = [event.actor for event in events if event.kind == "run.started"]
    assert loop == "harness"
    assert turns == [
        "planner",
        "generator",
        "generator",
        "evaluator",
        "generator",
        "evaluator",
        "generator",
        "evaluator",
    ]
    assert [event.data["outcome"] for event in events if event.kind == "run.finished"] == [
        "complete"
    ] * 9


async def test_the_first_contract_is_sent_back_because_a_criterion_is_green_before_the_build(
    tmp_path, session
):
    asked = []
    spy = lambda request: asked.append(question(request)) or generate_policy(request)  # noqa: E731
    assert (await harness(tmp_path, session, generate=spy).run(GOAL)).outcome == "complete"
    second = next(
        question for question in asked if question["task"] == "propose" and question["number"] == 2
    )
    assert second["refused"][0]["objections"] == [
        "missing-file is not red before anything is built: the check shows it"
    ]


async def test_a_contract_that_stays_green_before_the_build_is_never_signed(tmp_path, session):
    free = Answer(data={"criteria": [command("free", "Nothing.", ["python", "-c", ""])]})
    outcome = await harness(tmp_path, session, generate=lambda _: free, evaluate=None).run(GOAL)
    assert (outcome.outcome, outcome.contract_hash, outcome.model_calls) == ("halted", None, 4)
    assert "no contract after 3 proposals: free is not red before anything is built" in outcome.why
    assert not (tmp_path / "contract.json").exists()


@pytest.mark.parametrize(
    "criteria", [[], "make it nice", [{"id": "vague", "claim": "It is nice."}]]
)
async def test_a_contract_without_checks_is_refused_and_nothing_is_put_in_its_place(
    tmp_path, session, criteria
):
    generate = instead("propose", Answer(data={"criteria": criteria}), generate_policy)
    outcome = await harness(tmp_path, session, generate=generate).run(GOAL)
    assert (outcome.outcome, outcome.contract_hash) == ("halted", None)
    assert "criteria" in outcome.why
    assert not await events_of(session, "contract.frozen")


async def test_an_evaluator_that_objects_keeps_the_contract_unsigned(tmp_path, session):
    evaluate = instead(
        "review", Answer(data={"agree": False, "objections": ["Too easy."]}), evaluate_policy
    )
    outcome = await harness(tmp_path, session, evaluate=evaluate).run(GOAL)
    assert outcome.outcome == "halted"
    assert "Too easy." in outcome.why
    assert not (tmp_path / "contract.json").exists()


async def test_an_evaluator_that_approves_of_everything_cannot_pass_a_red_check(tmp_path, session):
    def approve(request):
        asked = question(request)
        if asked["task"] == "review":
            return Answer(data={"agree": True, "objections": []})
        ids = [criterion["id"] for criterion in asked["contract"]["criteria"]]
        return Answer(
            data={
                "verdicts": [
                    {"criterion": id, "verdict": "pass", "why": "Well done."} for id in ids
                ]
            }
        )

    never_mend = instead("build", written([TextFile("report.py", FIRST_VERSION)]), generate_policy)
    outcome = await harness(tmp_path, session, generate=never_mend, evaluate=approve, rounds=2).run(
        GOAL
    )
    assert (outcome.outcome, outcome.rounds) == ("failed", 2)
    (red,) = [verdict for verdict in outcome.verdicts if verdict.verdict != "pass"]
    assert (red.criterion, red.check, red.evaluator) == ("quoted-commas", "fail", "pass")
    counted = count_defects(await events_of(session), [DEFECT])
    assert counted == {"defects_planted": 1, "defects_caught": 0}


NO_RESULT = {
    "refusal": Answer("I will not.", stopped="refusal"),
    "max_tokens": Answer('{"verdicts": [', stopped="max_tokens"),
    "truncated": Answer(data={"verdicts": []}, fault="close"),
    "cut": Answer(data={"verdicts": []}, fault="cut"),
    "error": Answer(status=500),
    "garbage": Answer("All of it passes. Well done!"),
    "wrong shape": Answer(
        data={"verdicts": [{"criterion": "totals", "verdict": "PASS", "why": ""}]}
    ),
    "another shape": Answer(data={"passed": True}),
}


@pytest.mark.parametrize("answer", NO_RESULT.values(), ids=NO_RESULT)
async def test_an_evaluator_without_a_result_passes_nothing_and_ends_the_build_with_a_reason(
    tmp_path, session, answer
):
    outcome = await harness(
        tmp_path, session, evaluate=instead("judge", answer, evaluate_policy)
    ).run(GOAL)
    assert (outcome.outcome, outcome.verdicts) == ("halted", ())
    assert outcome.why
    assert not await events_of(session, "verdict")
    assert (await events_of(session, "run.finished"))[-1].data["outcome"] == "error"


async def test_criteria_that_the_evaluator_leaves_out_are_unscored_and_never_pass(
    tmp_path, session
):
    silent = instead("judge", Answer(data={"verdicts": []}), evaluate_policy)
    outcome = await harness(tmp_path, session, evaluate=silent, rounds=1).run(GOAL)
    assert outcome.outcome == "failed"
    assert {verdict.verdict for verdict in outcome.verdicts if verdict.check == "pass"} == {
        "unscored"
    }


async def test_no_role_is_shown_what_another_says_of_its_own_work(tmp_path, session):
    asked = []
    spy = lambda request: asked.append(request) or evaluate_policy(request)  # noqa: E731
    note = "Trust me, all of it works."
    boast = instead("build", written([], note), generate_policy)
    await harness(tmp_path, session, generate=boast, evaluate=spy, rounds=2).run(GOAL)
    assert note in (tmp_path / "progress.md").read_text()
    assert len(asked) == 3
    assert not any(note in json.dumps(request.messages) for request in asked)


async def test_the_same_folder_again_makes_no_call_and_comes_to_the_same(tmp_path, session):
    ledger = Ledger()
    async with demo_harness(tmp_path, session, ledger) as first:
        one = await first.run(GOAL)
    assert one.cost_usd == pytest.approx(ledger.cost_usd, abs=1e-6)
    calls = len(ledger.attempts)
    async with demo_harness(tmp_path, Session(MemoryLog(), "again"), ledger) as again:
        two = await again.run(GOAL)
    assert len(ledger.attempts) == calls == one.model_calls == two.replayed_calls
    assert two.model_calls == one.replayed_calls == 0
    assert (two.outcome, two.contract_hash, two.verdicts, two.cost_usd) == (
        one.outcome,
        one.contract_hash,
        one.verdicts,
        one.cost_usd,
    )


CHILD = """
import asyncio, os, signal, sys
from toolkit.harness import Evaluator, Generator, Harness, Planner, Workspace
from toolkit.harness.demo import GOAL, evaluate_policy, generate_policy, plan_policy
from toolkit.models import ScriptedModel
from toolkit.sessions import MemoryLog, Session

folder, calls, kind, nth = sys.argv[1:]

class Deadly(MemoryLog):
    left = int(nth)
    async def append(self, event, fence=None):
        self.left -= event.kind == kind
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().append(event, fence)

def counted(policy):
    def ask(request):
        with open(calls, "a") as file:
            file.write(repr(request.messages) + "\\n")
        return policy(request)
    return ScriptedModel(ask)

async def main():
    session = Session(Deadly(folder + ".log"), "build")
    roles = Planner(counted(plan_policy)), Generator(counted(generate_policy)), Evaluator(counted(evaluate_policy))
    print((await Harness(*roles, Workspace(folder), session).run(GOAL)).outcome)

asyncio.run(main())
"""


CHILD_S = 250  # a build of five seconds of work takes a minute on a machine with ten times its load


async def run_child(*arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), CHILD_S)
    return process.returncode, out.decode().strip()


@pytest.mark.timeout(2 * CHILD_S)
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize(("kind", "nth"), [("check.result", 3), ("tool.call", 2), ("verdict", 3)])
async def test_a_build_killed_in_the_middle_goes_on_without_making_a_call_twice(
    tmp_path, kind, nth
):
    calls = tmp_path / "calls"
    code, _ = await run_child(tmp_path / "work", calls, kind, nth)
    assert code == -signal.SIGKILL
    before = len(calls.read_text().splitlines())
    assert 1 <= before < 9
    code, said = await run_child(tmp_path / "work", calls, "never", 1)
    assert (code, said) == (0, "complete")
    assert set(Counter(calls.read_text().splitlines()).values()) == {1}
    assert len(calls.read_text().splitlines()) == 8


async def test_no_money_means_no_call(tmp_path, session):
    outcome = await harness(tmp_path, session, cost_usd=0.0).run(GOAL)
    assert (outcome.outcome, outcome.model_calls) == ("budget", 0)
    assert "planner" in outcome.why


async def test_a_budget_that_runs_out_is_not_refilled_by_starting_again_but_by_raising_it(
    tmp_path, session
):
    whole = await harness(tmp_path / "whole", session).run(GOAL)
    short = whole.cost_usd + 0.005
    first = await harness(tmp_path / "work", session, cost_usd=short).run(GOAL)
    assert first.outcome == "budget"
    assert first.cost_usd < short
    second = await harness(tmp_path / "work", session, cost_usd=short).run(GOAL)
    assert (second.outcome, second.model_calls, second.cost_usd) == ("budget", 0, first.cost_usd)
    third = await harness(tmp_path / "work", session).run(GOAL)
    assert (third.outcome, third.replayed_calls) == ("complete", first.model_calls)
    assert third.cost_usd == pytest.approx(whole.cost_usd)


async def test_a_ledger_with_a_cap_stops_the_build_too(tmp_path, session):
    async with demo_harness(tmp_path, session, Ledger(cap_usd=0.0)) as made:
        outcome = await made.run(GOAL)
    assert (outcome.outcome, outcome.cost_usd) == ("budget", 0.0)


async def test_a_model_that_never_answers_is_left_when_the_seconds_are_used_up(tmp_path, session):
    outcome = await harness(
        tmp_path, session, plan=lambda _: Answer("...", fault="hang"), seconds=0.5
    ).run(GOAL)
    assert (outcome.outcome, outcome.rounds) == ("budget", 0)
    assert (await events_of(session, "run.finished"))[-1].data["outcome"] == "cancelled"


@pytest.mark.parametrize("addressed", [True, False])
async def test_a_cancel_on_the_session_breaks_off_the_call_in_progress(
    tmp_path, session, addressed
):
    hang = instead("build", Answer("...", fault="hang"), generate_policy)
    running = asyncio.create_task(harness(tmp_path, session, generate=hang).run(GOAL))
    async with asyncio.timeout(60):
        frozen = False
        async for event in session.read():
            frozen = frozen or event.kind == "contract.frozen"
            if frozen and event.kind == "run.started":
                break
        await session.cancel(event.run if addressed else None)
        outcome = await running
    assert (outcome.outcome, outcome.rounds) == ("cancelled", 0)
    assert (await events_of(session, "run.finished"))[-1].data["outcome"] == "cancelled"


async def test_a_cancel_breaks_off_a_check_in_progress(tmp_path, session):
    hang = ["python", "-c", "import time; time.sleep(600)"]
    sleepy = command("slow", "Slow.", hang, timeout_s=60)
    generate = instead("propose", Answer(data={"criteria": [sleepy]}), generate_policy)
    running = asyncio.create_task(harness(tmp_path, session, generate=generate).run(GOAL))
    async with asyncio.timeout(30):
        async for event in session.read():
            if event.actor == "generator":
                break
        await session.cancel()
        assert (await running).outcome == "cancelled"


async def test_a_cancel_from_before_the_build_or_for_another_run_does_not_stop_it(
    tmp_path, session
):
    await session.cancel()
    await session.cancel("another-run")
    stray_cancels = []

    def plan_beside_a_stray_cancel(request):
        stray_cancels.append(asyncio.create_task(session.cancel("another-run")))
        return plan_policy(request)

    planned = harness(tmp_path, session, plan=plan_beside_a_stray_cancel)
    assert (await planned.run(GOAL)).outcome == "complete"
    assert stray_cancels


async def test_a_build_whose_caller_is_cancelled_ends_its_run_and_lets_the_folder_go(
    tmp_path, session
):
    asked = asyncio.Event()
    hang = lambda request: asked.set() or Answer("...", fault="hang")  # noqa: E731
    running = asyncio.create_task(harness(tmp_path, session, generate=hang).run(GOAL))
    await asyncio.wait_for(asked.wait(), 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await events_of(session, "run.finished"))[-1].data["outcome"] == "cancelled"
    assert (await harness(tmp_path, session).run(GOAL)).outcome == "complete"


@pytest.mark.parametrize("path", ["../contract.json", "/tmp/x", "../../x", "a/../../x"])
async def test_a_path_outside_the_folder_is_not_written_and_is_a_finding_that_can_be_mended(
    tmp_path, session, path
):
    def generate(request):
        asked = question(request)
        if asked["task"] == "build" and not (
            asked["findings"] and repr(path) in asked["findings"]["refused"]
        ):
            return written([TextFile("report.py", FIRST_VERSION), TextFile(path, "{}")])
        return generate_policy(request)

    outcome = await harness(tmp_path / "work", session, generate=generate).run(GOAL)
    assert (outcome.outcome, outcome.rounds) == ("complete", 2)
    told = [event.data for event in await events_of(session, "tool.result") if event.data["error"]]
    assert len(told) == 2
    assert repr(path) in told[0]["content"]
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "work/x").exists()


async def test_a_contract_changed_between_two_rounds_ends_the_build(tmp_path, session):
    def tamper(request):
        if (question(request)["task"], question(request)["number"]) == ("build", 2):
            place = tmp_path / "contract.json"
            data = json.loads(place.read_text())
            place.write_text(
                json.dumps(data | {"criteria": data["criteria"][:1] + data["criteria"][2:]})
            )
        return generate_policy(request)

    outcome = await harness(tmp_path, session, generate=tamper).run(GOAL)
    assert (outcome.outcome, outcome.rounds) == ("halted", 1)
    assert "differs from what both signed" in outcome.why


async def test_another_goal_needs_another_folder(tmp_path, session):
    assert (await harness(tmp_path, session).run(GOAL)).outcome == "complete"
    outcome = await harness(tmp_path, session).run("Something else.")
    assert (outcome.outcome, outcome.model_calls, outcome.replayed_calls) == ("halted", 0, 0)
    assert (tmp_path / "goal.md").read_text() == GOAL
    assert "a new goal needs a new folder" in outcome.why


async def test_a_journal_that_was_damaged_is_named_and_no_call_is_made(tmp_path, session):
    (tmp_path / "journal.jsonl").write_text("not json\n")
    outcome = await harness(tmp_path, session).run(GOAL)
    assert (outcome.outcome, outcome.model_calls) == ("halted", 0)
    assert "journal.jsonl:1" in outcome.why


async def test_turns_that_are_played_back_are_not_called_live(tmp_path):
    async def sources(name, rounds):
        session = Session(MemoryLog(), name)
        made = harness(tmp_path, session, rounds=rounds)
        for role in made.crew.roles:
            role.model.source = "live"  # as ClaudeModel says it of the real API
        said = (await made.run(GOAL)).sources
        return [event.data["source"] for event in await events_of(session, "run.started")], said

    first = await sources("first", 1)
    assert first == (["live"] * 7, ("live",))
    assert await sources("goes-on", 4) == (["tape"] * 7 + ["live"] * 2, ("live", "tape"))
    assert await sources("again", 4) == (["tape"] * 9, ("tape",))


async def test_a_check_that_prints_something_else_each_time_is_a_new_question(tmp_path):
    criteria = [command("late", "It tells the time.", ["python", "a.py"], stdout=["it is"])]
    clock = 'import time\nprint("it is", time.time_ns())\n'
    propose = instead("propose", Answer(data={"criteria": criteria}), generate_policy)
    generate = instead("build", written([TextFile("a.py", clock)]), propose)
    evaluate = instead("review", Answer(data={"agree": True, "objections": []}), evaluate_policy)
    for calls in (5, 1):
        session = Session(MemoryLog(), f"calls-{calls}")
        outcome = await harness(tmp_path, session, generate=generate, evaluate=evaluate).run(GOAL)
        assert (outcome.outcome, outcome.model_calls) == ("complete", calls)


@pytest.mark.parametrize("broken", ["no money", "bad journal", "another goal"])
async def test_a_second_run_that_cannot_make_the_build_again_leaves_the_first_one(
    tmp_path, session, broken
):
    assert (await harness(tmp_path, session).run(GOAL)).outcome == "complete"
    built = (tmp_path / "build/report.py").read_text()
    notes = (tmp_path / "progress.md").read_text()
    if broken == "bad journal":
        with (tmp_path / "journal.jsonl").open("a") as file:
            file.write("not json\n")
    again = harness(tmp_path, session, cost_usd=0.0 if broken == "no money" else 1.0)
    outcome = await again.run("Something else." if broken == "another goal" else GOAL)
    assert outcome.outcome in ("budget", "halted")
    assert (tmp_path / "build/report.py").read_text() == built
    assert (tmp_path / "progress.md").read_text() == notes


async def test_an_attempt_that_does_not_pass_leaves_the_build_as_it_was(tmp_path, session):
    (tmp_path / "build").mkdir()
    (tmp_path / "build/report.py").write_text("mine")
    outcome = await harness(tmp_path, session, rounds=1).run(GOAL)
    assert outcome.outcome == "failed"
    assert (tmp_path / "build/report.py").read_text() == "mine"
    assert (tmp_path / "attempt/report.py").read_text() == FIRST_VERSION


async def test_a_build_that_was_edited_by_hand_is_kept_and_the_outcome_says_where(
    tmp_path, session
):
    await harness(tmp_path, session).run(GOAL)
    (tmp_path / "build/report.py").write_text("mine")
    outcome = await harness(tmp_path, session).run(GOAL)
    assert outcome.outcome == "complete"
    assert outcome.why.endswith("what was changed by hand is kept: build in edits/1")
    assert (tmp_path / "edits/1/build/report.py").read_text() == "mine"
    assert "csv.reader" in (tmp_path / "build/report.py").read_text()
