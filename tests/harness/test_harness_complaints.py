"""What users of other harnesses complain of, each held against our loop: the issues are named where
they were read.
"""

import itertools
import json
from dataclasses import replace

import pytest

from tests.harness.builds import GOAL, Notes, question, right, runs, writes
from toolkit.harness import Budget
from toolkit.models import Answer, Usage
from toolkit.sessions import MemoryLog, Session


@pytest.fixture
def session():
    return Session(MemoryLog(), "build")


def verdicts_of(outcome):
    return {verdict.criterion: verdict.verdict for verdict in outcome.verdicts}


def assess(request, **words):
    """An Evaluator that agrees to every contract, and says `words` of each criterion."""
    asked = question(request)
    if asked["task"] == "review":
        return Answer(data={"agree": True, "objections": []})
    ids = [criterion["id"] for criterion in asked["contract"]["criteria"]]
    return Answer(data={"verdicts": [{"criterion": id, **words} for id in ids]})


@pytest.mark.parametrize(
    "text",
    [
        "<promise>DONE</promise>",
        "All criteria pass.\n\nCOMPLETE",
        '{"verdicts": [{"criterion": "notes", "verdict": "pass", "why": "ok"}]} <done/>',
    ],
)
async def test_no_tag_in_free_text_ends_a_build_well_and_none_has_to_be_found(
    tmp_path, session, text
):
    """claude-code#81827: ended without its tag. claude-plugins-official#3632: the tag not seen."""

    class Tagging(Notes):
        def evaluate(self, request):
            if question(request)["task"] == "judge":
                return Answer(text)
            return super().evaluate(request)

    outcome = await Tagging().harness(tmp_path, session).run(GOAL)
    assert (outcome.outcome, outcome.verdicts) == ("halted", ())
    assert not any((tmp_path / "build").iterdir())


async def test_done_without_any_work_does_not_pass(tmp_path, session):
    """oh-my-openagent#1921: DONE with zero work."""

    class Idle(Notes):
        def generate(self, request):
            if question(request)["task"] == "build":
                return writes({}, decided="DONE. Everything works.")
            return super().generate(request)

        def evaluate(self, request):
            return assess(request, verdict="pass", why="It is done.")

    outcome = await Idle().harness(tmp_path, session, budget={"rounds": 2}).run(GOAL)
    assert (outcome.outcome, verdicts_of(outcome)) == ("failed", {"notes": "fail"})


async def test_the_limit_of_rounds_holds_whatever_the_roles_say_of_it(tmp_path, session):
    """claude-code#18646: iteration 484 with a maximum of 3."""

    class Eager(Notes):
        def plan(self, request):
            return Answer(data={"spec": "There is no limit: go on for 484 rounds.", "features": []})

    notes = Eager(right_from=484)
    outcome = await notes.harness(tmp_path, session, budget={"rounds": 3}).run(GOAL)
    assert (outcome.outcome, outcome.managed) == ("failed", "max_iterations_reached")
    builds = [asked for asked in map(question, notes.asked) if asked["task"] == "build"]
    assert [asked["number"] for asked in builds] == [1, 2, 3]


@pytest.mark.parametrize("verdict", ["deferred", "skipped", "pass (deferred to phase 2)"])
async def test_a_criterion_that_is_deferred_does_not_pass(tmp_path, session, verdict):
    """GSD #538, #1418: criteria silently deferred."""

    class Deferring(Notes):
        def evaluate(self, request):
            return assess(request, verdict=verdict, why="Later.")

    outcome = await Deferring().harness(tmp_path, session, budget={"rounds": 1}).run(GOAL)
    assert outcome.outcome in ("halted", "failed")
    assert "pass" not in verdicts_of(outcome).values()


async def test_a_criterion_is_not_dropped_from_a_contract_once_it_is_signed(tmp_path, session):
    """GSD #538, #1418, from the Generator's side."""

    class Dropping(Notes):
        def generate(self, request):
            asked = question(request)
            if asked["task"] == "propose":
                hard = runs("hard", "cat", "hard.txt")
                return Answer(data={"criteria": [runs("notes", "cat", "notes.txt"), hard]})
            path = tmp_path / "contract.json"
            contract = json.loads(path.read_text())
            path.write_text(json.dumps(contract | {"criteria": contract["criteria"][:1]}))
            return writes(right("notes"))

    outcome = await Dropping().harness(tmp_path, session).run(GOAL)
    assert outcome.outcome == "halted"
    assert "differs from what both signed" in outcome.why


async def test_the_evaluator_cannot_believe_a_narration_that_it_is_never_shown(tmp_path, session):
    """GSD #3321: the verifier believes the executor's narration."""
    story = "I ran all tests, and every one of them is green."

    class Narrating(Notes):
        def generate(self, request):
            if question(request)["task"] == "build":
                return writes({"notes.txt": "nothing"}, tried=story, found=story)
            return super().generate(request)

    notes = Narrating()
    outcome = await notes.harness(tmp_path, session, budget={"rounds": 1}).run(GOAL)
    assert verdicts_of(outcome) == {"notes": "fail"}
    assert story in (tmp_path / "progress.md").read_text()
    assert not any(story in str(request.messages) for request in notes.of_role("evaluator"))


async def test_a_sprint_is_judged_by_its_own_contract_and_not_by_what_later_ones_will_do(
    tmp_path, session
):
    """GSD #1624: gaps are reported that belong to later phases."""
    notes = Notes(["alpha", "beta"])
    outcome = await notes.harness(tmp_path, session).run(GOAL)
    assert outcome.outcome == "complete"
    judged = [asked for asked in map(question, notes.asked) if asked["task"] == "judge"]
    in_question = [[check["criterion"] for check in asked["checks"]] for asked in judged]
    assert in_question == [["alpha"], ["beta"]]
    assert "beta" not in json.dumps(judged[0])


@pytest.mark.parametrize("content", ["all is well", "TODO: all of it"])
async def test_a_search_for_what_must_be_absent_passes_by_its_own_exit_code(
    tmp_path, session, content
):
    """gsd-2#6106: grep for absence exits with 1, and is read as a failure."""

    class Searching(Notes):
        def generate(self, request):
            if question(request)["task"] == "propose":
                clean = runs("clean", "grep", "TODO", "notes.txt", exit_code=1)
                return Answer(data={"criteria": [clean]})
            return writes({"notes.txt": content})

    outcome = await Searching().harness(tmp_path, session, budget={"rounds": 1}).run(GOAL)
    expected = "fail" if "TODO" in content else "pass"
    assert verdicts_of(outcome) == {"clean": expected}
    assert outcome.outcome == ("failed" if expected == "fail" else "complete")


async def test_what_a_person_would_have_to_look_at_is_not_complete(tmp_path, session):
    """gsd-core#1107: `human_needed` is shown as complete."""

    class Unsure(Notes):
        def evaluate(self, request):
            return assess(request, verdict="unscored", why="A person has to look at this.")

    outcome = await Unsure().harness(tmp_path, session, budget={"rounds": 1}).run(GOAL)
    assert verdicts_of(outcome) == {"notes": "unscored"}
    assert (outcome.outcome, outcome.verdicts[0].check) == ("failed", "pass")


async def test_no_model_marks_its_own_goal_as_reached(tmp_path, session):
    """codegraff#220, codex#46850: the model asserts its own goal complete."""

    class Proud(Notes):
        def plan(self, request):
            features = [{"id": "alpha", "what": "A file.", "passes": True}]
            return Answer(data={"spec": "Done already.", "features": features})

    outcome = await Proud().harness(tmp_path / "plan", session).run(GOAL)
    assert outcome.outcome == "halted"  # the plan's shape has no `passes`

    class Writing(Notes):
        def generate(self, request):
            if question(request)["task"] == "build":
                reached = '[{"id": "alpha", "what": "A file alpha.txt.", "passes": true}]'
                return writes({"features.json": reached, "contract.json": "{}"})
            return super().generate(request)

    folder = tmp_path / "build"
    made = Writing(["alpha"]).harness(folder, session, budget={"rounds": 1})
    outcome = await made.run(GOAL)
    assert (outcome.outcome, outcome.features) == ("failed", ())
    assert json.loads((folder / "features.json").read_text())[0]["passes"] is False


async def test_a_build_has_a_budget_without_being_given_one_and_a_new_run_gets_no_new_money(
    tmp_path, session
):
    """OpenHands#2067, #7639, software-agent-sdk#1337, claude-code#66048: runaway cost."""

    class Dear(Notes):
        def generate(self, request):
            return replace(super().generate(request), usage=Usage(1000, 8000))

    limits = {"rounds": 1000, "cost_usd": 0.025}
    notes = Dear(right_from=10**6)
    first = await notes.harness(tmp_path, session, budget=limits).run(GOAL)
    assert first.outcome == "budget"
    assert 0 < first.cost_usd <= limits["cost_usd"] < Budget().cost_usd
    calls = len(notes.asked)
    again = await notes.harness(tmp_path, session, budget=limits).run(GOAL)
    assert (again.outcome, again.ledger) == ("budget", first.ledger)
    assert len(notes.asked) == calls


@pytest.mark.parametrize(("claims", "works"), list(itertools.product([True, False], repeat=2)))
async def test_a_claim_of_success_changes_no_outcome(tmp_path, session, claims, works):
    """Kolega#419: 77% of the trials that fail end with a claim of success."""

    class Claiming(Notes):
        def generate(self, request):
            if question(request)["task"] == "build":
                files = right("notes") if works else {"notes.txt": ""}
                return writes(files, found="All green. Success!" if claims else "It is broken.")
            return super().generate(request)

    outcome = await Claiming().harness(tmp_path, session, budget={"rounds": 1}).run(GOAL)
    assert outcome.outcome == ("complete" if works else "failed")
