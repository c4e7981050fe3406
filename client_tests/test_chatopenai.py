"""What is lost with `ChatOpenAI(base_url=…)`: each row of the table in README.md.

ChatMiMo's side of the table is what the other tests hold.
"""

import base64
import io

import av
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models.base import OpenAIInvalidRequestError
from pydantic import BaseModel

from langchain_mimo.emulator import MiMoEmulator


def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"{city}: clear"


@pytest.fixture
def emulator():
    """An emulator that ignores what MiMo ignores."""
    with MiMoEmulator() as running:
        yield running


@pytest.fixture
def llm(emulator):
    return ChatOpenAI(
        model="mimo-v2.6-flash",
        base_url=emulator.base_url,
        api_key=emulator.api_key,
        max_retries=0,
    )


def audio(container, codec):
    """The base64 of a fifth of a second of silence."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=48_000, layout="mono")
        samples = stream.codec_context.frame_size or 960
        for _ in range(9600 // samples):
            frame = av.AudioFrame(stream.format.name, "mono", samples)
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            frame.sample_rate = 48_000
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return base64.b64encode(file.getvalue()).decode()


def ask(llm, block):
    return llm.invoke([HumanMessage([block, {"type": "text", "text": "What is it?"}])])


def added(chunks):
    first, *others = chunks
    return sum(others, first)


def test_reasoning_is_lost(llm):
    for message in (llm.invoke("Hello"), added(llm.stream("Hello", stream_usage=True))):
        assert message.usage_metadata["output_token_details"]["reasoning"] > 0  # it was paid for
        assert not message.additional_kwargs.get("reasoning_content")
        assert [block["type"] for block in message.content_blocks] == ["text"]


def test_the_turn_after_a_tool_call_is_refused(llm):
    llm = llm.bind_tools([get_weather])
    history = [HumanMessage("What is the weather in Oslo?")]
    call = llm.invoke(history)
    result = ToolMessage("clear", tool_call_id=call.tool_calls[0]["id"])
    with pytest.raises(OpenAIInvalidRequestError, match=r"Param Incorrect$"):
        llm.invoke([*history, call, result])


@pytest.mark.parametrize("data", [{"url": "https://example.com/video.mp4"}, {"base64": "AAAA"}])
def test_video_blocks_are_refused(llm, data):
    with pytest.raises(ValueError, match="type video is not supported"):
        ask(llm, {"type": "video", "mime_type": "video/mp4", **data})


def test_a_video_part_in_mimos_own_form_gets_through(llm):
    part = {"type": "video_url", "video_url": {"url": "https://example.com/video.mp4"}, "fps": 1}
    response = ask(llm, part)
    assert response.text.startswith("Video 1")
    assert "video" not in response.usage_metadata["input_token_details"]


AUDIO = [
    ("mp3", "mp3", "audio/mpeg"),
    ("flac", "flac", "audio/flac"),
    ("ipod", "aac", "audio/mp4"),
    ("ogg", "libopus", "audio/ogg"),
]


def test_of_audio_only_inline_wav_gets_through(llm):
    with pytest.raises(ValueError, match="base64 is required"):
        ask(llm, {"type": "audio", "url": "https://example.com/audio.wav"})
    for container, codec, mime_type in AUDIO:
        block = {"type": "audio", "mime_type": mime_type, "base64": audio(container, codec)}
        with pytest.raises(OpenAIInvalidRequestError, match=r"Param Incorrect$"):
            ask(llm, block)
        # Named as MiMo wants it, the same file is accepted.
        url = f"data:{mime_type};base64,{block['base64']}"
        ask(llm, {"type": "input_audio", "input_audio": {"data": url}})
    wav = {"type": "audio", "mime_type": "audio/wav", "base64": audio("wav", "pcm_s16le")}
    assert "WAV" in ask(llm, wav).text


def test_usage_does_not_name_images_and_video(llm, data_url):
    response = ask(llm, {"type": "image_url", "image_url": {"url": data_url}})
    assert response.usage_metadata["input_token_details"] == {"cache_read": 0}


def test_a_truncated_stream_is_a_message(llm, emulator):
    emulator.fault("no_finish")
    message = added(llm.stream("Hello"))
    assert message.response_metadata.get("finish_reason") is None
    emulator.fault("half_tool_call", finish_reason=None)
    message = added(llm.bind_tools([get_weather]).stream("What is the weather in Oslo?"))
    (call,) = message.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {})


def test_tool_choice_is_lost(llm):
    tools = [get_weather]
    assert not llm.bind_tools(tools, tool_choice="required").invoke("Hello").tool_calls
    question = "What is the weather in Oslo?"
    assert llm.bind_tools(tools, tool_choice="none").invoke(question).tool_calls


def test_structured_output_by_a_tool_call_is_none(llm):
    class Boat(BaseModel):
        """A boat."""

        colour: str

    structured = llm.with_structured_output(Boat, method="function_calling")
    assert structured.invoke("Describe it.") is None


def test_files_are_not_read(llm, tmp_path, png):
    path = tmp_path / "image.png"
    path.write_bytes(png)
    with pytest.raises(OpenAIInvalidRequestError, match=r"Param Incorrect$"):
        ask(llm, {"type": "image", "url": path.as_uri()})
