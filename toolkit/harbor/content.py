"""The written part of Harbor: texts and tables live in files beside the code, not in it."""

from functools import cache
from importlib.resources import files
from typing import Any


@cache
def text(name: str) -> str:
    """A text file of this room, as ``policy.md``."""
    return files("toolkit.harbor").joinpath(name).read_text(encoding="utf-8")


@cache
def content(name: str) -> Any:
    """A YAML file of this room, as ``shop.yaml``. Shared by all callers: read it, do not change it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text(name), loader)
