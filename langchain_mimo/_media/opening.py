"""Opens the media that a request refers to and encodes them as base64 while it is sent.

A reference is opened once, checked by its bytes, and then encoded in slices for each attempt to
send the request. Neither the file nor its base64 is ever completely in memory. URLs are never
fetched.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from langchain_mimo._checks import shown, warn
from langchain_mimo._media import limits, ranged_files
from langchain_mimo._media.cutting.times import Tick
from langchain_mimo._media.encoding import Encoder, FileEncoder, TextEncoder
from langchain_mimo._media.inspection import Inspection, inspect, inspect_headers
from langchain_mimo._media.local_files import open_allowed_file
from langchain_mimo._media.readers import Base64Reader, FileReader, Reader
from langchain_mimo._media.references import (
    DeferredMedia,
    InlineBase64,
    LocalFile,
    MediaKind,
    MediaReference,
    RemoteURL,
)
from langchain_mimo.errors import MediaError, MiMoConfigurationError

SLICE_CHARACTERS = 256 * 1024
"""Characters of base64 in a slice; a multiple of four, so that slices can be concatenated."""


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """What a program allows to be opened for its messages.

    Attributes:
        allowed_dirs: Folders in which files named by messages may be opened, as
            `local_files.resolve_folders` returns them. Default: none, so that no file is ever
            opened.
        limits: Most characters of base64 per image, video or audio, by kind, for servers whose
            limit is not MiMo's.

    Raises:
        MiMoConfigurationError: A folder is not an absolute path: it was not resolved, and would be
            another one after a change of the current directory.
    """

    allowed_dirs: Sequence[str | os.PathLike[str]] = ()
    limits: Mapping[MediaKind, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse folders that depend on the current directory."""
        for folder in self.allowed_dirs:
            if not Path(folder).is_absolute():
                raise MiMoConfigurationError(
                    f"allowed_media_dirs contains the relative path {shown(os.fspath(folder))}; "
                    "pass it to ChatMiMo(...), which resolves it; model_copy and assignments do not"
                )


@dataclass(slots=True)
class OpenMedia:
    """Media that are opened and checked, ready to be encoded for each attempt to send them.

    Attributes:
        reference: The reference that was opened.
        mime_type: The MIME type by the bytes, in MiMo's spelling.
        prefix: What precedes the base64: `b"data:video/mp4;base64,"`, or nothing.
        encoded_length: Characters of base64, without the prefix.
        blocking: Whether `slices` reads from a disk and must not run in an event loop.
    """

    reference: MediaReference
    mime_type: str
    prefix: bytes
    encoded_length: int
    blocking: bool
    _encoder: Encoder = field(repr=False)
    _descriptor: int | None = field(default=None, repr=False)

    def slices(self, characters: int = SLICE_CHARACTERS) -> Iterator[bytes]:
        """Yield the base64 from the beginning, each time this is called.

        Args:
            characters: Maximum length of a slice, rounded down to a multiple of four.

        Yields:
            ASCII; concatenated, the base64 of exactly the bytes that the block named.

        Raises:
            MediaError: The file has changed since the block was created. Raised in place of the
                last slice, so that the server never receives a complete body.
        """
        try:
            yield from self._encoder.slices(max(4, characters - characters % 4))
        except (ValueError, OSError) as error:
            raise _refused(self.reference, error) from None

    def close(self) -> None:
        """Close the file, if there is one; may be called repeatedly."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


def open_media(leaf: DeferredMedia, policy: MediaPolicy, tick: Tick = lambda _: None) -> OpenMedia:
    """Open the media of one leaf and check everything that can be known before they are sent.

    The bytes decide the format: see `mime_type_for` for what happens when they contradict the block
    or have an unknown signature. Headers are measured; images and frames are never decoded, except
    those of a time range, which is copied to a temporary file and verified.

    Args:
        leaf: The leaf of the request's tree.
        policy: Which files may be opened.
        tick: Called while a time range is copied; it may raise.

    Returns:
        The open media; the caller closes them.

    Warns:
        UserWarning: They are within the limits, but a server may refuse them: an image with very
            many pixels or frames, a header with very many entries, base64 that is within 50 MB only
            by the larger reading of MB.

    Raises:
        MediaError: They have a format or size that MiMo refuses, are damaged, empty, changed since
            the block was created, or may not be opened. The error carries the indices of the block.
        TypeError: The reference is a URL, which is sent unchanged and never opened.
    """
    reference = leaf.reference
    descriptor = None
    try:
        reader, encoder, descriptor = _open(reference, policy, tick)
        inspection = inspect_headers(reference.kind, reference.mime_type, reader)
    except (ValueError, OSError) as error:
        if descriptor is not None:
            os.close(descriptor)
        raise _refused(reference, error) from None
    _warn(reference, inspection, encoder.encoded_length, policy)
    prefix = f"data:{inspection.mime_type};base64,".encode() if leaf.data_url else b""
    return OpenMedia(
        reference,
        inspection.mime_type,
        prefix,
        encoder.encoded_length,
        descriptor is not None,
        encoder,
        descriptor,
    )


def inspect_media(reference: MediaReference, policy: MediaPolicy) -> Inspection:
    """Inspect the headers of media as `open_media` does, and close them again.

    Of base64, only the parts that are read are checked and decoded. Of a time range, the duration
    is that of its copy, which is not made.

    Args:
        reference: The media; not a URL.
        policy: Which files may be opened.

    Raises:
        MediaError: As `open_media`.
        TypeError: As `open_media`.
    """
    kind, source, limit = reference.kind, reference.source, policy.limits.get(reference.kind)
    descriptor = None
    try:
        if isinstance(source, InlineBase64):
            return inspect(kind, reference.mime_type, Base64Reader(source), limit)
        if isinstance(source, LocalFile) and source.time_range is not None:
            descriptor = open_allowed_file(source, policy.allowed_dirs)
            return ranged_files.inspect_range(descriptor, source, kind, limit)
        reader, _, descriptor = _open(reference, policy, lambda _: None)
        return inspect_headers(kind, reference.mime_type, reader)
    except (ValueError, OSError) as error:
        raise _refused(reference, error) from None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open(
    reference: MediaReference, policy: MediaPolicy, tick: Tick
) -> tuple[Reader, Encoder, int | None]:
    """Open a source and check its length; the caller closes the descriptor of a file."""
    source = reference.source
    limit = policy.limits.get(reference.kind)
    if isinstance(source, RemoteURL):
        raise TypeError("a URL is sent unchanged; only base64 and local files are opened")
    if isinstance(source, InlineBase64):
        limits.check_base64_length(len(source.text) - source.start, reference.kind, limit)
        return Base64Reader(source), TextEncoder(source), None
    descriptor = open_allowed_file(source, policy.allowed_dirs)
    try:
        if source.time_range is not None:
            whole = descriptor
            descriptor = ranged_files.open_range(whole, source, reference.kind, limit, tick)
            if not os.path.sameopenfile(whole, descriptor):
                source = LocalFile(source.path)  # its size and digest are those of the whole file
            os.close(whole)
        reader = FileReader(descriptor)
        encoder = FileEncoder(reader, source)
        limits.check_base64_length(encoder.encoded_length, reference.kind, limit)
    except BaseException:
        os.close(descriptor)
        raise
    return reader, encoder, descriptor


def _warn(
    reference: MediaReference, inspection: Inspection, encoded_length: int, policy: MediaPolicy
) -> None:
    """Warn about media that a server may refuse."""
    warned = [inspection.warning]
    if policy.limits.get(reference.kind) is None:
        warned.append(limits.length_warning(reference.kind, encoded_length))
    for text in filter(None, warned):
        place = f"messages[{reference.message_index}], block {reference.block_index}"
        warn(f"{place}: the {reference.kind} {text}")


def _refused(reference: MediaReference, error: ValueError | OSError) -> MediaError:
    """Return the error that names the block, the reason and the remedy."""
    reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    refused = MediaError(
        f"the {reference.kind} cannot be sent: {reason}",
        reference.message_index,
        reference.block_index,
    )
    refused.item = reference.item
    return refused
