"""What the three prepare functions share: source and output files, progress, time limit."""

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
"""A local path, or the bytes."""

Output: TypeAlias = "str | os.PathLike[str] | None"
"""A path to write to, or None to return the result in memory."""

ProgressCallback: TypeAlias = Callable[[float], None]
"""Called with the completed share of the work, 0.0 to 1.0."""

DEFAULT_TIME_LIMIT = 600.0
"""Default time limit of a prepare call, in seconds."""

_BAR_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Prepared:
    """An image, a video or audio that MiMo accepts.

    Attributes:
        path: The file written, or None when the result is in memory.
        data: The bytes, or None when they were written to a file.
        mime_type: MIME type of the result.
        notes: What was done, one sentence each.
    """

    path: Path | None
    data: bytes | None
    mime_type: str
    notes: tuple[str, ...]

    @property
    def source(self) -> Path | bytes:
        """The argument for `image_block`, `video_block` or `audio_block`."""
        return self.path if self.path is not None else self.data or b""


@contextmanager
def open_source(source: Source) -> Iterator[IO[bytes]]:
    """Open the source for reading; a `MediaError` raised meanwhile is prefixed with its name.

    Raises:
        MediaError: The path does not exist or is not a regular file.
    """
    if isinstance(source, bytes):
        with _named_in_errors("the given bytes"):
            yield io.BytesIO(source)
        return
    try:
        descriptor = open_trusted_file(source)
    except ValueError as error:
        raise MediaError(str(error)) from None
    name = repr(str(Path(source).absolute()))
    with os.fdopen(descriptor, "rb") as file, _named_in_errors(name):
        yield file


@contextmanager
def _named_in_errors(name: str) -> Iterator[None]:
    try:
        yield
    except MediaError as error:
        raise MediaError(f"{name} cannot be prepared: {error.reason}") from error.__cause__


@contextmanager
def draft_file(source: Source, output: Output) -> Iterator[Path]:
    """Create a draft, in the output's folder if any, and remove it at the end unless it was moved.

    Raises:
        MediaError: The output is not a path, is a folder or the source, or its folder does not
            exist.
    """
    target = _check_output(output)
    if target is not None and not isinstance(source, bytes) and _is_same_file(target, source):
        raise MediaError(f"output {str(target)!r} is the source itself; choose another path")
    draft = _new_file(target.parent) if target is not None else _new_temporary_file()
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _check_output(output: Output) -> Path | None:
    """Check the output before any work is done, and return it as an absolute path."""
    if output is None:
        return None
    if not isinstance(output, str | os.PathLike) or not isinstance(os.fspath(output), str):
        raise MediaError(f"output must be a path or None, got {type(output).__name__}")
    target = Path(output).absolute()
    if target.is_dir():
        raise MediaError(
            f"output must be a file, but {os.fspath(output)!r} is a folder; add a file name"
        )
    if not target.parent.is_dir():
        raise MediaError(f"the folder {str(target.parent)!r} does not exist; create it first")
    return target


def suffix_fits(output: Output, mime_type: str) -> bool:
    """Whether the suffix of the output is one of this MIME type; a missing suffix always fits."""
    suffix = Path(output).suffix.lower() if output is not None else ""
    return not suffix or suffix in SUFFIXES[mime_type]


def check_suffix(output: Output, mime_type: str) -> None:
    """Check that the suffix of the output matches the format of the result.

    Raises:
        MediaError: The suffix belongs to another format or to none.
    """
    if output is not None and not suffix_fits(output, mime_type):
        better = Path(output).with_suffix(SUFFIXES[mime_type][0]).name
        raise MediaError(
            f"the result is {mime_type}, which does not match the output "
            f"{Path(output).name!r}; name it {better!r}"
        )


def _new_file(folder: Path) -> Path:
    """Create an empty file with default permissions; `mkstemp` would make it private."""
    draft = folder / f".prepare-{secrets.token_hex(8)}"
    draft.touch(exist_ok=False)
    return draft


def _new_temporary_file() -> Path:
    descriptor, name = tempfile.mkstemp(prefix="prepare-")
    os.close(descriptor)
    return Path(name)


def _is_same_file(target: Path, source: str | os.PathLike[str]) -> bool:
    return target.exists() and Path(source).exists() and target.samefile(source)


def check_limits(max_bytes: float, token_budget: float | None, time_limit: float) -> None:
    """Check the limits that all three functions accept.

    Raises:
        MiMoInputError: A limit is not a number or is out of range.
    """
    with as_input_error():
        number("max_bytes", max_bytes, 1)
        if token_budget is not None:
            number("token_budget", token_budget, 1)
        number("time_limit", time_limit, 0, allow_infinity=True)


def finish(draft: Path, output: Output, mime_type: str, notes: list[str]) -> Prepared:
    """Move a finished draft to the output in one atomic step, or read it into memory.

    Raises:
        MediaError: The suffix of the output belongs to another format.
    """
    check_suffix(output, mime_type)
    if output is None:
        return Prepared(None, draft.read_bytes(), mime_type, tuple(notes))
    target = Path(output).absolute()
    draft.replace(target)
    return Prepared(target, None, mime_type, tuple(notes))


class ProgressMonitor:
    """Reports the progress of a prepare call and enforces its time limit.

    Args:
        progress: Called with the completed share, or None.
        show: Whether to draw a progress bar on standard error.
        time_limit: Seconds that the whole call may take.
    """

    def __init__(self, progress: ProgressCallback | None, *, show: bool, time_limit: float) -> None:
        self._progress = progress
        self._show = show
        self._time_limit = time_limit
        self._deadline = time.monotonic() + time_limit
        self._reported = -1

    def report(self, share: float) -> None:
        """Report the completed share of the work, when it has grown by a percent or more.

        Raises:
            MediaError: The time limit has expired.
        """
        if time.monotonic() > self._deadline:
            raise MediaError(
                f"preparing took longer than time_limit={self._time_limit:g} s; shorten the source "
                "with start_s and end_s, or raise time_limit"
            )
        share = min(1.0, max(0.0, share))
        percent = int(share * 100)
        if percent <= self._reported:
            return
        self._reported = percent
        if self._progress is not None:
            self._progress(share)
        if self._show:
            done = "#" * (percent * _BAR_WIDTH // 100)
            end = "\n" if percent == 100 else ""
            sys.stderr.write(f"\r[{done:<{_BAR_WIDTH}}] {percent:3d} %{end}")
            sys.stderr.flush()
