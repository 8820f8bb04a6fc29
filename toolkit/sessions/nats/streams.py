"""Streams: where on JetStream a session's events stand, and what a write of one says to the server.

Each run has subjects of its own for words, snapshots, leases and fences. A run's fence is the last
event on the subject
``sess.<id>.log.q.fence.<run>``: a write names its sequence number, and is refused once that has moved. An event whose
id somebody chose has a subject of its own, and is stored only as the first there: it may come again
when the server has forgotten its id.
"""

import json
import re
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from toolkit.errors import UsageError
from toolkit.events import Event
from toolkit.sessions.log import FENCES, FRESH_ID, Lane, part_of
from toolkit.sessions.nats.ask import PUBLISH_TIMEOUT_S, Refused, persist, uncancelled

if TYPE_CHECKING:
    from nats.js.api import StreamConfig

    from toolkit.sessions.nats.client import Client

STREAM = "FIELDBOOK"
RUN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}")
MAX_CONSUMERS = 100_000
"""Each reader and each run has one; the server's own limit is 1,000 a stream."""
NAME_IN_USE = 10058
ROLLED_UP = {"snapshot", "lease"}
"""Only the last of these is kept for each run: each says all that the ones before it said."""
FILTERS: dict[Lane, str] = {
    "log": "log.>",
    "quiet": "log.q.>",
    "control": "log.q.ctl.>",
    "words": "log.txt.*",
    "snapshot": "snapshot.*",
    "lease": "lease.*",
}


@lru_cache(maxsize=4096)
def home(session: str, streams: int) -> tuple[str, str]:
    """The stream that holds `session`, one of `streams`, and what the session's subjects begin
    with.
    """
    stream, root = names(int(sha256(session.encode()).hexdigest()[:8], 16) % streams, streams)
    return stream, f"{root}.{session}"


def names(number: int, streams: int) -> tuple[str, str]:
    """A stream's name, and the first token of its subjects."""
    return (
        (STREAM, "sess")
        if streams == 1
        else (f"{STREAM}-{streams}-{number}", f"sess-{streams}-{number}")
    )


def subject(event: Event, root: str) -> str:
    """Where `event` is published, under its session's `root`."""
    where = part_of(event)
    if event.kind in FENCES:
        return f"{root}.log.q.fence.{_of(event.run)}"
    if where in {"event", "control"}:
        lane = f"ctl.{_of(event.run)}" if where == "control" else "evt"
        return f"{root}.log.q.{lane}.{_token(event.id) if _chosen(event) else '-'}"
    whose = _token(event.actor) if event.run is None else _of(event.run)
    return f"{root}.{'log.txt' if where == 'words' else where}.{whose}"


def filters(root: str, lane: Lane, run: str | None) -> list[str]:
    """Where a lane's events are published; with `run`, the signals to it and to whoever runs."""
    if run is None or lane != "control":
        return [f"{root}.{FILTERS[lane]}"]
    return [f"{root}.log.q.ctl.{_of(run)}.*", f"{root}.log.q.ctl.-.*"]


def guard(event: Event, root: str, fence: int | None) -> tuple[str, int] | None:
    """The subject whose last sequence number a write names, and that number."""
    if fence is not None:
        return f"{root}.log.q.fence.{_of(event.run)}", fence
    return (subject(event, root), 0) if _chosen(event) else None


def message_id(event: Event) -> str:
    """The id by which the server knows a write again for a while."""
    # A header's value is trimmed on its way: two ids that somebody chose could become one.
    id_ = event.id if FRESH_ID.fullmatch(event.id) else _token(event.id)
    return f"{event.session}.{id_}"


def headers(event: Event, root: str, fence: int | None) -> dict[str, str]:
    """What the server must know of a write. A fresh dict: a batch adds to it."""
    lines = {"Nats-Msg-Id": message_id(event)}
    if guarded := guard(event, root, fence):
        lines["Nats-Expected-Last-Subject-Sequence-Subject"] = guarded[0]
        lines["Nats-Expected-Last-Subject-Sequence"] = str(guarded[1])
    if part_of(event) in ROLLED_UP:
        lines["Nats-Rollup"] = "sub"
    return lines


def _chosen(event: Event) -> bool:
    return (
        not FRESH_ID.fullmatch(event.id)
        and part_of(event) in {"event", "control"}
        and event.kind not in FENCES
    )


def _of(run: str | None) -> str:
    """A token for a run: whoever sends a signal may write anything there."""
    return "-" if run is None else run if RUN_ID.fullmatch(run) else _token(run)


def _token(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]


async def make_streams(
    client: "Client", streams: int, replicas: int, window_s: float, atomic: bool, timeout_s: float
) -> "list[StreamConfig]":
    """Make the streams that are not there yet. Returns how each of them is set up.

    Raises ValueError where the sessions there are spread over another number of streams: they would
    not be found.
    """
    from nats.js.api import StorageType, StreamConfig

    stream = client.jetstream(timeout=PUBLISH_TIMEOUT_S)
    asked = await persist(
        uncancelled(client.request, "$JS.API.STREAM.NAMES", b""), timeout_s, "no names of streams"
    )
    for name in json.loads(asked.data).get("streams") or []:
        there = re.fullmatch(rf"{STREAM}(?:-(\d+)-\d+)?", name)
        if there and int(there[1] or 1) != streams:
            raise UsageError(
                f"sessions are spread over {there[1] or 1} here: connect with streams={there[1] or 1}"
            )
    made = []
    for number in range(streams):
        name, root = names(number, streams)
        config = StreamConfig(
            name=name,
            subjects=[f"{root}.>"],
            storage=StorageType.FILE,
            num_replicas=replicas,
            duplicate_window=window_s,
            max_consumers=MAX_CONSUMERS,
            allow_direct=True,
            allow_rollup_hdrs=True,
            allow_atomic=atomic or None,
        )
        what = f"stream {name} was not made"
        try:
            info = await persist(uncancelled(stream.add_stream, config), timeout_s, what)
        except Refused as error:
            if error.code != NAME_IN_USE:
                raise
            info = await persist(uncancelled(stream.stream_info, name), timeout_s, what)
        made.append(info.config)
    return made
