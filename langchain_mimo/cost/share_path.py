"""The path of a budget's file, and what is wrong with it."""

from __future__ import annotations

from langchain_mimo._sqlite_files import file_path
from langchain_mimo.errors import MiMoConfigurationError, MiMoError


def share_path(share: object) -> str:
    """Return the absolute path of `share`, in which "~" is the home folder.

    Raises:
        ValueError: It is not the path of a file.
    """
    try:
        return file_path("share", share)
    except ValueError as error:
        if isinstance(share, str) and share.startswith((":memory:", "file:")):
            reason = f"{error}; leave share out for a budget of this process alone"
            raise ValueError(reason) from None
        raise


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
