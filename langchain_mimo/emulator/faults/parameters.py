"""What the parameters of faults must be: the same for all faults, but for a few."""

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
from langchain_mimo.emulator.faults.connection import GARBAGE, RETRY_AFTER

_ERROR_STATUS = integer(400, 599)

_PARAMETERS: Mapping[str, Expected] = {
    "after_events": integer(0),
    "body": TEXT,
    "bytes": integer(0),
    "characters": integer(0),
    "clean": FLAG,
    "code": Expected("a text or a number", lambda value: type(value) in {str, int}),
    "done": FLAG,
    "error": TEXT,
    "finish_reason": or_none(TEXT),
    "interval": seconds(),
    "kind": one_of(*GARBAGE),
    "location": HEADER_VALUE,
    "message": TEXT,
    "param": TEXT,
    "part": one_of("body", "headers"),
    "reset": FLAG,
    "retry_after": one_of(*RETRY_AFTER),
    "seconds": seconds(),
    "size": integer(1),
    "space": FLAG,
    "status": _ERROR_STATUS,
    "text": TEXT,
}
_EXCEPTIONS: Mapping[tuple[str, str], Expected] = {
    ("pings_only", "interval"): seconds(0.00001),  # how many there are is counted by it
    ("redirect", "status"): integer(300, 399),
    ("server_error", "status"): integer(500, 599),
    ("stall", "after_events"): or_none(integer(0)),
}
_CHOICE: Mapping[str, Expected] = {
    "times": or_none(integer(0)),
    "skip": integer(0),
    "every": integer(1),
}


def check_parameters(fault: str, parameters: Mapping[str, Any]) -> None:
    """Check the parameters of a fault that has them.

    Raises:
        ValueError: One of them is not what it must be.
    """
    for name, value in parameters.items():
        expected = _EXCEPTIONS.get((fault, name), _PARAMETERS[name])
        expected.check(f"{name} of {fault}", value)


def check_schedule(fault: str, choice: Mapping[str, Any]) -> None:
    """Check `times`, `skip` and `every` of a fault.

    Raises:
        ValueError: One of them is not what it must be.
    """
    for name, value in choice.items():
        _CHOICE[name].check(f"{name} of {fault}", value)
