"""Reasoning between tags at the beginning of the content, as servers without a parser leave it."""

import anthropic_wire
import openai_wire
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_mimo._wire.anthropic.response import decode_response as decode_anthropic
from langchain_mimo._wire.openai.response import decode_response

# Content, finish reason, and what it says: text and reasoning.
CONTENTS = {
    "a template's": ("<think>\nHm.\n</think>\n\n4.", "stop", "4.", "Hm."),
    "without line breaks": ("<think>Hm.</think>4.", "stop", "4.", "Hm."),
    "empty": ("<think>\n\n</think>\n\n4.", "stop", "4.", ""),
    "no answer": ("<think>Hm.</think>\n", "stop", "", "Hm."),
    "cut": ("<think>Hm. So", "length", "", "Hm. So"),
    "a second pair is text": (
        "<think>a</think>b<think>c</think>",
        "stop",
        "b<think>c</think>",
        "a",
    ),
    # Not certain.
    "never closed": ("<think> is a tag.", "stop", "<think> is a tag.", ""),
    "only closed": ("Hm.</think>4.", "stop", "Hm.</think>4.", ""),
    "not at the beginning": ("See <think>a</think>", "stop", "See <think>a</think>", ""),
    "another tag": ("<thinker>a</think>", "stop", "<thinker>a</think>", ""),
    "the beginning of the tag": ("<thi", "stop", "<thi", ""),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_reasoning_in_the_content(name):
    content, reason, text, reasoning = CONTENTS[name]
    body = openai_wire.response(reason, content=content)
    whole = decode_response(body)
    assert whole.content == text
    assert whole.additional_kwargs.get("reasoning_content", "") == reasoning
    assert openai_wire.decode_stream(openai_wire.stream_of(body)) == whole


def test_reasoning_in_its_own_field_leaves_the_content_alone():
    content = "<think>a</think>b"
    body = openai_wire.response(content=content, reasoning_content="Hm.")
    assert decode_response(body).content == content
    assert openai_wire.decode_stream(openai_wire.stream_of(body)).content == content


def test_reasoning_that_follows_gives_the_content_back():
    events = [
        openai_wire.event(content="<think>a"),
        openai_wire.event(reasoning_content="Hm."),
        openai_wire.event(content="</think>b"),
        openai_wire.event(finish_reason="stop"),
    ]
    assert openai_wire.decode_stream(events).content == "<think>a</think>b"


def test_the_anthropic_format_reads_it_too():
    body = anthropic_wire.response("end_turn", anthropic_wire.text("<think>Hm.</think>\n4."))
    whole = decode_anthropic(body)
    assert (whole.content, whole.additional_kwargs["reasoning_content"]) == ("4.", "Hm.")
    assert anthropic_wire.decode_stream(anthropic_wire.stream_of(body)) == whole


pieces = st.lists(
    st.sampled_from(["<think>", "</think>", "<th", "ink>", "</", "\n", "Hm.", "<", ">", "é"]),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(pieces, st.sampled_from(["stop", "length"]))
def test_streams_and_whole_responses_agree(pieces, reason):
    whole = decode_response(openai_wire.response(reason, content="".join(pieces)))
    events = [openai_wire.event(content=piece) for piece in pieces]
    end = openai_wire.event(choices=[], usage=openai_wire.USAGE)
    streamed = openai_wire.decode_stream([*events, openai_wire.event(finish_reason=reason), end])
    assert streamed.content == whole.content
    assert streamed.additional_kwargs == whole.additional_kwargs
