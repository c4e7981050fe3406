"""Finds the files that are planned: those of folders and patterns, or why there are none."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from langchain_mimo._checks import shown
from langchain_mimo.errors import MiMoInputError

_URL = re.compile(r"[a-z][a-z0-9+.-]+://|data:", re.IGNORECASE)

_RECURSIVE = re.compile(r"(?P<head>.*?[\\/])??\*\*([\\/]+(?P<tail>.*))?", re.DOTALL)
"""A pattern whose first "**" is a whole name, so that it stands for any number of folders."""


def found_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[Path, str | None]]:
    """Yield each file once, with the reason if it is none.

    Args:
        paths: Files, folders and patterns.

    Raises:
        MiMoInputError: One of them is no path.
    """
    seen: set[str] = set()
    for given in paths:
        for path, reason in _expanded(_text_of(given)):
            if (unique := _unique(path)) not in seen:
                seen.add(unique)
                yield Path(path), reason


def _unique(path: str) -> str:
    """Return the path with its folders resolved: so that linked ones count once."""
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118


def _text_of(path: object) -> str:
    """Return a path as a string.

    Raises:
        MiMoInputError: It is none.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise MiMoInputError(f"paths must be paths of files or folders, got {shown(path)}")
    return text


def _expanded(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the files that a path stands for, or the path with the reason why there are none."""
    if _URL.match(text):
        yield text, "URLs cannot be planned; download the file and give its path"
    elif os.path.isdir(text):  # noqa: PTH112
        yield from _in_folder(text)
    elif (missing := _missing(text)) is None:
        yield text, None
    elif glob.has_magic(text):
        yield from _matches(text)
    else:
        yield text, missing


def _missing(text: str) -> str | None:
    """Return why a path leads to nothing, or None if it leads to something."""
    try:
        os.lstat(text)
    except (FileNotFoundError, NotADirectoryError):
        return "there is no such file"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return None


def _reason(error: OSError) -> str:
    return f"it cannot be read: {error.strerror}"


def _walked(top: str, on_error: Callable[[OSError], object]) -> Iterator[tuple[str, list[str]]]:
    """Yield the folder and all in it, each with its files; hidden ones and links are left out."""
    for folder, folders, names in os.walk(top, onerror=on_error):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield folder, sorted(name for name in names if not name.startswith("."))


def _in_folder(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield what is in a folder and its folders, apart from hidden files and folders."""
    errors: list[OSError] = []
    is_empty = True
    for folder, names in _walked(text, errors.append):
        for name in names:
            is_empty = False
            yield os.path.join(folder, name), None  # noqa: PTH118
    yield from ((str(error.filename), _reason(error)) for error in errors)
    if is_empty and not errors:
        yield text, "empty: it has no files, apart from hidden ones"


def _matches(pattern: str) -> Iterator[tuple[str, str | None]]:
    """Yield the files that match a pattern, and folders of it that cannot be read."""
    locked: dict[str, str] = {}
    matches = {_unique(match): match for match in _globbed(pattern, locked)}
    files = [path for path in sorted(matches) if not os.path.isdir(path)]  # noqa: PTH112
    if not files and not locked:
        yield pattern, "no file matches it"
    yield from ((matches[path], None) for path in files)
    yield from locked.items()


def _globbed(pattern: str, locked: dict[str, str]) -> Iterator[str]:
    """Yield what matches a pattern. "**" follows no links: `glob` takes for ever if two lead back.

    Args:
        pattern: The pattern.
        locked: Gets the folders that cannot be read, with the reason; `glob` passes over them.
    """
    recursive = _RECURSIVE.fullmatch(pattern)
    head, tail = (recursive["head"] or "", recursive["tail"]) if recursive else (pattern, None)
    _check_folders(head, locked)
    if recursive is None:
        yield from glob.glob(pattern)  # noqa: PTH207 - absolute ones too
        return

    def note(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            locked[str(error.filename)] = _reason(error)

    for top in glob.glob(head) if glob.has_magic(head) else [head or "."]:  # noqa: PTH207
        for folder, names in _walked(top, note):
            inside = folder if head else os.path.relpath(folder)
            if tail:
                yield from _globbed(os.path.join(glob.escape(inside), tail), locked)  # noqa: PTH118
            else:
                yield from (os.path.normpath(os.path.join(inside, name)) for name in names)  # noqa: PTH118


def _check_folders(pattern: str, locked: dict[str, str]) -> None:
    """Find the folders of a pattern without "**" that cannot be read."""
    folder = os.path.dirname(pattern)  # noqa: PTH120
    while True:
        is_pattern = glob.has_magic(folder)
        for path in glob.glob(folder) if is_pattern else [folder or "."]:  # noqa: PTH207
            try:
                os.scandir(path).close()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                locked[os.path.normpath(path)] = _reason(error)
        if not is_pattern:
            return
        folder = os.path.dirname(folder)  # noqa: PTH120
