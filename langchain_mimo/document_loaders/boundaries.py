"""Finds where media is best divided: at changes of scene, in silences, and where a caller says."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from langchain_mimo._checks import number, shown
from langchain_mimo.document_loaders.bounds import SHORTEST_S
from langchain_mimo.errors import MiMoInputError
from langchain_mimo.media import PacketTable

Boundaries: TypeAlias = Literal["keyframes", "scenes", "silences", "even"]

BOUNDARIES = ("keyframes", "scenes", "silences", "even")

Values: TypeAlias = Mapping[float, float]
"""What a boundary at some seconds is worth, 0 to 1."""

_HINT, _FOUND = 1.0, 0.5
"""What a caller's place is worth, and the best place that was found."""

_LONG_SILENCE_S = 1.0
"""Seconds of quiet from which a longer one is no better."""


def checked_hints(hints: object) -> list[float]:
    """Check a caller's places, and return them in order.

    Raises:
        ValueError: One of them is not a number of seconds from 0 on; the text says which.
    """
    if isinstance(hints, str | bytes | Mapping) or not isinstance(hints, Iterable):
        msg = f"hints must be numbers of seconds, got {shown(hints)}"
        raise ValueError(msg)  # noqa: TRY004 - callers convert ValueError
    return [number(f"hints[{at}]", each, 0) for at, each in enumerate(hints)]


def check_within(hints: list[float], seconds: float, name: str) -> None:
    """Check that a caller's places lie within a file.

    Raises:
        MiMoInputError: One of them lies behind its end; the text says which.
    """
    for at, hint in enumerate(hints):
        if hint > seconds:
            raise MiMoInputError(
                f"hints[{at}] is {hint:g} s, but {name} ends at {seconds:.3f} s; leave out what "
                "lies behind its end"
            )


def boundary_values(table: PacketTable, boundaries: Boundaries, hints: list[float]) -> Values:
    """Return what boundaries are worth in a file: what was found, and a caller's places.

    Args:
        table: Its packets.
        boundaries: What to look for. A video without audio has no silences, audio no scenes.
        hints: The caller's places, in seconds.

    Raises:
        MediaError: It cannot be decoded.
    """
    values: dict[float, float] = {}
    if boundaries == "scenes":
        changes = table.scene_changes()
        strongest = max((strength for _, strength in changes), default=1.0)
        values |= {time: _FOUND * strength / strongest for time, strength in changes}
    elif boundaries == "silences":
        for start_s, end_s in table.quiet_ranges():
            length = min(1.0, (end_s - start_s) / _LONG_SILENCE_S)
            values[(start_s + end_s) / 2] = _FOUND * length
    values |= dict.fromkeys(hints, _HINT)
    return _apart(values, table.duration_s)


def _apart(values: Values, duration_s: float) -> Values:
    """Leave out places that are too near to a better one, to the start or to the end."""
    kept: list[float] = []
    ends = [0.0, duration_s]
    for time in sorted(values, key=lambda each: (-values[each], each)):
        at = bisect_left(kept, time)
        near = [*kept[max(0, at - 1) : at + 1], *ends]
        if all(abs(time - other) >= SHORTEST_S for other in near):
            kept.insert(at, time)
    return {time: values[time] for time in kept}
