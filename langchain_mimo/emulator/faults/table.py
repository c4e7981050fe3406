"""Faults: what goes wrong between a client and MiMo, to be had on demand.

One table, `FAULTS`, drives `MiMoEmulator.fault`, the command line and the documentation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from langchain_mimo.emulator.faults import connection as wire_faults
from langchain_mimo.emulator.faults import stream as stream_faults
from langchain_mimo.emulator.faults.parameters import check_parameters, check_schedule
from langchain_mimo.emulator.http.connections import Connection
from langchain_mimo.emulator.http.delivery import HttpResponse

_PYTHON_WORDS = {"None": None, "True": True, "False": False}

Replacement: TypeAlias = Callable[[Mapping[str, Any], bool], HttpResponse]
Alteration: TypeAlias = Callable[[HttpResponse, Mapping[str, Any]], HttpResponse]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Attributes:
        summary: One line for the documentation.
        parameters: Names and defaults.
        replace: Makes the answer, from the parameters and whether a stream is asked for; the
            request is not even read.
        alter: Changes the answer that would have been.
        reused_only: Strikes only on a connection that served a request before.
        streams_only: Strikes only requests with `stream: true`.
    """

    summary: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    replace: Replacement | None = None
    alter: Alteration | None = None
    reused_only: bool = False
    streams_only: bool = False


FAULTS: Mapping[str, Fault] = {
    "cut_after": Fault(
        "the connection ends after so many bytes of the body; reset: by RST; clean: without a "
        "length or chunks, so that for HTTP the body is whole",
        {"bytes": 200, "reset": False, "clean": False},
        alter=wire_faults.cut_after,
    ),
    "cut_before_headers": Fault(
        "the connection ends before the status line",
        {"reset": False},
        alter=wire_faults.cut_before_headers,
    ),
    "reset_kept_alive": Fault(
        "a request on a connection that served another before is reset unanswered",
        alter=wire_faults.reset,
        reused_only=True,
    ),
    "close_idle": Fault(
        "the answer is whole, then the server closes the connection without having said so",
        alter=wire_faults.close_idle,
    ),
    "stall": Fault(
        "silence for so many seconds before the status line, or after so many events",
        {"after_events": None, "seconds": 3600.0},
        alter=wire_faults.stall,
    ),
    "pings_only": Fault(
        "after so many events nothing but SSE comments, every interval, for so many seconds",
        {"after_events": 0, "interval": 0.05, "seconds": 3600.0, "text": ": ping\n\n"},
        alter=wire_faults.pings_only,
        streams_only=True,
    ),
    "slow_loris": Fault(
        "body or headers (part) come in pieces of so many bytes, one every interval",
        {"part": "body", "size": 1, "interval": 0.05},
        alter=wire_faults.slow_loris,
    ),
    "split_writes": Fault(
        "the body comes in writes of so many bytes, through events, lines and UTF-8 characters",
        {"size": 1, "interval": 0.0005},
        alter=wire_faults.split_writes,
    ),
    "keep_open_after_done": Fault(
        "the body of a stream does not end for so many seconds after [DONE]",
        {"seconds": 5.0},
        alter=wire_faults.keep_open_after_done,
        streams_only=True,
    ),
    "rate_limit": Fault(
        "429 Too many requests; retry_after: none, seconds, milliseconds (retry-after-ms) or date",
        {"retry_after": "none", "seconds": 1.0},
        replace=wire_faults.rate_limit,
    ),
    "quota": Fault("429 quota exhausted, which no retry mends", replace=wire_faults.quota),
    "payment_required": Fault(
        "402 Insufficient account balance", replace=wire_faults.payment_required
    ),
    "forbidden": Fault("403 Illegal access", replace=wire_faults.forbidden),
    "moderation": Fault("421 Moderation Block", replace=wire_faults.moderation),
    "server_error": Fault(
        "a bare 5xx", {"status": 503, "body": ""}, replace=wire_faults.server_error
    ),
    "connection_refused_400": Fault(
        "the 400 that hides a refused connection inside MiMo",
        replace=wire_faults.connection_refused,
    ),
    "string_error": Fault(
        "an error body whose error is a string",
        {"status": 400, "error": "Unauthorized"},
        replace=wire_faults.string_error,
    ),
    "html_error_page": Fault(
        "a proxy's HTML page", {"status": 502}, replace=wire_faults.html_error_page
    ),
    "empty_error": Fault(
        "an error without a body", {"status": 500}, replace=wire_faults.empty_error
    ),
    "redirect": Fault(
        "a redirect to another address",
        {"location": "https://example.com/v1/chat/completions", "status": 307},
        replace=wire_faults.redirect,
    ),
    "garbage": Fault(
        "200 with a body that is neither SSE nor JSON: text, html, binary or json (another's)",
        {"kind": "text"},
        replace=wire_faults.garbage,
    ),
    "error_in_stream": Fault(
        "after so many events the stream carries an error object and ends; space: after `data:`",
        {
            "after_events": 3,
            "space": False,
            "code": "500",
            "message": "Internal Server Error",
            "param": "",
            "done": False,
        },
        alter=stream_faults.error_in_stream,
        streams_only=True,
    ),
    "duplicated_finish": Fault(
        "the chunk with the finish_reason comes twice",
        alter=stream_faults.duplicated_finish,
        streams_only=True,
    ),
    "usage_on_every_chunk": Fault(
        "a growing usage on every chunk",
        alter=stream_faults.usage_on_every_chunk,
        streams_only=True,
    ),
    "no_done": Fault(
        "the stream ends without [DONE]", alter=stream_faults.no_done, streams_only=True
    ),
    "no_finish": Fault(
        "the stream ends without a finish_reason, with or without [DONE]",
        {"done": True},
        alter=stream_faults.no_finish,
        streams_only=True,
    ),
    "half_tool_call": Fault(
        "the arguments of the last tool call are cut to so many characters; finish_reason as "
        "given, none for a stream that ends in the middle",
        {"characters": 8, "finish_reason": "length"},
        alter=stream_faults.half_tool_call,
    ),
    "crlf": Fault("lines end with CR LF", alter=stream_faults.crlf, streams_only=True),
    "comments": Fault(
        "comments, event, id and retry lines between the chunks",
        alter=stream_faults.comments,
        streams_only=True,
    ),
    "line_separator": Fault(
        "U+2028, U+2029 and U+0085 stand unescaped in the text",
        alter=stream_faults.line_separator,
        streams_only=True,
    ),
    "multi_line_data": Fault(
        "the JSON of a chunk is spread over several data lines",
        alter=stream_faults.multi_line_data,
        streams_only=True,
    ),
    "byte_order_mark": Fault(
        "the stream begins with a BOM", alter=stream_faults.byte_order_mark, streams_only=True
    ),
}
"""Every fault: what it does and what it can be told."""


@dataclass(slots=True)
class ArmedFault:
    """A fault that waits for its requests.

    Attributes:
        name: Key of `FAULTS`.
        parameters: All of its parameters.
        times: How often it will still strike; None for always.
        skip: Requests that it still lets through first.
        every: It strikes at every so many-th request.
    """

    name: str
    parameters: Mapping[str, Any]
    times: int | None = 1
    skip: int = 0
    every: int = 1
    seen: int = 0

    @property
    def fault(self) -> Fault:
        """What it does."""
        return FAULTS[self.name]

    @property
    def streams_only(self) -> bool:
        """Whether it leaves whole answers alone: all faults that count events do."""
        return self.fault.streams_only or self.parameters.get("after_events") is not None

    def strikes(self, connection: Connection, streaming: bool) -> bool:
        """Count a request that it could strike, and say whether it does."""
        if self.times == 0 or (self.fault.reused_only and connection.requests < 2):
            return False
        if self.streams_only and not streaming:
            return False
        self.seen += 1
        due = self.seen - self.skip - 1
        if due < 0 or due % self.every:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class FaultQueue:
    """The faults that wait, in order."""

    def __init__(self) -> None:
        self._armed: list[ArmedFault] = []
        self._lock = threading.Lock()

    def arm(self, armed: ArmedFault) -> None:
        """Add a fault behind those that wait."""
        with self._lock:
            self._armed.append(armed)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._armed.clear()

    @property
    def waiting(self) -> bool:
        """Whether any fault waits."""
        return bool(self._armed)

    def next(self, connection: Connection, streaming: bool) -> ArmedFault | None:
        """Return the fault that a request meets, or None.

        Args:
            connection: What the request came by.
            streaming: Whether it asks for a stream.
        """
        with self._lock:
            struck = next(
                (armed for armed in self._armed if armed.strikes(connection, streaming)), None
            )
            self._armed = [armed for armed in self._armed if armed.times != 0]
        return struck


def make_fault(
    name: str, /, *, times: int | None = 1, skip: int = 0, every: int = 1, **parameters: Any
) -> ArmedFault:
    """Return a fault ready to be armed.

    Raises:
        ValueError: No such fault, a parameter that it does not have, or a value that the parameter
            does not take.
    """
    fault = FAULTS.get(name) if isinstance(name, str) else None
    if fault is None:
        raise ValueError(f"There is no fault {name!r}; there are {', '.join(FAULTS)}.")
    unknown = parameters.keys() - fault.parameters.keys()
    if unknown:
        known = ", ".join(fault.parameters) or "none"
        raise ValueError(f"Fault {name} has no {', '.join(sorted(unknown))}; it has: {known}.")
    check_schedule(name, {"times": times, "skip": skip, "every": every})
    check_parameters(name, parameters)
    return ArmedFault(name, {**fault.parameters, **parameters}, times, skip, every)


def parse_fault(text: str) -> ArmedFault:
    """Read a fault as the command line gives it: `cut_after:bytes=100,times=2`.

    Raises:
        ValueError: It cannot be read.
    """
    name, _, rest = (part.strip() for part in text.partition(":"))
    fault = FAULTS.get(name)
    defaults = fault.parameters if fault is not None else {}
    options: dict[str, Any] = {}
    for pair in filter(None, rest.split(",")):
        key, separator, value = pair.partition("=")
        if not separator:
            raise ValueError(f"{pair!r} is not name=value.")
        options[key.strip()] = _value(value, text=isinstance(defaults.get(key.strip()), str))
    return make_fault(name, **options)


def _value(written: str, *, text: bool) -> Any:
    """Read a value: JSON or one of Python's three words; a text needs no quotes."""
    if written in _PYTHON_WORDS:
        return _PYTHON_WORDS[written]
    try:
        value = orjson.loads(written)
    except orjson.JSONDecodeError:
        return written
    return written if text and not isinstance(value, str | None) else value


def fault_lines() -> list[str]:
    """Return one line per fault: name, parameters with defaults, summary."""
    return [
        f"{name}({', '.join(f'{key}={value!r}' for key, value in fault.parameters.items())}): "
        f"{fault.summary}"
        for name, fault in FAULTS.items()
    ]
