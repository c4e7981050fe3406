"""Encodes a segment as MP4: H.264 in yuv420p at a constant frame rate, and AAC."""

from __future__ import annotations

import os
from contextlib import closing
from fractions import Fraction
from typing import Any

from langchain_mimo._media.av_container import ffmpeg_errors, import_av
from langchain_mimo._media.cutting.copying import closing_writer
from langchain_mimo._media.cutting.verification import Promise, verify
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare.av_streams import AudioEncoder, Job, decode_frames
from langchain_mimo.prepare.video_frames import FrameNormalizer
from langchain_mimo.prepare.video_settings import EncodingSettings

_MAX_AUDIO_LOSS = Fraction(1, 2)
"""Seconds of audio whose loss is not worth a note: decoders need some to begin."""

_QUALITY = {"crf": "23", "preset": "veryfast"}
_MAX_BIT_RATE = 2**31 - 1
"""Bits per second, and bits of the encoder's buffer, that FFmpeg can express."""


def first_frame(job: Job) -> Any:
    """Decode the first frame of the segment.

    Raises:
        MediaError: The segment contains no frame that decodes.
    """
    video = job.index.video
    positions = [] if video is None else [video.position]
    with closing(decode_frames(job, positions)) as frames:
        for frame, _ in frames:
            return frame
    if job.is_whole:
        raise MediaError("no frame of its video can be decoded; get another copy")
    raise MediaError(
        "the segment contains no video frame that can be decoded; choose another start_s and end_s"
    )


def encode_video(job: Job, first: Any, settings: EncodingSettings) -> None:
    """Encode the segment into the draft, and verify the result.

    Args:
        job: The prepare call.
        first: The first frame, by whose size and rotation all are converted.
        settings: How to encode.

    Raises:
        MediaError: FFmpeg cannot decode or encode it, the result fails its verification, or the
            time limit has expired.
    """
    writer = _Writer(job, first, settings)
    options = {"movflags": "faststart"}
    with ffmpeg_errors("the result cannot be written", "free disk space"):
        out = import_av().open(os.fspath(job.draft), "w", format="mp4", options=options)
    with closing_writer(out):
        writer.write(out)
    frames, rate = writer.frames, settings.frame_rate
    promise = Promise("video", (frames - 1) / rate, frames, 1 / rate, writer.audio_seconds)
    try:
        verify(job.draft, promise, lambda share: job.monitor.report(0.9 + 0.05 * share))
    except MediaError as error:
        job.monitor.report(0)  # raises when the time limit is the reason
        raise MediaError(
            f"what was encoded failed its verification: {error.reason}; get another copy"
        ) from error


def _audio_in_segment(job: Job) -> Fraction:
    """Return how many seconds of audio lie within the segment."""
    audio = job.index.audio
    if audio is None or not audio.between(job.span):
        return Fraction(0)
    start, end = audio.start or Fraction(0), audio.end or Fraction(0)
    return max(Fraction(0), min(job.span.end, end) - max(job.span.start, start))


class _Writer:
    """Decodes, converts and encodes.

    Attributes:
        frames: Frames encoded so far.
        audio_seconds: Seconds of audio encoded so far; None without audio.
    """

    def __init__(self, job: Job, first: Any, settings: EncodingSettings) -> None:
        self._job = job
        self._settings = settings
        source_rate = job.index.frame_rate
        self._normalizer = FrameNormalizer(
            first,
            settings.width,
            settings.height,
            settings.frame_rate,
            is_lowered=source_rate is not None and settings.frame_rate < source_rate,
        )
        self._expected_audio = _audio_in_segment(job)
        self.frames = 0
        self.audio_seconds: Fraction | None = None

    def write(self, out: Any) -> None:
        """Encode the segment into an open container."""
        job, settings = self._job, self._settings
        seconds = job.time_range.seconds
        video = self._add_video(out)
        audio = None
        if self._expected_audio > 0:
            assert job.index.audio is not None
            audio = AudioEncoder(out, "aac", job.index.audio, settings.audio_bit_rate, seconds)
        streams = [s.position for s in job.index.streams.values() if s.kind == "video" or audio]
        for frame, time in decode_frames(job, streams):
            if not isinstance(frame, import_av().VideoFrame):
                assert audio is not None
                audio.encode(frame, time)
                continue
            for ready in self._normalizer.push(frame, time):
                self._encode(out, video, ready)
        for ready in self._normalizer.fill_until(seconds):
            self._encode(out, video, ready)
        with ffmpeg_errors("its frames cannot be encoded"):
            out.mux(video.encode(None))
        if audio is not None:
            audio.finish()
            self.audio_seconds = audio.seconds or None
            if audio.seconds < self._expected_audio - _MAX_AUDIO_LOSS:
                job.notes.append(
                    f"Only {float(audio.seconds):.2f} s of {float(self._expected_audio):.2f} s of "
                    "its audio could be decoded."
                )

    def _add_video(self, out: Any) -> Any:
        settings = self._settings
        options = {
            **_QUALITY,
            "maxrate": str(min(settings.video_bit_rate, _MAX_BIT_RATE)),
            "bufsize": str(min(2 * settings.video_bit_rate, _MAX_BIT_RATE)),
        }
        with ffmpeg_errors("its frames cannot be encoded"):
            video = out.add_stream("h264", rate=settings.frame_rate, options=options)
            video.width, video.height = settings.width, settings.height
            video.pix_fmt = "yuv420p"
            video.codec_context.sample_aspect_ratio = settings.aspect_ratio
        return video

    def _encode(self, out: Any, video: Any, frame: Any) -> None:
        self._job.monitor.report(0)  # asks the clock: a gap may become any number of frames
        with ffmpeg_errors("its frames cannot be encoded"):
            out.mux(video.encode(frame))
        self.frames += 1
