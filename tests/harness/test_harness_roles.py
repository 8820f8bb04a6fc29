"""Roles are a list: one can be added without an edit inside, and it can fail a round, never pass
one.
"""

import inspect
import json

import pytest

from tests.harness.builds import GOAL, Notes, question, reads, runs, writes
from toolkit.errors import UsageError
from toolkit.harness import Evaluator, Harness, Planner, Role, Task, Workspace
from toolkit.harness import Notes as RoleNotes
from toolkit.models import Answer, ScriptedModel
from toolkit.sessions import MemoryLog, Session


@pytest.fixture
def session():
    return Session(MemoryLog(), "build")


def findings(folder, number):
    return json.loads((folder / f"findings/round-{number}.json").read_text())


def a_tester(model):
    class Cases(RoleNotes):
        tried: tuple[str, ...] = ()

    return Role(
        "tester",
        model,
        prompt="You test what was built. Say what you tried, and object to what breaks.",
        sees={"contract": "{sprint}contract.json", "files": "build/*"},
        answers=Cases,
        step="after_build",
    )


async def test_an_outsiders_fourth_role_takes_fewer_than_15_lines_and_its_objection_fails_a_round(
    tmp_path, session
):
    assert len(inspect.getsource(a_tester).splitlines()) < 15
    asked = []

    def test(request):
        asked.append(question(request))
        empty = "It is short." if question(request)["number"] == 1 else ""
        objections = [empty] if empty else []
        return Answer(data={"files": [], "objections": objections, "tried": ["reading it"]})

    notes = Notes()
    tester = a_tester(ScriptedModel(test))
    outcome = await notes.harness(tmp_path, session, roles=[tester]).run(GOAL)
    assert (outcome.outcome, outcome.rounds) == ("complete", 2)
    assert [verdict.verdict for verdict in outcome.verdicts] == ["pass"]
    assert findings(tmp_path, 1)["objections"] == {"tester": ["It is short."]}
    second = next(
        q for q in map(question, notes.asked) if q["task"] == "build" and q["number"] == 2
    )
    assert second["findings"]["objections"] == {"tester": ["It is short."]}
    assert asked[0]["files"] == {"notes.txt": "notes is here"}
    kept = json.loads((tmp_path / "notes/tester-after_build-1.json").read_text())
    assert kept["tried"] == ["reading it"]
    assert [total.role for total in outcome.ledger] == [
        "planner",
        "generator",
        "evaluator",
        "tester",
    ]


@pytest.mark.parametrize("step", ["before_build", "after_build", "judge"])
async def test_a_role_that_praises_everything_passes_no_round(tmp_path, session, step):
    praise = Answer(data={"files": [], "objections": []})
    role = Role("fan", ScriptedModel(lambda _: praise), "Praise it.", step=step)
    notes = Notes(right_from=9)
    made = notes.harness(tmp_path, session, roles=[role], budget={"rounds": 2})
    outcome = await made.run(GOAL)
    assert (outcome.outcome, outcome.rounds) == ("failed", 2)


async def test_a_role_that_objects_to_the_plan_halts_before_there_is_a_contract(tmp_path, session):
    no = Answer(data={"objections": ["It is against the law."]})
    role = Role("counsel", ScriptedModel(lambda _: no), "Object.", {"spec": "spec.md"}, step="plan")
    outcome = await Notes().harness(tmp_path, session, roles=[role]).run(GOAL)
    assert outcome.outcome == "halted"
    assert "the counsel objects to the plan: It is against the law." in outcome.why
    assert outcome.contract_hash is None


@pytest.mark.parametrize(
    ("tools", "kept"),
    [((), "notes/designer-before_build-1/look.md"), (("write",), "build/look.md")],
)
async def test_the_files_of_a_role_go_into_the_build_only_where_it_may_write(
    tmp_path, session, tools, kept
):
    look = Answer(data={"files": [{"path": "look.md", "content": "Blue."}]})
    role = Role(
        "designer", ScriptedModel(lambda _: look), "Draw.", step="before_build", tools=tools
    )
    assert (await Notes().harness(tmp_path, session, roles=[role]).run(GOAL)).outcome == "complete"
    assert (tmp_path / kept).read_text() == "Blue."
    assert (tmp_path / "build/look.md").exists() == ("write" in tools)


async def test_a_role_that_writes_outside_its_folder_fails_the_round_and_writes_nothing(
    tmp_path, session
):
    out = Answer(data={"files": [{"path": "../../contract.json", "content": "{}"}]})
    role = Role("designer", ScriptedModel(lambda _: out), "Draw.", step="before_build")
    made = Notes().harness(tmp_path, session, roles=[role], budget={"rounds": 1})
    outcome = await made.run(GOAL)
    assert outcome.outcome == "failed"
    (why,) = findings(tmp_path, 1)["objections"]["designer"]
    assert "is refused" in why


async def test_a_role_without_a_result_ends_the_build_like_any_other(tmp_path, session):
    role = Role("tester", ScriptedModel(lambda _: Answer("All fine!")), "Test.")
    outcome = await Notes().harness(tmp_path, session, roles=[role]).run(GOAL)
    assert outcome.outcome == "halted"
    assert "the tester gave no result" in outcome.why


def test_who_judges_has_no_tool_that_writes():
    assert "write" not in Evaluator(None).tools
    for step in ("review", "judge"):
        with pytest.raises(UsageError, match="who judges does not write"):
            Role("friend", None, "Judge.", step=step, tools=("write",))
    with pytest.raises(UsageError, match="who judges does not write"):
        Role("friend", None, "x", tools=("write",), also={"judge": Task({}, RoleNotes)})


@pytest.mark.parametrize(
    ("roles", "named"),
    [
        ([], "0 roles answer a Plan at plan"),
        ([Planner(None)], "0 roles answer a Proposal at propose"),
        ([Planner(None), Planner(None)], "two roles have one name: planner, planner"),
    ],
)
def test_a_crew_that_lacks_a_role_is_refused_with_what_to_pass(tmp_path, session, roles, named):
    with pytest.raises(UsageError, match=named):
        Harness(roles=roles, workspace=Workspace(tmp_path), session=session)


@pytest.mark.parametrize("name", ["", "../x", "Tester", "a b", "x" * 41])
def test_a_role_has_a_name_that_files_and_logs_can_hold(name):
    with pytest.raises(UsageError, match="a name is 1 to 40"):
        Role(name, None, "x")


def test_a_prompt_may_stand_in_a_file(tmp_path):
    path = tmp_path / "tester.md"
    path.write_text("Test it.\n")
    assert Role("tester", None, path).request("after_build", ()).system == "Test it.\n"


async def test_the_evaluator_is_asked_without_a_word_of_the_generators_and_without_tools(
    tmp_path, session
):
    canary = "CANARY-7d1f"

    class Boastful(Notes):
        def generate(self, request):
            if question(request)["task"] == "propose":
                return Answer(data={"criteria": [reads("notes")]})
            files = {"notes.txt": "notes is here" if question(request)["number"] > 1 else ""}
            return writes(files, **dict.fromkeys(("tried", "found", "decided", "next"), canary))

    notes = Boastful()
    assert (await notes.harness(tmp_path, session).run(GOAL)).rounds == 2
    assert canary in (tmp_path / "progress.md").read_text()
    assert len(notes.of_role("evaluator")) == 3
    for request in notes.of_role("evaluator"):
        assert canary not in json.dumps(request.messages)
        assert request.tools == ()
    assert canary in json.dumps(notes.of_role("generator")[-1].messages)


async def test_the_generator_never_sees_what_is_held_out_though_it_decides(tmp_path, session):
    canary = "CANARY-9b2e"

    class Strict(Notes):
        def evaluate(self, request):
            if question(request)["task"] == "review":
                secret = runs("secret", "cat", "secret.txt", stdout=[canary])
                return Answer(data={"agree": True, "objections": [], "held_out": [secret]})
            return super().evaluate(request)

    notes = Strict()
    outcome = await notes.harness(tmp_path, session, budget={"rounds": 3}).run(GOAL)
    assert outcome.outcome == "failed"
    assert canary in (tmp_path / "contract.json").read_text()
    assert {verdict.criterion: verdict.verdict for verdict in outcome.verdicts} == {
        "notes": "pass",
        "secret": "fail",
    }
    for request in notes.of_role("generator"):
        assert canary not in json.dumps(request.messages)
    last = question(notes.of_role("generator")[-1])
    assert {"criterion": "secret", "verdict": "fail"} in last["findings"]["verdicts"]
    assert any(canary in json.dumps(request.messages) for request in notes.of_role("evaluator"))


async def test_a_held_out_criterion_that_shows_nothing_halts_and_is_told_to_no_generator(
    tmp_path, session
):
    class Lazy(Notes):
        def evaluate(self, request):
            free = runs("free", "true")
            return Answer(data={"agree": True, "objections": [], "held_out": [free]})

    notes = Lazy()
    outcome = await notes.harness(tmp_path, session).run(GOAL)
    assert outcome.outcome == "halted"
    assert "a criterion that is held out cannot be used: free is not red" in outcome.why
    assert len(notes.of_role("generator")) == 1
