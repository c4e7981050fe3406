"""Measures the files that are planned or priced: any that `langchain_mimo.prepare` reads."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from langchain_mimo._media import limits
from langchain_mimo._media.headers.reader import AVHeader, ImageHeader, MediaHeader
from langchain_mimo._media.local_files import check_source
from langchain_mimo._media.media_info import MediaInfo, probe
from langchain_mimo._media.references import MediaKind
from langchain_mimo.errors import MediaError

Source: TypeAlias = str | os.PathLike[str] | bytes | MediaInfo
"""A local path, the bytes of a file, or what `langchain_mimo.media.probe` returned for it."""

_ROOM = "langchain_mimo.prepare"


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """A file that MiMo takes, as it is or prepared.

    Attributes:
        info: What its headers say.
        kind: What it is to be sent as.
        name: What it is called in errors.
        argument: How a call spells it.
    """

    info: MediaInfo
    kind: MediaKind
    name: str
    argument: str

    @property
    def seconds(self) -> float | None:
        """Its duration, or the most that it may be; None if nothing is known."""
        info = self.info
        return info.duration_s or (info.duration_range_s or (0.0, 0.0))[1] or None

    @property
    def longest_s(self) -> float:
        """Seconds of it that fit into one block: of a file that is accepted, all."""
        if self.info.refusal is None and self.kind == self.info.kind:
            return math.inf
        return limits.longest_encoded(self.kind, has_audio=self.info.has_audio)

    @property
    def is_too_long(self) -> bool:
        """Whether no preparation makes one block of it."""
        is_large = self.info.size > limits.SAFE_INLINE_BYTES
        return is_large and (self.seconds or 0.0) > self.longest_s

    def planned_seconds(self) -> float:
        """Return the seconds that are planned.

        Raises:
            MediaError: It has not the length or the size that its kind needs.
        """
        info, kind, seconds = self.info, self.kind, self.seconds
        reason = None
        if info.kind == "image":
            reason = (
                f"it is an image ({info.format}) and has no length; price it with estimate_file, "
                "or make a video of an animation with prepare_video first"
            )
        elif kind == "video" and info.kind == "audio":
            reason = f"it is audio ({info.format}), not video; plan it with plan_segments"
        elif kind == "audio" and not info.has_audio:
            reason = "it has no audio; plan it as video"
        elif not seconds or (kind == "video" and not (info.width and info.height)):
            what = "duration and size" if kind == "video" else "duration"
            reason = (
                f"its header does not state its {what}; convert it with "
                f"langchain_mimo.prepare.prepare_{kind} and plan the result"
            )
        if reason is not None:
            raise MediaError(f"{self.name} cannot be planned: {reason}")
        return seconds or 0.0

    @property
    def header(self) -> MediaHeader | None:
        """What its headers say that counts for the cost."""
        info = self.info
        if info.kind == "image":
            return ImageHeader(info.width, info.height) if info.width and info.height else None
        return AVHeader(
            duration=info.duration_s,
            width=info.width,
            height=info.height,
            has_audio=info.has_audio if info.streams else None,
            duration_range=info.duration_range_s,
        )

    def call(self, **options: object) -> str:
        """Return the call that prepares it, with these arguments."""
        arguments = [self.argument, *(f"{name}={value!r}" for name, value in options.items())]
        return f"prepare_{self.kind}({', '.join(arguments)})"

    def preparation(self, **options: object) -> str | None:
        """Return the call without which MiMo does not take it; None if it does, or if none helps.

        Args:
            options: Arguments of the call.
        """
        is_accepted = self.info.refusal is None and self.kind == self.info.kind
        return None if is_accepted or self.is_too_long else self.call(**options)

    def advice(self, **options: object) -> str | None:
        """Return what has to be done before it is sent, and why, in one sentence, or None."""
        if self.is_too_long:
            return f"Cut it with plan_segments: {self.seconds:.0f} s are too long for one block."
        call = self.preparation(**options)
        reason = (self.info.refusal or "").partition(";")[0]
        return None if call is None else f"Prepare it first with {call}: {reason}."


def measure(function: str, source: Source, kind: MediaKind | None = None) -> MeasuredFile:
    """Measure a file from its headers.

    Args:
        function: The function that was called, for errors.
        source: The file.
        kind: What it is to be sent as. Default: what it is.

    Raises:
        MediaError: The source is not a local file, bytes or a `MediaInfo`, cannot be measured, or
            neither is accepted by MiMo nor can be prepared.
    """
    info = source if isinstance(source, MediaInfo) else probe(check_source(function, source))
    origin = info.source
    if isinstance(origin, bytes):
        name, argument = "the given bytes", "data"
    else:
        name, argument = repr(str(Path(origin).absolute())), repr(os.fspath(origin))
    if info.refusal is not None and _ROOM not in info.refusal:
        raise MediaError(f"{name} can neither be sent nor prepared: {info.refusal}")
    return MeasuredFile(info, kind or info.kind, name, argument)
