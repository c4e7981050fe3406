"""Video and sound opened with PyAV: length, frame rate, colours, loudness, pitch."""

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
from langchain_mimo.emulator.refusals import (
    AUDIO_FORMAT,
    MEDIA_DAMAGED,
    VIDEO_FORMAT,
    param_incorrect,
)

LISTENED_SECONDS = 30.0
"""Loudness and pitch are taken from the beginning; the rest is only demultiplexed."""

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
_RATE = 8000
_PITCH_WINDOW = 2048
_MIN_PITCH = 50
_MAX_PITCH = 1000
_CLEAR_PITCH = 0.85
_FULL_SCALE = 32768.0


def inspect_audio_video(kind: MediaKind, container: str, data: bytes) -> MediaInfo:
    """Open a video or a sound and say what it is; refuse a damaged one."""
    try:
        with av.open(io.BytesIO(data), mode="r", format=_DEMUXERS[container]) as opened:
            source = cast("Any", opened)
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
    colours, samples = _look_and_listen(source, stream, audio)
    if colours is None or duration <= 0:
        raise damaged_media()
    details = [stream.codec_context.name]
    if stream.average_rate:
        details.append(f"{float(stream.average_rate):g} frames per second")
    details.append(f"mainly {colours}")
    if audio is None:
        details.append("without sound")
    else:
        details.append(f"with sound ({', '.join(_audio_details(audio, samples))})")
    return MediaInfo(container, width, height, duration, audio is not None, tuple(details))


def _inspect_audio(container: str, source: Any) -> MediaInfo:
    if not source.streams.audio or _moving_images(source):
        raise param_incorrect(AUDIO_FORMAT)
    stream = source.streams.audio[0]
    duration = _duration(source, stream)
    _, samples = _look_and_listen(source, None, stream)
    if duration <= 0 or not samples:
        raise param_incorrect(MEDIA_DAMAGED)
    return MediaInfo(
        container,
        duration=duration,
        has_audio=True,
        details=tuple(_audio_details(stream, samples)),
    )


def _moving_images(source: Any) -> bool:
    # A cover picture is a video stream too, of a still picture's codec; it makes no song a film.
    return any(stream.codec_context.name not in _COVER_CODECS for stream in source.streams.video)


def _duration(source: Any, stream: Any) -> float:
    if source.duration:
        return float(source.duration) / av.time_base
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return 0.0


def _look_and_listen(source: Any, video: Any, audio: Any) -> tuple[str | None, array[int]]:
    """Decode one picture and the first seconds of sound; read every packet once."""
    colours: str | None = None
    samples: array[int] = array("h")
    resampler = AudioResampler(format="s16", layout="mono", rate=_RATE)
    wanted = [stream for stream in (video, audio) if stream is not None]
    for packet in source.demux(*wanted):
        if packet.stream is video and colours is None:
            for frame in packet.decode():
                colours = main_colours(frame.to_image())
                break
        elif packet.stream is audio and len(samples) < LISTENED_SECONDS * _RATE:
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
    """Say how loud 16-bit samples are, in dBFS of their mean power, and in a word."""
    power = sum(value * value for value in samples) / max(len(samples), 1)
    if power < 1:
        return "silent"
    level = 20 * math.log10(math.sqrt(power) / _FULL_SCALE)
    word = "loud" if level > -15 else "quiet" if level < -35 else "of medium loudness"
    return f"{word} ({level:.1f} dBFS)"


def dominant_pitch(samples: array[int]) -> int:
    """Return the pitch of a steady tone in Hz by autocorrelation, or 0 when there is none."""
    start = max(0, (len(samples) - _PITCH_WINDOW) // 2)
    window = samples[start : start + _PITCH_WINDOW]
    size = len(window) - _RATE // _MIN_PITCH
    energy = sum(value * value for value in window[:size]) if size > 0 else 0
    if energy < size * 100:  # nearly silent, or too short to tell
        return 0

    def correlation(lag: int) -> float:
        return sum(a * b for a, b in zip(window[:size], window[lag : lag + size], strict=True))

    lags = range(_RATE // _MAX_PITCH, _RATE // _MIN_PITCH)
    values = {lag: correlation(lag) / energy for lag in lags}
    best = _first_peak(values)
    if best is None:
        return 0
    left, middle, right = (values.get(best + step, values[best]) for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = (left - right) / (2 * bend) if bend else 0.0
    return round(_RATE / (best + shift))


def _first_peak(values: dict[int, float]) -> int | None:
    # Multiples of the period correlate as well as the period itself: the first peak is the pitch.
    for lag, value in values.items():
        before, after = values.get(lag - 1, value), values.get(lag + 1)
        if after is not None and value >= _CLEAR_PITCH and before <= value >= after:
            return lag
    return None
