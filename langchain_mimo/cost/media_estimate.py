"""What the estimate of a media item says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaEstimate:
    """The estimated tokens of one media item.

    Attributes:
        image: Tokens reported as image_tokens in the API's usage.
        video: Tokens reported as video_tokens in the API's usage.
        audio: Tokens reported as audio_tokens in the API's usage.
        marks: Timestamps and markers of a video, which count in prompt_tokens alone.
        low: Lowest possible total; equal to `high` when everything was measured.
        high: Highest possible total.
        duration: Measured or assumed seconds; None for images.
        duration_range: Least and most seconds, behind `low` and `high`; both are `duration` where
            that was measured; None for images.
        width: Measured or assumed pixels; None for audio.
        height: Measured or assumed pixels; None for audio.
        note: What was assumed, or None.
        frame_limit: What MiMo's limit of 2,048 frames does to a video, or None.
    """

    image: int = 0
    video: int = 0
    audio: int = 0
    marks: int = 0
    low: int = 0
    high: int = 0
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    note: str | None = None
    duration_range: tuple[float, float] | None = None
    frame_limit: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Both notes, as far as there are any."""
        return tuple(note for note in (self.note, self.frame_limit) if note is not None)

    @property
    def total(self) -> int:
        """Tokens that the media item adds to prompt_tokens."""
        return self.image + self.video + self.audio + self.marks
