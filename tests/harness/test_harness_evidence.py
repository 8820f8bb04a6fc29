"""A build is judged live: its app runs, evidence is kept and linked, and nothing passes on no work."""

import hashlib
import json

import pytest

from tests.harness.builds import Notes, question, reads, writes
from tests.harness.todo import APP, PAGE
from toolkit.models import Answer
from toolkit.sessions import MemoryLog, Session

pytestmark = pytest.mark.sandbox
GET = {"method": "GET", "path": "/tasks", "values": [{"name": "tasks.#", "value": 0}]}
SEES = [{"act": "open", "target": "/"}, {"act": "see", "target": "0 left"}]
LISTS = {"id": "lists", "claim": "It lists.", "check": {"kind": "exchange", "requests": [GET]}}
CALM = {
    "id": "calm",
    "claim": "It is calm.",
    "check": {
        "kind": "judged",
        "rubric": "No more than two colours.",
        "look": {"kind": "exchange", "requests": [GET | {"path": "/", "values": []}]},
    },
    "threshold": 0.7,
    "weight": 2,
}


class Todo(Notes):
    """Roles that build the to-do app; its first version counts wrongly, and its Evaluator gives
    `score` by the rubric.
    """

    criteria = (LISTS, CALM)
    score = 0.8

    def generate(self, request):
        asked = question(request)
        if asked["task"] == "propose":
            serve = {"argv": ["python", "app.py"], "ready_s": 60}
            return Answer(data={"criteria": self.criteria, "serve": serve})
        is_right = asked["number"] >= self.right_from
        app = APP if is_right else APP.replace('{"tasks": tasks()}', '{"tasks": [1]}')
        return writes({"app.py": app, "page.html": PAGE})

    def evaluate(self, request):
        answer = super().evaluate(request)
        for word in answer.data.get("verdicts", ()):
            if word["criterion"] == "calm":
                word["score"] = self.score
        return answer


@pytest.fixture
def session():
    return Session(MemoryLog(), "build")


async def events_of(session, kind):
    return [event async for event in session.read(follow=False) if event.kind == kind]


async def test_a_defect_that_only_the_running_app_shows_is_caught_and_mended(tmp_path, session):
    outcome = await Todo(right_from=2).harness(tmp_path, session).run("A to-do app.")
    assert (outcome.outcome, outcome.rounds) == ("complete", 2), outcome.why
    verdicts = [event.data for event in await events_of(session, "verdict")]
    assert [(v["criterion"], v["verdict"], v["score"]) for v in verdicts] == [
        ("lists", "fail", 0.0),
        ("calm", "pass", 0.8),
        ("lists", "pass", 1.0),
        ("calm", "pass", 0.8),
    ]
    assert "tasks.# is 1, and 0 was promised" in verdicts[0]["why"]
    checks = {event.id: event.data for event in await events_of(session, "check.result")}
    for verdict in verdicts:
        assert verdict["evidence"] == checks[verdict["check_event"]]["evidence"]
        for file in verdict["evidence"]:
            content = (tmp_path / file["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"]


async def test_a_score_below_the_threshold_of_a_rubric_fails_a_build_whose_checks_are_green(
    tmp_path, session
):
    roles = Todo()
    roles.score = 0.69
    outcome = await roles.harness(tmp_path, session, budget={"rounds": 1}).run("A to-do app.")
    assert outcome.outcome == "failed"
    assert [verdict.verdict for verdict in outcome.verdicts] == ["pass", "fail"]
    assert "score 0.69 of 0.7 needed" in outcome.verdicts[1].why


async def test_nothing_passes_where_the_generator_wrote_what_was_there(tmp_path, session):
    (tmp_path / "build").mkdir()
    (tmp_path / "build/notes.txt").write_text("notes is here")
    stays = reads("notes") | {"regression": True}

    class Idle(Notes):
        def generate(self, request):
            if question(request)["task"] == "propose":
                return Answer(data={"criteria": [stays, reads("more")]})
            return writes({"notes.txt": "notes is here"})

    outcome = await Idle().harness(tmp_path, session, budget={"rounds": 1}).run("More notes.")
    assert outcome.outcome == "failed"
    kept = {verdict.criterion: verdict for verdict in outcome.verdicts}["notes"]
    assert (kept.verdict, kept.check) == ("fail", "pass")
    assert "nothing was built" in kept.why


async def test_the_same_build_again_asks_nothing_and_keeps_the_same_evidence(tmp_path, session):
    assert (await Todo(right_from=2).harness(tmp_path, session).run("A to-do app.")).rounds == 2
    index = tmp_path / "evidence/round-2/index.json"
    before = json.loads(index.read_text())
    again = (
        await Todo(right_from=2).harness(tmp_path, Session(MemoryLog(), "2")).run("A to-do app.")
    )
    assert (again.outcome, again.model_calls) == ("complete", 0)
    assert json.loads(index.read_text()) == before
