"""Tool messages that LangChain wrote as JSON, and those that only look like it."""

import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.messages.content import create_audio_block, create_video_block

from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.from_langchain.tool_results import stringified_blocks
from langchain_mimo._wire.turns import MediaPart, ToolTurn

TEXT = {"type": "text", "text": "Look:"}
IMAGE = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
VIDEO = {"type": "video", "base64": "AAAAIGZ0eXA=", "mime_type": "video/mp4"}
FILE = {"type": "video", "url": "file:///media/a.mp4", "extras": {"size": 1, "sha256": "0" * 64}}
URL = "https://example.com/a.mp4"

MEDIA = {
    "base64": [VIDEO],
    "beside text and pictures": [TEXT, IMAGE, VIDEO],
    "a bare string first": ["Look:", VIDEO],
    "a sound": [{"type": "audio", "base64": "UklGRg==", "mime_type": "audio/wav"}],
    "of core's making": [create_video_block(url=URL, fps=2)],
    "a sound of core's making": [create_audio_block(base64="UklGRg==", mime_type="audio/wav")],
    "a URL with a MIME type": [{"type": "video", "url": URL, "mime_type": "video/mp4"}],
    "a data URL": [{"type": "video", "url": "data:video/mp4;base64,AAAA"}],
    "a file with its digest": [FILE],
    "v0": [
        {"type": "audio", "source_type": "base64", "data": "UklGRg==", "mime_type": "audio/wav"}
    ],
    "MiMo's own": [
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
    "a list of films": json.dumps([{"type": "video", "url": URL, "title": "Cats", "views": 3}]),
    "bare URLs": json.dumps([{"type": "video", "url": URL}]),
    "a page's block id": json.dumps([{"type": "video", "url": URL, "id": "dQw4w9WgXcQ"}]),
    "a file without its digest": json.dumps([{"type": "video", "url": "file:///media/a.mp4"}]),
    "one file without its digest": json.dumps([VIDEO, {"type": "image", "url": "file:///a.png"}]),
    "a path": json.dumps([{"type": "video", "url": "/media/a.mp4"}]),
    "no place": json.dumps([{"type": "video", "mime_type": "video/mp4"}]),
    "a number for base64": json.dumps([{"type": "video", "base64": 3}]),
    "pictures alone": json.dumps([TEXT, IMAGE]),
    "another type": json.dumps([VIDEO, {"type": "table", "data": "x"}]),
    "no blocks": json.dumps([VIDEO, 3]),
    "a dict": json.dumps(VIDEO),
    "prose about it": f"Here: {json.dumps([VIDEO])}",
}


@pytest.mark.parametrize("name", MEDIA)
def test_blocks_that_were_written_as_json_are_read_back(name):
    written = json.dumps(MEDIA[name], ensure_ascii=False)
    assert stringified_blocks(written) == MEDIA[name]


@pytest.mark.parametrize("name", TEXTS)
def test_other_texts_stay_texts(name):
    assert stringified_blocks(TEXTS[name]) is None


def conversation(*contents):
    calls = [{"name": "film", "args": {}, "id": str(n)} for n in range(len(contents))]
    results = [ToolMessage(text, tool_call_id=str(n)) for n, text in enumerate(contents)]
    reasoning = {"reasoning_content": "T"}
    turn = AIMessage("", tool_calls=calls, additional_kwargs=reasoning)
    return [HumanMessage("?"), turn, *results]


@pytest.mark.parametrize("tool_media", ["user", "inline"])
@pytest.mark.parametrize("others", [[], ["Rain."]])
def test_they_go_where_media_of_tools_go(tool_media, others):
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


def test_texts_go_out_as_they_are():
    for text in TEXTS.values():
        turns = clean_history(conversation(text), HistoryOptions("mimo-v2.6-pro")).turns
        assert turns[-1].text == text
