"""The findings of an audit: what the four connections of a `Probe` show, for each capability."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from toolkit.sessions.lab.heard import STOPPED, Arrival, Heard, Texts, covers, n_chars, shown
from toolkit.sessions.lab.probe import Probe
from toolkit.shown import Shown

Verdict = Literal["yes", "no", "could not probe"]

SURVIVES = "survives a cut"
RESUMES = "resumes"
SHARED = "second surface"
GOES_ON = "a disconnect leaves it running"
TERMINAL = "terminal event"
CAPABILITIES = (SURVIVES, RESUMES, SHARED, GOES_ON, TERMINAL)
IN_FLIGHT = 2
"""Words that may still come of an answer that the cut has ended."""


@dataclass(frozen=True, slots=True)
class Finding(Shown):
    """One capability of the endpoint."""

    capability: str
    verdict: Verdict
    evidence: str
    """What was seen."""
    advice: str = ""
    """What to do about it."""


def judge(probe: Probe) -> list[Finding]:
    """What the connections of `probe` show, for each capability."""
    if not probe.was_cut:
        evidence, advice = _why_not_probed(probe.first)
        return [Finding(name, "could not probe", evidence, advice) for name in CAPABILITIES]
    shared = _is_shared(probe)
    resumes = _resumes(probe, shared.verdict == "yes")
    can_resume = resumes.verdict == "yes"
    goes_on = _goes_on(probe, can_resume)
    survives = _survives(probe, can_resume, goes_on)
    terminal = _terminal(probe)
    return [survives, resumes, shared, goes_on, terminal]


def _why_not_probed(first: Heard) -> tuple[str, str]:
    """The evidence and the advice where no answer could be cut in its middle."""
    why = first.why
    evidence = f"{len(first.words)} events with words came, and no answer could be cut: {why}"
    if "HTTP 401" in why or "HTTP 403" in why:
        advice = "give it the headers that it asks for, a token say (headers=, --header)"
    elif "HTTP 3" in why:
        advice = "redirects are not followed: give the address that it redirects to"
    elif "HTTP 4" in why:
        advice = "look at the address, the method and the body (--method, --body)"
    elif "HTTP 5" in why or "broke" in why:
        advice = "look whether it is up, and what it has to say about this request"
    elif "no word came" in why:
        advice = (
            "if it is a session, send it a message first, so that it answers while it is probed; "
            "if its model thinks for longer, raise patience_s (--patience)"
        )
    else:
        advice = "ask for a longer answer: it takes 12 events with words, over a second or so"
    return evidence, advice


def _is_shared(probe: Probe) -> Finding:
    lag_s = math.inf
    reached_s = probe.second.reached_s(probe.marked_texts)
    if reached_s is not None:
        lag_s = reached_s - probe.marked_s
    if lag_s > probe.lag_limit_s:
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
    """Whether the connection that came back with an id was sent what follows it."""
    advice = "give each event an id, and on Last-Event-ID send what follows it, and nothing else"
    first = probe.first
    back = probe.back
    if back is None:
        evidence = "its events carry no ids, so there is nothing to resume from"
        return Finding(RESUMES, "no", evidence, advice)
    asked = f"asked to go on after id {first.last_id[:40]}, it sent"
    if not back.words and not back.new_ends(first):
        return Finding(RESUMES, "no", f"{asked} nothing: {back.why}", advice)
    seen = {_key(arrival) for arrival in first.words}
    repeated = [arrival for arrival in back.words if _key(arrival) in seen]
    n_repeated = len(repeated)
    if 2 * n_repeated > len(seen):
        evidence = f"{asked} {n_repeated} of the first events again"
        return Finding(RESUMES, "no", evidence, advice)
    n_sent = len(back.words)
    if is_same_answer(probe):
        resumed = shown([*first.words, *back.words])
        if not _fit_together(probe.fresh.texts, resumed):
            evidence = f"{asked} {n_sent} events, which do not follow: words are missing"
            return Finding(RESUMES, "no", evidence, advice)
    elif not shared and not _follows(first, back):
        evidence = (
            f"{asked} {n_sent} events, perhaps of another answer: "
            "no connection without an id shows the same answer"
        )
        return Finding(RESUMES, "could not probe", evidence, advice)
    return Finding(RESUMES, "yes", f"{asked} the {n_sent} events with words that follow")


def _key(arrival: Arrival) -> str:
    """What an event is known by when it comes again."""
    return arrival.frame.id or arrival.frame.data


def _fit_together(fresh: Texts, resumed: Texts) -> bool:
    """Whether two readers were shown the same answer, one of them perhaps for longer."""
    return covers(fresh, resumed) or covers(resumed, fresh)


def _follows(first: Heard, back: Heard) -> bool:
    """Whether the ids of `back` count on from those of `first`."""
    last_id = first.last_id
    stem = last_id.rstrip("0123456789")
    number = last_id.removeprefix(stem)
    if not number:
        return False
    ids = [arrival.frame.id for arrival in back.arrivals if arrival.frame.id]
    return ids[:1] == [f"{stem}{int(number) + 1}"]


class _Witness(NamedTuple):
    """A connection that saw what became of the answer after the cut."""

    heard: Heard
    texts: Texts
    """What its reader was shown of the answer."""
    control_chars: int
    """The size of an answer that nobody cut; 0 where there is none."""


def _witness(probe: Probe, resumes: bool) -> _Witness | None:
    """The connection that came after the cut and was shown the same answer, if there is one."""
    if is_same_answer(probe):
        return _Witness(probe.fresh, probe.fresh.texts, 0)
    if not resumes or probe.back is None:
        return None
    control_chars = 0
    if probe.fresh.has_ended(probe.first):  # it got an answer of its own
        control_chars = n_chars(probe.fresh.texts)
    texts = shown([*probe.first.words, *probe.back.words])
    return _Witness(probe.back, texts, control_chars)


def _goes_on(probe: Probe, resumes: bool) -> Finding:
    """Whether the answer was made to its end while nobody was connected."""
    advice = "let the answer run apart from any connection, and stop it only where somebody says so"
    witness = _witness(probe, resumes)
    if witness is None:
        evidence = "who can neither resume nor join cannot see what became of the answer"
        return Finding(GOES_ON, "could not probe", evidence, advice)
    stopped = witness.heard.new_ends(probe.first) & STOPPED
    if stopped:
        evidence = f"after the cut it ended with the word {min(stopped)!r}"
        return Finding(GOES_ON, "no", evidence, advice)
    answer_chars = n_chars(witness.texts)
    control_chars = witness.control_chars
    n_later = _events_after(probe, witness.texts)
    n_due = probe.away_s / probe.pace_s
    evidence = (
        f"nobody listened for {probe.away_s:.1f} s, in which about {n_due:.0f} events were due; "
        f"words of {n_later} came after the cut, then {_last(witness.heard, probe.first)}"
    )
    if control_chars:
        evidence += (
            f"; {answer_chars} characters, where an answer that nobody cut had {control_chars}"
        )
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
    live_chars = seen_chars - n_chars(probe.joined_texts)
    chars_per_event = live_chars / probe.first.n_words_since(probe.joined_s)
    later_chars = n_chars(texts) - seen_chars
    return round(later_chars / max(1.0, chars_per_event))


def _last(heard: Heard, first: Heard) -> str:
    """How the answer ended on this connection."""
    ends = heard.new_ends(first)
    if not ends:
        return heard.why
    return f"it said {min(ends)!r}"


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
    connections = [probe.fresh]
    if probe.back:
        connections.append(probe.back)
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
