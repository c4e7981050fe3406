"""Measures the size and duration of media from their headers, without decoding or other packages.

The work is bounded whatever the file says: see `reader.MAX_STEPS` and `reader.MAX_BYTES`.
Durations are those that the container states, which MiMo's emulator bills too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from langchain_mimo._media import formats
from langchain_mimo._media.formats import Format
from langchain_mimo._media.headers.avi import probe_avi
from langchain_mimo._media.headers.flac import probe_flac
from langchain_mimo._media.headers.heif import probe_heif
from langchain_mimo._media.headers.images import (
    probe_bmp,
    probe_gif,
    probe_jpeg,
    probe_png,
    probe_webp,
)
from langchain_mimo._media.headers.mp3 import probe_mp3
from langchain_mimo._media.headers.mp4 import probe_mp4
from langchain_mimo._media.headers.ogg import probe_ogg
from langchain_mimo._media.headers.reader import (
    AVHeader,
    HeaderReader,
    HeaderTooComplexError,
    MediaHeader,
)
from langchain_mimo._media.headers.wav import probe_w64, probe_wav
from langchain_mimo._media.headers.wmv import probe_asf
from langchain_mimo._media.readers import Reader

MAX_SECONDS = 10_000_000
"""Longest duration that is believed, 115 days: one bit that flips may make thousands of years."""

_PROBES: dict[str, Callable[[HeaderReader], MediaHeader]] = {
    formats.PNG.name: probe_png,
    formats.JPEG.name: probe_jpeg,
    formats.GIF.name: probe_gif,
    formats.WEBP.name: probe_webp,
    formats.BMP.name: probe_bmp,
    formats.HEIC.name: probe_heif,
    formats.AVIF.name: probe_heif,
    formats.WAV.name: probe_wav,
    formats.RF64.name: probe_wav,
    formats.BW64.name: probe_wav,
    formats.RIFX.name: probe_wav,
    formats.W64.name: probe_w64,
    formats.MP3.name: probe_mp3,
    formats.FLAC.name: probe_flac,
    formats.OGG.name: probe_ogg,
    formats.MP4.name: probe_mp4,
    formats.MOV.name: probe_mp4,
    formats.M4A.name: probe_mp4,
    formats.AVI.name: probe_avi,
    formats.WMV.name: probe_asf,
}


def probe(reader: Reader, found: Format) -> MediaHeader | None:
    """Measure media by their header.

    Args:
        reader: The bytes.
        found: The format, from `identify`.

    Returns:
        What the header says; None for a format that is not measured here, and for a header with
        too many entries.

    Raises:
        ValueError: The file is truncated or damaged; the text is the reason, for a MediaError.
    """
    measure = _PROBES.get(found.name)
    if measure is None:
        return None
    try:
        header = measure(HeaderReader(reader))
    except HeaderTooComplexError:
        return None
    if isinstance(header, AVHeader) and header.duration is not None:
        return header if 0 < header.duration <= MAX_SECONDS else replace(header, duration=None)
    return header
