"""Audio in every shape that programs write, as MiMo's chat format documents it."""

import base64
import io
import json
import wave

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._transport.request_body import RequestBody
from langchain_mimo._wire.dialects import DIALECTS
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.openai.request import encode_request
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo.errors import MediaError

MODEL = "mimo-v2.6-pro"
URL = "https://example.org/a.wav"


def make_wav():
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(bytes(1600))
    return base64.b64encode(file.getvalue()).decode()


WAV = make_wav()
MP3 = base64.b64encode(b"ID3\x04" + bytes(6) + b"\xff\xfb\x90\x00" + bytes(413)).decode()
WAV_URL, MP3_URL = f"data:audio/wav;base64,{WAV}", f"data:audio/mpeg;base64,{MP3}"


def sent(*messages, server="mimo", **options):
    turns = clean_history(list(messages), HistoryOptions(MODEL, **options)).turns
    body = RequestBody(
        encode_request(turns, RequestOptions(MODEL, {}), DIALECTS[server]), MediaPolicy()
    )
    try:
        body.open()
        return json.loads(b"".join(body))["messages"]
    finally:
        body.dispose()


INPUT_AUDIO = {
    "a data URL": ({"data": WAV_URL}, WAV_URL),
    "a data URL and a format": ({"data": WAV_URL, "format": "wav"}, WAV_URL),
    "bare base64 and a format": ({"data": WAV, "format": "wav"}, WAV_URL),
    "bare base64 and MP3": ({"data": MP3, "format": "mp3"}, MP3_URL),
    "bare base64": ({"data": WAV}, WAV_URL),
    "a URL": ({"data": URL}, URL),
    "a URL and a format": ({"data": URL, "format": "wav"}, URL),
}
SHAPES = {
    **{
        f"input_audio, {name}": ({"type": "input_audio", "input_audio": inner}, data)
        for name, (inner, data) in INPUT_AUDIO.items()
    },
    "audio_url": ({"type": "audio_url", "audio_url": {"url": URL}}, URL),
    "audio_url, a string": ({"type": "audio_url", "audio_url": URL}, URL),
    "audio_url, a data URL": ({"type": "audio_url", "audio_url": {"url": WAV_URL}}, WAV_URL),
    "audio_url, a string with a data URL": ({"type": "audio_url", "audio_url": WAV_URL}, WAV_URL),
    "the Responses API": ({"type": "input_audio", "audio_url": WAV_URL}, WAV_URL),
}


@pytest.mark.parametrize(("block", "data"), SHAPES.values(), ids=SHAPES)
def test_every_shape_is_sent_as_mimo_documents_it(block, data):
    (message,) = sent(HumanMessage([block, {"type": "text", "text": "Who speaks?"}]))
    assert message["content"] == [
        {"type": "input_audio", "input_audio": {"data": data}},
        {"type": "text", "text": "Who speaks?"},
    ]


@pytest.mark.parametrize("server", ["vllm", "sglang"])
@pytest.mark.parametrize(("block", "data"), SHAPES.values(), ids=SHAPES)
def test_self_hosted_servers_get_audio_url(block, data, server):
    (message,) = sent(HumanMessage([block]), server=server)
    assert message["content"] == [{"type": "audio_url", "audio_url": {"url": data}}]


@pytest.mark.parametrize(("block", "data"), SHAPES.values(), ids=SHAPES)
def test_audio_of_a_tool_follows_its_result_in_a_user_message(block, data):
    call = AIMessage("", tool_calls=[{"name": "listen", "args": {}, "id": "1"}])
    messages = sent(HumanMessage("Go."), call, ToolMessage([block], tool_call_id="1"))
    assert messages[-2]["role"] == "tool"
    assert messages[-2]["content"] == "(1 audio file follows)"
    assert messages[-1]["role"] == "user"
    assert messages[-1]["content"][-1] == {"type": "input_audio", "input_audio": {"data": data}}


def test_a_format_that_is_not_audio_is_refused():
    block = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "pcm16"}}
    with pytest.raises(MediaError, match=r"messages\[0\], block 0"):
        sent(HumanMessage([block]))
