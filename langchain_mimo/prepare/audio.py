"""prepare_audio: converts any audio that FFmpeg reads, also a video's, to what MiMo accepts."""

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
    check_time_range,
    copy_packets,
    decodable_audio,
    decode_frames,
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
    open_source,
    suffix_fits,
)
from langchain_mimo.tokens import audio_tokens

BIT_RATES = (128_000, 96_000, 64_000, 48_000, 32_000, 24_000, 16_000, 8_000)
"""MP3 bit rates to choose from, in bits per second, best first."""

_PAYLOAD_SHARE = 0.97
"""Share of `max_bytes` left for the audio itself, after container overhead."""

_CONTAINERS = {
    "mp3": ("mp3", "audio/mpeg"),
    "mp3float": ("mp3", "audio/mpeg"),
    "aac": ("ipod", "audio/mp4"),
    "alac": ("ipod", "audio/mp4"),
    "flac": ("flac", "audio/flac"),
    "opus": ("ogg", "audio/ogg"),
    "vorbis": ("ogg", "audio/ogg"),
}
"""Codecs that are copied without encoding: FFmpeg's container format and the MIME type."""


def prepare_audio(
    source: Source,
    output: Output = None,
    *,
    max_bytes: int = limits.SAFE_INLINE_BYTES,
    token_budget: int | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    convert: bool = False,
    time_limit: float = DEFAULT_TIME_LIMIT,
    progress: ProgressCallback | None = None,
    show_progress: bool = False,
) -> Prepared:
    """Convert audio to a format that MiMo accepts.

    A file that MiMo accepts is left unchanged. MP3, AAC, ALAC, FLAC, Opus and Vorbis, also from
    videos, are copied without encoding. Everything else becomes MP3.

    Args:
        source: Local path or bytes of audio, or of a video with audio.
        output: Path to write to. Default: the result stays in memory. Suffix: ".mp3", or that of
            the format in which the audio can be copied.
        max_bytes: Maximum size of the result. Default: 37,500,000, which fits MiMo's base64 limit.
        token_budget: Maximum tokens. They depend on the duration alone, so audio that is too long
            is refused, not cut. Default: no limit.
        start_s: Start of the segment to keep, in seconds. Default: the beginning.
        end_s: End of the segment to keep, in seconds. Default: the end.
        convert: Re-encode even acceptable audio, because MiMo refused it.
        time_limit: Maximum duration of the call, in seconds.
        progress: Called with the completed share, 0.0 to 1.0.
        show_progress: Whether to draw a progress bar on standard error.

    Returns:
        The audio; `audio_block(prepared.source)` creates a block from it.

    Raises:
        MediaError: The source has no audio or is damaged, the segment is empty or too long for the
            limits, or the time limit has expired.
        MiMoInputError: An argument is not a number or is out of range.
        MiMoConfigurationError: PyAV is not installed.
    """
    source = check_source("prepare_audio", source)
    check_limits(max_bytes, token_budget, time_limit)
    check_time_range(start_s, end_s)
    monitor = ProgressMonitor(progress, show=show_progress, time_limit=time_limit)
    monitor.report(0)
    with draft_file(source, output) as draft, open_source(source) as file:
        with closing(open_container(file)) as container:
            if not (streams := decodable_audio(container)):
                raise MediaError("it has no audio track that FFmpeg can decode")
            survey = survey_packets(container, streams[:1], monitor)
        time_range = resolve_time_range(start_s, end_s, survey.duration)
        _check_token_budget(time_range.seconds, token_budget)
        job = Job(file, draft, output, max_bytes, survey, time_range, monitor, [])
        mime_type = None if convert else _copy_file(job) or _copy_stream(job)
        mime_type = mime_type or _encode_mp3(job)
        monitor.report(1)
        return finish(draft, output, mime_type, job.notes)


def _check_token_budget(seconds: float, token_budget: int | None) -> None:
    tokens = audio_tokens(seconds)
    if token_budget is not None and tokens > token_budget:
        raise MediaError(
            f"{seconds:.1f} s of audio cost {tokens} tokens, more than token_budget={token_budget}"
            "; cut it with start_s and end_s, for example along langchain_mimo.plan_segments"
        )


def _copy_file(job: Job) -> str | None:
    """Copy a file that MiMo accepts and return its MIME type; return None for other files."""
    found = job.accepted_format()
    mime_type = found.mime_types.get("audio") if found is not None else None
    if not job.is_whole or mime_type is None or not suffix_fits(job.output, mime_type):
        return None
    with job.container() as container:
        if container.streams.video and found is formats.MP4:
            return None
    job.copy_file()
    return mime_type


def _copy_stream(job: Job) -> str | None:
    """Copy the audio packets into a container that MiMo accepts; return None if none fits."""
    av = import_av()
    with job.container() as container:
        stream = decodable_audio(container)[0]
        codec = stream.codec_context.name
        if codec not in _CONTAINERS:
            return None
        format_name, mime_type = _CONTAINERS[codec]
        if not suffix_fits(job.output, mime_type):
            return None
        try:
            copy_packets(job, [stream], format_name, job.time_range.start_s)
        except av.error.FFmpegError:
            return None
    if job.draft.stat().st_size > job.max_bytes:
        return None
    start_s, end_s = job.time_range.start_s, job.time_range.end_s
    job.notes.append(f"Copied its {codec} audio from {start_s:.2f} s to {end_s:.2f} s.")
    return mime_type


def _encode_mp3(job: Job) -> str:
    """Encode MP3 at the best bit rate that fits."""
    check_suffix(job.output, "audio/mpeg")
    seconds = job.time_range.seconds
    affordable = job.max_bytes * 8 * _PAYLOAD_SHARE / seconds
    bit_rate = next((rate for rate in BIT_RATES if rate <= affordable), None)
    if bit_rate is None:
        raise MediaError(
            f"{seconds:.0f} s of audio do not fit in {job.max_bytes:,} bytes; "
            "cut it with start_s and end_s"
        )
    av = import_av()
    with job.container() as container, av.open(os.fspath(job.draft), "w", format="mp3") as out:
        stream = decodable_audio(container)[0]
        encoder = AudioEncoder(out, "libmp3lame", stream, bit_rate)
        for frame, time in decode_frames(job, [stream]):
            encoder.encode(frame, time)
        encoder.finish()
    job.notes.append(f"Encoded as MP3 at {bit_rate // 1000} kbit/s.")
    return "audio/mpeg"
