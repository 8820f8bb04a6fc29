"""Marks the exercises: each check tries an answer on something new, and says in one sentence what
it saw. And `holds`, by which a notebook's text is held against what its cells found.
"""

from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from inspect import iscoroutinefunction
from numbers import Real
from typing import Any

from toolkit.events import Event
from toolkit.render import tag
from toolkit.sessions import MemoryLog, Session

PAID = (
    "In a, two runs showed 100 tokens and 50 came again: 1/3 of 150. "
    "In b, one run showed 50 and none came again: 0."
)
WANTED_SHARES = "Not yet: there should be one share for each transport, a and b"


class Marked(str):
    """What a check says. A notebook breaks its line between words, and not within them."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return tag("p", self)


def marked(check: Callable[..., Any]) -> Callable[..., Any]:
    """A check whose sentence is `Marked`."""

    @wraps(check)
    def now(answer: Any) -> Marked:
        return Marked(check(answer))

    @wraps(check)
    async def later(answer: Any) -> Marked:
        return Marked(await check(answer))

    return later if iscoroutinefunction(check) else now


def holds(claim: str, seen: bool) -> Marked:
    """A claim of a notebook's text, and whether its cells show it: with other traces, or with other
    luck, they may not.
    """
    if seen:
        return Marked(f"As the text says: {claim}.")
    return Marked(f"Not so this time: {claim}.")


def near(answer: object, wanted: float | None) -> bool:
    """Whether an answer is this number, or None where that is wanted; nothing else raises."""
    if wanted is None:
        return answer is None
    return isinstance(answer, Real) and abs(float(answer) - wanted) < 1e-9


@marked
async def catches_up(answer: Callable[[Session, int], Awaitable[str]]) -> str:
    """Notebook 00: `answer(session, cursor)` returns the words that were written after `cursor`."""
    session = Session(MemoryLog(), "exercise")
    await session.say("Is the tandem free on Sunday?")
    # Without a window each word is stored as it is written.
    run = await session.start_run("support", source="simulated", window_s=0)
    words = ("Yes, ", "it ", "is ", "free.")
    acks = [await run.write(word) for word in words]
    await run.finish()
    for missed in (4, 2, 1):
        expected = "".join(words[-missed:])
        first_missed = acks[-missed]
        assert first_missed, "without a window each write is acknowledged"
        shown = await answer(session, first_missed.seq - 1)
        if shown != expected:
            return (
                f"Not yet: a phone that missed the last {missed} pieces should get {expected!r}, "
                f"and got {shown!r}."
            )
    return "Right: whatever the cursor, nothing is missing and nothing comes twice."


@marked
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
        return f"{WANTED_SHARES}, and you gave one {type(given).__name__}."
    if set(shares) != {"a", "b"}:
        names = ", ".join(map(str, shares)) or "none"
        return f"{WANTED_SHARES}, and yours are for: {names}."
    if not near(shares["a"], 1 / 3) or not near(shares["b"], 0):
        yours = " and ".join(f"{share} for {arm}" for arm, share in shares.items())
        return f"Not yet: {PAID} Your shares are {yours}."
    return (
        "Right: what is asked for again is paid for again, "
        "and a transport that resumes asks for nothing twice."
    )


@marked
def shows_each_word_once(answer: Callable[[list[Event]], str]) -> str:
    """Notebook 10: `answer(events)` returns the text to show, whatever snapshots and repeats there
    are.
    """

    def event(kind: str, seq: int, **data: Any) -> Event:
        return Event("exercise", kind, "agent", data, f"{seq}-{kind}", "r", seq=seq)

    first, second, third, fourth = (
        event("text.delta", seq, text=text)
        for seq, text in enumerate(("The ", "tandem ", "is ", "free."), 1)
    )
    snapshot = event("text.snapshot", 9, text="The tandem is ", covers=3)
    feeds = {
        "nothing goes wrong": [first, second, third, fourth],
        "events come again after a reconnect": [first, second, second, third, third, fourth],
        "a snapshot comes in the middle": [first, snapshot, fourth],
        "a snapshot is behind what is shown": [first, second, third, fourth, snapshot],
    }
    for situation, feed in feeds.items():
        shown = answer(feed)
        if shown != "The tandem is free.":
            return (
                f"Not yet: where {situation}, it should show 'The tandem is free.', "
                f"and shows {shown!r}."
            )
    return "Right: each word once, from deltas or from a snapshot."


@marked
def finds_tool_trouble(answer: Callable[[Any], list[str]]) -> str:
    """Notebook 01: `answer(frame)` gives the ids of traces in which a tool failed, most failures
    first.
    """
    import pandas as pd

    errors = pd.array([1, pd.NA, 0, 3], dtype="Int64")
    frame = pd.DataFrame({"id": ["anna", "ben", "cleo", "dora"], "tool_errors": errors})
    try:
        given = answer(frame)
    except (TypeError, ValueError) as error:
        return (
            "Not yet: a trace that does not say whether a tool failed breaks your answer "
            f"({error})."
        )
    if not isinstance(given, Iterable) or isinstance(given, str | pd.DataFrame):
        kind = type(given).__name__
        return f"Not yet: your answer should be a list of ids, and is of type {kind}."
    ids = list(given)
    if ids != ["dora", "anna"]:
        failures = ", ".join(f"{id_} ({n})" for id_, n in zip(frame["id"], errors, strict=True))
        return (
            f"Not yet: of the traces {failures}, with their failures, the answer is "
            f"['dora', 'anna']; you gave {ids}."
        )
    return "Right: failures first, and what is not known is not counted as one."


@marked
def counts_the_judged(answer: Callable[[Any], tuple[float | None, int]]) -> str:
    """Notebook 02: `answer(labels)` gives the share of passes among passes and fails, and how many
    those are.
    """
    import pandas as pd

    expected = {
        ("pass", "fail", "fail", "fail", "defer"): (0.25, 4),
        ("fail", "fail"): (0.0, 2),
        ("defer",): (None, 0),
        (): (None, 0),
    }
    for verdicts, (rate, n) in expected.items():
        labels = pd.DataFrame({"verdict": list(verdicts)}, dtype="string")
        try:
            given = answer(labels)
        except ZeroDivisionError:
            return (
                f"Not yet: of {list(verdicts)} nothing was judged, and your answer divides by zero."
            )
        if not isinstance(given, tuple | list) or len(given) != 2:
            return f"Not yet: your answer should be two things, (rate, n), and is {given!r}."
        if not near(given[0], rate) or not near(given[1], n):
            return (
                f"Not yet: of {list(verdicts)} the rate is {rate} of {n}; "
                f"you gave {given[0]} of {given[1]}."
            )
    return "Right: what was deferred is in no rate, and where nothing was judged there is none."


@marked
def looks_before_it_pays(answer: Callable[[Any], Any]) -> str:
    """Notebook 03: `answer(trace)` is a Score: does ``find_booking`` come before each ``refund``?
    None without one.
    """
    from toolkit.evals import Score
    from toolkit.traces import Step, Trace

    cases = (
        ("the booking is looked up, then the refund is paid", "find_booking refund", True),
        ("the refund is paid, then the booking is looked up", "refund find_booking", False),
        ("the refund is paid and nothing was looked up", "refund", False),
        ("the booking is looked up and nothing is paid", "find_booking", None),
        ("no tool is called at all", "", None),
    )
    for situation, tools, expected in cases:
        steps = [Step("u", "message", "user", "My money, please.")]
        for number, name in enumerate(tools.split()):
            steps.append(Step(str(number), "tool.call", "assistant", name, data={"name": name}))
        try:
            score = answer(Trace("exercise", tuple(steps)))
        except ValueError as error:
            return f"Not yet: where {situation}, your answer ends in: {error}."
        if not isinstance(score, Score):
            return f"Not yet: a scorer returns a Score, and yours returned {score!r}."
        value = score.value
        if type(value).__name__ == "bool_":  # numpy's
            value = bool(value)
        if value is not expected:
            return (
                f"Not yet: where {situation}, the value should be {expected}, and is "
                f"{score.value!r}."
            )
    return (
        "Right: late is a fail, and a trace without a refund says nothing about refunds, "
        "so it is unscored."
    )


@marked
def takes_the_errors_out(answer: Callable[[float, float, float], float | None]) -> str:
    """Notebook 04: `answer(passed, tpr, tnr)` is the rate that people would have found, None where
    nothing tells.
    """
    for rate in (0.0, 0.3, 0.8, 1.0):
        for tpr, tnr in ((0.9, 0.8), (0.6, 0.95), (1.0, 1.0)):
            passed = rate * tpr + (1 - rate) * (1 - tnr)
            given = answer(passed, tpr, tnr)
            if not near(given, rate):
                shown = f"{given:.3f}" if isinstance(given, float) else repr(given)
                return (
                    f"Not yet: of a rate of {rate} such a judge passes {passed:.3f}, "
                    f"and you found {shown}."
                )
    for passed, edge in ((0.05, 0), (0.99, 1)):
        given = answer(passed, 0.9, 0.8)
        if not near(given, edge):
            return (
                f"Not yet: a judge that passes {passed} may do so by chance, the rate is {edge}; "
                f"you found {given!r}."
            )
    for tpr, tnr in ((0.5, 0.5), (0.3, 0.6)):
        where = f"where TPR is {tpr} and TNR is {tnr}"
        try:
            given = answer(0.5, tpr, tnr)
        except ZeroDivisionError:
            return f"Not yet: {where}, your answer divides by zero: return None there."
        if given is not None:
            return (
                f"Not yet: {where}, their sum is {tpr + tnr:.1f} and nothing can be said, "
                f"so it is None; you found {given!r}."
            )
    return "Right: the errors are taken out, and where the judge says nothing you say nothing."


@marked
async def forbids_vouchers(answer: Callable[[Any], Any]) -> str:
    """Notebook 05: `answer(rubric)` adds a criterion whose rule fails traces in which a voucher is
    spoken of.
    """
    from toolkit.evals import Criterion, Rubric, RuleJudge
    from toolkit.traces import Step, Trace

    polite = Criterion("polite", "It is polite.", "says please")
    rubric = answer(Rubric("exercise", "Did it do right?", (polite,)))
    if not isinstance(rubric, Rubric):
        return f"Not yet: your answer should be a Rubric, and is {rubric!r}."
    ids = [criterion.id for criterion in rubric.criteria]
    if ids != ["polite", "no_voucher"]:
        return (
            "Not yet: there should be two criteria, polite and no_voucher, in this order; "
            f"yours are: {', '.join(ids) or 'none'}."
        )
    expected = {
        "Please wait.": "pass",
        "Please take this voucher.": "fail",
        "Vouchers? Please ask.": "fail",
        "Please, VOUCHER CODE 7.": "fail",
    }
    for words, wanted in expected.items():
        trace = Trace("t", (Step("1", "message", "assistant", words),))
        verdict = await RuleJudge(rubric).score(trace)
        if verdict.verdict != wanted:
            yours = verdict.verdict or verdict.why_unscored
            return f"Not yet: {words!r} should be a {wanted}, and is {yours}."
    return "Right: one sentence, one rule, and the verdict follows from both."


@marked
def shows_rates_without_the_free(
    answer: Callable[[dict[str, list[bool | None]], set[str]], tuple[float | None, float | None]],
) -> str:
    """Notebook 07: `answer(passed, free)` gives the pass rate of all cases, and of those that are
    not free.
    """
    trials = {"refuse": [True, True, True], "refund": [True, False], "move": [False, None, None]}
    expected = (
        (trials, {"refuse"}, (4 / 8, 1 / 5)),
        (trials, set(), (4 / 8, 4 / 8)),
        ({"refuse": [True]}, {"refuse"}, (1.0, None)),
        ({}, set(), (None, None)),
    )
    for passed, free, rates in expected:
        of = f"of {passed} with {sorted(free) or 'none'} free"
        try:
            given = answer(passed, free)
        except ZeroDivisionError:
            return f"Not yet: {of}, your answer divides by zero: the rate of no trial is None."
        if not isinstance(given, tuple | list) or len(given) != 2:
            return f"Not yet: your answer should be two rates, and is {given!r}."
        if not near(given[0], rates[0]) or not near(given[1], rates[1]):
            return f"Not yet: {of}, the rates are {rates}; you gave {tuple(given)}."
    return "Right: what has no verdict is no pass, and the free cases no longer hide in the rate."


@marked
def concludes_no_more_than_is_shown(answer: Callable[[int, int], Any]) -> str:
    """Notebook 11: `answer(wins, losses)` gives the p of a two-sided sign test, and what is shown
    of the first: better, worse or not shown.
    """
    expected = {
        (5, 3): (0.7265625, "not shown"),
        (8, 0): (0.0078125, "better"),
        (5, 0): (0.0625, "not shown"),
        (0, 6): (0.03125, "worse"),
        (0, 0): (None, "not shown"),
    }
    for (wins, losses), (p, word) in expected.items():
        try:
            given = answer(wins, losses)
        except ValueError as error:
            return f"Not yet: with {wins} wins and {losses} losses your answer breaks ({error})."
        if not isinstance(given, tuple | list) or len(given) != 2:
            return f"Not yet: your answer should be two things, (p, word), and is {given!r}."
        if not near(given[0], p) or given[1] != word:
            return (
                f"Not yet: with {wins} wins and {losses} losses the answer is {(p, word)}; "
                f"you gave {tuple(given)}."
            )
    return (
        "Right: 5 wins to 3 are what a fair coin does most of the time, and with fewer than six "
        "tasks in a row nothing can be shown."
    )


@marked
def knows_what_an_audit_could_change(answer: Callable[[Any], bool]) -> str:
    """Notebook 12: `answer(facts)` says whether a result of an audit would change which framework
    comes first.
    """
    from toolkit.assess import Facts

    teams = {
        "nobody knows anything": (Facts(), True),
        "one device, drops are tolerated, and nobody controls it": (
            Facts(devices=1, tolerates_drops=True, live_control=False, phase=0),
            False,
        ),
        "its contract was edited, and nobody ships it": (
            Facts(contract_kept=False, tolerates_drops=True),
            False,
        ),
        "evals are needed, and nobody knows whether answers survive": (
            Facts(phase=1, share_failing=0.3, run_minutes=5),
            True,
        ),
        "the audit was made, and a cut answer is lost": (
            Facts(survives="no", goes_on="no", devices=2, phase=3, run_minutes=5),
            True,
        ),
    }
    for team, (facts, wanted) in teams.items():
        given = answer(facts)
        if not isinstance(given, bool):
            return f"Not yet: the answer is True or False, and yours is a {type(given).__name__}."
        if given != wanted:
            could = "could" if wanted else "could not"
            return f"Not yet: where {team}, an audit {could} change the answer; you say {given}."
    return "Right: a measurement is worth its price where one of its results changes what you do."
