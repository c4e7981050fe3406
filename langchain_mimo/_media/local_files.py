"""Opening local files: those that messages name, in allowed folders only, and those of the program.

A path in a message is untrusted. It is resolved first, and nothing is opened unless the resolved
path is inside an allowed folder. The file is then opened from that folder downwards, one directory
at a time and without following links, so that a link that is swapped in meanwhile is refused.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from langchain_mimo._checks import shown
from langchain_mimo._media.path_spelling import check_absolute, path_hint, shown_path
from langchain_mimo._media.references import LocalFile
from langchain_mimo._sqlite_files import is_open_database
from langchain_mimo.errors import MediaError

URL_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?=//)|data:|file:", re.IGNORECASE)
"""The beginning of a string that is a URL and not a path; a single letter is a Windows drive."""

_OPEN_DIRECTORY = (
    getattr(os, "O_PATH", os.O_RDONLY)
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_HAS_DIR_FD = os.open in os.supports_dir_fd
"""False on Windows: there, a folder that is replaced by a junction between the check and the
opening is noticed afterwards, by resolving the path again (docs/security.md)."""

# O_NONBLOCK: opening a FIFO that was swapped in meanwhile must not wait for a writer.
_OPEN_FILE = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def resolve_folders(folders: object) -> list[str]:
    """Resolve the folders that a program allows, once, so that they do not move afterwards.

    Args:
        folders: One path, or several; relative to the current directory, `~` is expanded.

    Returns:
        Absolute paths without links.

    Raises:
        ValueError: One is empty, does not exist or is not a folder.
    """
    single = isinstance(folders, str | os.PathLike)
    if not single and not isinstance(folders, Sequence | set | frozenset):
        raise ValueError(
            f"allowed_media_dirs must be a folder or a list of folders, got {shown(folders)}"
        )
    return [_resolve_folder(folder) for folder in ([folders] if single else cast("Any", folders))]


def _resolve_folder(folder: object) -> str:
    if not isinstance(folder, str | os.PathLike) or not isinstance(os.fspath(folder), str):
        msg = f"allowed_media_dirs must contain paths, got {shown(folder)}"
        raise ValueError(msg)  # noqa: TRY004 - callers convert ValueError
    if not os.fspath(folder):
        raise ValueError("allowed_media_dirs contains an empty path; name the folder or remove it")
    try:
        resolved = os.path.realpath(Path(folder).expanduser(), strict=True)
        is_folder = Path(resolved).is_dir()
    except (OSError, ValueError, RuntimeError) as error:
        why = f"cannot be used: {getattr(error, 'strerror', None) or error}"
        if isinstance(error, FileNotFoundError):
            why = "does not exist"
        raise ValueError(
            f"allowed_media_dirs contains {_looked_for(folder)}, which {why}; create the folder or "
            "correct the path"
        ) from None
    if not is_folder:
        raise ValueError(
            f"allowed_media_dirs contains {_looked_for(folder)}, which is not a folder; allow the "
            "folder that contains the file"
        )
    return resolved


def _looked_for(folder: str | os.PathLike[str]) -> str:
    """Return a folder as it was given, and the absolute path that was looked for."""
    given = os.fspath(folder)
    with suppress(OSError, RuntimeError):  # no current directory, or no home directory
        absolute = str(Path(folder).expanduser().absolute())
        if absolute != given:
            return f"{shown(given)}, that is {shown_path(absolute)}"
    return shown_path(given)


def open_allowed_file(file: LocalFile, allowed_dirs: Sequence[str | os.PathLike[str]]) -> int:
    """Open a file that a message names, if it is in an allowed folder.

    Args:
        file: The file, as a block names it.
        allowed_dirs: Folders of `resolve_folders` in which files may be opened, subfolders
            included.

    Returns:
        A file descriptor of a regular file, which the caller closes.

    Raises:
        ValueError: The path is not absolute, is outside every allowed folder, does not exist or is
            not a regular file; the text is the reason, for a MediaError.
    """
    path = check_absolute(file.path)
    if not allowed_dirs:
        raise ValueError(
            f"the file {shown_path(path)} cannot be opened because no folder is allowed; pass "
            "allowed_media_dirs=[...] to ChatMiMo with the folder that contains it"
        )
    try:
        resolved = os.path.realpath(path)
        root = _allowed_root(resolved, allowed_dirs)
        if root is None:
            raise ValueError(
                f"the file {shown_path(path)} is outside the folders in allowed_media_dirs; allow "
                f"its folder, or move the file to {_listed(allowed_dirs)}"
            )
        return _open_beneath(root, resolved)
    except OSError as error:
        raise ValueError(
            f"the file {shown_path(path)} cannot be opened: {error.strerror or error}; check that "
            "it exists and is readable"
        ) from None


def open_trusted_file(path: str | os.PathLike[str]) -> int:
    """Open a file that the program itself names, in whatever folder it is.

    Args:
        path: Any path; a relative one starts at the current directory.

    Returns:
        A file descriptor of a regular file, which the caller closes.

    Raises:
        ValueError: It does not exist, is not readable, or is not a regular file; the text names
            the path and is the reason, for a MediaError.
    """
    absolute = Path(path).absolute()
    try:
        _require_no_database(absolute.stat())
        descriptor = os.open(absolute, _OPEN_FILE & ~getattr(os, "O_NOFOLLOW", 0))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ValueError(
            f"cannot open {shown_path(str(absolute))}: {why}; check the path{path_hint(path)}"
        ) from None
    if stat.S_ISREG(mode := os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise ValueError(
        f"cannot open {str(absolute)!r}: it is {file_type(mode)}; give the path of a file"
    )


def check_source(function: str, source: Any) -> str | os.PathLike[str] | bytes:
    """Check the `source` argument of a function that takes local media.

    Args:
        function: The function's name, for the error.
        source: A path or bytes.

    Returns:
        The path unchanged, or the bytes.

    Raises:
        MediaError: It is a URL, a content block, empty, or of another type.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if not isinstance(source, str | os.PathLike):
        what = "a content block" if isinstance(source, dict) else type(source).__name__
        raise MediaError(f"{function} takes a local path or bytes, not {what}")
    path = os.fspath(source)
    if not isinstance(path, str):
        raise MediaError(f"{function} takes a str path, not {type(path).__name__}")
    if not path:
        raise MediaError(f"{function} got an empty path; give the path of a file")
    if URL_SCHEME.match(path):
        raise MediaError(
            f"{function} does not download URLs, got {shown(path)}; give a local path or bytes"
        )
    return source


def _listed(folders: Sequence[str | os.PathLike[str]]) -> str:
    """Return folders for an error message, at most three of them."""
    first = [shown_path(os.fspath(folder)) for folder in folders[:3]]
    if len(folders) > 3:
        return f"{', '.join(first)} or {len(folders) - 3} others"
    *others, last = first
    return f"{', '.join(others)} or {last}" if others else last


def _allowed_root(resolved: str, allowed_dirs: Sequence[str | os.PathLike[str]]) -> str | None:
    """Return the allowed folder that contains a resolved path.

    A folder that was replaced by a link since it was resolved contains no resolved path.
    """
    for folder in allowed_dirs:
        root = os.fspath(folder)
        prefix = root if root.endswith(os.sep) else root + os.sep
        if os.path.normcase(resolved).startswith(os.path.normcase(prefix)):
            return root
    return None


def _open_beneath(root: str, resolved: str) -> int:
    """Open a resolved path from the folder `root` downwards without following links."""
    if not _HAS_DIR_FD:
        return _open_unless_moved(resolved)
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


def _open_unless_moved(resolved: str) -> int:
    """Open a resolved path, and refuse it if it no longer resolves to itself."""
    descriptor = _open_regular(resolved, None)
    try:
        _require_unmoved(descriptor, resolved)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_unmoved(descriptor: int, resolved: str) -> None:
    same = os.path.samestat(os.fstat(descriptor), os.lstat(resolved))
    if not same or os.path.realpath(resolved) != resolved:
        raise OSError(0, "it was replaced by a link meanwhile")


def _open_regular(name: str, directory: int | None) -> int:
    """Open a regular file and nothing else; devices are refused before they are opened."""
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    _require_regular(status)
    _require_no_database(status)
    descriptor = os.open(name, _OPEN_FILE, dir_fd=directory)
    try:
        _require_regular(os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, f"it is {file_type(status.st_mode)}, not a regular file")


def _require_no_database(status: os.stat_result) -> None:
    """Refuse a budget or journal that is open: closing the file would drop SQLite's locks on it."""
    if is_open_database(status):
        raise OSError(0, "it is a budget or journal that is in use")


def file_type(mode: int) -> str:
    """Return in words what is in the place of a regular file."""
    types = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a link"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((words for test, words in types if test(mode)), "a special file")
