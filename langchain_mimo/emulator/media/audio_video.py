"""Inspects video and audio with PyAV: duration, frame rate, colours, loudness, pitch."""

from __future__ import annotations

import io
import math
from array import array
from typing import Any, cast

import av
from av.audio.resampler import AudioResampler

from langchain_mimo.emulator.conversation.request import MediaInfo, MediaKind
from langchain_mimo.emulator.media.colours import main_colours
from langchain_mimo.emulator.media.limits import check_image_size, damaged_media
from langchain_mimo.emulator.refusals import AUDIO_FORMAT, VIDEO_FORMAT, param_incorrect

DECODED_SECONDS = 30.0
"""Loudness and pitch are measured on this much audio from the start; the rest is only demuxed."""

_DEMUXERS = {
    "MP3": "mp3",
    "WAV": "wav",
    "FLAC": "flac",
    "OGG": "ogg",
    "MP4": "mp4",
    "MOV": "mov",
    "AVI": "avi",
    "ASF": "asf",
}
_COVER_CODECS = frozenset({"mjpeg", "png", "bmp", "gif", "webp"})
_SAMPLE_RATE = 8000
_PITCH_WINDOW = 2048
_MIN_PITCH = 50
_MAX_PITCH = 1000
_MIN_CORRELATION = 0.85
_FULL_SCALE = 32768.0


def inspect_audio_video(kind: MediaKind, container: str, data: bytes) -> MediaInfo:
    """Open a video or audio file and describe it.

    Args:
        kind: `video` or `audio`.
        container: The container that the first bytes show, in upper case.
        data: The bytes of the file.

    Raises:
        Refusal: The file is damaged, or it is not of that kind.
    """
    try:
        with av.open(io.BytesIO(data), mode="r", format=_DEMUXERS[container]) as file:
            source = cast("Any", file)
            return (
                _inspect_video(container, source)
                if kind == "video"
                else _inspect_audio(container, source)
            )
    except (av.FFmpegError, EOFError, ValueError, IndexError):
        raise damaged_media() from None


def _inspect_video(container: str, source: Any) -> MediaInfo:
    if not source.streams.video:
        raise param_incorrect(VIDEO_FORMAT)
    stream = source.streams.video[0]
    audio = source.streams.audio[0] if source.streams.audio else None
    width, height = stream.codec_context.width, stream.codec_context.height
    duration = _duration(source, stream)
    check_image_size(width, height)
    colours, samples = _decode_start(source, stream, audio)
    if colours is None or duration <= 0:
        raise damaged_media()
    details = [stream.codec_context.name]
    if stream.average_rate:
        details.append(f"{float(stream.average_rate):g} frames per second")
    details.append(f"mainly {colours}")
    if audio is None:
        details.append("without audio")
    else:
        details.append(f"with audio ({', '.join(_audio_details(audio, samples))})")
    return MediaInfo(container, width, height, duration, audio is not None, tuple(details))


def _inspect_audio(container: str, source: Any) -> MediaInfo:
    if not source.streams.audio or _has_video(source):
        raise param_incorrect(AUDIO_FORMAT)
    stream = source.streams.audio[0]
    duration = _duration(source, stream)
    _, samples = _decode_start(source, None, stream)
    if duration <= 0 or not samples:
        raise damaged_media()
    return MediaInfo(
        container,
        duration=duration,
        has_audio=True,
        details=tuple(_audio_details(stream, samples)),
    )


def _has_video(source: Any) -> bool:
    # A cover image is a video stream too, but with the codec of a still image.
    return any(stream.codec_context.name not in _COVER_CODECS for stream in source.streams.video)


def _duration(source: Any, stream: Any) -> float:
    if source.duration:
        return float(source.duration) / av.time_base
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return 0.0


def _decode_start(source: Any, video: Any, audio: Any) -> tuple[str | None, array[int]]:
    """Decode the first video frame and the first seconds of audio; read every packet once.

    Returns:
        The main colours of the frame, or None without one, and mono 16-bit samples.
    """
    colours: str | None = None
    samples: array[int] = array("h")
    resampler = AudioResampler(format="s16", layout="mono", rate=_SAMPLE_RATE)
    wanted = [stream for stream in (video, audio) if stream is not None]
    for packet in source.demux(*wanted):
        if packet.stream is video and colours is None:
            for frame in packet.decode():
                colours = main_colours(frame.to_image())
                break
        elif packet.stream is audio and len(samples) < DECODED_SECONDS * _SAMPLE_RATE:
            for frame in packet.decode():
                for piece in resampler.resample(frame):
                    samples.frombytes(bytes(piece.planes[0])[: piece.samples * 2])
    return colours, samples


def _audio_details(stream: Any, samples: array[int]) -> list[str]:
    channels = stream.codec_context.channels
    layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
    details = [f"{stream.codec_context.sample_rate} Hz {layout}", loudness(samples)]
    pitch = dominant_pitch(samples)
    if pitch:
        details.append(f"a tone of about {pitch} Hz")
    return details


def loudness(samples: array[int]) -> str:
    """Describe the loudness of 16-bit samples: a word, and the mean power in dBFS."""
    power = sum(value * value for value in samples) / max(len(samples), 1)
    if power < 1:
        return "silent"
    level = 20 * math.log10(math.sqrt(power) / _FULL_SCALE)
    word = "loud" if level > -15 else "quiet" if level < -35 else "of medium loudness"
    return f"{word} ({level:.1f} dBFS)"


def dominant_pitch(samples: array[int]) -> int:
    """Return the pitch of a steady tone in Hz, or 0 if there is none; uses autocorrelation."""
    start = max(0, (len(samples) - _PITCH_WINDOW) // 2)
    window = samples[start : start + _PITCH_WINDOW]
    size = len(window) - _SAMPLE_RATE // _MIN_PITCH
    energy = sum(value * value for value in window[:size]) if size > 0 else 0
    if energy < size * 100:  # nearly silent, or too short
        return 0

    def correlation(lag: int) -> float:
        return sum(a * b for a, b in zip(window[:size], window[lag : lag + size], strict=True))

    lags = range(_SAMPLE_RATE // _MAX_PITCH, _SAMPLE_RATE // _MIN_PITCH)
    values = {lag: correlation(lag) / energy for lag in lags}
    peak = _first_peak(values)
    if peak is None:
        return 0
    # A parabola through the peak and its neighbours gives a period between two whole lags.
    left, middle, right = (values.get(peak + step, values[peak]) for step in (-1, 0, 1))
    curvature = left - 2 * middle + right
    shift = (left - right) / (2 * curvature) if curvature else 0.0
    return round(_SAMPLE_RATE / (peak + shift))


def _first_peak(values: dict[int, float]) -> int | None:
    # Multiples of the period correlate as well as the period itself, so the first peak counts.
    for lag, value in values.items():
        before, after = values.get(lag - 1, value), values.get(lag + 1)
        if after is not None and value >= _MIN_CORRELATION and before <= value >= after:
            return lag
    return None
