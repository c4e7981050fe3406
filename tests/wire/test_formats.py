"""Both API formats through `API_FORMATS`: the same conversations and the same messages."""

import ast
import pathlib

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_mimo._wire.dialects import DIALECTS, check_api_format
from langchain_mimo._wire.endpoints import derive_endpoints
from langchain_mimo._wire.formats import API_FORMATS
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.to_langchain import content_blocks
from langchain_mimo._wire.tool_definitions import wire_tools
from langchain_mimo.errors import MiMoConfigurationError

content_blocks.register()

PACKAGE = pathlib.Path(content_blocks.__file__).parents[2]
MODEL = "mimo-v2.6-pro"
TOOLS = wire_tools([{"name": "weather", "description": "", "parameters": {"type": "object"}}])

RESPONSES = {
    "openai": {
        "id": "1",
        "model": MODEL,
        "choices": [
            {
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "Let me look.",
                    "reasoning_content": "The user asks about the weather.",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city":"Wuhan"}'},
                        }
                    ],
                },
            }
        ],
        "usage": {"prompt_tokens": 60, "completion_tokens": 9, "total_tokens": 69},
    },
    "anthropic": {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [
            {"type": "thinking", "thinking": "The user asks about the weather.", "signature": ""},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Wuhan"}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 60, "output_tokens": 9, "cache_read_input_tokens": None},
    },
}

ENCODED = {
    "openai": [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": "Let me look.",
            "reasoning_content": "The user asks about the weather.",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Wuhan"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
    ],
    "anthropic": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": RESPONSES["anthropic"]["content"]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "Sunny"}],
        },
    ],
}


def request(name, *messages, tools=(), parallel_tool_calls=None, **parameters):
    turns = clean_history(list(messages), HistoryOptions(MODEL)).turns
    options = RequestOptions(
        MODEL, parameters, tools=tools, parallel_tool_calls=parallel_tool_calls
    )
    return API_FORMATS[name].encode_request(turns, options, DIALECTS["mimo"])


@pytest.mark.parametrize("second", API_FORMATS)
@pytest.mark.parametrize("first", API_FORMATS)
def test_a_conversation_continues_in_either_format(first, second):
    called = API_FORMATS[first].decode_response(RESPONSES[first])
    history = [
        SystemMessage("S"),
        HumanMessage("Weather?"),
        called,
        ToolMessage("Sunny", tool_call_id="call_1"),
    ]
    tree = request(second, *history)
    expected = ENCODED[second]
    if first == second == "openai":
        # Within the OpenAI format a call is sent back byte for byte.
        expected = [dict(message) for message in expected]
        expected[2]["tool_calls"] = RESPONSES["openai"]["choices"][0]["message"]["tool_calls"]
    assert tree["messages"] == expected
    assert tree.get("system") == ("S" if second == "anthropic" else None)


def test_both_formats_give_the_same_message():
    openai, anthropic = (API_FORMATS[name].decode_response(RESPONSES[name]) for name in API_FORMATS)
    assert openai.additional_kwargs.pop("raw_arguments") == {"call_1": '{"city":"Wuhan"}'}
    assert openai == anthropic


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("openai", "https://api.example/v1/chat/completions"),
        ("anthropic", "https://api.example/anthropic/v1/messages"),
    ],
)
def test_endpoints(name, address):
    assert API_FORMATS[name].address(derive_endpoints("https://api.example/v1")) == address


@pytest.mark.parametrize("server", ["vllm", "sglang"])
def test_self_hosted_servers_have_no_anthropic_format(server):
    check_api_format("openai", server)
    check_api_format("anthropic", "mimo")
    with pytest.raises(MiMoConfigurationError, match=server):
        check_api_format("anthropic", server)


@pytest.mark.parametrize(
    ("name", "server", "enforced"),
    [
        ("openai", "mimo", "json_object"),
        ("openai", "vllm", "json_schema"),
        ("openai", "sglang", "json_schema"),
        ("anthropic", "mimo", "nothing"),
    ],
)
def test_what_a_server_enforces(name, server, enforced):
    assert API_FORMATS[name].enforced(DIALECTS[server]) == enforced


def test_parallel_calls_can_be_disabled_in_the_anthropic_format():
    tree = request("anthropic", HumanMessage("Hi."), tools=TOOLS, parallel_tool_calls=False)
    assert tree["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_reasoning_of_another_provider_is_sent_without_its_signature():
    foreign = AIMessage(
        [
            {"type": "thinking", "thinking": "Hm.", "signature": "theirs"},
            {"type": "text", "text": "A"},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
        ],
        tool_calls=[{"name": "weather", "args": {}, "id": "toolu_1"}],
        response_metadata={"model_provider": "anthropic"},
    )
    messages = [HumanMessage("Hi."), foreign, ToolMessage("Sunny", tool_call_id="toolu_1")]
    assert request("anthropic", *messages)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": ""},
        {"type": "text", "text": "A"},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
    ]


# ------------------------------------------------------------------ no branches on the format


def decisions_in(tree):
    """Yield the expressions that a program branches on: conditions, match subjects, comparisons."""
    for node in ast.walk(tree):
        match node:
            case ast.If() | ast.IfExp() | ast.While() | ast.Assert():
                yield node.test
            case ast.Match():
                yield node.subject
            case ast.Compare():
                yield node


def names_in(node):
    for each in ast.walk(node):
        match each:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name


def test_no_code_branches_on_the_api_format():
    """`API_FORMATS` is looked up once per call; its entries hold everything that differs."""
    branches = [
        f"{path.name}:{test.lineno}"
        for path in PACKAGE.rglob("*.py")
        if "emulator" not in path.parts
        for test in decisions_in(ast.parse(path.read_text(encoding="utf-8")))
        if "api_format" in names_in(test)
    ]
    assert branches == []
