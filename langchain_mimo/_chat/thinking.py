"""Whether a call thinks, from `thinking` and `reasoning_effort`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

from langchain_mimo._checks import choice, warn_once
from langchain_mimo.errors import MiMoInputError

ReasoningEffort: TypeAlias = Literal["none", "low", "medium", "high"]
"""The efforts that MiMo's chat format accepts: "none" does not think, the others are one level."""


def read_thinking(value: object) -> bool | None:
    """Return whether to think: True, False or None, also from MiMo's `{"type": "enabled"}`.

    Raises:
        MiMoInputError: The value is anything else.
    """
    if value is None or isinstance(value, bool):
        return value
    kinds = {"enabled": True, "disabled": False}
    if isinstance(value, Mapping) and set(value) == {"type"} and value["type"] in kinds:
        return kinds[value["type"]]
    raise MiMoInputError(
        f"thinking must be True, False or None (the model's default), got {value!r}"
    )


def combine_thinking(thinking: bool | None, effort: object) -> bool | None:
    """Return whether to think, by `thinking` and `reasoning_effort` set in the same place.

    Args:
        thinking: True, False, or None for the model's default.
        effort: "none", "low", "medium", "high", or None when it is not set.

    Returns:
        False for "none". MiMo has one level, so the others change nothing, and a warning says so.

    Raises:
        ValueError: The effort is unknown, or contradicts `thinking`.
    """
    if effort is None:
        return thinking
    choice("reasoning_effort", effort, get_args(ReasoningEffort))
    if effort == "none":
        if thinking:
            raise ValueError(
                "thinking=True contradicts reasoning_effort='none'; remove one of the two"
            )
        return False
    if thinking is False:
        raise ValueError(
            f"thinking=False contradicts reasoning_effort={effort!r}; remove one of the two"
        )
    warn_once(
        "MiMo has one level of thinking: reasoning_effort 'low', 'medium' and 'high' do the same; "
        "'none' turns thinking off.",
        "reasoning_effort",
    )
    return thinking
