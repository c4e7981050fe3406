"""Image, video and audio in; answer, reasoning, tool calls and exact usage out.

Where the emulator cannot stand for the real API, the tests run on both.
"""

import base64
import re

import pytest
from conversations import AUDIO_AND_VIDEO
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.media import audio_block, image_block, video_block
from langchain_mimo.tokens import audio_tokens, image_tokens, video_tokens

VIDEO = video_tokens(4.0, 320, 240, fps=1)
KINDS = {
    "image": (image_block, "image", r"orange|sun|sea|blue", {"image": image_tokens(640, 480)}),
    "video": (
        lambda path: video_block(path, fps=1),
        "video",
        r"orange|sun|sea|blue",
        {"video": VIDEO.vision, "audio": VIDEO.audio},
    ),
    "audio": (audio_block, "audio", r"tone|melod|music|note|beep", {"audio": audio_tokens(4.0)}),
}


@pytest.fixture
def emulator():
    """An emulator that reads audio and video in both formats, as their pages say."""
    with MiMoEmulator(**AUDIO_AND_VIDEO) as running:
        yield running


def messages_with(block, text="What is this? Describe it in one sentence."):
    return [HumanMessage([block, {"type": "text", "text": text}])]


async def four_ways(model, messages):
    """Return the message of each of invoke, stream, ainvoke and astream."""
    first, *rest = model.stream(messages)
    chunks = [chunk async for chunk in model.astream(messages)]
    return {
        "invoke": model.invoke(messages),
        "stream": sum(rest, first),
        "ainvoke": await model.ainvoke(messages),
        "astream": sum(chunks[1:], chunks[0]),
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_media_are_described_and_counted(kind, llm, service, media):
    make_block, name, described, expected_tokens = KINDS[kind]
    if service.is_live and service.api_format == "anthropic" and kind != "image":
        pytest.skip("MiMo drops audio and video in the Anthropic format")
    model = llm(allowed_media_dirs=[str(media.folder)], dialect=AUDIO_AND_VIDEO)
    messages = messages_with(make_block(getattr(media, name)))
    for way, answer in (await four_ways(model, messages)).items():
        assert re.search(described, answer.text, re.IGNORECASE), way
        assert answer.additional_kwargs["reasoning_content"], way
        usage = answer.usage_metadata
        assert usage["input_tokens"] > (0 if service.is_live else sum(expected_tokens.values())), (
            way
        )
        details = usage.get("input_token_details", {})
        # The Anthropic format reports no tokens per modality.
        counted = expected_tokens if service.api_format == "openai" else {}
        assert set(details) - {"cache_read"} >= set(counted), way
        assert bool(set(details) - {"cache_read"}) == bool(counted), way
        for modality, tokens in counted.items():
            assert details[modality] > 0, way
            assert service.is_live or details[modality] == tokens, way
        assert answer.response_metadata["finish_reason"] == "stop"
        assert answer.response_metadata["model_provider"] == "mimo"


@pytest.mark.parametrize("service", ["emulator"], indirect=True)
@pytest.mark.parametrize("kind", KINDS)
def test_media_arrive_byte_for_byte(kind, llm, emulator, media):
    make_block, name, _, _ = KINDS[kind]
    path = getattr(media, name)
    data = path.read_bytes()
    text = base64.b64encode(data).decode()
    model = llm(allowed_media_dirs=[str(media.folder)], dialect=AUDIO_AND_VIDEO)
    by_file = make_block(path)
    mime_type = by_file["mime_type"]
    block_type = by_file["type"]
    data_url = f"data:{mime_type};base64,{text}"
    wire_part = (
        {"type": "input_audio", "input_audio": {"data": data_url}}
        if block_type == "audio"
        else {"type": f"{block_type}_url", f"{block_type}_url": {"url": data_url}}
    )
    blocks = [
        by_file,
        make_block(data),
        {"type": block_type, "base64": text, "mime_type": mime_type},
        {"type": block_type, "source_type": "base64", "data": text, "mime_type": mime_type},
        wire_part,
    ]
    model.invoke([HumanMessage([*blocks, {"type": "text", "text": "What are these?"}])])
    (request,) = emulator.requests
    assert [item.data == data for item in request.media] == [True] * len(blocks)
    assert {item.mime_type for item in request.media} == {mime_type}


@pytest.mark.parametrize("sampling", [{}, {"fps": 0.5}, {"fps": 2.5, "media_resolution": "max"}])
@pytest.mark.parametrize("service", ["emulator"], indirect=True)
def test_fps_and_resolution_are_sent_with_a_video(sampling, llm, emulator, media, api_format):
    video = video_block(media.video.read_bytes(), **sampling)
    llm(dialect=AUDIO_AND_VIDEO).invoke(messages_with(video))
    on_the_model = llm(dialect=AUDIO_AND_VIDEO, **sampling)
    on_the_model.invoke(messages_with(video_block(media.video.read_bytes())))
    for request in emulator.requests:
        (item,) = request.media
        assert item.fps == sampling.get("fps")
        assert item.media_resolution == sampling.get("media_resolution")
        (part,) = [p for p in request.body["messages"][0]["content"] if p["type"] != "text"]
        # One format puts them next to the URL, the other one inside `source`.
        holder = part["source"] if api_format == "anthropic" else part
        assert {
            key: holder[key] for key in ("fps", "media_resolution") if key in holder
        } == sampling


async def test_the_four_ways_give_one_message(api_format):
    with MiMoEmulator(prefix_cache=False) as emulator:
        model = ChatMiMo(
            model="mimo-v2.6-pro",
            base_url=emulator.base_url,
            api_key=emulator.api_key,
            api_format=api_format,
        )

        def get_weather(city: str) -> str:
            """Get the weather of a city."""

        bound = model.bind_tools([get_weather])
        answers = await four_ways(bound, "What is the weather in Paris and Rome?")
    results = {
        way: (
            answer.content,
            answer.additional_kwargs["reasoning_content"],
            [(call["name"], call["args"]) for call in answer.tool_calls],
            answer.invalid_tool_calls,
            answer.usage_metadata,
            {k: v for k, v in answer.response_metadata.items() if k != "id"},
        )
        for way, answer in answers.items()
    }
    assert len(results["invoke"][2]) == 2
    for way, result in results.items():
        assert result == results["invoke"], way


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"{city}: hail, -3 °C"


async def test_an_agent_uses_two_tools(llm):
    agent = create_agent(llm(), [multiply, get_weather])
    state = {
        "messages": [
            HumanMessage("Use the tools: what is the weather in Oslo, and what is 1234 times 5678?")
        ]
    }
    for messages in (agent.invoke(state)["messages"], (await agent.ainvoke(state))["messages"]):
        results = [message.text for message in messages if isinstance(message, ToolMessage)]
        assert any("hail" in result for result in results)
        assert str(1234 * 5678) in results
        answer = messages[-1]
        assert isinstance(answer, AIMessage)
        assert "hail" in answer.text.lower()
        assert "7006652" in answer.text.replace(",", "")


async def test_thinking_can_be_switched_off(llm):
    for answer in (await four_ways(llm(thinking=False), "Say hello.")).values():
        assert answer.text
        assert "reasoning_content" not in answer.additional_kwargs
        assert not answer.usage_metadata.get("output_token_details", {}).get("reasoning")
