"""Limits on the size and shape of media."""

from __future__ import annotations

from langchain_mimo.emulator.conversation.request import MediaKind
from langchain_mimo.emulator.refusals import MEDIA_DAMAGED, Refusal, param_incorrect

MAX_BASE64_CHARACTERS = 50 * 10**6
"""Limit for inline media of every kind. MiMo documents 50 MB without saying whether that is 10⁶ or
2²⁰ bytes; this is the smaller value."""

MAX_URL_BYTES: dict[MediaKind, int] = {
    "image": 50 * 10**6,
    "audio": 100 * 10**6,
    "video": 300 * 10**6,
}
"""Limits for files given by URL, applied to those that `media_root` serves."""

MIN_IMAGE_SIDE = 9
"""Shortest side in pixels. MiMo refused an 8×8 PNG in May 2026; the exact limit is not known."""

MAX_ASPECT_RATIO = 200
"""Largest ratio of the longer to the shorter side, as in the model's own image processor."""


def damaged_media() -> Refusal:
    """400 for media that cannot be opened."""
    return param_incorrect(MEDIA_DAMAGED)


def check_image_size(width: int, height: int) -> None:
    """Refuse sizes that the model's image processor does not accept.

    Raises:
        Refusal: A side is too short, or the aspect ratio is too large.
    """
    if min(width, height) < MIN_IMAGE_SIDE:
        raise damaged_media()
    if max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        raise damaged_media()
