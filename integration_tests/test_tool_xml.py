"""Tool calls that MiMo leaves in the text as XML: an error, or calls on request, in every way."""

import asyncio
import contextvars
import threading
from functools import reduce
from operator import add

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_mimo.errors import (
    MiMoError,
    MiMoInvalidResponseError,
    MiMoRunawayResponseError,
)

XML = (
    "<tool_call><function=by_tool><parameter=city>Ulm</parameter>"
    "<parameter=days>2</parameter></function></tool_call>"
)
CALLS = [{"name": "by_tool", "args": {"city": "Ulm", "days": 2}}]


@tool
def by_tool(city: str, days: int) -> str:
    """Forecast the weather."""
    return f"Rain in {city} for {days} days."


@tool
def now() -> str:
    """Tell the time."""
    return "12:00"


class ByModel(BaseModel):
    """A forecast."""

    city: str
    days: int


async def asynchronous_events(llm):
    return await (await llm.astream_events("x", version="v3"))


def invoke_in_a_thread(llm):
    found = []
    context = contextvars.copy_context()  # with the ledger of the `bill`

    def invoke():
        found.append(outcome_of(lambda: llm.invoke("x")))

    thread = threading.Thread(target=context.run, args=(invoke,))
    thread.start()
    thread.join()
    return result_of(found[0])


def outcome_of(run):
    try:
        return run()
    except MiMoError as error:
        return error


def result_of(outcome):
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def all_chunks(llm):
    return reduce(add, [chunk async for chunk in llm.astream("x")])


WAYS = {
    "invoke": lambda llm: llm.invoke("x"),
    "ainvoke": lambda llm: asyncio.run(llm.ainvoke("x")),
    "stream": lambda llm: reduce(add, llm.stream("x")),
    "astream": lambda llm: asyncio.run(all_chunks(llm)),
    "events": lambda llm: llm.stream_events("x", version="v3").output,
    "asynchronous events": lambda llm: asyncio.run(asynchronous_events(llm)),
    "batch": lambda llm: llm.batch(["x"])[0],
    "in a thread": invoke_in_a_thread,
}
FIELDS = {
    "plain": {},
    "streaming": {"streaming": True},
    "v1 blocks": {"output_version": "v1"},
    "a limit of calls": {"max_tool_calls": 3},
}
BOUND = {
    "auto": lambda llm: llm.bind_tools([by_tool]),
    "forced": lambda llm: llm.bind_tools([by_tool], tool_choice="any"),
    "a response format": lambda llm: llm.bind_tools(
        [by_tool], response_format={"type": "json_object"}
    ),
}

pytestmark = [
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
]


@pytest.fixture
def faulty(emulator):
    """An emulator whose next answer has its call as XML in the text."""
    emulator.fault("xml_tool_call")
    emulator.reply("Let me look.\n", reasoning="I call it.", tool_calls=CALLS)
    return emulator


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("bound", BOUND)
def test_xml_in_place_of_calls_is_an_error(model, faulty, way, fields, bound):
    llm = BOUND[bound](model(faulty, **FIELDS[fields]))
    with pytest.raises(MiMoInvalidResponseError, match="tool calls as XML") as caught:
        WAYS[way](llm)
    partial = caught.value.partial_message
    assert isinstance(partial, AIMessage)
    assert partial.content == "Let me look.\n" + XML
    assert partial.tool_calls == []
    assert partial.additional_kwargs["reasoning_content"] == "I call it."
    assert partial.response_metadata["finish_reason"] == "tool_calls"
    assert partial.usage_metadata["output_tokens"]
    assert len(faulty.requests) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("bound", BOUND)
def test_the_calls_are_read_on_request(model, faulty, way, fields, bound):
    llm = BOUND[bound](model(faulty, parse_tool_xml=True, **FIELDS[fields]))
    message = WAYS[way](llm)
    assert message.text == "Let me look.\n"
    (call,) = message.tool_calls
    assert (call["name"], call["args"]) == ("by_tool", {"city": "Ulm", "days": 2})
    assert message.invalid_tool_calls == []
    assert message.response_metadata["tool_calls_from_text"] is True
    if bound == "forced":
        assert message.response_metadata["forced_tool_choice"]["honoured"] is True
    assert len(faulty.requests) == 1


@pytest.mark.parametrize("way", WAYS)
def test_calls_that_were_read_count_towards_the_limit(model, emulator, way):
    emulator.fault("xml_tool_call")
    emulator.reply("Look: ", tool_calls=CALLS * 4)
    llm = model(emulator, parse_tool_xml=True, max_tool_calls=3).bind_tools([by_tool])
    with pytest.raises(MiMoRunawayResponseError) as caught:
        WAYS[way](llm)
    assert caught.value.partial_message.tool_calls == []


def test_the_switch_can_be_set_for_one_call(model, emulator):
    llm = model(emulator).bind_tools([by_tool])
    emulator.fault("xml_tool_call", times=2)
    assert llm.invoke("Use by_tool for 'Ulm'.", parse_tool_xml=True).tool_calls
    with pytest.raises(MiMoInvalidResponseError):
        llm.invoke("Use by_tool for 'Ulm'.")


@pytest.mark.parametrize("parses", [False, True])
def test_structured_output_by_a_tool(model, emulator, parses):
    llm = model(emulator, parse_tool_xml=parses)
    extract = llm.with_structured_output(ByModel, method="function_calling")
    emulator.fault("xml_tool_call")
    if parses:
        assert extract.invoke("The forecast for 'Ulm' is for 2 days.").city == "Ulm"
    else:
        with pytest.raises(MiMoInvalidResponseError, match="parse_tool_xml=True"):
            extract.invoke("The forecast for 'Ulm' is for 2 days.")


@pytest.mark.parametrize("streaming", [False, True])
def test_an_agent_runs_calls_that_were_read(model, faulty, streaming):
    agent = create_agent(model(faulty, parse_tool_xml=True, streaming=streaming), [by_tool])
    state = agent.invoke({"messages": [HumanMessage("How is it in Ulm?")]})
    _, call, result, answer = state["messages"]
    assert result.text == "Rain in Ulm for 2 days."
    assert result.tool_call_id == call.tool_calls[0]["id"]
    assert answer.text
    # Sent back as an ordinary call, without the XML.
    assert [request.status for request in faulty.requests] == [200, 200]
    assert "<tool_call>" not in str(faulty.requests[-1].body)


def test_an_agent_runs_no_call_of_a_tool_that_is_not_bound(model, faulty):
    agent = create_agent(model(faulty, parse_tool_xml=True), [now])
    with pytest.raises(MiMoInvalidResponseError, match="'by_tool' is not one of the bound tools"):
        agent.invoke({"messages": [HumanMessage("How is it in Ulm?")]})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("parses", [False, True])
def test_an_answer_may_quote_the_notation(model, emulator, way, parses):
    text = f"MiMo writes calls as {XML}, for example."
    emulator.reply(text)
    message = WAYS[way](model(emulator, parse_tool_xml=parses).bind_tools([by_tool]))
    assert message.text == text
    assert message.tool_calls == []


@pytest.mark.parametrize("definition", [{}, {"parameters": {}}, {"parameters": None}])
def test_a_tool_without_parameters_is_sent_with_a_schema(model, emulator, definition):
    """Without one, the emulator answers with XML, as MiMo does."""
    bare = {"type": "function", "function": {"name": "now", "description": "T.", **definition}}
    for tools in ([bare], [now]):
        message = model(emulator).bind_tools(tools).invoke("Use now.")
        assert [call["name"] for call in message.tool_calls] == ["now"]
    assert model(emulator).invoke("Use now.", tools=[bare]).tool_calls
