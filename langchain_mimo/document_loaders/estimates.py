"""What describing media will take, from the headers of the files alone."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from langchain_core.documents.base import Blob

from langchain_mimo.cost.corpus_result import CorpusFile, UnreadableFile
from langchain_mimo.cost.estimate_result import MediaEstimate
from langchain_mimo.cost.files import measure
from langchain_mimo.document_loaders.bounds import Bounds
from langchain_mimo.document_loaders.plans import is_url, location_of
from langchain_mimo.document_loaders.segments import plan_media
from langchain_mimo.errors import MediaError, MiMoError
from langchain_mimo.media import MediaInfo
from langchain_mimo.tokens import video_tokens

_DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(plan_media).parameters.items()
    if name in Bounds.__match_args__
}


def estimated(
    blobs: Iterator[Blob], options: Mapping[str, Any]
) -> tuple[list[CorpusFile], list[UnreadableFile]]:
    """Estimate files one after the other; what cannot be measured does not end it.

    Args:
        blobs: The files. Of URLs nothing is known, since nothing is fetched.
        options: The keyword arguments of `plan_media`.
    """
    bounds = Bounds(**{name: options.get(name, default) for name, default in _DEFAULTS.items()})
    files: list[CorpusFile] = []
    unreadable: list[UnreadableFile] = []
    for blob in blobs:
        path = Path(str(blob.path or blob.source or "bytes"))
        try:
            location = location_of(blob)
            if isinstance(location, str) and is_url(location):
                reason = "the size of what a URL leads to is not known; download the file"
                unreadable.append(UnreadableFile(path, reason))
            else:
                files.append(_file(path, location, bounds))
        except MiMoError as error:
            unreadable.append(UnreadableFile(path, str(error)))
    return files, unreadable


def _file(path: Path, location: str | bytes, bounds: Bounds) -> CorpusFile:
    """Estimate a file.

    Raises:
        MediaError: It cannot be measured, or its header states no length.
    """
    file = measure("estimate", location)
    info = file.info
    if info.kind == "image":
        [segment] = plan_media(info, **_options(bounds))
        tokens = MediaEstimate(image=segment.tokens, low=segment.tokens, high=segment.tokens)
        return CorpusFile(path, "image", info.size, 1, tokens, segment.note)
    least, most = info.duration_range_s or (0.0, 0.0)
    if not most:
        raise MediaError("its header does not state its length")
    likely = info.duration_s or (least + most) / 2
    sums = {seconds: _sum(info, seconds, bounds) for seconds in {least, likely, most}}
    requests, tokens = sums[likely]
    advice = f"It is sent as {requests:,} segments." if requests > 1 else None
    if info.refusal is not None and not may_copy(info):
        advice = f"It is encoded first: {info.refusal.partition(';')[0]}."
    return CorpusFile(
        path,
        info.kind,
        info.size,
        requests,
        MediaEstimate(
            video=tokens.video,
            audio=tokens.audio,
            marks=tokens.marks,
            low=sums[least][1].total,
            high=sums[most][1].total,
            duration=likely,
            duration_range=(least, most),
            width=info.width,
            height=info.height,
        ),
        advice,
    )


def _options(bounds: Bounds) -> dict[str, Any]:
    return {name: getattr(bounds, name) for name in _DEFAULTS}


def _sum(info: MediaInfo, seconds: float, bounds: Bounds) -> tuple[int, MediaEstimate]:
    """Return the segments of a file that lasts so long, and their tokens together.

    They are taken to be equally long. Key frames move their ends, which changes no sum.
    """
    if not seconds:
        return 1, MediaEstimate()
    largest = bounds.max_bytes if info.refusal is None or may_copy(info) else math.inf

    def fits(count: int) -> bool:
        one = seconds / count
        is_small = info.size / count <= largest
        is_cheap = bounds.tokens(info, one) <= bounds.budget_tokens
        return is_small and bounds.holds(one, info.kind) and is_cheap

    count = _fewest(fits, most=max(1, math.ceil(seconds / 0.1)))
    if info.kind == "audio":
        return count, MediaEstimate(audio=bounds.tokens(info, seconds / count) * count)
    one = video_tokens(
        seconds / count,
        info.width or 1,
        info.height or 1,
        fps=bounds.fps,
        media_resolution=bounds.media_resolution,
        mute=not info.has_audio,
    )
    vision = min(one.vision, max(0, bounds.budget_tokens - one.total + one.vision))
    return count, MediaEstimate(
        video=vision * count,
        audio=one.audio * count,
        marks=(one.timestamps + one.special) * count,
    )


def _fewest(fits: Callable[[int], bool], most: int) -> int:
    """Return the smallest count that fits, or `most` if none does; costs fall with the count."""
    low, high = 0, 1
    while not fits(high):
        if high >= most:
            return most
        low, high = high, min(high * 2, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def may_copy(info: MediaInfo) -> bool:
    """Whether ranges of a file are copied rather than encoded, as far as its header says.

    Args:
        info: What its header says.
    """
    codecs = {stream.kind: stream.codec for stream in info.streams}
    if info.kind == "audio":
        return info.mime_type is not None
    return (
        info.format in ("MP4", "MOV")
        and codecs.get("video") == "h264"
        and codecs.get("audio", "aac") in ("aac", "mp3")
    )
