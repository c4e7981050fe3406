"""The table of all faults.

`FAULTS` drives `MiMoEmulator.fault`, the command line and the documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from langchain_mimo.emulator.conversation.outcome import Outcome
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.conversation.request import Conversation
from langchain_mimo.emulator.faults import answer as answer_faults
from langchain_mimo.emulator.faults import connection as connection_faults
from langchain_mimo.emulator.faults import stream as stream_faults
from langchain_mimo.emulator.faults import targets
from langchain_mimo.emulator.faults.targets import Target
from langchain_mimo.emulator.http.delivery import HttpResponse

Parameters: TypeAlias = Mapping[str, Any]
Replacement: TypeAlias = Callable[[Parameters, bool], HttpResponse]
Rewriting: TypeAlias = Callable[
    [Parameters, Outcome, Conversation, Reply | None], answer_faults.Answer
]
Alteration: TypeAlias = Callable[[HttpResponse, Parameters], HttpResponse]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Attributes:
        summary: One line for the documentation.
        parameters: Names and defaults of the parameters.
        replace: Makes the response from the parameters and whether the request asks for a stream;
            the request is not checked.
        rewrite: Changes the answer before it is encoded, and the scripted reply that says how to
            send it.
        alter: Changes the response that would have been sent.
        method: The HTTP method of the requests that it applies to.
        needs: What else a request must have, given the parameters; None for all requests.
        reused_only: Whether it applies only on a connection that has served a request before.
        streams_only: Whether it applies only to requests with `stream: true`.
    """

    summary: str
    parameters: Parameters = field(default_factory=dict)
    replace: Replacement | None = None
    rewrite: Rewriting | None = None
    alter: Alteration | None = None
    method: str = "POST"
    needs: Callable[[Target, Parameters], bool] | None = None
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
    "payment_burst": Fault(
        "402 Upstream request failed: Insufficient account funds, for requests that come too fast",
        replace=connection_faults.payment_burst,
    ),
    "forbidden": Fault("403 Illegal access", replace=connection_faults.forbidden),
    "search_quota": Fault(
        "409 for a request with web_search: the quota of searches is used up; the body is ours",
        replace=connection_faults.search_quota,
        needs=targets.has_web_search,
    ),
    "moderation": Fault(
        "code 421, Moderation Block, inside a 400; status: 421 for the documented form",
        {"status": 400},
        replace=connection_faults.moderation,
    ),
    "risk_control": Fault(
        "code 441, risk_control, inside a 400, after many refused requests; retrying does not help",
        replace=connection_faults.risk_control,
    ),
    "media_corrupted": Fault(
        "400 Multimodal data is corrupted for media that are whole, which passes when it is sent "
        "again",
        replace=connection_faults.media_corrupted,
        needs=targets.has_media,
    ),
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
    "models_not_found": Fault(
        "404 with an HTML page for the list of models at this path",
        {"path": "/v1/models"},
        replace=connection_faults.not_found_page,
        method="GET",
        needs=targets.has_path,
    ),
    "content_filter": Fault(
        "200 with MiMo's sentence for moderation as the answer; finish_reason is content_filter",
        rewrite=answer_faults.content_filter,
    ),
    "whitespace_padding": Fault(
        "an answer under json_schema is this many members, then whitespace up to the token limit; "
        "in a stream, one token per interval",
        {"members": 1, "interval": 0.0},
        rewrite=answer_faults.whitespace_padding,
        needs=targets.has_schema,
    ),
    "repetition": Fault(
        "after the content or the reasoning (place), this many identical groups of lines; "
        "finish_reason is repetition_truncation",
        {"groups": 40, "lines": 3, "place": "content"},
        rewrite=answer_faults.repetition,
    ),
    "tool_call_flood": Fault(
        "the tool calls of the answer are repeated until there are this many",
        {"calls": 120},
        rewrite=answer_faults.tool_call_flood,
        needs=targets.has_tools,
    ),
    "xml_tool_call": Fault(
        "the tool calls are XML in the text; tool_calls is null, finish_reason is tool_calls",
        rewrite=answer_faults.xml_tool_call,
        needs=targets.has_tools,
    ),
    "cut_at_nullable": Fault(
        "the arguments of a tool call end where the value of its first nullable parameter starts",
        rewrite=answer_faults.cut_at_nullable,
        needs=targets.has_nullable_parameter,
    ),
    "stringified_arguments": Fault(
        "objects and arrays in the arguments of a tool call arrive as their JSON text; numbers: "
        "numbers too",
        {"numbers": False},
        rewrite=answer_faults.stringified_arguments,
        needs=targets.has_tools,
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
