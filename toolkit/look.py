"""The look: the inks and sizes of ``render.css``, for what no style sheet reaches, as a plot.

>>> INKS["ink"]
Ink(name='ink', light='#1d2329', dark='#e6e9ed')
>>> SIZES["small"], SIZES["text"], SIZES["title"]
(12, 14, 17)
"""

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["INKS", "SIZES", "STYLE", "Ink"]

STYLE = Path(__file__).with_name("render.css").read_text(encoding="utf-8")
"""The style sheet of all that is HTML."""


class Ink(NamedTuple):
    """A colour by its name, on a light ground and on a dark one."""

    name: str
    light: str
    dark: str


def _inks() -> dict[str, Ink]:
    pairs = re.findall(r"--fb-([\w-]+):light-dark\((#\w+),(#\w+)\)", STYLE)
    return {name: Ink(name, light, dark) for name, light, dark in pairs}


def _sizes() -> dict[str, int]:
    return {name: int(size_px) for name, size_px in re.findall(r"--fb-([\w-]+):(\d+)px", STYLE)}


INKS = _inks()
"""By name: ``--fb-soft`` is ``soft``."""
SIZES = _sizes()
"""Sizes of text and spaces in pixels, by name: ``--fb-small`` is ``small``."""
