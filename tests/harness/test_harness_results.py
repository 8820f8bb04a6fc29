"""A reply that is no result, however it broke, builds nothing and passes nothing: through the real
SDK, over a socket.
"""

import asyncio

import pytest

from tests.harness.builds import GOAL, Notes, question
from toolkit.harness import Evaluator, Generator, Harness, Planner, Sandbox, Workspace
from toolkit.models import Answer, ClaudeModel, LoopbackServer
from toolkit.sessions import MemoryLog, Session

BROKEN = {
    "refusal": Answer("I will not.", stopped="refusal"),
    "max_tokens": Answer('{"spec": "Wri', stopped="max_tokens"),
    "error": Answer(data={"spec": "Write files."}, fault="error"),
}
"""By the word for why such a reply stopped."""
TASKS = ["plan", "propose", "review", "build", "judge"]
LATER = [pytest.param(task, marks=pytest.mark.slow) for task in ("propose", "review", "build")]


class CutServer(LoopbackServer):
    """Closes the stream of each answer to a task after so many events, cleanly or not."""

    def __init__(self, policy, task):
        super().__init__(policy)
        self.task = task
        self.after: int | None = None
        self.abruptly = False
        self.sent = 0

    async def __call__(self, scope, receive, send):
        cut = False

        async def counting(message):
            nonlocal cut
            body = message.get("body", b"")
            is_event = body.startswith(b"event:") and self._is_ours()
            if is_event and self.sent == self.after:
                cut = True
                if self.abruptly:
                    raise ConnectionAbortedError("cut")
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            self.sent += is_event
            if not cut:
                await send(message)

        self.sent = 0
        await super().__call__(scope, receive, counting)

    def _is_ours(self):
        return self.task in str(self.requests[-1].body["messages"])


async def build(folder, server, tag):
    """Run the small build with all three roles on `server`. Returns the outcome and the events."""
    session = Session(MemoryLog(), f"build-{tag}")
    async with ClaudeModel("claude-haiku-5-5", api_key="loopback", server=server) as model:
        roles = Planner(model), Generator(model), Evaluator(model)
        sandbox = Sandbox.best(unsafe=True)
        outcome = await Harness(*roles, Workspace(folder), session, sandbox=sandbox).run(GOAL)
    return outcome, [event async for event in session.read(follow=False)]


def policy_of(notes, broken_task=None, answer=None):
    policies = {"plan": notes.plan, "propose": notes.generate, "build": notes.generate}

    def policy(request):
        task = question(request)["task"]
        if task == broken_task:
            return answer
        return policies.get(task, notes.evaluate)(request)

    return policy


def expect_nothing(outcome, events, folder, task, stopped):
    assert outcome.outcome == "halted"
    assert f"gave no result ({stopped})" in outcome.why
    assert outcome.verdicts == ()
    kinds = [event.kind for event in events]
    assert "verdict" not in kinds
    assert ("tool.call" in kinds) == (task == "judge")  # what was built before it
    assert not (folder / "build").exists() or not any((folder / "build").iterdir())


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("stopped", BROKEN)
async def test_an_answer_that_is_no_result_runs_no_tool_and_passes_nothing(tmp_path, task, stopped):
    server = LoopbackServer(policy_of(Notes(), task, BROKEN[stopped]))
    outcome, events = await build(tmp_path, server, "broken")
    expect_nothing(outcome, events, tmp_path, task, stopped)


async def count_events(folder, task):
    """How many events the stream of one answer has, by a build that goes well."""
    server = CutServer(policy_of(Notes()), f'"task": "{task}"')
    counts = []
    original = server._is_ours

    def is_ours():
        ours = original()
        if ours:
            counts.append(server.sent)
        return ours

    server._is_ours = is_ours
    outcome, _ = await build(folder, server, "whole")
    assert outcome.outcome == "complete"
    return max(counts) + 1


@pytest.mark.parametrize("abruptly", [False, True])
@pytest.mark.parametrize("task", ["plan", "judge", *LATER])
async def test_a_stream_that_is_cut_at_any_of_its_events_is_no_result(tmp_path, task, abruptly):
    n_events = await count_events(tmp_path / "whole", task)
    assert n_events > 5
    server = CutServer(policy_of(Notes()), f'"task": "{task}"')
    server.abruptly = abruptly
    for after in range(n_events):
        server.after = after
        async with asyncio.timeout(60):
            outcome, events = await build(tmp_path / "cut", server, after)
        expect_nothing(outcome, events, tmp_path / "cut", task, "truncated")
    server.after = None
    outcome, _ = await build(tmp_path / "cut", server, "at-last")
    assert outcome.outcome == "complete"
