"""prepare_video: any video that FFmpeg can read becomes an MP4 that MiMo takes."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, get_args

from langchain_mimo._checks import choice, number
from langchain_mimo._media import limits
from langchain_mimo._media.av_container import import_av, open_container
from langchain_mimo._media.headers.reader import AVHeader
from langchain_mimo._media.inspection import inspect_source
from langchain_mimo._media.local_files import check_source
from langchain_mimo.errors import MediaError, as_input_error
from langchain_mimo.prepare.av_streams import (
    KEY_FRAME_TOLERANCE,
    AudioEncoder,
    Job,
    check_span,
    copy_packets,
    decoded,
    known_audio,
    survey,
    wanted_span,
)
from langchain_mimo.prepare.output import (
    DEFAULT_TIME_LIMIT,
    Output,
    Prepared,
    ProgressCallback,
    Source,
    Work,
    check_limits,
    finish,
    fits,
    opened,
    require_fitting,
    workplace,
)
from langchain_mimo.prepare.video_frames import SteadyFrames, rotation_of
from langchain_mimo.tokens import DEFAULT_FPS, MediaResolution, VideoTokens, video_tokens

MAX_RATE = 30
"""Frames per second that are kept."""

ENOUGH_RATE = 10
"""Frames per second that are kept when every byte counts: MiMo samples no more than 10."""

FPS_RANGE = (0.1, 10.0)
"""Frames per second MiMo can be asked to sample, as in the catalogue, which has no place here."""

_PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})
_AUDIO_CODECS = frozenset({"aac", "mp3", "mp3float"})
_AUDIO_BIT_RATE = 96_000
_SMALL_AUDIO_BIT_RATE = 32_000
_GOOD_BITS_PER_PIXEL = 0.06
_LEAST_BITS_PER_PIXEL = 0.03
_CONTAINER_SHARE = 0.92
_ATTEMPTS = 4
_SMALLEST_SIDE = 32
_QUALITY = {"crf": "23", "preset": "veryfast"}


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the result has to cost at most, and how MiMo will look at it."""

    token_budget: int | None
    fps: float
    media_resolution: MediaResolution

    def tokens(self, seconds: float, width: int, height: int, *, mute: bool) -> VideoTokens:
        return video_tokens(
            seconds, width, height, fps=self.fps, media_resolution=self.media_resolution, mute=mute
        )


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a video is encoded."""

    width: int
    height: int
    rate: Fraction
    video_bits: int
    audio_bits: int


def prepare_video(
    source: Source,
    output: Output = None,
    *,
    max_bytes: int = limits.SAFE_INLINE_BYTES,
    token_budget: int | None = None,
    start: float | None = None,
    end: float | None = None,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "default",
    convert: bool = False,
    time_limit: float = DEFAULT_TIME_LIMIT,
    progress: ProgressCallback | None = None,
    show_progress: bool = False,
) -> Prepared:
    """Make a video that MiMo takes: MP4 with H.264 in yuv420p at an even pace, and AAC.

    What MiMo takes already is left as it is. What needs only another container, or a cut at a key
    frame, is copied without encoding. All else is decoded and encoded anew.

    Args:
        source: A local path, or the bytes.
        output: Where to write the result; None for bytes in memory. The ending of its name has to
            fit: ".mp4", or that of the source where that is left as it is.
        max_bytes: Bytes it may have. Default: 37,500,000, which fits into MiMo's 50 MB of base64
            whichever MB is meant.
        token_budget: Tokens it may cost at `fps` and `media_resolution`; its picture is shrunk to
            that. Default: no limit.
        start: Seconds from which it is wanted. Default: its beginning.
        end: Seconds to which it is wanted. Default: its end.
        fps: Frames per second MiMo will be asked to sample; for the tokens alone.
        media_resolution: Resolution MiMo will be asked for; for the tokens alone.
        convert: Encode it anew even when it looks fine, because MiMo refused it.
        time_limit: Seconds this may take.
        progress: Called with the share that is done, 0.0 to 1.0.
        show_progress: Draw a bar on standard error.

    Returns:
        The video; `video_block(prepared.source)` makes a block of it.

    Raises:
        MediaError: It is no video, is damaged, the piece wanted is empty, it cannot be brought
            within the limits, or the time limit has passed.
        MiMoInputError: A number is none, or out of its range.
        MiMoConfigurationError: PyAV is not installed.
    """
    source = check_source("prepare_video", source)
    check_limits(max_bytes, token_budget, time_limit)
    check_span(start, end)
    with as_input_error():
        number("fps", fps, *FPS_RANGE)
        choice("media_resolution", media_resolution, get_args(MediaResolution))
    wish = _Wish(token_budget, fps, media_resolution)
    work = Work(progress, show=show_progress, time_limit=time_limit)
    work.at(0)
    with workplace(source, output) as draft, opened(source) as file:
        with closing(open_container(file)) as container:
            video = _video_of(container)
            found = survey(container, _streams(container), work)
        span = wanted_span(start, end, found.duration)
        job = Job(file, draft, output, max_bytes, found, span, work, [])
        why = ["it was to be encoded anew"] if convert else _reasons(job, video, wish)
        mime_type = _as_it_is(job) if not why else None
        if mime_type is None:
            mime_type = "video/mp4"
            require_fitting(output, mime_type)
            if why or not _copied(job, wish):
                _encoded(job, wish, why)
        work.at(1)
        return finish(draft, output, mime_type, job.notes)


def _as_it_is(job: Job) -> str | None:
    """Take a file that MiMo takes as it is, and return its MIME type; None for others."""
    found = job.accepted_format()
    mime_type = found.mime_types.get("video") if found is not None else None
    if not job.is_whole or mime_type is None or not fits(job.output, mime_type):
        return None
    job.copy_file()
    return mime_type


@dataclass(frozen=True, slots=True)
class _Video:
    """The video stream as its codec tells it, upright."""

    codec: str
    pixel_format: str | None
    width: int
    height: int
    has_audio: bool


def _video_of(container: Any) -> _Video:
    if not container.streams.video:
        raise MediaError("it has no video track; prepare a sound with prepare_audio.")
    context = container.streams.video[0].codec_context
    if context is None:
        raise MediaError("it has a video track in a codec that FFmpeg does not know.")
    return _Video(
        context.name,
        context.pix_fmt,
        context.width,
        context.height,
        bool(known_audio(container)),
    )


def _streams(container: Any) -> list[Any]:
    """Return the first video and the first sound that can be decoded."""
    return [*container.streams.video[:1], *known_audio(container)[:1]]


def _reasons(job: Job, video: _Video, wish: _Wish) -> list[str]:
    """Say why copying the packets would not do."""
    why = []
    if video.pixel_format not in _PIXEL_FORMATS:
        why.append(f"its pixel format was {video.pixel_format}")
    if job.found.is_variable:
        why.append("its frames came at an uneven pace")
    if wish.token_budget is not None:
        tokens = wish.tokens(job.span.seconds, video.width, video.height, mute=not video.has_audio)
        if tokens.total > wish.token_budget:
            why.append(f"it cost {tokens.total} tokens")
    return why


def _copied(job: Job, wish: _Wish) -> bool:
    """Copy the packets into an MP4, if their codecs, the key frames and the size allow it."""
    av = import_av()
    span = job.span
    keys = job.found.keys
    start = max((key for key in keys if key <= span.start + 1e-6), default=min(keys, default=None))
    if start is None or abs(span.start - start) > KEY_FRAME_TOLERANCE:
        job.notes.append(f"There is no key frame near {span.start:g} s, so it was encoded anew.")
        return False
    with job.container() as container:
        streams = _streams(container)
        codecs = {stream.type: stream.codec_context.name for stream in streams}
        if codecs["video"] != "h264" or codecs.get("audio", "aac") not in _AUDIO_CODECS:
            job.notes.append(f"It held {' and '.join(codecs.values())}, so it was encoded anew.")
            return False
        try:
            copy_packets(job, streams, "mp4", start)
        except av.error.FFmpegError:
            job.notes.append("An MP4 could not hold its streams, so it was encoded anew.")
            return False
    size = job.draft.stat().st_size
    if size > job.max_bytes:
        job.notes.append(f"Copied it would have {size:,} bytes, so it was encoded anew.")
        return False
    if _too_dear_length(job, wish) is not None:
        job.notes.append("Copied it would cost too many tokens, so it was encoded anew.")
        return False
    job.notes.append(f"It was copied from {start:.2f} s to {span.end:.2f} s without encoding.")
    return True


def _too_dear_length(job: Job, wish: _Wish) -> float | None:
    """Return the length that the draft came to when that makes it too dear, else None."""
    header = inspect_source("video", job.draft).header
    if wish.token_budget is None or not isinstance(header, AVHeader):
        return None
    seconds, width, height = header.duration or 0.0, header.width or 1, header.height or 1
    tokens = wish.tokens(seconds, width, height, mute=not header.has_audio)
    return seconds if tokens.total > wish.token_budget else None


def _encoded(job: Job, wish: _Wish, why: list[str]) -> None:
    """Encode, and again when the result came out too large or a trifle too long."""
    share, seconds = _CONTAINER_SHARE, job.span.seconds
    before = len(job.notes)
    for _ in range(_ATTEMPTS):
        del job.notes[before:]
        with job.container() as container:
            upright = _upright(container)
        shape = _shape(job, upright, _within_tokens(upright, seconds, wish), share)
        with job.container() as container:
            _encode(job, container, shape)
        size = job.draft.stat().st_size
        too_long = _too_dear_length(job, wish)
        if size <= job.max_bytes and too_long is None:
            because = f", since {' and '.join(why)}" if why else ""
            job.notes.append(
                f"It is H.264 of {shape.width} x {shape.height} pixels at "
                f"{float(shape.rate):g} frames a second now{because}."
            )
            return
        seconds = too_long or seconds
        share *= min(1.0, 0.9 * job.max_bytes / size) if size > job.max_bytes else 1.0
    raise MediaError(
        f"it could not be brought within {job.max_bytes:,} bytes and the budget of tokens; "
        "cut it with start and end."
    )


def _upright(container: Any) -> _Video:
    """Return the video as it will be once it is turned the way its header says."""
    video = _video_of(container)
    if _rotation(container) % 180 == 0:
        return video
    return _Video(
        video.codec,
        video.pixel_format,
        video.height,
        video.width,
        video.has_audio,
    )


def _rotation(container: Any) -> int:
    """Return by how many degrees, counter-clockwise, players turn the picture; 0 when unsaid."""
    for frame in container.decode(video=0):
        return rotation_of(frame)
    raise MediaError("not a single frame of it can be decoded; get another copy.")


def _shape(job: Job, video: _Video, size: tuple[int, int], share: float) -> _Shape:
    """Choose pace and bits for the limit of bytes, and a smaller size where bits are few."""
    seconds = job.span.seconds
    width, height = size
    bits = int(job.max_bytes * 8 * share / seconds)
    audio_bits = _AUDIO_BIT_RATE if bits > 8 * _AUDIO_BIT_RATE else _SMALL_AUDIO_BIT_RATE
    video_bits = bits - (audio_bits if video.has_audio else 0)
    rate = min(job.found.rate or Fraction(ENOUGH_RATE), Fraction(MAX_RATE))
    if video_bits < _GOOD_BITS_PER_PIXEL * width * height * rate:
        rate = min(rate, Fraction(ENOUGH_RATE))
    while video_bits < _LEAST_BITS_PER_PIXEL * width * height * rate:
        width, height = _even(width * 0.9), _even(height * 0.9)
        if min(width, height) <= _SMALLEST_SIDE:
            raise MediaError(
                f"{seconds:.0f} s cannot be brought to {job.max_bytes:,} bytes; "
                "cut it with start and end."
            )
    return _Shape(width, height, rate, video_bits, audio_bits)


def _within_tokens(video: _Video, seconds: float, wish: _Wish) -> tuple[int, int]:
    width, height = _even(video.width), _even(video.height)
    if wish.token_budget is None:
        return width, height
    while True:
        tokens = wish.tokens(seconds, width, height, mute=not video.has_audio)
        if tokens.total <= wish.token_budget:
            return width, height
        if min(width, height) <= _SMALLEST_SIDE:
            raise MediaError(
                f"{seconds:.1f} s cost {tokens.total} tokens even at {width} x {height} "
                f"pixels, more than {wish.token_budget}; lower fps, or cut it with start and end."
            )
        width, height = _even(width * 0.95), _even(height * 0.95)


def _even(side: float) -> int:
    return max(2, int(side) // 2 * 2)


def _encode(job: Job, container: Any, shape: _Shape) -> None:
    av = import_av()
    with av.open(os.fspath(job.draft), "w", format="mp4", options={"movflags": "faststart"}) as out:
        options = {
            **_QUALITY,
            "maxrate": str(shape.video_bits),
            "bufsize": str(2 * shape.video_bits),
        }
        images = out.add_stream("h264", rate=shape.rate, options=options)
        images.width, images.height, images.pix_fmt = shape.width, shape.height, "yuv420p"
        audio = None
        if known := known_audio(container):
            audio = AudioEncoder(out, "aac", known[0], shape.audio_bits)
        steady: SteadyFrames | None = None
        for frame, time in decoded(job, _streams(container)):
            if isinstance(frame, av.VideoFrame):
                steady = steady or SteadyFrames(frame, shape.width, shape.height, shape.rate)
                for ready in steady.push(frame, time):
                    out.mux(images.encode(ready))
            elif audio is not None:
                audio.encode(frame, time)
        if steady is None:
            raise MediaError("the piece wanted holds not a single frame; choose another one.")
        for ready in steady.until(job.span.seconds):
            out.mux(images.encode(ready))
        out.mux(images.encode(None))
        if audio is not None:
            audio.finish()
