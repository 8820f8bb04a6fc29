"""Codes: what was seen in a reason, the failure modes that codes are merged into, and frozen
versions of both.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from toolkit import render
from toolkit.evals.labels.labels import RaterKind
from toolkit.evals.labels.spelled import tidy
from toolkit.evals.text import spelling
from toolkit.records import canonical, fingerprint

Status = Literal["suggested", "confirmed", "dismissed"]
CoderKind = RaterKind | Literal["computed"]
"""Who may code: ``computed`` is a clustering, which is no model and no person."""


@dataclass(frozen=True, slots=True)
class Coding:
    """A code on a reason. Of several with the same reason and code, the last counts."""

    label_id: str
    trace_id: str
    code: str
    """Blank where the reason was read, and there is nothing in it to code."""
    status: Status
    """Only ``confirmed`` counts anywhere."""
    by: str
    kind: CoderKind
    """What `by` is."""
    suggested_by: str = ""
    """Who suggested it, and what that one is, where it was not `by`."""
    act: str = ""
    """Id of the action that wrote it, as the codebook sets it: what was done at once is taken back
    at once.
    """

    def __post_init__(self) -> None:
        may_only_suggest = self.kind in ("model", "computed")
        decides = self.status != "suggested"
        if not self.by.strip() or (may_only_suggest and decides):
            raise ValueError("a model may suggest; what counts needs the name of who says so")

    @property
    def coder(self) -> str:
        """Who coded, as ``ada (human), suggested by TF-IDF clusters (computed)``."""
        coder = f"{self.by} ({self.kind})"
        if self.suggested_by:
            coder += f", suggested by {self.suggested_by}"
        return coder


@dataclass(frozen=True, slots=True)
class FailureMode:
    """An axial code: open codes that are one way of failing. Raises ValueError for one that says
    nothing.
    """

    name: str
    definition: str
    codes: tuple[str, ...]
    by: str
    kind: RaterKind = "human"
    include: dict[str, str] = field(default_factory=dict)
    """Examples of it: trace id to the reason why it is one."""
    exclude: dict[str, str] = field(default_factory=dict)
    """Near misses: trace id to the reason why it is none."""
    act: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", tuple(self.codes))
        reasons = [*self.include.values(), *self.exclude.values()]
        texts = [self.name, self.definition, self.by, *reasons]
        is_both = self.include.keys() & self.exclude.keys()
        if is_both or not all(text.strip() for text in texts):
            needs = "name, definition, by, and a reason for each example"
            raise ValueError(f"failure mode {self.name!r} needs {needs}")
        if self.kind == "model":
            why = "a model may suggest; somebody else decides"
            raise ValueError(f"failure mode {self.name!r}: {why}")

    def _repr_html_(self) -> str:
        head = render.tag("strong", self.name)
        who = render.tag("div", f"by {self.by} ({self.kind})", class_="who")
        codes = [render.tag("span", code, class_="badge") for code in self.codes]
        return render.block(head, render.tag("p", self.definition), *codes, who)


@dataclass(frozen=True, slots=True)
class Version:
    """What a codebook says: at the moment, or when it was frozen. Raises ValueError where its hash
    is of another.
    """

    number: int
    """From 1; 0 is not frozen."""
    codings: tuple[Coding, ...]
    modes: tuple[FailureMode, ...]
    hash: str = ""
    """SHA-256 of the codings that count and of the modes, 16 hex digits."""
    by: str = ""
    """Who froze it."""

    def __post_init__(self) -> None:
        entries: list[Any] = [*self.confirmed, *self.modes]
        # without the ids of actions: the same codes make the same version
        contents = sorted(canonical(asdict(entry) | {"act": ""}) for entry in entries)
        digest = fingerprint(contents)[:16]
        is_stated = self.hash or self.number
        if is_stated and self.hash != digest:
            raise ValueError(
                f"version {self.number} was frozen as {self.hash}, and now says something else "
                f"({digest})"
            )
        object.__setattr__(self, "hash", digest)

    @property
    def confirmed(self) -> tuple[Coding, ...]:
        """The codings that count."""
        return tuple(
            coding for coding in self.codings if coding.status == "confirmed" and coding.code
        )

    def groups(self, of: str = "modes") -> dict[str, list[Coding]]:
        """The codings that count, by failure mode, or by code where `of` is ``codes``."""
        if of == "modes":
            codes_of = {mode.name: mode.codes for mode in self.modes}
        else:
            codes_of = {coding.code: (coding.code,) for coding in self.confirmed}
        return {
            name: [coding for coding in self.confirmed if coding.code in codes]
            for name, codes in codes_of.items()
        }


class Spelling:
    """Names in the letters in which each was written first, whatever the case of later ones."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def learn(self, name: str) -> None:
        """Take `name` in: these are its letters from now on, where it is new."""
        self._first.setdefault(spelling(name), tidy(name))

    def of(self, name: str) -> str:
        """`name` as it was written first, which is now, where it is new."""
        self.learn(name)
        return self._first[spelling(name)]
