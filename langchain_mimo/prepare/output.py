"""Where a prepared medium goes, how far the work is, and when it has taken too long."""

from __future__ import annotations

import io
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from langchain_mimo._checks import number
from langchain_mimo._media.formats import SUFFIXES
from langchain_mimo._media.local_files import open_trusted_file
from langchain_mimo.errors import MediaError, as_input_error

Source: TypeAlias = "str | os.PathLike[str] | bytes"
"""A local path, or the bytes themselves."""

Output: TypeAlias = "str | os.PathLike[str] | None"
"""A path to write, or None for bytes in memory."""

ProgressCallback: TypeAlias = Callable[[float], None]
"""Called with the share of the work that is done, 0.0 to 1.0."""

DEFAULT_TIME_LIMIT = 600.0
"""Seconds that a preparation may take."""

_BAR_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Prepared:
    """A medium that MiMo takes.

    Attributes:
        path: The file written, or None when the result is in memory.
        data: The bytes, or None when they went to a file.
        mime_type: What it is.
        notes: What was done to it, one sentence each.
    """

    path: Path | None
    data: bytes | None
    mime_type: str
    notes: tuple[str, ...]

    @property
    def source(self) -> Path | bytes:
        """What to give to `image_block`, `video_block` or `audio_block`."""
        return self.path if self.path is not None else self.data or b""


@contextmanager
def opened(source: Source) -> Iterator[IO[bytes]]:
    """Open the source for reading, and name it in whatever is said of it meanwhile.

    Raises:
        MediaError: The path does not exist or is no regular file.
    """
    if isinstance(source, bytes):
        with _named("the bytes given"):
            yield io.BytesIO(source)
        return
    try:
        descriptor = open_trusted_file(source)
    except ValueError as error:
        raise MediaError(str(error)) from None
    with os.fdopen(descriptor, "rb") as file, _named(repr(str(Path(source).absolute()))):
        yield file


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except MediaError as error:
        raise MediaError(f"{name} cannot be prepared: {error.reason}") from error.__cause__


@contextmanager
def workplace(source: Source, output: Output) -> Iterator[Path]:
    """Yield a path to write to, beside the output, and remove what is left there at the end.

    Raises:
        MediaError: The output is no path, a folder, or the source; or its folder does not exist.
    """
    target = _target(output)
    if target is not None and not isinstance(source, bytes) and _is_same(target, source):
        raise MediaError(f"{str(target)!r} is the source itself; name another output.")
    draft = _new_file(target.parent) if target is not None else _new_temporary_file()
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _target(output: Output) -> Path | None:
    """Check where the result is to go, before any work is done."""
    if output is None:
        return None
    if not isinstance(output, str | os.PathLike) or not isinstance(os.fspath(output), str):
        raise MediaError(
            f"output is of type {type(output).__name__}; give a path to write, or leave it out."
        )
    target = Path(output).absolute()
    if target.is_dir():
        raise MediaError(
            f"output is {os.fspath(output)!r}, which is a folder; name a file to write."
        )
    if not target.parent.is_dir():
        raise MediaError(f"the folder {str(target.parent)!r} does not exist; make it first.")
    return target


def fits(output: Output, mime_type: str) -> bool:
    """Whether the output may be called what it is called when it is of this MIME type."""
    suffix = suffix_of(output)
    return not suffix or suffix in SUFFIXES[mime_type]


def suffix_of(output: Output) -> str:
    """Return how the name of the output ends, in lower case; empty when it has no such ending."""
    return Path(output).suffix.lower() if output is not None else ""


def require_fitting(output: Output, mime_type: str) -> None:
    """Refuse a name that says the result is something else.

    Raises:
        MediaError: The ending of the name is that of another format, or of none.
    """
    if output is not None and not fits(output, mime_type):
        better = Path(output).with_suffix(SUFFIXES[mime_type][0]).name
        raise MediaError(
            f"what is made of it is {mime_type} and does not fit the output "
            f"{Path(output).name!r}; name it {better!r}."
        )


def _new_file(folder: Path) -> Path:
    """Make an empty file with the permissions that any new file there gets."""
    draft = folder / f".prepare-{secrets.token_hex(8)}"
    draft.touch(exist_ok=False)
    return draft


def _new_temporary_file() -> Path:
    descriptor, name = tempfile.mkstemp(prefix="prepare-")
    os.close(descriptor)
    return Path(name)


def _is_same(target: Path, source: str | os.PathLike[str]) -> bool:
    return target.exists() and Path(source).exists() and target.samefile(source)


def check_limits(max_bytes: float, token_budget: float | None, time_limit: float) -> None:
    """Check what all preparations are limited by.

    Raises:
        MiMoInputError: One of them is no number, or too small for anything.
    """
    with as_input_error():
        number("max_bytes", max_bytes, 1)
        if token_budget is not None:
            number("token_budget", token_budget, 1)
        number("time_limit", time_limit, 0, allow_infinity=True)


def finish(draft: Path, output: Output, mime_type: str, notes: list[str]) -> Prepared:
    """Move a finished draft to its place, at once and whole, or read it into memory.

    Raises:
        MediaError: The output is named like another format.
    """
    require_fitting(output, mime_type)
    if output is None:
        return Prepared(None, draft.read_bytes(), mime_type, tuple(notes))
    target = Path(output).absolute()
    draft.replace(target)
    return Prepared(target, None, mime_type, tuple(notes))


class Work:
    """Reports how far a preparation is, and stops it when it takes too long.

    Args:
        progress: Called with the share that is done, or None.
        show: Whether to draw a bar on standard error.
        time_limit: Seconds that the whole may take.
    """

    def __init__(self, progress: ProgressCallback | None, *, show: bool, time_limit: float) -> None:
        self._progress = progress
        self._show = show
        self._time_limit = time_limit
        self._deadline = time.monotonic() + time_limit
        self._drawn = -1

    def at(self, share: float) -> None:
        """Say which share of the work is done.

        Raises:
            MediaError: The time limit has passed.
        """
        if time.monotonic() > self._deadline:
            raise MediaError(
                f"preparing took longer than its limit of {self._time_limit:g} s; cut the medium "
                "with start and end, or raise time_limit."
            )
        share = min(1.0, max(0.0, share))
        percent = int(share * 100)
        if percent <= self._drawn:
            return
        self._drawn = percent
        if self._progress is not None:
            self._progress(share)
        if self._show:
            done = "#" * (percent * _BAR_WIDTH // 100)
            end = "\n" if percent == 100 else ""
            sys.stderr.write(f"\r[{done:<{_BAR_WIDTH}}] {percent:3d} %{end}")
            sys.stderr.flush()
