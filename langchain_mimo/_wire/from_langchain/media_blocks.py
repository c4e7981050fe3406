"""Where a media block says its bytes are, and how it wants them looked at."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from langchain_mimo import catalogue
from langchain_mimo._checks import choice, number
from langchain_mimo._media.references import (
    InlineBase64,
    MediaKind,
    MediaReference,
    MediaSource,
    RemoteURL,
    parse_file_url,
    split_data_url,
)
from langchain_mimo._wire.turns import MediaPart, Part
from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS
from langchain_mimo.errors import (
    MediaError,
    MiMoInputError,
    UnsupportedModalityError,
    as_input_error,
)

Block: TypeAlias = Mapping[str, Any]

At: TypeAlias = tuple[int, int]
"""Index of a message, and index of a block in it."""

_URL_KEYS = ("url", "file_url", "file_uri")
_BASE64_KEYS = ("base64", "data", "file_data", "bytes")
_CUT_KEYS = (
    "start", "end", "start_time", "end_time", "start_offset", "end_offset", "start_s", "end_s",
    "start_seconds", "end_seconds",
)  # fmt: skip
_ANY_KIND = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_SHARED_CONTAINERS = frozenset({"application/ogg", "application/mp4", "application/x-ogg"})
_ARTICLES = {"image": "an image", "video": "a video", "audio": "an audio"}


@dataclass(slots=True)
class MediaDefaults:
    """What the call, else the model, says about videos whose block says nothing.

    Attributes:
        fps: Frames per second, 0.1 to 10, or None to leave it to the server (which takes 2).
        media_resolution: "default", "max", or None to leave it to the server.
    """

    fps: float | None = None
    media_resolution: str | None = None

    def __post_init__(self) -> None:
        """Check both; raises MiMoInputError."""
        if self.fps is not None:
            with as_input_error():
                self.fps = number("fps", self.fps, *FPS_RANGE)
        if self.media_resolution is not None:
            with as_input_error():
                choice("media_resolution", self.media_resolution, MEDIA_RESOLUTIONS)


@dataclass(slots=True)
class Holder:
    """The dict in a block that says where the bytes are.

    Attributes:
        block: That dict.
        mime_type: A MIME type said elsewhere, or None.
    """

    block: Block
    mime_type: str | None = None

    def stated_mime_type(self) -> str | None:
        """Return the MIME type that the block or its data URL states, without parameters."""
        stated = self.block.get("mime_type") or self.mime_type
        if not stated:
            for _, value in self.locations():
                if isinstance(value, str) and (split := split_data_url(value)):
                    stated = split[0]
        return stated.partition(";")[0].strip().lower() or None if isinstance(stated, str) else None

    def locations(self) -> Iterator[tuple[str, object]]:
        """Yield the keys that say where the bytes are, with their values."""
        for key in (*_URL_KEYS, *_BASE64_KEYS):
            if (value := self.block.get(key)) is not None:
                yield key, value


def media_part(
    kind: str, holder: Holder, block: Block, at: At, defaults: MediaDefaults
) -> MediaPart:
    """Make a media part.

    Args:
        kind: "image", "video" or "audio".
        holder: Where its bytes are.
        block: The whole block, for `fps` and `media_resolution`, `size` and `sha256`.
        at: Index of the message and index of the block.
        defaults: For videos that state none.

    Returns:
        The part; its medium is not opened.

    Raises:
        MediaError: The place of the bytes is missing, ambiguous or not sendable, or their MIME
            type is of another kind.
        MiMoInputError: `fps` or `media_resolution` is out of range, or stands on a picture or a
            sound; or the block wants a piece of a medium only.
    """
    source, inline_mime = _source(kind, holder, block, at)
    inline_mime = _checked_mime_type(kind, inline_mime, at)
    mime_type = _checked_mime_type(kind, holder.stated_mime_type(), at) or inline_mime
    fps, resolution = _sampling(kind, holder.block, block, at)
    if kind == "video":
        fps = defaults.fps if fps is None else fps
        resolution = defaults.media_resolution if resolution is None else resolution
    reference = MediaReference(cast("MediaKind", kind), source, mime_type, *at)
    return MediaPart(reference, fps, resolution)


def _source(kind: str, holder: Holder, block: Block, at: At) -> tuple[MediaSource, str | None]:
    found = list(holder.locations())
    stores_id = holder.block.get("file_id") or (
        holder.block.get("source_type") == "id" and holder.block.get("id")
    )
    if not found and stores_id:
        raise MediaError(
            f"{_ARTICLES[kind]} block with a file_id cannot be sent, MiMo stores no files; give "
            "url or base64.",
            *at,
        )
    if not found:
        raise MediaError(f"{_ARTICLES[kind]} block needs url or base64, and has neither.", *at)
    if len(found) > 1:
        raise MediaError(
            f"{_ARTICLES[kind]} block has {' and '.join(key for key, _ in found)}; give one.", *at
        )
    key, value = found[0]
    if isinstance(value, bytes | bytearray | memoryview):
        return InlineBase64(b64encode(value).decode("ascii")), None
    if not isinstance(value, str):
        raise MediaError(
            f"{key!r} of {_ARTICLES[kind]} block must be a string, not {type(value).__name__}.", *at
        )
    return _source_of_text(kind, key, value, block, at)


def _source_of_text(
    kind: str, key: str, value: str, block: Block, at: At
) -> tuple[MediaSource, str | None]:
    """Read a location. URLs are taken under base64 keys too: core moves them there at times."""
    scheme = value[:8].lower()
    if scheme.startswith(("https://", "http://")):
        return RemoteURL(value), None
    if scheme.startswith("data:"):
        split = split_data_url(value)
        if split is None:
            raise MediaError(
                "a data URL must look like data:<MIME type>;base64,<base64>; this one does not.",
                *at,
            )
        return _nonempty(kind, split[1], at), split[0]
    if scheme.startswith("file:"):
        size, sha256 = _fingerprint(block)
        file = parse_file_url(value, size, sha256, message_index=at[0], block_index=at[1])
        if not file.path.startswith("/") or file.path[1:2] in ("/", "\\"):
            raise MediaError(
                "a file:// URL must name an absolute path on this machine, not a relative one or "
                "a network share.",
                *at,
            )
        return file, None
    if key in _BASE64_KEYS:
        return _nonempty(kind, InlineBase64(value), at), None
    shown = value[:40] + ("…" if len(value) > 40 else "")
    raise MediaError(
        f"{shown!r} is not a location MiMo can read: give an http(s) URL, base64, or for a file "
        f"of this machine the block that {kind}_block(path) makes.",
        *at,
    )


def _nonempty(kind: str, inline: InlineBase64, at: At) -> InlineBase64:
    if len(inline.text) <= inline.start:
        raise MediaError(f"the base64 of {_ARTICLES[kind]} block is empty.", *at)
    return inline


def _fingerprint(block: Block) -> tuple[int | None, str | None]:
    """Return the size and SHA-256 that a file had when its block was made."""
    extras = block.get("extras")
    extras = extras if isinstance(extras, Mapping) else {}
    size, sha256 = extras.get("size"), extras.get("sha256")
    return (
        size if isinstance(size, int) and not isinstance(size, bool) else None,
        sha256 if isinstance(sha256, str) else None,
    )


def _checked_mime_type(kind: str, mime_type: str | None, at: At) -> str | None:
    """Return the MIME type, None for one that says nothing; raise for another kind's."""
    if mime_type is None or mime_type in _ANY_KIND:
        return None
    if mime_type.startswith(kind + "/") or (kind != "image" and mime_type in _SHARED_CONTAINERS):
        return mime_type
    other = mime_type.partition("/")[0]
    remedy = (
        f"use {_ARTICLES[other]} block" if other in _ARTICLES else f"MiMo takes no {mime_type[:60]}"
    )
    raise MediaError(f"{mime_type[:60]} in {_ARTICLES[kind]} block; {remedy}.", *at)


def _layers(holder: Block, block: Block) -> Iterator[Block]:
    """Yield the dicts that may hold options, in order of precedence."""
    yield block
    if holder is not block:
        yield holder
    for outer in (block, holder) if holder is not block else (block,):
        for key in ("extras", "metadata", "video_metadata"):
            layer = outer.get(key)
            if isinstance(layer, Mapping):
                yield layer
                # Core moves a v0 block's metadata into extras.
                if isinstance(inner := layer.get("metadata"), Mapping):
                    yield inner


def _sampling(kind: str, holder: Block, block: Block, at: At) -> tuple[float | None, str | None]:
    """Return the block's own `fps` and `media_resolution`, checked."""
    layers = list(_layers(holder, block))
    fps, resolution = _first(layers, "fps"), _first(layers, "media_resolution")
    if kind == "video":
        _refuse_cuts(kind, layers, at)
        with as_input_error(*at):
            if resolution is not None:
                choice("media_resolution", resolution, MEDIA_RESOLUTIONS)
            return None if fps is None else number("fps", fps, *FPS_RANGE), resolution
    if kind == "audio":
        _refuse_cuts(kind, layers, at)
    for name, value in (("fps", fps), ("media_resolution", resolution)):
        if value is not None:
            raise MiMoInputError(
                f"{name!r} is for videos; take it off {_ARTICLES[kind]} block.", *at
            )
    return None, None


def _first(layers: Sequence[Block], key: str) -> Any:
    return next((value for layer in layers if (value := layer.get(key)) is not None), None)


def _refuse_cuts(kind: str, layers: Sequence[Block], at: At) -> None:
    for key in _CUT_KEYS:
        if _first(layers, key) is not None:
            raise MiMoInputError(
                f"MiMo cannot be told to take a piece of {_ARTICLES[kind]} block ({key!r}); "
                f"cut it with prepare_{kind}(start=…, end=…).",
                *at,
            )


def check_modalities(parts: Sequence[Part], model: str, inputs: frozenset[str]) -> None:
    """Refuse media that a model does not take.

    Args:
        parts: Any parts.
        model: The model's id, for the error.
        inputs: The modalities it takes.

    Raises:
        UnsupportedModalityError: A medium is not among them; the models that take it are named.
    """
    for part in parts:
        if isinstance(part, MediaPart) and part.reference.kind not in inputs:
            kind = part.reference.kind
            takers = [
                name for name in catalogue.current_ids() if kind in catalogue.MODELS[name].inputs
            ]
            raise UnsupportedModalityError(
                f"{model} takes no {kind} input; {', '.join(takers)} take it.",
                part.reference.message_index,
                part.reference.block_index,
            )
