"""Structured output and forced tools, with thinking on, in both API formats.

`test_native_schemas.py` tests what happens when the server does not keep to a schema.
"""

from __future__ import annotations

import itertools
import json
from functools import reduce
from operator import add
from typing import Annotated

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core import exceptions as core_exceptions
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1
from request_bodies import chat_body
from typing_extensions import TypedDict

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.emulator import MiMoEmulator

REFUSAL = getattr(core_exceptions, "ModelRefusalError", OutputParserException)
METHODS = ["json_schema", "json_mode", "function_calling"]


class Joke(BaseModel):
    """A joke."""

    setup: str = Field(description="the question")
    punchline: str | None = Field(default=None, description="the answer")


class OldJoke(BaseModelV1):
    """A joke."""

    setup: str
    punchline: str


class TypedJoke(TypedDict):
    """A joke."""

    setup: Annotated[str, ..., "the question"]
    punchline: Annotated[str | None, None, "the answer"]


class Weather(BaseModel):
    """How the weather is."""

    city: str
    rain: bool


KINDS = {
    "pydantic": (Joke, Joke),
    "pydantic_v1": (OldJoke, OldJoke),
    "typeddict": (TypedJoke, dict),
    "json_schema": (Joke.model_json_schema(), dict),
}


@tool
def barometer(city: str) -> str:
    """Read the barometer of a city."""
    return f"990 hPa in {city}, rain is near."


@pytest.fixture
def emulator():
    with MiMoEmulator() as running:
        yield running


@pytest.fixture
def llm(emulator, api_format):
    with ChatMiMo(
        model="mimo-v2.6-flash",
        api_key=emulator.api_key,
        base_url=emulator.base_url,
        api_format=api_format,
        thinking=True,
        max_retries=0,
    ) as model:
        yield model


def bodies(emulator):
    assert [request.status for request in emulator.requests] == [200] * len(emulator.requests)
    return [chat_body(request) for request in emulator.requests]


# --------------------------------------------------------------------------- all combinations


@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize("strict", [None, False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore:The Anthropic format has no strict tools")
async def test_every_combination_returns_the_object(
    llm, emulator, api_format, method, kind, strict, include_raw
):
    schema, expected_type = KINDS[kind]
    chain = llm.with_structured_output(
        schema, method=method, strict=strict, include_raw=include_raw
    )
    prompt = "Tell me a joke about cats."
    results = [chain.invoke(prompt), await chain.ainvoke(prompt)]
    streams = [list(chain.stream(prompt)), [chunk async for chunk in chain.astream(prompt)]]
    results += [reduce(add, chunks) if include_raw else chunks[-1] for chunks in streams]
    for result in results:
        if include_raw:
            assert result["parsing_error"] is None
            assert result["raw"].additional_kwargs["reasoning_content"]
        parsed = result["parsed"] if include_raw else result
        assert isinstance(parsed, expected_type)
        assert parsed if isinstance(parsed, dict) else parsed.setup
    for body in bodies(emulator):
        assert body["thinking"] == {"type": "enabled"}
        assert "tool_choice" not in body
        sent = body.get("response_format")
        if api_format == "anthropic" or method == "function_calling":
            assert sent is None
        elif method == "json_mode":
            assert sent == {"type": "json_object"}
        else:
            assert sent["type"] == "json_schema"
            assert sent["json_schema"].get("strict") is strict
            assert set(sent["json_schema"]["schema"]["properties"]) == {"setup", "punchline"}
    assert len(emulator.requests) == 4


# ------------------------------------------------------------------------------------ agents


@pytest.mark.parametrize("tools", [[], [barometer]])
@pytest.mark.parametrize(
    "response_format", [Weather, ToolStrategy(Weather), ProviderStrategy(Weather)]
)
async def test_agents_return_the_object(llm, emulator, api_format, response_format, tools):
    agent = create_agent(llm, tools, response_format=response_format)
    inputs = {"messages": [HumanMessage("Use the barometer for Ulm: how is the weather?")]}
    streamed = list(agent.stream(inputs, stream_mode="values"))[-1]
    for state in (agent.invoke(inputs), await agent.ainvoke(inputs), streamed):
        assert isinstance(state["structured_response"], Weather)
        results = [m.name for m in state["messages"] if isinstance(m, ToolMessage)]
        assert ("barometer" in results) == bool(tools)
    is_native = api_format == "openai" and not isinstance(response_format, ToolStrategy)
    for body in bodies(emulator):
        assert "tool_choice" not in body
        assert body.get("response_format", {}).get("type") == ("json_schema" if is_native else None)


# ---------------------------------------------------------------------------- forced choices

REASONING = {"reasoning": "Hm.", "reasoning_pieces": ["H", "m."]}
TEXT_REPLY = {"content": "It rains.", "pieces": ["It ", "rains."], **REASONING}
CALL_REPLY = {
    "reasoning": "Oh, the tool.",
    "tool_calls": [{"name": "barometer", "args": {"city": "Ulm"}, "id": "call_1"}],
}


def without_ids(message):
    metadata = dict(message.response_metadata)
    metadata.pop("id")
    return (
        message.content,
        message.additional_kwargs,
        message.tool_calls,
        message.invalid_tool_calls,
        message.usage_metadata,
        metadata,
    )


async def all_ways(chain, emulator, replies):
    """Return the messages of invoke, ainvoke, stream and astream for the same replies."""
    messages = []
    for way in range(4):
        emulator.reset()
        for reply in replies:
            emulator.reply(**reply)
        match way:
            case 0:
                messages.append(chain.invoke("How is the weather?"))
            case 1:
                messages.append(await chain.ainvoke("How is the weather?"))
            case 2:
                messages.append(reduce(add, chain.stream("How is the weather?")))
            case 3:
                chunks = [chunk async for chunk in chain.astream("How is the weather?")]
                messages.append(reduce(add, chunks))
    return messages


@pytest.mark.parametrize(
    "replies", [[CALL_REPLY], [TEXT_REPLY, CALL_REPLY], [TEXT_REPLY, TEXT_REPLY]]
)
async def test_all_ways_give_the_same_message(llm, emulator, replies):
    chain = llm.bind_tools([barometer], tool_choice="barometer")
    messages = await all_ways(chain, emulator, replies)
    assert len(emulator.requests) == len(replies)
    for message, other in itertools.pairwise(messages):
        assert without_ids(message)[:4] == without_ids(other)[:4]
        assert without_ids(message)[5] == without_ids(other)[5]
    report = messages[0].response_metadata["forced_tool_choice"]
    assert report["attempts"] == len(replies)
    assert report["honoured"] == (replies[-1] is CALL_REPLY)
    assert bool(messages[0].tool_calls) == (replies[-1] is CALL_REPLY)


async def test_the_usage_covers_all_attempts(llm, emulator):
    chain = llm.bind_tools([barometer], tool_choice="any")
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    first, second = {**TEXT_REPLY, "usage": usage}, {**CALL_REPLY, "usage": usage}
    for message in await all_ways(chain, emulator, [first, second]):
        total = message.usage_metadata
        assert [total[key] for key in ("input_tokens", "output_tokens", "total_tokens")] == [
            200,
            14,
            214,
        ]


def test_the_second_request_extends_the_first(llm, emulator):
    emulator.reply(**TEXT_REPLY)
    emulator.reply(**CALL_REPLY)
    llm.bind_tools([barometer], tool_choice="any").invoke("How is the weather?")
    first, second = bodies(emulator)
    length = len(first["messages"])
    assert second["messages"][:length] == first["messages"]
    assert second["messages"][length]["content"] == "It rains."
    assert {**second, "messages": None} == {**first, "messages": None}


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_reasoning_is_streamed_while_text_is_held_back(llm, emulator, version):
    emulator.reply(**TEXT_REPLY)
    emulator.reply(**CALL_REPLY)
    chain = llm.model_copy(update={"output_version": version}).bind_tools(
        [barometer], tool_choice="any"
    )
    chunks = list(chain.stream("How is the weather?"))
    assert not any(chunk.text for chunk in chunks)
    merged = reduce(add, chunks)
    assert merged.additional_kwargs["reasoning_content"] == "Hm.\n\nOh, the tool."
    assert [block["type"] for block in merged.content_blocks] == ["reasoning", "tool_call"]
    assert merged.content_blocks[0]["reasoning"] == "Hm.\n\nOh, the tool."


def test_the_reasoning_before_a_call_is_sent_back_exactly(llm, emulator):
    emulator.reply(**TEXT_REPLY)
    emulator.reply(**CALL_REPLY)
    forced = llm.bind_tools([barometer], tool_choice="any")
    answer = forced.invoke("How is the weather?")
    result = ToolMessage("990 hPa", tool_call_id="call_1")
    llm.bind_tools([barometer]).invoke([HumanMessage("How is the weather?"), answer, result])
    turn = next(m for m in bodies(emulator)[-1]["messages"] if m["role"] == "assistant")
    assert turn["reasoning_content"] == "Oh, the tool."


@pytest.mark.parametrize("api_format", ["openai"])  # the other format has no web search
def test_a_forced_search_sets_force_search(llm, emulator):
    search = {"type": "web_search", "max_keyword": 2}
    answer = llm.bind_tools([search, barometer], tool_choice={"type": "web_search"}).invoke("Ulm")
    [body] = bodies(emulator)
    assert body["tools"][0] == {**search, "force_search": True}
    assert answer.additional_kwargs["annotations"]


def test_tool_choice_none_sends_no_tools(llm, emulator):
    llm.bind_tools([barometer], tool_choice="none").invoke("Use the barometer for Ulm.")
    [body] = bodies(emulator)
    assert "tools" not in body


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_raises_a_refusal_error(llm, emulator, method, stream):
    for _ in range(2):
        emulator.reply(json.dumps({"setup": "?"}), finish_reason="content_filter")
    chain = llm.with_structured_output(Joke, method=method)
    with pytest.raises(REFUSAL, match=r"content.filter"):
        list(chain.stream("Tell me.")) if stream else chain.invoke("Tell me.")
    # A filtered response gets a second chance if nothing of it was streamed.
    assert len(emulator.requests) == (1 if stream else 2)


@pytest.mark.filterwarnings("ignore:MiMo's answer is empty")
@pytest.mark.parametrize("stream", [False, True])
def test_the_error_names_reasoning_that_used_the_budget(llm, emulator, api_format, stream):
    emulator.reply("", reasoning="Let me think. " * 50, finish_reason="length")
    chain = llm.with_structured_output(Joke)
    counted = r", \d+ reasoning tokens" if api_format == "openai" else r"\."
    with pytest.raises(OutputParserException, match=f"finish_reason=length{counted}"):
        list(chain.stream("Tell me.")) if stream else chain.invoke("Tell me.")


def test_the_error_names_a_tool_that_was_not_called(llm, emulator):
    emulator.reply("No.")
    emulator.reply("No!")
    with pytest.raises(OutputParserException, match=r"the tool Joke was not called\. .*'No!'"):
        llm.with_structured_output(Joke, method="function_calling").invoke("Tell me.")


@pytest.mark.parametrize("stream", [False, True])
def test_a_code_fence_is_removed_and_recorded(llm, emulator, stream):
    fenced = '```json\n{"setup": "?"}\n```'
    emulator.reply(fenced, pieces=["``", "`json\n", '{"setup"', ': "?"}', "\n```"])
    chain = llm.bind(response_format={"type": "json_object"})
    answer = reduce(add, chain.stream("JSON!")) if stream else chain.invoke("JSON!")
    assert answer.content == '{"setup": "?"}'
    assert answer.response_metadata["code_fence_removed"] is True


def test_an_agent_parses_a_fenced_answer(llm, emulator):
    emulator.reply('```json\n{"city": "Ulm", "rain": true}\n```')
    agent = create_agent(llm, [], response_format=ProviderStrategy(Weather))
    state = agent.invoke({"messages": [HumanMessage("How is the weather?")]})
    assert state["structured_response"] == Weather(city="Ulm", rain=True)


def test_dicts_grow_while_streaming(llm, emulator):
    emulator.reply(
        '{"setup": "Why?", "punchline": "So."}',
        pieces=['{"setup": "W', 'hy?", "pun', 'chline": "So."}'],
    )
    grown = list(llm.with_structured_output(TypedJoke).stream("Tell me."))
    assert grown == [{"setup": "W"}, {"setup": "Why?"}, {"setup": "Why?", "punchline": "So."}]
