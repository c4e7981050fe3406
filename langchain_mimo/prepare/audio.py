"""prepare_audio: converts any audio that FFmpeg reads, also a video's, to what MiMo accepts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from langchain_mimo._media import formats, limits
from langchain_mimo._media.formats import SUFFIXES
from langchain_mimo._media.headers.codec_names import codec_name
from langchain_mimo._media.headers.reader import AVHeader
from langchain_mimo._media.inspection import inspect
from langchain_mimo._media.local_files import check_source
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare.audio_check import SILENCE, check_audio, peak_of
from langchain_mimo.prepare.audio_copying import COPIED, Segment, copy_audio
from langchain_mimo.prepare.audio_source import AudioSource, open_audio, reader_of
from langchain_mimo.prepare.audio_writing import AudioFormat, encode_audio
from langchain_mimo.prepare.av_streams import (
    UNCHANGED,
    TimeRange,
    check_time_range,
    other_tracks,
    resolve_time_range,
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
from langchain_mimo.tokens import audio_tokens

BIT_RATES = (128_000, 96_000, 64_000, 48_000, 32_000, 24_000, 16_000, limits.LOWEST_AUDIO_BIT_RATE)
"""MP3 bit rates to choose from, in bits per second, best first."""

_PAYLOAD_SHARE = 0.97
"""Share of `max_bytes` left for the audio itself, after container overhead."""

_MP3_RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_SPEECH_RATE = 16_000
_SPEECH_BIT_RATE = 48_000
"""Bits per second below which audio is encoded as mono at the sample rate of speech."""

_WAV_CONTAINERS = frozenset({"wav", "w64"})
_WAV_CODECS = {
    # By FFmpeg's name of the decoded samples: the encoder that keeps all of them.
    "u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s32le", "flt": "pcm_f32le", "dbl": "pcm_f64le",
}  # fmt: skip
_FLAC_FORMATS = frozenset({"s16", "s32"})


@dataclass(slots=True)
class _Job:
    """The state of one call."""

    file: IO[bytes]
    source: AudioSource
    draft: Path
    output: Output
    max_bytes: int
    time_range: TimeRange
    is_whole: bool
    token_budget: int | None
    monitor: ProgressMonitor
    notes: list[str]

    def tick(self, share: float = 0.0) -> None:
        """Report progress, and raise when the time limit has expired."""
        self.monitor.report(0.05 + 0.85 * share)

    def check_clock(self) -> None:
        """Raise when the time limit has expired."""
        self.monitor.report(0)

    @property
    def seconds(self) -> float:
        """The length of the segment, as far as it is known before decoding."""
        return self.time_range.seconds


@dataclass(frozen=True, slots=True)
class _Written:
    """A draft that is not checked yet: its MIME type, its length in seconds and what was done."""

    mime_type: str
    seconds: float
    note: str


@naming_unknown_arguments
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

    A file that blocks accept, that decodes and that states its true length is left unchanged. MP3,
    AAC, ALAC, Opus and Vorbis, also from videos, are copied without encoding; an MP3 only from its
    beginning on, because its frames need earlier ones. FLAC stays FLAC, and a complete WAV whose
    header is unusual stays WAV, without loss. Everything else becomes MP3.

    The result is decoded to its end before it is returned: it has the length of the segment, up to
    two frames of its codec, and is not silent unless the source is.

    Args:
        source: Local path or bytes of audio, or of a video with audio.
        output: Path to write to. Default: the result stays in memory. Suffix: ".mp3", or that of
            the format in which the audio can be kept.
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
        audio = open_audio(file, lambda _: monitor.report(0))
        time_range = resolve_time_range(start_s, end_s, audio.seconds)
        _check_token_budget(time_range.seconds, token_budget)
        job = _Job(
            file=file,
            source=audio,
            draft=draft,
            output=output,
            max_bytes=max_bytes,
            time_range=time_range,
            is_whole=not start_s and time_range.end_s >= audio.seconds,
            token_budget=token_budget,
            monitor=monitor,
            notes=[],
        )
        note_missing_end(file, audio.last_s, end_s, job.notes)
        mime_type = _prepare(job, convert=convert)
        if job.notes[-1] != UNCHANGED:
            job.notes += other_tracks(audio.first.audio_tracks)
        monitor.report(1)
        return finish(draft, output, mime_type, job.notes)


def _check_token_budget(seconds: float, token_budget: int | None) -> None:
    tokens = audio_tokens(seconds)
    if token_budget is not None and tokens > token_budget:
        raise MediaError(
            f"{seconds:.1f} s of audio cost {tokens} tokens, more than token_budget={token_budget}"
            "; cut it with start_s and end_s, for example along langchain_mimo.plan_segments"
        )


def _prepare(job: _Job, *, convert: bool) -> str:
    """Write the draft in the best way that keeps the promise, and return its MIME type."""
    ways = (_leave_unchanged, _encode_losslessly, _copy_packets, _copy_undamaged)
    for way in () if convert else ways:
        try:
            mime_type = _checked(job, way)
        except MediaError:
            job.check_clock()  # raises again if it was the clock
            continue
        if mime_type is not None:
            return mime_type
    check_suffix(job.output, "audio/mpeg")
    for bit_rate in _affordable_bit_rates(job):
        mime_type = _checked(job, lambda job: _encode_mp3(job, bit_rate))  # noqa: B023
        if mime_type is not None:
            return mime_type
    raise _too_long(job)


def _checked(job: _Job, way: Callable[[_Job], _Written | None]) -> str | None:
    """Try one way and check its result.

    Returns:
        The MIME type; None if the way is not open to this source, or its result is too large or
        too long.

    Raises:
        MediaError: The result is not what was promised.
    """
    notes = len(job.notes)
    try:
        written = way(job)
        if written is None or job.draft.stat().st_size > job.max_bytes:
            del job.notes[notes:]
            return None
        heard = check_audio(job.draft, written.mime_type, written.seconds, lambda _: job.tick(1))
        if job.token_budget is not None and audio_tokens(heard.stated) > job.token_budget:
            del job.notes[notes:]
            return None
        if heard.peak <= SILENCE:
            _check_source_is_silent(job)
    except MediaError:
        del job.notes[notes:]
        raise
    job.notes.append(written.note)
    return written.mime_type


def _check_source_is_silent(job: _Job) -> None:
    if peak_of(_frames(job)) > 2 * SILENCE:
        raise MediaError("the result is silent, but its source is not; get another copy")


def _frames(job: _Job) -> Iterator[tuple[Any, Fraction]]:
    """Decode the segment, and note what had to be skipped."""

    def skipped(count: int) -> None:
        job.notes.append(_skipped(count))

    end_s = None if job.time_range.end_s >= job.source.seconds else job.time_range.end_s
    return job.source.frames(job.time_range.start_s, end_s, job.tick, skipped)


def _skipped(packets: int) -> str:
    return f"Skipped {packets} damaged packet{'s' if packets > 1 else ''}."


def _leave_unchanged(job: _Job) -> _Written | None:
    """Copy a file that blocks accept, unless its header states a wrong length or none."""
    found = job.source.found
    if not job.is_whole or (job.source.offset and found is not formats.MP3):
        return None
    reader = reader_of(job.file)
    if reader.size > job.max_bytes:
        return None
    try:
        inspection = inspect("audio", None, reader)
    except ValueError:
        return None
    header = inspection.header
    if not isinstance(header, AVHeader) or not header.has_true_lengths or header.duration is None:
        return None
    if not suffix_fits(job.output, inspection.mime_type):
        return None
    job.file.seek(0)
    with job.draft.open("wb") as copy:
        shutil.copyfileobj(job.file, copy)
    return _Written(inspection.mime_type, header.duration, UNCHANGED)


def _encode_losslessly(job: _Job) -> _Written | None:
    """Write FLAC as FLAC, and a WAV with an unusual header as a usual one."""
    wanted = _lossless_format(job)
    if wanted is None or not suffix_fits(job.output, wanted.mime_type):
        return None
    seconds = encode_audio(_frames(job), job.draft, wanted, _limit(job), job.check_clock)
    name = "FLAC" if wanted.codec == "flac" else "WAV"
    return _Written(wanted.mime_type, seconds, f"Written as {name} without loss.")


def _lossless_format(job: _Job) -> AudioFormat | None:
    part = job.source.first
    rate, layout, samples = part.sample_rate, part.layout, part.sample_format
    if len(job.source.parts) > 1:
        return None
    if part.codec == "flac" and samples in _FLAC_FORMATS:
        return AudioFormat("flac", "flac", "audio/flac", rate, layout, samples)
    suffix = Path(job.output).suffix.lower() if job.output is not None else ""
    is_wav = part.container in _WAV_CONTAINERS and job.is_whole
    if part.codec.startswith("pcm_") and (is_wav or suffix in SUFFIXES["audio/wav"]):
        codec = "pcm_s24le" if part.codec.startswith("pcm_s24") else _WAV_CODECS.get(samples)
        if codec is not None:
            return AudioFormat("wav", codec, "audio/wav", rate, layout)
    return None


def _limit(job: _Job) -> float | None:
    """Return where to stop, in seconds from the start of the segment; None for the end."""
    is_to_the_end = job.time_range.end_s >= job.source.seconds and job.token_budget is None
    return None if is_to_the_end else job.seconds


def _copy_packets(job: _Job, *, leaves_out_damage: bool = False) -> _Written | None:
    """Copy the audio packets into a container that MiMo accepts."""
    part = job.source.first
    if len(job.source.parts) > 1 or part.codec not in COPIED:
        return None
    container, mime_type = COPIED[part.codec]
    if not suffix_fits(job.output, mime_type):
        return None
    start_s = job.time_range.start_s
    segment = Segment(start_s, _limit(job), leaves_out_damage)
    copied = copy_audio(part, segment, job.draft, container, job.tick)
    if copied is None:
        return None
    if copied.damaged:
        job.notes.append(_skipped(copied.damaged))
    end_s = start_s + copied.seconds
    note = f"Copied its {codec_name(part.codec)} audio from {start_s:.2f} s to {end_s:.2f} s."
    return _Written(mime_type, copied.seconds, note)


def _copy_undamaged(job: _Job) -> _Written | None:
    """Copy the audio packets that decode."""
    return _copy_packets(job, leaves_out_damage=True)


def _affordable_bit_rates(job: _Job) -> list[int]:
    """Return the MP3 bit rates that fit, best first.

    Raises:
        MediaError: None does.
    """
    affordable = job.max_bytes * 8 * _PAYLOAD_SHARE / job.seconds
    rates = [rate for rate in BIT_RATES if rate <= affordable]
    if not rates:
        raise _too_long(job)
    return rates


def _too_long(job: _Job) -> MediaError:
    return MediaError(
        f"{job.seconds:.0f} s of audio do not fit in {job.max_bytes:,} bytes; "
        "cut it with start_s and end_s"
    )


def _encode_mp3(job: _Job, bit_rate: int) -> _Written:
    part = job.source.first
    rate = next((each for each in _MP3_RATES if each >= part.sample_rate), 44_100)
    layout = "stereo" if part.channels > 1 else "mono"
    if bit_rate < _SPEECH_BIT_RATE:
        rate, layout = _SPEECH_RATE, "mono"
    wanted = AudioFormat("mp3", "libmp3lame", "audio/mpeg", rate, layout, bit_rate=bit_rate)
    seconds = encode_audio(_frames(job), job.draft, wanted, _limit(job), job.check_clock)
    if not seconds:
        raise MediaError("none of its audio decodes; get another copy")
    return _Written("audio/mpeg", seconds, f"Encoded as MP3 at {bit_rate // 1000} kbit/s.")
