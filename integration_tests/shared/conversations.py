"""Tools, marks and accessors that several tests of conversations share."""

import pytest
from langchain_core.tools import tool
from request_bodies import chat_body

openai_only = pytest.mark.parametrize("api_format", ["openai"])
"""For features that the Anthropic format lacks, and for tests written as OpenAI events."""


AUDIO_AND_VIDEO = {"anthropic_audio_video": True}
"""The `dialect` of a server whose Anthropic format reads audio and video, such as an emulator with
the setting of the same name; without effect in the OpenAI format."""


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"Rain in {city}."


def sent(emulator):
    """The messages of the last request, which was accepted, in the OpenAI format."""
    assert emulator.requests[-1].status == 200
    return chat_body(emulator.requests[-1])["messages"]


def assistant_messages(messages):
    return [message for message in messages if message["role"] == "assistant"]


def accepted_bodies(emulator):
    """The bodies of all requests in the OpenAI format; none was refused."""
    assert [request.status for request in emulator.requests] == [200] * len(emulator.requests)
    return [chat_body(request) for request in emulator.requests]
