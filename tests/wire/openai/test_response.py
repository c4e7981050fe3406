"""Messages decoded from the OpenAI format, equal for complete and streamed responses."""

import json

import pytest
from openai_wire import (
    ID,
    RESPONSES,
    USAGE,
    decode_stream,
    event,
    response,
    stream_of,
    tool_call,
)

from langchain_mimo._wire.openai.response import decode_response
from langchain_mimo._wire.to_langchain import content_blocks
from langchain_mimo.errors import MiMoInvalidResponseError

content_blocks.register()


@pytest.mark.parametrize("name", RESPONSES)
def test_a_stream_adds_up_to_the_complete_response(name):
    assert decode_stream(stream_of(RESPONSES[name])) == decode_response(RESPONSES[name])


def test_the_message_of_a_response_with_calls():
    message = decode_response(RESPONSES["two calls"])
    assert message.content == ""
    assert message.additional_kwargs == {"reasoning_content": "Both."}
    assert [(each["name"], each["args"], each["id"]) for each in message.tool_calls] == [
        ("a", {"x": 1}, "call_1"),
        ("b", {}, "call_2"),
    ]
    assert message.usage_metadata == {
        "input_tokens": 60,
        "output_tokens": 103,
        "total_tokens": 163,
        "input_token_details": {"cache_read": 0, "image": 9},
        "output_token_details": {"reasoning": 14},
    }
    assert message.response_metadata == {
        "model_provider": "mimo",
        "model_name": "mimo-v2.6-pro",
        "finish_reason": "tool_calls",
        "id": ID,
    }
    assert message.id == ID
    assert [block["type"] for block in message.content_blocks] == [
        "reasoning",
        "tool_call",
        "tool_call",
    ]


def test_a_message_may_have_content_and_role_only():
    """As recorded with thinking off."""
    body = response()
    body["choices"][0]["message"] = {"content": "4", "role": "assistant"}
    message = decode_response(body)
    assert (message.content, message.tool_calls, message.additional_kwargs) == ("4", [], {})


def reversed_keys(value):
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", RESPONSES)
def test_the_order_of_keys_does_not_matter(name):
    body = RESPONSES[name]
    assert decode_response(reversed_keys(body)) == decode_response(body)
    assert decode_stream(map(reversed_keys, stream_of(body))) == decode_response(body)


@pytest.mark.parametrize("response_id", [ID, "chatcmpl-8c1f2a", "7"])
def test_ids_of_any_form_are_kept(response_id):
    """Those of v2.5-pro have another form than those of v2.6, as they come from another backend."""
    body = RESPONSES["two calls"] | {"id": response_id}
    events = [each | {"id": response_id} for each in stream_of(body)]
    for message in (decode_response(body), decode_stream(events)):
        assert message.id == message.response_metadata["id"] == response_id
        assert [call["id"] for call in message.tool_calls] == ["call_1", "call_2"]


@pytest.mark.parametrize("name", ["a call cut by length", "a call with invalid arguments"])
def test_cut_arguments_never_become_a_call(name):
    for message in (decode_response(RESPONSES[name]), decode_stream(stream_of(RESPONSES[name]))):
        assert message.tool_calls == []
        (invalid,) = message.invalid_tool_calls
        raw = RESPONSES[name]["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        assert json.loads(invalid["args"]) == raw


@pytest.mark.parametrize("reason", ["length", "content_filter", "repetition_truncation"])
def test_a_cut_response_has_no_call_without_arguments(reason):
    body = response(reason, tool_calls=[tool_call("rm", "")])
    for message in (decode_response(body), decode_stream(stream_of(body))):
        assert message.tool_calls == []
        assert message.invalid_tool_calls[0]["name"] == "rm"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_read_under_both_keys(field):
    complete = decode_response(response(content="Hi.", **{field: "Hm."}))
    streamed = decode_stream([event(**{field: "Hm."}), event(content="Hi.", finish_reason="stop")])
    for message in (complete, streamed):
        assert message.additional_kwargs["reasoning_content"] == "Hm."


def test_reasoning_under_both_keys_at_once_is_read_once():
    both = {"reasoning_content": "Hm.", "reasoning": "Hm."}
    assert decode_response(response(**both)).additional_kwargs["reasoning_content"] == "Hm."
    streamed = decode_stream([event(**both), event(finish_reason="stop")])
    assert streamed.additional_kwargs["reasoning_content"] == "Hm."


def test_reasoning_replaces_empty_content_only_on_request():
    body = RESPONSES["reasoning only"]
    assert decode_response(body).content == ""
    complete = decode_response(body, reasoning_as_content=True)
    assert complete.content == "Good morning."
    assert decode_stream(stream_of(body), reasoning_as_content=True) == complete


def test_annotations_of_a_web_search_become_citations():
    annotation = {
        "type": "url_citation",
        "url": "https://a.example",
        "title": "A",
        "summary": "About A.",
        "site_name": "a",
        "lc": {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {}},
    }
    usage = USAGE | {"web_search_usage": {"tool_usage": 3, "page_usage": 3}}
    complete = decode_response(response(content="So.", usage=usage, annotations=[annotation]))
    streamed = decode_stream(
        [
            event(annotations=[annotation]),
            event(content="So.", annotations=[annotation]),
            event(finish_reason="stop"),
            event(choices=[], usage=usage),
        ]
    )
    assert complete == streamed
    assert "lc" not in complete.additional_kwargs["annotations"][0]
    assert complete.content_blocks[0]["annotations"] == [
        {
            "type": "citation",
            "url": "https://a.example",
            "title": "A",
            "cited_text": "About A.",
            "extras": {"site_name": "a"},
        }
    ]
    assert complete.response_metadata["web_search_usage"] == {"tool_usage": 3, "page_usage": 3}


@pytest.mark.parametrize(
    "body", [None, [], {}, {"choices": []}, {"choices": [{}]}, {"detail": "no"}, "text"]
)
def test_a_body_that_is_not_a_chat_completion_is_refused(body):
    with pytest.raises(MiMoInvalidResponseError, match="base_url"):
        decode_response(body)
