"""Words: a number with its noun, as panels and plots write it."""

from toolkit.traces.amounts import quantity

__all__ = ["quantity"]
