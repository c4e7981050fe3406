"""Describes the media of a rejected request, because MiMo's error does not name them."""

from __future__ import annotations

from contextlib import suppress

from langchain_mimo._chat.requests import ChatRequest
from langchain_mimo._media.diagnosis import describe_rejected_media
from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._wire.turns import media_parts
from langchain_mimo.errors import MiMoMediaRejectedError

_MAX_DESCRIBED = 5
"""Most media that an error describes; a conversation may have hundreds."""


def explain_rejection(
    error: MiMoMediaRejectedError, request: ChatRequest, policy: MediaPolicy
) -> None:
    """Add to an error's hint what the request's media are and which call converts them.

    This reads the headers of files again: in an event loop, call it in a thread. It never raises,
    because the server's error is on its way: then the hint stays as it was.

    Args:
        error: The server's error; its `hint` is extended.
        request: The request that was rejected.
        policy: Which files may be opened.
    """
    with suppress(Exception):
        error.hint = " ".join([error.hint or "", *_sentences(request, policy)]).strip()


def _sentences(request: ChatRequest, policy: MediaPolicy) -> list[str]:
    references = [part.reference for turn in request.turns for part in media_parts(turn)]
    sentences = [
        f"{describe_rejected_media(reference, policy)}."
        for reference in references[:_MAX_DESCRIBED]
    ]
    if len(references) > _MAX_DESCRIBED:
        sentences.append(f"And {len(references) - _MAX_DESCRIBED} more.")
    return ["Media in the request:", *sentences]
