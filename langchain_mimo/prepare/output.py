"""What the three prepare functions share: source and output files, progress, time limit."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, TypeAlias

from pydantic.json_schema import SkipJsonSchema

from langchain_mimo._checks import known_keywords, number
from langchain_mimo._media.formats import SUFFIXES
from langchain_mimo._media.local_files import file_type, open_trusted_file
from langchain_mimo._media.path_spelling import shown_path
from langchain_mimo.errors import MediaError, MiMoInputError, as_input_error
from langchain_mimo.prepare.drafts import new_draft

Source: TypeAlias = str | os.PathLike[str] | bytes
"""A local path, or the bytes."""

Output: TypeAlias = str | os.PathLike[str] | None
"""A path to write to, or None to return the result in memory."""

ProgressCallback: TypeAlias = Annotated[Callable[[float], None], SkipJsonSchema()]
"""Called with the completed share of the work, 0.0 to 1.0. No schema of a tool has it: models write
no functions."""

DEFAULT_TIME_LIMIT = 600.0
"""Default time limit of a prepare call, in seconds."""

naming_unknown_arguments = known_keywords(
    MiMoInputError,
    dict.fromkeys(("budget", "budget_tokens", "max_tokens"), "did you mean 'token_budget'?").get,
)
"""Decorates the three functions; `plan_video` takes `budget_tokens`."""

_BAR_WIDTH = 40
_DISK_ERRORS = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EFBIG", "EDQUOT", "EROFS") if hasattr(errno, name)
)
_SYSTEM_FOLDERS = frozenset({"/dev", "/proc"})


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

    The file at `output` stays as it is until the draft replaces it. Only a process that is killed
    leaves its draft behind; a later call that writes to the same folder removes it.

    Raises:
        MediaError: The output is not a path, is a folder, a device, a pipe, a socket or the source,
            its folder does not exist, or writing fails.
    """
    target = _check_output(output)
    if target is not None and not isinstance(source, bytes) and _is_same_file(target, source):
        raise MediaError(f"output {str(target)!r} is the source itself; choose another path")
    folder = target.parent if target is not None else Path(tempfile.gettempdir())
    try:
        with new_draft(folder, private=target is None) as draft:
            yield draft
    except OSError as error:
        raise _not_written(folder, target, error) from error
    except MediaError as error:
        # What failed to write may have made an error of its own of it, which names the source.
        if getattr(error.__cause__, "errno", None) in _DISK_ERRORS:
            raise _not_written(folder, target, error.__cause__) from error.__cause__
        raise


def _not_written(folder: Path, target: Path | None, error: BaseException | None) -> MediaError:
    reason = getattr(error, "strerror", None) or str(error)
    if target is None:
        return MediaError(
            f"the result cannot be written to the temporary folder {str(folder)!r}: {reason}; make "
            "room there, or choose another folder with the environment variable TMPDIR"
        )
    return MediaError(
        f"output {shown_path(str(target))} cannot be written: {reason}; make room, or choose "
        "another path"
    )


def _check_output(output: Output) -> Path | None:
    """Check the output before any work is done, and return it as an absolute path."""
    if output is None:
        return None
    if not isinstance(output, str | os.PathLike) or not isinstance(os.fspath(output), str):
        raise MediaError(f"output must be a path or None, got {type(output).__name__}")
    name = os.fspath(output)
    if "\0" in name:
        raise MediaError(f"output {shown_path(name)} contains a null byte; correct the path")
    target = Path(name).absolute()
    try:
        _check_target(target, name)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MediaError(
            f"output {shown_path(name)} cannot be written: {reason}; choose another path"
        ) from None
    return target


def _check_target(target: Path, name: str) -> None:
    """Refuse what must not be replaced by a file: anything there that is not a file itself.

    A link is replaced and its target stays as it is; but the links of the operating system, such
    as /dev/stdout, are not files of the user's, whatever they lead to.
    """
    with suppress(FileNotFoundError):
        is_link = stat.S_ISLNK(target.lstat().st_mode)
        if not stat.S_ISREG(mode := target.stat().st_mode):
            hint = "add a file name" if stat.S_ISDIR(mode) else "give the path of a file"
            raise MediaError(
                f"output must be a file, but {shown_path(name)} is {file_type(mode)}; {hint}"
            )
        folder = os.path.realpath(target.parent)
        if is_link and (folder in _SYSTEM_FOLDERS or folder.startswith("/proc/")):
            raise MediaError(
                f"output must be a file, but {shown_path(name)} is a link of the operating system; "
                "give the path of a file"
            )
    if not target.parent.is_dir():
        raise MediaError(
            f"the folder {shown_path(str(target.parent))} does not exist; create it first"
        )


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


def _is_same_file(target: Path, source: str | os.PathLike[str]) -> bool:
    try:
        return target.samefile(source)
    except (OSError, ValueError):  # one of them does not exist, or cannot
        return False


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
        MediaError: The suffix of the output belongs to another format, or the output has become
            something that must not be replaced.
    """
    check_suffix(output, mime_type)
    target = _check_output(output)
    if target is None:
        return Prepared(None, draft.read_bytes(), mime_type, tuple(notes))
    draft.replace(target)
    return Prepared(target, None, mime_type, tuple(notes))


class ProgressMonitor:
    """Reports the progress of a prepare call and enforces its time limit.

    Args:
        progress: Called with the completed share, or None.
        show: Whether to draw a progress bar on standard error.
        time_limit: Seconds that the whole call may take.
        remedy: What to do when the time limit expires.
    """

    def __init__(
        self,
        progress: ProgressCallback | None,
        *,
        show: bool,
        time_limit: float,
        remedy: str = "shorten the source with start_s and end_s, or raise time_limit",
    ) -> None:
        self._progress = progress
        self._show = show
        self._remedy = remedy
        self._time_limit = time_limit
        self._deadline = time.monotonic() + time_limit
        self._reported = -1

    def check(self) -> None:
        """Check the time limit.

        Raises:
            MediaError: It has expired.
        """
        if time.monotonic() > self._deadline:
            raise MediaError(
                f"preparing took longer than time_limit={self._time_limit:g} s; {self._remedy}"
            )

    def report(self, share: float) -> None:
        """Report the completed share of the work, when it has grown by a percent or more.

        Raises:
            MediaError: The time limit has expired.
        """
        self.check()
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
