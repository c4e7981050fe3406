"""A call's request: everything is decided on turns and options, and encoded last."""

from __future__ import annotations

import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_mimo import ChatMiMo
from langchain_mimo._chat.requests import build_request
from langchain_mimo._chat.responses import WholeResponse

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
SCHEMA = {"title": "Report", "type": "object", "properties": {"rain": {"type": "boolean"}}}
CALL = {"name": "weather", "args": {"city": "Paris"}, "id": "1"}
CONVERSATION = [
    SystemMessage("Be brief."),
    HumanMessage("Is it raining?"),
    AIMessage("", tool_calls=[CALL], additional_kwargs={"reasoning_content": "Hm."}),
    ToolMessage("Sunny", tool_call_id="1"),
    HumanMessage("And tomorrow?"),
]
ANSWERS = {
    "openai": {
        "id": "a",
        "choices": [{"message": {"content": "It rains."}, "finish_reason": "stop"}],
    },
    "anthropic": {
        "id": "a",
        "content": [{"type": "text", "text": "It rains."}],
        "stop_reason": "end_turn",
    },
}


def built(messages=CONVERSATION, api_format="openai", model=None, **keywords):
    llm = ChatMiMo(model="mimo-v2.6-pro", api_key="sk-x", api_format=api_format, **model or {})
    return build_request(llm, messages, None, keywords, stream=False)


def text_of(tree):
    return json.dumps(tree, ensure_ascii=False)


def attempts_of(request):
    """The bodies of all attempts, when no response contains the call."""
    bodies, response = [], WholeResponse(request)
    while response.body is not None:
        bodies.append(response.body)
        response.feed(ANSWERS["anthropic" if "max_tokens" in response.body else "openai"])
    return bodies


def test_extra_body_overrides_everything_once_encoded():
    request = built(model={"extra_body": {"temperature": 1, "seed": 7}}, extra_body={"model": "x"})
    tree = request.encode()
    assert (tree["temperature"], tree["seed"], tree["model"]) == (1, 7, "x")
    anthropic = built(api_format="anthropic", extra_body={"max_tokens": 5, "top_k": 1}).encode()
    assert (anthropic["max_tokens"], anthropic["top_k"]) == (5, 1)


def test_a_second_encoding_is_the_same_to_the_byte():
    request = built(tools=[WEATHER], response_format={"type": "json_object"})
    assert text_of(request.encode()) == text_of(request.encode())


@pytest.mark.parametrize("api_format", ["openai", "anthropic"])
def test_attempts_extend_the_request_without_changing_what_comes_before(api_format):
    plain = built(api_format=api_format, tools=[WEATHER]).encode()
    forced = built(api_format=api_format, tools=[WEATHER], tool_choice="any")
    bodies = attempts_of(forced)
    assert len(bodies) == 2
    for before, after in zip([plain, bodies[0]], bodies, strict=True):
        prefix = text_of(before["messages"])[:-1]
        assert text_of(after["messages"]).startswith(prefix + ", ")
        assert {**after, "messages": 0} == {**before, "messages": 0}
    instruction, response, correction = bodies[1]["messages"][-3:]
    assert [m["role"] for m in (instruction, response, correction)] == [
        *("system", "assistant", "user"),
    ]
    assert "It rains." in text_of(response)
    assert "You did not call a tool." in text_of(correction)


@pytest.mark.parametrize("api_format", ["openai", "anthropic"])
def test_a_schema_and_a_forced_call_add_their_instructions_in_order(api_format):
    plain = built(api_format=api_format, tools=[WEATHER]).encode()
    request = built(
        api_format=api_format, tools=[WEATHER], tool_choice="weather", response_format=SCHEMA
    )
    body = WholeResponse(request).body
    added = body["messages"][len(plain["messages"]) :]
    assert [message["role"] for message in added] == ["system", "system"]
    assert "The object must fit this JSON schema" in added[0]["content"]
    assert "Until then you may call tools." in added[0]["content"]
    assert "must call the tool weather" in added[1]["content"]
    assert body.get("response_format") == (
        {"type": "json_object"} if api_format == "openai" else None
    )


@pytest.mark.parametrize("api_format", ["openai", "anthropic"])
def test_no_tool_choice_sends_no_tools(api_format):
    tree = built(
        api_format=api_format, tools=[WEATHER], tool_choice="none", response_format=SCHEMA
    ).encode()
    assert not tree.keys() & {"tools", "tool_choice"}
    assert "you may call tools" not in text_of(tree)


def test_a_json_instruction_in_the_conversation_is_enough_without_a_schema():
    asked = [HumanMessage("Answer in JSON.")]
    tree = built(asked, response_format={"type": "json_object"}).encode()
    assert tree["messages"] == [{"role": "user", "content": "Answer in JSON."}]
    anthropic = built(asked, "anthropic", response_format={"type": "json_object"}).encode()
    assert [message["role"] for message in anthropic["messages"]] == ["user", "system"]
    assert "response_format" not in anthropic
