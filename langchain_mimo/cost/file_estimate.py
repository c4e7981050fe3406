"""Prices a file before it is prepared, cut or sent."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_mimo._checks import choice, known_keywords, number
from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS, Price
from langchain_mimo.cost.estimate import add_price, estimate_header
from langchain_mimo.cost.estimate_result import Estimate
from langchain_mimo.cost.files import Source, measure
from langchain_mimo.errors import MiMoInputError, as_input_error
from langchain_mimo.tokens import DEFAULT_FPS, MediaResolution


@known_keywords(MiMoInputError)
def estimate_file(
    source: Source,
    *,
    model: str,
    fps: float = DEFAULT_FPS,
    media_resolution: MediaResolution = "default",
    output_tokens: int = 0,
    prices: Mapping[str, Price] | None = None,
) -> Estimate:
    """Estimate the cost of an image, video or audio file of any size that prepare functions read.

    The estimate is that of one block: of the file as it is if MiMo takes it, otherwise of what
    `prepare_image`, `prepare_video` or `prepare_audio` makes of it with the same `fps` and
    `media_resolution`; `notes` says which call. Only the file's headers are read.

    Args:
        source: Local path or bytes of a file, or the `MediaInfo` that `media.probe` returned.
        model: Model id, for the price.
        fps: Frames per second that will be sampled, 0.1 to 10. Default: 2, MiMo's own.
        media_resolution: "default" or "max". Default: "default", MiMo's own.
        output_tokens: Tokens of reasoning and answer to include in the cost. Default: none.
        prices: Prices by model id in US dollars, which override those of the catalogue.

    Returns:
        The tokens of the file alone, without text and message marks. Where its length or size is
        not known exactly, `notes` says what was assumed, and `low` and `high` bound the total. It
        also says where MiMo's limit of 2,048 frames leaves some out, and if no price is known.

    Raises:
        MediaError: The source is not a local file or bytes, cannot be measured, or can neither be
            sent nor prepared.
        MiMoInputError: An argument is not a number or is out of range.
    """
    with as_input_error():
        number("fps", fps, *FPS_RANGE)
        choice("media_resolution", media_resolution, MEDIA_RESOLUTIONS)
    file = measure("estimate_file", source)
    media = estimate_header(
        file.info.kind, file.header, "its header does not state it", fps, media_resolution
    )
    is_video = file.kind == "video"
    sampling = {"fps": fps, "media_resolution": media_resolution} if is_video else {}
    notes = [f"{file.name}: {note}" for note in media.notes]
    if (advice := file.advice(**sampling)) is not None:
        notes.append(advice)
    estimate = Estimate(
        text=0,
        image=media.image,
        video=media.video,
        audio=media.audio,
        marks=media.marks,
        low=media.low,
        high=media.high,
        cost_usd=None,
        price_as_of=None,
        notes=tuple(notes),
    )
    return add_price(estimate, model, output_tokens, prices)
