"""One feature a sprint; what was promised before goes on holding; only a verdict says that a
feature passes.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.builds import GOAL, Notes, question, reads, right, runs, writes
from toolkit.harness import Sandbox
from toolkit.harness.sprints import refine_or_pivot
from toolkit.models import Answer
from toolkit.sessions import MemoryLog, Session


@pytest.fixture
def session():
    return Session(MemoryLog(), "build")


def features(folder):
    return json.loads((folder / "features.json").read_text())


def texts(folder):
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


async def events_of(session, kind):
    return [event.data async for event in session.read(follow=False) if event.kind == kind]


async def test_each_feature_is_built_in_a_sprint_with_a_contract_of_its_own(tmp_path, session):
    notes = Notes(["alpha", "beta"])
    outcome = await notes.harness(tmp_path, session).run(GOAL)
    assert (outcome.outcome, outcome.why) == ("complete", "all 2 features pass")
    assert (outcome.rounds, outcome.features) == (2, ("alpha", "beta"))
    assert features(tmp_path) == [
        {"id": "alpha", "what": "A file alpha.txt.", "passes": True},
        {"id": "beta", "what": "A file beta.txt.", "passes": True},
    ]
    assert texts(tmp_path / "build") == right("alpha") | right("beta")
    contracts = []
    for number in (1, 2):
        contract = json.loads((tmp_path / f"sprints/{number}/contract.json").read_text())
        contracts.append([criterion["id"] for criterion in contract["criteria"]])
    assert contracts == [["alpha"], ["beta"]]
    started = await events_of(session, "sprint.started")
    assert [sprint["feature"] for sprint in started] == ["alpha", "beta"]
    progress = (tmp_path / "progress.md").read_text()
    assert "## Sprint 1 (alpha), round 1" in progress
    assert "- decided: Plain text." in progress
    assert json.loads((tmp_path / "handoff.json").read_text())["next"] == "More."


async def test_a_sprint_that_breaks_what_an_earlier_one_promised_does_not_pass(tmp_path, session):
    class Careless(Notes):
        def generate(self, request):
            asked = question(request)
            if asked["task"] == "build" and asked["feature"]["id"] == "beta":
                broken = {} if asked["findings"] else {"alpha.txt": "gone"}
                mended = right("alpha") if asked["findings"] else {}
                return writes(right("beta") | broken | mended)
            return super().generate(request)

    notes = Careless(["alpha", "beta"])
    outcome = await notes.harness(tmp_path, session).run(GOAL)
    assert (outcome.outcome, outcome.rounds) == ("complete", 3)
    findings = json.loads((tmp_path / "sprints/2/findings/round-1.json").read_text())
    assert [verdict["verdict"] for verdict in findings["verdicts"]] == ["pass"]
    assert [broken["criterion"] for broken in findings["regressions"]] == ["alpha"]
    assert texts(tmp_path / "build") == right("alpha") | right("beta")


async def test_what_passed_is_taken_over_though_a_later_sprint_fails(tmp_path, session):
    class Stuck(Notes):
        def generate(self, request):
            asked = question(request)
            if asked["task"] == "build" and asked["feature"]["id"] == "beta":
                return writes({"beta.txt": "never"})
            return super().generate(request)

    outcome = await Stuck(["alpha", "beta"]).harness(tmp_path, session).run(GOAL)
    assert (outcome.outcome, outcome.features) == ("failed", ("alpha",))
    assert [feature["passes"] for feature in features(tmp_path)] == [True, False]
    assert texts(tmp_path / "build") == right("alpha")


@pytest.mark.parametrize(
    "change",
    [
        lambda listed: listed[1].update(passes=True),
        lambda listed: listed[0].update(what="Something easier."),
        lambda listed: listed.pop(),
        lambda listed: listed.append({"id": "more", "what": "More.", "passes": False}),
    ],
)
async def test_a_feature_list_that_was_changed_in_mid_run_halts_the_build(
    tmp_path, session, change
):
    class Tampering(Notes):
        def generate(self, request):
            if question(request)["task"] == "propose":
                listed = features(tmp_path)
                change(listed)
                (tmp_path / "features.json").write_text(json.dumps(listed))
            return super().generate(request)

    outcome = await Tampering(["alpha", "beta"]).harness(tmp_path, session).run(GOAL)
    assert (outcome.outcome, outcome.features) == ("halted", ())
    assert "features.json was changed by hand" in outcome.why


async def test_a_feature_list_that_was_changed_between_two_runs_halts_the_second(tmp_path, session):
    first = Notes(["alpha"], right_from=9)
    assert (await first.harness(tmp_path, session).run(GOAL)).outcome == "failed"
    path = tmp_path / "features.json"
    path.write_text(path.read_text().replace("false", "true"))
    outcome = await Notes(["alpha"], right_from=9).harness(tmp_path, session).run(GOAL)
    assert outcome.outcome == "halted"
    assert "features.json was changed by hand" in outcome.why
    assert "true" in path.read_text()


@pytest.mark.parametrize(
    ("names", "named"),
    [(["a", "a"], "two have one id"), (["A b"], "'A b' is no id"), (["x"] * 101, "at most 100")],
)
async def test_features_that_cannot_be_told_apart_halt_before_a_contract(
    tmp_path, session, names, named
):
    outcome = await Notes(names).harness(tmp_path, session).run(GOAL)
    assert outcome.outcome == "halted"
    assert named in outcome.why
    assert not (tmp_path / "features.json").exists()


@given(st.lists(st.frozensets(st.sampled_from("abc"), min_size=1), max_size=6))
def test_the_way_is_changed_exactly_when_the_same_was_open_twice_running(open_so_far):
    expected = "pivot" if len(open_so_far) > 1 and open_so_far[-1] == open_so_far[-2] else "refine"
    assert refine_or_pivot(open_so_far) == expected


async def test_the_generator_is_told_to_pivot_and_begins_again_from_the_sprints_start(
    tmp_path, session
):
    (tmp_path / "build").mkdir()
    (tmp_path / "build/mine.txt").write_text("mine")

    class Late(Notes):
        def generate(self, request):
            if question(request)["task"] == "propose":
                return Answer(data={"criteria": [reads("notes")]})
            number = question(request)["number"]
            wrong = {f"try{number}.txt": "", "notes.txt": ""}
            return writes(right("notes") if number == 4 else wrong)

    notes = Late()
    outcome = await notes.harness(tmp_path, session).run(GOAL)
    assert (outcome.outcome, outcome.rounds) == ("complete", 4)
    builds = [question(request) for request in notes.of_role("generator")[1:]]
    told = [asked["findings"] and asked["findings"]["approach"] for asked in builds]
    assert told == [None, "refine", "pivot", "refine"]
    shown = [sorted(asked["files"]) for asked in builds]
    assert shown == [
        ["mine.txt"],
        ["mine.txt", "notes.txt", "try1.txt"],
        ["mine.txt"],
        ["mine.txt", "notes.txt", "try3.txt"],
    ]


async def test_a_build_that_changes_nothing_does_not_pass_though_a_check_turns_green(
    tmp_path, session
):
    outside = tmp_path / "outside"
    outside.mkdir()

    class Idle(Notes):
        def generate(self, request):
            if question(request)["task"] == "propose":
                flag = runs("flag", "test", "-e", str(outside / "flag"))
                return Answer(data={"criteria": [flag]})
            (outside / "flag").touch()
            return writes({})

    made = Idle().harness(tmp_path / "work", session, budget={"rounds": 1})
    made.sandbox = Sandbox.best(unsafe=True, paths=[str(outside)])
    outcome = await made.run(GOAL)
    findings = json.loads((tmp_path / "work/findings/round-1.json").read_text())
    assert [verdict["check"] for verdict in findings["verdicts"]] == ["pass"]
    assert findings["is_changed"] is False
    assert outcome.outcome == "failed"
