"""The canned responses of the server, in the format of each provider."""

from __future__ import annotations

import functools
from collections.abc import Callable

import orjson

HEAD = {"id": "chatcmpl-benchmark", "created": 1760000000, "model": "benchmark"}
USAGE = {"prompt_tokens": 11, "completion_tokens": 2000, "total_tokens": 2011}
GEMINI_USAGE = {"promptTokenCount": 11, "candidatesTokenCount": 2000, "totalTokenCount": 2011}
WORDS = ("The ", "quick ", "brown ", "fox ", "jumps ", "over ", "the ", "lazy ", "dog. ", "So ")
GREETING = "Hello! How can I help you today?"


def _words(count: int) -> list[str]:
    return [WORDS[at % len(WORDS)] for at in range(count)]


def _event(delta: dict[str, object], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    body = {**HEAD, "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + orjson.dumps(body) + b"\n\n"


def _ending(reason: str) -> list[bytes]:
    body = {**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}
    usage = b"data: " + orjson.dumps(body) + b"\n\n"
    return [_event({"content": ""}, reason), usage, b"data: [DONE]\n\n"]


def openai_text(count: int) -> list[bytes]:
    """Return the events of a text response, as MiMo and OpenAI write them."""
    events = [_event({"role": "assistant", "content": ""})]
    events += [_event({"content": word}) for word in _words(count)]
    return [*events, *_ending("stop")]


def openai_arguments(count: int) -> list[bytes]:
    """Return the events of a response with one tool call: `count` fragments of its arguments."""
    pieces = ['{"text": "', *_words(count - 2), '"}']
    call = {"index": 0, "id": "call_1", "type": "function"}
    first = {**call, "function": {"name": "write", "arguments": ""}}
    events = [_event({"role": "assistant", "content": "", "tool_calls": [first]})]
    for piece in pieces:
        fragment = {"index": 0, "function": {"arguments": piece}}
        events.append(_event({"tool_calls": [fragment]}))
    return [*events, *_ending("tool_calls")]


def _openai_response() -> dict[str, object]:
    message = {"role": "assistant", "content": GREETING}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}


def _description() -> dict[str, object]:
    """Return a description of media by the default schema of `MiMoMediaParser`."""
    times = {"start_s": 0, "end_s": 6}
    scene = {**times, "description": "A slide.", "speech": "", "text": ""}
    answer = {"summary": "A slide.", "speech": "", "text_on_screen": "", "scenes": [scene]}
    message = {"role": "assistant", "content": orjson.dumps(answer).decode()}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}


def _anthropic_message(content: list[object], reason: str | None) -> dict[str, object]:
    return {
        "id": "msg_benchmark",
        "type": "message",
        "role": "assistant",
        "model": "benchmark",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 2000},
    }


def anthropic_text(count: int) -> list[bytes]:
    """Return the events of a text response in Anthropic's format."""
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
        for word in _words(count)
    ]
    reason = {"stop_reason": "end_turn", "stop_sequence": None}
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": _anthropic_message([], None)},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": reason, "usage": {"output_tokens": 2000}},
        {"type": "message_stop"},
    ]
    return [b"event: %s\ndata: %s\n\n" % (str(e["type"]).encode(), orjson.dumps(e)) for e in events]


def _gemini_response(text: str, reason: str | None = None) -> dict[str, object]:
    candidate: dict[str, object] = {"content": {"parts": [{"text": text}], "role": "model"}}
    if reason is not None:
        candidate["finishReason"] = reason
    return {
        "candidates": [{**candidate, "index": 0}],
        "usageMetadata": GEMINI_USAGE,
        "modelVersion": "benchmark",
    }


def gemini_text(count: int) -> list[bytes]:
    """Return the events of a text response in Gemini's format."""
    bodies = [_gemini_response(word) for word in _words(count)]
    bodies.append(_gemini_response("", "STOP"))
    return [b"data: " + orjson.dumps(body) + b"\r\n\r\n" for body in bodies]


STREAMS: dict[tuple[str, str], Callable[[int], list[bytes]]] = {
    ("openai", "stream"): openai_text,
    ("openai", "arguments"): openai_arguments,
    ("anthropic", "stream"): anthropic_text,
    ("gemini", "stream"): gemini_text,
}
COMPLETE: dict[tuple[str, str], Callable[[], dict[str, object]]] = {
    ("openai", "response"): _openai_response,
    ("openai", "description"): _description,
    ("anthropic", "response"): lambda: _anthropic_message(
        [{"type": "text", "text": GREETING}], "end_turn"
    ),
    ("gemini", "response"): lambda: _gemini_response(GREETING, "STOP"),
}


def format_of(path: str) -> str:
    """Return whose format a request's path asks for."""
    if "enerateContent" in path:
        return "gemini"
    return "anthropic" if path.endswith("/messages") else "openai"


@functools.cache
def writes(scenario: str, format_: str) -> tuple[bytes, ...]:
    """Return the writes of a scenario's response, head included."""
    kind, *numbers = scenario.split("-")
    if not numbers:
        return (complete(orjson.dumps(COMPLETE[format_, kind]())),)
    count, batch = int(numbers[0]), int(numbers[1])
    events = STREAMS[format_, kind](count)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked"
    parts = [b"".join(events[at : at + batch]) for at in range(0, len(events), batch)]
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts]
    return (head + b"\r\n\r\n" + chunks[0], *chunks[1:], b"0\r\n\r\n")


def complete(body: bytes) -> bytes:
    """Return a response with a head that states its length."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body
