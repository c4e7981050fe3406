"""prepare_image: converts any image that Pillow reads to one that MiMo accepts."""

from __future__ import annotations

import io
import math
import os
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from langchain_mimo._media import formats, limits
from langchain_mimo._media.identify import HEAD_BYTES, identify, mime_type_for
from langchain_mimo._media.limits import BOMB_PIXELS, MIN_IMAGE_SIDE
from langchain_mimo._media.local_files import check_source
from langchain_mimo.errors import MediaError, MiMoConfigurationError
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
    open_source,
    suffix_fits,
)
from langchain_mimo.tokens import CELL, image_tokens

if TYPE_CHECKING:
    from PIL.Image import Image

_READABLE = (
    "PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "ICO", "JPEG2000", "PPM", "TGA",
    "PSD", "PCX", "DIB",
)  # fmt: skip
_LOSSY = frozenset({"JPEG", "MPO", "HEIF", "AVIF", "JPEG2000"})
_JPEG_QUALITIES = (92, 85, 75, 60)
_SHRINK_STEP = 0.8
_EXIF_ORIENTATION = 0x0112


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
    it is too large or not upright. Of an animation, the first frame is used. MiMo refuses very
    small and very long images: the former are enlarged, the latter get a white or transparent
    border.

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
        MediaError: The source is not an image, is damaged, has too many pixels to decode, or
            cannot be brought within the limits.
        MiMoInputError: An argument is not a number or is out of range.
        MiMoConfigurationError: The source is HEIC and pillow-heif is not installed.
    """
    source = check_source("prepare_image", source)
    check_limits(max_bytes, token_budget, time_limit)
    monitor = ProgressMonitor(progress, show=show_progress, time_limit=time_limit)
    monitor.report(0)
    with draft_file(source, output) as draft, open_source(source) as file:
        image = _open_image(file)
        monitor.report(0.2)
        notes: list[str] = []
        if not convert and _is_accepted(file, image, max_bytes, token_budget, output):
            file.seek(0)
            draft.write_bytes(file.read())
            monitor.report(1)
            mime_type = mime_type_for("image", _head(file), None)[0]
            return finish(draft, output, mime_type, ["Left unchanged: MiMo accepts it."])
        upright = padded(_decode(image, notes), notes)
        monitor.report(0.5)
        within_budget = _shrink_to_budget(upright, token_budget, notes)
        result = enlarged(within_budget, CELL if convert else MIN_IMAGE_SIDE, notes)
        prefers_png = _prefers_png(result, image.format, output)
        mime_type = _write(result, draft, prefers_png, max_bytes, notes)
        monitor.report(1)
        return finish(draft, output, mime_type, notes)


def _head(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(HEAD_BYTES)


def _open_image(file: IO[bytes]) -> Image:
    """Read the header, and refuse decompression bombs before a pixel is decoded."""
    from PIL import Image as pillow  # noqa: N813, PLC0415 - Pillow is slow to import

    found = identify(_head(file))
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)
            if found is formats.HEIC:
                return _open_heic(file)
            return pillow.open(file, formats=_readable_formats(pillow))
    except pillow.DecompressionBombError:
        raise MediaError(
            f"it has more than {2 * (pillow.MAX_IMAGE_PIXELS or 0):,} pixels and may be a "
            "decompression bomb, so it is not decoded; shrink it with a tool you trust"
        ) from None
    except (OSError, SyntaxError, ValueError):
        name = found.name if found is not None else "of an unknown format"
        raise MediaError(f"it is {name} and not an image that Pillow can read") from None


def _readable_formats(pillow: Any) -> list[str]:
    pillow.init()
    return [name for name in _READABLE if name in pillow.OPEN]


def _open_heic(file: IO[bytes]) -> Image:
    try:
        import pillow_heif  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise MiMoConfigurationError(
            "HEIC needs pillow-heif, which is not installed: pip install 'langchain-mimo[av]'"
        ) from error
    heif = pillow_heif.open_heif(file, convert_hdr_to_8bit=True)[0]
    if heif.size[0] * heif.size[1] > BOMB_PIXELS:
        raise MediaError(f"it has {heif.size[0]} x {heif.size[1]} pixels, too many to decode")
    image: Image = heif.to_pillow()
    image.format = "HEIF"
    return image


def _is_accepted(
    file: IO[bytes], image: Image, max_bytes: int, token_budget: int | None, output: Output
) -> bool:
    """Whether MiMo accepts the file unchanged and it is within the caller's limits."""
    found = identify(_head(file))
    return (
        found is not None
        and "image" in found.mime_types
        and suffix_fits(output, found.mime_types["image"])
        and file.seek(0, os.SEEK_END) <= max_bytes
        and (token_budget is None or image_tokens(*image.size) <= token_budget)
        and image.getexif().get(_EXIF_ORIENTATION, 1) == 1
        and image.mode not in ("CMYK", "YCCK", "LAB")
        and has_accepted_sides(image)
    )


def _prefers_png(image: Image, source_format: str | None, output: Output) -> bool:
    """Whether to try PNG first: if the output's suffix says so, else for lossless sources."""
    is_named_png = suffix_fits(output, "image/png")
    if is_named_png != suffix_fits(output, "image/jpeg"):
        return is_named_png
    return source_format not in _LOSSY or image.mode == "RGBA"


def _decode(image: Image, notes: list[str]) -> Image:
    """Decode the first frame, rotate it upright and convert it to RGB or RGBA."""
    from PIL import ImageOps  # noqa: PLC0415

    try:
        image.load()
        upright = ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise MediaError(f"it is damaged and cannot be decoded: {str(error)[:200]}") from None
    notes.append(f"Source: {image.format}, {image.size[0]} x {image.size[1]} pixels.")
    if upright.size != image.size:
        notes.append("Rotated upright.")
    if getattr(image, "n_frames", 1) > 1:
        notes.append(f"Used the first of its {getattr(image, 'n_frames', 1)} frames.")
    if upright.mode.startswith("I;16"):
        upright = upright.point(lambda value: value / 256).convert("L")
    has_alpha = "A" in upright.getbands() or "transparency" in upright.info
    mode = "RGBA" if has_alpha else "RGB"
    return upright if upright.mode == mode else upright.convert(mode)


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


def _write(image: Image, draft: Path, prefers_png: bool, max_bytes: int, notes: list[str]) -> str:
    """Write PNG if preferred and small enough, else JPEG, shrunk until it fits."""
    if prefers_png:
        data = _encode(image, "PNG", optimize=False)
        if len(data) <= max_bytes:
            draft.write_bytes(data)
            return "image/png"
    if image.mode == "RGBA":
        image = _on_white(image)
        notes.append("Made its transparent parts white: JPEG has no transparency.")
    while True:
        for quality in _JPEG_QUALITIES:
            data = _encode(image, "JPEG", quality=quality)
            if len(data) <= max_bytes:
                draft.write_bytes(data)
                notes.append(f"Encoded as JPEG, {image.width} x {image.height} pixels.")
                return "image/jpeg"
        image = image.resize(scaled(image.size, _SHRINK_STEP))
        if min(image.size) < MIN_IMAGE_SIDE:
            raise MediaError(f"it does not fit in {max_bytes:,} bytes at any size; raise max_bytes")


def _on_white(image: Image) -> Image:
    from PIL import Image as pillow  # noqa: N813, PLC0415

    background = pillow.new("RGBA", image.size, "white")
    return pillow.alpha_composite(background, image).convert("RGB")


def _encode(image: Image, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    profile = image.info.get("icc_profile")
    image.save(buffer, format_name, **options, **({"icc_profile": profile} if profile else {}))
    return buffer.getvalue()
