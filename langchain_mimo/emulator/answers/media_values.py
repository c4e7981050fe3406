"""What an answer says about media: sentences for text, facts for the fields of an object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from langchain_mimo.emulator.conversation.request import MediaItem

_COLOURS = "mainly "
"""How the detail that names the main colours of an image begins."""


def describe_all(media: Iterable[MediaItem]) -> list[str]:
    """Describe media items in one sentence each, numbered by kind."""
    counts: dict[str, int] = {}
    descriptions = []
    for item in media:
        counts[item.kind] = counts.get(item.kind, 0) + 1
        descriptions.append(describe(item, counts[item.kind]))
    return descriptions


def describe(item: MediaItem, number: int) -> str:
    """Describe a media item in one sentence, which is always the same for the same bytes."""
    info = item.info
    label = f"{item.kind.capitalize()} {number}"
    size = f"{info.width}×{info.height} pixels"
    length = f"{info.duration:.2f} seconds long"
    if not info.format:
        nominal = {"image": size, "audio": length, "video": f"{size}, {length}"}[item.kind]
        return f"{label}: not fetched from {item.url}, assumed to be {nominal}."
    measures = {"image": [size], "audio": [length], "video": [size, length]}[item.kind]
    return f"{label}: {', '.join((info.format, *measures, *info.details))}."


def media_facts(item: MediaItem) -> dict[str, Any]:
    """Return what is known about a media item by the lower-case name of a field."""
    info = item.info
    colours = [text.removeprefix(_COLOURS) for text in info.details if text.startswith(_COLOURS)]
    facts = {
        "kind": item.kind,
        "format": info.format,
        "width": info.width,
        "height": info.height,
        "duration": info.duration,
        "colour": "".join(colours),
        "color": "".join(colours),
    }
    return {name: value for name, value in facts.items() if value}
