"""Estimates the cost of a conversation before it is sent, without the network.

The tokens of media follow MiMo's own arithmetic (`langchain_mimo.tokens`), applied to the sizes and
durations in the files' headers. Text uses the approximation of `tokens.text_tokens`. Media given by
URL are never fetched: they count with an assumed size, and `low` and `high` bound the error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from langchain_mimo._checks import integer
from langchain_mimo._media.headers.reader import AVHeader, ImageHeader, MediaHeader
from langchain_mimo._media.opening import MediaPolicy, inspect_media
from langchain_mimo._media.references import MediaKind, MediaReference, MediaSource, RemoteURL
from langchain_mimo._wire.from_langchain.left_out import left_out
from langchain_mimo._wire.turns import AssistantTurn, TextPart, Turn, UserTurn, media_parts
from langchain_mimo.catalogue import Price
from langchain_mimo.cost.estimate_result import Estimate
from langchain_mimo.cost.media_estimate import MediaEstimate
from langchain_mimo.cost.plan_texts import frame_limit
from langchain_mimo.cost.prices import check_prices, list_price, token_cost, unknown_price
from langchain_mimo.errors import MediaError, MiMoInputError, as_input_error
from langchain_mimo.tokens import (
    DEFAULT_FPS,
    MESSAGE_MARKS,
    MediaResolution,
    VideoTokens,
    audio_tokens,
    image_tokens,
    text_tokens,
    video_tokens,
)

ASSUMED_IMAGE = (1024, 1024)
"""Assumed width and height of an image that cannot be measured, in pixels."""

ASSUMED_FRAME = (1280, 720)
"""Assumed width and height of a video that cannot be measured, in pixels."""

ASSUMED_SECONDS = 60.0
"""Assumed duration of video or audio that cannot be measured, in seconds."""

SECONDS_RANGE = (1.0, 7200.0)
"""Durations behind `low` and `high` where nothing is known of the duration, in seconds."""

_MIN_SIZE, _MAX_SIZE = (1, 1), (4096, 2048)


def estimate_turns(
    turns: Sequence[Turn],
    *,
    model: str,
    policy: MediaPolicy,
    tools_text: str = "",
    output_tokens: int = 0,
    prices: Mapping[str, Price] | None = None,
    leave_out_unusable: bool = False,
    asked: int | None = None,
) -> Estimate:
    """Estimate the cost of a conversation.

    Args:
        turns: The conversation as it will be sent.
        model: Model id, for the price.
        policy: Which files may be opened; the same as for sending.
        tools_text: The tool definitions as the JSON text that will be sent.
        output_tokens: Tokens of reasoning and answer to include in the cost. Default: none.
        prices: Prices by model id in US dollars, which override those of the catalogue.
        leave_out_unusable: Whether media that cannot be sent count as the note that takes their
            place. Default: they raise.
        asked: Index of the message out of which nothing is left, or None.

    Returns:
        The estimate. Its cost is None, not 0, when the price of the model is unknown.

    Raises:
        MediaError: A file may not be opened, or sending it would fail because of its path, kind,
            size or headers. Its digest and the bytes after its headers are not checked: a file
            replaced by another of the same size, or damage after the headers, fails only when sent.
        MiMoInputError: `output_tokens` is not an integer >= 0, or `prices` is not a mapping of
            model ids to `Price` in US dollars.
    """
    check_price_arguments(output_tokens, prices)
    text = text_tokens(tools_text)
    media = MediaEstimate()
    notes: list[str] = []
    known: dict[tuple[MediaSource, MediaKind, float | None, str | None], MediaEstimate] = {}
    for turn in turns:
        text += sum(map(text_tokens, _texts(turn)))
        for part in media_parts(turn):
            reference = part.reference
            key = (reference.source, reference.kind, part.fps, part.media_resolution)
            try:
                if key not in known:
                    known[key] = estimate_media(
                        reference, policy, fps=part.fps, media_resolution=part.media_resolution
                    )
            except MediaError as error:
                if not leave_out_unusable or reference.message_index == asked:
                    raise
                text += text_tokens(left_out(part, error).text)
                continue
            media = _sum(media, known[key])
            place = f"messages[{reference.message_index}], block {reference.block_index}"
            notes += (f"{place}: {note}" for note in known[key].notes)
    message_marks = MESSAGE_MARKS * len(turns)
    estimate = Estimate(
        text,
        media.image,
        media.video,
        media.audio,
        media.marks + message_marks,
        text + message_marks + media.low,
        text + message_marks + media.high,
        None,
        None,
        tuple(notes),
    )
    return add_price(estimate, model, output_tokens, prices)


def add_price(
    estimate: Estimate, model: str, output_tokens: int, prices: Mapping[str, Price] | None
) -> Estimate:
    """Add what the tokens of an estimate and those of the response cost, or why nobody knows.

    Raises:
        MiMoInputError: As `estimate_turns`.
    """
    output_tokens = check_price_arguments(output_tokens, prices)
    price = list_price(model, prices)
    if price is None:
        return replace(estimate, notes=(*estimate.notes, unknown_price(model, prices)))
    cost = token_cost(price, estimate.total, 0, output_tokens)
    return replace(estimate, cost_usd=cost, price_as_of=price.as_of)


def check_price_arguments(output_tokens: int, prices: object) -> int:
    """Check `output_tokens` and `prices`, and return the former as an `int`.

    Raises:
        MiMoInputError: As `estimate_turns`.
    """
    with as_input_error():
        output_tokens = integer("output_tokens", output_tokens, 0)
    check_prices(prices, "USD")
    return output_tokens


def estimate_text(text: str) -> int:
    """Estimate the tokens of a text like `estimate_turns`.

    Raises:
        MiMoInputError: `text` is not a string.
    """
    if not isinstance(text, str):
        raise MiMoInputError(
            f"text must be a string, got {type(text).__name__}; count messages with "
            "get_num_tokens_from_messages"
        )
    return text_tokens(text)


def estimate_media(
    reference: MediaReference,
    policy: MediaPolicy,
    *,
    fps: float | None = None,
    media_resolution: str | None = None,
) -> MediaEstimate:
    """Estimate the tokens of one media item.

    Args:
        reference: The media item. A URL is not fetched and counts with an assumed size.
        policy: Which files may be opened.
        fps: Frames sampled per second of a video. Default: 2, MiMo's own.
        media_resolution: "default" or "max". Default: "default", MiMo's own.

    Returns:
        The estimate; `note` states what was assumed because the header does not give it.

    Raises:
        MediaError: The file may not be opened, or sending it would fail because of its path, kind,
            size or headers; see `estimate_turns`.
    """
    if isinstance(reference.source, RemoteURL):
        header: MediaHeader | None = None
        why = "URLs are never fetched"
    else:
        header = inspect_media(reference, policy).header
        why = "the header does not state it"
    resolution: MediaResolution = "max" if media_resolution == "max" else "default"
    return estimate_header(reference.kind, header, why, fps or DEFAULT_FPS, resolution)


def estimate_header(
    kind: MediaKind,
    header: MediaHeader | None,
    why: str,
    fps: float,
    media_resolution: MediaResolution,
) -> MediaEstimate:
    """Estimate the tokens of media by their header.

    Args:
        kind: What is sent.
        header: What the header says, or None.
        why: Why something is assumed that the header does not say, as a clause.
        fps: Frames sampled per second of a video.
        media_resolution: "default" or "max".
    """
    if kind == "image":
        return _image(header if isinstance(header, ImageHeader) else None, why)
    av_header = header if isinstance(header, AVHeader) else AVHeader()
    if kind == "audio":
        return _audio(av_header, why)
    return _video(av_header, why, fps, media_resolution)


def _image(header: ImageHeader | None, why: str) -> MediaEstimate:
    if header is not None:
        width, height = header.width, header.height
        tokens = image_tokens(width, height)
        return MediaEstimate(tokens, low=tokens, high=tokens, width=width, height=height)
    width, height = ASSUMED_IMAGE
    return MediaEstimate(
        image_tokens(width, height),
        low=image_tokens(*_MIN_SIZE),
        high=image_tokens(*_MAX_SIZE),
        width=width,
        height=height,
        note=f"assumed {width} x {height} pixels, because {why}",
    )


@dataclass(frozen=True, slots=True)
class _Seconds:
    """The duration that counts.

    Attributes:
        counted: Measured or assumed seconds.
        low: Least seconds.
        high: Most seconds.
        assumed: What was assumed, or None.
    """

    counted: float
    low: float
    high: float
    assumed: str | None = None

    @classmethod
    def of(cls, header: AVHeader) -> _Seconds:
        """Return the measured duration, the middle of known bounds, or the assumed one."""
        if header.duration is not None:
            return cls(header.duration, header.duration, header.duration)
        low, high = header.duration_range or SECONDS_RANGE
        counted = (low + high) / 2 if header.duration_range else ASSUMED_SECONDS
        return cls(counted, low, high, f"a duration of {counted:g} s, of {low:g} to {high:g} s")


def _audio(header: AVHeader, why: str) -> MediaEstimate:
    seconds = _Seconds.of(header)
    return MediaEstimate(
        audio=audio_tokens(seconds.counted),
        low=audio_tokens(seconds.low),
        high=audio_tokens(seconds.high),
        duration=seconds.counted,
        duration_range=(seconds.low, seconds.high),
        note=f"assumed {seconds.assumed}, because {why}" if seconds.assumed else None,
    )


def _video(header: AVHeader, why: str, fps: float, resolution: MediaResolution) -> MediaEstimate:
    mute = header.has_audio is False

    def cost(seconds: float, size: tuple[int, int]) -> VideoTokens:
        return video_tokens(seconds, *size, fps=fps, media_resolution=resolution, mute=mute)

    seconds = _Seconds.of(header)
    assumed = [seconds.assumed] if seconds.assumed else []
    size = min_size = max_size = header.width or 0, header.height or 0
    if not all(size):
        size, min_size, max_size = ASSUMED_FRAME, _MIN_SIZE, _MAX_SIZE
        assumed.append(f"{size[0]} x {size[1]} pixels")
    video = cost(seconds.counted, size)
    return MediaEstimate(
        video=video.vision,
        audio=video.audio,
        marks=video.timestamps + video.special,
        low=cost(seconds.low, min_size).total,
        high=cost(seconds.high, max_size).total,
        duration=seconds.counted,
        duration_range=(seconds.low, seconds.high),
        width=size[0],
        height=size[1],
        note=f"assumed {' and '.join(assumed)}, because {why}" if assumed else None,
        frame_limit=frame_limit(seconds.counted, fps),
    )


def _sum(one: MediaEstimate, other: MediaEstimate) -> MediaEstimate:
    return MediaEstimate(
        one.image + other.image,
        one.video + other.video,
        one.audio + other.audio,
        one.marks + other.marks,
        one.low + other.low,
        one.high + other.high,
    )


def _texts(turn: Turn) -> Iterator[str]:
    """Yield the texts of a turn; each is rounded up on its own."""
    if isinstance(turn, UserTurn):
        if isinstance(turn.content, str):
            yield turn.content
        else:
            yield "\n".join(part.text for part in turn.content if isinstance(part, TextPart))
        return
    yield turn.text
    if isinstance(turn, AssistantTurn):
        yield turn.reasoning or ""
        for call in turn.calls:
            yield call.name
            yield call.arguments
