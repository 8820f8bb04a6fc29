"""Writers: traces in the forms of other programs.

Each form's own fields hold what they can, so that other programs read them; the rest of a trace
stands in an extension field, and `read_traces` gives the same trace back.
"""

from toolkit.traces.writers.atif import atif_record
from toolkit.traces.writers.chat import chat_record
from toolkit.traces.writers.otlp import otlp_record

__all__ = ["atif_record", "chat_record", "otlp_record"]
