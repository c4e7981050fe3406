"""What describing media will take, from the headers of the files alone."""

from __future__ import annotations

import inspect
import io
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.documents.base import Blob

from langchain_mimo.cost.corpus_result import CorpusFile, UnreadableFile
from langchain_mimo.cost.files import measure
from langchain_mimo.cost.media_estimate import MediaEstimate
from langchain_mimo.document_loaders.bounds import SHORTEST_S, Bounds
from langchain_mimo.document_loaders.planned_file import PlannedFile
from langchain_mimo.document_loaders.plans import is_url, location_of
from langchain_mimo.document_loaders.segments import plan_media
from langchain_mimo.errors import MediaError, MiMoError
from langchain_mimo.media import MediaInfo
from langchain_mimo.tokens import video_tokens

if TYPE_CHECKING:
    from langchain_mimo.document_loaders.parsers import MiMoMediaParser

_DEFAULTS: dict[str, Any] = {
    name: parameter.default
    for name, parameter in inspect.signature(plan_media).parameters.items()
    if name in Bounds.__match_args__
}

_RANGED = ("MP4", "MOV")
"""Formats of video whose header lists all key frames, and whose ranges blocks copy."""


def estimated(
    blobs: Iterator[Blob], parser: MiMoMediaParser
) -> tuple[list[CorpusFile], list[UnreadableFile]]:
    """Estimate files one after the other; what cannot be measured does not end it.

    Args:
        blobs: The files. Of URLs nothing is known, since nothing is fetched.
        parser: Says how they are planned, and has the journal. Segments that it knows are left out.
    """
    options: Mapping[str, Any] = parser.plan_options
    bounds = Bounds(**{name: options.get(name, default) for name, default in _DEFAULTS.items()})
    known = {} if parser.journal is None else parser.journal.answered()
    files: list[CorpusFile] = []
    unreadable: list[UnreadableFile] = []
    for blob in blobs:
        path = Path(str(blob.path or blob.source or "bytes"))
        try:
            location = location_of(blob)
            if isinstance(location, str) and is_url(location):
                reason = "the size of what a URL leads to is not known; download the file"
                unreadable.append(UnreadableFile(location, reason))
            elif (keys := _known_keys(location, parser, known)) is None:
                files.append(_file(path, location, bounds))
            elif (rest := _rest(path, parser, blob, keys)) is not None:
                files.append(rest)
        except MiMoError as error:
            unreadable.append(UnreadableFile(path, str(error)))
    return files, unreadable


def _known_keys(
    location: str | bytes, parser: MiMoMediaParser, known: Mapping[str, set[str]]
) -> set[str] | None:
    """Return the keys that the journal has of a file, if an earlier run hashed it; else None."""
    if not known or parser.journal is None or isinstance(location, bytes):
        return None
    return known.get(parser.journal.digest_of(location) or "-")


def _rest(path: Path, parser: MiMoMediaParser, blob: Blob, known: set[str]) -> CorpusFile | None:
    """Return what is left of a file of which the journal knows segments; None if nothing is."""
    plan = parser.plan(blob)
    rest = [each for each in plan.segments if parser.ask(plan, each).key not in known]
    if not rest:
        return None
    kind, total = rest[0].modality, sum(each.tokens for each in rest)
    tokens = MediaEstimate(
        image=total if kind == "image" else 0,
        video=total if kind == "video" else 0,
        audio=total if kind == "audio" else 0,
        low=total,
        high=total,
        duration=sum(each.end_s - each.start_s for each in rest),
    )
    return CorpusFile(path, kind, plan.size, len(rest), tokens)


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
    planned = PlannedFile(file, bounds)
    planned.check_dimensions()
    sums = {seconds: _sum(planned, seconds) for seconds in {least, likely, most}}
    requests, tokens = sums[likely]
    advice = f"It is sent as {requests:,} segments." if requests > 1 else None
    if info.refusal is not None and not (may_copy(info) and info.format in _RANGED):
        advice = f"It is converted first: {info.refusal.partition(';')[0]}."
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


def _sum(file: PlannedFile, seconds: float) -> tuple[int, MediaEstimate]:
    """Return the segments of a file that lasts so long, and their tokens together."""
    info, bounds, lengths = file.info, file.bounds, _lengths(file, seconds)
    if info.kind == "audio":
        return len(lengths), MediaEstimate(audio=sum(bounds.tokens(info, one) for one in lengths))
    vision = audio = marks = 0
    for one in lengths:
        tokens = video_tokens(
            one,
            info.width or 1,
            info.height or 1,
            fps=bounds.fps,
            media_resolution=bounds.media_resolution,
            mute=not info.has_audio,
        )
        # Frames are shrunk where key frames lie too far apart for the budget.
        vision += min(tokens.vision, max(0, bounds.budget_tokens - tokens.total + tokens.vision))
        audio += tokens.audio
        marks += tokens.timestamps + tokens.special
    return len(lengths), MediaEstimate(video=vision, audio=audio, marks=marks)


def _lengths(file: PlannedFile, seconds: float) -> list[float]:
    """Return how long the segments of a file are that lasts so long.

    Copies of a video end at key frames. Where these are not known, all are equally long.
    """
    info, bounds, copies = file.info, file.bounds, may_copy(file.info)
    share = info.size / seconds if seconds else 0.0

    def is_within(one: float) -> bool:
        is_cheap = bounds.tokens(info, one) <= bounds.budget_tokens
        return is_cheap and share * one <= bounds.max_bytes and bounds.holds(one, info.kind)

    def is_encoded_within(one: float) -> bool:
        return file.can_encode(one, shrinks=copies and bounds.oversize == "shrink")

    if not seconds or (info.refusal is None and is_within(seconds)):
        return [seconds]
    if not copies:
        return _equal(seconds, is_encoded_within)
    if info.format not in _RANGED or not (keys := key_frames(info)):
        return _equal(seconds, is_within)
    lengths: list[float] = []
    start = 0.0
    places = [*(key for key in keys if 0 < key < seconds), seconds]
    for place, following in itertools.zip_longest(places, places[1:]):
        if following is None or not is_within(following - start):
            one = place - start
            lengths += [one] if is_within(one) else _equal(one, is_encoded_within)
            start = place
    return lengths


def _equal(seconds: float, fits: Callable[[float], bool]) -> list[float]:
    """Return the fewest equal lengths that fit."""
    count = _fewest(lambda count: fits(seconds / count), max(1, math.ceil(seconds / SHORTEST_S)))
    return [seconds / count] * count


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
    return codecs.get("video") == "h264" and codecs.get("audio", "aac") in ("aac", "mp3")


def key_frames(info: MediaInfo) -> list[float]:
    """Return the seconds of the key frames that the header of an MP4 or MOV lists.

    The packets are not read; `MediaInfo.key_frames` reads them, and leaves out false ones.

    Args:
        info: What was measured.

    Returns:
        Seconds from the first packet; empty where PyAV is missing or the header lists none, as that
        of a fragmented file.
    """
    try:
        import av  # noqa: PLC0415 - the extra `av`
    except ImportError:
        return []
    source = io.BytesIO(info.source) if isinstance(info.source, bytes) else str(info.source)
    try:
        with av.open(source, format="mov") as container:
            stream = container.streams.video[0]
            entries = stream.index_entries
            first = entries[0].timestamp if len(entries) else 0
            base = float(stream.time_base or 0)
            return [(e.timestamp - first) * base for e in entries if e.is_keyframe]
    except (av.FFmpegError, IndexError, ValueError, OSError):
        return []
