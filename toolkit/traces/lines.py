"""Calls to a model become lines of a conversation.

Each call repeats the history before it. Where that goes on from what is known, its end is new; what
goes on from no line (a sub-agent, a retry, a compaction) is a branch, and kept as one.

Each *turn* (a message) is compared by its *keys*: a number for what each of its steps says, which
is the same wherever the same is said. Three calls, of which the third is a retry of the first::

    call                                       line    keys of the line
    Time? -> Noon.                             1       0 1
    Time?, Noon., Sure? -> Yes.                1       0 1 2 3
    Time? -> One.                              2       0 4

The second call goes on from line 1. The third begins line 2, which leaves line 1 after key 0. Lines
1 and 2 are the *holders* of key 0, with the *ranks* 0 and 1: line 1 had it first.
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
    keys_of,
    n_turns_of,
    overlap,
    path_of,
    place_of,
)
from toolkit.traces.prefixes import Prefixes
from toolkit.traces.trace import Step

EARLIER_USAGE = "earlier_usage"
"""The field of a step's data with the usage of a reply that this trace did not make."""


class Lines:
    """The lines of a trace, while its calls to models are added in the order of time."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._turns = Turns()
        self._prefixes = Prefixes()
        self._holders: dict[int, dict[int, int]] = {}
        """For each key its holders (by their identity), each with its rank."""
        self._ending: dict[int, dict[int, Line]] = {}
        """For each key the lines that end with it."""
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
        if self._claims_answer(reply, turns, output):
            return
        line, n_known = self._line_for(turns, reply)
        self.n_repeated += n_known
        transcript = line.transcript
        transcript.default_time = reply.start
        n_before = len(transcript.steps)
        for turn in prompts:
            if not line.prompts.issuperset(turn.keys):
                line.prompts.update(turn.keys)
                transcript.append(turn.message)
        for turn in turns[n_known:]:
            self._read(line, turn)
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
        shared = list(self._prefixes.path(keys))
        parent = shared[-1].first if shared else None
        return self._branch(parent, turns, len(shared), reply)

    def _goes_on(self, turns: list[Turn], keys: Keys) -> tuple[Line, int] | None:
        """The longest line that `turns` repeat, else one whose end they repeat or answer."""
        longest: tuple[Line, int] | None = None
        for n_keys, node in enumerate(self._prefixes.path(keys), 1):
            line = self._prefixes.oldest(node.ends.values())
            n_turns = n_turns_of(turns, n_keys) if line else None
            if line and n_turns:
                longest = (line, n_turns)
        if longest is not None or not turns:
            return longest
        caller = self._callers.get(turns[0].answers or "")
        if caller is not None:
            return caller, 0
        for line in self._overlapping(keys):
            n_keys = overlap(line.keys, keys)
            n_turns = n_turns_of(turns, n_keys)
            if n_turns:
                return line, n_turns
        return None

    def _overlapping(self, keys: Keys) -> list[Line]:
        """The holders of the first key that end with one of `keys`, the highest rank first."""
        if not keys or keys[0] not in self._holders:
            return []
        ranks = self._holders[keys[0]]
        ending: dict[int, Line] = {}
        for key in keys:
            ending |= self._ending.get(key, {})
        held = [number for number in ending if number in ranks]
        held.sort(key=ranks.__getitem__, reverse=True)
        return [ending[number] for number in held]

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
            self._read(line, turn, is_own=False)
        if parent is not None and n_keys:
            line.prompts = set(parent.prompts)
        else:
            line.parent = None
        line.n_inherited = len(line.transcript.steps)
        self._lines.append(line)
        return line, n_turns

    def _read(self, line: Line, turn: Turn, is_own: bool = True) -> None:
        """Append a turn to a line, and note which keys and calls the line has now."""
        steps = line.transcript.steps
        n_before = len(steps)
        line.transcript.append(turn.message)
        for place in range(n_before, len(steps)):
            step = steps[place]
            if step.kind != "thinking":
                line.key_steps.append(place)
            if step.kind == "tool.call":
                self._callers[step.data["call_id"]] = line
        if turn.keys:
            self._note_keys(line, turn.keys, is_own)

    def _note_keys(self, line: Line, keys: Keys, is_own: bool) -> None:
        """Add keys to a line, and note where they are."""
        n_before = len(line.keys)
        if n_before:
            del self._ending[line.keys[-1]][id(line)]
        line.keys += keys
        self._ending.setdefault(line.keys[-1], {})[id(line)] = line
        self._prefixes.extend(line, n_before, is_own)
        for key in keys:
            ranks = self._holders.setdefault(key, {})
            ranks.setdefault(id(line), len(ranks))

    def _answer(self, line: Line, output: list[Turn], reply: Reply) -> None:
        """Add the answer, its failure, or the bare fact that there was one."""
        transcript = line.transcript
        transcript.default_time = reply.start if reply.end is None else reply.end
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
        for step in transcript.steps[n_before : n_before + 1]:
            step.data.update(reply.about())
        line.answered.add(n_before)

    def _claims_answer(self, reply: Reply, turns: list[Turn], output: list[Turn]) -> bool:
        """Complete the answer of a call that was added late; whether a line has that answer.

        A later call that was added first has the answer in its history, without what it took.
        """
        answer = self._unclaimed_answer(keys_of(turns), keys_of(output))
        if answer is None:
            return False
        line, place = answer
        line.answered.add(place)
        step = line.transcript.steps[place]
        step.data.update(reply.about())
        time = step.time if reply.end is None else reply.end
        line.transcript.steps[place] = replace(step, time=time)
        return True

    def _unclaimed_answer(self, given: Keys, answered: Keys) -> tuple[Line, int] | None:
        """The oldest line with a call's input and its answer, and the place of the answer's step.

        None where no line has both, or other calls have claimed the answer in each that has.
        """
        if not answered:
            return None
        keys = given + answered
        path = list(self._prefixes.path(keys))
        if len(path) < len(keys):
            return None
        node = path[len(given)]
        # what is claimed stays so, and is not looked at again
        node.owners = [(line, place) for line, place in node.owners if place not in line.answered]
        places = {line: place for line, place in node.owners if _begins(line, keys)}
        oldest = self._prefixes.oldest(places)
        return None if oldest is None else (oldest, places[oldest])

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
        of_each = "branch leaves" if n_branches == 1 else "branches leave"
        return [f"{n_branches} {of_each} the main line"]


def _begins(line: Line, keys: Keys) -> bool:
    """Whether a line begins with these keys."""
    return line.keys[: len(keys)] == keys


def _mark(steps: Iterable[Step], branch: str, agent: str | None) -> None:
    """Mark steps as those of a branch, and of its agent where none is stated."""
    for step in steps:
        step.data["branch"] = branch
        if agent:
            step.data.setdefault("agent", agent)


def _is_branch(steps: list[Step]) -> bool:
    return "branch" in steps[0].data
