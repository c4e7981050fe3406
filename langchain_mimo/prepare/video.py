"""prepare_video: converts any video that FFmpeg reads to an MP4 that MiMo accepts."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, get_args

from langchain_mimo._checks import choice, number
from langchain_mimo._media import limits
from langchain_mimo._media.av_container import pixel_format
from langchain_mimo._media.cutting.index import is_cover, streams_to_cut
from langchain_mimo._media.cutting.known_indexes import index_of
from langchain_mimo._media.cutting.planning import CannotCopyError
from langchain_mimo._media.cutting.verification import inspect_file
from langchain_mimo._media.headers.codec_names import codec_name
from langchain_mimo._media.headers.reader import AVHeader
from langchain_mimo._media.local_files import check_source
from langchain_mimo.catalogue import FPS_RANGE
from langchain_mimo.errors import MediaError, as_input_error
from langchain_mimo.prepare.av_streams import (
    Job,
    check_time_range,
    check_unchanged,
    copy_exactly,
    open_as,
    other_tracks,
    resolve_time_range,
    survey_packets,
)
from langchain_mimo.prepare.output import (
    DEFAULT_TIME_LIMIT,
    Output,
    Prepared,
    ProgressCallback,
    ProgressMonitor,
    Source,
    check_limits,
    check_suffix,
    draft_file,
    finish,
    naming_unknown_arguments,
    open_source,
    suffix_fits,
)
from langchain_mimo.prepare.truncation import note_missing_end
from langchain_mimo.prepare.video_encoding import encode_video, first_frame
from langchain_mimo.prepare.video_frames import rotation_of
from langchain_mimo.prepare.video_settings import (
    EncodingSettings,
    Target,
    VideoSource,
    choose_settings,
)
from langchain_mimo.tokens import DEFAULT_FPS, MediaResolution

_PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})
_AUDIO_CODECS = frozenset({"aac", "mp3", "mp3float"})
_MAX_ATTEMPTS = 4


@naming_unknown_arguments
def prepare_video(
    source: Source,
    output: Output = None,
    *,
    max_bytes: int = limits.SAFE_INLINE_BYTES,
    token_budget: int | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "default",
    keep_quality: bool = False,
    convert: bool = False,
    time_limit: float = DEFAULT_TIME_LIMIT,
    progress: ProgressCallback | None = None,
    show_progress: bool = False,
) -> Prepared:
    """Convert a video to one that MiMo accepts: MP4, H.264 in yuv420p, constant frame rate, AAC.

    A file that MiMo accepts is left unchanged. Streams that only need another container, or a cut
    at a key frame, are copied without encoding. Everything else is decoded and re-encoded, with the
    frames that MiMo samples at `fps`, in the size in which it looks at them: the tokens and what
    they tell are those of the original, and preparing and sending take a fraction of the time.

    Args:
        source: Local path or bytes of a video.
        output: Path to write to. Default: the result stays in memory. Suffix: ".mp4", or that of a
            source that can be left unchanged.
        max_bytes: Maximum size of the result. Default: 37,500,000, which fits MiMo's base64 limit.
        token_budget: Maximum tokens at `fps` and `media_resolution`; the frames are shrunk to fit.
            Default: no limit.
        start_s: Start of the segment to keep, in seconds. Default: the beginning.
        end_s: End of the segment to keep, in seconds. Default: the end.
        fps: The `fps` that the request will set, 0.1 to 10. A result that was encoded for a lower
            one has no more frames to show. Default: 2, MiMo's own.
        media_resolution: The `media_resolution` that the request will set; likewise for pixels.
            Default: "default", MiMo's own.
        keep_quality: Whether to encode in the size of the source and with up to 30 frames per
            second: for requests of several kinds, or for people to watch.
        convert: Re-encode even an acceptable video, because MiMo refused it.
        time_limit: Maximum duration of the call, in seconds.
        progress: Called with the completed share, 0.0 to 1.0.
        show_progress: Whether to draw a progress bar on standard error.

    Returns:
        The video; `video_block(prepared.source)` creates a block from it.

    Raises:
        MediaError: The source is not a video or is damaged, the segment is empty, the result
            cannot be brought within the limits, or the time limit has expired.
        MiMoInputError: An argument is not a number or is out of range.
        MiMoConfigurationError: PyAV is not installed.
    """
    source = check_source("prepare_video", source)
    check_limits(max_bytes, token_budget, time_limit)
    check_time_range(start_s, end_s)
    with as_input_error():
        number("fps", fps, *FPS_RANGE)
        choice("media_resolution", media_resolution, get_args(MediaResolution))
    target = Target(token_budget, fps, media_resolution, keep_quality)
    monitor = ProgressMonitor(progress, show=show_progress, time_limit=time_limit)
    monitor.report(0)
    with draft_file(source, output) as draft, open_source(source) as file:
        with closing(open_as("video", file)) as container:
            streams = streams_to_cut(container, "video")
            video = _video_info(streams, container)
            audio_tracks = len(container.streams.audio)
            index = index_of(
                file,
                lambda: survey_packets(container, streams, monitor),
                waiting=lambda: monitor.report(0),
            )
        time_range = resolve_time_range(start_s, end_s, index.duration)
        job = Job(file, draft, output, max_bytes, index, time_range, monitor, [])
        there = max(index.duration, float(index.end))
        note_missing_end(file, there, end_s, job.notes)
        reasons = ["convert=True"] if convert else _reasons_to_encode(job, video, target)
        mime_type = _copy_file(job) if not reasons else None
        if mime_type is None:
            mime_type = "video/mp4"
            job.notes += other_tracks(audio_tracks)
            check_suffix(output, mime_type)
            if reasons or not _copy_streams(job, target):
                _encode_within_limits(job, target, video, reasons)
        monitor.report(1)
        return finish(draft, output, mime_type, job.notes)


def _copy_file(job: Job) -> str | None:
    """Copy a file that MiMo accepts and return its MIME type; return None for other files."""
    inspection = job.inspection("video") if job.is_whole else None
    if inspection is None or not suffix_fits(job.output, inspection.mime_type):
        return None
    job.copy_file()
    try:
        check_unchanged(job, "video")
    except CannotCopyError as error:
        job.notes[-1] = f"Re-encoded: {error}."
        return None
    return inspection.mime_type


@dataclass(frozen=True, slots=True)
class _VideoInfo:
    """The parameters of the video stream, as stated by its codec and container."""

    pixel_format: str | None
    width: int
    height: int
    aspect_ratio: Fraction
    has_audio: bool


def _video_info(streams: list[Any], container: Any) -> _VideoInfo:
    if all(is_cover(stream) for stream in container.streams.video):
        raise MediaError("it has no video track; prepare audio with prepare_audio")
    if not streams or streams[0].type != "video":
        raise MediaError("the codec of its video track is unknown to FFmpeg; get another copy")
    context = streams[0].codec_context
    size = context.width, context.height
    aspect_ratio = Fraction(streams[0].sample_aspect_ratio or 1)
    return _VideoInfo(pixel_format(context), *size, aspect_ratio, len(streams) > 1)


def _reasons_to_encode(job: Job, video: _VideoInfo, target: Target) -> list[str]:
    """Return why copying the packets is not enough; empty when it is."""
    reasons = []
    if video.pixel_format not in _PIXEL_FORMATS:
        reasons.append(f"pixel format {video.pixel_format or 'unknown'}")
    if job.index.is_variable_rate:
        reasons.append("variable frame rate")
    if not video.width or not video.height:
        reasons.append("a size that its header does not state")
    elif target.token_budget is not None:
        seconds = job.time_range.seconds
        tokens = target.tokens(seconds, video.width, video.height, mute=not video.has_audio)
        if tokens.total > target.token_budget:
            reasons.append(f"a cost of {tokens.total} tokens")
    return reasons


def _copy_streams(job: Job, target: Target) -> bool:
    """Copy the packets into an MP4 if codecs, key frames and limits allow it."""
    codecs = [str(codec_name(stream.codec)) for stream in job.index.streams.values()]
    if codecs[0] != "h264" or not _AUDIO_CODECS.issuperset(codecs[1:]):
        job.notes.append(f"Re-encoded: its codecs are {' and '.join(codecs)}.")
        return False
    try:
        copy_exactly(job, "video", "mp4")
    except CannotCopyError as error:
        job.notes.append(f"Re-encoded: {error}.")
        return False
    size = job.draft.stat().st_size
    if size > job.max_bytes:
        job.notes.append(f"Re-encoded: a copy would have {size:,} bytes.")
        return False
    if _duration_over_budget(job, target) is not None:
        job.notes.append("Re-encoded: a copy would cost too many tokens.")
        return False
    start_s, end_s = job.time_range.start_s, job.time_range.end_s
    job.notes.append(f"Copied from {start_s:.2f} s to {end_s:.2f} s without encoding.")
    return True


def _duration_over_budget(job: Job, target: Target) -> float | None:
    """Return the draft's duration in seconds if it exceeds the token budget, else None."""
    with job.draft.open("rb") as draft:
        header = inspect_file("video", draft).header
    if target.token_budget is None or not isinstance(header, AVHeader):
        return None
    seconds, width, height = header.duration or 0.0, header.width or 1, header.height or 1
    tokens = target.tokens(seconds, width, height, mute=not header.has_audio)
    return seconds if tokens.total > target.token_budget else None


def _encode_within_limits(job: Job, target: Target, video: _VideoInfo, reasons: list[str]) -> None:
    """Encode, and encode again if the result is too large or slightly too long."""
    share, seconds = limits.PAYLOAD_SHARE, job.time_range.seconds
    earlier_notes = len(job.notes)
    first = first_frame(job)
    source = _video_source(job, first, video)
    for _ in range(_MAX_ATTEMPTS):
        del job.notes[earlier_notes:]
        settings = choose_settings(source, target, seconds, job.max_bytes, share)
        encode_video(job, first, settings)
        written = job.draft.stat().st_size
        over_budget = _duration_over_budget(job, target)
        if written <= job.max_bytes and over_budget is None:
            job.notes += _notes(source, target, settings, reasons)
            return
        seconds = over_budget or seconds
        share *= min(1.0, 0.9 * job.max_bytes / written) if written > job.max_bytes else 1.0
    raise MediaError(
        f"it does not fit in {job.max_bytes:,} bytes and the token budget; "
        "cut it with start_s and end_s"
    )


def _video_source(job: Job, first: Any, video: _VideoInfo) -> VideoSource:
    """Return what is encoded, with the size of the first frame: upright, and always stated."""
    width, height, aspect_ratio = first.width, first.height, video.aspect_ratio
    if rotation_of(first) % 180:
        width, height, aspect_ratio = height, width, 1 / aspect_ratio
    seconds, rate = job.time_range.seconds, job.index.frame_rate
    return VideoSource(width, height, seconds, rate, video.has_audio, aspect_ratio)


def _notes(
    source: VideoSource, target: Target, settings: EncodingSettings, reasons: list[str]
) -> list[str]:
    because = f" because of {' and '.join(reasons)}" if reasons else ""
    size, rate = (settings.width, settings.height), settings.frame_rate
    encoded = f"{size[0]} x {size[1]} pixels, {float(rate):.3g} frames per second"
    notes = [f"Encoded as H.264, {encoded}{because}."]
    is_smaller = size[0] < source.width - 1 or rate < (source.frame_rate or rate)
    if is_smaller and not target.keep_quality:
        notes.append(
            f"It holds what MiMo looks at with fps={target.fps:g} and "
            f'media_resolution="{target.media_resolution}"; for more, prepare it with the values '
            "of the request, or with keep_quality=True."
        )
    return notes
