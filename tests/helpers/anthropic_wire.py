"""Responses and streams of the Anthropic format, written as MiMo's API writes them.

Import it as `anthropic_wire`: tests/helpers is on pytest's pythonpath.
"""

import json

from langchain_core.messages import message_chunk_to_message

from langchain_mimo._wire.anthropic.stream import StreamDecoder

MODEL = "mimo-v2.6-pro"
ID = "msg_045bd1a4688a4e539de27631205e0182"
USAGE = {"input_tokens": 40, "output_tokens": 103, "cache_read_input_tokens": 20}


def response(stop_reason="end_turn", *blocks, usage=USAGE):
    """Return a complete response."""
    return {
        "id": ID,
        "type": "message",
        "role": "assistant",
        "content": list(blocks),
        "model": MODEL,
        "stop_reason": stop_reason,
        "usage": usage,
    }


def text(value):
    """Return a text block."""
    return {"type": "text", "text": value}


def thinking(value, signature=""):
    """Return a thinking block."""
    return {"type": "thinking", "thinking": value, "signature": signature}


def tool_use(name, arguments, call_id="call_01e402113df94ebfb85e3056"):
    """Return a call; `arguments` is an object, or the text of a call that was cut."""
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def stream_of(body, separators=(",", ":")):
    """Yield the events that MiMo streams for a response (docs/api-facts.md).

    `separators` are those of the arguments' JSON.
    """
    message = {**body, "content": [], "stop_reason": None}
    del message["usage"]
    yield {"type": "message_start", "message": message}
    yield {"type": "ping"}
    for index, block in enumerate(body["content"]):
        empty = {"text": "", "thinking": "", "input": {}}
        start = {key: empty.get(key, value) for key, value in block.items() if key != "signature"}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in _deltas(block, separators):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": body["stop_reason"]}
    yield {"type": "message_delta", "delta": end, "usage": body["usage"]}
    yield {"type": "message_stop"}


def _deltas(block, separators):
    match block["type"]:
        case "text":
            for piece in _pieces(block["text"]):
                yield {"type": "text_delta", "text": piece}
        case "thinking":
            for piece in _pieces(block["thinking"]):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            value = block["input"]
            dumped = value if isinstance(value, str) else json.dumps(value, separators=separators)
            for piece in _pieces("" if dumped == "{}" else dumped):
                yield {"type": "input_json_delta", "partial_json": piece}


def _pieces(value, size=3):
    return [value[i : i + size] for i in range(0, len(value), size)]


def decode_chunks(events, **options):
    """Decode a complete stream into its chunks."""
    decoder = StreamDecoder(**options)
    chunks = [chunk for each in events if (chunk := decoder.feed(each)) is not None]
    return chunks + decoder.finish()


def decode_stream(events, **options):
    """Decode a complete stream into one message."""
    first, *rest = decode_chunks(events, **options)
    return message_chunk_to_message(first.__add__(rest) if rest else first)


RESPONSES = {
    "text": response("end_turn", text("Machine learning is …")),
    "reasoning and text": response("end_turn", thinking("The user greets me."), text("Hi.")),
    "reasoning only": response("end_turn", thinking("Good morning.")),
    "signed reasoning": response("end_turn", thinking("Hm.", "c2lnbmVk"), text("Hi.")),
    "two calls": response(
        "tool_use",
        thinking("Both."),
        tool_use("a", {"x": 1, "y": "é"}, "call_1"),
        tool_use("b", {}, "call_2"),
    ),
    "no arguments, then a call": response(
        "tool_use", tool_use("a", {}, "call_1"), tool_use("b", {"x": 1}, "call_2")
    ),
    "text around a call": response("tool_use", text("Wait"), tool_use("a", {}), text(", done")),
    "a call cut by length": response("max_tokens", tool_use("rm", '{"path": "/a')),
    "a call cut before its arguments": response("max_tokens", tool_use("rm", {})),
    "cut after calls without arguments": response(
        "max_tokens", tool_use("a", {}, "call_1"), tool_use("b", {}, "call_2"), text("And")
    ),
    "no usage": response("end_turn", text("Hi."), usage=None),
    "repetition": response("repetition_truncation", text("again and again")),
    "filtered": response("content_filter", text("I")),
    "empty": response("end_turn"),
}
