"""Status: a build as it stands now, in plain values."""

from dataclasses import dataclass, field
from typing import Literal

from toolkit.harness.evidence import Grade
from toolkit.harness.outcome import Ended
from toolkit.traces.amounts import dollars, quantity

Phase = Literal["not begun", "running", "waiting", "stopping", "ended"]
"""``waiting``: for a person's answer. ``stopping``: a stop was asked, and has not been heard."""


@dataclass
class TurnStatus:
    """A role that was asked: its run on the session."""

    run: str
    role: str
    state: str = "active"
    """``active``, ``suspended``, or how it ended."""
    source: str = ""
    words: str = ""
    """The end of what it wrote."""
    files: list[str] = field(default_factory=list)
    """The paths that it wrote to."""
    step: str = ""
    """What it was asked for, as ``build``; empty where the session does not say."""
    number: int = 0
    """The attempt or the round."""


@dataclass
class Lane:
    """One role: what it does, and what it has used."""

    role: str
    turns: list[TurnStatus] = field(default_factory=list)
    """The last ones."""
    n_turns: int = 0
    calls: int = 0
    cost_usd: float = 0.0
    tokens: int = 0

    @property
    def is_at_work(self) -> bool:
        """Whether it has a turn that has not ended."""
        return any(turn.state in ("active", "suspended") for turn in self.turns)


@dataclass(frozen=True)
class Exhibit:
    """A file of evidence, as the session names it."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Cell:
    """What one criterion came to in one round."""

    grade: Grade
    """Of the verdict; until there is one, what the check shows."""
    why: str
    is_verdict: bool
    evidence: tuple[Exhibit, ...] = ()


@dataclass
class Line:
    """A criterion of a contract, or of an earlier sprint that must go on holding, and its cells."""

    id: str
    claim: str
    kind: str = ""
    """How it is checked."""
    notes: tuple[str, ...] = ()
    """``held out``, ``regression``."""
    cells: dict[int, Cell] = field(default_factory=dict)
    """By round; 0 is before anything was built."""

    @property
    def now(self) -> Cell | None:
        """That of the last round."""
        return self.cells[max(self.cells)] if self.cells else None

    @property
    def holds(self) -> bool:
        """Whether its last cell is a verdict, and a pass."""
        now = self.now
        return bool(now and now.is_verdict and now.grade == "pass")


@dataclass
class SprintStatus:
    """A sprint: its contract, and what came of the checks."""

    number: int = 1
    goal: str = ""
    sha256: str = ""
    """Of the contract; empty until it is frozen."""
    lines: dict[str, Line] = field(default_factory=dict)
    """By the criterion's id."""
    earlier: dict[str, Line] = field(default_factory=dict)
    """What earlier sprints promised, as ``1/totals``: checked again."""
    round: int = 0

    @property
    def n_holding(self) -> int:
        """Criteria that hold by the last verdict."""
        return sum(line.holds for line in self.lines.values())


@dataclass
class Request:
    """What a person asked of a build, and whether it was heard."""

    who: str
    words: str
    kind: str = "steer"
    run: str | None = None
    heard: bool = False
    unused: str = ""
    """Why nobody used it."""

    def __str__(self) -> str:
        asked = f"{self.who} asked: {self.words}"
        if self.heard:
            return f"{asked} · heard"
        if self.unused:
            return f"{asked} · not used: {self.unused}"
        return f"{asked} · not heard yet"


@dataclass(frozen=True)
class HarnessStatus:
    """A build as it stands now."""

    phase: Phase
    goal: str
    source: str
    """Of the least live role; empty where none has begun."""
    lanes: tuple[Lane, ...]
    sprints: tuple[SprintStatus, ...]
    """Those that have begun, the last at the end."""
    n_sprints: int
    """How many are planned, as far as the session says."""
    spent_usd: float
    tokens: int
    budget_usd: float | None
    budget_tokens: int | None
    requests: tuple[Request, ...]
    """What was asked last, the newest at the end."""
    question: str
    """What waits for a person's yes or no; empty where nothing does."""
    question_id: str
    outcome: Ended | None
    why: str
    """Of the end."""
    banner: str
    """What the checks ran without, where there was no sandbox."""
    trouble: str
    """The last error that the session tells of."""
    last_s: float | None
    """When anything was last written, in seconds since 1970."""

    @property
    def sprint(self) -> SprintStatus | None:
        """The one that is under way, or was last."""
        return self.sprints[-1] if self.sprints else None

    @property
    def n_criteria(self) -> int:
        """Of all contracts that were frozen."""
        return sum(len(sprint.lines) for sprint in self.sprints)

    @property
    def n_holding(self) -> int:
        """Criteria that hold by their last verdict."""
        return sum(sprint.n_holding for sprint in self.sprints)

    @property
    def position(self) -> str:
        """How far it is, in words."""
        parts = []
        sprint = self.sprint
        if sprint is not None:
            if self.n_sprints > 1:
                parts.append(f"sprint {sprint.number} of {self.n_sprints}")
            if sprint.round:
                parts.append(f"round {sprint.round}")
        if self.n_criteria:
            noun = "criterion holds" if self.n_criteria == 1 else "criteria hold"
            parts.append(f"{self.n_holding} of {self.n_criteria} {noun}")
        return " · ".join(parts)

    @property
    def money(self) -> str:
        """What was spent, of how much."""
        words = f"{dollars(self.spent_usd)} spent"
        if self.budget_usd is not None:
            words += f" of {dollars(self.budget_usd)}"
        words += f" · {quantity(self.tokens, 'token')}"
        if self.budget_tokens is not None:
            words += f" of {self.budget_tokens:,}"
        return words

    def __str__(self) -> str:
        words: list[str] = [self.outcome or self.phase]
        if self.position:
            words.append(self.position)
        words.append(self.money)
        return ", ".join(words)
