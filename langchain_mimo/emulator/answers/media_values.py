"""What an answer says about media: sentences for text, facts for the fields of an object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from langchain_mimo.emulator.answers.moments import Moment
from langchain_mimo.emulator.conversation.request import MediaItem, Scene

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
    colours = _colours(info.details)
    facts = {
        "kind": item.kind,
        "format": info.format,
        "width": info.width,
        "height": info.height,
        "duration": info.duration,
        "colour": colours,
        "color": colours,
    }
    return {name: value for name, value in facts.items() if value}


def _colours(details: Iterable[str]) -> str:
    return "".join(text.removeprefix(_COLOURS) for text in details if text.startswith(_COLOURS))


def about_media(media: Sequence[MediaItem]) -> Moment:
    """Return what is known of media and of their scenes.

    The description is of all media. Times, scenes and facts are those of the first video; without
    one, of the first audio; without both, of the first image.

    Args:
        media: At least one image, video or audio.

    Raises:
        Refusal: Finding the scenes takes more than the emulator spends on a request.
    """
    item = min(media, key=lambda one: ("video", "audio", "image").index(one.kind))
    description = " ".join(describe_all(media))
    scenes = item.find_scenes() if item.find_scenes is not None else ()
    facts = media_facts(item)
    parts = tuple(
        _moment_of(item, scene, f"Scene {number} of {len(scenes)}", facts)
        for number, scene in enumerate(scenes, 1)
    )
    speech = "; ".join(dict.fromkeys(scene.heard for scene in scenes if scene.heard))
    return Moment(0.0, item.info.duration, description, speech, facts, parts)


def _moment_of(item: MediaItem, scene: Scene, label: str, facts: dict[str, Any]) -> Moment:
    size = [f"{item.info.width}×{item.info.height} pixels"] if item.kind == "video" else []
    seen = [scene.looks] if scene.looks else [scene.heard or "silence"]
    description = (
        f"{label}, from {scene.start:.2f} to {scene.end:.2f} seconds: {', '.join(seen + size)}."
    )
    colours = _colours([scene.looks])
    known = {**facts, "colour": colours, "color": colours} if colours else facts
    return Moment(scene.start, scene.end, description, scene.heard, known)
