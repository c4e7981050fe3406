"""The registry of makers, and what is true of the file that each makes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "video", "audio"]
Verdict = Literal["accepted", "refused"]
Preparation = Literal["unchanged", "converted", "refused"]


@dataclass(frozen=True)
class MediaFile:
    """A file of the collection.

    Attributes:
        name: Its unique name, with the suffix that people give to such files.
        kind: What it is: the block it is meant for, and the function that prepares it.
        make: Returns its bytes; read them from `data`, which makes them once.
        block: What the block of its kind, and so MiMo, says to it.
        prepared: What `prepare_image`, `prepare_video` or `prepare_audio` makes of it: the same
            bytes, other bytes that the block accepts, or MediaError, because nothing helps; None
            where either of the first two is fine.
        seconds: How long it is shown or heard; None for images and where nothing can be shown.
        shown: Width and height as shown, upright, in pixels; None for audio.
        frames: Number of frames that are shown; None where no test needs it.
        has_audio: Whether a video has audio.
        about: Why it is in the collection, in a few words.
    """

    name: str
    kind: Kind
    make: Callable[[], bytes]
    block: Verdict = "accepted"
    prepared: Preparation | None = "unchanged"
    seconds: float | None = None
    shown: tuple[int, int] | None = None
    frames: int | None = None
    has_audio: bool | None = None
    about: str = ""

    @property
    def data(self) -> bytes:
        """Its bytes."""
        return _made(self.name)

    @property
    def suffix(self) -> str:
        """The suffix of its name, with the dot."""
        return "." + self.name.rpartition(".")[2]

    def __str__(self) -> str:
        return self.name


_files: dict[str, MediaFile] = {}


def collection(kind: Kind | None = None, *, block: Verdict | None = None) -> list[MediaFile]:
    """Return the files of a kind, or all, in the order in which they were added."""
    return [
        file
        for file in _files.values()
        if kind in (None, file.kind) and block in (None, file.block)
    ]


def find(name: str) -> MediaFile:
    """Return the file with this name."""
    return _files[name]


def add(name: str, kind: Kind, make: Callable[[], bytes], **truth: object) -> None:
    """Add a file.

    Args:
        name: Its unique name.
        kind: What it is.
        make: Returns its bytes.
        truth: The other fields of `MediaFile`. A refused file is converted unless said otherwise.
    """
    assert name not in _files, name
    if truth.get("block") == "refused":
        truth.setdefault("prepared", "converted")
    _files[name] = MediaFile(name, kind, make, **truth)


def adder(kind: Kind) -> Callable[..., Callable[[Callable[[], bytes]], Callable[[], bytes]]]:
    """Return the decorator that adds files of a kind: `@image("name.png", shown=(40, 30))`."""

    def named(name: str, **truth: object) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
        def add_maker(make: Callable[[], bytes]) -> Callable[[], bytes]:
            add(name, kind, make, **truth)
            return make

        return add_maker

    return named


@functools.cache
def _made(name: str) -> bytes:
    return _files[name].make()
