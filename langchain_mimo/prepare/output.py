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

from langchain_mimo.errors import MediaError
from langchain_mimo.media.local_files import open_own_file

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
    """Open the source for reading.

    Raises:
        MediaError: The path does not exist or is no regular file.
    """
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    try:
        descriptor = open_own_file(source)
    except ValueError as error:
        raise MediaError(str(error)) from None
    with os.fdopen(descriptor, "rb") as file:
        yield file


@contextmanager
def workplace(source: Source, output: Output) -> Iterator[Path]:
    """Yield a path to write to, beside the output, and remove what is left there at the end.

    Raises:
        MediaError: The output is the source, or its folder does not exist.
    """
    target = Path(output).absolute() if output is not None else None
    if target is not None and not target.parent.is_dir():
        raise MediaError(f"the folder {str(target.parent)!r} does not exist; make it first.")
    if target is not None and not isinstance(source, bytes) and _is_same(target, source):
        raise MediaError(f"{str(target)!r} is the source itself; name another output.")
    draft = _new_file(target.parent) if target is not None else _new_temporary_file()
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


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


def finish(draft: Path, output: Output, mime_type: str, notes: list[str]) -> Prepared:
    """Move a finished draft to its place, at once and whole, or read it into memory."""
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
