"""`message_blocks`: the content of a message as ChatMiMo reads it."""

import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_mimo.media import message_blocks

VIDEO = {"type": "video", "url": "https://example.com/a.mp4", "mime_type": "video/mp4"}
FILMS = json.dumps([{"type": "video", "title": "A film"}])


@pytest.mark.parametrize(
    ("message", "blocks"),
    [
        (HumanMessage("Hello"), ["Hello"]),
        (HumanMessage([VIDEO, "and"]), [VIDEO, "and"]),
        (HumanMessage(json.dumps([VIDEO])), [json.dumps([VIDEO])]),
        (AIMessage(""), [""]),
        (ToolMessage("Rain", tool_call_id="1"), ["Rain"]),
        (ToolMessage([VIDEO], tool_call_id="1"), [VIDEO]),
        (ToolMessage(json.dumps([VIDEO]), tool_call_id="1"), [VIDEO]),
        (ToolMessage(FILMS, tool_call_id="1"), [FILMS]),
    ],
)
def test_message_blocks(message, blocks):
    before = message.model_copy(deep=True)
    found = message_blocks(message)
    assert found == blocks
    found.clear()
    assert message == before
