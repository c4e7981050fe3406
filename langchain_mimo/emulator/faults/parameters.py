"""Checks of the parameters of faults. A name means the same for all faults, with few exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_mimo.emulator.expected import (
    FLAG,
    HEADER_VALUE,
    TEXT,
    Expected,
    integer,
    one_of,
    or_none,
    seconds,
)
from langchain_mimo.emulator.faults.answer import PLACES
from langchain_mimo.emulator.faults.connection import GARBAGE, RETRY_AFTER

_ERROR_STATUS = integer(400, 599)
_MOST = 10_000
"""Largest number of repeated calls, groups or lines: a larger one would fill the memory."""

_PARAMETERS: Mapping[str, Expected] = {
    "after_events": integer(0),
    "body": TEXT,
    "bytes": integer(0),
    "calls": integer(1, _MOST),
    "characters": integer(0),
    "clean": FLAG,
    "code": Expected("a string or an integer", lambda value: type(value) in {str, int}),
    "done": FLAG,
    "error": TEXT,
    "finish_reason": or_none(TEXT),
    "groups": integer(1, _MOST),
    "interval": seconds(),
    "kind": one_of(*GARBAGE),
    "lines": integer(1, _MOST),
    "location": HEADER_VALUE,
    "members": integer(0),
    "message": TEXT,
    "numbers": FLAG,
    "param": TEXT,
    "part": one_of("body", "headers"),
    "path": TEXT,
    "place": one_of(*PLACES),
    "reset": FLAG,
    "retry_after": one_of(*RETRY_AFTER),
    "seconds": seconds(),
    "size": integer(1),
    "space": FLAG,
    "status": _ERROR_STATUS,
    "text": TEXT,
}
_PARAMETERS_BY_FAULT: Mapping[tuple[str, str], Expected] = {
    ("pings_only", "interval"): seconds(0.00001),  # the number of comments follows from it
    ("redirect", "status"): integer(300, 399),
    ("server_error", "status"): integer(500, 599),
    ("stall", "after_events"): or_none(integer(0)),
}
_SCHEDULE: Mapping[str, Expected] = {
    "times": or_none(integer(0)),
    "skip": integer(0),
    "every": integer(1),
}


def check_parameters(fault: str, parameters: Mapping[str, Any]) -> None:
    """Check the values of parameters that a fault has.

    Raises:
        ValueError: A value is not valid.
    """
    for name, value in parameters.items():
        expected = _PARAMETERS_BY_FAULT.get((fault, name), _PARAMETERS[name])
        expected.check(f"{name} of {fault}", value)


def check_schedule(fault: str, schedule: Mapping[str, Any]) -> None:
    """Check the values of `times`, `skip` and `every`.

    Raises:
        ValueError: A value is not valid.
    """
    for name, value in schedule.items():
        _SCHEDULE[name].check(f"{name} of {fault}", value)
