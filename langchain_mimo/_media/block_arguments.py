"""Arguments of `image_block`, `video_block` and `audio_block` that these functions do not have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from langchain_mimo._checks import known_keywords
from langchain_mimo._media.references import MediaKind
from langchain_mimo.errors import MiMoInputError

P = ParamSpec("P")
T = TypeVar("T")

_RANGES = frozenset({"start", "end", "start_s", "end_s", "start_time", "end_time", "duration"})
_OF_VIDEOS = frozenset({"fps", "media_resolution"})
_DETAIL = frozenset({"detail", "resolution", "max_pixels", "min_pixels"})
"""What other providers call the size at which an image or video is looked at."""


def naming_unknown_arguments(kind: MediaKind) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate the function that creates a kind of block.

    Args:
        kind: The kind of block.
    """
    return known_keywords(MiMoInputError, partial(_remedy, kind))


def _remedy(kind: MediaKind, name: str) -> str | None:
    if name in _RANGES and kind != "image":
        return f"cut the file with langchain_mimo.prepare.prepare_{kind}(path, start_s=…, end_s=…)"
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
