"""What survives at a streaming endpoint of yours: three connections to it, one of them cut, and a scorecard.

The first connection is closed in mid-answer and comes back as the third; the second is another surface, which joined
before that and stays. All is judged from what they brought. An endpoint that calls a model may be charged for three.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from toolkit import render
from toolkit.sessions.lab.wire import MAX_CHARS, as_json, broken, listen

Verdict = Literal["yes", "no", "could not probe"]
ENDS = frozenset("done end finish finished complete completed message_stop run.finished [done]".split())
STOPPED = frozenset("cancelled canceled aborted".split())
TELLING = ("type", "kind", "event", "status", "outcome")
JOIN_AFTER, CUT_AFTER = 4, 8
"""Events that the first connection has had when the second joins, and when it is cut."""
AWAY_S = 0.3
POLL_S = 0.005


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


@dataclass
class _Heard:
    """What one connection brought (id, data and when), and how it ended; `late` is still going on at the deadline."""

    got: list[tuple[str, str, float]] = field(default_factory=list)
    opened: float = field(default_factory=time.monotonic)
    last_id: str = ""
    end: str = ""
    stopped: bool = False
    late: bool = False
    why: str = "it closed without a word, as a cut would look"

    async def follow(self, url: str, last_id: str, headers: Mapping[str, str], silence_s: float, most: int) -> None:
        size = 0
        try:
            async with aclosing(listen(url, last_id, silence_s, headers)) as frames:
                async for name, id_, data in frames:
                    size += len(data)
                    self._take(name, id_, data)
                    if self.end or len(self.got) >= most or size > MAX_CHARS:
                        return
        except broken() as error:
            self.why = f"it broke off, or was silent for {silence_s} s: {type(error).__name__}"

    def _take(self, name: str, id_: str, data: str) -> None:
        if name == "refused":
            self.why = data
            return
        told = as_json(data)
        inner: dict[str, Any] = _dict(told.get("event")) or told
        inside = _dict(inner.get("data"))
        words = {
            name.lower(),
            data.strip().lower(),
            *(str(one.get(k)).lower() for one in (inner, inside) for k in TELLING),
        }
        self.stopped |= bool(words & STOPPED)
        if words & ENDS or told.get("done") is True:
            self.end = min(words & ENDS, default="done")
        self.last_id = id_ or self.last_id
        if data.strip() not in ("", "{}"):
            self.got.append((id_, data, time.monotonic()))

    @property
    def data(self) -> list[str]:
        return [data for _, data, _ in self.got]


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
    first, other, back, more = _Heard(), _Heard(), _Heard(), headers or {}
    listen(url, "", silence_s, more)  # refuses what is no endpoint, and connects to nothing yet
    try:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            cut = group.create_task(first.follow(url, "", more, silence_s, CUT_AFTER))
            while len(first.got) < JOIN_AFTER and not cut.done():
                await asyncio.sleep(POLL_S)
            other.opened = time.monotonic()
            group.create_task(other.follow(url, "", more, silence_s, MAX_CHARS))
            await cut
            await asyncio.sleep(AWAY_S)
            await back.follow(url, first.last_id, more, silence_s, MAX_CHARS)
    except TimeoutError:
        other.late = True
        other.why = back.why = f"it went on for more than {timeout_s} s"
    return Audit(url, _judge(first, other, back))


def _judge(first: _Heard, other: _Heard, back: _Heard) -> tuple[Finding, ...]:
    names = ("survives a cut", "resumes", "second surface", "a disconnect cancels", "terminal event")
    if len(first.got) < CUT_AFTER:
        why = f"only {len(first.got)} events came before the end, too few to cut: {first.end or first.why}"
    elif 2 * len(set(first.data)) < CUT_AFTER:
        why = "its events are too much alike to tell one from the other"
    else:
        why = ""
    if why:
        return tuple(Finding(name, "could not probe", why) for name in names)
    resumes = _resumes(first, back)
    surface = _second(first, other)
    shared = surface[0] == "yes"
    missing = set(other.data) - set(first.data) - set(back.data)
    survives: tuple[Verdict, str]
    cancels: tuple[Verdict, str]
    terminal: tuple[Verdict, str]
    if shared:
        survives = ("no" if missing else "yes"), f"{len(missing)} of {len(set(other.data))} events never came"
    elif resumes[0] == "yes":
        survives = ("yes" if back.end else "no"), f"it went on, and {'ended' if back.end else back.why}"
    else:
        survives = "no", "after the cut the answer could not be had again: what comes is another, or nothing"
    if shared or resumes[0] == "yes":
        seen = other if shared else back
        later = sum(at > first.got[-1][2] for _, _, at in seen.got)
        gone = seen.stopped or not later
        how = f"{later} events came after the cut" + ", and the end said that it was cancelled" * seen.stopped
        cancels = ("yes" if gone else "no"), how
    else:
        cancels = "could not probe", "who cannot resume and cannot join cannot see what became of it"
    ended = other.end or back.end
    silent: Verdict = "could not probe" if other.late else "no"
    terminal = ("yes", f"the last word was {ended!r}") if ended else (silent, other.why)
    verdicts: tuple[tuple[Verdict, str], ...] = (survives, resumes, surface, cancels, terminal)
    found = zip(names, verdicts, strict=True)
    return tuple(Finding(name, verdict, evidence) for name, (verdict, evidence) in found)


def _resumes(first: _Heard, back: _Heard) -> tuple[Verdict, str]:
    if not first.last_id:
        return "no", "its events carry no ids, so there is nothing to resume from"
    again = set(first.data) & set(back.data)
    if 2 * len(again) > len(set(first.data)) or not back.got:
        return "no", f"asked to go on after id {first.last_id[:40]}, it sent {len(again)} of the first events again"
    return "yes", f"asked to go on after id {first.last_id[:40]}, it sent {len(back.got)} events, {len(again)} again"


def _second(first: _Heard, other: _Heard) -> tuple[Verdict, str]:
    """Another answer that says the same would lag by as much as it began later."""
    last = first.got[-1]
    arrived = [at for _, data, at in other.got if data == last[1]]
    lag, late = (arrived[0] - last[2] if arrived else None), other.opened - first.opened
    if lag is None or lag > late / 2 or not set(first.data) <= set(other.data):
        return "no", "a second connection did not see what the first saw, when it saw it"
    return "yes", f"a second connection had all that the first had within {1000 * max(0.0, lag):.0f} ms"


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
