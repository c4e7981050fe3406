"""One conversation in both API formats, and what only one of them has."""

import json
from functools import reduce
from operator import add

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from request_bodies import chat_body

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.errors import MiMoInputError, UnsupportedModalityError
from langchain_mimo.media import audio_block, image_block, video_block


def call(name, args, call_id):
    return {"name": name, "args": args, "id": call_id}


@pytest.fixture
def llm(emulator, api_format):
    with ChatMiMo(
        model="mimo-v2.6-pro",
        api_key=emulator.api_key,
        base_url=emulator.base_url,
        api_format=api_format,
        max_retries=0,
    ) as model:
        yield model


ROUNDS = [
    {"reasoning": " First.\n", "tool_calls": [call("one", '{"x": 1}', "a")]},
    {"content": "It is one.", "reasoning": "Told."},
    {"reasoning": "两次。😀", "tool_calls": [call("one", '{"x": 2}', "b"), call("two", "{}", "c")]},
    {"content": "Both are done.", "reasoning": "Done."},
]


@pytest.mark.parametrize("order", [(0, 1, 0, 1), (1, 0, 1, 0), (0, 0, 1, 1), (1, 1, 0, 0)], ids=str)
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("api_format", ["openai"])
def test_a_thread_can_change_the_format_at_every_turn(llm, emulator, media, order, streamed):
    """Reasoning, calls, results and media of one format are sent in the other."""
    image = image_block(media.image.read_bytes())
    history = [SystemMessage("Be brief."), HumanMessage([image, {"type": "text", "text": "?"}])]
    with llm.model_copy(update={"api_format": "anthropic"}) as other:
        for turn, which in enumerate(order):
            emulator.reply(**ROUNDS[turn])
            model = (llm, other)[which]
            answer = reduce(add, model.stream(history)) if streamed else model.invoke(history)
            history.append(answer)
            history += [ToolMessage("ok", tool_call_id=call["id"]) for call in answer.tool_calls]
            if not answer.tool_calls:
                history.append(HumanMessage("Go on."))
    assert [request.status for request in emulator.requests] == [200] * 4
    for request, which in zip(emulator.requests, order, strict=True):
        assert request.path.endswith(("/chat/completions", "/anthropic/v1/messages")[which])
        assert [item.data for item in request.media] == [media.image.read_bytes()]
    messages = chat_body(emulator.requests[-1])["messages"]
    roles = [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
        "assistant",
        "tool",
        "tool",
    ]
    assert [message["role"] for message in messages] == roles
    turns = [message for message in messages if message["role"] == "assistant"]
    # A turn without calls is sent back without its reasoning, in either format.
    assert [turn.get("reasoning_content") for turn in turns] == [" First.\n", None, "两次。😀"]
    assert [turn["content"] for turn in turns] == ["", "It is one.", ""]
    called = [
        [(c["id"], json.loads(c["function"]["arguments"])) for c in turn.get("tool_calls", [])]
        for turn in turns
    ]
    assert called == [[("a", {"x": 1})], [], [("b", {"x": 2}), ("c", {})]]


@pytest.mark.parametrize("api_format", ["anthropic"])
@pytest.mark.parametrize("penalty", ["frequency_penalty", "presence_penalty"])
def test_a_penalty_is_refused_in_the_anthropic_format(llm, emulator, penalty):
    llm.invoke("x", **{penalty: 0})
    with pytest.raises(MiMoInputError, match=f"no {penalty}"):
        llm.invoke("x", **{penalty: 0.5})
    assert len(emulator.requests) == 1
    assert penalty not in emulator.requests[0].body


# ------------------------------------------- audio and video, which MiMo drops in this format

BLOCKS = {"audio": audio_block, "video": video_block}


@pytest.mark.parametrize("api_format", ["anthropic"])
@pytest.mark.parametrize("kind", BLOCKS)
def test_audio_and_video_are_refused_before_anything_is_sent(llm, emulator, media, kind):
    block = BLOCKS[kind](getattr(media, kind).read_bytes())
    messages = [SystemMessage("Be brief."), HumanMessage([{"type": "text", "text": "?"}, block])]
    for ask in (llm.invoke, lambda messages: list(llm.stream(messages))):
        with pytest.raises(UnsupportedModalityError) as caught:
            ask(messages)
        assert str(caught.value).startswith(f"messages[1], block 1: MiMo drops {kind} in the")
        assert 'api_format="openai"' in str(caught.value)
    assert emulator.requests == []


@pytest.mark.parametrize("api_format", ["anthropic"])
@pytest.mark.parametrize("kind", BLOCKS)
def test_media_that_a_tool_returns_are_refused_too(llm, emulator, media, kind):
    @tool
    def look() -> list[dict]:
        """Look."""
        return [BLOCKS[kind](getattr(media, kind).read_bytes())]

    emulator.reply("", tool_calls=[call("look", {}, "a")])
    with pytest.raises(UnsupportedModalityError, match=rf"messages\[2\].*MiMo drops {kind}"):
        create_agent(llm, [look]).invoke({"messages": [HumanMessage("What is there?")]})
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("reads", [False, True])
def test_the_dialect_sends_audio_and_video_anyway(media, reads):
    blocks = [make(getattr(media, kind).read_bytes()) for kind, make in BLOCKS.items()]
    with MiMoEmulator(anthropic_audio_video=reads) as emulator:
        llm = ChatMiMo(
            model="mimo-v2.6-pro",
            api_key=emulator.api_key,
            base_url=emulator.base_url,
            api_format="anthropic",
            dialect={"anthropic_audio_video": True},
        )
        assert llm.invoke([HumanMessage([*blocks, {"type": "text", "text": "?"}])]).text
        kinds = [item.kind for item in emulator.requests[0].media]
        assert kinds == (list(BLOCKS) if reads else [])
