"""A decoded message is encoded as the same JSON in the next request of the OpenAI format."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import ToolMessage
from openai_wire import decode_stream, response, stream_of, tool_call

from langchain_mimo._wire.dialects import DIALECTS
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.openai.request import encode_turn
from langchain_mimo._wire.openai.response import decode_response

names = st.text("abcdefghij_-0123456789", min_size=1, max_size=12)
words = st.text(st.characters(codec="utf-8"), max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
separators = st.sampled_from([(", ", ": "), (",", ":")])


@st.composite
def assistant_messages(draw):
    message = {"role": "assistant", "content": draw(words)}
    message["reasoning_content"] = draw(words.filter(bool))
    drawn = draw(st.lists(st.tuples(names, st.dictionaries(words, values, max_size=3)), max_size=3))
    if drawn:
        message["tool_calls"] = [
            tool_call(
                name,
                json.dumps(
                    arguments,
                    ensure_ascii=draw(st.booleans()),
                    separators=draw(separators),
                ),
                f"call_{index}",
            )
            for index, (name, arguments) in enumerate(drawn)
        ]
    return message


@settings(max_examples=150)
@given(assistant_messages())
def test_a_decoded_message_is_encoded_as_it_was(message):
    body = response("tool_calls" if "tool_calls" in message else "stop", **message)
    for decoded in (decode_response(body), decode_stream(stream_of(body))):
        options = HistoryOptions(model="mimo-v2.6-pro", replay_reasoning="always")
        options.repair_history = True
        turns = clean_history([decoded], options).turns
        assert encode_turn(turns[0], DIALECTS["mimo"]) == message


def test_valid_and_invalid_calls_are_sent_back_in_the_models_order():
    calls = [
        tool_call("f", "{", "1"),
        tool_call("g", "{}", "2"),
        tool_call("h", "[", "3"),
        tool_call("f", "{}", "4"),
    ]
    body = response("tool_calls", reasoning_content="Four.", tool_calls=calls)
    for message in (decode_response(body), decode_stream(stream_of(body))):
        history = [message, ToolMessage("b", tool_call_id="2"), ToolMessage("d", tool_call_id="4")]
        turns = clean_history(history, HistoryOptions("mimo-v2.6-pro")).turns
        assert encode_turn(turns[0], DIALECTS["mimo"])["tool_calls"] == calls
        assert [turn.call_id for turn in turns[1:]] == ["1", "2", "3", "4"]
