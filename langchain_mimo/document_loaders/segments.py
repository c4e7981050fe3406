"""Plans media as segments, each of which one request carries.

A file that MiMo takes and that is within the bounds is one segment, the file itself. Any other
video is a row of places at which it can be divided without encoding. Two neighbours of them are
either within the bounds together or not. Where they are, `division` joins them to segments that are
copied; the rest, and files of which nothing can be copied, are time ranges that are encoded and may
be divided anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from langchain_mimo._checks import choice, known_keywords
from langchain_mimo.cost.files import MeasuredFile, Source, measure
from langchain_mimo.cost.segments import MediaSegment
from langchain_mimo.document_loaders.boundaries import (
    BOUNDARIES,
    Boundaries,
    boundary_values,
    check_within,
    checked_hints,
)
from langchain_mimo.document_loaders.bounds import Bounds, Oversize
from langchain_mimo.document_loaders.planned_file import PlannedFile
from langchain_mimo.document_loaders.planning import (
    audio_segments,
    even_segments,
    video_segments,
)
from langchain_mimo.errors import MediaError, MiMoInputError, as_input_error
from langchain_mimo.media import SAFE_INLINE_BYTES
from langchain_mimo.prepare.forecast import forecast_image, refusal_of_sides
from langchain_mimo.tokens import DEFAULT_FPS, MediaResolution

_SPELLINGS = {
    "budget": "budget_tokens", "token_budget": "budget_tokens", "max_tokens": "budget_tokens",
    "max_s": "max_seconds", "boundary": "boundaries",
}  # fmt: skip
"""What arguments are called elsewhere."""


def _hint(name: str) -> str | None:
    return f"did you mean {_SPELLINGS[name]!r}?" if name in _SPELLINGS else None


@known_keywords(MiMoInputError, _hint)
def plan_media(
    source: Source,
    *,
    budget_tokens: int = 100_000,
    max_seconds: float = 600.0,
    max_bytes: int = SAFE_INLINE_BYTES,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "default",
    boundaries: Boundaries = "keyframes",
    oversize: Oversize = "shrink",
    hints: Iterable[float] = (),
) -> list[MediaSegment]:
    """Plan an image, a video or audio as few, long segments, each within three bounds.

    The segments follow each other without gaps or overlap. Nothing is decoded, except for
    `boundaries="scenes"` and `"silences"`. A file that has to be divided is read once.

    - A file that MiMo takes and that is within the bounds is one segment (`whole`).
    - Ranges of H.264 in MP4 and MOV, and of audio that MiMo takes, are copied (`copied`). A video
      is divided at key frames of closed groups, so that neighbours neither lose nor repeat a frame.
      `video_block(path, start_s=…, end_s=…)` sends such a segment; of bytes, write them to a file
      for that.
    - Everything else is encoded by the call in `preparation`, which may take long: `encoding_s`.

    Args:
        source: Local path or bytes of a file, or the `MediaInfo` that `media.probe` returned.
        budget_tokens: Most tokens of a segment.
        max_seconds: Most seconds of a segment, at least 0.1. A segment of video has at most 2,048
            frames at `fps` besides, which is all that MiMo looks at.
        max_bytes: Most bytes of a segment. Default: 37,500,000, which fits MiMo's base64 limit.
        fps: Frames per second that will be sampled of a video, 0.1 to 10. Default: 2, MiMo's own.
        media_resolution: "default" or "max".
        boundaries: Where to divide, if it has to be. "keyframes": evenly, at key frames. "scenes":
            at the strongest changes between key frames. "silences": in the middle of quiet ranges
            of the audio. "even": into equal lengths, which are encoded where no key frame is.
            Scenes and silences of a copied video move to the key frame at or before them.
            Finding scenes decodes the key frames (about 16 ms of computing each in 1080p), finding
            silences all audio (5 s per hour).
        oversize: What happens where key frames lie further apart than a bound allows. "shrink":
            the range between them is encoded to what MiMo will look at, with smaller frames
            where it costs too many tokens. "split": it is encoded as more, shorter segments in
            full size. "raise": MediaError, unless the whole file has to be prepared anyway.
        hints: Seconds at which to divide where it fits, such as chapters or a list of cuts. They
            count twice as much as what `boundaries` finds.

    Returns:
        The segments in order. With its file, `dataclasses.asdict` of each is all that is needed to
        send it; the same file and arguments give the same segments.

    Raises:
        MediaError: The source is not a local file, bytes or a `MediaInfo`, cannot be measured or
            divided, can neither be sent nor prepared, or, with `oversize="raise"`, has a range
            that exceeds a bound. PyAV is needed for what is not sent whole, and not installed.
        MiMoInputError: An argument is not a number or is out of range; for `hints`, the text says
            which.
    """
    with as_input_error():
        choice("boundaries", boundaries, BOUNDARIES)
        bounds = Bounds(budget_tokens, max_seconds, max_bytes, fps, media_resolution, oversize)
        wanted = checked_hints(hints)
    file = measure("plan_media", source)
    if file.info.kind == "image":
        segments = [_image(file, bounds, wanted)]
    else:
        segments = _segments(PlannedFile(file, bounds), boundaries, wanted)
    count = len(segments)
    return [replace(each, index=index, count=count) for index, each in enumerate(segments)]


def _image(file: MeasuredFile, bounds: Bounds, hints: list[float]) -> MediaSegment:
    info = file.info
    if hints:
        raise MiMoInputError(f"hints[0] is {hints[0]:g} s, but {file.name} is an image")
    if not (info.width and info.height):
        raise MediaError(
            f"{file.name} cannot be planned: its header does not state its size; convert it with "
            "langchain_mimo.prepare.prepare_image and plan the result"
        )
    tokens = bounds.tokens(info, 0.0)
    refusal = info.refusal.partition(";")[0] if info.refusal else refusal_of_sides(info)
    why = refusal
    if why is None and tokens > bounds.budget_tokens:
        why = f"it costs {tokens} tokens, more than budget_tokens={bounds.budget_tokens}"
    elif why is None and info.size > bounds.max_bytes:
        why = f"it has {info.size:,} bytes, more than max_bytes={bounds.max_bytes}"
    if why is None:
        return MediaSegment(0.0, 0.0, tokens, modality="image", whole=True, size=info.size)
    if bounds.oversize == "raise" and refusal is None:
        raise MediaError(f"{file.name} cannot be planned: {why}; raise it, or shrink the image")
    forecast = forecast_image(info, bounds.budget_tokens, bounds.max_bytes)
    options = {"token_budget": bounds.budget_tokens}
    if bounds.max_bytes != SAFE_INLINE_BYTES:
        options["max_bytes"] = bounds.max_bytes
    return MediaSegment(
        0.0,
        0.0,
        forecast.tokens,
        file.call(**options),
        "image",
        size=forecast.size,
        encoding_s=forecast.computing_s,
        note=f"It is converted, because {why}.",
    )


def _segments(file: PlannedFile, boundaries: Boundaries, hints: list[float]) -> list[MediaSegment]:
    """Return the segments of a video or audio file."""
    whole = file.whole()
    if whole is not None:
        check_within(hints, whole.end_s, file.name)
        return [whole]
    file.check_dimensions()
    check_within(hints, file.table.duration_s, file.name)
    values = boundary_values(file.table, boundaries, hints)
    if file.info.kind == "audio":
        return list(audio_segments(file, values))
    if boundaries == "even":
        return list(even_segments(file, values))
    return list(video_segments(file, values))
