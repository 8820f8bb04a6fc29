"""The threads of a Claude Code session: its main line, its sub-agents, and what was taken back.

A sub-agent's lines stand in the session's file or in one of their own (``agent-*.jsonl``). Versions
differ in what ties them to the call that started it: the result of the call, a note of progress,
the call's id on each line, or nothing but the prompt.
"""

import re
from collections.abc import Iterable
from typing import Any

from toolkit.traces.formats.claude_lines import AGENT_LINE, blocks_of, tool_result_on, words_on
from toolkit.traces.ids import Record
from toolkit.traces.words import words_of

AGENT_ID = re.compile(r"^agentId: (\w+)", re.MULTILINE)
"""How the words of a result name the sub-agent that it comes from."""


class Threads:
    """The lines of each thread, and the calls that started the sub-agents."""

    def __init__(self, lines: list[Record]) -> None:
        self.main: list[Record] = []
        self.agents: dict[str, list[Record]] = {}
        """The lines of each sub-agent, by its id."""
        self._split(lines)
        self._agent_of_call: dict[str, str] = {}
        if self.agents:
            self._find_calls(lines)
        self.branches = branches_of(self.main)
        """The branch of each line that the user took back, by the line's uuid."""

    def _split(self, lines: list[Record]) -> None:
        first_uuids: dict[Any, str] = {}
        for line in lines:
            agent = _agent_on(line, first_uuids)
            if agent is None:
                self.main.append(line)
            else:
                self.agents.setdefault(agent, []).append(line)

    def _find_calls(self, lines: list[Record]) -> None:
        """Note which call started which sub-agent."""
        calls_of_prompts: dict[str, str] = {}
        for line in lines:
            self._note_progress(line)
            if line.get("type") == AGENT_LINE:
                self._note(line.get("toolUseId"), line.get("agentId"))
            for block in blocks_of(line):
                if block.get("type") == "tool_result":
                    self._note(block.get("tool_use_id"), _agent_in(block, line))
                prompt = _prompt_of(block)
                if prompt is not None:
                    calls_of_prompts.setdefault(prompt, str(block.get("id")))
        tied = set(self._agent_of_call.values())
        for agent in self.agents.keys() - tied:
            prompt = _first_words(self.agents[agent])
            call = calls_of_prompts.get(prompt, agent)
            self._note(call, agent)

    def _note_progress(self, line: Record) -> None:
        progress = line.get("data")
        if isinstance(progress, dict):
            self._note(line.get("parentToolUseID"), progress.get("agentId"))

    def _note(self, call: Any, agent: Any) -> None:
        if isinstance(call, str) and isinstance(agent, str) and agent in self.agents:
            self._agent_of_call.setdefault(call, agent)

    def started_by(self, call_id: str) -> str | None:
        """The id of the sub-agent that a call started."""
        return self._agent_of_call.get(call_id)

    def take(self, agent: str) -> list[Record]:
        """The lines of a sub-agent; none where they were taken before."""
        return self.agents.pop(agent, [])


def _agent_on(line: Record, first_uuids: dict[Any, str]) -> str | None:
    """The sub-agent that a line belongs to, None for the main line.

    Old versions do not name it. It is then the first line of the chain that the line stands in.
    """
    call = line.get("parent_tool_use_id")
    if isinstance(call, str):
        return call
    if line.get("isSidechain") is not True:
        return None
    agent = line.get("agentId")
    if isinstance(agent, str):
        return agent
    uuid = str(line.get("uuid"))
    parent = str(line.get("parentUuid"))
    first_uuids[uuid] = first_uuids.get(parent, uuid)
    return first_uuids[uuid]


def _agent_in(result: Record, line: Record) -> Any:
    """The sub-agent that a result names, beside its words or in them."""
    agent = tool_result_on(line).get("agentId")
    if agent is None:
        words, _ = words_of(result.get("content"))
        named = AGENT_ID.search(words)
        agent = named[1] if named else None
    return agent


def _prompt_of(block: Record) -> str | None:
    """What a call asks a sub-agent to do; None where it asks for something else."""
    if block.get("type") != "tool_use":
        return None
    arguments = block.get("input")
    if not isinstance(arguments, dict):
        return None
    prompt = arguments.get("prompt")
    return prompt if isinstance(prompt, str) else None


def _first_words(lines: Iterable[Record]) -> str:
    for line in lines:
        words = words_on(line)
        if words:
            return words
    return ""


def branches_of(lines: Iterable[Record]) -> dict[Any, str]:
    """The branch of each line, by its uuid, that the user left by going back and asking anew.

    Of several prompts on one parent the last counts. A branch bears the uuid of its prompt.
    """
    latest: dict[str, str] = {}
    left: set[str] = set()
    for line in lines:
        parent = line.get("parentUuid")
        uuid = line.get("uuid")
        if isinstance(parent, str) and isinstance(uuid, str) and _is_prompt(line):
            if parent in latest:
                left.add(latest[parent])
            latest[parent] = uuid
    branches: dict[Any, str] = {}
    if not left:
        return branches
    for line in lines:
        parent = str(line.get("parentUuid"))
        uuid = str(line.get("uuid"))
        if uuid in left:
            branches[uuid] = uuid
        elif parent in branches:
            branches[uuid] = branches[parent]
    return branches


def _is_prompt(line: Record) -> bool:
    """Whether the user asks something on a line."""
    if line.get("type") != "user" or line.get("isMeta"):
        return False
    return words_on(line) != ""
