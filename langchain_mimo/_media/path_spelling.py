r"""Checks how a path from a message is spelled, before anything on the disk is looked at.

Some spellings reach the network or a device as soon as the operating system resolves them: on
Windows, `\\server\share` and `\??\UNC\server\share` would send the user's credentials to that
server. Nothing here touches the disk, so the rules for Windows are tested on every system.
"""

from __future__ import annotations

import os
import re

_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+=*")
_MIN_BASE64 = 100
"""Characters from which on a string without dots is more likely base64 than a path."""

_WINDOWS_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\..*)?", re.IGNORECASE
)


def shown_path(path: str) -> str:
    """Return the `repr` of a path for an error message, cut to 200 characters."""
    return repr(path if len(path) <= 200 else path[:200] + "…")


def path_hint(path: str | os.PathLike[str], *, windows: bool = os.name == "nt") -> str:
    """Return what is probably wrong with a path that cannot be opened, "" if nothing is known.

    Args:
        path: As the program gave it.
        windows: Whether this is Windows. Default: whether it is.
    """
    text = os.fspath(path)
    if text.startswith("~"):
        return "; ~ is not expanded, use Path(...).expanduser()"
    if text.lower().startswith("www."):
        return "; a URL begins with https://"
    if not windows and (_WINDOWS_DRIVE.match(text) or text.startswith("\\\\")):
        return "; it is a path of Windows, and this is another system"
    if len(text) >= _MIN_BASE64 and _BASE64.fullmatch(text):
        return "; for base64, give data:<MIME type>;base64,<base64>"
    return ""


def check_absolute(path: str, *, windows: bool = os.name == "nt") -> str:
    """Check that a path from a message names a file on a disk of this machine.

    Args:
        path: The path, decoded from its URL.
        windows: Whether the rules of Windows apply. Default: those of this system.

    Returns:
        The path; on Windows without the slash before the drive that `file:///C:/cat.png` has.

    Raises:
        ValueError: It is relative, or is spelled as a network path, a device or an alternate
            stream; the text is the reason, for a MediaError.
    """
    if "\0" in path:
        raise ValueError("its file path contains a null byte; correct the path")
    if windows and path[:1] == "/" and path[2:3] == ":":
        path = path[1:]
    separator = r"[\\/]" if windows else "/"
    if path.startswith("\\\\") or re.match(f"{separator}{{2}}", path):
        raise ValueError(
            f"{shown_path(path)} is a network path; only files on this machine are opened"
        )
    if windows:
        _check_windows(path)
    elif not path.startswith("/"):
        raise _relative(path)
    return path


def _check_windows(path: str) -> None:
    if not _WINDOWS_DRIVE.match(path):
        if path[:1] in ("/", "\\"):  # without a drive: a relative path, or an object's name (\??\)
            raise ValueError(
                f"{shown_path(path)} names no drive; write file:///C:/folder/file with the drive"
            )
        raise _relative(path)
    names = re.split(r"[\\/]", path[3:])
    if any(":" in name for name in names):
        raise ValueError(
            f"{shown_path(path)} names an alternate stream of a file; only files are opened"
        )
    if any(_WINDOWS_DEVICE.fullmatch(name) for name in names):
        raise ValueError(f"{shown_path(path)} names a device; only files are opened")


def _relative(path: str) -> ValueError:
    return ValueError(
        f"{shown_path(path)} is a relative path; create the block with image_block, "
        "video_block or audio_block, which store the absolute path"
    )
