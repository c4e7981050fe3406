"""The text of a tool result that has only media: what follows, kept true when some is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from langchain_mimo._wire.turns import MediaPart, ToolTurn

ALL_LEFT_OUT = "(its media are left out)"
"""The text of a result of which no media are left, and whose notes stand elsewhere."""

_NAMES = {"image": "image", "video": "video", "audio": "audio file"}


def media_summary(media: Sequence[MediaPart]) -> str:
    """Return the text of a result that has only media, such as "(2 images, 1 video follow)".

    Args:
        media: The media; at least one.
    """
    counts = Counter(part.reference.kind for part in media)
    listed = ", ".join(f"{n} {_NAMES[kind]}{'s' * (n > 1)}" for kind, n in counts.items())
    return f"({listed} follow{'s' * (len(media) == 1)})"


def recount(turn: ToolTurn, before: Sequence[MediaPart], after: Sequence[MediaPart]) -> None:
    """Correct the summary in a result's text after some of its media were left out.

    Args:
        turn: The result; its text stays as it is if the tool wrote it.
        before: The media that the summary counts.
        after: Those that are left.
    """
    summary, newline, rest = turn.text.partition("\n")
    if before and summary == media_summary(before):
        turn.text = (media_summary(after) if after else ALL_LEFT_OUT) + newline + rest
