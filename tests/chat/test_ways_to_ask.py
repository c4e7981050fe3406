"""Whatever the answer, every way to ask gives the same blocks."""

from __future__ import annotations

import openai_wire
import pytest
from hypothesis import HealthCheck, given, settings
from ways_to_ask import ANSWERS, ask_every_way, llm_for, plain_blocks

from langchain_mimo._wire.to_langchain import content_blocks

FILTERED = openai_wire.response("content_filter", content="Half an", reasoning_content="Hm.")


@pytest.fixture(autouse=True)
def _with_refusals(monkeypatch):
    """Test refusal blocks with every core: ours are written where core has the type."""
    monkeypatch.setattr(content_blocks, "_REFUSALS", True)


@pytest.mark.filterwarnings("ignore:MiMo's answer is empty")
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(answer=ANSWERS)
def test_all_ways_agree_block_for_block(answer):
    messages = ask_every_way(answer)
    complete = messages["invoke"]
    for name, message in messages.items():
        assert plain_blocks(message) == plain_blocks(complete), name
        assert message.tool_calls == complete.tool_calls, name
        assert len(message.invalid_tool_calls) == len(complete.invalid_tool_calls), name
        assert message.usage_metadata == complete.usage_metadata, name
        assert message.additional_kwargs == complete.additional_kwargs, name


def test_a_refusal_is_the_last_block_of_every_way():
    for name, message in ask_every_way(FILTERED).items():
        types = [block["type"] for block in message.content_blocks]
        assert types == ["reasoning", "text", "refusal"], name
        assert type(message.content_blocks[-1]) is dict


def test_a_refusal_is_an_event_of_its_own():
    events = list(llm_for(FILTERED).stream_events("x", version="v3"))
    [end] = [
        event
        for event in events
        if event["event"] == "content-block-finish" and event["content"]["type"] == "refusal"
    ]
    [start] = [
        event
        for event in events
        if event["event"] == "content-block-start" and event["content"]["type"] == "refusal"
    ]
    assert start["index"] == end["index"] == 2
    assert end["content"]["refusal"].startswith("MiMo's content filter")


@pytest.mark.parametrize("events", [False, True])
def test_the_refusal_middleware_raises(events):
    middleware = pytest.importorskip("langchain.agents.middleware.model_refusal")
    agents = pytest.importorskip("langchain.agents")
    agent = agents.create_agent(
        llm_for(FILTERED), [], middleware=[middleware.ModelRefusalMiddleware()]
    )
    ask = {
        False: lambda: agent.invoke({"messages": "x"}),
        True: lambda: agent.stream_events({"messages": "x"}, version="v3").output,
    }[events]
    with pytest.raises(Exception, match="content filter") as caught:
        ask()
    assert type(caught.value).__name__ == "ModelRefusalError"
