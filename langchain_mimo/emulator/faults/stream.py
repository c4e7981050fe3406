"""Faults inside a stream, over an intact connection: errors, missing ends, unusual but legal forms.

They apply only to streams that start with status 200; `half_tool_call` also applies to non-streamed
responses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import orjson

from langchain_mimo.emulator.encoding import dump, encode_event
from langchain_mimo.emulator.http.delivery import HttpResponse, Step

Event: TypeAlias = dict[str, Any]

_SEPARATORS = "\u2028\u2029\u0085"
_DATA = re.compile(rb"^(?:event: \w+\n)?data: ?(.*)\n\n\Z", re.DOTALL)


def error_in_stream(response: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Send an error object after a number of events."""
    error = {
        "code": str(options["code"]),
        "message": options["message"],
        "param": options["param"],
        "type": "",
    }
    prefix = b"data: " if options["space"] else b"data:"
    tail = [prefix + orjson.dumps({"error": error}) + b"\n\n"]
    if options["done"]:
        tail.append(b"data: [DONE]\n\n")

    def altered(steps: Iterable[Step]) -> Iterator[Step]:
        for number, step in enumerate(steps):
            if number >= int(options["after_events"]):
                break
            yield step
        yield from tail

    return _alter_steps(response, altered)


def duplicated_finish(response: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Send the chunk with the finish reason twice."""

    def altered(steps: Iterable[Step]) -> Iterator[Step]:
        for step in steps:
            yield step
            event = _parse_event(step)
            if event is not None and _finish_reason(event):
                yield step

    return _alter_steps(response, altered)


def usage_on_every_chunk(response: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Add a growing usage to every chunk, like vLLM's `continuous_usage_stats`."""

    def altered(steps: Iterable[Step]) -> Iterator[Step]:
        collected = list(steps)
        usages = ((event or {}).get("usage") for event in map(_parse_event, reversed(collected)))
        final = next((usage for usage in usages if usage and "completion_tokens" in usage), None)
        for number, step in enumerate(collected):
            event = _parse_event(step)
            if event is not None and final is not None and not event.get("usage"):
                completion = min(number, final["completion_tokens"])
                total = final["prompt_tokens"] + completion
                event["usage"] = {
                    **final,
                    "completion_tokens": completion,
                    "total_tokens": total,
                }
                step = encode_event(event)  # noqa: PLW2901 - the changed step replaces it
            yield step

    return _alter_steps(response, altered)


def no_done(response: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Leave out `[DONE]`, which the Anthropic format should not have anyway."""
    return _alter_steps(response, lambda steps: (step for step in steps if not _is_done(step)))


def no_finish(response: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """End the stream without a finish reason and without usage."""

    def altered(steps: Iterable[Step]) -> Iterator[Step]:
        for step in steps:
            event = _parse_event(step)
            if event is not None and (_finish_reason(event) or not _precedes_end(event)):
                continue
            if not _is_done(step) or options["done"]:
                yield step

    return _alter_steps(response, altered)


def half_tool_call(response: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Truncate the arguments of the last tool call."""
    keep, reason = int(options["characters"]), options["finish_reason"]
    if response.body is not None:
        return _truncate_call_in_body(response, keep, reason)

    def altered(steps: Iterable[Step]) -> Iterator[Step]:
        collected = list(steps)
        indices = [
            index for event in map(_parse_event, collected) for index, _ in _call_deltas(event)
        ]
        last = max(indices, default=None)
        budget = keep
        for step in collected:
            event = _parse_event(step)
            if event is None:
                if reason is not None or not _is_done(step):
                    yield step
                continue
            for index, delta in _call_deltas(event):
                if index == last:
                    key = "arguments" if "arguments" in delta else "partial_json"
                    delta[key] = delta[key][:budget]
                    budget -= len(delta[key])
            if _finish_reason(event):
                _set_finish_reason(event, reason)
            if reason is not None or _precedes_end(event):
                yield encode_event(event)

    return _alter_steps(response, altered)


def crlf(response: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """End lines with CR LF."""
    return _alter_bytes(response, lambda step: step.replace(b"\n", b"\r\n"))


def comments(response: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Put everything that SSE allows between the chunks there."""
    extra_lines = b": keep-alive\n\n:\n\nretry: 3000\n\nid: 7\nevent: message\n"
    return _alter_bytes(response, lambda step: extra_lines + step)


def line_separator(response: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Add characters to the text that some parsers take for line ends."""

    def changed(step: bytes) -> bytes:
        event = _parse_event(step)
        delta = _delta_of(event)
        if event is None or delta is None:
            return step
        for name in ("content", "reasoning_content", "text", "thinking"):
            if delta.get(name):
                delta[name] += _SEPARATORS
        return encode_event(event)

    return _alter_bytes(response, changed)


def multi_line_data(response: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Spread a chunk over several `data:` lines, which are the same JSON when joined."""

    def changed(step: bytes) -> bytes:
        event = _parse_event(step)
        if event is None:
            return step
        lines = orjson.dumps(event, option=orjson.OPT_INDENT_2).split(b"\n")
        return b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"

    return _alter_bytes(response, changed)


def byte_order_mark(response: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Start with a byte order mark, which SSE allows."""

    def altered(steps: Iterable[Step]) -> Iterator[Step]:
        yield b"\xef\xbb\xbf"
        yield from steps

    return _alter_steps(response, altered)


def _alter_steps(
    response: HttpResponse, change: Callable[[Iterable[Step]], Iterable[Step]]
) -> HttpResponse:
    return replace(response, steps=change(response.steps))


def _alter_bytes(response: HttpResponse, change: Callable[[bytes], bytes]) -> HttpResponse:
    return _alter_steps(
        response,
        lambda steps: (change(step) if isinstance(step, bytes) else step for step in steps),
    )


def _parse_event(step: Step) -> Event | None:
    """Return the JSON object of an event; None if the step is not an event with one."""
    match = _DATA.match(step) if isinstance(step, bytes) else None
    if match is None or not match.group(1).startswith(b"{"):
        return None
    event: Event = orjson.loads(match.group(1))
    return event


def _is_done(step: Step) -> bool:
    return isinstance(step, bytes) and b"[DONE]" in step


def _delta_of(event: Event | None) -> dict[str, Any] | None:
    """Return the delta of an event in either API format."""
    if event is None:
        return None
    choices = event.get("choices")
    delta = choices[0].get("delta") if choices else event.get("delta")
    return delta if isinstance(delta, dict) else None


def _finish_reason(event: Event) -> Any:
    choices = event.get("choices")
    if choices:
        return choices[0].get("finish_reason")
    return (_delta_of(event) or {}).get("stop_reason")


def _set_finish_reason(event: Event, reason: str | None) -> None:
    if event.get("choices"):
        event["choices"][0]["finish_reason"] = reason
    else:
        names = {"length": "max_tokens", "tool_calls": "tool_use", "stop": "end_turn"}
        event["delta"]["stop_reason"] = names.get(reason or "", reason)


def _precedes_end(event: Event) -> bool:
    """Return whether an event belongs to the stream before its finish reason and usage."""
    if "choices" not in event:
        return event.get("type") not in {"message_delta", "message_stop"}
    return any(value is not None for value in (_delta_of(event) or {}).values())


def _call_deltas(event: Event | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the index and the object of each delta of tool call arguments."""
    delta = _delta_of(event)
    if event is None or delta is None:
        return
    if "partial_json" in delta:
        yield event["index"], delta
    for call in delta.get("tool_calls") or ():
        yield call["index"], call["function"]


def _truncate_call_in_body(response: HttpResponse, keep: int, reason: str | None) -> HttpResponse:
    try:
        body = orjson.loads(response.body or b"")
    except orjson.JSONDecodeError:
        return response
    if response.status != 200 or not isinstance(body, dict):
        return response
    if body.get("type") == "message":
        # A truncated input is not valid JSON, so this format shows it as empty.
        for block in [block for block in body["content"] if block["type"] == "tool_use"][-1:]:
            block["input"] = {}
        body["stop_reason"] = "max_tokens" if reason == "length" else reason
    for choice in body.get("choices", ())[:1]:
        for call in (choice["message"].get("tool_calls") or ())[-1:]:
            call["function"]["arguments"] = call["function"]["arguments"][:keep]
        choice["finish_reason"] = reason
    return replace(response, body=dump(body))
