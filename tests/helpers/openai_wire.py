"""Responses and streams of the OpenAI format, written as MiMo's API writes them.

Import it as `openai_wire`: tests/helpers is on pytest's pythonpath.
"""

from langchain_core.messages import message_chunk_to_message

from langchain_mimo._wire.openai.stream import StreamDecoder

ID = "045bd1a4-688a-4e53-9de2-7631205e0182_5f467b0704184928936bafb270896022"
USAGE = {
    "completion_tokens": 103,
    "prompt_tokens": 60,
    "total_tokens": 163,
    "completion_tokens_details": {"reasoning_tokens": 14},
    "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": 9},
}


def response(finish_reason="stop", usage=USAGE, **message):
    """Return a complete response."""
    message = {"content": "", "role": "assistant", "tool_calls": None} | message
    return {
        "id": ID,
        "choices": [{"finish_reason": finish_reason, "index": 0, "message": message}],
        "created": 1790008551,
        "model": "mimo-v2.6-pro",
        "object": "chat.completion",
        "usage": usage,
    }


def tool_call(name, arguments, call_id="call_01e402113df94ebfb85e3056"):
    """Return a call; `arguments` is its JSON text."""
    return {
        "id": call_id,
        "function": {"arguments": arguments, "name": name},
        "type": "function",
    }


def event(usage=..., finish_reason=None, choices=..., **delta):
    """Return a stream event; its delta has all four keys, null where there is no value."""
    delta = {"content": None, "role": None, "tool_calls": None, "reasoning_content": None} | delta
    body = {
        "id": ID,
        "choices": [{"delta": delta, "finish_reason": finish_reason, "index": 0}],
        "created": 1790008592,
        "model": "mimo-v2.6-pro",
        "object": "chat.completion.chunk",
    }
    if choices is not ...:
        body["choices"] = choices
    if usage is not ...:
        body["usage"] = usage
    return body


def stream_of(body):
    """Yield the events that MiMo streams for a response (docs/api-facts.md)."""
    choice = body["choices"][0]
    message = choice["message"]
    yield event(content="", role="assistant")
    for piece in _pieces(message.get("reasoning_content") or ""):
        yield event(reasoning_content=piece)
    for piece in _pieces(message["content"] or ""):
        yield event(content=piece)
    for index, call in enumerate(message.get("tool_calls") or []):
        function = call["function"]
        head = {"arguments": "", "name": function["name"]}
        yield event(
            tool_calls=[{"index": index, "id": call["id"], "function": head, "type": "function"}]
        )
        for piece in _pieces(function["arguments"]):
            rest = {"arguments": piece, "name": None}
            yield event(
                tool_calls=[{"index": index, "id": None, "function": rest, "type": "function"}]
            )
    yield event(finish_reason=choice["finish_reason"], usage=None)
    yield event(choices=[], usage=body["usage"])


def _pieces(text, size=3):
    return [text[i : i + size] for i in range(0, len(text), size)]


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
    "text": response(content="Machine learning is …"),
    "reasoning and text": response(content="Hi.", reasoning_content="The user greets me."),
    "reasoning only": response(reasoning_content="Good morning."),
    "two calls": response(
        "tool_calls",
        reasoning_content="Both.",
        tool_calls=[tool_call("a", '{"x": 1}', "call_1"), tool_call("b", "{}", "call_2")],
    ),
    "a call without spaces": response("tool_calls", tool_calls=[tool_call("a", '{"x":1,"y":"é"}')]),
    "a call with invalid arguments": response("tool_calls", tool_calls=[tool_call("a", '{"x": ')]),
    "a call cut by length": response("length", tool_calls=[tool_call("rm", '{"path": "/a')]),
    "no usage": response(content="Hi.", usage=None),
    "repetition": response("repetition_truncation", content="again and again"),
    "filtered": response("content_filter", content="I"),
    "empty": response(),
}
