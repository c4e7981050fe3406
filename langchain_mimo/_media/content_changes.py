"""Finds changes of scene between key frames, and quiet ranges of audio.

Only key frames are decoded, and made grey and small. A scene changes at a key frame that differs
strongly from the one before. It also changes where key frames that differ a little each have gone
far from the first one of the scene, as in a fade. Two thresholds keep slow drift, such as a camera
that moves on, from being a change at every step.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from operator import sub
from typing import Any

from langchain_mimo._media.av_container import ffmpeg_errors, import_av, new_reformatter
from langchain_mimo._media.cutting.decoding import decode_span
from langchain_mimo._media.cutting.index import IndexedFile, StreamIndex
from langchain_mimo._media.cutting.reading import read_from
from langchain_mimo._media.cutting.times import Span
from langchain_mimo.errors import MediaError

_SIDE = 32
"""Pixels of the sides of the grey images that are compared."""

_STRONG, _WEAK = 0.10, 0.04
"""Mean differences of two grey images, 0 to 1: of a change, and of a step of a gradual one."""

_RATE = 8_000
_WINDOW = 800
"""Samples per second, and of the windows (0.1 s) whose peaks are compared."""

_QUIET = 1 / 16
"""Share of the loud windows' peak below which a window is quiet: 24 dB less."""

_LOUD_SHARE = 0.9
"""Share of all windows that are less loud than the one that counts as loud."""

_SHORTEST_QUIET_S = 0.3
"""Seconds of a pause between sentences, rather than between words."""


def scene_changes(source: IndexedFile) -> Iterator[tuple[float, float]]:
    """Yield where scenes change, in seconds from the start, and how strongly, 0 to 1.

    Args:
        source: The file. Key frames that do not decode are left out.

    Raises:
        MediaError: FFmpeg cannot read the file.
    """
    video = source.index.video
    if video is None:
        return
    first = before = b""
    for time, image in _key_images(source, video):
        step = _difference(before, image) if before else 0.0
        is_gradual = step >= _WEAK and _difference(first, image) >= _STRONG
        if step >= _STRONG or is_gradual:
            yield float(time - source.index.start), step
            first = image
        first, before = first or image, image


def _difference(one: bytes, other: bytes) -> float:
    difference: int = sum(map(abs, map(sub, one, other)))
    return difference / (255 * len(one))


def _key_images(source: IndexedFile, video: StreamIndex) -> Iterator[tuple[Fraction, bytes]]:
    """Yield the time of each key frame that is shown, and it as a small grey image."""
    context, reformatter = None, new_reformatter()
    for packet, ordinal in read_from(source, {video.position: 0}, lambda _: None):
        if context is None:
            context = packet.stream.codec_context
            context.skip_frame = "NONKEY"
        if not video.starts[ordinal] or video.hidden[ordinal]:
            continue
        with suppress(MediaError):
            yield from _decoded(context, packet, video, reformatter)
    if context is not None:
        with suppress(MediaError):
            yield from _decoded(context, None, video, reformatter)


def _decoded(
    context: Any, packet: Any, video: StreamIndex, reformatter: Any
) -> Iterator[tuple[Fraction, bytes]]:
    with ffmpeg_errors("it cannot be decoded"):
        images = [(frame.pts, _grey(frame, reformatter)) for frame in context.decode(packet)]
    yield from ((pts * video.time_base, image) for pts, image in images if pts is not None)


def _grey(frame: Any, reformatter: Any) -> bytes:
    plane = reformatter.reformat(frame, _SIDE, _SIDE, "gray").planes[0]
    data = bytes(plane)
    return b"".join(data[at : at + _SIDE] for at in range(0, len(data), plane.line_size))


def quiet_ranges(source: IndexedFile) -> Iterator[tuple[float, float]]:
    """Yield the quiet ranges of audio, in seconds from the start: 0.3 s or longer.

    All audio is decoded. What is quiet depends on the rest of it: noise between words is. There
    are none if everything is equally loud.

    Args:
        source: The file.

    Raises:
        MediaError: FFmpeg cannot read the file, or more than 100 packets are damaged.
    """
    index = source.index
    if index.audio is None or not index.audio.shown:
        return
    peaks = _peaks(source, index.audio)
    loud = sorted(peaks)[int(len(peaks) * _LOUD_SHARE)] if peaks else 0
    start: int | None = None
    for at in range(len(peaks) + 1):
        is_quiet = at < len(peaks) and peaks[at] < loud * _QUIET
        if is_quiet and start is None:
            start = at
        elif not is_quiet and start is not None:
            start_s, end_s = start * _WINDOW / _RATE, at * _WINDOW / _RATE
            if end_s - start_s >= _SHORTEST_QUIET_S:
                yield start_s, end_s
            start = None


def _peaks(source: IndexedFile, audio: StreamIndex) -> array[int]:
    """Return the peak of each window from the start on; gaps of the audio are 0."""
    resampler = import_av().AudioResampler("s16", "mono", _RATE)
    peaks, rest = array("i"), array("h")
    index = source.index
    whole = Span(index.start, index.end)
    for frame, time in decode_span(source, [audio.position], whole, lambda _: None, lambda _: None):
        with ffmpeg_errors("its audio cannot be decoded"):
            frame.pts = None
            resampled = resampler.resample(frame)
        behind = len(peaks) * _WINDOW + len(rest)
        missing = int(time * _RATE) - behind
        if missing > _WINDOW:
            rest.extend([0] * missing)
        for each in resampled:
            rest.frombytes(bytes(each.planes[0])[: 2 * each.samples])
        whole_windows = len(rest) // _WINDOW
        for at in range(0, whole_windows * _WINDOW, _WINDOW):
            window = rest[at : at + _WINDOW]
            highest, lowest = max(window), min(window)
            peaks.append(max(highest, -lowest))
        del rest[: whole_windows * _WINDOW]
    return peaks
