"""Temporary files without a name, so that nothing of them is left behind."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from langchain_mimo._media.path_spelling import shown_path

_DISK_ERRORS = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EFBIG", "EDQUOT", "EROFS") if hasattr(errno, name)
)
_DELETED_ON_CLOSE = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_TEMPORARY", 0)


def spooled(write: Callable[[str], None]) -> int:
    """Have a temporary file written.

    The file is in the system's folder for such files, which the environment variable `TMPDIR` sets,
    and only this user may read it. On Linux it has no name from the beginning, so that nothing is
    left of it even if the process is killed; elsewhere it has one while it is written.

    Args:
        write: Writes the file at a path, which may be that of an open file.

    Returns:
        A descriptor of the file, which the caller closes; that deletes the file.

    Raises:
        ValueError: The file cannot be created or written; the text is the reason.
        Exception: Raised by `write`; nothing is left then.
    """
    folder = tempfile.gettempdir()
    try:
        descriptor, name = tempfile.mkstemp(prefix="langchain-mimo-", dir=folder)
    except OSError as error:
        raise _not_written(folder, error) from None
    try:
        path = _path_without_name(descriptor, name)
        _write(write, path or name, folder)
        if path is None:
            descriptor = _without_name(descriptor, name)
    except BaseException:
        os.close(descriptor)
        with suppress(OSError):
            Path(name).unlink(missing_ok=True)
        raise
    return descriptor


def _path_without_name(descriptor: int, name: str) -> str | None:
    """Delete the name of an open file, and return a path that leads to it; None if none does."""
    path = f"/proc/self/fd/{descriptor}"
    if sys.platform != "linux" or not Path(path).exists():
        return None
    Path(name).unlink()
    return path


def _without_name(descriptor: int, name: str) -> int:
    """Delete the name of a file that is written; on Windows, when it is closed."""
    if os.name != "nt":
        Path(name).unlink()
        return descriptor
    reopened = os.open(name, _DELETED_ON_CLOSE)
    os.close(descriptor)
    return reopened


def _write(write: Callable[[str], None], path: str, folder: str) -> None:
    try:
        write(path)
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, OSError) and cause.errno in _DISK_ERRORS:
                raise _not_written(folder, cause) from error
            cause = cause.__cause__
        raise


def _not_written(folder: str, error: OSError) -> ValueError:
    return ValueError(
        f"its time range cannot be written to the temporary folder {shown_path(folder)}: "
        f"{error.strerror or error}; make room there, or choose another folder with the "
        "environment variable TMPDIR"
    )
