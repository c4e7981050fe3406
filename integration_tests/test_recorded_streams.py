"""Streams in the shapes recorded from MiMo: comments, usage that nobody asked for, ids."""

import re
from functools import reduce
from operator import add

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from langchain_mimo import ChatMiMo, MiMoTimeouts
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.errors import MiMoTimeoutError

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")

COMMENT = ": PROCESSING\n\n"
WAYS = ["stream", "astream", "events", "aevents"]


@pytest.fixture
def llm():
    def make(emulator, **fields):
        return ChatMiMo(
            base_url=emulator.base_url,
            api_key=emulator.api_key,
            **{"model": "mimo-v2.6-flash", "max_retries": 0, **fields},
        )

    return make


async def ask(way, model, prompt="Hello"):
    match way:
        case "invoke":
            return model.invoke(prompt)
        case "stream":
            return reduce(add, model.stream(prompt))
        case "astream":
            return reduce(add, [chunk async for chunk in model.astream(prompt)])
        case "events":
            return model.stream_events(prompt, version="v3").output
        case _:
            return await (await model.astream_events(prompt, version="v3"))


def facts(message):
    return message.text, message.additional_kwargs, message.usage_metadata


@pytest.mark.parametrize("way", WAYS)
async def test_a_comment_before_every_stream_changes_nothing(llm, way):
    with MiMoEmulator(processing_every=1) as some, MiMoEmulator(processing_every=None) as none:
        assert facts(await ask(way, llm(some))) == facts(await ask(way, llm(none)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("after", [0, 4])
async def test_many_comments_change_nothing(llm, emulator, way, after):
    expected = facts(llm(emulator).invoke("Hello"))
    emulator.fault("pings_only", after_events=after, interval=0.01, seconds=0.3, text=COMMENT)
    assert facts(await ask(way, llm(emulator))) == expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("after", "limit"), [(0, "first_event"), (4, "idle")])
async def test_comments_alone_do_not_keep_a_stream_alive(llm, emulator, way, after, limit):
    emulator.fault("pings_only", after_events=after, text=COMMENT)
    model = llm(emulator, timeout=MiMoTimeouts(**{limit: 0.3}))
    with pytest.raises(MiMoTimeoutError) as caught:
        await ask(way, model)
    assert caught.value.limit == limit


def test_an_agent_reads_a_stream_with_comments(llm):
    @tool
    def add_up(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    with MiMoEmulator(processing_every=1) as emulator:
        call = {"name": "add_up", "args": {"a": 1, "b": 2}}
        emulator.reply("", reasoning="I add.", tool_calls=[call])
        agent = create_agent(llm(emulator), [add_up])
        state = {"messages": [HumanMessage("What is 1 + 2?")]}
        parts = list(agent.stream(state, stream_mode=["messages", "values"]))
        _, turn, result, answer = [part for mode, part in parts if mode == "values"][-1]["messages"]
        assert [request.body["stream"] for request in emulator.requests] == [True, True]
    assert turn.tool_calls[0]["args"] == {"a": 1, "b": 2}
    assert result.content == "3"
    assert "3" in answer.text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize("asked", [True, False])
async def test_usage_is_read_whether_or_not_it_was_asked_for(llm, way, always, asked):
    with MiMoEmulator(always_send_usage=always) as emulator:
        expected = llm(emulator).invoke("Hello").usage_metadata
        message = await ask(way, llm(emulator, stream_usage=asked))
        assert ("stream_options" in emulator.requests[-1].body) == asked
    assert message.usage_metadata == (expected if always or asked else None)


@pytest.mark.parametrize("way", ["invoke", *WAYS])
async def test_the_id_of_a_response_is_the_id_of_the_message(llm, emulator, way):
    message = await ask(way, llm(emulator))
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_[0-9a-f]{32}", message.id)
    assert message.response_metadata["id"] == message.id
