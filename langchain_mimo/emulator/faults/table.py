"""The table of all faults, and the faults that wait for requests.

`FAULTS` drives `MiMoEmulator.fault`, the command line and the documentation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from langchain_mimo.emulator.faults import connection as connection_faults
from langchain_mimo.emulator.faults import stream as stream_faults
from langchain_mimo.emulator.faults.parameters import check_parameters, check_schedule
from langchain_mimo.emulator.http.connections import Connection
from langchain_mimo.emulator.http.delivery import HttpResponse

_PYTHON_CONSTANTS = {"None": None, "True": True, "False": False}

Replacement: TypeAlias = Callable[[Mapping[str, Any], bool], HttpResponse]
Alteration: TypeAlias = Callable[[HttpResponse, Mapping[str, Any]], HttpResponse]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Attributes:
        summary: One line for the documentation.
        parameters: Names and defaults of the parameters.
        replace: Makes the response from the parameters and whether the request asks for a stream;
            the request is not read.
        alter: Changes the response that would have been sent.
        reused_only: Whether it applies only on a connection that has served a request before.
        streams_only: Whether it applies only to requests with `stream: true`.
    """

    summary: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    replace: Replacement | None = None
    alter: Alteration | None = None
    reused_only: bool = False
    streams_only: bool = False


FAULTS: Mapping[str, Fault] = {
    "cut_after": Fault(
        "the connection ends after this many bytes of the body; reset: with RST; clean: without a "
        "length or chunks, so that HTTP takes the body as complete",
        {"bytes": 200, "reset": False, "clean": False},
        alter=connection_faults.cut_after,
    ),
    "cut_before_headers": Fault(
        "the connection ends before the status line; reset: with RST",
        {"reset": False},
        alter=connection_faults.cut_before_headers,
    ),
    "reset_kept_alive": Fault(
        "a request on a connection that has served another one is reset without a response",
        alter=connection_faults.reset,
        reused_only=True,
    ),
    "close_idle": Fault(
        "after a complete response, the server closes the connection without announcing it",
        alter=connection_faults.close_idle,
    ),
    "stall": Fault(
        "nothing is sent for this many seconds, before the status line or after this many events",
        {"after_events": None, "seconds": 3600.0},
        alter=connection_faults.stall,
    ),
    "pings_only": Fault(
        "after this many events, only SSE comments are sent, one per interval, for this many "
        "seconds",
        {"after_events": 0, "interval": 0.05, "seconds": 3600.0, "text": ": ping\n\n"},
        alter=connection_faults.pings_only,
        streams_only=True,
    ),
    "slow_loris": Fault(
        "the body arrives in pieces of this many bytes, or the headers byte by byte (part), one "
        "per interval",
        {"part": "body", "size": 1, "interval": 0.05},
        alter=connection_faults.slow_loris,
    ),
    "split_writes": Fault(
        "the body arrives in writes of this many bytes, which split events, lines and UTF-8 "
        "characters",
        {"size": 1, "interval": 0.0005},
        alter=connection_faults.split_writes,
    ),
    "keep_open_after_done": Fault(
        "the body of a stream stays open for this many seconds after [DONE]",
        {"seconds": 5.0},
        alter=connection_faults.keep_open_after_done,
        streams_only=True,
    ),
    "rate_limit": Fault(
        "429 Too many requests; retry_after: none, seconds, milliseconds (retry-after-ms) or date",
        {"retry_after": "none", "seconds": 1.0},
        replace=connection_faults.rate_limit,
    ),
    "quota": Fault("429 quota exhausted; retrying does not help", replace=connection_faults.quota),
    "payment_required": Fault(
        "402 Insufficient account balance", replace=connection_faults.payment_required
    ),
    "forbidden": Fault("403 Illegal access", replace=connection_faults.forbidden),
    "moderation": Fault("421 Moderation Block", replace=connection_faults.moderation),
    "server_error": Fault(
        "a 5xx status with a plain-text body",
        {"status": 503, "body": ""},
        replace=connection_faults.server_error,
    ),
    "connection_refused_400": Fault(
        "400 with the message of a refused connection inside MiMo",
        replace=connection_faults.connection_refused,
    ),
    "string_error": Fault(
        "an error body in which error is a string",
        {"status": 400, "error": "Unauthorized"},
        replace=connection_faults.string_error,
    ),
    "html_error_page": Fault(
        "the HTML error page of a proxy", {"status": 502}, replace=connection_faults.html_error_page
    ),
    "empty_error": Fault(
        "an error status without a body", {"status": 500}, replace=connection_faults.empty_error
    ),
    "redirect": Fault(
        "a redirect to another URL",
        {"location": "https://example.com/v1/chat/completions", "status": 307},
        replace=connection_faults.redirect,
    ),
    "garbage": Fault(
        "200 with a body that is not an API response; kind: text, html, binary or json",
        {"kind": "text"},
        replace=connection_faults.garbage,
    ),
    "error_in_stream": Fault(
        "after this many events, the stream sends an error object and ends; space: after data:; "
        "done: with [DONE]",
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
        "the chunk with the finish_reason is sent twice",
        alter=stream_faults.duplicated_finish,
        streams_only=True,
    ),
    "usage_on_every_chunk": Fault(
        "every chunk carries a usage that grows",
        alter=stream_faults.usage_on_every_chunk,
        streams_only=True,
    ),
    "no_done": Fault(
        "the stream ends without [DONE]", alter=stream_faults.no_done, streams_only=True
    ),
    "no_finish": Fault(
        "the stream ends without a finish_reason; done: with [DONE]",
        {"done": True},
        alter=stream_faults.no_finish,
        streams_only=True,
    ),
    "half_tool_call": Fault(
        "the arguments of the last tool call are truncated to this many characters; "
        "finish_reason: None for a stream that ends there",
        {"characters": 8, "finish_reason": "length"},
        alter=stream_faults.half_tool_call,
    ),
    "crlf": Fault("lines end with CR LF", alter=stream_faults.crlf, streams_only=True),
    "comments": Fault(
        "there are comments and event, id and retry lines between the chunks",
        alter=stream_faults.comments,
        streams_only=True,
    ),
    "line_separator": Fault(
        "the text contains unescaped U+2028, U+2029 and U+0085",
        alter=stream_faults.line_separator,
        streams_only=True,
    ),
    "multi_line_data": Fault(
        "the JSON of a chunk is spread over several data lines",
        alter=stream_faults.multi_line_data,
        streams_only=True,
    ),
    "byte_order_mark": Fault(
        "the stream starts with a byte order mark",
        alter=stream_faults.byte_order_mark,
        streams_only=True,
    ),
}
"""All faults by name."""


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

    def count_request(self, connection: Connection, streaming: bool) -> bool:
        """Count a request if it is eligible, and return whether the fault applies to it."""
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

    def next(self, connection: Connection, streaming: bool) -> ArmedFault | None:
        """Return the first fault that applies to a request, or None.

        Args:
            connection: The connection of the request.
            streaming: Whether the request asks for a stream.
        """
        with self._lock:
            found = next(
                (armed for armed in self._armed if armed.count_request(connection, streaming)),
                None,
            )
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
