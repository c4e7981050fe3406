"""Inspects video and audio with PyAV: duration, size, frame rate, colours, loudness, pitch."""

from __future__ import annotations

from typing import Any, cast

import av
from av.stream import Disposition

from langchain_mimo.emulator.conversation.request import MediaInfo, MediaKind
from langchain_mimo.emulator.media.audio_details import dominant_pitch, loudness
from langchain_mimo.emulator.media.limits import (
    MAX_FRAME_PIXELS,
    Clock,
    beyond_limit,
    check_image_size,
    damaged_media,
)
from langchain_mimo.emulator.media.mp4_tables import check_tables
from langchain_mimo.emulator.media.packets import AudioStart, Track, VideoStart, read_packets
from langchain_mimo.emulator.media.watched import WatchedBytes
from langchain_mimo.emulator.refusals import AUDIO_FORMAT, VIDEO_FORMAT, param_incorrect

TOLERANCE = 0.25
"""Seconds by which the length that a container states may differ from that of its packets: encoders
add silence that players leave out. Beyond it, the packets count."""

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
_DECODER_LIMITS = {"max_pixels": str(MAX_FRAME_PIXELS)}
_STILL_IMAGES = Disposition.attached_pic | Disposition.timed_thumbnails


def inspect_audio_video(kind: MediaKind, container: str, data: bytes, clock: Clock) -> MediaInfo:
    """Open a video or audio file and describe it.

    Args:
        kind: `video` or `audio`.
        container: The container that the first bytes show, in upper case.
        data: The bytes of the file.
        clock: The time that is left; it must be running.

    Raises:
        Refusal: The file is damaged, it is not of that kind, or it exceeds a limit of the emulator.
        Exception: The file is damaged; PyAV raises errors of many types.
    """
    if container in {"MP4", "MOV"}:
        check_tables(data)
    with open_container(container, data, clock) as source:
        inspect = _inspect_video if kind == "video" else _inspect_audio
        return inspect(container, source, clock)


def open_container(container: str, data: bytes, clock: Clock) -> Any:
    """Open a file with PyAV; the container is what its first bytes show, in upper case."""
    # Tags may be in any encoding, and nothing depends on them. PyAV 19 decodes them on demand.
    old = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}
    opened = cast("Any", av.open)
    return opened(
        WatchedBytes(data, clock),
        mode="r",
        format=_DEMUXERS[container],
        options=_DECODER_LIMITS,
        **old,
    )


def _inspect_video(container: str, source: Any, clock: Clock) -> MediaInfo:
    streams = [stream for stream in moving(source) if stream.codec_context is not None]
    if not streams:
        raise param_incorrect(VIDEO_FORMAT)
    stream = streams[0]
    audio_stream = next(iter(audible(source)), None)
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_FRAME_PIXELS:
        raise beyond_limit(f"frames of more than {MAX_FRAME_PIXELS} pixels")
    check_image_size(width, height)
    video = VideoStart(track_of(stream))
    audio = None if audio_stream is None else AudioStart(track_of(audio_stream))
    readers: list[VideoStart | AudioStart] = [video] if audio is None else [video, audio]
    read_packets(source, readers, clock)
    duration = _video_seconds(container, source, [reader.track for reader in readers])
    if video.colours is None or video.track.is_unusable or duration <= 0:
        raise damaged_media()
    details = [stream.codec_context.name]
    if stream.average_rate:
        details.append(f"{float(stream.average_rate):g} frames per second")
    details.append(f"mainly {video.colours}")
    if audio is None:
        details.append("without audio")
    else:
        details.append(f"with audio ({', '.join(_audio_details(audio))})")
    return MediaInfo(container, width, height, duration, audio is not None, tuple(details))


def _inspect_audio(container: str, source: Any, clock: Clock) -> MediaInfo:
    streams = audible(source)
    if not streams or moving(source):
        raise param_incorrect(AUDIO_FORMAT)
    audio = AudioStart(track_of(streams[0]))
    read_packets(source, [audio], clock)
    duration = _audio_seconds(source, audio.track)
    if audio.track.is_unusable or duration <= 0:
        raise damaged_media()
    return MediaInfo(
        container, duration=duration, has_audio=True, details=tuple(_audio_details(audio))
    )


def moving(source: Any) -> list[Any]:
    """Return the video streams that are not cover images or the images of chapters."""
    return [stream for stream in source.streams.video if not stream.disposition & _STILL_IMAGES]


def audible(source: Any) -> list[Any]:
    """Return the audio streams whose codec FFmpeg knows."""
    return [stream for stream in source.streams.audio if stream.codec_context is not None]


def track_of(stream: Any) -> Track:
    """Return the track of a stream, whose decoder is limited in memory."""
    stream.codec_context.options = dict(_DECODER_LIMITS)
    stream.codec_context.thread_count = 1  # more threads would hold more frames
    return Track(stream)


def _audio_seconds(source: Any, track: Track) -> float:
    """Return the length of audio: what is there, whatever the times say when it begins."""
    stated, hidden = _stated(source), _hidden_start(source, track)
    seconds = stated if abs(stated - track.seconds) <= TOLERANCE else track.seconds
    return max(0.0, seconds - hidden)


def _hidden_start(source: Any, track: Track) -> float:
    """Return the seconds at the start of Opus in Ogg that a player drops (RFC 7845, section 4.2).

    FFmpeg drops them too when it decodes, but counts them in its durations.
    """
    header = bytes(track.stream.codec_context.extradata or b"")
    if source.format.name != "ogg" or not header.startswith(b"OpusHead"):
        return 0.0
    return int.from_bytes(header[10:12], "little") / 48_000


def _video_seconds(container: str, source: Any, tracks: list[Track]) -> float:
    """Return the length of a video: from the first to the last that is shown or heard."""
    timed = [track for track in tracks if track.has_times]
    if not timed:
        return 0.0
    first = min(track.first for track in timed)
    measured = max(track.first + track.span for track in timed) - first
    stated = _stated(source)
    # FFmpeg guesses the length of an AVI without index, and counts the start of a WMV twice.
    if container in {"AVI", "ASF"} or abs(stated - measured) > TOLERANCE:
        return measured or stated  # a single packet may not say how long it lasts
    return min(stated, measured)


def _stated(source: Any) -> float:
    """Return the length that the container states, in seconds; 0 if it states none."""
    return float(source.duration or 0) / av.time_base


def _audio_details(audio: AudioStart) -> list[str]:
    context = audio.track.stream.codec_context
    channels = context.channels
    layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
    details = [f"{context.sample_rate} Hz {layout}", loudness(audio.samples)]
    pitch = dominant_pitch(audio.samples)
    if pitch:
        details.append(f"a tone of about {pitch} Hz")
    return details
