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
from toolkit.sessions.wire import MAX_CHARS, Frames, as_json, broken, listen

Verdict = Literal["yes", "no", "could not probe"]
Judged = tuple[Verdict, str]
CAPABILITIES = ("survives a cut", "resumes", "second surface", "a disconnect cancels", "terminal event")
ENDS = frozenset("done end finish finished complete completed message_stop run.finished [done]".split())
STOPPED = frozenset("cancelled canceled aborted".split())
TELLING = ("type", "kind", "event", "status", "outcome")
JOIN_AFTER, CUT_AFTER = 6, 12
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
    """What one connection brought, and when, and how it ended; `late` is still going on at the deadline."""

    got: list[tuple[str, float]] = field(default_factory=list)
    opened: float = 0.0
    last_id: str = ""
    end: str = ""
    stopped: bool = False
    late: bool = False
    why: str = "it closed without a word, as a cut would look"

    async def follow(self, frames: Frames, most: int = MAX_CHARS) -> None:
        try:
            async with aclosing(frames):
                async for name, id_, data in frames:
                    self._take(name, id_, data)
                    if self.end or len(self.got) >= most:
                        return
        except broken() as error:
            self.why = f"it broke off, or was silent for too long: {type(error).__name__}"

    def _take(self, name: str, id_: str, data: str) -> None:
        if name == "refused":
            self.why = data
            return
        told = as_json(data)
        event = _dict(told.get("event")) or told
        words = {str(one.get(key)).lower() for one in (event, _dict(event.get("data"))) for key in TELLING}
        words |= {name.lower(), data.strip().lower()}
        self.stopped |= bool(words & STOPPED)
        if words & ENDS or told.get("done") is True:
            self.end = min(words & ENDS, default="done")
        self.last_id = id_ or self.last_id
        if data.strip() not in ("", "{}") and told != {"beat": {}}:
            self.got.append((data, time.monotonic()))

    @property
    def data(self) -> set[str]:
        return {data for data, _ in self.got}


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
    first, other, back = _Heard(), _Heard(), _Heard()
    opening = listen(url, "", silence_s, headers)  # refuses what is no endpoint, and connects to nothing yet
    try:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            cut = group.create_task(first.follow(opening, CUT_AFTER))
            while len(first.got) < JOIN_AFTER and not cut.done():
                await asyncio.sleep(POLL_S)
            other.opened = time.monotonic()
            group.create_task(other.follow(listen(url, "", silence_s, headers)))
            await cut
            await asyncio.sleep(AWAY_S)
            await back.follow(listen(url, first.last_id, silence_s, headers))
    except TimeoutError:
        other.late = True
        other.why = back.why = f"it went on for more than {timeout_s} s"
    return Audit(url, tuple(Finding(name, *judged) for name, judged in _judge(first, other, back).items()))


def _judge(first: _Heard, other: _Heard, back: _Heard) -> dict[str, Judged]:
    if 2 * len(first.data) < CUT_AFTER or len(first.got) < CUT_AFTER:
        few = f"only {len(first.got)} events came before the end, too few to cut: {first.end or first.why}"
        why = few if len(first.got) < CUT_AFTER else "its events are too much alike to tell one from the other"
        return dict.fromkeys(CAPABILITIES, ("could not probe", why))
    resumes, shared = _resumes(first, back), _second(first, other)
    witness = other if shared[0] == "yes" else back if resumes[0] == "yes" else None
    missing, ended = other.data - first.data - back.data, other.end or back.end
    survives: Judged = "no", "after the cut the answer could not be had again: what comes is another, or nothing"
    if witness is other:
        survives = ("no" if missing else "yes"), f"{len(missing)} of {len(other.data)} events never came"
    elif witness:
        survives = ("yes", "it went on, and ended") if back.end else ("no", f"it went on, and {back.why}")
    terminal: Judged = ("could not probe" if other.late else "no"), other.why
    if ended:
        terminal = "yes", f"the last word was {ended!r}"
    judged = (survives, resumes, shared, _cancels(first, witness), terminal)
    return dict(zip(CAPABILITIES, judged, strict=True))


def _resumes(first: _Heard, back: _Heard) -> Judged:
    if not first.last_id:
        return "no", "its events carry no ids, so there is nothing to resume from"
    again, asked = len(first.data & back.data), f"asked to go on after id {first.last_id[:40]}, it sent"
    if 2 * again > len(first.data) or not back.got:
        return "no", f"{asked} {again} of the first events again"
    return "yes", f"{asked} {len(back.got)} events, {again} again"


def _second(first: _Heard, other: _Heard) -> Judged:
    """Another answer that says the same would lag by as much as it began later, or more."""
    (_, began), (data, when) = first.got[0], first.got[-1]
    lag = next((at - when for same, at in other.got if same == data), None)
    if lag is None or lag > (other.opened - began) / 2 or not first.data <= other.data:
        return "no", "a second connection did not see what the first saw, when it saw it"
    return "yes", f"a second connection had all that the first had within {1000 * max(0.0, lag):.0f} ms"


def _cancels(first: _Heard, witness: _Heard | None) -> Judged:
    if witness is None:
        return "could not probe", "who cannot resume and cannot join cannot see what became of it"
    later = sum(at > first.got[-1][1] for _, at in witness.got)
    how = f"{later} events came after the cut" + ", and the end said that it was cancelled" * witness.stopped
    return ("yes" if witness.stopped or not later else "no"), how


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
