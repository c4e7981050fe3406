"""A decoded message is encoded as the same JSON in the next request of the Anthropic format."""

import json

from anthropic_wire import ID, MODEL, decode_stream, response, stream_of, text, thinking, tool_use
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_mimo._wire.anthropic.request import encode_assistant
from langchain_mimo._wire.anthropic.response import decode_response
from langchain_mimo._wire.dialects import DIALECTS
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.openai import request as openai_request
from langchain_mimo._wire.openai import response as openai_response

names = st.text("abcdefghij_-0123456789", min_size=1, max_size=12)
words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(words, values, max_size=3)
separators = st.sampled_from([(", ", ": "), (",", ":")])


def turn_of(message):
    options = HistoryOptions(
        MODEL,
        replay_reasoning="always",
        repair_history=True,
        missing_reasoning="disable_thinking",
    )
    return clean_history([message], options).turns[0]


@st.composite
def contents(draw):
    """Draw content blocks in MiMo's order: reasoning, text, calls."""
    signatures = st.sampled_from(["", "c2lnbmVk"])
    content = [thinking(draw(words), draw(signatures))] if draw(st.booleans()) else []
    if draw(st.booleans()):
        content.append(text(draw(words)))
    drawn = draw(st.lists(st.tuples(names, objects), min_size=not content, max_size=3))
    return content + [
        tool_use(name, value, f"call_{index}") for index, (name, value) in enumerate(drawn)
    ]


@settings(max_examples=150, deadline=None)
@given(contents(), separators)
def test_decoded_content_is_encoded_as_it_was(content, separators):
    has_calls = any(block["type"] == "tool_use" for block in content)
    body = response("tool_use" if has_calls else "end_turn", *content)
    for decoded in (decode_response(body), decode_stream(stream_of(body, separators))):
        assert encode_assistant(turn_of(decoded)) == {"role": "assistant", "content": content}


@settings(max_examples=100, deadline=None)
@given(contents(), separators)
def test_a_conversation_continues_in_the_other_format(content, separators):
    has_calls = any(block["type"] == "tool_use" for block in content)
    body = response("tool_use" if has_calls else "end_turn", *content)
    message = openai_request.encode_turn(turn_of(decode_response(body)), DIALECTS["mimo"])
    for call in message.get("tool_calls", ()):
        parsed = json.loads(call["function"]["arguments"])
        call["function"]["arguments"] = json.dumps(parsed, separators=separators)
    openai_body = {"id": ID, "choices": [{"finish_reason": "stop", "message": message}]}
    turn = turn_of(openai_response.decode_response(openai_body))
    unsigned = [block | {"signature": ""} if "signature" in block else block for block in content]
    assert encode_assistant(turn) == {"role": "assistant", "content": unsigned}
