"""Calls to a model become lines of a conversation.

Each call repeats the history before it. Where that goes on from what is known, its end is new; what
goes on from no line (a sub-agent, a retry, a compaction) is a branch, and kept as one.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile
from typing import Any

from toolkit.records import canonical
from toolkit.traces.line import (
    Line,
    Reply,
    Turn,
    call_ids,
    fill,
    keys_of,
    n_common,
    n_turns_of,
    overlap,
    path_of,
    place_of,
)
from toolkit.traces.messages import Transcript
from toolkit.traces.trace import Step


class Lines:
    """The lines of a trace, while its calls to models are added in the order of time."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._turns: dict[str, Turn] = {}
        self._numbers: dict[tuple[str, ...], int] = {}
        self.n_repeated = 0
        """How many messages stood in later calls again, and were merged."""

    def add(self, reply: Reply) -> None:
        """Add what is new in a call's input, and its answer."""
        given = [self._turn(message) for message in _messages(reply.input)]
        prompts = list(takewhile(lambda turn: turn.is_system, given))
        turns = given[len(prompts) :]
        output = [self._turn(message) for message in _messages(reply.output)]
        if self._answers_known_line(reply, turns, output):
            return
        line, n_known = self._line_for(turns, reply)
        self.n_repeated += n_known
        n_before = len(line.transcript.steps)
        for turn in prompts:
            if not line.prompts.issuperset(turn.keys):
                line.prompts.update(turn.keys)
                line.transcript.read(turn.message)
        for turn in turns[n_known:]:
            self._read(line, turn)
        fill(line, n_before, {}, reply.start)
        self._answer(line, output, reply)

    def _turn(self, message: Any) -> Turn:
        """A message and its keys. The same message comes again in each later call."""
        text = repr(message)  # the fastest text that is the same for the same message
        if text not in self._turns:
            scratch = Transcript()
            scratch.read(message)
            said = [step for step in scratch.steps if step.kind != "thinking"]
            keys = [self._number(step) for step in said]
            is_system = bool(said) and all(step.actor == "system" for step in said)
            first = said[0] if said else None
            is_answer = first is not None and first.kind == "tool.result"
            answers = first.data.get("call_id") if first and is_answer else None
            self._turns[text] = Turn(message, keys, is_system, answers)
        return self._turns[text]

    def _number(self, step: Step) -> int:
        """A number for what a step says; spaces and ids make no difference."""
        words = " ".join(step.content.split())
        arguments = canonical(step.data.get("arguments"))
        pictures = canonical(step.data.get("parts"))
        key = (step.kind, step.actor, words, arguments, pictures)
        return self._numbers.setdefault(key, len(self._numbers))

    def _line_for(self, turns: list[Turn], reply: Reply) -> tuple[Line, int]:
        """The line that `turns` go on from, and how many of them it has already."""
        keys = keys_of(turns)
        if not keys and self._lines:
            return self._last_of(reply.agent), 0
        shared = [(n_common(line.keys, keys), line) for line in self._lines]
        whole = [(n, line) for n, line in shared if n and n == len(line.keys)]
        for n, line in sorted(whole, key=lambda pair: -pair[0]):
            n_turns = n_turns_of(turns, n)
            if n_turns is not None:
                return line, n_turns
        for line in reversed(self._lines):
            if turns[0].answers and turns[0].answers in call_ids(line):
                return line, 0
            n_turns = n_turns_of(turns, overlap(line.keys, keys))
            if n_turns:
                return line, n_turns
        n, parent = max(shared, key=lambda pair: pair[0], default=(0, None))
        return self._branch(parent if n else None, turns, n, reply)

    def _last_of(self, agent: str | None) -> Line:
        """The line that this agent spoke on last, where its history was not recorded."""
        for line in reversed(self._lines):
            if line.agent == agent:
                return line
        return self._lines[0]

    def _branch(
        self, parent: Line | None, turns: list[Turn], n_shared: int, reply: Reply
    ) -> tuple[Line, int]:
        """A new line that leaves `parent` after its first keys."""
        n_turns = 0
        n_keys = 0
        for turn in turns:
            if n_keys + len(turn.keys) > n_shared:
                break
            n_keys += len(turn.keys)
            n_turns += 1
        line = Line(parent, n_keys, reply.depth, reply.agent)
        for turn in turns[:n_turns]:
            self._read(line, turn)
        if parent is not None and n_keys:
            line.prompts = set(parent.prompts)
        else:
            line.parent = None
        line.n_inherited = len(line.transcript.steps)
        self._lines.append(line)
        return line, n_turns

    def _read(self, line: Line, turn: Turn) -> None:
        steps = line.transcript.steps
        n_before = len(steps)
        line.transcript.read(turn.message)
        line.keys += turn.keys
        for place in range(n_before, len(steps)):
            if steps[place].kind != "thinking":
                line.key_steps.append(place)

    def _answer(self, line: Line, output: list[Turn], reply: Reply) -> None:
        """Add the answer, its failure, or the bare fact that there was one."""
        n_before = len(line.transcript.steps)
        for turn in output:
            self._read(line, turn)
        about = reply.about()
        if reply.error is not None:
            line.transcript.add("error", "assistant", reply.error, {})
        elif not output and reply.is_model:
            line.transcript.add("model.usage", "assistant", "", {})
        if reply.agent:
            for step in line.transcript.steps[n_before:]:
                step.data["agent"] = reply.agent
        fill(line, n_before, about, reply.end if reply.end is not None else reply.start)
        line.answered.add(n_before)

    def _answers_known_line(self, reply: Reply, turns: list[Turn], output: list[Turn]) -> bool:
        """Whether a line has this call with its answer, from a later call that came first."""
        keys = keys_of(turns)
        all_keys = keys + keys_of(output)
        if len(all_keys) == len(keys):
            return False
        for line in self._lines:
            if n_common(line.keys, all_keys) < len(all_keys):
                continue
            place = line.key_steps[len(keys)]
            if place not in line.answered and place >= line.n_inherited:
                line.answered.add(place)
                step = line.transcript.steps[place]
                step.data.update(reply.about())
                line.transcript.steps[place] = replace(step, time=reply.end)
                return True
        return False

    def labelled(self) -> list[list[Step]]:
        """The steps of each line, the main one first; those of a branch are marked as its own."""
        if not self._lines:
            return []
        main = min(self._lines, key=lambda line: (line.depth, -len(line.keys)))
        main_keys = path_of(main)
        own_steps: list[list[Step]] = []
        n_branches = 0
        for line in self._lines:
            n_main = main_keys.get(id(line), 0)
            end = place_of(line, n_main)
            steps = line.transcript.steps
            stem = steps[line.n_inherited : end]
            branch = steps[max(end, line.n_inherited) :]
            if line is main:
                stem, branch = steps[line.n_inherited :], []
            if branch:
                n_branches += 1
                _mark(branch, f"branch-{n_branches}", line.agent)
            own_steps += [stem] if line is main else [stem, branch]
        return sorted((steps for steps in own_steps if steps), key=_is_branch)

    def notes(self) -> list[str]:
        """What a reader should know of the lines."""
        if len(self._lines) < 2:
            return []
        return [f"{len(self._lines) - 1} branches leave the main line"]


def _messages(written: Iterable[Any]) -> list[Any]:
    return [message for message in written if isinstance(message, dict)]


def _mark(steps: Iterable[Step], branch: str, agent: str | None) -> None:
    for step in steps:
        step.data["branch"] = branch
        if agent:
            step.data.setdefault("agent", agent)


def _is_branch(steps: list[Step]) -> bool:
    return "branch" in steps[0].data
