"""Reads media blocks: where the bytes are, their MIME type, and how to sample a video."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from langchain_mimo import catalogue
from langchain_mimo._checks import choice, number, spelled_number
from langchain_mimo._checks import shown as shown_value
from langchain_mimo._media.file_kinds import accepted_as
from langchain_mimo._media.references import (
    InlineBase64,
    LocalFile,
    MediaKind,
    MediaReference,
    MediaSource,
    RemoteURL,
    TimeRange,
    parse_file_url,
    split_data_url,
)
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo._wire.turns import MediaPart, Part
from langchain_mimo.catalogue import FPS_RANGE, MEDIA_RESOLUTIONS
from langchain_mimo.errors import (
    MediaError,
    MiMoInputError,
    UnsupportedModalityError,
    as_input_error,
)

Block: TypeAlias = Mapping[str, Any]

BlockPosition: TypeAlias = tuple[int, int]
"""Index of a message, and index of a block in it."""

_URL_KEYS = ("url", "file_url", "file_uri")
_BASE64_KEYS = ("base64", "data", "file_data", "bytes")
_RANGE_KEYS = (
    "start_s", "end_s", "start", "end", "start_time", "end_time", "start_offset", "end_offset",
    "start_seconds", "end_seconds",
)  # fmt: skip
_SHOWN_KEYS = ("shown_start_s", "shown_end_s")
_COPY_KEYS = ("copy_seconds", "copy_has_audio")
_GENERIC_MIME_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_SHARED_CONTAINERS = frozenset({"application/ogg", "application/mp4", "application/x-ogg"})
_WITH_ARTICLE = {"image": "an image", "video": "a video", "audio": "an audio"}


@dataclass(slots=True)
class SourceDict:
    """The dict in a block that locates the bytes; in many shapes, the block itself.

    Attributes:
        fields: That dict.
        mime_type: A MIME type stated elsewhere in the block, or None.
    """

    fields: Block
    mime_type: str | None = None

    def stated_mime_type(self) -> str | None:
        """Return the MIME type that the block or its data URL states, without parameters."""
        stated = self.fields.get("mime_type") or self.fields.get("mimeType") or self.mime_type
        if not stated:
            for _, value in self.locations():
                if isinstance(value, str) and (split := split_data_url(value)):
                    stated = split[0]
        return stated.partition(";")[0].strip().lower() or None if isinstance(stated, str) else None

    def locations(self) -> Iterator[tuple[str, object]]:
        """Yield the keys that locate the bytes, with their values."""
        for key in (*_URL_KEYS, *_BASE64_KEYS):
            if (value := self.fields.get(key)) is not None:
                yield key, value


def media_part(
    kind: str, source_dict: SourceDict, block: Block, at: BlockPosition, defaults: MediaDefaults
) -> MediaPart:
    """Build a media part.

    Args:
        kind: "image", "video" or "audio".
        source_dict: Where the bytes are.
        block: The whole block, for `fps` and `media_resolution`, `size` and `sha256`.
        at: Index of the message and index of the block.
        defaults: For videos that set no `fps` or `media_resolution`.

    Returns:
        The part; nothing is opened.

    Raises:
        MediaError: The location of the bytes is missing, ambiguous or cannot be sent, or their
            MIME type is of another kind.
        MiMoInputError: `fps` or `media_resolution` is out of range, or is set on an image or
            audio; or the block selects a time range.
    """
    source, inline_mime = _source(kind, source_dict, block, at)
    stated = (source_dict.stated_mime_type(), inline_mime)
    mime_type = _mime_type(cast("MediaKind", kind), source, stated, at)
    if kind != "image":
        _refuse_range(kind, source, list(_option_dicts(source_dict.fields, block)), at)
    fps, resolution = _sampling(kind, source_dict.fields, block, at)
    if kind == "video":
        fps = defaults.fps if fps is None else fps
        resolution = defaults.media_resolution if resolution is None else resolution
    reference = MediaReference(cast("MediaKind", kind), source, mime_type, *at)
    return MediaPart(reference, fps, resolution)


def _source(
    kind: str, source_dict: SourceDict, block: Block, at: BlockPosition
) -> tuple[MediaSource, str | None]:
    found = list(source_dict.locations())
    fields = source_dict.fields
    file_id = fields.get("file_id") or (fields.get("source_type") == "id" and fields.get("id"))
    if not found and file_id:
        raise MediaError(
            f"{_WITH_ARTICLE[kind]} block with a file_id cannot be sent, since MiMo stores no "
            "files; give url or base64",
            *at,
        )
    if not found:
        raise MediaError(
            f"{_WITH_ARTICLE[kind]} block needs url or base64, and has neither; for a file on this "
            f"machine use the block that {kind}_block(path) returns",
            *at,
        )
    if len(found) > 1:
        raise MediaError(
            f"{_WITH_ARTICLE[kind]} block has {' and '.join(key for key, _ in found)}; give one",
            *at,
        )
    key, value = found[0]
    if isinstance(value, bytes | bytearray | memoryview):
        return InlineBase64(b64encode(value).decode("ascii")), None
    if not isinstance(value, str):
        raise MediaError(
            f"{key!r} of {_WITH_ARTICLE[kind]} block must be a string, got {type(value).__name__}",
            *at,
        )
    return _parse_location(kind, key, value, block, at)


def _parse_location(
    kind: str, key: str, value: str, block: Block, at: BlockPosition
) -> tuple[MediaSource, str | None]:
    """Parse a location; URLs may stand under base64 keys, since core sometimes moves them there."""
    scheme = value[:8].lower()
    if scheme.startswith(("https://", "http://")):
        return RemoteURL(value), None
    if scheme.startswith("data:"):
        split = split_data_url(value)
        if split is None:
            raise MediaError(
                "a data URL must have the form data:<MIME type>;base64,<base64>",
                *at,
            )
        return _require_nonempty(kind, split[1], at), split[0]
    if scheme.startswith("file:"):
        size, sha256 = _fingerprint(block)
        file = parse_file_url(value, size, sha256, message_index=at[0], block_index=at[1])
        if not file.path.startswith("/") or file.path[1:2] in ("/", "\\"):
            raise MediaError(
                f"{_shown(value)} must name an absolute path on this machine, not a relative path "
                f"or a network share; use the block that {kind}_block(path) returns",
                *at,
            )
        return replace(file, time_range=_time_range(kind, block, at)), None
    if key in _BASE64_KEYS:
        return _require_nonempty(kind, InlineBase64(value), at), None
    if not value.strip():
        raise MediaError(
            f"{key!r} of {_WITH_ARTICLE[kind]} block is empty; give an http(s) URL, or for a file "
            f"on this machine the block that {kind}_block(path) returns",
            *at,
        )
    raise MediaError(
        f"{_shown(value)} is not a location that MiMo can read; give an http(s) URL or base64, or "
        f"for a file on this machine the block that {kind}_block(path) returns",
        *at,
    )


def _shown(location: str) -> str:
    return repr(location[:40] + ("…" if len(location) > 40 else ""))


def _require_nonempty(kind: str, inline: InlineBase64, at: BlockPosition) -> InlineBase64:
    if len(inline.text) <= inline.start:
        raise MediaError(
            f"the base64 of {_WITH_ARTICLE[kind]} block is empty; check how its bytes were read",
            *at,
        )
    return inline


def _fingerprint(block: Block) -> tuple[int | None, str | None]:
    """Return the size and SHA-256 that a file had when its block was created."""
    extras = block.get("extras")
    extras = extras if isinstance(extras, Mapping) else {}
    size, sha256 = extras.get("size"), extras.get("sha256")
    return (
        size if isinstance(size, int) and not isinstance(size, bool) else None,
        sha256 if isinstance(sha256, str) else None,
    )


def _time_range(kind: str, block: Block, at: BlockPosition) -> TimeRange | None:
    """Return the time range that `video_block` or `audio_block` wrote into the block's extras.

    Raises:
        MediaError: It is no range, or the block is of an image.
    """
    extras = block.get("extras")
    extras = extras if isinstance(extras, Mapping) else {}
    values = {key: extras.get(key) for key in (*_RANGE_KEYS[:2], *_SHOWN_KEYS, *_COPY_KEYS)}
    if all(value is None for value in values.values()):
        return None
    if kind == "image":
        raise MediaError("an image has no time range; remove start_s and end_s", *at)
    try:
        return _checked_range(values)
    except ValueError as error:
        raise MediaError(
            f"the time range of {_WITH_ARTICLE[kind]} block is invalid: {error}; create the block "
            f"with {kind}_block(path, start_s=…, end_s=…)",
            *at,
        ) from None


def _checked_range(values: Mapping[str, Any]) -> TimeRange:
    """Check the values of a time range; what its copy is may be missing."""
    has_audio = values.get("copy_has_audio")
    if has_audio is not None and not isinstance(has_audio, bool):
        raise ValueError(f"copy_has_audio must be true or false, got {shown_value(has_audio)}")
    checked = {
        key: number(key, value, 0)
        for key, value in values.items()
        if value is not None and key != "copy_has_audio"
    }
    start, end = checked.get("start_s", 0.0), checked.get("end_s")
    _check_order("start_s", start, "end_s", end)
    shown = [checked[key] for key in _SHOWN_KEYS if key in checked]
    if not shown and not any(values.get(key) is not None for key in _COPY_KEYS):
        return TimeRange(start, end)
    if len(shown) < 2 or not {"start_s", "end_s"} & checked.keys():
        raise ValueError("shown_start_s and shown_end_s belong to start_s and end_s")
    _check_order("shown_start_s", shown[0], "shown_end_s", shown[1])
    seconds = checked.get("copy_seconds")
    return TimeRange(start, end, (shown[0], shown[1]), seconds, has_audio)


def _check_order(start_name: str, start: float, end_name: str, end: float | None) -> None:
    if end is not None and end <= start:
        raise ValueError(f"{end_name} must be greater than {start_name}, got {start:g} to {end:g}")


def _mime_type(
    kind: MediaKind, source: MediaSource, stated: Sequence[str | None], at: BlockPosition
) -> str | None:
    """Return the first MIME type that tells anything, or None; raise if one is another kind's.

    Those that contradict the first bytes are ignored: they lie.
    """
    try:
        return next(filter(None, [_checked_mime_type(kind, each, at) for each in stated]), None)
    except MediaError:
        if isinstance(source, InlineBase64) and accepted_as(source, kind):
            return None
        raise


def _checked_mime_type(kind: str, mime_type: str | None, at: BlockPosition) -> str | None:
    """Return the MIME type, or None if it is generic; raise if it is another kind's."""
    if mime_type is None or mime_type in _GENERIC_MIME_TYPES:
        return None
    if mime_type.startswith(kind + "/") or (kind != "image" and mime_type in _SHARED_CONTAINERS):
        return mime_type
    other = mime_type.partition("/")[0]
    remedy = (
        f"use {_WITH_ARTICLE[other]} block"
        if other in _WITH_ARTICLE
        else "MiMo does not accept it; send its text as a text block, or its pages as images"
    )
    raise MediaError(f"{mime_type[:60]} in {_WITH_ARTICLE[kind]} block; {remedy}", *at)


def _option_dicts(fields: Block, block: Block) -> Iterator[Block]:
    """Yield the dicts that may hold options, in order of precedence."""
    outer = (block,) if fields is block else (block, fields)
    yield from outer
    for each in outer:
        for key in ("extras", "metadata", "video_metadata"):
            inner = each.get(key)
            if isinstance(inner, Mapping):
                yield inner
                # Core moves a v0 block's metadata into extras.
                if isinstance(metadata := inner.get("metadata"), Mapping):
                    yield metadata


def _sampling(
    kind: str, fields: Block, block: Block, at: BlockPosition
) -> tuple[float | None, str | None]:
    """Return the block's own `fps` and `media_resolution`, validated."""
    dicts = list(_option_dicts(fields, block))
    fps, resolution = _first_set(dicts, "fps"), _first_set(dicts, "media_resolution")
    if kind == "video":
        with as_input_error(*at):
            if resolution is not None:
                choice("media_resolution", resolution, MEDIA_RESOLUTIONS)
            if fps is not None:
                fps = number("fps", spelled_number(fps), *FPS_RANGE)
            return fps, resolution
    for name, value in (("fps", fps), ("media_resolution", resolution)):
        if value is not None:
            raise MiMoInputError(
                f"{name!r} is for videos; remove it from {_WITH_ARTICLE[kind]} block", *at
            )
    return None, None


def _first_set(dicts: Sequence[Block], key: str) -> Any:
    return next((value for each in dicts if (value := each.get(key)) is not None), None)


def _refuse_range(
    kind: str, source: MediaSource, dicts: Sequence[Block], at: BlockPosition
) -> None:
    """Refuse a time range that would not be sent, since `_time_range` did not read it."""
    is_read = isinstance(source, LocalFile) and source.time_range is not None
    for key in _RANGE_KEYS[2:] if is_read else _RANGE_KEYS:
        if _first_set(dicts, key) is None:
            continue
        remedy = (
            f"use the block that {kind}_block(path, start_s=…, end_s=…) returns"
            if isinstance(source, LocalFile)
            else f"ranges are cut out of local files; cut it with prepare_{kind}(start_s=…, "
            f"end_s=…), or pass the path of the file to {kind}_block(path, start_s=…, end_s=…)"
        )
        raise MiMoInputError(
            f"MiMo cannot select a time range of {_WITH_ARTICLE[kind]} block ({key!r}); {remedy}",
            *at,
        )


def unsupported(part: Part, model: str, inputs: frozenset[str]) -> UnsupportedModalityError | None:
    """Return why a model does not accept a part, or None; arguments as in `check_modalities`."""
    if not isinstance(part, MediaPart) or part.reference.kind in inputs:
        return None
    kind = part.reference.kind
    models = [name for name in catalogue.current_ids() if kind in catalogue.MODELS[name].inputs]
    return UnsupportedModalityError(
        f"{model} does not accept {kind} input; use one of {', '.join(models)}",
        part.reference.message_index,
        part.reference.block_index,
    )
