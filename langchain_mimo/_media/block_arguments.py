"""Arguments of `image_block`, `video_block` and `audio_block` that these functions do not have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from langchain_mimo._checks import nearest
from langchain_mimo._media.references import MediaKind
from langchain_mimo.errors import MiMoInputError

_RANGES = frozenset({"start", "end", "start_s", "end_s", "start_time", "end_time", "duration"})
_OF_VIDEOS = frozenset({"fps", "media_resolution"})
_DETAIL = frozenset({"detail", "resolution", "max_pixels", "min_pixels"})
"""What other providers call the size at which an image or video is looked at."""


def refuse_unknown_arguments(
    kind: MediaKind, known: Sequence[str], arguments: Iterable[str]
) -> None:
    """Raise for the first argument, with what does what it asks for.

    Args:
        kind: The kind of block that was to be created.
        known: The keyword arguments that the function has.
        arguments: Those that it has not.

    Raises:
        MiMoInputError: There is one.
    """
    for name in arguments:
        raise MiMoInputError(f"{kind}_block has no argument {name!r}; {_remedy(kind, known, name)}")


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
