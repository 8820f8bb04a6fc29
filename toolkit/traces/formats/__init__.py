"""The formats that `read_traces` knows, one reader a file."""

from toolkit.traces.formats import anthropic, chat, fieldbook, table, tau_bench
from toolkit.traces.formats.format import Format

JSON_FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT for module in (fieldbook, tau_bench, anthropic, chat)
}
"""In the order in which they are asked whether a record is theirs."""

KNOWN = {name: format_.looks_like for name, format_ in JSON_FORMATS.items()} | {"table": table.LOOKS}
"""Each format's name and what it looks like, for messages."""
