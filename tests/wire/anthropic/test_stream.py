"""Chunks and content-block events of streams in the Anthropic format."""

import pytest
from anthropic_wire import (
    ID,
    RESPONSES,
    USAGE,
    decode_chunks,
    decode_stream,
    response,
    stream_of,
    text,
    thinking,
    tool_use,
)

from langchain_mimo._wire.anthropic.response import decode_response
from langchain_mimo._wire.anthropic.stream import StreamDecoder
from langchain_mimo._wire.to_langchain import content_blocks
from langchain_mimo._wire.to_langchain.events import EventWriter
from langchain_mimo.errors import MiMoIncompleteStreamError

content_blocks.register()


def test_usage_in_two_events_counts_once():
    start = {"type": "message_start", "message": {"id": ID, "usage": USAGE | {"output_tokens": 1}}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    events = [start, {**end, "usage": {"input_tokens": None, "output_tokens": 9}}]
    usage = decode_stream(events).usage_metadata
    assert (usage["input_tokens"], usage["output_tokens"]) == (60, 9)


def test_calls_that_end_before_the_cut_are_valid():
    message = decode_stream(stream_of(RESPONSES["cut after calls without arguments"]))
    assert [call["id"] for call in message.tool_calls] == ["call_1", "call_2"]


def test_arguments_in_the_start_event_of_a_block():
    start = {"type": "content_block_start", "index": 0, "content_block": tool_use("a", {"x": 1})}
    end = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}
    for events in ([start, {"type": "content_block_stop", "index": 0}, end], [start, end]):
        assert decode_stream(events).tool_calls[0]["args"] == {"x": 1}


@pytest.mark.parametrize("name", RESPONSES)
def test_a_stream_cut_anywhere_is_incomplete(name):
    events = list(stream_of(RESPONSES[name]))
    for length in range(1, len(events) - 1):
        decoder = StreamDecoder()
        for event in events[:length]:
            decoder.feed(event)
        with pytest.raises(MiMoIncompleteStreamError):
            decoder.finish()
        partial = decoder.partial_message()
        ids = [call["id"] for call in decode_response(RESPONSES[name]).tool_calls]
        assert [call["id"] for call in partial.tool_calls] == ids[: len(partial.tool_calls)]


@pytest.mark.parametrize("dropped", ["message_delta", "message_stop"])
def test_either_end_event_completes_a_stream(dropped):
    events = [each for each in stream_of(RESPONSES["text"]) if each["type"] != dropped]
    message = decode_stream(events)
    assert message.content == "Machine learning is …"
    assert message.response_metadata["finish_reason"] == "stop"


def test_the_partial_message_of_a_cut_stream():
    body = response(
        "tool_use",
        thinking("Hm.", "sealed"),
        text("Wait"),
        tool_use("a", {"x": 1}, "call_1"),
        tool_use("b", {"y": 2}, "call_2"),
    )
    decoder = StreamDecoder()
    for event in list(stream_of(body))[:-3]:
        decoder.feed(event)
    partial = decoder.partial_message()
    assert partial.content == "Wait"
    assert partial.additional_kwargs == {"reasoning_content": "Hm.", "signature": "sealed"}
    assert [call["id"] for call in partial.tool_calls] == ["call_1"]
    assert [call["id"] for call in partial.invalid_tool_calls] == ["call_2"]


def test_a_ping_does_not_start_a_response():
    decoder = StreamDecoder()
    decoder.feed({"type": "ping"})
    assert not decoder.started


def test_only_the_last_chunk_is_marked_as_last():
    *others, last = decode_chunks(stream_of(RESPONSES["two calls"]))
    assert last.chunk_position == "last"
    assert all(chunk.chunk_position is None for chunk in others)
    assert all(chunk.id == ID for chunk in [*others, last])


@pytest.mark.parametrize("name", RESPONSES)
def test_content_block_events_add_up_to_the_message(name):
    decoder, writer = StreamDecoder(), EventWriter()
    events = [
        event for each in stream_of(RESPONSES[name]) for event in decoder.feed_events(each, writer)
    ]
    for chunk in decoder.finish():
        events += writer.write_chunk(chunk)
    finished = [each["content"] for each in events if each["event"] == "content-block-finish"]
    message = decode_response(RESPONSES[name])
    texts = [block["text"] for block in finished if block["type"] == "text"]
    assert "".join(texts) == message.content
    valid = [block["args"] for block in finished if block["type"] == "tool_call"]
    assert valid == [call["args"] for call in message.tool_calls]
    (last,) = [each for each in events if each["event"] == "message-finish"]
    assert last["metadata"] == message.response_metadata
    assert last.get("usage") == message.usage_metadata
    assert last.get("additional_kwargs", {}) == message.additional_kwargs
