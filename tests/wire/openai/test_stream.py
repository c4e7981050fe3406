"""Chunks of streams in the OpenAI format."""

import pytest
from langchain_core.messages import AIMessageChunk
from openai_wire import (
    ID,
    RESPONSES,
    USAGE,
    decode_chunks,
    decode_stream,
    event,
    response,
    stream_of,
    tool_call,
)

from langchain_mimo._wire.openai.stream import StreamDecoder
from langchain_mimo.errors import MiMoIncompleteStreamError


def test_no_prefix_of_a_cut_stream_contains_a_valid_call():
    total = None
    for chunk in decode_chunks(stream_of(RESPONSES["a call cut by length"])):
        total = chunk if total is None else total + chunk
        assert total.tool_calls == []


def test_usage_on_every_chunk_counts_once():
    growing = [USAGE | {"completion_tokens": n, "prompt_tokens": 100} for n in (1, 2, 3)]
    events = [event(content="a", usage=each) for each in growing] + [event(finish_reason="stop")]
    assert decode_stream(events).usage_metadata["input_tokens"] == 100
    assert decode_stream(events).usage_metadata["output_tokens"] == 3


def test_scalars_are_not_repeated_when_the_finish_reason_is():
    events = [*stream_of(RESPONSES["text"]), event(finish_reason="stop")]
    assert decode_stream(events).response_metadata["finish_reason"] == "stop"
    assert decode_stream(events).response_metadata["model_name"] == "mimo-v2.6-pro"


def test_a_character_split_over_two_deltas_is_joined():
    events = [event(content="a\ud83d"), event(content="\ude00"), event(finish_reason="stop")]
    assert decode_stream(events).content == "a😀"
    lone = [event(reasoning_content="a\ud83d"), event(finish_reason="stop")]
    assert decode_stream(lone).additional_kwargs["reasoning_content"] == "a\ufffd"


def test_a_stream_without_a_finish_reason_is_incomplete():
    decoder = StreamDecoder()
    for each in list(stream_of(RESPONSES["two calls"]))[:-3]:
        decoder.feed(each)
    with pytest.raises(MiMoIncompleteStreamError):
        decoder.finish()


def test_the_partial_message_of_a_cut_stream():
    decoder = StreamDecoder()
    body = response(
        "tool_calls",
        content="Wait",
        reasoning_content="Hm.",
        tool_calls=[tool_call("a", '{"x": 1}', "call_1"), tool_call("b", '{"y": 2}', "call_2")],
    )
    for each in list(stream_of(body))[:-3]:
        decoder.feed(each)
    partial = decoder.partial_message()
    assert partial.content == "Wait"
    assert partial.additional_kwargs["reasoning_content"] == "Hm."
    assert [each["id"] for each in partial.tool_calls] == ["call_1"]
    assert [each["id"] for each in partial.invalid_tool_calls] == ["call_2"]


def test_only_the_last_chunk_is_marked_as_last():
    *others, last = decode_chunks(stream_of(RESPONSES["two calls"]))
    assert last.chunk_position == "last"
    assert all(chunk.chunk_position is None for chunk in others)
    assert all(chunk.id == ID for chunk in [*others, last])
    assert sum(bool(chunk.tool_call_chunks) for chunk in others) == 2


def test_text_chunks_have_no_metadata_so_that_streams_stay_fast():
    chunk = StreamDecoder().feed(event(content="a"))
    assert isinstance(chunk, AIMessageChunk)
    assert chunk.response_metadata == {}


@pytest.mark.parametrize(
    ("delta", "fields"),
    [
        ({"content": "a"}, {"content": "a"}),
        (
            {"reasoning_content": "b"},
            {"content": "", "additional_kwargs": {"reasoning_content": "b"}},
        ),
    ],
)
def test_copied_chunks_equal_constructed_ones_and_share_no_state(delta, fields):
    decoder = StreamDecoder()
    first, second = (decoder.feed(event(**delta)) for _ in range(2))
    expected = AIMessageChunk(**fields, id=ID)
    for chunk in (first, second):
        assert chunk == expected
        assert chunk.__dict__ == expected.__dict__
        assert chunk.model_dump() == expected.model_dump()
    for name, value in first.__dict__.items():
        assert isinstance(value, str | None) or value is not second.__dict__[name], name
    assert first.model_fields_set == expected.model_fields_set
