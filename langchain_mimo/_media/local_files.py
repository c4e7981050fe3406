"""Opening files: those a message names, if they lie where the program allowed it, and its own.

A path in a message is untrusted. It is resolved first, and nothing is opened unless the resolved
path lies in an allowed folder. The file is then reached from that folder one directory at a time
without following a link, so that a link put in between by somebody else is refused, not followed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_mimo._checks import shown
from langchain_mimo._media.references import LocalFile
from langchain_mimo.errors import MediaError

_OPEN_DIRECTORY = (
    getattr(os, "O_PATH", os.O_RDONLY)
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_OPENS_BENEATH = os.open in os.supports_dir_fd
"""False on Windows, where making a link needs an administrator."""

# O_NONBLOCK: a FIFO put in the file's place meanwhile must not keep us waiting for a writer.
_OPEN_FILE = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def open_allowed_file(file: LocalFile, allowed_dirs: Sequence[str | os.PathLike[str]]) -> int:
    """Open a local file for reading, or say why it may not be opened.

    Args:
        file: The file, as a block names it.
        allowed_dirs: Absolute folders under which files may be opened.

    Returns:
        A file descriptor of a regular file, which the caller closes.

    Raises:
        ValueError: The path is not absolute, lies outside every allowed folder, does not exist or
            is no regular file; the text is the reason, for a MediaError.
    """
    path = _absolute(file.path)
    if not allowed_dirs:
        raise ValueError(
            f"it names the file {shown_path(path)}, and no folder is allowed; pass "
            "ChatMiMo(allowed_media_dirs=[...]) with the folder that holds it."
        )
    try:
        resolved = os.path.realpath(path)
        root = _allowed_root(resolved, allowed_dirs)
        if root is None:
            raise ValueError(
                f"it names the file {shown_path(path)}, which does not lie in any folder of "
                "ChatMiMo(allowed_media_dirs=[...]); allow its folder or move it."
            )
        return _open_beneath(root, resolved)
    except OSError as error:
        raise ValueError(
            f"it names the file {shown_path(path)}, which cannot be opened: "
            f"{error.strerror or error}; check that it exists and may be read."
        ) from None


def open_trusted_file(path: str | os.PathLike[str]) -> int:
    """Open a file that the program itself names, wherever it is.

    Args:
        path: Any path; a relative one counts from the current folder.

    Returns:
        A file descriptor of a regular file, which the caller closes.

    Raises:
        ValueError: It does not exist, may not be read, or is no regular file; the text names the
            path and is the reason, for a MediaError.
    """
    absolute = Path(path).absolute()
    try:
        descriptor = os.open(absolute, _OPEN_FILE & ~getattr(os, "O_NOFOLLOW", 0))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        is_home = os.fspath(path).startswith("~")
        hint = "; ~ is not expanded, use Path(...).expanduser()" if is_home else ""
        raise ValueError(f"cannot open {str(absolute)!r}: {why}; check the path{hint}.") from None
    if stat.S_ISREG(mode := os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise ValueError(f"cannot use {str(absolute)!r}: it is {_nature(mode)}; name a file.")


def _absolute(path: str) -> str:
    """Check the path's spelling alone, before the disk is asked."""
    if "\0" in path:
        raise ValueError("it names a file with a zero byte in its path; no such file exists.")
    if os.name == "nt" and path[:1] == "/" and path[2:3] == ":":
        path = path[1:]  # file:///C:/cat.png
    if path.startswith(("//", "\\\\")):
        raise ValueError(
            f"it names the network path {shown_path(path)}; only files on this machine are opened."
        )
    if not Path(path).is_absolute():
        raise ValueError(
            f"it names the file {shown_path(path)} by a relative path; make the block with "
            "image_block, video_block or audio_block, which write the whole path."
        )
    return path


def _allowed_root(resolved: str, allowed_dirs: Sequence[str | os.PathLike[str]]) -> str | None:
    """Return the allowed folder, itself resolved, that holds a resolved path."""
    for directory in allowed_dirs:
        root = os.path.realpath(directory)
        prefix = root if root.endswith(os.sep) else root + os.sep
        if os.path.normcase(resolved).startswith(os.path.normcase(prefix)):
            return root
    return None


def _open_beneath(root: str, resolved: str) -> int:
    """Open a resolved path from its folder down, following no link on the way."""
    if not _OPENS_BENEATH:
        return _open_regular(resolved, None)
    *directories, name = Path(resolved).relative_to(root).parts
    here = os.open(root, _OPEN_DIRECTORY & ~getattr(os, "O_NOFOLLOW", 0))
    try:
        for directory in directories:
            below = os.open(directory, _OPEN_DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
        return _open_regular(name, here)
    finally:
        os.close(here)


def _open_regular(name: str, directory: int | None) -> int:
    """Open a regular file and nothing else; a device is not even opened."""
    _require_regular(os.stat(name, dir_fd=directory, follow_symlinks=False))
    descriptor = os.open(name, _OPEN_FILE, dir_fd=directory)
    try:
        _require_regular(os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, f"it is {_nature(status.st_mode)} and not a regular file")


def _nature(mode: int) -> str:
    """Say what stands where a file was expected."""
    natures = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a link"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((words for test, words in natures if test(mode)), "something special")


def shown_path(path: str) -> str:
    """Quote a path for an error message, within reason."""
    return repr(path if len(path) <= 200 else path[:200] + "…")


URL_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?=//)|data:|file:", re.IGNORECASE)
"""What a string begins with that is a URL and no path; one letter is a drive of Windows."""


def check_source(function: str, source: Any) -> str | os.PathLike[str] | bytes:
    """Check what a program names as a local medium.

    Args:
        function: Who asks, for the error.
        source: A path or bytes.

    Returns:
        The path as it is, or the bytes.

    Raises:
        MediaError: It is a URL, a content block, empty, or of another type.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if not isinstance(source, str | os.PathLike):
        what = "a content block" if isinstance(source, dict) else type(source).__name__
        raise MediaError(f"{function} takes a local path or bytes, not {what}.")
    path = os.fspath(source)
    if not isinstance(path, str):
        raise MediaError(f"{function} takes a path of str, not of {type(path).__name__}.")
    if not path:
        raise MediaError(f"{function} was given an empty path; name a file.")
    if URL_SCHEME.match(path):
        raise MediaError(
            f"{function} fetches nothing and was given the URL {shown(path)}; give a local path "
            "or bytes."
        )
    return source
