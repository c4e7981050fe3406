"""Second chances and limits against the emulator's faults, over a socket and in agents."""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from langchain_mimo import ChatMiMo, image_block
from langchain_mimo.errors import (
    MiMoBalanceError,
    MiMoMediaRejectedError,
    MiMoRunawayResponseError,
)

WAYS = ["invoke", "ainvoke", "stream", "astream", "events"]


@pytest.fixture
def llm(emulator, monkeypatch):
    monkeypatch.setattr("langchain_mimo._chat.second_chance.BURST_DELAY", 0.0)

    def make(**fields):
        return ChatMiMo(
            base_url=emulator.base_url,
            api_key=emulator.api_key,
            **{"model": "mimo-v2.6-flash", "max_retries": 0, **fields},
        )

    return make


async def ask(way, model, messages):
    """The message of a call."""
    match way:
        case "invoke":
            return model.invoke(messages)
        case "ainvoke":
            return await model.ainvoke(messages)
        case "stream":
            return reduce(add, model.stream(messages))
        case "astream":
            return reduce(add, [chunk async for chunk in model.astream(messages)])
        case _:
            return model.stream_events(messages, version="v3").output


def look(media):
    return [HumanMessage([image_block(media.image.read_bytes()), {"type": "text", "text": "?"}])]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", ["media_corrupted", "payment_burst"])
async def test_a_rejection_that_passes_is_not_noticed(llm, emulator, media, way, fault):
    emulator.fault(fault)
    message = await ask(way, llm(), look(media))
    assert message.content
    assert (
        message.response_metadata["second_chance"]["reason"]
        == {
            "media_corrupted": "media_rejected",
            "payment_burst": "insufficient_funds",
        }[fault]
    )
    assert len(emulator.requests) == 2


@pytest.mark.parametrize("way", WAYS)
async def test_a_false_refusal_that_passes_is_not_noticed(llm, emulator, way):
    one = llm().invoke("Hello").usage_metadata["input_tokens"]
    emulator.fault("content_filter")
    message = await ask(way, llm(), "Hello")
    assert message.content
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["second_chance"] == {"reason": "content_filter"}
    assert message.usage_metadata["input_tokens"] == 2 * one
    assert len(emulator.requests) == 3


@pytest.mark.parametrize("way", WAYS)
async def test_a_refusal_that_stays_has_no_text(llm, emulator, way):
    emulator.fault("content_filter", times=2)
    message = await ask(way, llm(), "Hello")
    assert message.text == ""
    # Events have content blocks, and say why there is no answer.
    assert message.content == "" or [b["type"] for b in message.content] == ["refusal"]
    assert message.response_metadata["finish_reason"] == "content_filter"
    assert len(emulator.requests) == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("fault", "error"),
    [("media_corrupted", MiMoMediaRejectedError), ("payment_burst", MiMoBalanceError)],
)
async def test_a_rejection_that_stays_is_raised(llm, emulator, media, way, fault, error):
    emulator.fault(fault, times=5)
    with pytest.raises(error):
        await ask(way, llm(), look(media))
    assert len(emulator.requests) == 2
    with pytest.raises(error):
        await ask(way, llm(second_chance=False), look(media))
    assert len(emulator.requests) == 3


@tool
def note(text: str) -> str:
    """Write down a note."""
    return f"noted {text}"


@pytest.mark.no_bill("the client ends the response before its usage")
@pytest.mark.parametrize("way", WAYS)
async def test_a_flood_of_calls_is_cut_and_none_is_run(llm, emulator, way):
    emulator.fault("tool_call_flood")
    model = llm(max_tool_calls=10).bind_tools([note])
    with pytest.raises(MiMoRunawayResponseError, match="max_tool_calls=10") as raised:
        await ask(way, model, "Write down a note with the text x.")
    assert raised.value.limit == "max_tool_calls"
    partial = raised.value.partial_message
    assert partial.tool_calls == []
    assert 1 <= len(partial.invalid_tool_calls) <= 12


@pytest.mark.no_bill("the client ends the response before its usage")
def test_an_agent_runs_none_of_them(llm, emulator):
    ran = []

    @tool
    def remember(text: str) -> str:
        """Write down a note."""
        ran.append(text)
        return "ok"

    emulator.fault("tool_call_flood")
    agent = create_agent(llm(max_tool_calls=16), [remember])
    with pytest.raises(MiMoRunawayResponseError):
        agent.invoke({"messages": [HumanMessage("Remember a note with the text x.")]})
    assert ran == []


async def test_as_many_calls_as_allowed_pass(llm, emulator):
    calls = [{"name": "note", "args": {"text": str(at)}} for at in range(5)]
    emulator.reply("", tool_calls=calls)
    message = llm(max_tool_calls=5).bind_tools([note]).invoke("Note five things.")
    assert len(message.tool_calls) == 5


@pytest.mark.no_bill("the client ends the response before its usage")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["content", "reasoning"])
async def test_a_repetition_is_cut(llm, emulator, way, place):
    emulator.fault("repetition", groups=400, place=place)
    with pytest.raises(MiMoRunawayResponseError, match="stop_repetition=4") as raised:
        await ask(way, llm(stop_repetition=4), "Hello")
    partial = raised.value.partial_message
    text = partial.content + partial.additional_kwargs.get("reasoning_content", "")
    assert text.count("\n") < 100


@pytest.mark.parametrize("way", WAYS)
async def test_a_repetition_that_mimo_cut_is_warned_about(llm, emulator, way):
    emulator.fault("repetition")
    with pytest.warns(UserWarning, match="repetition_truncation"):
        message = await ask(way, llm(), "Hello")
    assert message.response_metadata["finish_reason"] == "repetition_truncation"


async def test_limits_make_no_difference_to_an_ordinary_answer(llm, emulator):
    plain = llm().invoke("Hello")
    watched = llm(max_tool_calls=3, stop_repetition=2).invoke("Hello")
    assert type(watched) is type(plain)
    assert watched.content == plain.content
    assert watched.additional_kwargs == plain.additional_kwargs
    assert watched.usage_metadata == plain.usage_metadata
