"""What survives at a streaming endpoint of yours: three connections to it, one of them cut, and a scorecard.

The first connection is closed in mid-answer and comes back as the third; the second is another surface, which joined
before that and stays. All is judged from what they brought. An endpoint that calls a model may be charged for three.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any, Literal, NamedTuple

from toolkit import render
from toolkit.sessions.wire import Frames, as_json, broken, listen

Verdict = Literal["yes", "no", "could not probe"]
Judged = tuple[Verdict, str]
CAPABILITIES = ("survives a cut", "resumes", "second surface", "a disconnect leaves it running", "terminal event")
ENDS = frozenset("done end finish finished complete completed message_stop run.finished [done]".split())
STOPPED = frozenset("cancelled canceled aborted".split())
TELLING = ("type", "kind", "event", "status", "outcome")
ASIDE = ({"beat"}, {"live"})  # our own server's words about the connection
JOIN_AFTER, CUT_AFTER = 6, 6
"""Events that the first connection has had at least when the second joins, and since then when it is cut."""
AHEAD_S, AWAY_S = 0.3, 0.3
"""What was said before comes in a burst: so long after it began the second joins, so long after that comes the cut."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One capability of the endpoint."""

    capability: str
    verdict: Verdict
    evidence: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The scorecard of an endpoint."""

    url: str
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        rows = [(one.capability, one.verdict, one.evidence) for one in self.findings]
        return render.block(render.tag("p", self.url), render.table(rows, ("capability", "verdict", "evidence")))


class _Got(NamedTuple):
    data: str
    at: float
    seq: float
    """Of words that a snapshot of ours may stand for; of all else without end."""


@dataclass
class _Heard:
    """What one connection brought; `ends` are words that tell of an end, each with the event that it stood in."""

    silence_s: float
    got: list[_Got] = field(default_factory=list)
    ends: list[tuple[str, str]] = field(default_factory=list)
    covers: int = 0
    """The last word that a snapshot of ours stood in for."""
    opened: float = inf
    last_id: str = ""
    last_word: str = ""
    behind: bool | None = None
    """Whether a session of ours is still telling it the past."""
    why: str = "it closed without a word, as a cut would look"

    async def follow(self, frames: Frames, enough: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(None) as quiet, aclosing(frames):
                async for name, id_, data in frames:
                    if self._take(name, id_, data):
                        quiet.reschedule(time.monotonic() + self.silence_s if self.last_word else None)
                    if enough():
                        self.why = ""
                        return
        except broken() as error:
            self.why = f"it broke off, or was silent for too long: {type(error).__name__} {error}".rstrip()
            if quiet.expired():
                self.why = f"nothing came for {self.silence_s} s after {self.last_word!r}"

    def _take(self, name: str, id_: str, data: str) -> bool:
        told, refused = as_json(data), name == "refused"
        aside = {name} in ASIDE or told.keys() in ASIDE
        self.why, self.behind = data if refused else self.why, False if aside else self.behind
        if refused or aside or not name + data:
            return False
        event = _dict(told.get("event")) or told
        inner, kind, seq = _dict(event.get("data")), event.get("kind"), event.get("seq")
        self.behind = self.behind is not False and {"session", "kind", "seq"} <= event.keys()
        self.last_id = id_ or self.last_id
        words = {str(one.get(key)).lower() for one in (event, inner) for key in TELLING}
        words |= {name.lower(), data.strip().lower(), "done" if told.get("done") is True else ""}
        self.ends += [(word, data) for word in sorted(words & (ENDS | STOPPED))]
        self.last_word = min(words & ENDS, default="")
        if kind == "text.snapshot" and isinstance(covers := inner.get("covers"), int):
            self.covers = max(self.covers, covers)
        elif data.strip() not in ("", "{}") and (kind, inner.get("text")) != ("text.delta", ""):
            self.got.append(_Got(data, time.monotonic(), seq if kind == "text.delta" and isinstance(seq, int) else inf))
        return True

    @property
    def data(self) -> set[str]:
        return {one.data for one in self.got}

    def news(self, first: "_Heard", among: frozenset[str] = ENDS) -> set[str]:
        """The ends that `first` had not heard of when it was cut."""
        return {word for word, data in self.ends if word in among and (word, data) not in first.ends}

    def lacks(self, other: "_Heard", *more: "_Heard") -> set[str]:
        """What `other` brought that neither this nor `more` did, be it in a snapshot."""
        covers = max(one.covers for one in (self, *more))
        return {one.data for one in other.got if one.seq > covers}.difference(self.data, *(one.data for one in more))


async def audit_endpoint(
    url: str, headers: Mapping[str, str] | None = None, silence_s: float = 5.0, timeout_s: float = 60.0
) -> Audit:
    """Probe a streaming endpoint (GET with SSE or NDJSON, or a WebSocket) while it answers.

    Parameters
    ----------
    url : str
        The only address that is spoken to; redirects are not followed.
    headers : mapping, optional
        A token, say.
    silence_s, timeout_s : float
        A connection that says nothing for so long is given up; all of it ends by then.

    Raises
    ------
    ValueError
        For a URL that is not http, https, ws or wss.
    """
    first, other, back = (_Heard(silence_s) for _ in range(3))
    opening = listen(url, "", silence_s, headers)  # refuses what is no endpoint, and connects to nothing yet

    def midway() -> bool:
        now, told = time.monotonic(), len(first.got) >= JOIN_AFTER and not first.behind
        if other.opened == inf and told and now - first.got[0].at > AHEAD_S:
            other.opened = now
            group.create_task(other.follow(listen(url, "", silence_s, headers), lambda: bool(other.news(first))))
        since = inf if other.behind else other.opened
        return now - since > AHEAD_S and sum(one.at > since for one in first.got) >= CUT_AFTER

    try:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            await first.follow(opening, midway)
            if not first.why:
                await asyncio.sleep(AWAY_S)
                await back.follow(listen(url, first.last_id, silence_s, headers), lambda: bool(back.news(first)))
    except TimeoutError:
        for one in (first, other, back):
            one.why = one.why and f"it went on for more than {timeout_s} s"
    return Audit(url, tuple(Finding(name, *judged) for name, judged in _judge(first, other, back).items()))


def _judge(first: _Heard, other: _Heard, back: _Heard) -> dict[str, Judged]:
    if first.why or len(first.data) < JOIN_AFTER:
        few = f"only {len(first.got)} events came, too few in mid-answer to cut it: {first.why}"
        why = few if first.why else "its events are too much alike to tell one from the other"
        return dict.fromkeys(CAPABILITIES, ("could not probe", why))
    resumes, shared = _resumes(first, back), _second(first, other)
    witness = other if shared[0] == "yes" else back if resumes[0] == "yes" else None
    missing, ended = first.lacks(other, back), min(other.news(first) | back.news(first), default="")
    survives: Judged = "no", "after the cut the answer could not be had again: what comes is another, or nothing"
    if witness is other:
        survives = ("no" if missing else "yes"), f"{len(missing)} of {len(other.data)} events never came"
    elif witness:
        survives = ("yes", "it went on, and ended") if back.news(first) else ("no", f"it went on, and {back.why}")
    terminal: Judged = ("could not probe" if "it went on" in other.why else "no"), other.why
    if ended:
        terminal = "yes", f"the last word was {ended!r}"
    judged = (survives, resumes, shared, _goes_on(first, witness), terminal)
    return dict(zip(CAPABILITIES, judged, strict=True))


def _resumes(first: _Heard, back: _Heard) -> Judged:
    if not first.last_id:
        return "no", "its events carry no ids, so there is nothing to resume from"
    again, asked = len(first.data & back.data), f"asked to go on after id {first.last_id[:40]}, it sent"
    if 2 * again > len(first.data) or not back.got:
        return "no", f"{asked} {f'{again} of the first events again' if back.got else 'nothing'}"
    return "yes", f"{asked} the {len(back.got)} events that follow" + f", and {again} of the first again" * bool(again)


def _second(first: _Heard, other: _Heard) -> Judged:
    """Another answer that says the same would lag by as much as it began later, or more."""
    data, when, _ = first.got[-1]
    times = sum(one.data == data for one in first.got)
    lag = next((one.at - when for one in [one for one in other.got if one.data == data][times - 1 :]), inf)
    if lag > (other.opened - first.got[0].at) / 2 or other.lacks(first):
        return "no", "a second connection did not see what the first saw, when it saw it"
    return "yes", f"a second connection had all that the first had within {1000 * max(0.0, lag):.0f} ms"


def _goes_on(first: _Heard, witness: _Heard | None) -> Judged:
    if witness is None:
        return "could not probe", "who cannot resume and cannot join cannot see what became of it"
    later, stopped = sum(one.at > first.got[-1].at for one in witness.got), witness.news(first, STOPPED)
    how = f"{later} events came after the cut" + ", and the end said that it was cancelled" * bool(stopped)
    return ("no" if stopped or not later else "yes"), how


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
