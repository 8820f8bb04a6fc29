"""The single-connection trap: the naive baseline, as most first streaming endpoints are built."""

from contextlib import aclosing

from toolkit.sessions.http.sse import EventStream, Words, frame


def direct_stream(words: Words) -> EventStream:
    """A model call sent down the one connection that asked for it, as server-sent events.

    The call is cancelled when the client goes. Nothing is kept, so nothing can be resumed, and
    nobody else can watch.
    """

    async def frames() -> Words:
        async with aclosing(words):
            async for word in words:
                yield frame({"text": word})
        yield frame({}, "done")

    return EventStream(frames())
