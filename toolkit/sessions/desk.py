"""What an agent does with a message that comes while it is answering another: decided here, done in
control.py.

The policies carry LangGraph's names. `decide` and `finished` are pure.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

SecondMessage = Literal["reject", "enqueue", "interrupt", "rollback"]
"""Turn the second message away; answer it later; break off and answer it; take back the answer so
far, and answer.
"""

Do = Literal["start", "reject", "break off", "roll back"]


@dataclass(frozen=True, slots=True)
class Desk:
    """What an agent has before it."""

    active: str | None = None
    """The id of the message that it answers."""
    waiting: tuple[str, ...] = ()
    """The ids of those to be answered next, in order."""


def decide(
    desk: Desk, policy: SecondMessage, message: str
) -> tuple[Desk, tuple[tuple[Do, str], ...]]:
    """What to do about `message`, and what is on the desk then.

    >>> decide(Desk("a"), "enqueue", "b")
    (Desk(active='a', waiting=('b',)), ())
    >>> decide(Desk("a"), "interrupt", "b")
    (Desk(active='b', waiting=()), (('break off', 'a'), ('start', 'b')))
    """
    if policy not in get_args(SecondMessage):
        raise ValueError(
            f"a second message is met by {', '.join(get_args(SecondMessage))}, not by {policy!r}"
        )
    if message == desk.active or message in desk.waiting:
        return desk, ()
    if desk.active is None:
        return Desk(message, desk.waiting), (("start", message),)
    if policy == "reject":
        return desk, (("reject", message),)
    if policy == "enqueue":
        return replace(desk, waiting=(*desk.waiting, message)), ()
    end: Do = "break off" if policy == "interrupt" else "roll back"
    return replace(desk, active=message), ((end, desk.active), ("start", message))


def finished(desk: Desk, message: str) -> tuple[Desk, tuple[tuple[Do, str], ...]]:
    """What follows once the answer to `message` has ended; nothing where it was not the active one.

    >>> finished(Desk("a", ("b",)), "a")
    (Desk(active='b', waiting=()), (('start', 'b'),))
    """
    if message != desk.active:
        return desk, ()
    if not desk.waiting:
        return Desk(), ()
    return Desk(desk.waiting[0], desk.waiting[1:]), (("start", desk.waiting[0]),)
