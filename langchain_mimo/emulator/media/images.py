"""Pictures opened with Pillow: size, and the main colours by name."""

from __future__ import annotations

import io
import threading

from PIL import Image, UnidentifiedImageError

from langchain_mimo.emulator.conversation.request import MediaInfo
from langchain_mimo.emulator.media.colours import main_colours
from langchain_mimo.emulator.media.limits import check_image_size, damaged_media

MAX_DECODED_PIXELS = 64 * 10**6
"""Larger pictures are measured from their header and not decoded: they may be bombs."""

_open_lock = threading.Lock()


def inspect_image(container: str, data: bytes) -> MediaInfo:
    """Open a picture, decode it unless it is huge, and say what it is; refuse a damaged one."""
    try:
        image = _open_header(container, data)
        width, height = image.size
        check_image_size(width, height)
        if width * height > MAX_DECODED_PIXELS:
            return MediaInfo(container, width, height, details=("too large to be looked at",))
        image.load()
        details = [f"mainly {main_colours(image)}"]
        # Not n_frames: to count the frames of a hostile GIF takes seconds.
        if getattr(image, "is_animated", False):
            details.append("animated")
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, EOFError, IndexError):
        raise damaged_media() from None
    return MediaInfo(container, width, height, details=tuple(details))


def _open_header(container: str, data: bytes) -> Image.Image:
    # Pillow's own guard raises before it tells the size; ours needs the size, so it is lifted for
    # the moment of reading the header.
    with _open_lock:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(data), formats=[container])
        finally:
            Image.MAX_IMAGE_PIXELS = limit
