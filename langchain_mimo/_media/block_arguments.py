"""Arguments of `image_block`, `video_block` and `audio_block` that these functions do not have."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from langchain_mimo._checks import nearest
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

    A wrapper, so that the function has no `**unknown` in its signature, which type checkers,
    editors and LangChain's tools read.

    Args:
        kind: The kind of block.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        known = tuple(inspect.signature(function).parameters)

        @functools.wraps(function)
        def checked(*arguments: P.args, **keywords: P.kwargs) -> T:
            for name in keywords:
                if name not in known:
                    raise MiMoInputError(
                        f"{kind}_block has no argument {name!r}; {_remedy(kind, known[1:], name)}"
                    )
            return function(*arguments, **keywords)

        return checked

    return decorate


def _remedy(kind: MediaKind, known: Sequence[str], name: str) -> str:
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
    if similar := nearest(name, known):
        return f"did you mean {similar!r}?"
    return f"it takes {', '.join(known)}"
