"""A thread goes on after a file that cannot be sent, in a real agent with a checkpointer."""

from __future__ import annotations

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from media_files import make_image

from langchain_mimo import MediaError, image_block

HEIC = "AAAAGGZ0eXBoZWljAAAAAG1pZjFoZWlj"


def photo() -> list:
    """Take a photo."""
    return [{"type": "image", "base64": HEIC, "mime_type": "image/heic"}]


def page() -> list:
    """Find a page."""
    return [{"type": "file", "url": "https://e.com/a", "mime_type": "text/html"}]


@pytest.mark.parametrize("events", [False, True])
def test_a_thread_lives_on_after_a_bad_result(emulator, model, api_format, events):
    emulator.reply("", reasoning="Look.", tool_calls=[{"name": "photo", "args": {}, "id": "c1"}])
    thread = {"configurable": {"thread_id": "1"}}
    saver = InMemorySaver()
    strict = create_agent(model(emulator), [photo, page], checkpointer=saver)
    with pytest.raises(MediaError, match="it is HEIC"):
        strict.invoke({"messages": [HumanMessage("What is there?")]}, thread)
    with pytest.raises(MediaError, match="it is HEIC"):
        strict.invoke({"messages": [HumanMessage("Never mind.")]}, thread)
    patient = create_agent(model(emulator, repair_history=True), [photo, page], checkpointer=saver)
    emulator.reply("", reasoning="Find.", tool_calls=[{"name": "page", "args": {}, "id": "c2"}])
    emulator.reply("Hello.")
    prompt = {"messages": [HumanMessage("Hello?")]}
    if events:
        state = patient.stream_events(prompt, thread, version="v3").output
    else:
        state = patient.invoke(prompt, thread)
    assert state["messages"][-1].text == "Hello."
    sent = str(emulator.requests[-1].body)
    assert "[image left out: it is HEIC (image)" in sent
    assert "[Link: https://e.com/a, text/html]" in sent
    assert HEIC not in sent
    kept = [message for message in state["messages"] if message.type == "tool"]
    assert kept[0].content[0]["base64"] == HEIC


def test_a_thread_lives_on_after_its_image_is_deleted(emulator, model, api_format, tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(make_image("PNG"))
    llm = model(emulator, repair_history=True, allowed_media_dirs=[tmp_path])
    agent = create_agent(llm, [], checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    agent.invoke({"messages": [HumanMessage([image_block(path)])]}, thread)
    path.unlink()
    agent.invoke({"messages": [HumanMessage("And now?")]}, thread)
    assert len(emulator.requests) == 2
    assert "[image left out: the file 'cat.png' cannot be opened" in str(emulator.requests[1].body)
    assert str(tmp_path) not in str(emulator.requests[1].body)
