"""Opening what a message may name, and handing it out as base64 while it is sent.

A reference is opened once, checked by its bytes, and then encoded in slices as often as a request
has to be sent. Neither the file nor its base64 is ever whole in memory. No URL is ever fetched.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from langchain_mimo._media import limits
from langchain_mimo._media.encoding import Encoder, FileEncoder, TextEncoder
from langchain_mimo._media.inspection import Inspection, inspect
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
"""Characters of base64 in a slice; a multiple of four, so that slices join without a seam."""


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """What a program allows to be opened on behalf of its messages.

    Attributes:
        allowed_dirs: Folders under which files named in messages may be opened. Relative ones and
            `~` are the program's own and are made absolute here. Default: none, so that no file is
            ever opened.
        limits: Most characters of base64 that one medium may have, by kind, where the server's
            limit is another than MiMo's.

    Raises:
        MiMoConfigurationError: `allowed_dirs` is a single path, or one of its paths is empty.
    """

    allowed_dirs: Sequence[str | os.PathLike[str]] = ()
    limits: Mapping[MediaKind, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make every folder absolute, once."""
        if isinstance(self.allowed_dirs, str | os.PathLike):
            raise MiMoConfigurationError(
                f"allowed_media_dirs is the single path {os.fspath(self.allowed_dirs)!r}; "
                "give a list of folders."
            )
        folders = [os.fspath(folder) for folder in self.allowed_dirs]
        if not all(folders):
            raise MiMoConfigurationError(
                "allowed_media_dirs holds an empty path; name the folder, or leave it out."
            )
        absolute = tuple(str(Path(folder).expanduser().absolute()) for folder in folders)
        object.__setattr__(self, "allowed_dirs", absolute)


@dataclass(slots=True)
class OpenMedia:
    """One medium, opened and checked, ready to be encoded as often as it has to be sent.

    Attributes:
        reference: What was opened.
        mime_type: What it is, by its bytes, as MiMo spells it.
        prefix: What goes before the base64: `b"data:video/mp4;base64,"`, or nothing.
        encoded_length: Characters of base64, the prefix not counted.
        blocking: Whether `slices` reads from a disk and belongs off an event loop.
    """

    reference: MediaReference
    mime_type: str
    prefix: bytes
    encoded_length: int
    blocking: bool
    _encoder: Encoder = field(repr=False)
    _descriptor: int | None = field(default=None, repr=False)

    def slices(self, characters: int = SLICE_CHARACTERS) -> Iterator[bytes]:
        """Yield the base64 from its start, each time this is called.

        Args:
            characters: How much base64 a slice has at most, rounded down to a multiple of four.

        Yields:
            ASCII; joined, the base64 of exactly the bytes that the block named.

        Raises:
            MediaError: The file is no longer the one the block named. It is raised in place of the
                last slice, so that the server never has a whole body.
        """
        try:
            yield from self._encoder.slices(max(4, characters - characters % 4))
        except (ValueError, OSError) as error:
            raise _refused(self.reference, error) from None

    def close(self) -> None:
        """Close the file, if there is one; more than once does no harm."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


def open_media(leaf: DeferredMedia, policy: MediaPolicy) -> OpenMedia:
    """Open one medium of a request, checking everything that can be known before it is sent.

    The bytes decide what it is: see `mime_type_for` for the rule when they contradict the
    block or say nothing. Headers are measured; pictures and frames are never decoded.

    Args:
        leaf: The leaf of the request's tree.
        policy: Which files may be opened.

    Returns:
        The open medium; whoever called closes it.

    Warns:
        UserWarning: It is within the limits and yet such that a server may refuse to decode it: a
            picture of very many pixels or frames, a header of very many parts, base64 that is
            within 50 MB by the larger reading of MB only.

    Raises:
        MediaError: It is of a kind or a size that MiMo refuses, damaged, empty, no longer the file
            the block named, or may not be opened. The error carries the indices of the block.
        TypeError: The reference is a URL, which is sent as it is and never opened.
    """
    reference = leaf.reference
    descriptor = None
    try:
        reader, encoder, descriptor = _open(reference, policy)
        limit = policy.limits.get(reference.kind)
        inspection = inspect(reference.kind, reference.mime_type, reader, limit)
    except (ValueError, OSError) as error:
        if descriptor is not None:
            os.close(descriptor)
        raise _refused(reference, error) from None
    doubts = [inspection.warning]
    if limit is None:
        doubts.append(limits.length_warning(reference.kind, encoder.encoded_length))
    for doubt in filter(None, doubts):
        place = f"messages[{reference.message_index}], block {reference.block_index}"
        warnings.warn(f"{place}: the {reference.kind} {doubt}", stacklevel=2)
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
    """Look at a medium's headers as `open_media` does, and close it again.

    Of base64 only the pieces that are looked at are checked and decoded.

    Args:
        reference: The medium; no URL.
        policy: Which files may be opened.

    Raises:
        MediaError: As `open_media`.
        TypeError: As `open_media`.
    """
    source = reference.source
    limit = policy.limits.get(reference.kind)
    descriptor = None
    try:
        if isinstance(source, InlineBase64):
            return inspect(reference.kind, reference.mime_type, Base64Reader(source), limit)
        reader, _, descriptor = _open(reference, policy)
        return inspect(reference.kind, reference.mime_type, reader, limit)
    except (ValueError, OSError) as error:
        raise _refused(reference, error) from None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open(reference: MediaReference, policy: MediaPolicy) -> tuple[Reader, Encoder, int | None]:
    """Open a source; a file's descriptor is the caller's to close."""
    source = reference.source
    if isinstance(source, RemoteURL):
        raise TypeError("A URL is sent as it is; only base64 and local files are opened.")
    if isinstance(source, InlineBase64):
        limit = policy.limits.get(reference.kind)
        return Base64Reader(source), TextEncoder(source, limit), None
    return _open_file(source, policy)


def _open_file(source: LocalFile, policy: MediaPolicy) -> tuple[Reader, Encoder, int]:
    descriptor = open_allowed_file(source, policy.allowed_dirs)
    try:
        reader = FileReader(descriptor)
        return reader, FileEncoder(reader, source), descriptor
    except BaseException:
        os.close(descriptor)
        raise


def _refused(reference: MediaReference, error: ValueError | OSError) -> MediaError:
    """Make the one sentence: which block, what, what to do."""
    reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return MediaError(
        f"the {reference.kind} cannot be sent: {reason}",
        reference.message_index,
        reference.block_index,
    )
