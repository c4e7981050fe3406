"""Makes the segments of a file: whole, copied or encoded."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import Any

from langchain_mimo.cost.files import MeasuredFile
from langchain_mimo.cost.segments import MediaSegment
from langchain_mimo.document_loaders.bounds import SHORTEST_S, Bounds
from langchain_mimo.errors import MediaError
from langchain_mimo.media import SAFE_INLINE_BYTES, CopiedRange, MediaInfo, PacketTable
from langchain_mimo.prepare.forecast import (
    Forecast,
    copying_seconds,
    decoding_seconds,
    forecast_audio,
    forecast_video,
)


class PlannedFile:
    """A video or audio file, its packets, and the bounds of its segments.

    The packets are read when they are first needed.

    Attributes:
        info: What its headers say.
        bounds: What every segment has to be within.
        name: What it is called in errors.
    """

    def __init__(self, file: MeasuredFile, bounds: Bounds) -> None:
        self._file = file
        self.info: MediaInfo = file.info
        self.bounds = bounds
        self.name = file.name
        self._forecasts: dict[float, Forecast | None] = {}

    @cached_property
    def table(self) -> PacketTable:
        """Its packets."""
        return self.info.packets()

    def check_dimensions(self) -> None:
        """Check that the tokens of a segment can be counted.

        Raises:
            MediaError: It is a video whose header does not state its size.
        """
        if self.info.kind == "video" and not (self.info.width and self.info.height):
            raise self.error(
                "its header does not state its size; convert it with "
                "langchain_mimo.prepare.prepare_video and plan the result"
            )

    def error(self, reason: str) -> MediaError:
        """Return an error that names the file."""
        return MediaError(f"{self.name} cannot be planned: {reason}")

    def whole(self) -> MediaSegment | None:
        """Return the segment that is the file itself, if MiMo takes it and it is within the bounds.

        Its packets are not read.
        """
        info, bounds, seconds = self.info, self.bounds, self._file.seconds
        is_measured = info.kind == "audio" or (info.width and info.height)
        if info.refusal is not None or not seconds or not is_measured:
            return None
        tokens = bounds.tokens(info, seconds)
        if tokens > bounds.budget_tokens or info.size > bounds.max_bytes:
            return None
        if not bounds.holds(seconds, info.kind):
            return None
        return self._segment(0.0, seconds, tokens, whole=True, size=info.size)

    @property
    def encodes_all(self) -> str | None:
        """Why none of it can be copied, neither for a block nor by `prepare_video`, or None."""
        table = self.table
        if table.copy_refusal is not None and not table.is_copied_by_prepare:
            return table.copy_refusal
        has_places = self.info.kind == "audio" or len(table.copy_starts) > 0
        return None if has_places else "no key frame of it begins a closed group"

    def range(self, start_s: float, end_s: float) -> CopiedRange:
        """Return the copy of a time range: for a block if possible, or by `prepare_video`.

        Raises:
            MediaError: There is none.
        """
        table = self.table
        if table.copy_refusal is None:
            return table.copy_range(start_s, end_s)
        return table.prepared_range(start_s, end_s)

    def copied(self, start_s: float, end_s: float) -> CopiedRange | None:
        """Return the copy of a time range, if there is one within the bounds."""
        if not self.bounds.holds(end_s - start_s, self.info.kind):
            return None
        try:
            copy = self.table.copy_bounds(start_s, end_s)
        except MediaError:
            return None
        return copy if self._is_within(copy) else None

    def _is_within(self, copy: CopiedRange) -> bool:
        most = self.bounds.most_tokens(self.info, copy.seconds)
        return copy.size <= self.bounds.max_bytes and most <= self.bounds.budget_tokens

    def can_copy(self, start_s: float, end_s: float) -> bool:
        """Whether there is such a copy."""
        return self.copied(start_s, end_s) is not None

    def can_copy_exactly(self, start_s: float, end_s: float) -> bool:
        """Whether there is such a copy, which starts and ends there."""
        copy = self.copied(start_s, end_s)
        return copy is not None and (copy.start_s, copy.end_s) == (start_s, end_s)

    def copied_segment(self, start_s: float, end_s: float) -> MediaSegment:
        """Return a segment that is copied, for a block or by `prepare_video`."""
        copy, refusal = self.range(start_s, end_s), self.table.copy_refusal
        if refusal is None:
            tokens = self.bounds.tokens(self.info, copy.seconds, has_audio=copy.has_audio)
            return self._segment(start_s, end_s, tokens, copied=True, size=copy.size)
        return self._prepared_copy(start_s, end_s, copy, refusal)

    def _prepared_copy(
        self, start_s: float, end_s: float, copy: CopiedRange, why: str
    ) -> MediaSegment:
        return self._segment(
            start_s,
            end_s,
            self.bounds.tokens(self.info, copy.seconds, has_audio=copy.has_audio),
            preparation=self._call(start_s, end_s),
            size=copy.size,
            encoding_s=copying_seconds(self.info, copy.seconds),
            note=f"It is copied into an MP4, because {why}.",
        )

    def can_encode(self, seconds: float, *, shrinks: bool) -> bool:
        """Whether a segment of this length can be encoded within the bounds.

        Args:
            seconds: The length.
            shrinks: Whether the frames of a video may be shrunk.
        """
        bounds = self.bounds
        if not bounds.holds(seconds, self.info.kind):
            return False
        may_exceed = shrinks and self.info.kind == "video"
        if not may_exceed and bounds.most_tokens(self.info, seconds) > bounds.budget_tokens:
            return False
        return self._forecast(seconds) is not None

    def encoded_segment(self, start_s: float, end_s: float, why: str) -> MediaSegment:
        """Return a segment that is encoded, or copied by `prepare_video` where that is possible.

        Args:
            start_s: Its start in seconds.
            end_s: Its end in seconds.
            why: Why no block copies it, as a clause.
        """
        copy = self.table.exact_copy(start_s, end_s)
        if copy is not None and self._is_within(copy):
            return self._prepared_copy(start_s, end_s, copy, why)
        forecast = self._forecast(end_s - start_s)
        if forecast is None:
            raise self.error(f"no frames are small enough from {start_s:g} s to {end_s:g} s")
        shrunk = f"; its frames are shrunk to fit budget_tokens={self.bounds.budget_tokens}"
        return self._segment(
            start_s,
            end_s,
            forecast.tokens,
            preparation=self._call(start_s, end_s),
            size=forecast.size,
            encoding_s=forecast.computing_s + self._decoding(start_s, end_s),
            note=f"It is encoded, because {why}{shrunk if forecast.is_shrunk else ''}.",
        )

    def _forecast(self, seconds: float) -> Forecast | None:
        """Return what encoding makes of so many seconds; to the microsecond it is the same."""
        seconds = max(round(seconds, 4), SHORTEST_S)
        if seconds not in self._forecasts:
            self._forecasts[seconds] = self._new_forecast(seconds)
        return self._forecasts[seconds]

    def _new_forecast(self, seconds: float) -> Forecast | None:
        bounds = self.bounds
        if self.info.kind == "audio":
            return forecast_audio(seconds, bounds.max_bytes)
        return forecast_video(
            self.info,
            seconds,
            token_budget=bounds.budget_tokens,
            max_bytes=bounds.max_bytes,
            fps=bounds.fps,
            media_resolution=bounds.media_resolution,
        )

    def _decoding(self, start_s: float, end_s: float) -> float:
        """Return the seconds that decoding a segment takes, from the key frame before it on."""
        if self.info.kind == "audio":
            return 0.0
        keys = self.table.key_frames
        key = keys[max(0, bisect_right(keys, start_s) - 1)] if keys else 0.0
        return decoding_seconds(self.info, end_s - min(key, start_s))

    def _call(self, start_s: float, end_s: float) -> str:
        """Return the call that encodes a segment."""
        bounds = self.bounds
        options: dict[str, object] = {}
        if start_s > 0:
            options["start_s"] = start_s
        if end_s < self.table.duration_s:
            options["end_s"] = end_s
        if self.info.kind == "video":
            options |= {"fps": bounds.fps, "media_resolution": bounds.media_resolution}
        options["token_budget"] = bounds.budget_tokens
        if bounds.max_bytes != SAFE_INLINE_BYTES:
            options["max_bytes"] = bounds.max_bytes
        return self._file.call(**options)

    def _segment(self, start_s: float, end_s: float, tokens: int, **more: Any) -> MediaSegment:
        if self.info.kind == "video":
            more |= {"fps": self.bounds.fps, "media_resolution": self.bounds.media_resolution}
        return MediaSegment(start_s, end_s, tokens, modality=self.info.kind, **more)
