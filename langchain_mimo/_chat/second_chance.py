"""Rejections that often pass when the same request is sent again.

MiMo rejects valid requests now and then, and accepts them a moment later (docs/api-facts.md): a 400
"Multimodal data is corrupted" for whole media, a response stopped by the content filter, and bursts
of 402. One more attempt per call is worth its price; a second one is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from langchain_mimo._chat.summary import Attempt
from langchain_mimo._media.references import RemoteURL
from langchain_mimo._wire.turns import Turn, media_parts
from langchain_mimo.errors import MiMoBalanceError, MiMoMediaRejectedError

BURST_DELAY = 2.0
"""Seconds to wait after a 402. Bursts were seen to pass, but no length is recorded."""


@dataclass(frozen=True, slots=True)
class SecondChance:
    """Why a request is sent once more.

    Attributes:
        reason: The rejection.
        delay: Seconds to wait before.
    """

    reason: Literal["media_rejected", "content_filter", "insufficient_funds"]
    delay: float = 0.0


def second_chance(attempt: Attempt, turns: Sequence[Turn]) -> SecondChance | None:
    """Return why the same request should be sent once more, or None.

    Args:
        attempt: The response, or the error.
        turns: The conversation. Rejected media get a second chance only if all media of the
            conversation were checked here, so not if one is given by URL.
    """
    if attempt.was_given_out:
        return None
    match attempt.error:
        case None:
            is_filtered = attempt.finish_reason == "content_filter"
            return SecondChance("content_filter") if is_filtered else None
        case MiMoMediaRejectedError():
            parts = [part for turn in turns for part in media_parts(turn)]
            checked = all(not isinstance(part.reference.source, RemoteURL) for part in parts)
            return SecondChance("media_rejected") if parts and checked else None
        case MiMoBalanceError():
            return SecondChance("insufficient_funds", BURST_DELAY)
        case _:
            return None
