"""What a block shows of a file, for each time range: by its header and its packets."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, TypeAlias

from langchain_mimo._checks import shown
from langchain_mimo.document_loaders.bounds import SHORTEST_S, Bounds
from langchain_mimo.errors import MediaError
from langchain_mimo.media import SAFE_INLINE_BYTES, MediaInfo, PacketTable, probe
from langchain_mimo.retrievers.hits import Modality
from langchain_mimo.tokens import DEFAULT_FPS, MediaResolution

Form: TypeAlias = Literal["whole", "copied", "prepared", "url"]
"""How a moment is sent: the file, a range whose packets are copied, what `prepare` made, a URL."""

_ROUNDING_S = 0.0006
"""Seconds by which times of metadata differ from what they name: they are rounded to 0.001."""

_TOLERANCE_S = 1.0
"""Seconds by which a moment may begin behind the end of its file: lengths are estimated."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a block shows of a source.

    Attributes:
        start_s: Start of what was asked for, in seconds of the source: within it, and moved to the
            place at which copies start, if metadata were rounded.
        end_s: Its end, likewise.
        from_s: Start of what is shown.
        to_s: Its end; None for a video or audio at a URL, whose length is not known.
        form: How it is sent.
        tokens: Tokens that it costs; None for a URL.
        is_whole: Whether it is all of the source.
    """

    start_s: float
    end_s: float
    from_s: float
    to_s: float | None
    form: Form
    tokens: int | None
    is_whole: bool = False

    @property
    def seconds(self) -> float:
        """Seconds that are shown; infinite where they are not known."""
        return math.inf if self.to_s is None else self.to_s - self.from_s


class MediaSource(Protocol):
    """A source of moments."""

    @property
    def cuts(self) -> bool:
        """Whether time ranges of it can be shown alone."""
        ...

    def show(self, start_s: float, end_s: float) -> Shown:
        """Return what a block for a time range shows; the end may lie behind that of the source."""
        ...


class MediaUrl:
    """A URL, which MiMo reads as a whole.

    Args:
        modality: What its Documents say it is.
    """

    cuts = False

    def __init__(self, modality: Modality) -> None:
        self._length_s = 0.0 if modality == "image" else None

    def show(self, start_s: float, end_s: float) -> Shown:
        """Return that all of it is shown."""
        end_s = start_s if math.isinf(end_s) else end_s
        return Shown(start_s, end_s, 0.0, self._length_s, "url", None, is_whole=True)


class MediaFile:
    """A local file. Its header is read at once, its packets where a range of it is asked for.

    Args:
        path: Its absolute path.
        source: What errors call it.
        modality: What its Documents say it is.
        fps: Frames per second that are sampled of a video, for the tokens. Default: 2, MiMo's own.
        media_resolution: "default" or "max", likewise.

    Raises:
        MediaError: It cannot be measured, or is something else.
    """

    def __init__(
        self,
        path: str,
        source: str,
        modality: Modality,
        *,
        fps: float | None = None,
        media_resolution: MediaResolution | None = None,
    ) -> None:
        self.info: MediaInfo = probe(path)
        self._name = shown(source)
        if self.info.kind != modality:
            raise MediaError(
                f"{self._name} is {_A[self.info.kind]}, but its Documents say that it is "
                f"{_A[modality]}; index again"
            )
        resolution = media_resolution or "default"
        self._bounds = Bounds(
            1, math.inf, SAFE_INLINE_BYTES, fps or DEFAULT_FPS, resolution, "shrink"
        )
        self.cuts = modality != "image"
        self._known: dict[tuple[float, float], Shown] = {}

    @cached_property
    def _table(self) -> PacketTable:
        return self.info.packets()

    def show(self, start_s: float, end_s: float) -> Shown:
        """Return what a block for a time range shows.

        Raises:
            MediaError: The range lies behind the end of the file, or the packets cannot be read.
        """
        # Limits are tried hit by hit, which asks for the same ranges again.
        key = round(start_s, 3), round(end_s, 3)
        if key not in self._known:
            self._known[key] = self._show(*key) if self.cuts else self._whole(0.0)
        return self._known[key]

    def _show(self, start_s: float, end_s: float) -> Shown:
        if start_s <= 0 and end_s >= (self.info.duration_s or math.inf) - _ROUNDING_S:
            return self._whole(self.info.duration_s or self._table.duration_s)
        table = self._table
        if start_s > table.duration_s + _TOLERANCE_S:
            raise MediaError(
                f"{self._name} ends at {table.duration_s:.3f} s, but a Document says that "
                f"something is at {start_s:g} s; index again"
            )
        start_s, end_s = self._within(start_s, end_s)
        if start_s <= 0 and end_s >= table.duration_s:
            return self._whole(table.duration_s)
        if table.copy_refusal is None:
            try:
                copy = table.copy_range(start_s, end_s)
            except MediaError:
                return self._prepared(start_s, end_s)
            if copy.size <= SAFE_INLINE_BYTES:
                tokens = self._bounds.tokens(self.info, copy.seconds, has_audio=copy.has_audio)
                return Shown(start_s, end_s, copy.start_s, copy.end_s, "copied", tokens)
        return self._prepared(start_s, end_s)

    def _whole(self, seconds: float) -> Shown:
        form: Form = "whole" if self.info.refusal is None else "prepared"
        tokens = self._bounds.tokens(self.info, seconds)
        return Shown(0.0, seconds, 0.0, seconds, form, tokens, is_whole=True)

    def _prepared(self, start_s: float, end_s: float) -> Shown:
        tokens = self._bounds.tokens(self.info, end_s - start_s)
        return Shown(start_s, end_s, start_s, end_s, "prepared", tokens)

    def _within(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Return a range that is within the file and not empty, at places where copies start."""
        last = self._table.duration_s
        start_s, end_s = (max(0.0, min(each, last)) for each in (start_s, end_s))
        if end_s - start_s < SHORTEST_S - _ROUNDING_S:
            start_s = max(0.0, min(start_s, round(last - SHORTEST_S, 3)))
            end_s = min(last, round(start_s + SHORTEST_S, 3))
        return self._place_near(start_s), self._place_near(end_s)

    def _place_near(self, seconds: float) -> float:
        """Return the place that metadata name, which are rounded to milliseconds."""
        places, last = self._table.copy_starts, self._table.duration_s
        at = bisect_left(places, seconds - _ROUNDING_S)
        near = [*places[at : at + 1], last]
        return next((each for each in near if abs(each - seconds) <= _ROUNDING_S), seconds)


_A = {"image": "an image", "video": "a video", "audio": "audio"}
