"""What a video, audio or an image is sent as: one segment, or several in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from langchain_mimo.tokens import MediaResolution


@dataclass(frozen=True, slots=True)
class MediaSegment:
    """A time range of a video or of audio, or an image: what one request carries.

    `plan_segments` states the first four fields, its modality and its place;
    `document_loaders.plan_media` states all. There, exactly one of `whole`, `copied` and
    `preparation` says how it is sent.

    Attributes:
        start_s: Start in seconds of the source; 0 for an image and a source of unknown length.
        end_s: End in seconds of the source; likewise.
        tokens: The tokens of the segment.
        preparation: The call that makes it from its file; None if nothing has to be prepared, and
            where no file was given.
        modality: "image", "video" or "audio".
        index: Its place among the segments of its source, from 0.
        count: How many segments its source has.
        whole: Whether the file itself is sent.
        copied: Whether its packets are copied from the file, without encoding, by
            `video_block(path, start_s=…, end_s=…)` or `audio_block`. Of a plan of bytes, write them
            to a file first: blocks take time ranges of files alone.
        size: Bytes as sent: those of the file, or the most that a copy or encoding has; None where
            they are not known. Short copies have up to 30 KB less.
        encoding_s: Seconds of computing that encoding it is expected to take on one core; 0 where
            nothing is encoded.
        fps: Frames per second that its block sets; None for audio and images.
        media_resolution: "default" or "max", which its block sets; None for audio and images.
        note: Why it is encoded, shrunk or split, in one sentence; None where there is nothing to
            say.
    """

    start_s: float
    end_s: float
    tokens: int
    preparation: str | None = None
    modality: Literal["image", "video", "audio"] = "video"
    index: int = 0
    count: int = 1
    whole: bool = False
    copied: bool = False
    size: int | None = None
    encoding_s: float = 0.0
    fps: float | None = None
    media_resolution: MediaResolution | None = None
    note: str | None = None
