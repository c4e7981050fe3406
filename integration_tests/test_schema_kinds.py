"""Schemas and tools of every kind on the emulator: agents, nested texts and supervisors."""

from __future__ import annotations

import json
import re
import warnings
from typing import Annotated

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, ToolNode, tools_condition
from langgraph.types import Command
from request_bodies import chat_body
from schema_kinds import KINDS, Address, Expr

from langchain_mimo.emulator import MiMoEmulator

ALLOWED = re.compile(r"[a-zA-Z0-9_-]{1,64}")
LANGCHAIN_REFUSES = {
    "strict model": "is validated as Python, not as JSON",
    "pydantic 1": "has no model_json_schema",
    "keys of typing": "pydantic wants typing_extensions before Python 3.12",
    "mixed keys of typing": "pydantic wants typing_extensions before Python 3.12",
    "generic dataclass": "is no class",
    "generic keys": "is no class",
    "JSON schema without a title": "LangChain makes a name up",
}
AGENT_KINDS = [name for name in KINDS if name not in LANGCHAIN_REFUSES]


@pytest.fixture
def llm(emulator, api_format, model):
    return model(emulator)


def accepted(emulator):
    assert [request.status for request in emulator.requests] == [200] * len(emulator.requests)
    return [chat_body(request) for request in emulator.requests]


@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy, None])
@pytest.mark.parametrize("name", AGENT_KINDS)
def test_an_agent_gives_an_object_of_every_kind(emulator, llm, name, strategy):
    schema = KINDS[name].schema
    agent = create_agent(llm, [], response_format=strategy(schema) if strategy else schema)
    inputs = {"messages": [HumanMessage("Give me one.")]}
    first = agent.invoke(inputs)
    # A stop in between: the history has calls by the names that the user knows.
    second = agent.invoke({"messages": [*first["messages"], HumanMessage("Another one.")]})
    for state in (first, second, list(agent.stream(inputs, stream_mode="values"))[-1]):
        found = state["structured_response"]
        assert isinstance(
            found, schema if isinstance(schema, type) and not is_dict(schema) else dict
        )
    for body in accepted(emulator):
        for each in body.get("tools", []):
            assert ALLOWED.fullmatch(each["function"]["name"])
        for message in body["messages"]:
            for call in message.get("tool_calls") or []:
                assert ALLOWED.fullmatch(call["function"]["name"])


def is_dict(schema):
    return issubclass(schema, dict)


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("name", KINDS)
def test_the_emulator_answers_every_kind(emulator, llm, name, method):
    chain = llm.with_structured_output(KINDS[name].schema, method=method, include_raw=True)
    result = chain.invoke("Give me one.")
    assert result["parsing_error"] is None
    assert result["parsed"] is not None
    assert len(accepted(emulator)) == 1, "no answer was asked for twice"


def test_a_tool_of_an_agent_gets_objects_that_came_as_texts(emulator, llm):
    seen = []

    @tool
    def evaluate(expression: Expr, addresses: list[Address]) -> str:
        """Evaluate."""
        seen.append((expression, addresses))
        return "5"

    arguments = {
        "expression": json.dumps({"left": json.dumps({"value": 2}), "right": {"value": 3}}),
        "addresses": '[{"street": "A", "number": 1}]',
    }
    emulator.reply(tool_calls=[{"name": "evaluate", "args": arguments, "id": "call_1"}])
    emulator.reply("5.")
    state = create_agent(llm, [evaluate]).invoke({"messages": [HumanMessage("2 + 3?")]})
    expected = Expr(left=Expr(value=2), right=Expr(value=3)), [Address(street="A", number=1)]
    assert seen == [expected]
    assert state["messages"][-1].text == "5."
    replayed = accepted(emulator)[-1]["messages"][-2]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(replayed) == arguments


# -------------------------------------------------------------------------------- supervisors


@tool
def transfer_to_worker(
    state: Annotated[MessagesState, InjectedState],
    tool_call_id: Annotated[str, InjectedToolCallId],
) -> Command:
    """Hand the work over to the worker."""
    result = ToolMessage("Handed over.", tool_call_id=tool_call_id, name="transfer_to_worker")
    messages = [*state["messages"], result]
    return Command(goto="worker", graph=Command.PARENT, update={"messages": messages})


def supervisor_of(llm):
    """Build what langgraph-supervisor builds: it binds parallel_tool_calls=False to every model."""
    bound = llm.bind_tools([transfer_to_worker], parallel_tool_calls=False)
    team_leader = StateGraph(MessagesState)
    team_leader.add_node("agent", lambda state: {"messages": [bound.invoke(state["messages"])]})
    team_leader.add_node("tools", ToolNode([transfer_to_worker]))
    team_leader.add_edge(START, "agent")
    team_leader.add_conditional_edges("agent", tools_condition)
    graph = StateGraph(MessagesState)
    graph.add_node("supervisor", team_leader.compile(), destinations=("worker",))
    graph.add_node("worker", create_agent(llm, []))
    graph.add_edge(START, "supervisor")
    graph.add_edge("worker", "supervisor")
    return graph.compile()


@pytest.mark.parametrize("strict_parameters", [False, True])
def test_a_supervisor_hands_work_over(model, api_format, strict_parameters):
    with MiMoEmulator(strict_parameters=strict_parameters) as emulator:
        emulator.reply(tool_calls=[{"name": "transfer_to_worker", "args": {}, "id": "call_1"}])
        emulator.reply("Done by the worker.")
        emulator.reply("The worker has done it.")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "MiMo's chat format does not document")
            state = supervisor_of(model(emulator)).invoke({"messages": [HumanMessage("Do it.")]})
        texts = [message.text for message in state["messages"] if message.type == "ai"]
        assert texts[-2:] == ["Done by the worker.", "The worker has done it."]
        bodies = accepted(emulator)
        assert len(bodies) == 3
        assert not any("parallel_tool_calls" in body for body in bodies)
        limited = bodies[0].get("tool_choice") == {
            "type": "auto",
            "disable_parallel_tool_use": True,
        }
        assert limited == (api_format == "anthropic")
