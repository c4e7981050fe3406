"""The path of a budget's file: checked, created for its owner alone, and what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

from langchain_mimo._checks import shown
from langchain_mimo.errors import MiMoConfigurationError, MiMoError


def share_path(share: object) -> str:
    """Return the absolute path of `share`, in which "~" is the home folder.

    Raises:
        ValueError: It is not the path of a file.
    """
    text = os.fspath(share) if isinstance(share, os.PathLike) else share
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise ValueError(f"share must be the path of a file, got {shown(share)}")
    if text == ":memory:" or text.startswith("file:"):
        raise ValueError(
            f"share must be the path of a file, got {text!r}; leave share out for a budget of this "
            "process alone"
        )
    try:
        return str(Path(text).expanduser().absolute())
    except RuntimeError as error:
        raise ValueError(f"share={text!r}: {error}") from error


def create_private(path: str) -> None:
    """Create a file that only its owner may read, since SQLite would let everybody read it.

    Raises:
        MiMoConfigurationError: It cannot be created, or used if it exists.
    """
    folder = Path(path).parent
    if not folder.is_dir():
        raise unusable(path, f"its folder {folder} does not exist")
    if Path(path).is_dir():
        raise unusable(path, "it is a folder; add the name of a file")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except PermissionError as error:
        what = "it" if Path(path).exists() else f"in its folder {folder}"
        raise unusable(path, f"no permission to write {what}") from error
    except OSError as error:
        raise unusable(path, error.strerror or str(error)) from error


def unusable(path: str, reason: str) -> MiMoError:
    """Return the error about a file; a locked one is no wrong argument, and may be free later."""
    if "locked" in reason:
        error = MiMoError(
            f"the budget file {path} is locked by another program; close it there, or try again"
        )
        error.is_retryable = True
        return error
    if "readonly" in reason:
        reason = f"no permission to write it or its folder ({reason})"
    return MiMoConfigurationError(f"the budget file {path} cannot be used: {reason}")
