"""Plots: each takes an `ax` or makes its own, and returns it."""
