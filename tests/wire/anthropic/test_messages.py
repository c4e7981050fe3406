"""The Anthropic format: requests as its page has them, and the same messages as the OpenAI format."""

import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
)

from langchain_mimo._wire.anthropic.request import encode_assistant, encode_request
from langchain_mimo._wire.anthropic.response import decode_response
from langchain_mimo._wire.anthropic.stream import StreamDecoder
from langchain_mimo._wire.dialects import DIALECTS
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.openai import request as openai_request
from langchain_mimo._wire.openai import response as openai_response
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.to_langchain import content_blocks as translator
from langchain_mimo._wire.to_langchain.events import EventWriter
from langchain_mimo._wire.tool_definitions import wire_tools
from langchain_mimo.errors import (
    MiMoIncompleteStreamError,
    MiMoInputError,
    MiMoInvalidResponseError,
)

translator.register()

MODEL = "mimo-v2.6-pro"
ID = "msg_045bd1a4688a4e539de27631205e0182"
USAGE = {"input_tokens": 40, "output_tokens": 103, "cache_read_input_tokens": 20}
WEATHER = {
    "name": "weather",
    "description": "Says the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def turns_of(*messages, **options):
    return clean_history(list(messages), HistoryOptions(MODEL, **options)).turns


def request(*messages, model=MODEL, history=None, extra_body=None, stream=False, **parameters):
    options = RequestOptions(
        model,
        {key: value for key, value in parameters.items() if key not in ("thinking", "tools")},
        thinking=parameters.get("thinking"),
        tools=wire_tools(parameters["tools"]) if "tools" in parameters else None,
        stream=stream,
        extra_body=extra_body,
    )
    turns = turns_of(*messages or [HumanMessage("Hi.")], **(history or {}))
    return encode_request(turns, options, DIALECTS["mimo"])


def messages_of(*messages, **history):
    return request(*messages, history=history)["messages"]


# --- Requests ----------------------------------------------------------------------------------


def test_the_request_of_the_official_page():
    tree = request(
        SystemMessage("You are MiMo, an AI assistant developed by Xiaomi."),
        HumanMessage([{"type": "text", "text": "please introduce yourself"}]),
        max_completion_tokens=1024,
        temperature=1.0,
        top_p=0.95,
        stop=None,
        frequency_penalty=0,
        presence_penalty=0,
    )
    assert tree == {
        "model": MODEL,
        "system": "You are MiMo, an AI assistant developed by Xiaomi.",
        "messages": [{"role": "user", "content": "please introduce yourself"}],
        "max_tokens": 1024,
        "temperature": 1.0,
        "top_p": 0.95,
    }


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["A", "B"]}, {"stop_sequences": ["A", "B"]}),
        ({"thinking": True}, {"thinking": {"type": "enabled"}}),
        ({"thinking": False}, {"thinking": {"type": "disabled"}}),
        ({"stream": True}, {"stream": True}),
        ({"extra_body": {"max_tokens": 5, "top_k": 1}}, {"max_tokens": 5, "top_k": 1}),
        ({"max_completion_tokens": 7}, {"max_tokens": 7}),
        ({"model": "mimo-v2.5"}, {"model": "mimo-v2.5", "max_tokens": 32768}),
        ({"model": "a-reseller/mimo"}, {"model": "a-reseller/mimo", "max_tokens": 32768}),
        ({"parallel_tool_calls": False}, {}),
        ({"frequency_penalty": 0}, {}),
    ],
)
def test_parameters(parameters, expected):
    plain = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hi."}],
        "max_tokens": 131072,
    }
    assert request(**parameters) == plain | expected


@pytest.mark.parametrize("name", ["frequency_penalty", "presence_penalty"])
def test_a_penalty_is_refused(name):
    with pytest.raises(MiMoInputError, match=f"{name}.*api_format"):
        request(**{name: 0.5})


def test_tools():
    bare = {"name": "now", "description": "Says the time.", "parameters": {}}
    tree = request(tools=[WEATHER, bare], parallel_tool_calls=True)
    assert tree["tools"] == [
        {
            "type": "custom",
            "name": "weather",
            "description": "Says the weather.",
            "input_schema": WEATHER["parameters"],
        },
        {
            "type": "custom",
            "name": "now",
            "description": "Says the time.",
            "input_schema": {"type": "object", "properties": {}},
        },
    ]
    assert "tool_choice" not in tree


def test_one_call_at_a_time():
    tree = request(tools=[WEATHER], parallel_tool_calls=False)
    assert tree["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_web_search_is_of_the_other_format():
    with pytest.raises(MiMoInputError, match="web_search"):
        request(tools=[{"type": "web_search"}])


def test_what_the_format_lacks_is_left_out_with_a_warning():
    with pytest.warns(UserWarning, match="names of participants"):
        tree = request(HumanMessage("Hi.", name="ada"))
    assert tree["messages"] == [{"role": "user", "content": "Hi."}]
    with pytest.warns(UserWarning, match="strict"):
        (tool,) = request(tools=[WEATHER | {"strict": True}])["tools"]
    assert "strict" not in tool
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        request(HumanMessage("Hi.", name="ada"))


SYSTEM, DEVELOPER = SystemMessage("S"), ChatMessage("D", role="developer")


@pytest.mark.parametrize(
    ("messages", "system", "roles"),
    [
        ([HumanMessage("Hi.")], None, ["user"]),
        ([SYSTEM, HumanMessage("Hi.")], "S", ["user"]),
        (
            [SYSTEM, DEVELOPER, HumanMessage("Hi.")],
            [{"type": "text", "text": "S"}, {"type": "text", "text": "D"}],
            ["user"],
        ),
        ([SYSTEM, HumanMessage("Hi."), SYSTEM], "S", ["user", "system"]),
        ([HumanMessage("Hi."), DEVELOPER, AIMessage("A")], None, ["user", "system", "assistant"]),
        # There must be a message: system turns alone stay messages.
        ([SYSTEM, SYSTEM], None, ["system", "system"]),
        # A block of the system prompt has at least one character.
        ([SystemMessage(""), SYSTEM, HumanMessage("Hi.")], "S", ["user"]),
        ([SystemMessage(""), HumanMessage("Hi.")], None, ["user"]),
    ],
)
def test_where_system_turns_go(messages, system, roles):
    tree = request(*messages)
    assert tree.get("system") == system
    assert [message["role"] for message in tree["messages"]] == roles


def calls(*names):
    return [
        {"name": name, "args": {"n": n}, "id": f"call_{n}"} for n, name in enumerate(names, start=1)
    ]


def test_results_of_parallel_calls_share_one_user_message():
    first = AIMessage("", tool_calls=calls("a", "b"), additional_kwargs={"reasoning_content": "R"})
    messages = messages_of(
        HumanMessage("Go."),
        first,
        ToolMessage("two", tool_call_id="call_2", status="error"),
        ToolMessage("one", tool_call_id="call_1"),
        HumanMessage("And?"),
        AIMessage("", tool_calls=[{"name": "c", "args": {}, "id": "call_3"}]),
        ToolMessage("three", tool_call_id="call_3"),
        AIMessage("", tool_calls=[{"name": "c", "args": {}, "id": "call_4"}]),
        ToolMessage("four", tool_call_id="call_4"),
    )
    assert messages[1]["content"] == [
        {"type": "thinking", "thinking": "R", "signature": ""},
        {"type": "tool_use", "id": "call_1", "name": "a", "input": {"n": 1}},
        {"type": "tool_use", "id": "call_2", "name": "b", "input": {"n": 2}},
    ]
    assert messages[2] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "call_1", "content": "one"},
            {"type": "tool_result", "tool_use_id": "call_2", "content": "two", "is_error": True},
        ],
    }
    assert messages[3] == {"role": "user", "content": "And?"}
    assert [message["role"] for message in messages[4:]] == ["assistant", "user"] * 2


def test_no_text_is_empty():
    messages = messages_of(HumanMessage(""), AIMessage(""), HumanMessage([]), AIMessage("A"))
    assert messages == [
        {"role": "user", "content": " "},
        {"role": "assistant", "content": [{"type": "text", "text": " "}]},
        {"role": "user", "content": " "},
        {"role": "assistant", "content": [{"type": "text", "text": "A"}]},
    ]


def test_arguments_that_are_no_object_go_back_as_text():
    broken = AIMessage(
        "",
        invalid_tool_calls=[
            {
                "name": "a",
                "args": '{"path": "/a',
                "id": "call_1",
                "error": None,
                "type": "invalid_tool_call",
            }
        ],
    )
    assistant, results = messages_of(HumanMessage("Go."), broken)[1:]
    assert assistant["content"][-1]["input"] == {"invalid_json": '{"path": "/a'}
    assert results["content"][0]["tool_use_id"] == "call_1"


def test_reasoning_keep_their_signature_only_with_mimo():
    def signature_of(provider):
        message = AIMessage(
            "A",
            additional_kwargs={"reasoning_content": "R", "signature": "sealed"},
            response_metadata={"model_provider": provider},
        )
        (turn,) = turns_of(message, replay_reasoning="always")
        return encode_assistant(turn)["content"][0]["signature"]

    assert signature_of("mimo") == "sealed"
    assert signature_of("anthropic") == ""


# --- Answers -----------------------------------------------------------------------------------


def answer(stop_reason="end_turn", *blocks, usage=USAGE):
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
    return {"type": "text", "text": value}


def thinking(value, signature=""):
    return {"type": "thinking", "thinking": value, "signature": signature}


def tool_use(name, arguments, call_id="call_01e402113df94ebfb85e3056"):
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def pieces(value, size=3):
    return [value[i : i + size] for i in range(0, len(value), size)]


def stream_of(body, separators=(",", ":")):
    """The events that add up to a whole answer, as the page and mimo-api.md §5.3 show them."""
    message = {**body, "content": [], "stop_reason": None}
    del message["usage"]
    yield {"type": "message_start", "message": message}
    yield {"type": "ping"}
    for index, block in enumerate(body["content"]):
        empty = {"text": "", "thinking": "", "input": {}}
        start = {key: empty.get(key, value) for key, value in block.items() if key != "signature"}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas_of(block, separators):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": body["stop_reason"]}
    yield {"type": "message_delta", "delta": end, "usage": body["usage"]}
    yield {"type": "message_stop"}


def deltas_of(block, separators):
    match block["type"]:
        case "text":
            for piece in pieces(block["text"]):
                yield {"type": "text_delta", "text": piece}
        case "thinking":
            for piece in pieces(block["thinking"]):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            value = block["input"]
            dumped = value if isinstance(value, str) else json.dumps(value, separators=separators)
            for piece in pieces("" if dumped == "{}" else dumped):
                yield {"type": "input_json_delta", "partial_json": piece}


def chunks_of(events, **options):
    decoder = StreamDecoder(**options)
    chunks = [chunk for each in events if (chunk := decoder.feed(each)) is not None]
    return chunks + decoder.finish()


def merged(events, **options):
    first, *rest = chunks_of(events, **options)
    return message_chunk_to_message(first.__add__(rest) if rest else first)


BODIES = {
    "text": answer("end_turn", text("Machine learning is …")),
    "thoughts and text": answer("end_turn", thinking("The user greets me."), text("Hi.")),
    "thoughts alone": answer("end_turn", thinking("Good morning.")),
    "signed thoughts": answer("end_turn", thinking("Hm.", "c2lnbmVk"), text("Hi.")),
    "two calls": answer(
        "tool_use",
        thinking("Both."),
        tool_use("a", {"x": 1, "y": "é"}, "call_1"),
        tool_use("b", {}, "call_2"),
    ),
    "no arguments, then a call": answer(
        "tool_use", tool_use("a", {}, "call_1"), tool_use("b", {"x": 1}, "call_2")
    ),
    "text around a call": answer("tool_use", text("Wait"), tool_use("a", {}), text(", done")),
    "a call cut by length": answer("max_tokens", tool_use("rm", '{"path": "/a')),
    "a call cut before its arguments": answer("max_tokens", tool_use("rm", {})),
    "cut after calls without arguments": answer(
        "max_tokens", tool_use("a", {}, "call_1"), tool_use("b", {}, "call_2"), text("And")
    ),
    "no usage": answer("end_turn", text("Hi."), usage=None),
    "repetition": answer("repetition_truncation", text("again and again")),
    "filtered": answer("content_filter", text("I")),
    "nothing at all": answer("end_turn"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_stream_adds_up_to_the_whole_answer(name):
    assert merged(stream_of(BODIES[name])) == decode_response(BODIES[name])


def test_the_message_is_that_of_the_openai_format():
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
    ours = answer("tool_use", thinking("Both."), text("Hi."), tool_use("a", {"x": 1}, "call_1"))
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
def test_stop_reasons(stop_reason, expected):
    body = answer(stop_reason, text("A"))
    for message in (decode_response(body), merged(stream_of(body))):
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
def test_usage_counts_what_the_cache_served(usage, expected):
    body = answer("end_turn", text("A"), usage=usage)
    for message in (decode_response(body), merged(stream_of(body))):
        if expected is None:
            assert message.usage_metadata is None
            continue
        prompt, written, read = expected
        found = message.usage_metadata
        assert (found["input_tokens"], found["output_tokens"]) == (prompt, written)
        assert found["total_tokens"] == prompt + written
        assert found.get("input_token_details", {}).get("cache_read") == read


def test_usage_of_two_events_counts_once():
    start = {"type": "message_start", "message": {"id": ID, "usage": USAGE | {"output_tokens": 1}}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    events = [start, {**end, "usage": {"input_tokens": None, "output_tokens": 9}}]
    usage = merged(events).usage_metadata
    assert (usage["input_tokens"], usage["output_tokens"]) == (60, 9)


@pytest.mark.parametrize(
    ("name", "raw"),
    [("a call cut by length", '{"path": "/a'), ("a call cut before its arguments", "")],
)
def test_cut_arguments_never_become_a_call(name, raw):
    for message in (decode_response(BODIES[name]), merged(stream_of(BODIES[name]))):
        assert message.tool_calls == []
        (invalid,) = message.invalid_tool_calls
        assert json.loads(invalid["args"]) == raw
    total = None
    for chunk in chunks_of(stream_of(BODIES[name])):
        total = chunk if total is None else total + chunk
        assert total.tool_calls == []


def test_calls_before_the_cut_are_calls():
    message = merged(stream_of(BODIES["cut after calls without arguments"]))
    assert [call["id"] for call in message.tool_calls] == ["call_1", "call_2"]


def test_reasoning_take_the_place_of_an_empty_answer_only_when_asked():
    body = BODIES["thoughts alone"]
    assert decode_response(body).content == ""
    whole = decode_response(body, reasoning_as_content=True)
    assert whole.content == "Good morning."
    assert merged(stream_of(body), reasoning_as_content=True) == whole


def test_a_signature_is_kept_only_when_it_says_something():
    assert "signature" not in decode_response(BODIES["thoughts and text"]).additional_kwargs
    signed = decode_response(BODIES["signed thoughts"])
    assert signed.additional_kwargs == {"reasoning_content": "Hm.", "signature": "c2lnbmVk"}


def test_arguments_given_at_the_start_of_a_block():
    start = {"type": "content_block_start", "index": 0, "content_block": tool_use("a", {"x": 1})}
    end = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}
    for events in ([start, {"type": "content_block_stop", "index": 0}, end], [start, end]):
        assert merged(events).tool_calls[0]["args"] == {"x": 1}


def test_a_character_split_over_two_deltas_is_joined():
    body = answer("end_turn", text("a\ud83d\ude00b\ud83d"))
    assert decode_response(body).content == "a😀b\ufffd"
    assert merged(stream_of(body)).content == "a😀b\ufffd"


def test_unknown_content_is_left_out_with_a_warning():
    body = answer("end_turn", {"type": "hologram", "data": "…"}, text("A"))
    with pytest.warns(UserWarning, match="hologram"):
        assert decode_response(body).content == "A"
    events = [*stream_of(answer("end_turn", text("A"))), {"type": "of_tomorrow"}]
    assert merged(events).content == "A"


@pytest.mark.parametrize(
    "body", [None, [], {}, {"choices": []}, {"content": None}, {"content": "x"}, {"detail": "no"}]
)
def test_a_body_that_is_no_answer_is_refused(body):
    with pytest.raises(MiMoInvalidResponseError, match="base_url"):
        decode_response(body)


@pytest.mark.parametrize("name", BODIES)
def test_a_stream_that_breaks_off_is_not_whole(name):
    events = list(stream_of(BODIES[name]))
    for length in range(1, len(events) - 1):
        decoder = StreamDecoder()
        for event in events[:length]:
            decoder.feed(event)
        with pytest.raises(MiMoIncompleteStreamError):
            decoder.finish()
        partial = decoder.partial_message()
        ids = [call["id"] for call in decode_response(BODIES[name]).tool_calls]
        assert [call["id"] for call in partial.tool_calls] == ids[: len(partial.tool_calls)]


@pytest.mark.parametrize("dropped", ["message_delta", "message_stop"])
def test_either_end_makes_a_stream_whole(dropped):
    events = [each for each in stream_of(BODIES["text"]) if each["type"] != dropped]
    message = merged(events)
    assert message.content == "Machine learning is …"
    assert message.response_metadata["finish_reason"] == "stop"


def test_what_is_left_of_a_cut_stream():
    body = answer(
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


def test_a_ping_begins_nothing():
    decoder = StreamDecoder()
    decoder.feed({"type": "ping"})
    assert not decoder.started


def test_the_last_chunk_says_so():
    *others, last = chunks_of(stream_of(BODIES["two calls"]))
    assert last.chunk_position == "last"
    assert all(chunk.chunk_position is None for chunk in others)
    assert all(chunk.id == ID for chunk in [*others, last])


@pytest.mark.parametrize("name", BODIES)
def test_content_block_events_say_the_same(name):
    decoder, writer = StreamDecoder(), EventWriter()
    events = [
        made for each in stream_of(BODIES[name]) for made in decoder.feed_events(each, writer)
    ]
    for chunk in decoder.finish():
        events += writer.write_chunk(chunk)
    finished = [each["content"] for each in events if each["event"] == "content-block-finish"]
    message = decode_response(BODIES[name])
    texts = [block["text"] for block in finished if block["type"] == "text"]
    assert "".join(texts) == message.content
    valid = [block["args"] for block in finished if block["type"] == "tool_call"]
    assert valid == [call["args"] for call in message.tool_calls]
    (last,) = [each for each in events if each["event"] == "message-finish"]
    assert last["metadata"] == message.response_metadata
    assert last.get("usage") == message.usage_metadata
    assert last.get("additional_kwargs", {}) == message.additional_kwargs


# --- What decode makes of a message, encode turns back into the same JSON in the next turn ---

names = st.text("abcdefghij_-0123456789", min_size=1, max_size=12)
words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(words, values, max_size=3)
separators = st.sampled_from([(", ", ": "), (",", ":")])


@st.composite
def contents(draw):
    """An answer as MiMo orders it: thoughts, text, calls."""
    signatures = st.sampled_from(["", "c2lnbmVk"])
    content = [thinking(draw(words), draw(signatures))] if draw(st.booleans()) else []
    if draw(st.booleans()):
        content.append(text(draw(words)))
    drawn = draw(st.lists(st.tuples(names, objects), min_size=not content, max_size=3))
    return content + [
        tool_use(name, value, f"call_{index}") for index, (name, value) in enumerate(drawn)
    ]


OPTIONS = {
    "replay_reasoning": "always",
    "repair_history": True,
    "missing_reasoning": "disable_thinking",
}


@settings(max_examples=150)
@given(contents(), separators)
def test_encode_turns_back_what_decode_made(content, separators):
    calls_made = any(block["type"] == "tool_use" for block in content)
    body = answer("tool_use" if calls_made else "end_turn", *content)
    for decoded in (decode_response(body), merged(stream_of(body, separators))):
        turn = turns_of(decoded, **OPTIONS)[0]
        assert encode_assistant(turn) == {"role": "assistant", "content": content}


@settings(max_examples=100)
@given(contents(), separators)
def test_a_conversation_goes_on_in_the_other_format(content, separators):
    body = answer("tool_use", *content)
    turn = turns_of(decode_response(body), **OPTIONS)[0]
    message = openai_request.encode_turn(turn, DIALECTS["mimo"])
    for call in message.get("tool_calls", ()):
        parsed = json.loads(call["function"]["arguments"])
        call["function"]["arguments"] = json.dumps(parsed, separators=separators)
    reply = {"id": ID, "choices": [{"finish_reason": "tool_calls", "message": message}]}
    (there, *_) = turns_of(openai_response.decode_response(reply), **OPTIONS)
    unsigned = [block | {"signature": ""} if "signature" in block else block for block in content]
    assert encode_assistant(there) == {"role": "assistant", "content": unsigned}
