"""Whatever an answer of ours is, LangChain code may hand it back in any role.

Supervisors give one agent's answer to another as a user's message, `LLMToolEmulator` gives it back
as a tool's result, prompts take it into instructions. Its text arrives, its reasoning does not.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from scripted_api import ScriptedAPI
from ways_to_ask import ANSWERS, ask_every_way

CALL = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "c1"}])
LEGACY_CALL = AIMessage("", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}})

ROLES = {
    "the same": lambda answer: [HumanMessage("x"), answer, *results_of(answer)],
    "user": lambda answer: [HumanMessage(answer.content)],
    "named user": lambda answer: [HumanMessage(answer.content, name="expert")],
    "assistant": lambda answer: [HumanMessage("x"), AIMessage(answer.content)],
    "tool": lambda answer: [CALL, ToolMessage(answer.content, tool_call_id="c1")],
    "tool, as blocks": lambda answer: [
        CALL,
        ToolMessage(content_blocks=answer.content_blocks, tool_call_id="c1"),
    ],
    "tool_result": lambda answer: [
        CALL,
        HumanMessage(
            [{"type": "tool_result", "tool_use_id": "c1", "content": answer.content or "-"}]
        ),
    ],
    "function": lambda answer: [
        LEGACY_CALL,
        FunctionMessage(name="f", content=answer.content),
    ],
    "system": lambda answer: [SystemMessage(answer.content), HumanMessage("x")],
    "ChatMessage": lambda answer: [ChatMessage(role="user", content=answer.content)],
    "dict": lambda answer: [{"role": "user", "content": answer.content}],
}


def results_of(answer):
    return [ToolMessage("ok", tool_call_id=each["id"]) for each in answer.tool_calls]


@pytest.mark.filterwarnings("ignore:MiMo's answer is empty")
@pytest.mark.parametrize("server", ["mimo", "mimo, Anthropic format"])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(answer=ANSWERS, role=st.sampled_from(sorted(ROLES)))
def test_an_answer_can_be_handed_on_in_any_role(server, answer, role):
    for way, message in ask_every_way(answer).items():
        api = ScriptedAPI("Thanks.")
        messages = ROLES[role](message)
        if role == "assistant" and not isinstance(message.content, str):
            messages += results_of(message)  # a list holds the calls
        assert api.llm(server).invoke(messages).content == "Thanks.", way
        sent = json.dumps(api.body, ensure_ascii=False)
        text = json.dumps(str(message.text), ensure_ascii=False)[1:-1]
        assert text in sent or json.dumps(text, ensure_ascii=False)[1:-1] in sent, way


def test_reasoning_is_not_sent_in_other_roles():
    message = AIMessage(
        [
            {"type": "reasoning", "reasoning": "secret"},
            {"type": "text", "text": "Shown."},
            {"type": "tool_call", "id": "c", "name": "f", "args": {"x": "secret"}},
            {"type": "invalid_tool_call", "id": "d", "name": "f", "args": "secret"},
            {"type": "non_standard", "value": {"type": "thinking", "thinking": "secret"}},
            {"type": "refusal", "refusal": "Refused."},
        ]
    )
    for role in sorted(ROLES.keys() - {"the same", "assistant"}):
        api = ScriptedAPI("Thanks.")
        api.llm().invoke(ROLES[role](message))
        sent = json.dumps(api.body)
        assert "Shown." in sent, role
        assert "Refused." in sent, role
        assert "secret" not in sent, role


def test_the_tool_emulator_of_langchain():
    emulator = pytest.importorskip("langchain.agents.middleware.tool_emulator")
    agents = pytest.importorskip("langchain.agents")

    def weather(city: str) -> str:
        """Return the weather."""
        raise AssertionError("the tool is emulated")

    api = ScriptedAPI([("weather", '{"city": "Oslo"}')], "Sunny.", "It is sunny.")
    llm = api.llm()
    agent = agents.create_agent(
        llm, [weather], middleware=[emulator.LLMToolEmulator(model=api.llm(output_version="v1"))]
    )
    answer = agent.stream_events({"messages": "How is it in Oslo?"}, version="v3").output
    # The scripted answers have one id, so the last one takes the place of the first.
    assert "It is sunny." in [message.text for message in answer["messages"]]
    [result] = [each for each in api.body["messages"] if each["role"] == "tool"]
    assert result["content"] == "Sunny."
