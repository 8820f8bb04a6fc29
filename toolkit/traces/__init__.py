"""Traces: what an agent did, as a person reads it."""

from toolkit.traces.trace import Source, Step, Trace, trace_html

__all__ = ["Source", "Step", "Trace", "trace_html"]
