"""Limits on the size and shape of media, and the refusals that enforce them."""

from __future__ import annotations

from langchain_mimo.emulator.conversation.request import MediaKind
from langchain_mimo.emulator.refusals import (
    MEDIA_DAMAGED,
    Refusal,
    param_incorrect,
)

MAX_BASE64_CHARACTERS = 50 * 10**6
"""Limit of every kind; the pages say 50 MB and do not say which MB: the smaller is meant here."""


MAX_URL_BYTES: dict[MediaKind, int] = {
    "image": 50 * 10**6,
    "audio": 100 * 10**6,
    "video": 300 * 10**6,
}
"""Limits of files given by address, held for those that `media_root` serves."""


MIN_IMAGE_SIDE = 9
"""Pixels. An 8×8 PNG is refused (recorded May 2026); where the border lies is not known."""


MAX_ASPECT_RATIO = 200
"""As in the model's own image processor, which refuses what is longer."""


def damaged_media() -> Refusal:
    """The 400 for everything that cannot be opened."""
    return param_incorrect(MEDIA_DAMAGED)


def check_image_size(width: int, height: int) -> None:
    """Refuse what the model's image processor does not take: tiny pictures, extreme ribbons."""
    if min(width, height) < MIN_IMAGE_SIDE:
        raise damaged_media()
    if max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        raise damaged_media()
