"""Answers: the shape of what each role says. A reply of another shape is no result."""

from typing import ClassVar

from pydantic import BaseModel, SkipValidation

from toolkit.harness.contract import Criterion, Serve
from toolkit.harness.sandbox import TextFile
from toolkit.harness.verify import Word


class RoleAnswer(BaseModel, extra="forbid"):
    """What a role answers: these fields and no others."""

    max_tokens: ClassVar[int] = 8192


class Feature(RoleAnswer):
    """A part of what is planned, which one sprint can build."""

    id: str
    what: str


class Plan(RoleAnswer):
    """A specification, and its features in the order of their building; none for one sprint."""

    spec: str
    features: tuple[Feature, ...] = ()


class Proposal(RoleAnswer):
    """What the Generator wants to be held to."""

    # As they came: `propose_contract` says what is wrong with them.
    criteria: SkipValidation[tuple[Criterion, ...]]
    serve: SkipValidation[Serve | None] = None
    in_scope: tuple[str, ...] = ()
    out_of_scope: tuple[str, ...] = ()


class Review(RoleAnswer):
    """What the Evaluator has against a proposal."""

    agree: bool
    objections: tuple[str, ...]
    held_out: SkipValidation[tuple[Criterion, ...]] = ()
    """Criteria of its own, whose checks the Generator never sees."""


class HandOff(RoleAnswer):
    """What whoever goes on has to know, in a clean context."""

    tried: str
    found: str
    decided: str
    next: str

    def in_words(self) -> str:
        """A line for each."""
        lines = []
        for name, text in self.model_dump().items():
            lines.append(f"- {name}: {text.strip()}\n")
        return "".join(lines)


class Build(RoleAnswer):
    """Whole files, and the hand-off."""

    max_tokens = 16384
    files: tuple[TextFile, ...]
    handoff: HandOff


class Assessment(RoleAnswer):
    """The Evaluator's words on all of them."""

    verdicts: tuple[Word, ...]


class Notes(RoleAnswer):
    """What a role beside the three answers. Any objection fails the round; nothing here passes it.

    Further fields go into a subclass. All of it is kept in notes/.
    """

    files: tuple[TextFile, ...] = ()
    """Into the attempt where the role has the tool `write`, else into notes/ beside its answer."""
    objections: tuple[str, ...] = ()


class Summary(RoleAnswer):
    """A conversation, summed up by who had it."""

    summary: str
