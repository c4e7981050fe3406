"""Arguments of `image_block`, `video_block` and `audio_block`: time ranges, and unknown ones."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from langchain_mimo._checks import known_keywords, number, spelled_number
from langchain_mimo._media.cutting.times import spelled
from langchain_mimo._media.references import MediaKind, TimeRange
from langchain_mimo.errors import MediaError, MiMoInputError, as_input_error

P = ParamSpec("P")
T = TypeVar("T")

_RANGES = frozenset({"start", "end", "start_s", "end_s", "start_time", "end_time", "duration"})
_HTTP = re.compile(r"https?:", re.IGNORECASE)
_DATA = re.compile(r"data:", re.IGNORECASE)
_OF_VIDEOS = frozenset({"fps", "media_resolution"})
_DETAIL = frozenset({"detail", "resolution", "max_pixels", "min_pixels"})
"""What other providers call the size at which an image or video is looked at."""


def checked_range(kind: MediaKind, start_s: object, end_s: object) -> TimeRange | None:
    """Check `start_s` and `end_s`; None if neither is given.

    Raises:
        MiMoInputError: One of them is not a number >= 0, or the end is not behind the start.
    """
    if start_s is None and end_s is None:
        return None
    with as_input_error():
        start = (
            0.0
            if start_s is None
            else float(number(f"{kind}_block's start_s", spelled_number(start_s), 0))
        )
        if end_s is None:
            return TimeRange(start)
        end = number(f"{kind}_block's end_s", spelled_number(end_s), 0, allow_infinity=True)
        if end <= start:
            raise ValueError(
                f"{kind}_block's end_s must be greater than start_s, got start_s={spelled(start)} "
                f"and end_s={spelled(end)}"
            )
        return TimeRange(start, None if math.isinf(end) else float(end))


def check_source_of_range(kind: MediaKind, source: object) -> None:
    """Check that a time range is one of a local file.

    Raises:
        MediaError: It is one of a URL, a data URL, bytes or a file object.
    """
    what = "bytes"
    if isinstance(source, str | os.PathLike):
        location = os.fspath(source)
        if isinstance(location, str) and _HTTP.match(location):
            raise MediaError(
                f"{kind}_block cannot take a time range of a URL, which MiMo reads as a whole; "
                f"download the file and give its path, with start_s and end_s"
            )
        if not isinstance(location, str) or not _DATA.match(location):
            return
        what = "a data URL"
    elif callable(getattr(source, "read", None)):
        what = "a file object"
    elif not isinstance(source, bytes | bytearray | memoryview):
        return
    raise MediaError(
        f"{kind}_block cannot take a time range of {what}; give the path of the file, or cut it "
        f"with langchain_mimo.prepare.prepare_{kind}(data, start_s=…, end_s=…)"
    )


def naming_unknown_arguments(kind: MediaKind) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate the function that creates a kind of block.

    Args:
        kind: The kind of block.
    """
    return known_keywords(MiMoInputError, partial(_remedy, kind))


def _remedy(kind: MediaKind, name: str) -> str | None:
    if name in _RANGES and kind == "image":
        return "an image has no time range"
    if name in _RANGES:
        return f"a time range is {kind}_block(path, start_s=…, end_s=…)"
    if name in _OF_VIDEOS:
        return "it is for videos"
    if name in _DETAIL and kind == "image":
        return (
            "MiMo looks at an image as it is; reduce its tokens with "
            "langchain_mimo.prepare.prepare_image(path, token_budget=…)"
        )
    if name in _DETAIL and kind == "video":
        return 'MiMo calls it media_resolution, "default" or "max"'
    return None
