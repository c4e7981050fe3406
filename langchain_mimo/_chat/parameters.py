"""The ranges of MiMo's sampling parameters, and where they hold (docs/api-facts.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from langchain_mimo import catalogue
from langchain_mimo._chat.settings import derived_endpoints
from langchain_mimo._checks import integer, number, shown
from langchain_mimo._wire.endpoints import MOST_STOP_SEQUENCES, ApiFormatName, Server
from langchain_mimo.errors import MiMoConfigurationError

_RANGES = {
    "temperature": catalogue.TEMPERATURE_RANGE,
    "top_p": catalogue.TOP_P_RANGE,
    "frequency_penalty": catalogue.PENALTY_RANGE,
    "presence_penalty": catalogue.PENALTY_RANGE,
}
_ANY = (-math.inf, math.inf)
_MAX_OUTPUT_TOKENS = max(model.max_output_tokens for model in catalogue.MODELS.values())


class Limits(NamedTuple):
    """What decides about the ranges of parameters.

    Attributes:
        are_mimos: Whether the server has MiMo's: MiMo's own hosts do, and the emulator on this
            machine. Resellers and servers of one's own have others, which nothing here knows.
        model: The model id.
        api_format: The API format; only the OpenAI format has a maximum number of stop sequences.
    """

    are_mimos: bool
    model: str
    api_format: ApiFormatName


def limits_of(
    server: Server | None, base_url: str | None, model: str | None, api_format: ApiFormatName | None
) -> Limits:
    """Return the limits of a server; None stands for an argument that is wrong itself."""
    are_mimos = server == "mimo"
    if are_mimos and base_url is not None:
        with suppress(MiMoConfigurationError):  # an invalid URL is refused with the address
            endpoints = derived_endpoints(base_url)
            are_mimos = endpoints.is_mimo or endpoints.is_loopback
    return Limits(are_mimos, model or "", api_format or "openai")


def check_parameter(name: str, value: Any, limits: Limits, written: str = "") -> Any:
    """Check a sampling parameter.

    Args:
        name: The parameter, one of `PARAMETERS`.
        value: Its value, not None.
        limits: What decides about its range.
        written: The name that the caller used. Default: `name`.

    Returns:
        The value: a plain number, or the stop sequences as a list.

    Raises:
        ValueError: It is of the wrong type, or MiMo documents another range.
    """
    written = written or name
    if name == "stop":
        return _check_stop(written, value, limits)
    if name in _RANGES:
        return number(written, value, *(_RANGES[name] if limits.are_mimos else _ANY))
    if not limits.are_mimos:
        return integer(written, value, None)
    known = catalogue.find(limits.model)
    return integer(written, value, 1, known.max_output_tokens if known else _MAX_OUTPUT_TOKENS)


def _check_stop(name: str, value: Any, limits: Limits) -> list[str]:
    """Check the sequences that end an answer: a string, or a list of strings."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name} must be a string or a list of strings, got {shown(value)}")
    most = MOST_STOP_SEQUENCES[limits.api_format]
    if limits.are_mimos and most is not None and len(texts) > most:
        raise ValueError(f"{name} must have at most {most} sequences, got {len(texts)}")
    return list(texts)
