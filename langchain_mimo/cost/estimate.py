"""What a conversation will cost before it is sent, from headers alone and without the network.

The tokens of media follow MiMo's own arithmetic (`langchain_mimo.tokens`) and the sizes and lengths
that the files' headers state. Text is one stated approximation. A medium given by URL is never
fetched: it counts with an assumed size, and a range says how wrong that can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from langchain_mimo import catalogue
from langchain_mimo._checks import integer, number
from langchain_mimo._media.headers.reader import MediaHeader, ImageHeader, AVHeader
from langchain_mimo._media.opening import MediaPolicy, inspect_media
from langchain_mimo._media.references import MediaKind, MediaReference, MediaSource, RemoteURL
from langchain_mimo._wire.turns import AssistantTurn, TextPart, Turn, UserTurn, media_parts
from langchain_mimo.catalogue import Price
from langchain_mimo.errors import MiMoInputError, as_input_error
from langchain_mimo.tokens import (
    DEFAULT_FPS,
    MESSAGE_MARKS,
    MediaResolution,
    audio_tokens,
    image_tokens,
    text_tokens,
    video_tokens,
)

ASSUMED_IMAGE = (1024, 1024)
"""Pixels of a picture that cannot be measured."""

ASSUMED_FRAME = (1280, 720)
"""Pixels of a clip that cannot be measured."""

ASSUMED_SECONDS = 60.0
"""Length of a clip or a sound that cannot be measured."""

SECONDS_RANGE = (1.0, 7200.0)
"""Lengths between which `low` and `high` lie when the length is not known."""

_SMALLEST, _LARGEST = (1, 1), (4096, 2048)


@dataclass(frozen=True, slots=True)
class MediaEstimate:
    """What one medium costs.

    Attributes:
        image: Tokens the bill calls image_tokens.
        video: Tokens the bill calls video_tokens.
        audio: Tokens the bill calls audio_tokens.
        marks: Timestamps and marks of a video, which count in prompt_tokens alone.
        low: The total at least; equal to `high` when everything was measured.
        high: The total at most.
        duration: Seconds counted with, None for pictures.
        width: Pixels counted with, None for sounds.
        height: Pixels counted with, None for sounds.
        note: What was assumed, or None.
    """

    image: int = 0
    video: int = 0
    audio: int = 0
    marks: int = 0
    low: int = 0
    high: int = 0
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    note: str | None = None

    @property
    def total(self) -> int:
        """What the medium adds to prompt_tokens."""
        return self.image + self.video + self.audio + self.marks


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a request costs.

    Attributes:
        text: Tokens of text, thoughts handed back, tool calls and tools, approximated.
        image: Tokens of pictures.
        video: Tokens of the frames of videos.
        audio: Tokens of sounds, those in videos included.
        marks: Marks around messages and in videos.
        low: The total at least, as far as media are concerned.
        high: The total at most, as far as media are concerned.
        cost_usd: US dollars for the prompt without any cache, and for `output_tokens`; None when
            no price is known.
        price_as_of: The day the price was read, or None.
        notes: What was assumed, one sentence each.
    """

    text: int
    image: int
    video: int
    audio: int
    marks: int
    low: int
    high: int
    cost_usd: float | None
    price_as_of: date | None
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """The prompt_tokens to expect."""
        return self.text + self.image + self.video + self.audio + self.marks


def estimate_turns(
    turns: Sequence[Turn],
    *,
    model: str,
    policy: MediaPolicy,
    tools_text: str = "",
    output_tokens: int = 0,
    prices: Mapping[str, Price] | None = None,
) -> Estimate:
    """Estimate a conversation.

    Args:
        turns: The conversation as it will be sent.
        model: The model's id, for its price.
        policy: Which files may be opened; the same as for sending.
        tools_text: The tools, as the JSON text that will be sent.
        output_tokens: Tokens of answer and thoughts to include in the price. Default: none.
        prices: Prices by model id that go before the catalogue's.

    Returns:
        The estimate. Its price is None, not 0, when the model's is not known.

    Raises:
        MediaError: A medium may not be opened, or its place, kind, size or headers would be refused
            when it is sent too. Its digest and the rest of its bytes are not checked: a file that
            has become another one of the same size, or damage behind its headers, shows only when
            it is sent.
        MiMoInputError: `output_tokens` is no whole number of 0 or more, or `prices` no mapping of
            model ids to `Price`.
    """
    with as_input_error():
        output_tokens = integer("output_tokens", output_tokens, 0)
    _check_prices(prices)
    text = text_tokens(tools_text)
    media = MediaEstimate()
    notes: list[str] = []
    known: dict[tuple[MediaSource, MediaKind, float | None, str | None], MediaEstimate] = {}
    for turn in turns:
        text += sum(map(text_tokens, _texts(turn)))
        for part in media_parts(turn):
            reference = part.reference
            key = (reference.source, reference.kind, part.fps, part.media_resolution)
            if key not in known:
                known[key] = estimate_media(
                    reference, policy, fps=part.fps, media_resolution=part.media_resolution
                )
            media = _sum(media, known[key])
            if known[key].note is not None:
                place = f"messages[{reference.message_index}], block {reference.block_index}"
                notes.append(f"{place}: {known[key].note}")
    sure = text + MESSAGE_MARKS * len(turns)
    total = sure + media.total
    price = _price(model, prices)
    return Estimate(
        text,
        media.image,
        media.video,
        media.audio,
        media.marks + MESSAGE_MARKS * len(turns),
        sure + media.low,
        sure + media.high,
        None if price is None else (total * price.input + output_tokens * price.output) / 1e6,
        None if price is None else price.as_of,
        tuple(notes),
    )


def _check_prices(prices: object) -> None:
    if prices is None:
        return
    if not isinstance(prices, Mapping) or not all(isinstance(p, Price) for p in prices.values()):
        raise MiMoInputError(
            "prices holds something else than prices; give a dict of model ids to "
            "langchain_mimo.catalogue.Price(cache_hit, input, output, as_of)."
        )
    for model, price in prices.items():
        for name in ("cache_hit", "input", "output"):
            with as_input_error():
                number(f"the {name} price of {model!r}", getattr(price, name), 0)


def estimate_text(text: str) -> int:
    """Approximate the tokens of a text, as `estimate_turns` does.

    Raises:
        MiMoInputError: It is no string.
    """
    if not isinstance(text, str):
        raise MiMoInputError(
            f"the text to count is of type {type(text).__name__}; give a string, or count messages "
            "with get_num_tokens_from_messages."
        )
    return text_tokens(text)


def estimate_media(
    reference: MediaReference,
    policy: MediaPolicy,
    *,
    fps: float | None = None,
    media_resolution: str | None = None,
) -> MediaEstimate:
    """Estimate one medium.

    Args:
        reference: The medium. A URL is not fetched, and counts with an assumed size.
        policy: Which files may be opened.
        fps: Frames sampled per second of a video. Default: MiMo's, 2.
        media_resolution: "default" or "max". Default: MiMo's, "default".

    Returns:
        The estimate; `note` says what was assumed where the header is silent.

    Raises:
        MediaError: The medium may not be opened, or would be refused for its place, kind, size or
            headers; see `estimate_turns`.
    """
    if isinstance(reference.source, RemoteURL):
        header: MediaHeader | None = None
        why = "a URL is never fetched"
    else:
        header = inspect_media(reference, policy).header
        why = "its header does not say"
    if reference.kind == "image":
        return _image(header if isinstance(header, ImageHeader) else None, why)
    video = header if isinstance(header, AVHeader) else AVHeader()
    if reference.kind == "audio":
        return _audio(video, why)
    resolution: MediaResolution = "max" if media_resolution == "max" else "default"
    return _video(video, why, fps or DEFAULT_FPS, resolution)


def _image(header: ImageHeader | None, why: str) -> MediaEstimate:
    if header is not None:
        tokens = image_tokens(header.width, header.height)
        size = header.width, header.height
        return MediaEstimate(tokens, low=tokens, high=tokens, width=size[0], height=size[1])
    width, height = ASSUMED_IMAGE
    return MediaEstimate(
        image_tokens(width, height),
        low=image_tokens(*_SMALLEST),
        high=image_tokens(*_LARGEST),
        width=width,
        height=height,
        note=f"a picture of {width} x {height} pixels is assumed and not measured, since {why}.",
    )


def _audio(header: AVHeader, why: str) -> MediaEstimate:
    if header.duration is not None:
        tokens = audio_tokens(header.duration)
        return MediaEstimate(audio=tokens, low=tokens, high=tokens, duration=header.duration)
    return MediaEstimate(
        audio=audio_tokens(ASSUMED_SECONDS),
        low=audio_tokens(SECONDS_RANGE[0]),
        high=audio_tokens(SECONDS_RANGE[1]),
        duration=ASSUMED_SECONDS,
        note=f"a length of {ASSUMED_SECONDS:g} seconds is assumed and not measured, since {why}.",
    )


def _video(header: AVHeader, why: str, fps: float, resolution: MediaResolution) -> MediaEstimate:
    mute = header.has_audio is False

    def total(seconds: float, size: tuple[int, int]) -> int:
        video = video_tokens(seconds, *size, fps=fps, media_resolution=resolution, mute=mute)
        return video.total

    measured = (header.width, header.height) if header.width and header.height else None
    size = measured if measured is not None else ASSUMED_FRAME
    seconds = header.duration if header.duration is not None else ASSUMED_SECONDS
    video = video_tokens(seconds, *size, fps=fps, media_resolution=resolution, mute=mute)
    shortest, longest = (seconds, seconds) if header.duration is not None else SECONDS_RANGE
    estimate = MediaEstimate(
        video=video.vision,
        audio=video.audio,
        marks=video.timestamps + video.special,
        low=total(shortest, measured or _SMALLEST),
        high=total(longest, measured or _LARGEST),
        duration=seconds,
        width=size[0],
        height=size[1],
    )
    if measured is not None and header.duration is not None:
        return estimate
    length = f"a length of {seconds:g} seconds" if header.duration is None else ""
    frame = f"a picture of {size[0]} x {size[1]} pixels" if measured is None else ""
    what, verb = " and ".join(filter(None, (length, frame))), "are" if length and frame else "is"
    return replace(estimate, note=f"{what} {verb} assumed and not measured, since {why}.")


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
    """Yield the texts of a turn that count one by one."""
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


def _price(model: str, prices: Mapping[str, Price] | None) -> Price | None:
    if prices is not None and model in prices:
        return prices[model]
    known = catalogue.find(model)
    return known.price if known is not None else None
