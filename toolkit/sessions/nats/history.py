"""History: what a reader on JetStream follows, known again by one event of it.

A stream that was made anew, or purged, counts on as if nothing had happened: a reader that only
waits for the next sequence number is deaf, or shows what is no longer there. So it keeps one event
that it knows to be of its history, and looks now and then whether that event still stands where it
stood.
"""

from collections.abc import Awaitable, Callable

from toolkit.sessions.log import BESIDE_LANES, CursorLost, Lane

Look = Callable[[int], Awaitable[str | None]]
"""The id of the session's event at a sequence number; None where it has none there."""
Bounds = Callable[[], Awaitable[tuple[int, int]]]
"""The first and the last sequence number between which a cursor may stand."""


class History:
    """The history of one session, for one reader of one lane.

    Parameters
    ----------
    session : str
        Its id.
    lane : Lane
        What is read. What stands beside the log comes and goes, so only the end of those lanes is
        looked at.
    look, bounds
        Ask the log.
    expires : bool
        The stream itself drops old events: that an event is gone does not mean another history.
    """

    def __init__(self, session: str, lane: Lane, look: Look, bounds: Bounds, expires: bool):
        self._session = session
        self._look = look
        self._bounds = bounds
        self._expires = expires
        self._beside = lane in BESIDE_LANES
        self._known: tuple[int, str] | None = None

    def note(self, seq: int, event_id: str) -> None:
        """Remember the first event that the reader was given."""
        if self._known is None and not self._beside:
            self._known = seq, event_id

    async def check(self, after: int) -> None:
        """Raise CursorLost where a reader that has read up to `after` has read another history than
        there is now.
        """
        if self._known is not None:
            seq, event_id = self._known
            if await self._look(seq) == event_id:
                return
            if not self._expires:
                raise CursorLost(self._session, after)
            self._known = None
        if after <= 0:
            return
        id_there = None if self._beside else await self._look(after)
        if id_there is not None:
            self._known = after, id_there
            return
        first, last = await self._bounds()
        if after > last or (after < first - 1 and not self._beside):
            raise CursorLost(self._session, after)
