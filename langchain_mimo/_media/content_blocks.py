"""`image_block`, `video_block`, `audio_block`: standard content blocks from whatever one has.

Here the program itself names a file, so it is opened, looked at and hashed at once. Its block says
where the file is, how large it is and what its digest is, and holds nothing of it.
"""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from langchain_mimo._checks import integer
from langchain_mimo._media import formats, limits
from langchain_mimo._media.inspection import inspect
from langchain_mimo._media.local_files import URL_SCHEME, open_trusted_file
from langchain_mimo._media.readers import Base64Reader, FileReader, MemoryReader, Reader
from langchain_mimo._media.references import MediaKind, parse_file_url, split_data_url
from langchain_mimo.errors import MediaError, MiMoInputError, as_input_error

if TYPE_CHECKING:
    from PIL.Image import Image

Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]"
"""A URL (http, https, data, file), a path, bytes, or a binary file object."""

_HASHED_AT_ONCE = 1 << 20

_ENCODINGS: dict[str, tuple[str, frozenset[str], dict[str, Any]]] = {
    "image/png": ("PNG", frozenset({"1", "L", "LA", "P", "I;16", "RGB", "RGBA"}), {}),
    "image/jpeg": ("JPEG", frozenset({"L", "RGB"}), {"quality": 95}),
    "image/webp": ("WEBP", frozenset({"RGB", "RGBA"}), {"quality": 95}),
}
"""How a PIL image is written: format name, modes it takes as they are, options."""

_EIGHT_BIT_MODES = frozenset(
    ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"]
)
"""Modes that become RGB or RGBA without being cut off at white."""


def image_block(
    source: Source | Image, *, mime_type: str | None = None, size: int | None = None
) -> dict[str, Any]:
    """Make an image block.

    Args:
        source: An http or https URL, which goes to MiMo as it is; a path, which becomes a `file://`
            URL with size and SHA-256 and is read again while a request is sent; bytes or a binary
            file object, which become base64; or a PIL image, which is written as PNG.
        mime_type: What it is. Default: told from the bytes, and unsaid for URLs. For a PIL image:
            "image/png" (default), "image/jpeg" or "image/webp", the latter two at quality 95.
        size: Bytes that a medium given by URL has, where you know it; what is above MiMo's limit
            for URLs (50 MB for pictures, 300 for videos, 100 for sounds) is refused here.

    Returns:
        A LangChain content block of type "image".

    Raises:
        MediaError: The file is not there or is not readable, or MiMo would refuse what it is.
        MiMoInputError: `mime_type` is no string, or `size` no whole number.
    """
    _check_mime_type("image", mime_type)
    if _is_pil_image(source):
        source, mime_type = _written(source, mime_type)
    return _block("image", source, mime_type, size, {})  # type: ignore[arg-type]  # no PIL image


def video_block(
    source: Source,
    *,
    mime_type: str | None = None,
    size: int | None = None,
    fps: float | None = None,
    media_resolution: str | None = None,
) -> dict[str, Any]:
    """Make a video block.

    Args:
        source: As for `image_block`, without PIL images.
        mime_type: What it is. Default: told from the bytes, and unsaid for URLs.
        size: Bytes that it has, if given by URL and known.
        fps: Frames MiMo samples per second, 0.1 to 10. Default: the model's setting, else MiMo's 2.
        media_resolution: "default" or "max". Default: the model's setting, else "default".

    Returns:
        A LangChain content block of type "video"; `fps` and `media_resolution` stand in `extras`
        and are checked when the block is sent.

    Raises:
        MediaError: As `image_block`.
    """
    wishes = {"fps": fps, "media_resolution": media_resolution}
    extras = {name: wish for name, wish in wishes.items() if wish is not None}
    return _block("video", source, mime_type, size, extras)


def audio_block(
    source: Source, *, mime_type: str | None = None, size: int | None = None
) -> dict[str, Any]:
    """Make an audio block.

    Args:
        source: As for `image_block`, without PIL images.
        mime_type: What it is. Default: told from the bytes, and unsaid for URLs.
        size: Bytes that it has, if given by URL and known.

    Returns:
        A LangChain content block of type "audio".

    Raises:
        MediaError: As `image_block`.
    """
    return _block("audio", source, mime_type, size, {})


def _block(
    kind: MediaKind,
    source: Source,
    mime_type: str | None,
    size: int | None,
    extras: dict[str, Any],
) -> dict[str, Any]:
    _check_mime_type(kind, mime_type)
    if size is not None:
        with as_input_error():
            size = integer(f"{kind}_block's size", size, 0)
    reason = limits.too_large_for_url(kind, size) if size is not None else None
    if reason is not None:
        raise MediaError(f"{kind}_block cannot use it: {reason}")
    block: dict[str, Any]
    if isinstance(source, bytes | bytearray | memoryview):
        block = _of_bytes(kind, bytes(source), mime_type)
    elif isinstance(source, str | os.PathLike):
        block = _of_location(kind, os.fspath(source), mime_type, extras)
    elif callable(getattr(source, "read", None)):
        block = _of_bytes(kind, _contents(source), mime_type)
    else:
        raise MediaError(
            f"{kind}_block takes a URL, a path, bytes or a binary file object, "
            f"not {type(source).__name__}."
        )
    return {"type": kind, **block, **({"extras": extras} if extras else {})}


def _check_mime_type(kind: MediaKind, mime_type: object) -> None:
    if mime_type is not None and not isinstance(mime_type, str):
        raise MiMoInputError(
            f"{kind}_block's mime_type is of type {type(mime_type).__name__}; give a string, or "
            "leave it out."
        )


def _of_location(
    kind: MediaKind, location: str, mime_type: str | None, extras: dict[str, Any]
) -> dict[str, Any]:
    """Describe what a string names: a URL by its scheme, otherwise a path."""
    scheme = URL_SCHEME.match(location)
    name = scheme.group().lower() if scheme else ""
    if name in ("http:", "https:"):
        stated = formats.normalise_mime_type(mime_type)
        return {"url": location, **({"mime_type": stated} if stated else {})}
    if name == "data:":
        return _of_data_url(kind, location, mime_type)
    if name == "file:":
        return _of_file(kind, parse_file_url(location).path, mime_type, extras)
    if name:
        raise MediaError(
            f"{kind}_block cannot use the URL scheme {name[:-1]!r}; give an http or https URL that "
            "MiMo can reach, or a local path."
        )
    return _of_file(kind, location, mime_type, extras)


def _of_file(
    kind: MediaKind, path: str, mime_type: str | None, extras: dict[str, Any]
) -> dict[str, Any]:
    """Open the file once to look at it and hash it; write down where it is."""
    try:
        descriptor = open_trusted_file(path)
    except ValueError as error:
        raise MediaError(f"{kind}_block {error}") from None
    absolute = Path(path).absolute()
    try:
        reader = FileReader(descriptor)
        inspected = _inspected(kind, reader, mime_type, repr(str(absolute)))
        extras |= {"size": reader.size, "sha256": _sha256(reader)}
    finally:
        os.close(descriptor)
    return {"url": absolute.as_uri(), "mime_type": inspected}


def _of_bytes(kind: MediaKind, data: bytes, mime_type: str | None) -> dict[str, Any]:
    inspected = _inspected(kind, MemoryReader(data), mime_type, "the bytes given")
    return {"base64": b64encode(data).decode("ascii"), "mime_type": inspected}


def _of_data_url(kind: MediaKind, url: str, mime_type: str | None) -> dict[str, Any]:
    split = split_data_url(url)
    if split is None:
        raise MediaError(
            f"{kind}_block was given a data URL that is not base64; "
            "write data:<MIME type>;base64,<data>."
        )
    stated, source = split
    reader = Base64Reader(source)
    inspected = _inspected(kind, reader, mime_type or stated, "the data URL given")
    return {"base64": url[source.start :], "mime_type": inspected}


def _inspected(kind: MediaKind, reader: Reader, stated: str | None, name: str) -> str:
    """Return the MIME type, or refuse what MiMo would refuse while the culprit is at hand."""
    try:
        return inspect(kind, stated, reader).mime_type
    except ValueError as error:
        raise MediaError(f"{kind}_block cannot use {name}: {error}") from None


def _contents(source: IO[bytes]) -> bytes:
    """Read a file object, but no more than could be sent."""
    data = source.read(limits.MAX_INLINE_BYTES + 1)
    if not isinstance(data, bytes):
        raise MediaError('the file object gives text and not bytes; open the file with mode "rb".')
    return data


def _sha256(reader: FileReader) -> str:
    import hashlib  # noqa: PLC0415 - only files need it

    digest = hashlib.sha256()
    for offset in range(0, reader.size, _HASHED_AT_ONCE):
        digest.update(reader.read(offset, _HASHED_AT_ONCE))
    return digest.hexdigest()


def _is_pil_image(source: object) -> bool:
    """Whether this is a PIL image, without importing Pillow for anybody who has none."""
    return any(base.__module__ == "PIL.Image" for base in type(source).__mro__)


def _written(image: Any, mime_type: str | None) -> tuple[bytes, str]:
    """Write a PIL image, turned the way its EXIF tag says, since the tag does not go with it."""
    import io  # noqa: PLC0415

    from PIL import ImageOps  # noqa: PLC0415 - Pillow costs its import only here

    wanted = formats.normalise_mime_type(mime_type) or "image/png"
    if wanted not in _ENCODINGS:
        raise MediaError(
            f"image_block writes a PIL image as {', '.join(_ENCODINGS)}, not as {wanted[:80]!r}."
        )
    name, modes, options = _ENCODINGS[wanted]
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "I":
        upright = upright.convert("I;16")
    if upright.mode not in modes:
        if upright.mode not in _EIGHT_BIT_MODES:
            raise MediaError(
                f"image_block cannot write a PIL image of mode {image.mode} as {wanted}; scale it "
                'to 8 bits and convert it to "L" or "RGB".'
            )
        has_alpha = "A" in upright.getbands() or "transparency" in upright.info
        upright = upright.convert("RGBA" if has_alpha and "RGBA" in modes else "RGB")
    buffer = io.BytesIO()
    upright.save(buffer, format=name, **options)
    return buffer.getvalue(), wanted
