"""The client on the page about the wire shows the right text, also when its connection is cut."""

import asyncio
import re
from pathlib import Path

import httpx

from toolkit.sessions import MemoryLog, attend
from toolkit.sessions.http.app import Tokens, serve, speaking

PAGE = Path(__file__).parents[2] / "notebooks" / "pages" / "wire.md"
WORDS = [f"word {n} " for n in range(60)]
EVENTS_UNTIL_CUT = 2


def client_of_the_page():
    """The function `ask`, as the page shows it, and its source."""
    source = re.search(r"```python\n(.+?)```", PAGE.read_text(), re.DOTALL)[1]
    names = {}
    exec(source, names)
    return names["ask"], source


class CutStream(httpx.SyncByteStream):
    """A connection that breaks off after two events, however the bytes of them arrive."""

    def __init__(self, stream):
        self.stream = stream

    def __iter__(self):
        received = b""
        n_events = 0
        for chunk in self.stream:
            received += chunk
            while b"\n\n" in received:
                frame, received = received.split(b"\n\n", 1)
                if n_events == EVENTS_UNTIL_CUT:
                    raise httpx.ReadError("cut")
                n_events += b"id:" in frame
                yield frame + b"\n\n"

    def close(self):
        self.stream.close()


class CutTransport(httpx.HTTPTransport):
    """Cuts the first two streams of events, and notes the cursor of each."""

    def __init__(self):
        super().__init__()
        self.cursors = []

    def handle_request(self, request):
        response = super().handle_request(request)
        if request.url.path.endswith("/events"):
            self.cursors.append(int(request.headers["last-event-id"]))
            if len(self.cursors) <= 2:
                response.stream = CutStream(response.stream)
        return response


async def spoken(text):
    for word in [f"You said {text}. ", *WORDS]:
        yield word
        await asyncio.sleep(0.01)


async def desk(session):
    await attend(session, speaking(spoken), "agent", source="simulated")


async def test_the_client_of_twenty_lines_shows_each_word_once_though_it_is_cut_twice():
    ask, source = client_of_the_page()
    body = source.split('connection."""')[1]
    assert len([line for line in body.splitlines() if line.strip()]) <= 24
    tokens = Tokens()
    transport = CutTransport()
    async with asyncio.timeout(60), serve(MemoryLog(), tokens, desk) as url:
        headers = {"authorization": f"Bearer {tokens.issue('ride', 'control')}"}
        with httpx.Client(
            base_url=f"{url}/sessions/ride/", headers=headers, timeout=30, transport=transport
        ) as client:
            answer = await asyncio.to_thread(ask, client, "hello")
    assert answer == "You said hello. " + "".join(WORDS)
    assert len(transport.cursors) == 3
    assert transport.cursors[0] == 0 < transport.cursors[1] <= transport.cursors[2]
