"""Inspects images with Pillow: their size and main colours."""

from __future__ import annotations

from PIL import Image

from langchain_mimo.emulator.conversation.request import MediaInfo
from langchain_mimo.emulator.media.colours import main_colours
from langchain_mimo.emulator.media.limits import (
    MAX_DECODED_PIXELS,
    MAX_IMAGE_PIXELS,
    MAX_SCANNED_PIXELS,
    Clock,
    Gate,
    beyond_limit,
    check_image_size,
)
from langchain_mimo.emulator.media.watched import WatchedBytes

_WEBP_COPIES = 4
"""Pillow's decoder of WebP holds this many copies of an image."""

_SCAN_MARK = b"\xff\xda"


def inspect_image(container: str, data: bytes, clock: Clock, gate: Gate) -> MediaInfo:
    """Open an image, decode it unless it is very large, and describe it.

    Args:
        container: The image format that the first bytes show, in upper case.
        data: The bytes of the image.
        clock: The time that is left.
        gate: Lets in only so many pixels at the same time.

    Raises:
        Refusal: Its size is not accepted, or it exceeds a limit of the emulator.
        Exception: The image is damaged; Pillow raises errors of many types.
    """
    with clock.running():
        image = _open_header(container, WatchedBytes(data, clock))
        width, height = image.size
    check_image_size(width, height)
    pixels = width * height
    copies = _WEBP_COPIES if container == "WEBP" else 1
    if pixels > MAX_IMAGE_PIXELS:
        raise beyond_limit(f"more than {MAX_IMAGE_PIXELS} pixels")
    if pixels * copies > MAX_DECODED_PIXELS:
        return MediaInfo(container, width, height, details=("too large to decode",))
    # A scan of a progressive JPEG may take a few bytes, and each passes over the whole image.
    if container == "JPEG" and pixels * data.count(_SCAN_MARK) > MAX_SCANNED_PIXELS:
        raise beyond_limit(f"more than {MAX_SCANNED_PIXELS} pixels in all their scans")
    with gate.admit(pixels * copies), clock.running():
        image.load()
        details = [f"mainly {main_colours(image)}"]
        # Not n_frames: counting the frames of a hostile GIF takes seconds.
        if getattr(image, "is_animated", False):
            details.append("animated")
    return MediaInfo(container, width, height, details=tuple(details))


def _open_header(container: str, file: WatchedBytes) -> Image.Image:
    # Image.open refuses large images by a limit of the process before their size is known, so the
    # plugin of the format is called as Image.open calls it.
    if container not in Image.OPEN:
        Image.init()
    factory, _ = Image.OPEN[container]
    return factory(file, "")
