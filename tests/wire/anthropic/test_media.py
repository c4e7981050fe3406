"""Media in the Anthropic format: base64 with a separate MIME type, detected from the bytes."""

import base64
import io
import json
import wave

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.messages.ai import AIMessage
from PIL import Image

from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._media.references import DeferredMedia, DeferredMimeType
from langchain_mimo._transport.request_body import RequestBody
from langchain_mimo._wire.anthropic.request import encode_request
from langchain_mimo._wire.dialects import DIALECTS, dialect_of
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo.errors import MediaError, UnsupportedModalityError


def make_image():
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "GIF")
    return base64.b64encode(file.getvalue()).decode()


def make_audio():
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(bytes(1600))
    return base64.b64encode(file.getvalue()).decode()


GIF, WAV = make_image(), make_audio()
URL = "https://example.org/a"


READS_ALL = dialect_of("mimo", {"anthropic_audio_video": True})


def tree_of(*messages, dialect=READS_ALL, **options):
    history = HistoryOptions("mimo-v2.6-pro", **options)
    turns = clean_history(list(messages), history).turns
    return encode_request(turns, RequestOptions("mimo-v2.6-pro", {}), dialect)


NO_FILES = MediaPolicy()


def sent(tree, policy=NO_FILES):
    body = RequestBody(tree, policy)
    try:
        body.open()
        first, second = b"".join(body), b"".join(body)
        assert first == second
        assert len(first) == body.content_length
        return json.loads(first)
    finally:
        body.dispose()


def blocks_of(tree, message=-1):
    return tree["messages"][message]["content"]


@pytest.mark.parametrize(
    ("block", "encoded"),
    [
        (
            {"type": "image", "url": URL},
            {"type": "image", "source": {"type": "url", "url": URL}},
        ),
        (
            {"type": "audio", "url": URL},
            {"type": "audio", "source": {"type": "url", "url": URL}},
        ),
        (
            {"type": "video", "url": URL, "fps": 0.5, "extras": {"media_resolution": "max"}},
            {
                "type": "video",
                "source": {"type": "url", "url": URL, "fps": 0.5, "media_resolution": "max"},
            },
        ),
        (
            {"type": "image", "base64": GIF},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/gif", "data": GIF},
            },
        ),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{GIF}"}},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/gif", "data": GIF},
            },
        ),
        (
            {"type": "audio", "base64": WAV, "mime_type": "audio/x-wav"},
            {
                "type": "audio",
                "source": {"type": "base64", "media_type": "audio/wav", "data": WAV},
            },
        ),
    ],
)
def test_every_kind_of_media_source(block, encoded):
    assert blocks_of(sent(tree_of(HumanMessage([block])))) == [encoded]


def test_media_stay_references_until_the_body_is_sent():
    (block,) = blocks_of(tree_of(HumanMessage([{"type": "image", "base64": GIF}])))
    source = block["source"]
    assert isinstance(source["data"], DeferredMedia)
    assert not source["data"].data_url
    assert isinstance(source["media_type"], DeferredMimeType)
    assert source["media_type"].reference is source["data"].reference


def test_several_media_items_keep_their_mime_types():
    content = [
        {"type": "image", "base64": GIF},
        {"type": "text", "text": "then"},
        {"type": "audio", "base64": WAV, "mime_type": "audio/wav"},
        {"type": "image", "base64": GIF},
    ]
    blocks = blocks_of(sent(tree_of(HumanMessage(content))))
    assert [block.get("source", {}).get("media_type") for block in blocks] == [
        "image/gif",
        None,
        "audio/wav",
        "image/gif",
    ]
    assert [block.get("source", {}).get("data") for block in blocks] == [GIF, None, WAV, GIF]


def test_the_mime_type_of_a_file_comes_from_its_bytes(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(base64.b64decode(GIF))
    tree = tree_of(HumanMessage([{"type": "image", "url": path.as_uri()}]))
    with pytest.raises(MediaError):
        sent(tree)
    (block,) = blocks_of(sent(tree, MediaPolicy((str(tmp_path),))))
    assert block["source"] == {"type": "base64", "media_type": "image/gif", "data": GIF}


def test_media_inside_a_tool_result():
    call = {"name": "look", "args": {}, "id": "call_1"}
    messages = [
        HumanMessage("Look."),
        AIMessage("", tool_calls=[call]),
        ToolMessage(
            [{"type": "text", "text": "here"}, {"type": "image", "base64": GIF}],
            tool_call_id="call_1",
        ),
    ]
    image = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/gif", "data": GIF},
    }
    (result,) = blocks_of(sent(tree_of(*messages, tool_media="inline")))
    assert result["content"] == [{"type": "text", "text": "here"}, image]
    separate = sent(tree_of(*messages, tool_media="user"))
    assert blocks_of(separate, -2) == [
        {"type": "tool_result", "tool_use_id": "call_1", "content": "here"}
    ]
    assert blocks_of(separate)[-1] == image


# ------------------------------------------------------- audio and video, which MiMo drops there

TEXT = {"type": "text", "text": "Listen."}
CALL = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "call_1"}])
REMEDY = 'use api_format="openai" (dialect={"anthropic_audio_video": True} sends it anyway)'


@pytest.mark.parametrize("kind", ["audio", "video"])
@pytest.mark.parametrize("tool_media", ["user", "inline"])
def test_audio_and_video_are_refused_by_default(kind, tool_media):
    block = {"type": kind, "url": URL}
    histories = [
        [HumanMessage("Hi."), AIMessage("Yes?"), HumanMessage([TEXT, block])],
        [HumanMessage("Hi."), CALL, ToolMessage([TEXT, block], tool_call_id="call_1")],
    ]
    for messages in histories:
        with pytest.raises(UnsupportedModalityError) as caught:
            tree_of(*messages, dialect=DIALECTS["mimo"], tool_media=tool_media)
        assert (caught.value.message_index, caught.value.block_index) == (2, 1)
        assert str(caught.value) == (
            f"messages[2], block 1: MiMo drops {kind} in the Anthropic format without reading it; "
            + REMEDY
        )


def test_images_are_sent_by_default():
    block = {"type": "image", "url": URL}
    assert blocks_of(tree_of(HumanMessage([block]), dialect=DIALECTS["mimo"])) == [
        {"type": "image", "source": {"type": "url", "url": URL}}
    ]
