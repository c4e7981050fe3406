"""SHA-256 digests of files, read in slices and remembered."""

from __future__ import annotations

import os

from langchain_mimo._media.cutting.times import Tick
from langchain_mimo._media.known_files import KnownFiles
from langchain_mimo._media.local_files import open_trusted_file
from langchain_mimo._media.path_spelling import shown_path
from langchain_mimo._media.readers import FileReader
from langchain_mimo._media.references import LocalFile
from langchain_mimo.errors import MediaError

MAX_DIGESTS = 10_000
"""Digests that are remembered, about 300 bytes each."""

_SLICE = 1 << 20

known_digests: KnownFiles[str] = KnownFiles(MAX_DIGESTS)


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, as `video_block` states it.

    The file is read in slices of 1 MB, once: its digest is remembered in this process until it
    changes, by device, inode, size and both times of change (`mtime` and `ctime`). A file that was
    changed within the last two seconds is read each time. At most 10,000 digests are remembered.
    On Windows, `ctime` is when the file was created: a change in place is not noticed there if the
    size stays and a program sets `mtime` back.

    Args:
        path: Path of a local file.

    Returns:
        64 hexadecimal digits.

    Raises:
        MediaError: The file does not exist or is not readable.
    """
    try:
        descriptor = open_trusted_file(path)
    except ValueError as error:
        raise MediaError(str(error)) from None
    try:
        return digest_of(descriptor)
    except OSError as error:
        raise MediaError(f"{shown_path(str(path))} cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def digest_of(descriptor: int, tick: Tick = lambda _: None) -> str:
    """Return the SHA-256 of an open file, which may be known.

    Args:
        descriptor: The open file.
        tick: Called for every slice; it may raise.

    Raises:
        OSError: The file cannot be read.
    """
    return known_digests.get(descriptor, lambda: _read(descriptor, tick), waiting=lambda: tick(0))


def _read(descriptor: int, tick: Tick) -> str:
    import hashlib  # noqa: PLC0415 - only files need it

    digest, offset, reader = hashlib.sha256(), 0, FileReader(descriptor)
    while piece := reader.read(offset, _SLICE):
        tick(0)
        digest.update(piece)
        offset += len(piece)
    return digest.hexdigest()


def changed(file: LocalFile) -> ValueError:
    """Return the error for a file that is not the one of its block."""
    return ValueError(
        f"the file {shown_path(file.path)} has changed since the block was created; create the "
        "block again"
    )


def check_unchanged(descriptor: int, file: LocalFile, tick: Tick) -> None:
    """Check that an open file has the size and the digest that its block states.

    Args:
        descriptor: The open file.
        file: What the block states.
        tick: As in `digest_of`.

    Raises:
        ValueError: It has not; the text is the reason.
        OSError: It cannot be read.
    """
    if file.size is not None and file.size != os.fstat(descriptor).st_size:
        raise changed(file)
    if file.sha256 is not None and file.sha256 != digest_of(descriptor, tick):
        raise changed(file)
