"""Explains which media a rejected request contained; MiMo's error names none."""

from __future__ import annotations

from langchain_mimo._chat.responses import Question
from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._wire.turns import media_parts
from langchain_mimo.errors import MiMoMediaRejectedError

_MOST_DESCRIBED = 5
"""Media that an error describes; a conversation may hold hundreds."""


def explain_rejection(
    error: MiMoMediaRejectedError, question: Question, policy: MediaPolicy
) -> None:
    """Add to an error what the refused media are and which call mends them; MiMo names nothing.

    Reads headers of files again: in an event loop, call it in a thread.

    Args:
        error: What the server answered; its hint grows.
        question: What was asked.
        policy: Which files may be opened.
    """
    from langchain_mimo._media.diagnosis import describe_rejected_media  # noqa: PLC0415 - rarely used

    references = [part.reference for turn in question.turns for part in media_parts(turn)]
    shown = [describe_rejected_media(reference, policy) for reference in references[:_MOST_DESCRIBED]]
    if len(references) > _MOST_DESCRIBED:
        shown.append(f"and {len(references) - _MOST_DESCRIBED} more media")
    error.hint = " ".join([error.hint or "", "Sent were:", "; ".join(shown) + "."]).strip()
