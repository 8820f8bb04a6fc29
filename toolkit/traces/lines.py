"""Calls to a model become lines of a conversation.

Each call repeats the history before it. Where that goes on from what is known, its end is new; what
goes on from no line (a sub-agent, a retry, a compaction) is a branch, and kept as one.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile

from toolkit.traces.line import (
    Keys,
    Line,
    Reply,
    Turn,
    Turns,
    fill,
    keys_of,
    n_common,
    n_turns_of,
    overlap,
    path_of,
    place_of,
)
from toolkit.traces.trace import Step

EARLIER_USAGE = "earlier_usage"
"""The field of a step's data with the usage of a reply that this trace did not make."""


class Lines:
    """The lines of a trace, while its calls to models are added in the order of time."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._turns = Turns()
        self._holders: dict[int, dict[int, Line]] = {}
        """For each key the lines that have it, by their numbers."""
        self._callers: dict[str, Line] = {}
        """The line that has a call, by the call's id; the last one, where there are several."""
        self.n_repeated = 0
        """How many messages stood in later calls again, and were merged."""

    def add(self, reply: Reply) -> None:
        """Add what is new in a call's input, and its answer."""
        given = self._turns.read(reply.input)
        prompts = list(takewhile(lambda turn: turn.is_system, given))
        turns = given[len(prompts) :]
        output = self._turns.read(reply.output)
        if self._answers_known_line(reply, turns, output):
            return
        line, n_known = self._line_for(turns, reply)
        self.n_repeated += n_known
        transcript = line.transcript
        n_before = len(transcript.steps)
        for turn in prompts:
            if not line.prompts.issuperset(turn.keys):
                line.prompts.update(turn.keys)
                transcript.append(turn.message)
        for turn in turns[n_known:]:
            self._read(line, turn)
        fill(line, n_before, {}, reply.start)
        for step in transcript.steps[n_before:]:
            # what an earlier reply used is not used again where it stands in a history
            if "usage" in step.data:
                usage = step.data.pop("usage")
                step.data[EARLIER_USAGE] = usage
        self._answer(line, output, reply)

    def _line_for(self, turns: list[Turn], reply: Reply) -> tuple[Line, int]:
        """The line that `turns` go on from, and how many of them it has already."""
        keys = keys_of(turns)
        if not keys and self._lines:
            return self._last_of(reply.agent), 0
        known = self._goes_on(turns, keys)
        if known is not None:
            return known
        n_shared = 0
        parent = None
        for line in self._holding(keys):
            n = n_common(line.keys, keys)
            if n > n_shared:
                n_shared = n
                parent = line
        return self._branch(parent, turns, n_shared, reply)

    def _holding(self, keys: Keys) -> Iterable[Line]:
        """The lines that have the first of `keys`."""
        if not keys:
            return ()
        holders = self._holders.get(keys[0], {})
        return holders.values()

    def _goes_on(self, turns: list[Turn], keys: Keys) -> tuple[Line, int] | None:
        """The longest line that `turns` repeat, else one whose end they repeat or answer."""
        longest: tuple[Line, int] | None = None
        for line in self._holding(keys):
            n_keys = len(line.keys)
            n_turns = n_turns_of(turns, n_keys)
            is_longer = longest is None or n_keys > len(longest[0].keys)
            is_repeated = n_common(line.keys, keys) == n_keys
            if n_turns and is_longer and is_repeated:
                longest = (line, n_turns)
        if longest is not None or not turns:
            return longest
        caller = self._callers.get(turns[0].answers or "")
        if caller is not None:
            return caller, 0
        holders = list(self._holding(keys))
        for line in reversed(holders):
            n_keys = overlap(line.keys, keys)
            n_turns = n_turns_of(turns, n_keys)
            if n_turns:
                return line, n_turns
        return None

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
            n_turn_keys = len(turn.keys)
            if n_keys + n_turn_keys > n_shared:
                break
            n_keys += n_turn_keys
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
        """Append a turn to a line, and note which keys and calls the line has now."""
        steps = line.transcript.steps
        n_before = len(steps)
        line.transcript.append(turn.message)
        line.keys += turn.keys
        for key in turn.keys:
            self._holders.setdefault(key, {})[id(line)] = line
        for place in range(n_before, len(steps)):
            step = steps[place]
            if step.kind != "thinking":
                line.key_steps.append(place)
            if step.kind == "tool.call":
                self._callers[step.data["call_id"]] = line

    def _answer(self, line: Line, output: list[Turn], reply: Reply) -> None:
        """Add the answer, its failure, or the bare fact that there was one."""
        transcript = line.transcript
        n_before = len(transcript.steps)
        for turn in output:
            self._read(line, turn)
        if reply.error is not None:
            transcript.add("error", "assistant", reply.error, {})
        elif not output and reply.is_model:
            transcript.add("model.usage", "assistant", "", {})
        if reply.agent:
            for step in transcript.steps[n_before:]:
                step.data["agent"] = reply.agent
        time = reply.start if reply.end is None else reply.end
        fill(line, n_before, reply.about(), time)
        line.answered.add(n_before)

    def _answers_known_line(self, reply: Reply, turns: list[Turn], output: list[Turn]) -> bool:
        """Whether a line has this call with its answer, from a later call that came first."""
        keys = keys_of(turns)
        all_keys = keys + keys_of(output)
        if len(all_keys) == len(keys):
            return False
        for line in self._holding(all_keys):
            if n_common(line.keys, all_keys) < len(all_keys):
                continue
            place = line.key_steps[len(keys)]
            if place not in line.answered and place >= line.n_inherited:
                line.answered.add(place)
                steps = line.transcript.steps
                step = steps[place]
                step.data.update(reply.about())
                time = step.time if reply.end is None else reply.end
                steps[place] = replace(step, time=time)
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
            steps = line.transcript.steps
            begin = line.n_inherited
            if line is main:
                own_steps.append(steps[begin:])
                continue
            n_main = main_keys.get(id(line), 0)
            end = place_of(line, n_main)
            stem = steps[begin:end]
            branch = steps[max(end, begin) :]
            if branch:
                n_branches += 1
                _mark(branch, f"branch-{n_branches}", line.agent)
            own_steps.append(stem)
            own_steps.append(branch)
        with_steps = [steps for steps in own_steps if steps]
        return sorted(with_steps, key=_is_branch)

    def notes(self) -> list[str]:
        """What a reader should know of the lines."""
        n_branches = len(self._lines) - 1
        if n_branches < 1:
            return []
        return [f"{n_branches} branches leave the main line"]


def _mark(steps: Iterable[Step], branch: str, agent: str | None) -> None:
    """Mark steps as those of a branch, and of its agent where none is stated."""
    for step in steps:
        step.data["branch"] = branch
        if agent:
            step.data.setdefault("agent", agent)


def _is_branch(steps: list[Step]) -> bool:
    return "branch" in steps[0].data
