"""prepare_image: any picture that Pillow can read becomes one that MiMo takes."""

from __future__ import annotations

import io
import math
import os
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from langchain_mimo._media import formats, limits
from langchain_mimo._media.identify import HEAD_BYTES, identify, mime_type_for
from langchain_mimo._media.limits import BOMB_PIXELS
from langchain_mimo._media.limits import MIN_IMAGE_SIDE
from langchain_mimo._media.local_files import check_source
from langchain_mimo.errors import MediaError, MiMoConfigurationError
from langchain_mimo.prepare.image_sides import enlarged, has_good_sides, padded, scaled
from langchain_mimo.prepare.output import (
    DEFAULT_TIME_LIMIT,
    Output,
    Prepared,
    ProgressCallback,
    Source,
    Work,
    check_limits,
    finish,
    fits,
    opened,
    workplace,
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
_SHRINK = 0.8
_ORIENTATION = 0x0112


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
    """Make a picture that MiMo takes: JPEG or PNG, upright, in RGB.

    HEIC, AVIF, TIFF and others are converted; what MiMo takes already is left as it is unless it
    is too large or lies on its side. Of a picture with several frames the first is taken. MiMo
    refuses very small and very long pictures: those are enlarged, and given a white or transparent
    border.

    Args:
        source: A local path, or the bytes.
        output: Where to write the result; None for bytes in memory. Its name may choose between
            ".jpg" and ".png"; an ending that does not fit the result is refused.
        max_bytes: Bytes it may have. Default: 37,500,000, which fits into MiMo's 50 MB of base64
            whichever MB is meant.
        token_budget: Tokens it may cost; it is shrunk to that. Default: no limit.
        convert: Write it anew even when it looks fine, because MiMo refused it; sides under 32
            pixels are then enlarged to that.
        time_limit: Seconds this may take.
        progress: Called with the share that is done, 0.0 to 1.0.
        show_progress: Draw a bar on standard error.

    Returns:
        The picture; `image_block(prepared.source)` makes a block of it.

    Raises:
        MediaError: It is no picture, is damaged, has too many pixels to be decoded, or cannot be
            brought within the limits.
        MiMoInputError: A number is none, or out of its range.
        MiMoConfigurationError: It is HEIC and pillow-heif is not installed.
    """
    source = check_source("prepare_image", source)
    check_limits(max_bytes, token_budget, time_limit)
    work = Work(progress, show=show_progress, time_limit=time_limit)
    work.at(0)
    with workplace(source, output) as draft, opened(source) as file:
        image = _opened_image(file)
        work.at(0.2)
        notes: list[str] = []
        if not convert and _is_fine(file, image, max_bytes, token_budget, output):
            file.seek(0)
            draft.write_bytes(file.read())
            work.at(1)
            mime_type = mime_type_for("image", _head(file), None)[0]
            return finish(draft, output, mime_type, ["MiMo takes it as it is."])
        upright = padded(_decoded(image, notes), notes)
        work.at(0.5)
        fitted = _within_tokens(upright, token_budget, notes)
        repaired = enlarged(fitted, CELL if convert else MIN_IMAGE_SIDE, notes)
        is_png_first = _is_png_first(repaired, image.format, output)
        mime_type = _write(repaired, draft, is_png_first, max_bytes, notes)
        work.at(1)
        return finish(draft, output, mime_type, notes)


def _head(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(HEAD_BYTES)


def _opened_image(file: IO[bytes]) -> Image:
    """Read the header, and refuse bombs before a pixel is decoded."""
    from PIL import Image as pillow  # noqa: N813, PLC0415 - Pillow costs its import only here

    found = identify(_head(file))
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)
            if found is formats.HEIC:
                return _opened_heic(file)
            return pillow.open(file, formats=[n for n in _READABLE if n in _known(pillow)])
    except pillow.DecompressionBombError:
        raise MediaError(
            f"it has more than {2 * (pillow.MAX_IMAGE_PIXELS or 0):,} pixels, which are not decoded"
            " here for fear of a decompression bomb; shrink it with a tool you trust."
        ) from None
    except (OSError, SyntaxError, ValueError):
        name = found.name if found is not None else "nothing known"
        raise MediaError(f"it is {name} and no picture that Pillow can read.") from None


def _known(pillow: Any) -> set[str]:
    pillow.init()
    return set(pillow.OPEN)


def _opened_heic(file: IO[bytes]) -> Image:
    try:
        import pillow_heif  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise MiMoConfigurationError(
            "pillow-heif is needed for HEIC and is not installed: pip install 'langchain-mimo[av]'."
        ) from error
    heif = pillow_heif.open_heif(file, convert_hdr_to_8bit=True)[0]
    if heif.size[0] * heif.size[1] > BOMB_PIXELS:
        raise MediaError(f"it has {heif.size[0]} x {heif.size[1]} pixels, too many to decode.")
    image: Image = heif.to_pillow()
    image.format = "HEIF"
    return image


def _is_fine(
    file: IO[bytes], image: Image, max_bytes: int, token_budget: int | None, output: Output
) -> bool:
    """Whether MiMo takes the file as it is and nobody wants it smaller."""
    found = identify(_head(file))
    return (
        found is not None
        and "image" in found.mime_types
        and fits(output, found.mime_types["image"])
        and file.seek(0, os.SEEK_END) <= max_bytes
        and (token_budget is None or image_tokens(*image.size) <= token_budget)
        and image.getexif().get(_ORIENTATION, 1) == 1
        and image.mode not in ("CMYK", "YCCK", "LAB")
        and has_good_sides(image)
    )


def _is_png_first(image: Image, source_format: str | None, output: Output) -> bool:
    """Whether PNG is tried first: as the output's name says, else where nothing was lost yet."""
    is_named_png = fits(output, "image/png")
    if is_named_png != fits(output, "image/jpeg"):
        return is_named_png
    return source_format not in _LOSSY or image.mode == "RGBA"


def _decoded(image: Image, notes: list[str]) -> Image:
    """Decode the first frame, turn it upright and make it RGB or RGBA."""
    from PIL import ImageOps  # noqa: PLC0415

    try:
        image.load()
        upright = ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise MediaError(f"it is damaged and cannot be decoded: {str(error)[:200]}.") from None
    notes.append(f"It was {image.format} of {image.size[0]} x {image.size[1]} pixels.")
    if upright.size != image.size:
        notes.append("It was turned upright.")
    if getattr(image, "n_frames", 1) > 1:
        notes.append(f"Of its {getattr(image, 'n_frames', 1)} frames the first was taken.")
    if upright.mode.startswith("I;16"):
        upright = upright.point(lambda value: value / 256).convert("L")
    has_alpha = "A" in upright.getbands() or "transparency" in upright.info
    wanted = "RGBA" if has_alpha else "RGB"
    return upright if upright.mode == wanted else upright.convert(wanted)


def _within_tokens(image: Image, token_budget: int | None, notes: list[str]) -> Image:
    if token_budget is None or image_tokens(*image.size) <= token_budget:
        return image
    scale = min(1.0, math.sqrt(token_budget * 1024 / (image.width * image.height)))
    while True:
        width, height = scaled(image.size, scale)
        if image_tokens(width, height) <= token_budget:
            break
        if min(width, height) == 1:
            raise MediaError(
                f"no size of it costs {token_budget} tokens or less; the least is about "
                f"{image_tokens(width, height)}."
            )
        scale *= 0.97
    notes.append(f"It was shrunk to {width} x {height} pixels for {token_budget} tokens.")
    return image.resize((width, height))


def _write(image: Image, draft: Path, is_png_first: bool, max_bytes: int, notes: list[str]) -> str:
    """Write PNG first or JPEG at once; JPEG smaller and smaller until it fits."""
    if is_png_first:
        data = _encoded(image, "PNG", optimize=False)
        if len(data) <= max_bytes:
            draft.write_bytes(data)
            return "image/png"
    if image.mode == "RGBA":
        image = _on_white(image)
        notes.append("Its transparent parts became white, since JPEG has none.")
    while True:
        for quality in _JPEG_QUALITIES:
            data = _encoded(image, "JPEG", quality=quality)
            if len(data) <= max_bytes:
                draft.write_bytes(data)
                notes.append(f"It is JPEG of {image.width} x {image.height} pixels now.")
                return "image/jpeg"
        image = image.resize(scaled(image.size, _SHRINK))
        if min(image.size) < MIN_IMAGE_SIDE:
            raise MediaError(f"no size of it has {max_bytes:,} bytes or less; allow more.")


def _on_white(image: Image) -> Image:
    from PIL import Image as pillow  # noqa: N813, PLC0415

    background = pillow.new("RGBA", image.size, "white")
    return pillow.alpha_composite(background, image).convert("RGB")


def _encoded(image: Image, name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    profile = image.info.get("icc_profile")
    image.save(buffer, name, **options, **({"icc_profile": profile} if profile else {}))
    return buffer.getvalue()
