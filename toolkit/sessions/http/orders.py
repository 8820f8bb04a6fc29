"""Order: what a surface asks for over HTTP, in a POST or over a WebSocket."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from toolkit.records import RecordError
from toolkit.sessions.log import ID_PATTERN, Ack
from toolkit.sessions.session import Session
from toolkit.sessions.signals import run_for


class OrderRefused(ValueError):
    """A signal that can reach nobody any more. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a surface asks for."""

    do: Literal["say", "cancel", "steer", "interrupt", "approve"]
    text: Annotated[str, Field(max_length=20_000)] = ""
    run: Annotated[str, Field(pattern=f"^{ID_PATTERN.pattern}$")] | None = None
    """The run that it is about; None for whatever runs now."""
    request: str = ""
    """The id of the event that asked for approval."""
    answer: bool = False
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")] | None = None
    """Chosen by the sender of a message: sent twice, it is one message."""
    screen: Annotated[str, Field(max_length=64)] = ""
    """The device that it comes from, as ``phone``: one actor may have several."""

    def check(self) -> None:
        """Raise RecordError where a field that it needs is empty."""
        if self.do in ("say", "steer") and not self.text.strip():
            raise RecordError("is empty: say something", field="text")
        if self.do == "approve" and not self.request:
            raise RecordError("is empty: it is the id of the event that asked", field="request")

    async def check_against(self, session: Session) -> None:
        """Raise OrderRefused where the signal can reach nobody in `session` now. A message always
        can.
        """
        if self.do == "say":
            return
        signals = await session.signals()
        why = signals.refusal(self.do, self.run, self.request or None)
        if why:
            raise OrderRefused(why)

    async def give(self, session: Session, actor: str) -> dict[str, Any]:
        """Write it to the session, as `actor`. Returns the acknowledgement; of a message, also the
        run that answers.
        """
        ack = await self._write(session, actor)
        answer = {
            "seq": ack.seq,
            "id": ack.event.id,
            "durability": ack.durability,
            "duplicate": ack.duplicate,
        }
        if self.do == "say":
            answer["run"] = run_for(ack.event.id)
        return answer

    async def _write(self, session: Session, actor: str) -> Ack:
        match self.do:
            case "say":
                id_ = self.id and f"say-{self.id}"
                return await session.say(self.text, actor, id_, self.screen)
            case "cancel":
                return await session.cancel(self.run, actor, self.screen)
            case "steer":
                return await session.steer(self.text, self.run, actor, self.screen)
            case "interrupt":
                return await session.interrupt(self.text, self.run, actor, self.screen)
            case "approve":
                answer = self.answer
                return await session.approve(self.request, answer, self.run, actor, self.screen)
