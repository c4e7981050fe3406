"""Schemas that MiMo enforces, over a socket: agents, fallbacks, and what the emulator received."""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from langchain_mimo import ChatMiMo
from langchain_mimo._chat.structured_output import native
from langchain_mimo.errors import MiMoIncompleteStreamError


class Weather(BaseModel):
    city: str
    rain: bool
    temperature: float


class Code(BaseModel):
    code: str = Field(pattern=r"\S")


@pytest.fixture(autouse=True)
def _no_refusals(monkeypatch):
    monkeypatch.setattr(native, "_refusals", {})


@pytest.fixture
def llm(emulator):
    def make(**fields):
        return ChatMiMo(
            base_url=emulator.base_url,
            api_key=emulator.api_key,
            **{"model": "mimo-v2.6-flash", "max_retries": 0, **fields},
        )

    return make


async def ask(way, chain, prompt="What is the weather in Paris?"):
    if way == "invoke":
        return chain.invoke(prompt)
    if way == "ainvoke":
        return await chain.ainvoke(prompt)
    if way == "stream":
        return list(chain.stream(prompt))[-1]
    return [part async for part in chain.astream(prompt)][-1]


WAYS = ["invoke", "ainvoke", "stream", "astream"]


def formats(emulator):
    return [request.body.get("response_format", {}).get("type") for request in emulator.requests]


@pytest.mark.parametrize("thinking", [True, False])
@pytest.mark.parametrize("way", WAYS)
async def test_the_schema_is_enforced_by_the_server(llm, emulator, way, thinking):
    chain = llm(thinking=thinking).with_structured_output(Weather)
    assert isinstance(await ask(way, chain), Weather)
    assert formats(emulator) == ["json_schema"]
    assert emulator.requests[0].body["stream"] is True


@pytest.mark.parametrize("way", WAYS)
async def test_an_agent_takes_the_native_way_for_a_plain_class(llm, emulator, way):
    agent = create_agent(llm(), [], response_format=Weather)
    state = {"messages": [HumanMessage("What is the weather in Paris?")]}
    if way == "invoke":
        result = agent.invoke(state)
    elif way == "ainvoke":
        result = await agent.ainvoke(state)
    elif way == "stream":
        result = list(agent.stream(state, stream_mode="values"))[-1]
    else:
        result = [part async for part in agent.astream(state, stream_mode="values")][-1]
    assert isinstance(result["structured_response"], Weather)
    assert formats(emulator) == ["json_schema"]


def test_an_agent_with_tools_calls_them_and_then_answers_by_schema(llm, emulator):
    @tool
    def measure(city: str) -> str:
        """Measure the weather in a city."""
        return f"It rains in {city} at 12 degrees."

    call = {"name": "measure", "args": {"city": "Paris"}}
    emulator.reply("", reasoning="I measure.", tool_calls=[call])
    agent = create_agent(llm(), [measure], response_format=ProviderStrategy(Weather))
    result = agent.invoke({"messages": [HumanMessage("What is the weather in Paris?")]})
    assert isinstance(result["structured_response"], Weather)
    assert set(formats(emulator)) == {"json_schema"}


@pytest.mark.no_bill("the client ends the response before its usage")
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_padding_is_cut_and_asked_again_in_json_mode(llm, emulator, way):
    emulator.fault("whitespace_padding")
    chain = llm().with_structured_output(Weather, include_raw=True)
    result = await ask(way, chain)
    assert isinstance(result["parsed"], Weather)
    assert result["raw"].response_metadata["structured_output"] == {
        "native": False,
        "reason": "whitespace",
    }
    assert formats(emulator) == ["json_schema", "json_object"]


@pytest.mark.no_bill("the client ends the response before its usage")
@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_that_pads_after_its_first_keys_raises(llm, emulator, way):
    emulator.fault("whitespace_padding")
    schema = Weather.model_json_schema()
    with pytest.raises(MiMoIncompleteStreamError, match="white space") as raised:
        await ask(way, llm().with_structured_output(schema))
    assert raised.value.partial_message.content.lstrip().startswith("{")
    assert formats(emulator) == ["json_schema"]


@pytest.mark.parametrize("thinking", [True, False])
def test_patterns_are_kept_from_the_server(llm, emulator, thinking):
    parsed = llm(thinking=thinking).with_structured_output(Code).invoke("Which code?")
    assert parsed.code
    [request] = emulator.requests
    assert "pattern" not in str(request.body["response_format"])


def test_the_emulator_would_break_on_the_pattern(llm, emulator):
    """Without this the test above could not fail."""
    schema = {"name": "Code", "schema": Code.model_json_schema()}
    broken = llm(
        native_schemas=False,
        extra_body={"response_format": {"type": "json_schema", "json_schema": schema}},
    )
    text = broken.invoke("Which code?").content
    with pytest.raises((OutputParserException, ValueError, AssertionError)):
        assert len(Code.model_validate_json(text).code) > 1


def test_a_switch_uses_json_mode_at_once(llm, emulator):
    chain = llm(native_schemas=False).with_structured_output(Weather)
    assert isinstance(chain.invoke("What is the weather in Paris?"), Weather)
    assert formats(emulator) == ["json_object"]


def test_the_chunks_of_a_native_stream_add_up_to_the_message_of_invoke(llm, emulator):
    model = llm().bind(response_format=Weather)
    whole = model.invoke("What is the weather in Paris?")
    merged = reduce(add, model.stream("What is the weather in Paris?"))
    assert merged.content == whole.content
    assert merged.additional_kwargs == whole.additional_kwargs
    assert merged.response_metadata.keys() == whole.response_metadata.keys()
    assert merged.usage_metadata["output_tokens"] == whole.usage_metadata["output_tokens"]
