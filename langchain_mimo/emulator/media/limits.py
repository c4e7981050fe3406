"""Limits on the size and shape of media, and on what opening them may cost.

The first group is MiMo's own. The second is the emulator's: no file may take much of the machine
that tests run on. A file that exceeds a limit of the second group is refused with a sentence that
says so, in MiMo's form.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

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

MAX_DECODED_PIXELS = 64 * 10**6
"""Larger images are measured by their header and not decoded: 4 bytes of memory per pixel. WebP
has a quarter of this limit."""

MAX_IMAGE_PIXELS = 512 * 10**6
"""Larger images are refused: the largest sensors of phones and cameras have 200 million pixels."""

MAX_SCANNED_PIXELS = 2 * 10**9
"""Most pixels of a JPEG times its scans; a progressive one has about ten."""

MAX_FRAME_PIXELS = 36 * 10**6
"""Most pixels of a video frame: 8192×4320 has 35.4 million."""

PIXELS_IN_FLIGHT = 64 * 10**6
"""Pixels that may be decoded at the same time, in all requests together; other files wait."""

AUDIO_VIDEO_SHARE = PIXELS_IN_FLIGHT // 2
"""What a video or audio file counts as among the pixels in flight: two are open at once."""

DECODED_SECONDS = 30.0
"""Audio is decoded from the start for this many seconds; the rest is only measured."""

DECODED_SAMPLES = 40 * 10**6
"""Most samples of all channels that are decoded of one file: 30 s of 6 channels at 192 kHz."""

DECODED_FRAMES = 100
"""Most frames that are decoded of a video, from the start; the rest is only measured."""

DECODED_FRAME_PIXELS = 64 * 10**6
"""Most pixels of those frames together; one frame is always decoded."""

SCENE_PIXELS = 500 * 10**6
"""Most pixels of the frames that are decoded to find scenes; beyond it, key frames are, and as many
pixels again between those that differ."""

SCENE_FRAME_PIXELS = 25_000
"""What a smaller frame counts as there."""

SCENE_AUDIO_SECONDS = 600.0
"""Audio is decoded for so many seconds to find scenes."""

SCENE_AUDIO_SAMPLES = 80 * 10**6
"""Most samples of all channels there: 600 s of 2 channels at 64 kHz."""

MAX_SCENES = 100
"""Most scenes of a file; the last takes in the rest."""

MAX_BAD_SHARE = 2 / 3
"""Largest share of the packets tried that may fail to decode. FFmpeg's own tool draws the line here
(`-max_error_rate`); where MiMo draws it is not known."""

MAX_SAMPLE_RATE = 1_536_000
"""Most samples of audio per second: twice the highest rate that is sold. Resampling takes memory in
proportion."""

MAX_PACKETS = 2 * 10**6
"""Most packets of a file: about seven hours of video with audio."""

MAX_TABLE_ENTRIES = 2 * 10**6
"""Most samples of an MP4 or MOV that are stated but not listed, so that a few bytes make millions
of entries in FFmpeg's index."""

MEDIA_SECONDS = 30.0
"""Longest time for opening the media of one request, without the waiting for other requests."""


def damaged_media() -> Refusal:
    """400 for media that cannot be opened."""
    return param_incorrect(MEDIA_DAMAGED)


def beyond_limit(what: str) -> Refusal:
    """400 for media that exceed a limit of the emulator; MiMo may accept them.

    Args:
        what: A phrase that names the limit, such as "more than 2000000 packets".
    """
    return param_incorrect(f"The emulator does not open media with {what}.")


def check_image_size(width: int, height: int) -> None:
    """Refuse sizes that the model's image processor does not accept.

    Raises:
        Refusal: A side is too short, or the aspect ratio is too large.
    """
    if min(width, height) < MIN_IMAGE_SIDE:
        raise damaged_media()
    if max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        raise damaged_media()


class Clock:
    """The time that one request may spend on its media.

    Args:
        seconds: The time in seconds.
    """

    def __init__(self, seconds: float = MEDIA_SECONDS) -> None:
        self._seconds = seconds
        self._left = seconds
        self._end = float("inf")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time of this block."""
        self._end = time.monotonic() + self._left
        try:
            yield
        finally:
            self._left = self._end - time.monotonic()
            self._end = float("inf")

    def check(self) -> None:
        """Refuse the request if its time is over.

        Raises:
            Refusal: It is.
        """
        if time.monotonic() > self._end:
            raise beyond_limit(f"more than {self._seconds:g} seconds of work")


class Gate:
    """Lets only so many pixels in at the same time.

    Args:
        total: The number of pixels.
    """

    def __init__(self, total: int = PIXELS_IN_FLIGHT) -> None:
        self._total = total
        self._free = total
        self._changed = threading.Condition()

    @contextmanager
    def admit(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for this many pixels, at most for all, and occupy it."""
        wanted = min(pixels, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()
