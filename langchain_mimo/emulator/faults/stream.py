"""Faults inside a stream that HTTP carries well: errors, missing ends, odd but legal forms.

Streams that began well are all they get to see; a half tool call is made in whole answers too.
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


def error_in_stream(answer: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Carry an error object in a stream that began well."""
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

    return _altered(answer, altered)


def duplicated_finish(answer: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Send the last chunk of the choice twice."""

    def altered(steps: Iterable[Step]) -> Iterator[Step]:
        for step in steps:
            yield step
            event = _event(step)
            if event is not None and _finish(event):
                yield step

    return _altered(answer, altered)


def usage_on_every_chunk(answer: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Put a usage that grows on every chunk, as vLLM's continuous usage does."""

    def altered(steps: Iterable[Step]) -> Iterator[Step]:
        held = list(steps)
        usages = ((event or {}).get("usage") for event in map(_event, reversed(held)))
        final = next((usage for usage in usages if usage and "completion_tokens" in usage), None)
        for number, step in enumerate(held):
            event = _event(step)
            if event is not None and final is not None and not event.get("usage"):
                completion = min(number, final["completion_tokens"])
                total = final["prompt_tokens"] + completion
                event["usage"] = {
                    **final,
                    "completion_tokens": completion,
                    "total_tokens": total,
                }
                step = encode_event(event)  # noqa: PLW2901 - the step is what changes
            yield step

    return _altered(answer, altered)


def no_done(answer: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Leave `[DONE]` out; in the Anthropic format that is what belongs there."""
    return _altered(answer, lambda steps: (step for step in steps if not _is_done(step)))


def no_finish(answer: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """End without a finish_reason and without usage."""

    def altered(steps: Iterable[Step]) -> Iterator[Step]:
        for step in steps:
            event = _event(step)
            if event is not None and (_finish(event) or not _opens(event)):
                continue
            if not _is_done(step) or options["done"]:
                yield step

    return _altered(answer, altered)


def half_tool_call(answer: HttpResponse, options: Mapping[str, Any]) -> HttpResponse:
    """Cut the arguments of the last tool call."""
    keep, reason = int(options["characters"]), options["finish_reason"]
    if answer.body is not None:
        return _half_call_in_body(answer, keep, reason)

    def altered(steps: Iterable[Step]) -> Iterator[Step]:
        held = list(steps)
        last = max((index for e in map(_event, held) for index, _ in _fragments(e)), default=None)
        budget = keep
        for step in held:
            event = _event(step)
            if event is None:
                if reason is not None or not _is_done(step):
                    yield step
                continue
            for index, fragment in _fragments(event):
                if index == last:
                    key = "arguments" if "arguments" in fragment else "partial_json"
                    fragment[key] = fragment[key][:budget]
                    budget -= len(fragment[key])
            if _finish(event):
                _set_finish(event, reason)
            if reason is not None or _opens(event):
                yield encode_event(event)

    return _altered(answer, altered)


def crlf(answer: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """End lines as Windows does."""
    return _mapped(answer, lambda step: step.replace(b"\n", b"\r\n"))


def comments(answer: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Put everything between the chunks that SSE allows there."""
    noise = b": keep-alive\n\n:\n\nretry: 3000\n\nid: 7\nevent: message\n"
    return _mapped(answer, lambda step: noise + step)


def line_separator(answer: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Put characters into the text that some line splitters take for line ends."""

    def changed(step: bytes) -> bytes:
        event = _event(step)
        delta = _delta(event)
        if event is None or delta is None:
            return step
        for name in ("content", "reasoning_content", "text", "thinking"):
            if delta.get(name):
                delta[name] += _SEPARATORS
        return encode_event(event)

    return _mapped(answer, changed)


def multi_line_data(answer: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Spread a chunk over several `data:` lines; joined by line breaks they are the same JSON."""

    def changed(step: bytes) -> bytes:
        event = _event(step)
        if event is None:
            return step
        lines = orjson.dumps(event, option=orjson.OPT_INDENT_2).split(b"\n")
        return b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"

    return _mapped(answer, changed)


def byte_order_mark(answer: HttpResponse, _options: Mapping[str, Any]) -> HttpResponse:
    """Begin with a byte order mark, which SSE allows."""

    def altered(steps: Iterable[Step]) -> Iterator[Step]:
        yield b"\xef\xbb\xbf"
        yield from steps

    return _altered(answer, altered)


def _altered(
    answer: HttpResponse, change: Callable[[Iterable[Step]], Iterable[Step]]
) -> HttpResponse:
    return replace(answer, steps=change(answer.steps))


def _mapped(answer: HttpResponse, change: Callable[[bytes], bytes]) -> HttpResponse:
    return _altered(
        answer,
        lambda steps: (change(step) if isinstance(step, bytes) else step for step in steps),
    )


def _event(step: Step) -> Event | None:
    """Return the JSON object of an event, or None for what is none."""
    match = _DATA.match(step) if isinstance(step, bytes) else None
    if match is None or not match.group(1).startswith(b"{"):
        return None
    event: Event = orjson.loads(match.group(1))
    return event


def _is_done(step: Step) -> bool:
    return isinstance(step, bytes) and b"[DONE]" in step


def _delta(event: Event | None) -> dict[str, Any] | None:
    """Return the delta of an event of either format."""
    if event is None:
        return None
    choices = event.get("choices")
    delta = choices[0].get("delta") if choices else event.get("delta")
    return delta if isinstance(delta, dict) else None


def _finish(event: Event) -> Any:
    choices = event.get("choices")
    if choices:
        return choices[0].get("finish_reason")
    return (_delta(event) or {}).get("stop_reason")


def _set_finish(event: Event, reason: str | None) -> None:
    if event.get("choices"):
        event["choices"][0]["finish_reason"] = reason
    else:
        names = {"length": "max_tokens", "tool_calls": "tool_use", "stop": "end_turn"}
        event["delta"]["stop_reason"] = names.get(reason or "", reason)


def _opens(event: Event) -> bool:
    """Whether an event belongs to the part of a stream that a cut before its end would leave."""
    if "choices" not in event:
        return event.get("type") not in {"message_delta", "message_stop"}
    return any(value is not None for value in (_delta(event) or {}).values())


def _fragments(event: Event | None) -> Iterator[tuple[int, dict[str, Any]]]:
    delta = _delta(event)
    if event is None or delta is None:
        return
    if "partial_json" in delta:
        yield event["index"], delta
    for call in delta.get("tool_calls") or ():
        yield call["index"], call["function"]


def _half_call_in_body(answer: HttpResponse, keep: int, reason: str | None) -> HttpResponse:
    try:
        body = orjson.loads(answer.body or b"")
    except orjson.JSONDecodeError:
        return answer
    if answer.status != 200 or not isinstance(body, dict):
        return answer
    if body.get("type") == "message":
        # Input that was cut is no JSON, so this format shows it empty.
        for block in [block for block in body["content"] if block["type"] == "tool_use"][-1:]:
            block["input"] = {}
        body["stop_reason"] = "max_tokens" if reason == "length" else reason
    for choice in body.get("choices", ())[:1]:
        for call in (choice["message"].get("tool_calls") or ())[-1:]:
            call["function"]["arguments"] = call["function"]["arguments"][:keep]
        choice["finish_reason"] = reason
    return replace(answer, body=dump(body))
