"""What the emulator is told at its construction, checked there."""

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

_EXTRA = ("starlette", "uvicorn", "av")
_VISIBLE = re.compile(r"[!-~]+")


def _names_a_day(value: Any) -> bool:
    if not isinstance(value, date | str):
        return False
    try:
        simulated_time(value)
    except ValueError:
        return False
    return True


PORT = integer(0, 65535)
HOST = Expected(
    "a name or an address of this machine", lambda value: isinstance(value, str) and value != ""
)
DAY = Expected("a day such as 2026-04-22", _names_a_day)
KEY = Expected(
    "a text of visible ASCII characters",
    lambda value: isinstance(value, str) and _VISIBLE.fullmatch(value) is not None,
)
FOLDER = Expected(
    "a folder that exists", lambda value: isinstance(value, str | Path) and Path(value).is_dir()
)


@dataclass(slots=True)
class Settings:
    """What the emulator is told at its construction; see `MiMoEmulator`.

    Raises:
        ValueError: One of them is not what it must be.
    """

    api_key: str
    as_of: Any
    lenient: bool
    strict_parameters: bool
    strict_tool_turns: bool
    always_send_usage: bool
    web_search: bool
    keep_bodies: bool
    max_recorded: int | None
    max_body_bytes: int

    def __post_init__(self) -> None:
        """Check them, so that a mistake does not wait for the first request."""
        if not KEY.fits(self.api_key):  # a key is nothing to be shown
            raise ValueError(f"api_key cannot be sent; it must be {KEY.words}.")
        or_none(DAY).check("as_of", self.as_of)
        or_none(integer(1)).check("max_recorded", self.max_recorded)
        integer(1).check("max_body_bytes", self.max_body_bytes)

    def rules(self) -> Rules:
        """How a request is read at this moment."""
        return Rules(
            simulated_time(self.as_of),
            require_reasoning=not self.lenient,
            strict_parameters=self.strict_parameters,
            strict_tool_turns=self.strict_tool_turns,
        )


def check_address(host: Any, port: Any) -> None:
    """Check where to listen.

    Raises:
        ValueError: No host, or no port.
    """
    HOST.check("host", host)
    PORT.check("port", port)


def check_media_root(media_root: Any) -> None:
    """Check the folders that stand behind addresses.

    Raises:
        ValueError: It is no mapping from prefixes to folders that exist.
    """
    if media_root is None:
        return
    if not isinstance(media_root, Mapping):
        raise ValueError(  # noqa: TRY004 - what is wrong with a switch is a ValueError throughout
            f"media_root is {shown(media_root)}; it must be a mapping from prefixes to folders."
        )
    for prefix, folder in media_root.items():
        if not (isinstance(prefix, str) and prefix):
            raise ValueError(f"media_root has {shown(prefix)}; a prefix must be a text.")
        FOLDER.check(f"media_root[{prefix!r}]", folder)


def require_extra() -> None:
    """Check that what the emulator alone needs is installed.

    Raises:
        ImportError: It is not.
    """
    missing = [name for name in _EXTRA if not _is_installed(name)]
    if missing:
        raise ImportError(
            f'The emulator needs {" and ".join(missing)}: pip install "langchain-mimo[emulator]"',
            name=missing[0],
        )


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # a module that someone put into sys.modules by hand has no spec
        return True
