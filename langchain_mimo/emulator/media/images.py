"""Inspects images with Pillow: their size and main colours."""

from __future__ import annotations

import io
import threading

from PIL import Image, UnidentifiedImageError

from langchain_mimo.emulator.conversation.request import MediaInfo
from langchain_mimo.emulator.media.colours import main_colours
from langchain_mimo.emulator.media.limits import check_image_size, damaged_media

MAX_DECODED_PIXELS = 64 * 10**6
"""Larger images may be decompression bombs: only their header is read."""

_open_lock = threading.Lock()


def inspect_image(container: str, data: bytes) -> MediaInfo:
    """Open an image, decode it unless it is very large, and describe it.

    Args:
        container: The image format that the first bytes show, in upper case.
        data: The bytes of the image.

    Raises:
        Refusal: The image is damaged, or its size is not accepted.
    """
    try:
        image = _open_header(container, data)
        width, height = image.size
        check_image_size(width, height)
        if width * height > MAX_DECODED_PIXELS:
            return MediaInfo(container, width, height, details=("too large to decode",))
        image.load()
        details = [f"mainly {main_colours(image)}"]
        # Not n_frames: counting the frames of a hostile GIF takes seconds.
        if getattr(image, "is_animated", False):
            details.append("animated")
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, EOFError, IndexError):
        raise damaged_media() from None
    return MediaInfo(container, width, height, details=tuple(details))


def _open_header(container: str, data: bytes) -> Image.Image:
    # Pillow's own size check raises before the size is known, and ours needs the size, so Pillow's
    # limit is disabled while the header is read.
    with _open_lock:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(data), formats=[container])
        finally:
            Image.MAX_IMAGE_PIXELS = limit
