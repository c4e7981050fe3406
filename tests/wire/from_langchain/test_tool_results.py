"""Media blocks that LangChain wrote into tool messages as JSON, and text that only looks like it."""

import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.messages.content import create_audio_block, create_video_block

from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.from_langchain.tool_results import parse_json_blocks
from langchain_mimo._wire.turns import MediaPart, ToolTurn

TEXT = {"type": "text", "text": "Look:"}
IMAGE = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
VIDEO = {"type": "video", "base64": "AAAAIGZ0eXA=", "mime_type": "video/mp4"}
FILE = {"type": "video", "url": "file:///media/a.mp4", "extras": {"size": 1, "sha256": "0" * 64}}
URL = "https://example.com/a.mp4"

MEDIA = {
    "base64": [VIDEO],
    "with text and an image": [TEXT, IMAGE, VIDEO],
    "a plain string first": ["Look:", VIDEO],
    "audio": [{"type": "audio", "base64": "UklGRg==", "mime_type": "audio/wav"}],
    "video built by core": [create_video_block(url=URL, fps=2)],
    "audio built by core": [create_audio_block(base64="UklGRg==", mime_type="audio/wav")],
    "a URL with a MIME type": [{"type": "video", "url": URL, "mime_type": "video/mp4"}],
    "a data URL": [{"type": "video", "url": "data:video/mp4;base64,AAAA"}],
    "a file with its SHA-256": [FILE],
    "v0": [
        {"type": "audio", "source_type": "base64", "data": "UklGRg==", "mime_type": "audio/wav"}
    ],
    "MiMo's own parts": [
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}, "fps": 1},
        {"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,UklGRg=="}},
    ],
}

TEXTS = {
    "plain": "Rain.",
    "empty": "[]",
    "numbers": "[1, 2]",
    "broken": '[{"type": "video", "base64": "AAAA"',
    "ends like JSON": '[{"type": "video", "base64": "AAAA"}, x]',
    "deep": '[{"type": "video"}' + "[" * 100_000 + "]",
    "a list of movies": json.dumps([{"type": "video", "url": URL, "title": "Cats", "views": 3}]),
    "URLs without a MIME type": json.dumps([{"type": "video", "url": URL}]),
    "a page's block id": json.dumps([{"type": "video", "url": URL, "id": "dQw4w9WgXcQ"}]),
    "a file without its SHA-256": json.dumps([{"type": "video", "url": "file:///media/a.mp4"}]),
    "one file of two without its SHA-256": json.dumps(
        [VIDEO, {"type": "image", "url": "file:///a.png"}]
    ),
    "a path": json.dumps([{"type": "video", "url": "/media/a.mp4"}]),
    "no location": json.dumps([{"type": "video", "mime_type": "video/mp4"}]),
    "a number for base64": json.dumps([{"type": "video", "base64": 3}]),
    "images only": json.dumps([TEXT, IMAGE]),
    "another type": json.dumps([VIDEO, {"type": "table", "data": "x"}]),
    "no blocks": json.dumps([VIDEO, 3]),
    "a dict": json.dumps(VIDEO),
    "JSON inside prose": f"Here: {json.dumps([VIDEO])}",
}


@pytest.mark.parametrize("name", MEDIA)
def test_blocks_written_as_json_are_parsed(name):
    written = json.dumps(MEDIA[name], ensure_ascii=False)
    assert parse_json_blocks(written) == MEDIA[name]


@pytest.mark.parametrize("name", TEXTS)
def test_other_text_stays_text(name):
    assert parse_json_blocks(TEXTS[name]) is None


def conversation(*contents):
    calls = [{"name": "observe", "args": {}, "id": str(n)} for n in range(len(contents))]
    results = [ToolMessage(text, tool_call_id=str(n)) for n, text in enumerate(contents)]
    reasoning = {"reasoning_content": "T"}
    turn = AIMessage("", tool_calls=calls, additional_kwargs=reasoning)
    return [HumanMessage("?"), turn, *results]


@pytest.mark.parametrize("tool_media", ["user", "inline"])
@pytest.mark.parametrize("others", [[], ["Rain."]])
def test_parsed_media_are_placed_like_other_tool_media(tool_media, others):
    messages = conversation(json.dumps([TEXT, VIDEO]), *others)
    options = HistoryOptions("mimo-v2.6-pro", tool_media=tool_media)
    _, _, result, *rest = clean_history(messages, options).turns
    assert isinstance(result, ToolTurn)
    assert result.text == "Look:"
    if tool_media == "inline":
        assert [part.reference.kind for part in result.media] == ["video"]
    else:
        assert result.media == []
        assert [type(part) for part in rest[-1].content][1:] == [MediaPart]
        assert rest[-1].content[1].reference.message_index == 2
        assert rest[-1].content[1].reference.block_index == 1


def test_other_text_is_sent_unchanged():
    for text in TEXTS.values():
        turns = clean_history(conversation(text), HistoryOptions("mimo-v2.6-pro")).turns
        assert turns[-1].text == text
