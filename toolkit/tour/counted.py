"""The counts of a delivery in words, as a table for people."""

from collections.abc import Mapping

from toolkit.render import Html, table

COUNTED = {
    "sent": "events sent",
    "received": "events received",
    "lost": "events lost",
    "duplicated": "events that came twice",
    "reordered": "events out of order",
    "sha256_match": "words received are those of the log, by SHA-256",
    "server_kills": "kills of the server",
    "client_kills": "kills of the reader",
    "client_cuts": "cuts of the reader",
    "conversations": "conversations",
    "complete": "conversations that reached their end",
    "durability": "what holds an event once it is acknowledged",
    "seconds": "seconds that it took",
}
"""The counts of `Delivery.counts`, in words."""
HOLDERS = {"memory": "this process", "os": "the operating system", "fsync": "the disk"}
"""What an acknowledged event is held by, for each durability."""


def counts_table(counts: Mapping[str, int | bool | str | float]) -> Html:
    """A row for each count."""
    return table([[words, _in_words(counts[name])] for name, words in COUNTED.items()])


def _in_words(count: int | bool | str | float) -> str:
    if isinstance(count, bool):
        return "yes" if count else "no"
    if isinstance(count, str):
        return HOLDERS[count]
    return f"{count:,}"
