"""Requests in the Anthropic format, as MiMo's page documents them."""

import warnings

import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_mimo._wire.anthropic.request import encode_assistant, encode_request
from langchain_mimo._wire.dialects import DIALECTS
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.tool_definitions import wire_tools
from langchain_mimo.errors import MiMoInputError

MODEL = "mimo-v2.6-pro"
WEATHER = {
    "name": "weather",
    "description": "Says the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def turns_of(*messages, **options):
    return clean_history(list(messages), HistoryOptions(MODEL, **options)).turns


def request(
    *messages,
    model=MODEL,
    history=None,
    thinking=None,
    tools=(),
    parallel_tool_calls=None,
    stream=False,
    **parameters,
):
    options = RequestOptions(
        model,
        parameters,
        thinking=thinking,
        tools=wire_tools(tools),
        parallel_tool_calls=parallel_tool_calls,
        stream=stream,
    )
    turns = turns_of(*messages or [HumanMessage("Hi.")], **(history or {}))
    return encode_request(turns, options, DIALECTS["mimo"])


def messages_of(*messages, **history):
    return request(*messages, history=history)["messages"]


def test_the_request_on_mimos_page():
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


def test_tools_are_encoded_as_custom_tools():
    bare = {"type": "function", "function": {"name": "now", "description": "Says the time."}}
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


def test_parallel_calls_can_be_disabled():
    tree = request(tools=[WEATHER], parallel_tool_calls=False)
    assert tree["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_web_search_is_refused():
    with pytest.raises(MiMoInputError, match="web_search"):
        request(tools=[{"type": "web_search"}])


def test_names_and_strict_tools_are_left_out_with_a_warning():
    with pytest.warns(UserWarning, match="participant names"):
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
        # A request needs a message, so system turns on their own stay messages.
        ([SYSTEM, SYSTEM], None, ["system", "system"]),
        # A block of the system prompt needs at least one character.
        ([SystemMessage(""), SYSTEM, HumanMessage("Hi.")], "S", ["user"]),
        ([SystemMessage(""), HumanMessage("Hi.")], None, ["user"]),
    ],
)
def test_leading_system_turns_become_the_system_prompt(messages, system, roles):
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


def test_empty_texts_become_a_space():
    messages = messages_of(HumanMessage(""), AIMessage(""), HumanMessage([]), AIMessage("A"))
    assert messages == [
        {"role": "user", "content": " "},
        {"role": "assistant", "content": [{"type": "text", "text": " "}]},
        {"role": "user", "content": " "},
        {"role": "assistant", "content": [{"type": "text", "text": "A"}]},
    ]


def test_arguments_that_are_not_an_object_are_sent_back_as_text():
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


def test_a_signature_is_sent_back_only_if_it_is_mimos():
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
