"""Panels: what a person at a notebook clicks and types in."""
