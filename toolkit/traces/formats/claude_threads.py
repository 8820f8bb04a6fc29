"""The threads of a Claude Code session: its main line, its sub-agents, and what was taken back.

A sub-agent's lines stand in the session's file or in one of their own (``agent-*.jsonl``). Versions
differ in what ties them to the call that started it: the result of the call, a note of progress,
the call's id on each line, or nothing but the prompt.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from toolkit.traces.ids import Record

AGENT_ID_FIELDS = ("toolUseResult", "tool_use_result")
"""Where the result of a call names the sub-agent that it started."""


class Threads:
    """The lines of each thread, and the calls that started the sub-agents."""

    def __init__(self, lines: Iterable[Record]) -> None:
        self.main: list[Record] = []
        self.agents: dict[str, list[Record]] = {}
        """The lines of each sub-agent, by its id."""
        self._agent_of_call: dict[str, str] = {}
        self._call_of_prompt: dict[str, str] = {}
        self._split(lines)
        self._find_calls(lines)
        self.abandoned = _abandoned(self.main)
        """The branch of each line that the user took back, by the line's uuid."""

    def _split(self, lines: Iterable[Record]) -> None:
        first_uuids: dict[Any, str] = {}
        for line in lines:
            agent = _agent_id(line, first_uuids)
            if agent is None:
                self.main.append(line)
            else:
                self.agents.setdefault(agent, []).append(line)

    def _find_calls(self, lines: Iterable[Record]) -> None:
        """Note which call started which sub-agent."""
        for line in lines:
            progress = line.get("data")
            if isinstance(progress, dict) and isinstance(progress.get("agentId"), str):
                self._note(line.get("parentToolUseID"), progress["agentId"])
            result = next((line[name] for name in AGENT_ID_FIELDS if name in line), None)
            agent = result.get("agentId") if isinstance(result, dict) else None
            for block in blocks_of(line):
                if block.get("type") == "tool_result" and isinstance(agent, str):
                    self._note(block.get("tool_use_id"), agent)
                prompt = prompt_of(block)
                if prompt is not None and isinstance(block.get("id"), str):
                    self._call_of_prompt.setdefault(prompt, block["id"])
        tied = set(self._agent_of_call.values())
        for agent, thread in self.agents.items():
            if agent not in tied:
                call = self._call_of_prompt.pop(_first_words(thread), agent)
                self._note(call, agent)

    def _note(self, call: Any, agent: str) -> None:
        if isinstance(call, str) and agent in self.agents:
            self._agent_of_call.setdefault(call, agent)

    def take(self, call_id: str) -> tuple[str, list[Record]] | None:
        """The sub-agent that a call started, and its lines; only once."""
        agent = self._agent_of_call.pop(call_id, "")
        lines = self.agents.pop(agent, None)
        return (agent, lines) if lines else None


def blocks_of(line: Record) -> Iterator[Record]:
    """The blocks of the message on a line."""
    message = line.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        for block in content:
            if isinstance(block, dict):
                yield block


def prompt_of(block: Record) -> str | None:
    """What a call asks a sub-agent to do; None where it asks for something else."""
    if block.get("type") != "tool_use":
        return None
    arguments = block.get("input")
    prompt = arguments.get("prompt") if isinstance(arguments, dict) else None
    return prompt if isinstance(prompt, str) else None


def words_on(line: Record) -> str:
    """The first words of the message on a line."""
    message = line.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    for block in blocks_of(line):
        if isinstance(block.get("text"), str):
            return str(block["text"])
    return ""


def _first_words(thread: Iterable[Record]) -> str:
    return next((words for line in thread if (words := words_on(line))), "")


def _agent_id(line: Record, first_uuids: dict[Any, str]) -> str | None:
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
    first = first_uuids.get(line.get("parentUuid"), uuid)
    first_uuids[uuid] = first
    return first


def _abandoned(lines: Iterable[Record]) -> dict[Any, str]:
    """The branches that the user left by going back and asking anew.

    Of several prompts on one parent the last counts. A branch bears the uuid of its prompt.
    """
    prompts: dict[str, list[str]] = {}
    for line in lines:
        parent = line.get("parentUuid")
        is_prompt = line.get("type") == "user" and not line.get("isMeta") and words_on(line)
        if is_prompt and isinstance(parent, str) and isinstance(line.get("uuid"), str):
            prompts.setdefault(parent, []).append(line["uuid"])
    left = {uuid for siblings in prompts.values() for uuid in siblings[:-1]}
    branches: dict[Any, str] = {}
    for line in lines:
        uuid = line.get("uuid")
        if not isinstance(uuid, str):
            continue
        if uuid in left:
            branches[uuid] = uuid
        elif isinstance(line.get("parentUuid"), str) and line["parentUuid"] in branches:
            branches[uuid] = branches[line["parentUuid"]]
    return branches
