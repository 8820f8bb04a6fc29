"""Marks the exercises: each check tries an answer on something new, and says in one sentence what
it saw.
"""

from collections.abc import Awaitable, Callable, Iterable
from numbers import Real
from typing import Any

from toolkit.events import Event
from toolkit.sessions import MemoryLog, Session

PAID = "In a, two runs showed 100 tokens and 50 came again: 1/3 of 150. In b, one run showed 50 and none came again: 0."


def near(found: object, wanted: float | None) -> bool:
    """Whether an answer is this number, or None where that is wanted; nothing else raises."""
    return (
        found is None
        if wanted is None
        else isinstance(found, Real) and abs(float(found) - wanted) < 1e-9
    )


async def catches_up(answer: Callable[[Session, int], Awaitable[str]]) -> str:
    """Notebook 00: `answer(session, cursor)` returns the words that were written after `cursor`."""
    session = Session(MemoryLog(), "exercise")
    await session.say("Is the tandem free on Sunday?")
    run = await session.start_run(
        "support", source="simulated", window_s=0
    )  # each word is stored as it is written
    words = ("Yes, ", "it ", "is ", "free.")
    acks = [await run.write(word) for word in words]
    await run.finish()
    for missed in (4, 2, 1):
        expected = "".join(words[-missed:])
        first_missed = acks[-missed]
        assert first_missed, "without a window each write is acknowledged"
        shown = await answer(session, first_missed.seq - 1)
        if shown != expected:
            return f"Not yet: a phone that missed the last {missed} pieces should get {expected!r}, and got {shown!r}."
    return "Right: whatever the cursor, nothing is missing and nothing comes twice."


def knows_the_waste(answer: Callable[[Any], dict[str, float]]) -> str:
    """Notebook 09: `answer(runs)` gives for each arm the share of paid tokens that were paid in
    vain.
    """
    import pandas as pd

    runs = pd.DataFrame({"arm": ["a", "a", "b"], "regenerated": [50, 0, 0]})
    given = answer(runs)
    try:
        shares = dict(given)
    except (TypeError, ValueError):
        kind = type(given).__name__
        return f"Not yet: there should be one share for each transport, a and b, and you gave one {kind}."
    if set(shares) != {"a", "b"}:
        names = ", ".join(map(str, shares)) or "none"
        return f"Not yet: there should be one share for each transport, a and b, and yours are for: {names}."
    if not (near(shares["a"], 1 / 3) and near(shares["b"], 0)):
        told = " and ".join(f"{share} for {arm}" for arm, share in shares.items())
        return f"Not yet: {PAID} Your shares are {told}."
    return "Right: what is asked for again is paid for again, and a transport that resumes asks for nothing twice."


def shows_each_word_once(answer: Callable[[list[Event]], str]) -> str:
    """Notebook 10: `answer(events)` returns the text to show, whatever snapshots and repeats there
    are.
    """

    def event(seq: int, text: str, covers: int | None = None) -> Event:
        kind, data = (
            ("text.delta", {"text": text})
            if covers is None
            else ("text.snapshot", {"text": text, "covers": covers})
        )
        return Event("exercise", kind, "agent", data, f"{seq}-{kind}", "r", seq=seq)

    one, two, three, four = (
        event(1, "The "),
        event(2, "tandem "),
        event(3, "is "),
        event(4, "free."),
    )
    snapshot = event(9, "The tandem is ", covers=3)
    for told, feed in {
        "nothing goes wrong": [one, two, three, four],
        "events come again after a reconnect": [one, two, two, three, three, four],
        "a snapshot comes in the middle": [one, snapshot, four],
        "a snapshot is behind what is shown": [one, two, three, four, snapshot],
    }.items():
        if (found := answer(feed)) != "The tandem is free.":
            return (
                f"Not yet: where {told}, it should show 'The tandem is free.', and shows {found!r}."
            )
    return "Right: each word once, from deltas or from a snapshot."


def finds_tool_trouble(answer: Callable[[Any], list[str]]) -> str:
    """Notebook 01: `answer(frame)` gives the ids of traces in which a tool failed, most failures
    first.
    """
    import pandas as pd

    errors = pd.array([1, pd.NA, 0, 3], dtype="Int64")
    frame = pd.DataFrame({"id": ["anna", "ben", "cleo", "dora"], "tool_errors": errors})
    tried_on = "of the traces " + ", ".join(
        f"{id_} ({n})" for id_, n in zip(frame["id"], errors, strict=True)
    )
    try:
        given = answer(frame)
    except (TypeError, ValueError) as error:
        return f"Not yet: a trace that does not say whether a tool failed breaks your answer ({error})."
    if not isinstance(given, Iterable) or isinstance(given, str | pd.DataFrame):
        return (
            f"Not yet: your answer should be a list of ids, and is of type {type(given).__name__}."
        )
    ids = list(given)
    if ids != ["dora", "anna"]:
        return f"Not yet: {tried_on}, with their failures, the answer is ['dora', 'anna']; you gave {ids}."
    return "Right: failures first, and what is not known is not counted as one."


def counts_the_judged(answer: Callable[[Any], tuple[float | None, int]]) -> str:
    """Notebook 02: `answer(labels)` gives the share of passes among passes and fails, and how many
    those are.
    """
    import pandas as pd

    for verdicts, expected in {
        ("pass", "fail", "fail", "fail", "defer"): (0.25, 4),
        ("fail", "fail"): (0.0, 2),
        ("defer",): (None, 0),
        (): (None, 0),
    }.items():
        try:
            found = answer(pd.DataFrame({"verdict": list(verdicts)}, dtype="string"))
        except ZeroDivisionError:
            return (
                f"Not yet: of {list(verdicts)} nothing was judged, and your answer divides by zero."
            )
        if not isinstance(found, tuple | list) or len(found) != 2:
            return f"Not yet: your answer should be two things, (rate, n), and is {found!r}."
        rate, n = found
        if not near(rate, expected[0]) or not near(n, expected[1]):
            return f"Not yet: of {list(verdicts)} the rate is {expected[0]} of {expected[1]}; you gave {rate} of {n}."
    return "Right: what was deferred is in no rate, and where nothing was judged there is none."


def looks_before_it_pays(answer: Callable[[Any], Any]) -> str:
    """Notebook 03: `answer(trace)` is a Score: does ``find_booking`` come before each ``refund``?
    None without one.
    """
    from toolkit.evals import Score
    from toolkit.traces import Step, Trace

    for told, names, expected in (
        ("the booking is looked up, then the refund is paid", "find_booking refund", True),
        ("the refund is paid, then the booking is looked up", "refund find_booking", False),
        ("the refund is paid and nothing was looked up", "refund", False),
        ("the booking is looked up and nothing is paid", "find_booking", None),
        ("no tool is called at all", "", None),
    ):
        steps = [
            Step(str(n), "tool.call", "assistant", name, data={"name": name})
            for n, name in enumerate(names.split())
        ]
        try:
            found = answer(
                Trace("exercise", (Step("u", "message", "user", "My money, please."), *steps))
            )
        except ValueError as error:
            return f"Not yet: where {told}, your answer ends in: {error}."
        if not isinstance(found, Score):
            return f"Not yet: a scorer returns a Score, and yours returned {found!r}."
        value = (
            bool(found.value) if type(found.value).__name__ in ("bool", "bool_") else found.value
        )
        if value is not expected:
            return f"Not yet: where {told}, the value should be {expected}, and is {found.value!r}."
    return "Right: late is a fail, and a trace without a refund says nothing about refunds, so it is unscored."


def takes_the_errors_out(answer: Callable[[float, float, float], float | None]) -> str:
    """Notebook 04: `answer(passed, tpr, tnr)` is the rate that people would have found, None where
    nothing tells.
    """
    for rate in (0.0, 0.3, 0.8, 1.0):
        for tpr, tnr in ((0.9, 0.8), (0.6, 0.95), (1.0, 1.0)):
            passed = rate * tpr + (1 - rate) * (1 - tnr)
            if not near(found := answer(passed, tpr, tnr), rate):
                shown = f"{found:.3f}" if isinstance(found, float) else repr(found)
                return f"Not yet: of a rate of {rate} such a judge passes {passed:.3f}, and you found {shown}."
    for passed, edge in ((0.05, 0), (0.99, 1)):
        if not near(found := answer(passed, 0.9, 0.8), edge):
            return f"Not yet: a judge that passes {passed} may do so by chance, the rate is {edge}; you found {found!r}."
    for tpr, tnr in ((0.5, 0.5), (0.3, 0.6)):
        try:
            found = answer(0.5, tpr, tnr)
        except ZeroDivisionError:
            return f"Not yet: where TPR is {tpr} and TNR is {tnr}, your answer divides by zero: return None there."
        if found is not None:
            told = f"where TPR is {tpr} and TNR is {tnr}, their sum is {tpr + tnr:.1f} and nothing can be said"
            return f"Not yet: {told}, so it is None; you found {found!r}."
    return "Right: the errors are taken out, and where the judge says nothing you say nothing."


async def forbids_vouchers(answer: Callable[[Any], Any]) -> str:
    """Notebook 05: `answer(rubric)` adds a criterion whose rule fails traces in which a voucher is
    spoken of.
    """
    from toolkit.evals import Criterion, Rubric, RuleJudge
    from toolkit.traces import Step, Trace

    found = answer(
        Rubric(
            "exercise", "Did it do right?", (Criterion("polite", "It is polite.", "says please"),)
        )
    )
    if not isinstance(found, Rubric):
        return f"Not yet: your answer should be a Rubric, and is {found!r}."
    if [criterion.id for criterion in found.criteria] != ["polite", "no_voucher"]:
        ids = ", ".join(criterion.id for criterion in found.criteria) or "none"
        return f"Not yet: there should be two criteria, polite and no_voucher, in this order; yours are: {ids}."
    for words, expected in {
        "Please wait.": "pass",
        "Please take this voucher.": "fail",
        "Vouchers? Please ask.": "fail",
        "Please, VOUCHER CODE 7.": "fail",
    }.items():
        verdict = await RuleJudge(found).score(
            Trace("t", (Step("1", "message", "assistant", words),))
        )
        if verdict.verdict != expected:
            return f"Not yet: {words!r} should be a {expected}, and is {verdict.verdict or verdict.why_unscored}."
    return "Right: one sentence, one rule, and the verdict follows from both."
