"""Streams: the subjects of a session's events on JetStream, and the headers of a write.

Each run has subjects of its own for words, snapshots, leases and fences. A run's fence is the last
event on the subject ``sess.<id>.log.q.fence.<run>``: a write names its sequence number, and is
refused once that has moved. An event whose id somebody chose has a subject of its own, and is
stored only as the first there: it may come again when the server has forgotten its id.
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
    digest = sha256(session.encode()).hexdigest()
    number = int(digest[:8], 16) % streams
    stream, root = names(number, streams)
    return stream, f"{root}.{session}"


def names(number: int, streams: int) -> tuple[str, str]:
    """A stream's name, and the first token of its subjects."""
    if streams == 1:
        return STREAM, "sess"
    return f"{STREAM}-{streams}-{number}", f"sess-{streams}-{number}"


def subject(event: Event, root: str) -> str:
    """Where `event` is published, under its session's `root`."""
    run = _token_of_run(event.run)
    if event.kind in FENCES:
        return f"{root}.log.q.fence.{run}"
    part = part_of(event)
    if part in {"event", "control"}:
        own = _hash(event.id) if _chosen(event) else "-"
        return f"{root}.log.q.ctl.{run}.{own}" if part == "control" else f"{root}.log.q.evt.{own}"
    writer = _hash(event.actor) if event.run is None else run
    return f"{root}.log.txt.{writer}" if part == "words" else f"{root}.{part}.{writer}"


def filters(root: str, lane: Lane, run: str | None) -> list[str]:
    """Where a lane's events are published; with `run`, the signals to it and to whoever runs."""
    if run is None or lane != "control":
        return [f"{root}.{FILTERS[lane]}"]
    return [f"{root}.log.q.ctl.{_token_of_run(run)}.*", f"{root}.log.q.ctl.-.*"]


def guard(event: Event, root: str, fence: int | None) -> tuple[str, int] | None:
    """The subject whose last sequence number a write names, and that number."""
    if fence is not None:
        return f"{root}.log.q.fence.{_token_of_run(event.run)}", fence
    return (subject(event, root), 0) if _chosen(event) else None


def message_id(event: Event) -> str:
    """The id by which the server knows a write again for a while."""
    # A header's value is trimmed on its way: two ids that somebody chose could become one.
    id_ = event.id if FRESH_ID.fullmatch(event.id) else _hash(event.id)
    return f"{event.session}.{id_}"


def headers(event: Event, root: str, fence: int | None) -> dict[str, str]:
    """What the server must know of a write. A fresh dict: a batch adds to it."""
    lines = {"Nats-Msg-Id": message_id(event)}
    guarded = guard(event, root, fence)
    if guarded:
        of_subject, last_seq = guarded
        lines["Nats-Expected-Last-Subject-Sequence-Subject"] = of_subject
        lines["Nats-Expected-Last-Subject-Sequence"] = str(last_seq)
    if part_of(event) in ROLLED_UP:
        lines["Nats-Rollup"] = "sub"
    return lines


def _chosen(event: Event) -> bool:
    """Whether somebody chose the event's id, so that it has a subject of its own."""
    if FRESH_ID.fullmatch(event.id) or event.kind in FENCES:
        return False
    return part_of(event) in {"event", "control"}


def _token_of_run(run: str | None) -> str:
    """A token for a run: whoever sends a signal may write anything there."""
    if run is None:
        return "-"
    return run if RUN_ID.fullmatch(run) else _hash(run)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]


async def make_streams(
    client: "Client", streams: int, replicas: int, window_s: float, atomic: bool, timeout_s: float
) -> "list[StreamConfig]":
    """Make the streams that are not there yet. Returns how each of them is set up.

    Raises ValueError where the sessions there are spread over another number of streams: they would
    not be found.
    """
    from nats.js.api import StorageType, StreamConfig

    await _check_number(client, streams, timeout_s)
    manager = client.jetstream(timeout=PUBLISH_TIMEOUT_S)
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
            info = await persist(uncancelled(manager.add_stream, config), timeout_s, what)
        except Refused as error:
            if error.code != NAME_IN_USE:
                raise
            info = await persist(uncancelled(manager.stream_info, name), timeout_s, what)
        made.append(info.config)
    return made


async def _check_number(client: "Client", streams: int, timeout_s: float) -> None:
    asking = uncancelled(client.request, "$JS.API.STREAM.NAMES", b"")
    answer = await persist(asking, timeout_s, "no names of streams")
    for name in json.loads(answer.data).get("streams") or []:
        ours = re.fullmatch(rf"{STREAM}(?:-(\d+)-\d+)?", name)
        number = int(ours[1] or 1) if ours else streams
        if number != streams:
            raise UsageError(
                f"sessions are spread over {number} here: connect with streams={number}"
            )
