"""The emulator's settings, checked when it is constructed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from langchain_mimo.emulator.api.models import simulated_time
from langchain_mimo.emulator.api.rules import Rules
from langchain_mimo.emulator.expected import Expected, integer, or_none, shown
from langchain_mimo.version import install_command

_EXTRA = ("starlette", "uvicorn", "av")
_VISIBLE = re.compile(r"[!-~]+")


def _is_date(value: Any) -> bool:
    if not isinstance(value, date | str):
        return False
    try:
        simulated_time(value)
    except ValueError:
        return False
    return True


PORT = integer(0, 65535)
HOST = Expected(
    "a host name or an IP address of this machine",
    lambda value: isinstance(value, str) and value != "",
)
DATE = Expected("a date such as 2026-04-22", _is_date)
KEY = Expected(
    "a non-empty string of visible ASCII characters",
    lambda value: isinstance(value, str) and _VISIBLE.fullmatch(value) is not None,
)
FOLDER = Expected(
    "an existing folder", lambda value: isinstance(value, str | Path) and Path(value).is_dir()
)


@dataclass(slots=True)
class Settings:
    """The settings that decide how requests are answered; `MiMoEmulator` documents them.

    Raises:
        ValueError: A setting has an invalid value.
    """

    api_key: str
    as_of: Any
    lenient: bool
    strict_parameters: bool
    strict_tool_turns: bool
    anthropic_audio_video: bool
    always_send_usage: bool
    processing_every: int | None
    web_search: bool
    keep_bodies: bool
    max_recorded: int | None
    max_body_bytes: int
    host: str
    cors: bool

    def __post_init__(self) -> None:
        """Check the settings, so that a mistake shows before the first request."""
        if not KEY.fits(self.api_key):  # the message must not contain the key
            raise ValueError(f"api_key must be {KEY.description}")
        or_none(DATE).check("as_of", self.as_of)
        or_none(integer(1)).check("processing_every", self.processing_every)
        or_none(integer(1)).check("max_recorded", self.max_recorded)
        integer(1).check("max_body_bytes", self.max_body_bytes)

    def rules(self) -> Rules:
        """Return the rules for checking a request at this moment."""
        return Rules(
            simulated_time(self.as_of),
            require_reasoning=not self.lenient,
            strict_parameters=self.strict_parameters,
            strict_tool_turns=self.strict_tool_turns,
            web_search=self.web_search,
            anthropic_audio_video=self.anthropic_audio_video,
        )


def check_address(host: Any, port: Any) -> None:
    """Check the address to listen on.

    Raises:
        ValueError: `host` is not a non-empty string, or `port` is not a port number.
    """
    HOST.check("host", host)
    PORT.check("port", port)


def check_media_root(media_root: Any) -> None:
    """Check the mapping from URL prefixes to folders.

    Raises:
        ValueError: `media_root` is not a mapping from URL prefixes to existing folders.
    """
    if media_root is None:
        return
    if not isinstance(media_root, Mapping):
        raise ValueError(  # noqa: TRY004 - every invalid setting is a ValueError
            f"media_root must be a mapping from URL prefixes to folders, got {shown(media_root)}"
        )
    for prefix, folder in media_root.items():
        if not (isinstance(prefix, str) and prefix):
            raise ValueError(f"media_root's keys must be non-empty strings, got {shown(prefix)}")
        FOLDER.check(f"media_root[{prefix!r}]", folder)


def require_extra() -> None:
    """Check that the packages of the extra `emulator` are installed.

    Raises:
        ImportError: A package is missing.
    """
    missing = [name for name in _EXTRA if not _is_installed(name)]
    if missing:
        raise ImportError(
            f"the emulator needs {', '.join(missing)}; run {install_command('emulator')}",
            name=missing[0],
        )


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # a module put into sys.modules by hand has no spec
        return True
