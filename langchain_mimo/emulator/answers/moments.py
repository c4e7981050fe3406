"""What an answer says about a range of a media file, and which fields ask for it.

A schema asks for ranges if it has an array of objects with a start and an end, by their names:
`start`, `start_s`, `startTime`, `begin_seconds` or `from`; `end`, `end_ms`, `to` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_mimo.emulator.answers.property_names import words_of
from langchain_mimo.emulator.answers.schema_references import MAX_DEPTH, Resolver

_STARTS = frozenset(("start", "starts", "begin", "begins", "from"))
_ENDS = frozenset(("end", "ends", "to", "until"))
_DURATIONS = frozenset(("duration", "length"))
_SECONDS = frozenset(
    ("s", "sec", "secs", "second", "seconds", "time", "timestamp", "timecode", "offset", "in", "at")
)
_MILLISECONDS = frozenset(("ms", "msec", "millis", "milliseconds"))
_HEARD = frozenset(
    re.findall(
        r"\w+",
        "audio dialog dialogue heard music said sound sounds speech spoken transcript "
        "transcription voice words",
    )
)
_READ = frozenset(("caption", "captions", "ocr", "screen", "subtitle", "subtitles", "written"))

_SEEN = frozenset(("description", "summary"))

_MAX_LOOKED_AT = 2_000
"""Schemas in which ranges are looked for."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A range of a media file, as an answer tells it.

    Attributes:
        start: When it begins, in seconds.
        end: When it ends.
        description: What is seen or heard, in one sentence.
        speech: What is heard; "" for silence.
        facts: Other things that are known, by the lower-case name of a field.
        parts: The scenes in it, without gaps; empty if it is one.
    """

    start: float
    end: float
    description: str
    speech: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Moment, ...] = ()

    def seconds_of(self, name: str) -> float | None:
        """Return the value of a field for a time, in its unit; None for other fields."""
        words = words_of(name)
        of_time = {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "duration": round(self.end - self.start, 3),
        }.get(time_role(name))
        if of_time is None:
            return None
        return round(of_time * 1000) if _MILLISECONDS.intersection(words) else of_time

    def text_of(self, name: str) -> str:
        """Return the value of a field for text, by its name.

        The emulator cannot read: what is written in an image or a video is "".
        """
        seconds = self.seconds_of(name)
        if seconds is not None:
            return clock_text(seconds)
        if name.lower() in self.facts:
            return str(self.facts[name.lower()])
        words = set(words_of(name))
        if words & _READ:
            return ""
        return self.speech if words & _HEARD else self.description

    def split(self, least: int, most: int) -> list[Moment]:
        """Return its parts: with the last ones joined, or the longest halved, to fit a number."""
        parts = list(self.parts or (self,))
        if len(parts) > most:
            kept = parts[:most]
            return [*kept[:-1], replace(kept[-1], end=parts[-1].end)] if kept else []
        while len(parts) < least:
            at = max(range(len(parts)), key=lambda index: parts[index].end - parts[index].start)
            middle = (parts[at].start + parts[at].end) / 2
            parts[at : at + 1] = [replace(parts[at], end=middle), replace(parts[at], start=middle)]
        return parts


def is_told_of_media(name: str) -> bool:
    """Return whether a field is for what is heard or written in media, by its name."""
    return not _HEARD.union(_READ).isdisjoint(words_of(name))


def describes_media(name: str) -> bool:
    """Return whether a field is for a description, by its name."""
    return not _SEEN.isdisjoint(words_of(name))


def time_role(name: str) -> str:
    """Return what the name of a field asks for: `start`, `end`, `duration`, or "" for no time."""
    words = set(words_of(name)) - _SECONDS - _MILLISECONDS
    if len(words) != 1:
        return ""
    roles = (("start", _STARTS), ("end", _ENDS), ("duration", _DURATIONS))
    return next((role for role, names in roles if words <= names), "")


def clock_text(seconds: float) -> str:
    """Return a time as `mm:ss`, from an hour on as `h:mm:ss`, to the nearest second."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def is_range(schema: Any, resolver: Resolver) -> bool:
    """Return whether a schema is of objects with a start and an end."""
    properties = _without_null(resolver.resolve(schema), resolver).get("properties") or {}
    roles = {
        time_role(name)
        for name, of_property in properties.items()
        if "format" not in resolver.resolve(of_property)
    }
    return {"start", "end"} <= roles


def asks_for_ranges(schema: Any, resolver: Resolver) -> bool:
    """Return whether a schema has an array of objects with a start and an end, at any depth."""
    level: Sequence[Any] = [schema]
    looked_at = 0
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for one in level:
            looked_at += 1
            if looked_at > _MAX_LOOKED_AT:
                return False
            resolved = resolver.resolve(one)
            if "items" in resolved and is_range(resolved["items"], resolver):
                return True
            inner += [resolved["items"]] if "items" in resolved else []
            inner += (resolved.get("properties") or {}).values()
            inner += [*(resolved.get("anyOf") or ()), *(resolved.get("oneOf") or ())]
        level = inner
    return False


def _without_null(schema: Mapping[str, Any], resolver: Resolver) -> Mapping[str, Any]:
    """Return the first branch of a schema that is not null, or the schema if it has none."""
    branches = schema.get("anyOf") or schema.get("oneOf") or ()
    options = (resolver.resolve(branch) for branch in branches)
    return next((option for option in options if option.get("type") != "null"), schema)
