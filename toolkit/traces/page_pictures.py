"""Pictures in a trace as HTML: rasters that are in it as base64, and nothing from the net."""

import re
from collections.abc import Mapping
from typing import Any

from toolkit.render import PICTURES, Html, details, fragment, tag
from toolkit.traces.amounts import quantity

PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]{8,}")
MARKDOWN_PICTURE = re.compile(rf"(?:!\[[^\]]{{0,200}}\]\()?({PICTURE.pattern})\)?")
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]{8,}")
MIME_FIELDS = ("media_type", "mediaType", "mimeType", "mime_type")
"""The fields of a block that may say what its data is."""
DATA_FIELDS = ("data", "content", "base64", "image", "url")
"""The fields of a block that may hold the base64 of a picture."""
PICTURE_CHARS = 8_000_000
"""The largest picture that is shown, in characters of base64."""


def pictures_in(value: Any, levels: int = 6) -> list[str]:
    """The addresses of the raster pictures that a value holds, whichever provider wrote it."""
    if isinstance(value, str):
        if len(value) <= PICTURE_CHARS and PICTURE.fullmatch(value):
            return [value]
        return []
    if levels < 0 or not isinstance(value, Mapping | list | tuple):
        return []
    if isinstance(value, Mapping):
        own = _picture_of(value)
        if own:
            return [own]
        value = value.values()
    pictures: list[str] = []
    for child in value:
        pictures += pictures_in(child, levels - 1)
    return pictures


def _picture_of(block: Mapping[Any, Any]) -> str | None:
    """The address of the picture that a block holds as base64 beside its media type."""
    for field in MIME_FIELDS:
        media_type = str(block.get(field)).replace("image/jpg", "image/jpeg")
        address = f"data:{media_type};base64,"
        if address not in PICTURES:
            continue
        for name in DATA_FIELDS:
            data = block.get(name)
            if not isinstance(data, str) or len(data) > PICTURE_CHARS:
                continue
            if BASE64.fullmatch(data):
                return address + "".join(data.split())
    return None


def without_pictures(text: str) -> tuple[str, list[str]]:
    """A text without the pictures in it, and their addresses."""
    if "data:image/" not in text:
        return text, []
    addresses = [match[1] for match in MARKDOWN_PICTURE.finditer(text)]
    return MARKDOWN_PICTURE.sub("[picture]", text), addresses


def pictures_html(addresses: list[str]) -> Html:
    """Pictures behind a fold; nothing where there are none."""
    if not addresses:
        return fragment()
    summary = quantity(len(addresses), "picture")
    pictures = []
    for number, address in enumerate(addresses, 1):
        pictures.append(tag("img", src=address, alt=f"picture {number}", loading="lazy"))
    return details(summary, *pictures)
