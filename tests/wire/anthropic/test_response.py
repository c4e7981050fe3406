"""Messages decoded from the Anthropic format, equal for complete and streamed responses."""

import json

import pytest
from anthropic_wire import (
    ID,
    MODEL,
    RESPONSES,
    decode_chunks,
    decode_stream,
    response,
    stream_of,
    text,
    thinking,
    tool_use,
)

from langchain_mimo._wire.anthropic.response import decode_response
from langchain_mimo._wire.openai import response as openai_response
from langchain_mimo.errors import MiMoInvalidResponseError


@pytest.mark.parametrize("name", RESPONSES)
def test_a_stream_adds_up_to_the_complete_response(name):
    assert decode_stream(stream_of(RESPONSES[name])) == decode_response(RESPONSES[name])


def test_the_message_equals_that_of_the_openai_format():
    usage = {
        "completion_tokens": 103,
        "prompt_tokens": 60,
        "total_tokens": 163,
        "prompt_tokens_details": {"cached_tokens": 20},
    }
    message = {
        "role": "assistant",
        "content": "Hi.",
        "reasoning_content": "Both.",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "a", "arguments": '{"x": 1}'},
            },
        ],
    }
    choice = {"finish_reason": "tool_calls", "index": 0, "message": message}
    twin = {"id": ID, "model": MODEL, "choices": [choice], "usage": usage}
    ours = response("tool_use", thinking("Both."), text("Hi."), tool_use("a", {"x": 1}, "call_1"))
    assert decode_response(ours) == openai_response.decode_response(twin)


@pytest.mark.parametrize(
    ("stop_reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("content_filter", "content_filter"),
        ("repetition_truncation", "repetition_truncation"),
        ("of_tomorrow", "of_tomorrow"),
    ],
)
def test_stop_reasons_are_translated(stop_reason, expected):
    body = response(stop_reason, text("A"))
    for message in (decode_response(body), decode_stream(stream_of(body))):
        assert message.response_metadata["finish_reason"] == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({"input_tokens": 5, "output_tokens": 2}, (5, 2, None)),
        ({"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": None}, (5, 2, None)),
        ({"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 0}, (5, 2, 0)),
        ({"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 64}, (69, 2, 64)),
        ({"input_tokens": 0, "output_tokens": 2, "cache_read_input_tokens": 64}, (64, 2, 64)),
    ],
)
def test_input_tokens_include_cached_tokens(usage, expected):
    body = response("end_turn", text("A"), usage=usage)
    for message in (decode_response(body), decode_stream(stream_of(body))):
        if expected is None:
            assert message.usage_metadata is None
            continue
        input_tokens, output_tokens, cache_read = expected
        usage_metadata = message.usage_metadata
        assert usage_metadata["input_tokens"] == input_tokens
        assert usage_metadata["output_tokens"] == output_tokens
        assert usage_metadata["total_tokens"] == input_tokens + output_tokens
        assert usage_metadata.get("input_token_details", {}).get("cache_read") == cache_read


@pytest.mark.parametrize(
    ("name", "raw"),
    [("a call cut by length", '{"path": "/a'), ("a call cut before its arguments", "")],
)
def test_cut_arguments_never_become_a_call(name, raw):
    for message in (decode_response(RESPONSES[name]), decode_stream(stream_of(RESPONSES[name]))):
        assert message.tool_calls == []
        (invalid,) = message.invalid_tool_calls
        assert json.loads(invalid["args"]) == raw
    total = None
    for chunk in decode_chunks(stream_of(RESPONSES[name])):
        total = chunk if total is None else total + chunk
        assert total.tool_calls == []


def test_reasoning_replaces_empty_content_only_on_request():
    body = RESPONSES["reasoning only"]
    assert decode_response(body).content == ""
    complete = decode_response(body, reasoning_as_content=True)
    assert complete.content == "Good morning."
    assert decode_stream(stream_of(body), reasoning_as_content=True) == complete


def test_an_empty_signature_is_dropped():
    assert "signature" not in decode_response(RESPONSES["reasoning and text"]).additional_kwargs
    signed = decode_response(RESPONSES["signed reasoning"])
    assert signed.additional_kwargs == {"reasoning_content": "Hm.", "signature": "c2lnbmVk"}


def test_a_character_split_over_two_deltas_is_joined():
    body = response("end_turn", text("a\ud83d\ude00b\ud83d"))
    assert decode_response(body).content == "a😀b\ufffd"
    assert decode_stream(stream_of(body)).content == "a😀b\ufffd"


def test_unknown_content_is_ignored_with_a_warning():
    body = response("end_turn", {"type": "hologram", "data": "…"}, text("A"))
    with pytest.warns(UserWarning, match="hologram"):
        assert decode_response(body).content == "A"
    events = [*stream_of(response("end_turn", text("A"))), {"type": "of_tomorrow"}]
    assert decode_stream(events).content == "A"


@pytest.mark.parametrize(
    "body", [None, [], {}, {"choices": []}, {"content": None}, {"content": "x"}, {"detail": "no"}]
)
def test_a_body_that_is_not_a_message_is_refused(body):
    with pytest.raises(MiMoInvalidResponseError, match="base_url"):
        decode_response(body)
