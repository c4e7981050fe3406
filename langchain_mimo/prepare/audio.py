"""prepare_audio: any sound that FFmpeg can read, or the sound of a video, in what MiMo takes."""

from __future__ import annotations

import os
from contextlib import closing

from langchain_mimo._media import formats, limits
from langchain_mimo._media.av_container import import_av, open_container
from langchain_mimo._media.local_files import check_source
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare.av_streams import (
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
from langchain_mimo.tokens import audio_tokens

BIT_RATES = (128_000, 96_000, 64_000, 48_000, 32_000, 24_000, 16_000, 8_000)
"""Bits per second of MP3, the best first."""

_CONTAINER_SHARE = 0.97
_COPIES = {
    "mp3": ("mp3", "audio/mpeg"),
    "mp3float": ("mp3", "audio/mpeg"),
    "aac": ("ipod", "audio/mp4"),
    "alac": ("ipod", "audio/mp4"),
    "flac": ("flac", "audio/flac"),
    "opus": ("ogg", "audio/ogg"),
    "vorbis": ("ogg", "audio/ogg"),
}
"""Into which container a codec's packets are copied."""


def prepare_audio(
    source: Source,
    output: Output = None,
    *,
    max_bytes: int = limits.SAFE_INLINE_BYTES,
    token_budget: int | None = None,
    start: float | None = None,
    end: float | None = None,
    convert: bool = False,
    time_limit: float = DEFAULT_TIME_LIMIT,
    progress: ProgressCallback | None = None,
    show_progress: bool = False,
) -> Prepared:
    """Make a sound that MiMo takes.

    What MiMo takes already is left as it is. MP3, AAC, ALAC, FLAC, Opus and Vorbis, those in videos
    included, are copied without encoding. All else becomes MP3.

    Args:
        source: A local path, or the bytes.
        output: Where to write the result; None for bytes in memory. The ending of its name has to
            fit: ".mp3", or that of the format in which the sound can be left as it is.
        max_bytes: Bytes it may have. Default: 37,500,000, which fits into MiMo's 50 MB of base64
            whichever MB is meant.
        token_budget: Tokens it may cost. The tokens of a sound depend on its length alone, so what
            is too long is refused and not cut by itself.
        start: Seconds from which it is wanted. Default: its beginning.
        end: Seconds to which it is wanted. Default: its end.
        convert: Encode it anew even when it looks fine, because MiMo refused it.
        time_limit: Seconds this may take.
        progress: Called with the share that is done, 0.0 to 1.0.
        show_progress: Draw a bar on standard error.

    Returns:
        The sound; `audio_block(prepared.source)` makes a block of it.

    Raises:
        MediaError: It has no sound, is damaged, the piece wanted is empty or too long for the
            limits, or the time limit has passed.
        MiMoInputError: A number is none, or out of its range.
        MiMoConfigurationError: PyAV is not installed.
    """
    source = check_source("prepare_audio", source)
    check_limits(max_bytes, token_budget, time_limit)
    check_span(start, end)
    work = Work(progress, show=show_progress, time_limit=time_limit)
    work.at(0)
    with workplace(source, output) as draft, opened(source) as file:
        with closing(open_container(file)) as container:
            if not (audio := known_audio(container)):
                raise MediaError("it has no sound track that FFmpeg can read.")
            found = survey(container, audio[:1], work)
        span = wanted_span(start, end, found.duration)
        _check_tokens(span.seconds, token_budget)
        job = Job(file, draft, output, max_bytes, found, span, work, [])
        mime_type = None if convert else _as_it_is(job) or _copied(job)
        mime_type = mime_type or _encoded(job)
        work.at(1)
        return finish(draft, output, mime_type, job.notes)


def _check_tokens(seconds: float, token_budget: int | None) -> None:
    tokens = audio_tokens(seconds)
    if token_budget is not None and tokens > token_budget:
        raise MediaError(
            f"{seconds:.1f} s of sound cost {tokens} tokens, more than {token_budget}; "
            "cut it with start and end, as langchain_mimo.plan_segments says."
        )


def _as_it_is(job: Job) -> str | None:
    """Take a file that MiMo takes as it is, and return its MIME type; None for others."""
    found = job.accepted_format()
    mime_type = found.mime_types.get("audio") if found is not None else None
    if not job.is_whole or mime_type is None or not fits(job.output, mime_type):
        return None
    with job.container() as container:
        if container.streams.video and found is formats.MP4:
            return None
    job.copy_file()
    return mime_type


def _copied(job: Job) -> str | None:
    """Copy the packets of the sound, if a container that MiMo takes can hold them."""
    av = import_av()
    with job.container() as container:
        stream = known_audio(container)[0]
        codec = stream.codec_context.name
        if codec not in _COPIES:
            return None
        format_name, mime_type = _COPIES[codec]
        if not fits(job.output, mime_type):
            return None
        try:
            copy_packets(job, [stream], format_name, job.span.start)
        except av.error.FFmpegError:
            return None
    if job.draft.stat().st_size > job.max_bytes:
        return None
    job.notes.append(f"Its {codec} was copied from {job.span.start:.2f} s to {job.span.end:.2f} s.")
    return mime_type


def _encoded(job: Job) -> str:
    """Encode MP3 with as many bits as fit."""
    require_fitting(job.output, "audio/mpeg")
    affordable = job.max_bytes * 8 * _CONTAINER_SHARE / job.span.seconds
    bit_rate = next((rate for rate in BIT_RATES if rate <= affordable), None)
    if bit_rate is None:
        raise MediaError(
            f"{job.span.seconds:.0f} s of sound cannot be brought to {job.max_bytes:,} bytes; "
            "cut it with start and end."
        )
    av = import_av()
    with job.container() as container, av.open(os.fspath(job.draft), "w", format="mp3") as out:
        stream = known_audio(container)[0]
        encoder = AudioEncoder(out, "libmp3lame", stream, bit_rate)
        for frame, time in decoded(job, [stream]):
            encoder.encode(frame, time)
        encoder.finish()
    job.notes.append(f"It is MP3 of {bit_rate // 1000} kbit/s now.")
    return "audio/mpeg"
