"""Creates LangChain content blocks: `image_block`, `video_block` and `audio_block`.

The program itself names the file here, so it is opened, inspected and hashed at once. The block
states the file's path, size and digest; it does not contain the file.
"""

from __future__ import annotations

import io
import os
import re
from base64 import b64encode
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias, runtime_checkable

from langchain_mimo._checks import choice, integer, number, shown, spelled_number
from langchain_mimo._media import formats, limits
from langchain_mimo._media.block_arguments import naming_unknown_arguments
from langchain_mimo._media.deep_greys import reduce_deep_grey
from langchain_mimo._media.image_colours import fitting_profile, on_white, to_srgb
from langchain_mimo._media.inspection import inspect
from langchain_mimo._media.local_files import URL_SCHEME, open_trusted_file
from langchain_mimo._media.pillow_errors import UndecodableImageError, pillow_errors
from langchain_mimo._media.readers import Base64Reader, FileReader, MemoryReader, Reader
from langchain_mimo._media.references import MediaKind, parse_file_url, split_data_url
from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS
from langchain_mimo.errors import MediaError, MiMoInputError, as_input_error

Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
"""A URL (http, https, data, file), a path, bytes, or a binary file object."""


@runtime_checkable
class PillowImage(Protocol):
    """What marks a `PIL.Image.Image` in type hints, without importing Pillow."""

    @property
    def mode(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]: ...
    def getbands(self) -> tuple[str, ...]: ...


_HASH_CHUNK = 1 << 20
_OTHER_TYPE = re.compile(r"use a block of type '(\w+)'")

_ENCODINGS: dict[str, tuple[str, frozenset[str], dict[str, Any]]] = {
    "image/png": ("PNG", frozenset({"1", "L", "LA", "P", "RGB", "RGBA"}), {}),
    "image/jpeg": ("JPEG", frozenset({"L", "RGB"}), {"quality": 95}),
    "image/webp": ("WEBP", frozenset({"RGB", "RGBA"}), {"quality": 95}),
}
"""How a PIL image is saved: Pillow's name of the format, modes that it stores, save options."""

_EIGHT_BIT_MODES = frozenset(
    ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"]
)
"""Modes that convert to RGB or RGBA without clipping."""


@naming_unknown_arguments("image")
def image_block(
    source: Source | PillowImage,
    *,
    mime_type: str | None = None,
    size: int | None = None,
) -> dict[str, Any]:
    """Create an image block.

    Args:
        source: An http or https URL, which is sent to MiMo unchanged; a path, which becomes a
            `file://` URL with size and SHA-256 and is read again while a request is sent; bytes or
            a binary file object, which become base64; or a PIL image, which is saved as PNG.
        mime_type: The MIME type. Default: detected from the bytes; not set for URLs. For a PIL
            image: "image/png" (default), "image/jpeg" or "image/webp", the latter two at quality
            95.
        size: Size in bytes of media given by URL, if known. A size above MiMo's limit for URLs
            (50 MB for images, 300 MB for videos, 100 MB for audio) is refused here.

    Returns:
        A LangChain content block of type "image".

    Raises:
        MediaError: The file does not exist or is not readable, or MiMo would refuse it.
        MiMoInputError: `mime_type` is not a string, `size` is not an integer >= 0, or there is no
            such argument.
    """
    _check_mime_type("image", mime_type)
    if _is_pil_image(source):
        source, mime_type = _save_pil_image(source, mime_type)
    return _block("image", source, mime_type, size, {})  # type: ignore[arg-type]  # not a PIL image


@naming_unknown_arguments("video")
def video_block(
    source: Source,
    *,
    mime_type: str | None = None,
    size: int | None = None,
    fps: float | None = None,
    media_resolution: str | None = None,
) -> dict[str, Any]:
    """Create a video block.

    Args:
        source: As for `image_block`, without PIL images.
        mime_type: The MIME type. Default: detected from the bytes; not set for URLs.
        size: Size in bytes, if given by URL and known.
        fps: Frames that MiMo samples per second, 0.1 to 10; a string that spells a number is taken
            as one. Default: the model's setting, or MiMo's default of 2.
        media_resolution: "default" or "max". Default: the model's setting, or "default".

    Returns:
        A LangChain content block of type "video". `fps` and `media_resolution` are stored in
        `extras`.

    Raises:
        MediaError: As `image_block`.
        MiMoInputError: As `image_block`; or `fps` or `media_resolution` is out of range.
    """
    extras: dict[str, Any] = {}
    with as_input_error():
        if fps is not None:
            extras["fps"] = number("video_block's fps", spelled_number(fps), *FPS_RANGE)
        if media_resolution is not None:
            choice("video_block's media_resolution", media_resolution, MEDIA_RESOLUTIONS)
            extras["media_resolution"] = media_resolution
    return _block("video", source, mime_type, size, extras)


@naming_unknown_arguments("audio")
def audio_block(
    source: Source,
    *,
    mime_type: str | None = None,
    size: int | None = None,
) -> dict[str, Any]:
    """Create an audio block.

    Args:
        source: As for `image_block`, without PIL images.
        mime_type: The MIME type. Default: detected from the bytes; not set for URLs.
        size: Size in bytes, if given by URL and known.

    Returns:
        A LangChain content block of type "audio".

    Raises:
        MediaError: As `image_block`.
        MiMoInputError: As `image_block`.
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
        try:
            limits.check_url_size(kind, size)
        except ValueError as error:
            raise MediaError(f"{kind}_block cannot use it: {error}") from None
    block: dict[str, Any]
    if isinstance(source, bytes | bytearray | memoryview):
        block = _from_bytes(kind, bytes(source), mime_type)
    elif isinstance(source, str | os.PathLike):
        block = _from_location(kind, os.fspath(source), mime_type, extras)
    elif callable(getattr(source, "read", None)):
        block = _from_bytes(kind, _read_all(kind, source), mime_type)
    elif isinstance(source, dict):
        raise MediaError(f"{kind}_block got a content block; put it into the message as it is")
    else:
        raise MediaError(
            f"{kind}_block takes a URL, a path, bytes or a binary file object, "
            f"not {type(source).__name__}"
        )
    return {"type": kind, **block, **({"extras": extras} if extras else {})}


def _check_mime_type(kind: MediaKind, mime_type: object) -> None:
    if mime_type is not None and not isinstance(mime_type, str):
        raise MiMoInputError(
            f"{kind}_block's mime_type must be a string or None, got {shown(mime_type)}"
        )


def _from_location(
    kind: MediaKind, location: str, mime_type: str | None, extras: dict[str, Any]
) -> dict[str, Any]:
    """Return the block's keys for a string: a URL if it has a scheme, otherwise a path."""
    if not isinstance(location, str):  # os.fspath of a path in bytes
        raise MediaError(f"{kind}_block takes paths of str, not {type(location).__name__}")
    if not location.strip():
        raise MediaError(f"{kind}_block got an empty string; give a URL or the path of a file")
    scheme = URL_SCHEME.match(location)
    name = scheme.group().lower() if scheme else ""
    if name in ("http:", "https:"):
        stated = formats.normalise_mime_type(mime_type)
        return {"url": location, **({"mime_type": stated} if stated else {})}
    if name == "data:":
        return _from_data_url(kind, location, mime_type)
    if name == "file:":
        return _from_file(kind, parse_file_url(location).path, mime_type, extras)
    if name:
        raise MediaError(
            f"{kind}_block does not support the URL scheme {name[:-1]!r}; give an http or https "
            "URL that MiMo can reach, or a local path"
        )
    return _from_file(kind, location, mime_type, extras)


def _from_file(
    kind: MediaKind, path: str, mime_type: str | None, extras: dict[str, Any]
) -> dict[str, Any]:
    """Open the file once to inspect and hash it; return the block's keys that refer to it."""
    try:
        descriptor = open_trusted_file(path)
    except ValueError as error:
        raise MediaError(f"{kind}_block {error}") from None
    absolute = Path(path).absolute()
    try:
        reader = FileReader(descriptor)
        detected = _detect_mime_type(kind, reader, mime_type, repr(str(absolute)))
        extras |= {"size": reader.size, "sha256": _sha256(reader)}
    finally:
        os.close(descriptor)
    return {"url": absolute.as_uri(), "mime_type": detected}


def _from_bytes(kind: MediaKind, data: bytes, mime_type: str | None) -> dict[str, Any]:
    detected = _detect_mime_type(kind, MemoryReader(data), mime_type, "the given bytes")
    return {"base64": b64encode(data).decode("ascii"), "mime_type": detected}


def _from_data_url(kind: MediaKind, url: str, mime_type: str | None) -> dict[str, Any]:
    split = split_data_url(url)
    if split is None:
        raise MediaError(
            f"{kind}_block got a data URL that is not base64; write data:<MIME type>;base64,<data>"
        )
    stated, source = split
    reader = Base64Reader(source)
    detected = _detect_mime_type(kind, reader, mime_type or stated, "the given data URL")
    return {"base64": url[source.start :], "mime_type": detected}


def _detect_mime_type(kind: MediaKind, reader: Reader, stated: str | None, name: str) -> str:
    """Return the MIME type by the bytes, or refuse now what MiMo would refuse later."""
    try:
        return inspect(kind, stated, reader).mime_type
    except ValueError as error:
        # Here, a block of another type comes from another function.
        source = "…" if name.startswith("the given") else "path"
        reason = _OTHER_TYPE.sub(rf"use \1_block({source})", str(error))
        raise MediaError(f"{kind}_block cannot use {name}: {reason}") from None


def _read_all(kind: MediaKind, source: IO[bytes]) -> bytes:
    """Read a file object, but not more than could be sent."""
    data: object = ""
    if not isinstance(source, io.TextIOBase):  # it could fail to decode what is no text
        try:
            data = source.read(limits.MAX_INLINE_BYTES + 1)
        except ValueError as error:
            raise MediaError(
                f"{kind}_block cannot read the file object: {error}; give an open one"
            ) from error
    if not isinstance(data, bytes):
        raise MediaError(
            f"{kind}_block got a file object that returns text, not bytes; open the file with "
            'mode "rb"'
        )
    if not data and _position(source) > 0:
        raise MediaError(
            f"{kind}_block got a file object that is at its end; call its seek(0) before"
        )
    return data


def _position(source: IO[bytes]) -> int:
    try:
        return source.tell()
    except (AttributeError, OSError, ValueError):  # not every file object has a position
        return 0


def _sha256(reader: FileReader) -> str:
    import hashlib  # noqa: PLC0415 - only files need it

    digest = hashlib.sha256()
    for offset in range(0, reader.size, _HASH_CHUNK):
        digest.update(reader.read(offset, _HASH_CHUNK))
    return digest.hexdigest()


def _is_pil_image(source: object) -> bool:
    """Whether this is a PIL image, without importing Pillow."""
    return any(base.__module__ == "PIL.Image" for base in type(source).__mro__)


def _save_pil_image(image: Any, mime_type: str | None) -> tuple[bytes, str]:
    """Encode a PIL image, rotated as its EXIF tag says, since the tag itself is not saved."""
    from PIL import ImageOps  # noqa: PLC0415 - optional, and slow to import

    wanted = formats.normalise_mime_type(mime_type) or "image/png"
    if wanted not in _ENCODINGS:
        raise MediaError(
            f"image_block saves a PIL image as {', '.join(_ENCODINGS)}, not as {wanted[:80]!r}"
        )
    try:
        with pillow_errors("image_block cannot save the PIL image", "check it with image.load()"):
            return _encoded(ImageOps.exif_transpose(image), wanted), wanted
    except UndecodableImageError as error:
        raise MediaError(str(error)) from error.__cause__


def _encoded(image: Any, mime_type: str) -> bytes:
    name, modes, options = _ENCODINGS[mime_type]
    if image.mode == "I" and _is_sixteen_bit(image):
        image = image.convert("I;16")
    if image.mode.startswith("I;16"):  # many readers clip 16 bits to white
        image, mask = reduce_deep_grey(image, [])
        if mask is not None:
            image.putalpha(mask)
    if image.mode not in modes:
        if image.mode not in _EIGHT_BIT_MODES:
            raise MediaError(
                f"image_block cannot save a PIL image of mode {image.mode} as {mime_type}; scale "
                'it to 8 bits and convert it to "L" or "RGB"'
            )
        image = to_srgb(image, [])
        image = image if image.mode in modes else on_white(image)
    buffer = io.BytesIO()
    image.save(buffer, format=name, icc_profile=fitting_profile(image), **options)
    return buffer.getvalue()


def _is_sixteen_bit(image: Any) -> bool:
    low, high = image.getextrema()
    return bool(low >= 0 and high <= 0xFFFF)
