"""The formats that `read_traces` knows, one reader a file."""

from toolkit.traces.formats import anthropic, chat, fieldbook, tau_bench

JSON_FORMATS = {module.FORMAT.name: module.FORMAT for module in (fieldbook, tau_bench, anthropic, chat)}
"""In the order in which they are asked whether a record is theirs."""
