"""prepare_image: converts any image that Pillow reads to one that MiMo accepts."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from langchain_mimo._media import limits
from langchain_mimo._media.deep_greys import is_deep_grey
from langchain_mimo._media.headers.images import MAX_FRAMES_COUNTED
from langchain_mimo._media.headers.reader import ImageHeader
from langchain_mimo._media.image_colours import on_white, to_srgb
from langchain_mimo._media.inspection import inspect_source
from langchain_mimo._media.limits import MIN_IMAGE_SIDE
from langchain_mimo._media.local_files import check_source
from langchain_mimo._media.pillow_errors import pillow_errors
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare.image_opening import OpenedImage, later_frames_decode, open_image
from langchain_mimo.prepare.image_orientation import turned_upright
from langchain_mimo.prepare.image_sides import enlarged, has_accepted_sides, padded, scaled
from langchain_mimo.prepare.output import (
    DEFAULT_TIME_LIMIT,
    Output,
    Prepared,
    ProgressCallback,
    ProgressMonitor,
    Source,
    check_limits,
    draft_file,
    finish,
    naming_unknown_arguments,
    open_source,
    suffix_fits,
)
from langchain_mimo.tokens import CELL, image_tokens

if TYPE_CHECKING:
    from PIL.Image import Image

_LOSSY = frozenset({"JPEG", "MPO", "HEIF", "AVIF", "JPEG2000"})
_JPEG_QUALITIES = (92, 85, 75, 60)
_SHRINK_STEP = 0.8
_MISSING_COLOUR = (128, 128, 128)


@naming_unknown_arguments
def prepare_image(
    source: Source,
    output: Output = None,
    *,
    max_bytes: int = limits.SAFE_INLINE_BYTES,
    token_budget: int | None = None,
    convert: bool = False,
    time_limit: float = DEFAULT_TIME_LIMIT,
    progress: ProgressCallback | None = None,
    show_progress: bool = False,
) -> Prepared:
    """Convert an image to one that MiMo accepts: JPEG or PNG, upright, in RGB.

    HEIC, AVIF, TIFF and others are converted. An image that MiMo accepts is left unchanged unless
    it is too large, not upright, or in colours that servers often show wrong: CMYK, LAB, greys of
    more than 8 bits. An animation that MiMo accepts is left unchanged; of others, and with
    `convert`, the first frame is used. MiMo refuses very small and very long images: the former are
    enlarged, the latter get a white or transparent border.

    Colours are converted to sRGB through the image's profile. Greys of more than 8 bits are scaled:
    16 bits by their own scale, integers and floats of 32 bits by their least and greatest value. A
    damaged JPEG, PNG or BMP is repaired: what is missing becomes grey. `notes` says all of this.

    Every image is decoded completely, and so is the result, before it is returned.

    Args:
        source: Local path or bytes of an image.
        output: Path to write to. Default: the result stays in memory. The suffix can choose between
            ".jpg" and ".png"; a suffix that does not match the result is refused.
        max_bytes: Maximum size of the result. Default: 37,500,000, which fits MiMo's base64 limit.
        token_budget: Maximum tokens; the image is shrunk to fit. Default: no limit.
        convert: Re-encode even an acceptable image, because MiMo refused it. Sides under 32 pixels
            are then enlarged to 32.
        time_limit: Maximum duration of the call, in seconds.
        progress: Called with the completed share, 0.0 to 1.0.
        show_progress: Whether to draw a progress bar on standard error.

    Returns:
        The image; `image_block(prepared.source)` creates a block from it.

    Raises:
        MediaError: The source is not an image, is damaged beyond repair, has too many pixels to
            decode (above 89,478,485; a JPEG is then decoded at a reduced size if it can be), or
            cannot be brought within the limits; the result cannot be written.
        MiMoInputError: An argument is not a number or is out of range.
        MiMoConfigurationError: The source is HEIC and pillow-heif is not installed.
    """
    source = check_source("prepare_image", source)
    check_limits(max_bytes, token_budget, time_limit)
    monitor = ProgressMonitor(
        progress,
        show=show_progress,
        time_limit=time_limit,
        remedy="shrink the source with another program, or raise time_limit",
    )
    monitor.report(0)
    with draft_file(source, output) as draft, open_source(source) as file:
        opened = open_image(file, monitor.check)
        monitor.report(0.4)
        if (
            not convert
            and _is_accepted(opened, output)
            and _is_within(file, opened, max_bytes, token_budget)
            and _is_still_or_decodes(file, opened, monitor)
        ):
            draft.write_bytes(_read(file))
            mime_type = inspect_source("image", draft).mime_type
            monitor.report(1)
            return finish(draft, output, mime_type, _notes_unchanged(opened))
        notes = _notes_converted(opened)
        with _conversion():
            image = padded(_upright_rgb(opened, notes), notes)
        prefers_png = _prefers_png(image, opened.format, output)
        del opened  # its pixels
        monitor.report(0.6)
        with _conversion():
            image = _shrink_to_budget(image, token_budget, notes)
            image = enlarged(image, CELL if convert else MIN_IMAGE_SIDE, notes)
            data, mime_type, size = _encode(
                image, max_bytes, notes, monitor.check, prefers_png=prefers_png
            )
        draft.write_bytes(data)
        monitor.report(0.9)
        _verify(draft, mime_type, size)
        monitor.report(1)
        return finish(draft, output, mime_type, notes)


def _conversion() -> AbstractContextManager[None]:
    return pillow_errors("it cannot be converted", "shrink it with another program first")


def _is_accepted(opened: OpenedImage, output: Output) -> bool:
    """Whether MiMo accepts the file as it is and shows it in the right colours.

    Pillow, and servers that are built on it, make the deep greys of a PNG white.
    """
    return (
        opened.mime_type is not None
        and suffix_fits(output, opened.mime_type)
        and not opened.notes
        and opened.orientation == 1
        and opened.image.mode not in ("CMYK", "LAB")
        and not is_deep_grey(opened.image)
        and has_accepted_sides(opened.image)
    )


def _is_within(
    file: IO[bytes], opened: OpenedImage, max_bytes: int, token_budget: int | None
) -> bool:
    return file.seek(0, os.SEEK_END) <= max_bytes and (
        token_budget is None or image_tokens(*opened.size) <= token_budget
    )


def _is_still_or_decodes(file: IO[bytes], opened: OpenedImage, monitor: ProgressMonitor) -> bool:
    """Whether the other frames of an animation, if it is one, decode too; a note says if not."""
    if opened.frames == 1 or opened.format == "MPO":
        return True
    if later_frames_decode(file, opened, monitor.check):
        return True
    opened.notes += ("One of its later frames is damaged.",)
    return False


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _notes_unchanged(opened: OpenedImage) -> list[str]:
    notes = ["Left unchanged: MiMo accepts it."]
    if opened.format == "MPO":
        notes.append(f"It holds {opened.frames} images, of which readers of JPEG show the first.")
    elif opened.frames > 1:
        notes.append(
            f"It is an animation of {_count(opened.frames)} frames; which of them MiMo looks at is "
            "not documented. convert=True keeps the first alone."
        )
    return notes


def _notes_converted(opened: OpenedImage) -> list[str]:
    notes = [f"Source: {opened.format}, {opened.size[0]} x {opened.size[1]} pixels.", *opened.notes]
    if opened.frames > 1:
        notes.append(f"Used the first of its {_count(opened.frames)} frames.")
    return notes


def _count(frames: int) -> str:
    return f"{frames:,}" if frames < MAX_FRAMES_COUNTED else f"{frames:,} or more"


def _upright_rgb(opened: OpenedImage, notes: list[str]) -> Image:
    """Return the image upright, in RGB or RGBA, with grey in place of what is missing."""
    image, missing = opened.image, opened.missing
    if missing:  # not with zeros: the scale of deep greys depends on the values that are there
        top = missing.stop if missing.start == 0 else 0
        bottom = image.height if missing.start == 0 else missing.start
        colours = to_srgb(image.crop((0, top, image.width, bottom)), notes)
        whole = colours.resize(image.size, box=(0, 0, 1, 1))
        whole.paste(_MISSING_COLOUR, (0, 0, *image.size))
        whole.paste(colours, (0, top))
        colours = whole
    else:
        colours = to_srgb(image, notes)
    return turned_upright(colours, opened.orientation, notes, already=opened.format == "TIFF")


def _prefers_png(image: Image, source_format: str | None, output: Output) -> bool:
    """Whether to try PNG first: if the output's suffix says so, else for lossless sources."""
    is_named_png = suffix_fits(output, "image/png")
    if is_named_png != suffix_fits(output, "image/jpeg"):
        return is_named_png
    return source_format not in _LOSSY or image.mode == "RGBA"


def _shrink_to_budget(image: Image, token_budget: int | None, notes: list[str]) -> Image:
    if token_budget is None or image_tokens(*image.size) <= token_budget:
        return image
    scale = min(1.0, math.sqrt(token_budget * 1024 / (image.width * image.height)))
    while True:
        width, height = scaled(image.size, scale)
        if image_tokens(width, height) <= token_budget:
            break
        if min(width, height) == 1:
            raise MediaError(
                f"it costs about {image_tokens(width, height)} tokens at its smallest size, more "
                f"than token_budget={token_budget}"
            )
        scale *= 0.97
    notes.append(f"Shrunk to {width} x {height} pixels for {token_budget} tokens.")
    return image.resize((width, height))


def _encode(
    image: Image,
    max_bytes: int,
    notes: list[str],
    check: Callable[[], None],
    *,
    prefers_png: bool,
) -> tuple[bytes, str, tuple[int, int]]:
    """Encode as PNG if preferred and small enough, else as JPEG, shrunk until it fits.

    Returns:
        The bytes, their MIME type, and the width and height.
    """
    if prefers_png:
        data = _saved(image, "PNG")
        if len(data) <= max_bytes:
            return data, "image/png", image.size
    if image.mode == "RGBA":
        image = on_white(image)
        notes.append("Made its transparent parts white: JPEG has no transparency.")
    while True:
        for quality in _JPEG_QUALITIES:
            check()
            data = _saved(image, "JPEG", quality=quality)
            if len(data) <= max_bytes:
                notes.append(f"Encoded as JPEG, {image.width} x {image.height} pixels.")
                return data, "image/jpeg", image.size
        image = image.resize(scaled(image.size, _SHRINK_STEP))
        if min(image.size) < MIN_IMAGE_SIDE:
            raise MediaError(f"it does not fit in {max_bytes:,} bytes at any size; raise max_bytes")


def _saved(image: Image, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def _verify(draft: Path, mime_type: str, size: tuple[int, int]) -> None:
    """Open the result again, as blocks do, and decode it to its last row.

    Raises:
        MediaError: It is not what was to be written.
    """
    from PIL import Image as pillow  # noqa: N813, PLC0415

    inspection = inspect_source("image", draft)
    header = inspection.header
    with pillow_errors("the result cannot be decoded", "report this"), pillow.open(draft) as image:
        image.load()
        decoded = image.size
    stated = (header.width, header.height) if isinstance(header, ImageHeader) else None
    if inspection.mime_type != mime_type or not stated == decoded == size:
        raise MediaError(
            f"the result is {inspection.mime_type} of {decoded[0]} x {decoded[1]} pixels instead "
            f"of {mime_type} of {size[0]} x {size[1]}; report this as a bug"
        )
