"""Threads with media, as `MediaWindowMiddleware` sends them.

Import it as `windowed_threads`: tests/helpers is on pytest's pythonpath.
"""

import copy

from block_samples import PNG, WAV
from langchain_core.messages import HumanMessage

from langchain_mimo.middleware import MediaWindowMiddleware

VIDEO = {
    "type": "video",
    "url": "file:///media/gate%201.mp4",
    "mime_type": "video/mp4",
    "extras": {"size": 40, "sha256": "0" * 64},
}
IMAGE = {"type": "image", "base64": PNG, "mime_type": "image/png"}
AUDIO = {"type": "file", "base64": WAV, "mime_type": "audio/wav"}
NEWEST = HumanMessage([{"type": "text", "text": "And this?"}, {**IMAGE, "id": "newest"}])


def text(words):
    return {"type": "text", "text": words}


def windowed(messages, **options):
    """The messages that the model gets; the thread itself stays as it is."""
    before = copy.deepcopy(messages)
    seen = MediaWindowMiddleware(**options)._windowed(messages)
    assert messages == before
    assert [type(message) for message in seen] == [type(message) for message in messages]
    return seen


def contents(messages, **options):
    return [message.content for message in windowed(messages, **options)]
