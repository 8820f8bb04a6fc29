"""Approvals: a run puts a question to people, waits for the first answer, and settles it; at the
run's end, all.
"""

import asyncio
from contextlib import suppress
from typing import Any

from toolkit.events import Event, Outcome
from toolkit.sessions.held import HeldRun
from toolkit.sessions.signals import receipt_id
from toolkit.traces.outcome import OUTCOME_WORDS


def settlement_id(request: str) -> str:
    """The id of a question's ``approval.settled``: broken off in mid-write and written again, it is
    stored once.
    """
    return f"{request}-settled"


async def ask(run: HeldRun, question: str, timeout_s: float) -> bool | None:
    """Suspend `run` until somebody answers; None at the deadline, or where the run is stopped."""
    await run.append("run.suspended", {})
    request = run.inbox.open_question(question)
    if request is None:
        request = await _put(run, question, timeout_s)
    run.inbox.inherited.pop(request, None)
    approval = await _wait_for_answer(run, request, timeout_s)
    why = "the run was stopped" if run.cancelled else "nobody answered in time"
    await settle(run, request, approval, why)
    await run.append("run.resumed", {})
    return _answer_of(approval) if approval else None


async def _put(run: HeldRun, question: str, timeout_s: float) -> str:
    """Write the question. Returns its id."""
    run.acknowledge(run.inbox.taken)
    event = run.event("approval.asked", {"question": question, "timeout_s": timeout_s})
    # Noted before it is stored: it may be stored without an acknowledgement.
    run.inbox.questions[event.id] = question
    await run.writer.store(event)
    return event.id


async def _wait_for_answer(run: HeldRun, request: str, timeout_s: float) -> Event | None:
    def is_over() -> bool:
        return run.cancelled or run.inbox.approval(request) is not None

    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while not is_over():
                await asyncio.wait([run.next_signal()])
    if not is_over():
        await run.catch_up()  # it may be stored, and still be on its way here
    return run.inbox.approval(request)


def _answer_of(approval: Event) -> bool:
    return bool(approval.data.get("answer"))


async def settle(run: HeldRun, request: str, approval: Event | None, why: str) -> None:
    """Close a question on the log with the `approval` that counts, or none and why; answer those
    that came late.
    """
    data: dict[str, Any] = {"request": request}
    if approval:
        data["answer"] = _answer_of(approval)
        data["event"] = approval.id
    else:
        data["answer"] = None
        data["why"] = why
    await run.store("approval.settled", data, settlement_id(request))
    too_late = f"question {request} was settled already"
    for late in run.inbox.settle(request, approval):
        run.inbox.answer(late.id)
        unused = {"event": late.id, "why": too_late}
        await run.store("signal.unused", unused, receipt_id(late.id))


async def last_answers(run: HeldRun, outcome: Outcome) -> list[Event]:
    """The events that go with a run's end: its questions are withdrawn, and what it did not use is
    answered.
    """
    answers = []
    ended = f"the run ended ({OUTCOME_WORDS[outcome]})"
    for request in list(run.inbox.questions):
        withdrawn = {"request": request, "answer": None, "why": ended}
        answer = run.event("approval.settled", withdrawn, settlement_id(request))
        answers.append(answer)
    unused = run.inbox.unused(outcome)
    for_others: set[str] = set()
    if any(signal.run is None for signal, _ in unused):
        for_others = await _for_others(run)
    for signal, why in unused:
        if signal.id in for_others:
            continue
        data = {"event": signal.id, "why": why}
        answer = run.event("signal.unused", data, receipt_id(signal.id))
        answers.append(answer)
    return answers


async def _for_others(run: HeldRun) -> set[str]:
    """The signals to whoever runs that another run has used, or may still use."""
    signals = await run.session.signals()
    others = set()
    for signal in signals.reaching(run.id):
        open_to_others = signal.open_to - {run.id}
        if signal.state != "pending" or open_to_others:
            others.add(signal.event.id)
    return others
