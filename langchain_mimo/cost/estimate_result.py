"""What an estimate says; separate from its computation, so that type hints cost no imports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated cost of a request.

    Attributes:
        text: Approximate tokens of text, replayed reasoning, tool calls and tool definitions.
        image: Tokens of images.
        video: Tokens of the frames of videos.
        audio: Tokens of audio, including the audio of videos.
        marks: Marker tokens around messages and in videos.
        low: Lowest possible total, given the media that could not be measured.
        high: Highest possible total, given the media that could not be measured.
        cost_usd: US dollars for the uncached prompt and for `output_tokens`; None when the price is
            unknown.
        price_as_of: The date the price was read, or None.
        notes: What was assumed, where MiMo's limit of frames leaves some out, and whether no price
            is known, one sentence each.
    """

    text: int
    image: int
    video: int
    audio: int
    marks: int
    low: int
    high: int
    cost_usd: float | None
    price_as_of: date | None
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """The expected prompt_tokens."""
        return self.text + self.image + self.video + self.audio + self.marks
