"""What a medium is, without opening it: a URL, base64 text, or a file on this disk.

`wire` turns LangChain's content blocks into these references and puts them, unopened, into the
JSON tree of a request; `media.sources` opens what may be opened; `transport.body` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import unquote

from langchain_mimo.errors import MediaError

MediaKind: TypeAlias = Literal["image", "video", "audio"]

DATA_URL_HEADER_LIMIT = 256
"""Characters in which a data URL's comma must be found; MIME types with parameters fit easily."""


@dataclass(frozen=True, slots=True)
class RemoteURL:
    """An http or https URL: it goes to the server as it is and is never fetched here."""

    url: str


@dataclass(frozen=True, slots=True)
class InlineBase64:
    """Base64 text that is already in the message.

    Attributes:
        text: The string that holds it; a whole data URL, or bare base64.
        start: Where in `text` the base64 begins, so that a data URL need not be copied.
    """

    text: str
    start: int = 0


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine, named by a `file://` URL in a block.

    Attributes:
        path: The path as written in the URL, decoded, not resolved.
        size: Bytes the file had when the block was made, or None if the block does not say.
        sha256: Hex digest the file had when the block was made, or None if the block does not say.
    """

    path: str
    size: int | None = None
    sha256: str | None = None


MediaSource: TypeAlias = RemoteURL | InlineBase64 | LocalFile


@dataclass(frozen=True, slots=True)
class MediaReference:
    """One medium of a conversation, and where it stands in it.

    Attributes:
        kind: "image", "video" or "audio", as the block says.
        source: Where its bytes are.
        mime_type: What the block says its MIME type is, or None; the bytes decide in the end.
        message_index: Index of the message in the list the caller gave.
        block_index: Index of the block in that message's content.
    """

    kind: MediaKind
    source: MediaSource
    mime_type: str | None
    message_index: int
    block_index: int


@dataclass(frozen=True, slots=True)
class DeferredMedia:
    """A leaf of a request's JSON tree: a string that will be written while it is sent.

    Attributes:
        reference: The medium.
        data_url: True for `data:{mime};base64,{...}`, False for the bare base64.
    """

    reference: MediaReference
    data_url: bool = True


@dataclass(frozen=True, slots=True)
class DeferredMimeType:
    """A leaf of a request's JSON tree: the MIME type of a medium, known once that is opened.

    Formats that state a medium's type beside bare base64 need it; the bytes decide what it is.

    Attributes:
        reference: The medium; the very object of an `DeferredMedia` in the same tree.
    """

    reference: MediaReference


def split_data_url(url: str) -> tuple[str | None, InlineBase64] | None:
    """Find the MIME type and the base64 of a data URL without copying its payload.

    Args:
        url: Any string.

    Returns:
        The MIME type in lower case without parameters (None when the URL states none) and the
        place of the base64; or None when `url` is not a base64 data URL.
    """
    if url[:5].lower() != "data:":
        return None
    comma = url.find(",", 5, DATA_URL_HEADER_LIMIT)
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
    """Read a `file://` URL without asking the disk anything.

    Args:
        url: The URL: `file:///folder/cat.png`, or with the host `localhost`.
        size: Bytes the block says the file had, or None.
        sha256: Hex digest the block says the file had, or None.
        message_index: For the error: index of the message.
        block_index: For the error: index of the block.

    Returns:
        The file, its path decoded; whether it may be opened is decided later, by the policy.

    Raises:
        MediaError: The URL is not a file URL, names another host, or has a bare `?` or `#`; or the
            digest is no SHA-256.
    """
    reason = None
    scheme, _, rest = url.partition(":")
    host, slash, path = rest[2:].partition("/") if rest.startswith("//") else ("", "", rest)
    path = slash + path
    if scheme.lower() != "file":
        reason = "it is not a file:// URL."
    elif host.lower() not in ("", "localhost"):
        reason = f"it names a file on the host {host[:80]!r}; only local files are opened."
    elif "?" in path or "#" in path:
        reason = "its file:// URL has a bare ? or #; write %3F or %23 if the path has one."
    elif sha256 is not None and not _is_sha256(sha256):
        reason = "its sha256 is not 64 hexadecimal digits; make the block anew."
    if reason is not None:
        raise MediaError(reason, message_index, block_index)
    decoded = unquote(path, errors="surrogateescape")
    return LocalFile(decoded, size, sha256.lower() if sha256 is not None else None)


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and not text.lower().strip("0123456789abcdef")
