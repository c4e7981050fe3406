"""Whole answers and streams of the OpenAI format: the same message either way."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk, ToolMessage, message_chunk_to_message

from langchain_mimo._wire.dialects import DIALECTS
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.openai.request import encode_turn
from langchain_mimo._wire.openai.response import decode_response
from langchain_mimo._wire.openai.stream import StreamDecoder
from langchain_mimo._wire.to_langchain import content_blocks as translator
from langchain_mimo.errors import MiMoIncompleteStreamError, MiMoInvalidResponseError

translator.register()

ID = "045bd1a4-688a-4e53-9de2-7631205e0182_5f467b0704184928936bafb270896022"
USAGE = {
    "completion_tokens": 103,
    "prompt_tokens": 60,
    "total_tokens": 163,
    "completion_tokens_details": {"reasoning_tokens": 14},
    "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": 9},
}


def answer(finish_reason="stop", usage=USAGE, **message):
    message = {"content": "", "role": "assistant", "tool_calls": None} | message
    return {
        "id": ID,
        "choices": [{"finish_reason": finish_reason, "index": 0, "message": message}],
        "created": 1790008551,
        "model": "mimo-v2.6-pro",
        "object": "chat.completion",
        "usage": usage,
    }


def event(usage=..., finish_reason=None, choices=..., **delta):
    """One event as MiMo writes it: all four keys there, null where nothing is said."""
    delta = {"content": None, "role": None, "tool_calls": None, "reasoning_content": None} | delta
    made = {
        "id": ID,
        "choices": [{"delta": delta, "finish_reason": finish_reason, "index": 0}],
        "created": 1790008592,
        "model": "mimo-v2.6-pro",
        "object": "chat.completion.chunk",
    }
    if choices is not ...:
        made["choices"] = choices
    if usage is not ...:
        made["usage"] = usage
    return made


def stream_of(body):
    """The events that add up to a whole answer, as mimo-api.md §5 shows them."""
    choice = body["choices"][0]
    message = choice["message"]
    yield event(content="", role="assistant")
    for piece in pieces(message.get("reasoning_content") or ""):
        yield event(reasoning_content=piece)
    for piece in pieces(message["content"] or ""):
        yield event(content=piece)
    for index, call in enumerate(message.get("tool_calls") or []):
        function = call["function"]
        head = {"name": function["name"], "arguments": ""}
        yield event(
            tool_calls=[{"index": index, "id": call["id"], "function": head, "type": "function"}]
        )
        for piece in pieces(function["arguments"]):
            rest = {"name": None, "arguments": piece}
            yield event(
                tool_calls=[{"index": index, "id": None, "function": rest, "type": "function"}]
            )
    yield event(finish_reason=choice["finish_reason"], usage=None)
    yield event(choices=[], usage=body["usage"])


def pieces(text, size=3):
    return [text[i : i + size] for i in range(0, len(text), size)]


def chunks_of(events, **options):
    decoder = StreamDecoder(**options)
    chunks = [chunk for each in events if (chunk := decoder.feed(each)) is not None]
    return chunks + decoder.finish()


def merged(events, **options):
    first, *rest = chunks_of(events, **options)
    return message_chunk_to_message(first.__add__(rest) if rest else first)


def call(name, arguments, call_id="call_01e402113df94ebfb85e3056"):
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


BODIES = {
    "text": answer(content="Machine learning is …"),
    "thoughts and text": answer(content="Hi.", reasoning_content="The user greets me."),
    "thoughts alone": answer(reasoning_content="Good morning."),
    "two calls": answer(
        "tool_calls",
        reasoning_content="Both.",
        tool_calls=[call("a", '{"x": 1}', "call_1"), call("b", "{}", "call_2")],
    ),
    "a call written tightly": answer("tool_calls", tool_calls=[call("a", '{"x":1,"y":"é"}')]),
    "a call with a broken argument": answer("tool_calls", tool_calls=[call("a", '{"x": ')]),
    "a call cut by length": answer("length", tool_calls=[call("rm", '{"path": "/a')]),
    "no usage": answer(content="Hi.", usage=None),
    "repetition": answer("repetition_truncation", content="again and again"),
    "filtered": answer("content_filter", content="I"),
    "nothing at all": answer(),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_stream_adds_up_to_the_whole_answer(name):
    assert merged(stream_of(BODIES[name])) == decode_response(BODIES[name])


def test_what_a_message_holds():
    message = decode_response(BODIES["two calls"])
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


@pytest.mark.parametrize("name", ["a call cut by length", "a call with a broken argument"])
def test_cut_arguments_never_become_a_call(name):
    for message in (decode_response(BODIES[name]), merged(stream_of(BODIES[name]))):
        assert message.tool_calls == []
        (invalid,) = message.invalid_tool_calls
        raw = BODIES[name]["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        assert json.loads(invalid["args"]) == raw


@pytest.mark.parametrize("reason", ["length", "content_filter", "repetition_truncation"])
def test_an_answer_that_was_cut_makes_no_empty_call(reason):
    body = answer(reason, tool_calls=[call("rm", "")])
    for message in (decode_response(body), merged(stream_of(body))):
        assert message.tool_calls == []
        assert message.invalid_tool_calls[0]["name"] == "rm"


def test_calls_go_back_in_the_order_they_were_made():
    made = [call("f", "{", "1"), call("g", "{}", "2"), call("h", "[", "3"), call("f", "{}", "4")]
    body = answer("tool_calls", reasoning_content="Four.", tool_calls=made)
    for message in (decode_response(body), merged(stream_of(body))):
        history = [message, ToolMessage("b", tool_call_id="2"), ToolMessage("d", tool_call_id="4")]
        turns = clean_history(history, HistoryOptions("mimo-v2.6-pro")).turns
        assert encode_turn(turns[0], DIALECTS["mimo"])["tool_calls"] == made
        assert [turn.call_id for turn in turns[1:]] == ["1", "2", "3", "4"]


def test_no_prefix_of_a_cut_stream_holds_a_runnable_call():
    total = None
    for chunk in chunks_of(stream_of(BODIES["a call cut by length"])):
        total = chunk if total is None else total + chunk
        assert total.tool_calls == []


def test_usage_on_every_chunk_counts_once():
    grown = [USAGE | {"completion_tokens": n, "prompt_tokens": 100} for n in (1, 2, 3)]
    events = [event(content="a", usage=each) for each in grown] + [event(finish_reason="stop")]
    assert merged(events).usage_metadata["input_tokens"] == 100
    assert merged(events).usage_metadata["output_tokens"] == 3


def test_scalars_come_once_even_when_the_finish_is_repeated():
    events = [*stream_of(BODIES["text"]), event(finish_reason="stop")]
    assert merged(events).response_metadata["finish_reason"] == "stop"
    assert merged(events).response_metadata["model_name"] == "mimo-v2.6-pro"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_are_read_under_both_names(field):
    whole = decode_response(answer(content="Hi.", **{field: "Hm."}))
    streamed = merged([event(**{field: "Hm."}), event(content="Hi.", finish_reason="stop")])
    for message in (whole, streamed):
        assert message.additional_kwargs["reasoning_content"] == "Hm."


def test_both_names_at_once_are_not_read_twice():
    both = {"reasoning_content": "Hm.", "reasoning": "Hm."}
    assert decode_response(answer(**both)).additional_kwargs["reasoning_content"] == "Hm."
    streamed = merged([event(**both), event(finish_reason="stop")])
    assert streamed.additional_kwargs["reasoning_content"] == "Hm."


def test_reasoning_take_the_place_of_an_empty_answer_only_when_asked():
    body = BODIES["thoughts alone"]
    assert decode_response(body).content == ""
    whole = decode_response(body, reasoning_as_content=True)
    assert whole.content == "Good morning."
    assert merged(stream_of(body), reasoning_as_content=True) == whole


def test_a_character_split_over_two_deltas_is_joined():
    events = [event(content="a\ud83d"), event(content="\ude00"), event(finish_reason="stop")]
    assert merged(events).content == "a😀"
    lone = [event(reasoning_content="a\ud83d"), event(finish_reason="stop")]
    assert merged(lone).additional_kwargs["reasoning_content"] == "a\ufffd"


def test_sources_of_a_web_search_become_citations():
    source = {
        "type": "url_citation",
        "url": "https://a.example",
        "title": "A",
        "summary": "About A.",
        "site_name": "a",
        "lc": {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {}},
    }
    usage = USAGE | {"web_search_usage": {"tool_usage": 3, "page_usage": 3}}
    whole = decode_response(answer(content="So.", usage=usage, annotations=[source]))
    streamed = merged(
        [
            event(annotations=[source]),
            event(content="So.", annotations=[source]),
            event(finish_reason="stop"),
            event(choices=[], usage=usage),
        ]
    )
    assert whole == streamed
    assert "lc" not in whole.additional_kwargs["annotations"][0]
    assert whole.content_blocks[0]["annotations"] == [
        {
            "type": "citation",
            "url": "https://a.example",
            "title": "A",
            "cited_text": "About A.",
            "extras": {"site_name": "a"},
        }
    ]
    assert whole.response_metadata["web_search_usage"] == {"tool_usage": 3, "page_usage": 3}


@pytest.mark.parametrize(
    "body", [None, [], {}, {"choices": []}, {"choices": [{}]}, {"detail": "no"}, "text"]
)
def test_a_body_that_is_no_answer_is_refused(body):
    with pytest.raises(MiMoInvalidResponseError, match="base_url"):
        decode_response(body)


def test_a_stream_without_a_finish_reason_is_not_whole():
    decoder = StreamDecoder()
    for each in list(stream_of(BODIES["two calls"]))[:-3]:
        decoder.feed(each)
    with pytest.raises(MiMoIncompleteStreamError):
        decoder.finish()


def test_what_is_left_of_a_cut_stream():
    decoder = StreamDecoder()
    body = answer(
        "tool_calls",
        content="Wait",
        reasoning_content="Hm.",
        tool_calls=[call("a", '{"x": 1}', "call_1"), call("b", '{"y": 2}', "call_2")],
    )
    for each in list(stream_of(body))[:-3]:
        decoder.feed(each)
    partial = decoder.partial_message()
    assert partial.content == "Wait"
    assert partial.additional_kwargs["reasoning_content"] == "Hm."
    assert [each["id"] for each in partial.tool_calls] == ["call_1"]
    assert [each["id"] for each in partial.invalid_tool_calls] == ["call_2"]


def test_the_last_chunk_says_so():
    *others, last = chunks_of(stream_of(BODIES["two calls"]))
    assert last.chunk_position == "last"
    assert all(chunk.chunk_position is None for chunk in others)
    assert all(chunk.id == ID for chunk in [*others, last])
    assert sum(bool(chunk.tool_call_chunks) for chunk in others) == 2


# --- What decode makes of a message, encode turns back into the same JSON in the next turn ---

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
            call(
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
def test_encode_turns_back_what_decode_made(message):
    body = answer("tool_calls" if "tool_calls" in message else "stop", **message)
    for decoded in (decode_response(body), merged(stream_of(body))):
        options = HistoryOptions(model="mimo-v2.6-pro", replay_reasoning="always")
        options.repair_history = True
        turns = clean_history([decoded], options).turns
        assert encode_turn(turns[0], DIALECTS["mimo"]) == message


def test_chunks_stay_plain_so_that_streams_stay_fast():
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
def test_chunks_are_as_if_core_had_made_each(delta, fields):
    decoder = StreamDecoder()
    first, second = (decoder.feed(event(**delta)) for _ in range(2))
    expected = AIMessageChunk(**fields, id=ID)
    for chunk in (first, second):
        assert chunk == expected
        assert chunk.__dict__ == expected.__dict__
        assert chunk.model_dump() == expected.model_dump()
    for name, value in first.__dict__.items():
        assert isinstance(value, str | None) or value is not second.__dict__[name], name
