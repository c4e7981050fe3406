"""How a video is looked at: the values that MiMo takes for `fps` and `media_resolution`."""

from __future__ import annotations

from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS
from langchain_mimo.errors import MiMoInputError


def checked_fps(fps: object, at: tuple[int, int] | None = None) -> float:
    """Return a valid `fps`.

    Args:
        fps: The value.
        at: Index of the message and of the block where it stands, or None.

    Raises:
        MiMoInputError: It is no finite number from 0.1 to 10.
    """
    low, high = FPS_RANGE
    # Comparing refuses NaN and the infinities too.
    if isinstance(fps, int | float) and not isinstance(fps, bool) and low <= fps <= high:
        return fps if type(fps) is int else float(fps)  # orjson takes no subclass, as numpy's
    raise MiMoInputError(
        f"fps must be a number from {low:g} to {high:g} frames per second, not {repr(fps)[:20]}.",
        *(at or ()),
    )


def checked_resolution(resolution: object, at: tuple[int, int] | None = None) -> str:
    """Return a valid `media_resolution`.

    Args:
        resolution: The value.
        at: As for `checked_fps`.

    Raises:
        MiMoInputError: It is not one of MiMo's two.
    """
    if isinstance(resolution, str) and resolution in MEDIA_RESOLUTIONS:
        return resolution
    raise MiMoInputError(
        f"media_resolution must be {' or '.join(map(repr, MEDIA_RESOLUTIONS))}, "
        f"not {repr(resolution)[:20]}.",
        *(at or ()),
    )
