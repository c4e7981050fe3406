"""References to media that are not opened: a URL, base64 text, or a local file.

`_wire` turns LangChain's content blocks into these references and puts them, unopened, into the
JSON tree of a request. `_media.opening` opens those that may be opened, and
`_transport.request_body` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import unquote

from langchain_mimo.errors import MediaError

MediaKind: TypeAlias = Literal["image", "video", "audio"]

MAX_DATA_URL_HEADER = 256
"""Characters within which a data URL must have its comma; MIME types with parameters fit easily."""


@dataclass(frozen=True, slots=True)
class RemoteURL:
    """An http or https URL: it is sent unchanged and never fetched here."""

    url: str


@dataclass(frozen=True, slots=True)
class InlineBase64:
    """Base64 text that is already in the message.

    Attributes:
        text: The string that holds it: a complete data URL, or bare base64.
        start: Index in `text` at which the base64 begins, so that a data URL need not be copied.
    """

    text: str
    start: int = 0


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The part of a video or audio that is sent.

    Attributes:
        start_s: Where it starts, in seconds from the first moment shown.
        end_s: Where it ends, likewise; None for the end.
        shown: What the copy shows, as the block states it: its start and its end, likewise; or
            None if the block does not state it.
        seconds: How long the copy lasts, as the block states it, or None. Its last audio packet may
            go on behind the last frame, or audio end before the end of the file.
        has_audio: Whether the copy of a video has audio, as the block states it, or None.
    """

    start_s: float
    end_s: float | None = None
    shown: tuple[float, float] | None = None
    seconds: float | None = None
    has_audio: bool | None = None


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine, named by a `file://` URL in a block.

    Attributes:
        path: The path as written in the URL, decoded but not resolved.
        size: Size in bytes when the block was created, or None if the block does not state it.
        sha256: Hex digest when the block was created, or None if the block does not state it.
        time_range: The part of it that is sent; None for all of it. Size and digest are always
            those of the whole file.
    """

    path: str
    size: int | None = None
    sha256: str | None = None
    time_range: TimeRange | None = None


MediaSource: TypeAlias = RemoteURL | InlineBase64 | LocalFile


@dataclass(frozen=True, slots=True)
class MediaReference:
    """An image, video or audio of a conversation, and its position there.

    Attributes:
        kind: "image", "video" or "audio", as the block says.
        source: Where its bytes are.
        mime_type: The MIME type that the block states, or None; the bytes decide in the end.
        message_index: Index of the message in the list that the caller passed.
        block_index: Index of the block in that message's content.
        item: Which media item of that block, from 0; a `tool_result` block may hold several.
    """

    kind: MediaKind
    source: MediaSource
    mime_type: str | None
    message_index: int
    block_index: int
    item: int = 0


@dataclass(frozen=True, slots=True)
class DeferredMedia:
    """A leaf of a request's JSON tree: a string of base64 that is written while it is sent.

    Attributes:
        reference: The media.
        data_url: True for `data:{mime};base64,{...}`, False for bare base64.
    """

    reference: MediaReference
    data_url: bool = True


@dataclass(frozen=True, slots=True)
class DeferredMimeType:
    """A leaf of a request's JSON tree: the MIME type of media, known once it is opened.

    API formats that state the MIME type beside bare base64 need it, since the bytes decide it.

    Attributes:
        reference: The media; the same object as in a `DeferredMedia` of the same tree.
    """

    reference: MediaReference


def split_data_url(url: str) -> tuple[str | None, InlineBase64] | None:
    """Find the MIME type and the base64 of a data URL without copying its payload.

    Args:
        url: Any string.

    Returns:
        The MIME type in lower case without parameters (None when the URL states none) and the
        position of the base64; or None when `url` is not a base64 data URL.
    """
    if url[:5].lower() != "data:":
        return None
    comma = url.find(",", 5, MAX_DATA_URL_HEADER)
    if comma < 0:
        return None
    mime_type, *parameters = url[5:comma].split(";")
    if not parameters or parameters[-1].strip().lower() != "base64":
        return None
    return mime_type.strip().lower() or None, InlineBase64(url, comma + 1)


def parse_file_url(
    url: str,
    size: int | None = None,
    sha256: str | None = None,
    *,
    message_index: int | None = None,
    block_index: int | None = None,
) -> LocalFile:
    """Parse a `file://` URL without touching the disk.

    Args:
        url: The URL: `file:///folder/cat.png`, or with the host `localhost`.
        size: Size in bytes that the block states, or None.
        sha256: Hex digest that the block states, or None.
        message_index: For the error: index of the message.
        block_index: For the error: index of the block.

    Returns:
        The file with its path decoded. Whether it may be opened is decided later, by the policy.

    Raises:
        MediaError: The URL is not a file URL, names another host, or has an unescaped `?` or `#`;
            or the digest is not a SHA-256.
    """
    reason = None
    scheme, _, rest = url.partition(":")
    host, slash, path = rest[2:].partition("/") if rest.startswith("//") else ("", "", rest)
    path = slash + path
    if scheme.lower() != "file":
        reason = "its URL is not a file:// URL"
    elif host.lower() not in ("", "localhost"):
        reason = (
            f"its file:// URL names a file on the host {host[:80]!r}, and only files on this "
            "machine are opened; write file:///folder/file"
        )
    elif "?" in path or "#" in path:
        reason = "its file:// URL has an unescaped ? or #; write %3F or %23 instead"
    elif sha256 is not None and not _is_sha256(sha256):
        reason = "its sha256 is not 64 hexadecimal digits; create the block again"
    if reason is not None:
        raise MediaError(reason, message_index, block_index)
    decoded = unquote(path, errors="surrogateescape")
    return LocalFile(decoded, size, sha256.lower() if sha256 is not None else None)


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and not text.lower().strip("0123456789abcdef")
