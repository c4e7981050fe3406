"""Both formats, through the one place that picks: the same conversation, and the same messages."""

import ast
import pathlib

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_mimo._chat.structured_output import lower_response_format
from langchain_mimo._chat.tool_choice.choice import lower_tool_choice
from langchain_mimo._wire.dialects import DIALECTS, check_api_format
from langchain_mimo._wire.endpoints import derive_endpoints
from langchain_mimo._wire.formats import API_FORMATS
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.to_langchain import content_blocks as translator
from langchain_mimo._wire.tool_definitions import wire_tools
from langchain_mimo.errors import MiMoConfigurationError

translator.register()

PACKAGE = pathlib.Path(translator.__file__).parents[1]
MODEL = "mimo-v2.6-pro"
TOOLS = wire_tools([{"name": "weather", "description": "", "parameters": {"type": "object"}}])

ANSWERS = {
    "openai": {
        "id": "1",
        "model": MODEL,
        "choices": [
            {
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "Let me look.",
                    "reasoning_content": "Weather it is.",
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
            {"type": "thinking", "thinking": "Weather it is.", "signature": ""},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Wuhan"}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 60, "output_tokens": 9, "cache_read_input_tokens": None},
    },
}

REPLAYED = {
    "openai": [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": "Let me look.",
            "reasoning_content": "Weather it is.",
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
        {"role": "assistant", "content": ANSWERS["anthropic"]["content"]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "Sunny"}],
        },
    ],
}


def request(name, *messages, tools=None, **parameters):
    turns = clean_history(list(messages), HistoryOptions(MODEL)).turns
    options = RequestOptions(MODEL, parameters, tools=tools)
    return API_FORMATS[name].encode_request(turns, options, DIALECTS["mimo"])


@pytest.mark.parametrize("ends", API_FORMATS)
@pytest.mark.parametrize("begins", API_FORMATS)
def test_a_conversation_begun_in_one_format_goes_on_in_the_other(begins, ends):
    called = API_FORMATS[begins].decode_response(ANSWERS[begins])
    history = [
        SystemMessage("S"),
        HumanMessage("Weather?"),
        called,
        ToolMessage("Sunny", tool_call_id="call_1"),
    ]
    tree = request(ends, *history)
    expected = REPLAYED[ends]
    if begins == ends == "openai":
        # Within its own format a call goes back to the letter.
        expected = [dict(message) for message in expected]
        expected[2]["tool_calls"] = ANSWERS["openai"]["choices"][0]["message"]["tool_calls"]
    assert tree["messages"] == expected
    assert tree.get("system") == ("S" if ends == "anthropic" else None)


def test_both_formats_give_one_message():
    ours, theirs = (API_FORMATS[name].decode_response(ANSWERS[name]) for name in API_FORMATS)
    assert ours.additional_kwargs.pop("raw_arguments") == {"call_1": '{"city":"Wuhan"}'}
    assert ours == theirs


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("openai", "https://api.example/v1/chat/completions"),
        ("anthropic", "https://api.example/anthropic/v1/messages"),
    ],
)
def test_addresses(name, address):
    assert API_FORMATS[name].address(derive_endpoints("https://api.example/v1")) == address


@pytest.mark.parametrize("server", ["vllm", "sglang"])
def test_only_mimo_has_the_anthropic_format(server):
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
def test_what_an_answer_can_be_held_to(name, server, enforced):
    assert API_FORMATS[name].enforced(DIALECTS[server]) == enforced


def test_json_is_asked_for_in_words():
    tree = request("anthropic", HumanMessage("Give me JSON."))
    tree = lower_response_format(tree, {"type": "json_object"}, server="nothing")
    assert "response_format" not in tree
    assert tree["messages"][-1]["role"] == "system"
    assert "one JSON object" in tree["messages"][-1]["content"]


def test_choices_of_tools():
    tree = request("anthropic", HumanMessage("Hi."), tools=TOOLS, parallel_tool_calls=False)
    auto = {"type": "auto", "disable_parallel_tool_use": True}
    kept, choice = lower_tool_choice(tree, "auto")
    assert (kept, choice) == (tree, None)
    assert kept["tool_choice"] == auto
    forced, choice = lower_tool_choice(tree, "weather")
    assert forced["tool_choice"] == auto
    assert choice.asked == "weather"
    without, choice = lower_tool_choice(tree, "none")
    assert "tools" not in without
    assert "tool_choice" not in without


def test_another_providers_history_fits_too():
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


# ------------------------------------------------------------------------- one place to pick in


def decisions_in(tree):
    """Everything that a program decides by: conditions, matched subjects, comparisons."""
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


def test_nobody_asks_which_format_it_is():
    """`API_FORMATS` is looked up where a call begins; what differs is told by its entries."""
    deciding = [
        f"{path.name}:{test.lineno}"
        for path in PACKAGE.rglob("*.py")
        if "emulator" not in path.parts
        for test in decisions_in(ast.parse(path.read_text(encoding="utf-8")))
        if "api_format" in names_in(test)
    ]
    assert deciding == []
