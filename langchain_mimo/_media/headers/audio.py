"""The header of a file with audio alone."""

from __future__ import annotations

from langchain_mimo._media.headers.reader import AVHeader, StreamInfo


def audio_header(
    duration: float | None,
    codec: str | None,
    sample_rate: int | None = None,
    channels: int | None = None,
    *,
    duration_range: tuple[float, float] | None = None,
    has_true_lengths: bool = True,
) -> AVHeader:
    """Return the header of a file that holds one audio stream.

    Args:
        duration: Seconds, or None if unknown.
        codec: FFmpeg's name of the codec, or None if unknown.
        sample_rate: Samples per second, or None if unknown.
        channels: Number of channels, or None if unknown.
        duration_range: Least and most seconds if the duration is unknown.
        has_true_lengths: See `AVHeader`.
    """
    return AVHeader(
        duration,
        has_video=False,
        has_audio=True,
        audio_codec=codec,
        duration_range=duration_range if duration is None else None,
        streams=(
            StreamInfo("audio", codec, sample_rate=sample_rate or None, channels=channels or None),
        ),
        has_true_lengths=has_true_lengths,
    )
