"""The faults that wait for requests, and the requests that they apply to."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from langchain_mimo.emulator.faults.parameters import check_parameters, check_schedule
from langchain_mimo.emulator.faults.table import FAULTS, Fault
from langchain_mimo.emulator.faults.targets import Target

_PYTHON_CONSTANTS = {"None": None, "True": True, "False": False}


@dataclass(slots=True)
class ArmedFault:
    """A fault that waits for requests.

    Attributes:
        name: Key of `FAULTS`.
        parameters: The values of all its parameters.
        times: How many more requests it applies to; None for no limit.
        skip: How many eligible requests it lets through first.
        every: After those, it applies to every n-th eligible request, starting with the first.
        seen: Number of eligible requests so far.
    """

    name: str
    parameters: Mapping[str, Any]
    times: int | None = 1
    skip: int = 0
    every: int = 1
    seen: int = 0

    @property
    def fault(self) -> Fault:
        """The entry of `FAULTS`."""
        return FAULTS[self.name]

    @property
    def streams_only(self) -> bool:
        """Whether it applies only to streams, as all faults that count events do."""
        return self.fault.streams_only or self.parameters.get("after_events") is not None

    def count_request(self, target: Target) -> bool:
        """Count a request if it is eligible, and return whether the fault applies to it."""
        if self.times == 0 or not self._is_eligible(target):
            return False
        self.seen += 1
        due = self.seen - self.skip - 1
        if due < 0 or due % self.every:
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def _is_eligible(self, target: Target) -> bool:
        fault = self.fault
        if target.method != fault.method or (fault.reused_only and not target.reused):
            return False
        if self.streams_only and not target.streaming:
            return False
        return fault.needs is None or fault.needs(target, self.parameters)


class FaultQueue:
    """The faults that wait for requests, in order."""

    def __init__(self) -> None:
        self._armed: list[ArmedFault] = []
        self._lock = threading.Lock()

    def arm(self, armed: ArmedFault) -> None:
        """Add a fault to the end of the queue."""
        with self._lock:
            self._armed.append(armed)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._armed.clear()

    @property
    def waiting(self) -> bool:
        """Whether there are any faults in the queue."""
        return bool(self._armed)

    def next(self, target: Target) -> ArmedFault | None:
        """Return the first fault that applies to a request, or None."""
        with self._lock:
            found = next((armed for armed in self._armed if armed.count_request(target)), None)
            self._armed = [armed for armed in self._armed if armed.times != 0]
        return found


def make_fault(
    name: str, /, *, times: int | None = 1, skip: int = 0, every: int = 1, **parameters: Any
) -> ArmedFault:
    """Return a fault that is ready to be armed.

    Args:
        name: Key of `FAULTS`.
        times: How many requests it applies to; None for no limit.
        skip: How many eligible requests it lets through first.
        every: After those, it applies to every n-th eligible request, starting with the first.
        **parameters: Values for parameters of the fault; the others keep their defaults.

    Raises:
        ValueError: There is no such fault or parameter, or a value is not valid.
    """
    fault = FAULTS.get(name) if isinstance(name, str) else None
    if fault is None:
        raise ValueError(f"unknown fault {name!r}; the faults are {', '.join(FAULTS)}")
    unknown = parameters.keys() - fault.parameters.keys()
    if unknown:
        known = ", ".join(fault.parameters)
        raise ValueError(
            f"fault {name} has no parameter {', '.join(sorted(unknown))}; "
            + (f"its parameters are {known}" if known else "it has none")
        )
    check_schedule(name, {"times": times, "skip": skip, "every": every})
    check_parameters(name, parameters)
    return ArmedFault(name, {**fault.parameters, **parameters}, times, skip, every)


def parse_fault(text: str) -> ArmedFault:
    """Parse a fault of the command line, such as `cut_after:bytes=100,times=2`.

    Raises:
        ValueError: The text is not valid.
    """
    name, _, rest = (part.strip() for part in text.partition(":"))
    fault = FAULTS.get(name)
    defaults = fault.parameters if fault is not None else {}
    options: dict[str, Any] = {}
    for pair in filter(None, rest.split(",")):
        key, separator, value = pair.partition("=")
        if not separator:
            raise ValueError(f"an option of a fault must be KEY=VALUE, got {pair!r}")
        key = key.strip()
        options[key] = _parse_value(value, is_text=isinstance(defaults.get(key), str))
    return make_fault(name, **options)


def fault_lines() -> list[str]:
    """Return one line per fault: name, parameters with defaults, summary."""
    return [
        f"{name}({', '.join(f'{key}={value!r}' for key, value in fault.parameters.items())}): "
        f"{fault.summary}"
        for name, fault in FAULTS.items()
    ]


def _parse_value(text: str, *, is_text: bool) -> Any:
    """Parse JSON or one of Python's constants; a string needs no quotes.

    Args:
        text: The value as written.
        is_text: Whether the parameter is a string, so that `5` means "5".
    """
    if text in _PYTHON_CONSTANTS:
        return _PYTHON_CONSTANTS[text]
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return text if is_text and not isinstance(value, str | None) else value
