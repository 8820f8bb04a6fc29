"""What survives at a streaming endpoint of yours: four connections, two cut, and a scorecard.

All is judged from what the connections of a `Probe` brought. An endpoint that calls a model may be
charged for four answers.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from toolkit import render
from toolkit.errors import UsageError
from toolkit.sessions.lab.heard import STOPPED, Heard, Texts, covers, n_chars, shown
from toolkit.sessions.lab.probe import Probe
from toolkit.sessions.lab.wire import Request

Verdict = Literal["yes", "no", "could not probe"]

SURVIVES, RESUMES, SHARED = "survives a cut", "resumes", "second surface"
GOES_ON, TERMINAL = "a disconnect leaves it running", "terminal event"
CAPABILITIES = (SURVIVES, RESUMES, SHARED, GOES_ON, TERMINAL)
PATIENCE_S, TIMEOUT_S = 30.0, 300.0
IN_FLIGHT = 2
"""Words that may still come of an answer that the cut has ended."""
SECRET_CHARS = 4
"""Shorter values of headers are no secrets, and too common to strike out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One capability of the endpoint."""

    capability: str
    verdict: Verdict
    evidence: str
    """What was seen."""
    advice: str = ""
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The scorecard of an endpoint."""

    url: str
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        columns = ("capability", "verdict", "evidence", "advice")
        rows = [tuple(getattr(finding, name) for name in columns) for finding in self.findings]
        return render.block(render.tag("p", self.url), render.table(rows, columns))


async def audit_endpoint(
    url: str,
    method: str = "GET",
    body: "str | bytes | dict[str, Any] | None" = None,
    headers: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
    timeout_s: float = TIMEOUT_S,
) -> Audit:
    """Probe a streaming endpoint (SSE or NDJSON over HTTP, or a WebSocket) while it answers.

    Parameters
    ----------
    url : str
        The only address that is spoken to; redirects are not followed.
    method : str
        Of HTTP: ``POST`` for most endpoints that call a model.
    body : str, bytes or dict, optional
        What each connection sends; a dict goes as JSON. Over a WebSocket it is the first message.
    headers : mapping, optional
        A token, say. No value is shown in the scorecard.
    patience_s : float
        A connection that brings no word for so long is given up: more than the model thinks.
    timeout_s : float
        All of it ends by then.

    Raises
    ------
    ValueError
        For a URL that is not http, https, ws or wss, and for a time that is not above 0.
    """
    if not (patience_s > 0 and timeout_s > 0):
        raise UsageError(
            f"the times are above 0: patience {patience_s:g} s, timeout {timeout_s:g} s"
        )
    all_headers = dict(headers or {})
    if isinstance(body, dict):
        body = json.dumps(body)
        all_headers = {"Content-Type": "application/json", **all_headers}
    content = body.encode() if isinstance(body, str) else body or b""
    probe = Probe(Request(url, method.upper(), content, all_headers), patience_s)
    await probe.run(timeout_s)
    secrets = _secrets(headers or {})
    findings = []
    for finding in judge(probe):
        evidence = _without(secrets, finding.evidence)
        findings.append(replace(finding, evidence=evidence))
    return Audit(_without(secrets, _public(url)), tuple(findings))


def judge(probe: Probe) -> list[Finding]:
    """What the connections of `probe` show, for each capability."""
    if not probe.was_cut:
        evidence, advice = _why_not_probed(probe.first)
        return [Finding(name, "could not probe", evidence, advice) for name in CAPABILITIES]
    shared = _is_shared(probe)
    resumes = _resumes(probe, shared.verdict == "yes")
    goes_on = _goes_on(probe, resumes.verdict == "yes")
    survives = _survives(probe, resumes.verdict == "yes", goes_on)
    return [survives, resumes, shared, goes_on, _terminal(probe)]


def _why_not_probed(first: Heard) -> tuple[str, str]:
    """The evidence and the advice where no answer could be cut in its middle."""
    n_words = len(first.words)
    evidence = f"{n_words} events with words came, and no answer could be cut: {first.why}"
    if "HTTP 401" in first.why or "HTTP 403" in first.why:
        return evidence, "give it the headers that it asks for, a token say (headers=, --header)"
    if "HTTP 3" in first.why:
        return evidence, "redirects are not followed: give the address that it redirects to"
    if "HTTP 4" in first.why:
        return evidence, "look at the address, the method and the body (--method, --body)"
    if "HTTP 5" in first.why or "broke" in first.why:
        return evidence, "look whether it is up, and what it has to say about this request"
    if "no word came" in first.why:
        return evidence, (
            "if it is a session, send it a message first, so that it answers while it is probed; "
            "if its model thinks for longer, raise patience_s (--patience)"
        )
    return evidence, "ask for a longer answer: it takes 12 events with words, over a second or so"


def _is_shared(probe: Probe) -> Finding:
    reached_s = probe.second.reached_s(probe.marked_texts)
    lag_s = None if reached_s is None else reached_s - probe.marked_s
    if lag_s is None or lag_s > probe.lag_limit_s:
        evidence = "a second connection did not show what the first showed, when it showed it"
        advice = "keep the answer on the server, and send each reader all of it from the beginning"
        return Finding(SHARED, "no", evidence, advice)
    lag_ms = 1000 * max(0.0, lag_s)
    evidence = f"a second connection had all that the first had within {lag_ms:.0f} ms"
    return Finding(SHARED, "yes", evidence)


def is_same_answer(probe: Probe) -> bool:
    """Whether the fresh connection was shown the answer that was cut.

    What was said before comes in a burst. An answer of its own takes the time of the first, also
    where it says the same.
    """
    joined_s = probe.fresh.reached_s(probe.joined_texts)
    reached_s = probe.fresh.reached_s(probe.first.texts)
    if joined_s is None or reached_s is None:
        return False
    took_s = probe.first.words[-1].at_s - probe.joined_s
    return reached_s - joined_s < took_s / 2


def _resumes(probe: Probe, shared: bool) -> Finding:
    advice = "give each event an id, and on Last-Event-ID send what follows it, and nothing else"
    first, back = probe.first, probe.back
    if back is None:
        evidence = "its events carry no ids, so there is nothing to resume from"
        return Finding(RESUMES, "no", evidence, advice)
    asked = f"asked to go on after id {first.last_id[:40]}, it sent"
    if not back.words and not back.new_ends(first):
        return Finding(RESUMES, "no", f"{asked} nothing: {back.why}", advice)
    seen = {word.frame.id or word.frame.data for word in first.words}
    n_repeated = sum((word.frame.id or word.frame.data) in seen for word in back.words)
    if 2 * n_repeated > len(seen):
        evidence = f"{asked} {n_repeated} of the first events again"
        return Finding(RESUMES, "no", evidence, advice)
    resumed = shown([*first.words, *back.words])
    if is_same_answer(probe):
        fresh = probe.fresh.texts
        if not covers(fresh, resumed) and not covers(resumed, fresh):
            evidence = f"{asked} {len(back.words)} events, which do not follow: words are missing"
            return Finding(RESUMES, "no", evidence, advice)
    elif not shared and not _follows(first, back):
        evidence = f"{asked} {len(back.words)} events, perhaps of another answer: no connection"
        evidence += " without an id shows the same answer"
        return Finding(RESUMES, "could not probe", evidence, advice)
    evidence = f"{asked} the {len(back.words)} events with words that follow"
    return Finding(RESUMES, "yes", evidence)


def _follows(first: Heard, back: Heard) -> bool:
    """Whether the ids of `back` count on from those of `first`."""
    next_id = next((arrival.frame.id for arrival in back.arrivals if arrival.frame.id), "")
    digits = len(first.last_id) - len(first.last_id.rstrip("0123456789"))
    number = first.last_id[len(first.last_id) - digits :]
    stem = first.last_id[: len(first.last_id) - digits]
    return bool(number) and next_id == f"{stem}{int(number) + 1}"


def _goes_on(probe: Probe, resumes: bool) -> Finding:
    """Whether the answer was made to its end while nobody was connected."""
    first, fresh, back = probe.first, probe.fresh, probe.back
    advice = "let the answer run apart from any connection, and stop it only where somebody says so"
    if is_same_answer(probe):
        witness, texts, control = fresh, fresh.texts, None
    elif resumes and back:
        witness, texts, control = back, shown([*first.words, *back.words]), fresh
    else:
        evidence = "who can neither resume nor join cannot see what became of the answer"
        return Finding(GOES_ON, "could not probe", evidence, advice)
    stopped = witness.new_ends(first) & STOPPED
    if stopped:
        evidence = f"after the cut it ended with the word {min(stopped)!r}"
        return Finding(GOES_ON, "no", evidence, advice)
    n_later = _events_after(probe, texts)
    n_due = probe.away_s / probe.pace_s
    evidence = (
        f"nobody listened for {probe.away_s:.1f} s, in which about {n_due:.0f} events were due; "
        f"words of {n_later} came after the cut, then {_last(witness, first)}"
    )
    answer_chars = n_chars(texts)
    control_chars = n_chars(control.texts) if control and control.has_ended(first) else 0
    if control_chars:
        evidence += f"; {answer_chars} characters, where an answer"
        evidence += f" that nobody cut had {control_chars}"
    if n_later <= IN_FLIGHT and control_chars and answer_chars > 0.9 * control_chars:
        advice = "the answer was over at the moment of the cut: ask for a longer one"
        return Finding(GOES_ON, "could not probe", evidence, advice)
    if n_later <= IN_FLIGHT or answer_chars < control_chars / 2:
        advice += "; if the answer was over by chance when it was cut, ask for a longer one"
        return Finding(GOES_ON, "no", evidence, advice)
    return Finding(GOES_ON, "yes", evidence)


def _events_after(probe: Probe, texts: Texts) -> int:
    """How many events of the usual size `texts` go on for after what was seen before the cut."""
    seen_chars = n_chars(probe.first.texts)
    n_live = probe.first.n_words_since(probe.joined_s)
    chars_per_event = (seen_chars - n_chars(probe.joined_texts)) / n_live
    return round((n_chars(texts) - seen_chars) / max(1.0, chars_per_event))


def _last(heard: Heard, first: Heard) -> str:
    """How the answer ended on this connection."""
    ends = heard.new_ends(first)
    return f"it said {min(ends)!r}" if ends else heard.why


def _survives(probe: Probe, resumes: bool, goes_on: Finding) -> Finding:
    advice = "keep the answer where a client that comes back can have it: a log, and a cursor"
    if goes_on.verdict == "no":
        evidence = f"the answer itself was cut short: {goes_on.evidence}"
        return Finding(SURVIVES, "no", evidence, goes_on.advice)
    if resumes and probe.back:
        end = _last(probe.back, probe.first)
        evidence = f"who came back was shown the rest of the answer; then {end}"
        return Finding(SURVIVES, "yes", evidence)
    if is_same_answer(probe):
        evidence = "a new connection was shown all of the answer from its beginning"
        return Finding(SURVIVES, "yes", evidence)
    evidence = "after the cut the answer could not be had: what comes is another, or nothing"
    return Finding(SURVIVES, "no", evidence, advice)


def _terminal(probe: Probe) -> Finding:
    connections = [heard for heard in (probe.fresh, probe.back) if heard]
    for heard in connections:
        ends = heard.new_ends(probe.first)
        if ends:
            return Finding(TERMINAL, "yes", f"the last word was {min(ends)!r}")
    why = "; ".join(dict.fromkeys(heard.why for heard in connections))
    if "it went on" in why:
        advice = "raise timeout_s (--timeout), or ask for a shorter answer"
        return Finding(TERMINAL, "could not probe", why, advice)
    advice = "end each answer with an event of its own: a close looks the same as a cut"
    return Finding(TERMINAL, "no", f"no event told of an end: {why}", advice)


def _secrets(headers: Mapping[str, str]) -> list[str]:
    """The values of headers and their parts, the longest first."""
    parts = {part for value in headers.values() for part in (value, value.strip(), *value.split())}
    return sorted((part for part in parts if len(part) >= SECRET_CHARS), key=len, reverse=True)


def _public(url: str) -> str:
    """The address without a password and without the values of its query: one may be a token."""
    parts = urlsplit(url)
    query = re.sub(r"=[^&]*", "=…", parts.query)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))


def _without(secrets: list[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text
