"""Which time ranges of a file can be sent as a copy, and what such a copy shows.

Blocks with a time range and plans of segments ask here, so that what is planned is what is sent.
A copy starts at or before the range and ends at or after it: a video at the key frame of a closed
group, audio at a packet, and some packets earlier where its decoder needs them to start.
"""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction

from langchain_mimo._media import formats
from langchain_mimo._media.cutting.index import Index, StreamIndex
from langchain_mimo._media.cutting.key_frames import GroupStart
from langchain_mimo._media.cutting.planning import CannotCopyError, CopyPlan, end_of, plan_copy
from langchain_mimo._media.cutting.times import Span, exact, spelled
from langchain_mimo._media.headers.codec_names import codec_name
from langchain_mimo._media.headers.reader import AVHeader
from langchain_mimo._media.references import MediaKind

_PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})
_AUDIO_OF_VIDEOS = frozenset({"aac", "mp3"})
_VIDEO_CONTAINERS = (formats.MP4, formats.MOV, formats.M4A)
"""M4A is an MP4 under another brand; some of them hold a video."""

_PCM = frozenset(
    f"pcm_{name}" for name in ("u8", "s16le", "s24le", "s32le", "f32le", "f64le", "alaw", "mulaw")
)
_M4A = frozenset({"aac", "alac"})
_AUDIO_CODECS = {
    formats.MP3.name: frozenset({"mp3"}),
    formats.WAV.name: _PCM,
    formats.FLAC.name: frozenset({"flac"}),
    formats.OGG.name: frozenset({"opus", "vorbis"}),
    formats.M4A.name: _M4A,
    formats.MP4.name: _M4A,
    formats.MOV.name: _M4A,
}
"""Codecs of audio that are copied, by the file's format."""

_TARGETS = {"mp3": "mp3", "flac": "flac", "aac": "ipod", "alac": "ipod"}
"""FFmpeg's format of a copy of audio, by codec; PCM goes to WAV, the others to OGG."""

_MP3_RESERVOIR = 511
"""Bytes of earlier frames that an MP3 frame may refer to (`main_data_begin` has 9 bits)."""

_MP3_FRAME_HEADERS = 38
"""Most bytes of an MP3 frame before its main data: header, checksum and side information."""

_EARLIER_PACKETS = {"aac": 1, "vorbis": 1}
"""Packets before the first one that is to be right: their second half is added to its first."""

_OPUS_PREROLL = Fraction(2, 25)
"""Seconds that an Opus decoder needs to converge (RFC 7845, section 4.6)."""

_FILE_BYTES = 16_384
_PACKET_BYTES = 48
"""Most bytes of a copy around its packets: for the file, and for each packet in its tables."""


_FEWEST_PACKETS = {"mp3": 2, "vorbis": 2}
"""Packets of audio without which a copy cannot be opened, or nothing of it is heard."""


class NothingThereError(CannotCopyError):
    """There is nothing in the range that could be copied or encoded; the text says what to do."""


def copy_refusal(
    kind: MediaKind, found: formats.Format | None, header: AVHeader | None, index: Index | None
) -> str | None:
    """Return why no range of a file is copied, or None.

    Args:
        kind: "video" or "audio".
        found: The format by the first bytes.
        header: What the file's header says, or None.
        index: The index of the streams to copy; None judges the container alone.

    Returns:
        A clause such as "its video codec is hevc, and ranges of H.264 alone are copied".
    """
    if kind == "audio":
        return _audio_refusal(found, index)
    if found not in _VIDEO_CONTAINERS:
        name = found.name if found is not None else "unknown"
        return f"its format is {name}, and ranges of MP4 and MOV alone are copied"
    pixel_format = header.pixel_format if header is not None else None
    return None if index is None else video_refusal(index, pixel_format)


def video_refusal(index: Index, pixel_format: str | None) -> str | None:
    """Return why no range of a video is copied, whatever its container, or None."""
    if index.video is None:
        return "it has no video track"
    codec, audio_codec = codec_name(index.video.codec), _audio_codec(index)
    if codec != "h264":
        return f"its video codec is {codec}, and ranges of H.264 alone are copied"
    if pixel_format not in _PIXEL_FORMATS:
        return (
            f"its pixel format is {pixel_format or 'unknown'}, and ranges of 8-bit 4:2:0 (yuv420p) "
            "alone are copied"
        )
    if audio_codec is not None and audio_codec not in _AUDIO_OF_VIDEOS:
        return f"its audio codec is {audio_codec}, and ranges with AAC and MP3 alone are copied"
    return None


def _audio_refusal(found: formats.Format | None, index: Index | None) -> str | None:
    codecs = _AUDIO_CODECS.get(found.name) if found is not None else None
    if codecs is None or found is None:
        name = found.name if found is not None else "unknown"
        return f"its format is {name}, and ranges of MP3, WAV, FLAC, M4A and OGG alone are copied"
    if index is None:
        return None
    codec = _audio_codec(index)
    if codec is None:
        return "it has no audio track"
    if codec not in codecs:
        return f"it is {found.name} with {codec}, of which no ranges are copied"
    return None


def _audio_codec(index: Index) -> str | None:
    return codec_name(index.audio.codec) if index.audio is not None else None


def target_format(kind: MediaKind, index: Index) -> str:
    """Return FFmpeg's name of the container that a copy is written to."""
    if kind == "video":
        return "mp4"
    codec = _audio_codec(index) or ""
    return "wav" if codec.startswith("pcm_") else _TARGETS.get(codec, "ogg")


def is_whole(index: Index, start_s: float, end_s: float | None) -> bool:
    """Whether a range is the file itself."""
    return start_s <= 0 and (end_s is None or end_s >= index.duration)


def plan_range(kind: MediaKind, index: Index, start_s: float, end_s: float | None) -> CopyPlan:
    """Plan a copy that shows a range.

    Args:
        kind: "video" or "audio".
        index: The index of the streams to copy.
        start_s: Start of the range in seconds from the first moment shown.
        end_s: End of the range likewise; None, or what lies behind the end, means the end.

    Raises:
        NothingThereError: The range is empty, or too short.
        CannotCopyError: It has no copy; the text says why, as a clause.
    """
    span = span_of(index, start_s, end_s)
    if kind == "audio":
        audio = index.audio
        assert audio is not None
        plan = plan_copy(index, Span(_audio_start(audio, span.start), span.end), "keyframe")
        _check_packets(audio, plan)
        return plan
    video = index.video
    assert video is not None
    at = _on_show(video, span.start)
    begin = min(span.start, video.shown[at] * video.time_base) if video.shown else span.start
    plan = plan_copy(index, Span(begin, span.end), "keyframe")
    first = next(s for s in plan.streams if s.position == video.position).ordinals[0]
    if video.starts[first] != GroupStart.CLOSED:
        raise CannotCopyError(
            "the key frame before its start begins an open group, whose frames refer to the one "
            "before"
        )
    if plan.start - span.start >= video.interval:
        raise CannotCopyError("its audio begins before its first frame")
    return plan


def span_of(index: Index, start_s: float, end_s: float | None) -> Span:
    """Return a range on the time line of the container; arguments as for `plan_range`.

    Raises:
        NothingThereError: It is empty, or behind the end of the file.
    """
    duration = index.duration
    start, end = index.start + exact(start_s), index.end
    if start >= end or start_s >= duration:
        raise NothingThereError(
            f"the range starts at {spelled(start_s)} s, but the file ends at {duration:.3f} s; "
            "choose an earlier start_s"
        )
    if end_s is not None and end_s < duration:
        end = index.start + exact(end_s)
        if end <= start:
            raise NothingThereError(
                f"the range from {spelled(start_s)} s to {spelled(end_s)} s is shorter than a "
                f"microsecond, and the file lasts {duration:.3f} s; choose a later end_s"
            )
    return Span(start, end)


def _check_packets(audio: StreamIndex, plan: CopyPlan) -> None:
    codec = codec_name(audio.codec) or ""
    found, fewest = len(plan.streams[0].ordinals), _FEWEST_PACKETS.get(codec, 1)
    if found < fewest:
        raise NothingThereError(
            f"the range has {found} packet of {codec}, and {fewest} are needed to hear it; choose "
            "a longer range"
        )


def _on_show(stream: StreamIndex, time: Fraction) -> int:
    """Return the place, among the shown packets, of the one that is shown at a time."""
    first, behind = Span(time, time + Fraction(1, 1_000_000)).ticks(stream.time_base)
    at = bisect_left(stream.shown, first)
    starts_there = at < len(stream.shown) and stream.shown[at] < behind
    return at if starts_there or at == 0 else at - 1


def _audio_start(audio: StreamIndex, time: Fraction) -> Fraction:
    """Return when the copy starts so that what is heard at a time decodes."""
    if not audio.shown:
        return time
    at = wanted = _on_show(audio, time)
    codec = codec_name(audio.codec)
    if codec == "mp3":
        there = 0
        while at > 0 and there < _MP3_RESERVOIR:
            at -= 1
            there += max(0, audio.sizes[audio.order[at]] - _MP3_FRAME_HEADERS)
        at = max(0, at - 1) if at < wanted else at
    elif codec == "opus":
        begin = audio.shown[wanted] - _OPUS_PREROLL / audio.time_base
        while at > 0 and audio.shown[at] > begin:
            at -= 1
    else:
        at = max(0, at - _EARLIER_PACKETS.get(codec or "", 0))
    return audio.shown[at] * audio.time_base


def shown_range(index: Index, plan: CopyPlan) -> tuple[float, float]:
    """Return what a copy shows, in seconds from the first moment that the file shows.

    Audio ends with its last packet, which may reach beyond the range.
    """
    end = plan.end
    if index.video is None:
        ends = (end_of(index.streams[each.position], each.ordinals[-1]) for each in plan.streams)
        end = max(end, *ends)
    return float(max(plan.start - index.start, Fraction(0))), float(end - index.start)


def has_audio(index: Index, plan: CopyPlan) -> bool:
    """Whether a copy has audio: the audio of a video may begin late, or end early."""
    audio = index.audio
    return audio is not None and any(each.position == audio.position for each in plan.streams)


def range_size(index: Index, plan: CopyPlan) -> int:
    """Return the most bytes that a copy has: its packets and what a container adds."""
    packets = sum(len(stream.ordinals) for stream in plan.streams)
    payload = sum(
        index.streams[stream.position].sizes[ordinal]
        for stream in plan.streams
        for ordinal in stream.ordinals
    )
    return size_around(payload, packets)


def size_around(payload: int, packets: int) -> int:
    """Return the most bytes of a copy of so many packets, of so many bytes together."""
    return payload + payload // 100 + packets * _PACKET_BYTES + _FILE_BYTES
