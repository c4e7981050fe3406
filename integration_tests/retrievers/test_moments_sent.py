"""Moments up to the emulator: the prefix and its cache, agents with the tool, and checkpoints."""

import hashlib
import json

import pytest
from coloured_media import coloured_video, tones
from conversations import AUDIO_AND_VIDEO
from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.retrievers import BaseRetriever
from langgraph.checkpoint.memory import InMemorySaver
from PIL import Image
from request_bodies import chat_body

from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.media import probe
from langchain_mimo.retrievers import (
    MiMoMediaRetriever,
    create_media_retriever_tool,
    media_blocks,
)

ROUNDS = 5


class Found(BaseRetriever):
    """Returns one list of Documents after the other, again and again."""

    rounds: list
    asked: int = 0

    def _get_relevant_documents(self, query, *, run_manager):
        self.asked += 1
        return self.rounds[(self.asked - 1) % len(self.rounds)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("media")
    scenes = [("red", 20), ("green", 20), ("blue", 20)]
    coloured_video(path / "talk.mp4", scenes, gop=50)
    coloured_video(path / "walk.mp4", scenes[::-1], gop=20)
    coloured_video(path / "old.mkv", scenes, gop=50)
    tones(path / "tone.wav", (440, 20), (0, 20))
    Image.new("RGB", (320, 240), (200, 120, 30)).save(path / "sun.png")
    return path


@pytest.fixture
def emulator():
    with MiMoEmulator(**AUDIO_AND_VIDEO) as running:
        yield running


def found(folder, source, start_s, end_s, modality="video"):
    digest = hashlib.sha256((folder / source).read_bytes()).hexdigest()
    metadata = {
        "source": source,
        "source_sha256": digest,
        "modality": modality,
        "start_s": start_s,
        "end_s": end_s,
        "scene_index": 0,
        "status": "ok",
    }
    text = f"From {start_s:g} to {end_s:g} s, somebody explains in {source} how the sun goes down."
    return Document(page_content=text, metadata=metadata)


@pytest.fixture
def documents(folder):
    return [
        found(folder, "walk.mp4", 30.0, 34.0),
        found(folder, "tone.wav", 5.0, 9.0, "audio"),
        found(folder, "talk.mp4", 41.0, 45.0),
        found(folder, "sun.png", 0.0, 0.0, "image"),
        found(folder, "talk.mp4", 10.0, 12.0),
    ]


@pytest.mark.parametrize("shift", [1, 3])
def test_the_same_moments_in_another_rank_are_read_from_the_cache(
    model, emulator, folder, documents, shift
):
    llm = model(emulator, allowed_media_dirs=[folder], dialect=AUDIO_AND_VIDEO)
    ranks = documents, documents[shift:] + documents[:shift]
    usages = []
    for rank, query in zip(ranks, ("What is red?", "When does it turn green?"), strict=True):
        blocks = media_blocks(rank, root=folder)
        message = llm.invoke([HumanMessage(blocks), HumanMessage(query)])
        usages.append(message.usage_metadata)
    first, second = (json.dumps(chat_body(each)["messages"]) for each in emulator.requests)
    prefix = first.partition("What is red?")[0]
    assert len(prefix) > 10_000
    assert second.startswith(prefix)
    sent = [[medium.sha256 for medium in request.media] for request in emulator.requests]
    assert sent[0] == sent[1]
    assert len(sent[0]) == 5
    assert usages[0]["input_token_details"].get("cache_read", 0) == 0
    assert usages[1]["input_token_details"]["cache_read"] > 0.8 * usages[0]["input_tokens"]


def test_by_rank_the_prefix_changes(folder, documents):
    options = {"root": folder, "order": "rank"}
    assert media_blocks(documents, **options) != media_blocks(documents[::-1], **options)
    assert media_blocks(documents, root=folder) == media_blocks(documents[::-1], root=folder)


def test_what_is_sent_is_the_moment(model, emulator, folder):
    llm = model(emulator, allowed_media_dirs=[folder], dialect=AUDIO_AND_VIDEO)
    document = found(folder, "talk.mp4", 22.0, 26.0)
    blocks = media_blocks([document], root=folder, pad_s=0)
    assert blocks[0]["text"] == "[1] talk.mp4, 20 s to 26 s"
    llm.invoke([HumanMessage(blocks), HumanMessage("What colour is it?")])
    (medium,) = emulator.requests[0].media
    assert probe(medium.data).duration_s == pytest.approx(6, abs=0.05)
    answer = llm.invoke([HumanMessage(blocks), HumanMessage("Describe it.")]).text
    assert "green" in answer
    assert "red" not in answer


def test_prepared_moments_are_sent_from_their_folder(model, emulator, folder, tmp_path):
    llm = model(emulator, allowed_media_dirs=[tmp_path], dialect=AUDIO_AND_VIDEO)
    document = found(folder, "old.mkv", 42.0, 46.0)
    blocks = media_blocks([document], root=folder, pad_s=0, prepared_dir=tmp_path)
    assert (
        "blue"
        in llm.invoke([HumanMessage([*blocks, {"type": "text", "text": "Describe it."}])]).text
    )
    assert probe(emulator.requests[0].media[0].data).duration_s == pytest.approx(4, abs=0.15)


def lead(llm, tool, emulator, rounds):
    """Let an agent search again and again; return its messages and the bytes of its checkpoint."""
    saver = InMemorySaver()
    agent = create_agent(llm, [tool], checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}}
    for number in range(rounds):
        arguments = json.dumps({"query": f"sunset {number}"})
        call = {"id": f"call_{number}", "name": tool.name, "arguments": arguments}
        emulator.reply(tool_calls=[call])
    emulator.reply("The sun goes down five times.")
    state = agent.invoke({"messages": [HumanMessage("When does the sun go down?")]}, config)
    checkpoint = saver.get_tuple(config).checkpoint
    return state["messages"], len(saver.serde.dumps_typed(checkpoint)[1])


def test_five_rounds_of_an_agent_show_the_moments_and_keep_checkpoints_small(
    model, emulator, folder
):
    rounds = [[found(folder, "talk.mp4", 8.0 * n, 8.0 * n + 4)] for n in range(ROUNDS)]
    retriever = MiMoMediaRetriever(retriever=Found(rounds=rounds), root=folder)
    tool = create_media_retriever_tool(retriever)
    llm = model(emulator, allowed_media_dirs=[folder], dialect=AUDIO_AND_VIDEO)
    messages, size = lead(llm, tool, emulator, ROUNDS)
    results = [message for message in messages if isinstance(message, ToolMessage)]
    assert [result.artifact["moments"][0]["start_s"] for result in results] == [0, 6, 14, 22, 30]
    assert sum(isinstance(message, AIMessage) for message in messages) == ROUNDS + 1
    assert size < 10_000
    # Each call of the model behind a search carries the moments of all searches so far.
    assert [len(request.media) for request in emulator.requests] == [0, 1, 2, 3, 4, 5]
    sent = chat_body(emulator.requests[-1])["messages"]
    texts = [message["content"] for message in sent if message["role"] == "tool"]
    intro, found_there = texts[1].splitlines()
    assert intro == "1 moment was found. Its media follow."
    assert found_there.startswith("[1] talk.mp4, 5 s to 14 s: From 8 to 12 s, somebody explains in")


def test_an_agent_goes_on_behind_a_search_whose_file_has_changed(model, emulator, folder):
    changed = found(folder, "talk.mp4", 8.0, 12.0)
    changed.metadata["source_sha256"] = "0" * 64
    rounds = [[changed], [found(folder, "walk.mp4", 8.0, 12.0)]]
    tool = create_media_retriever_tool(
        MiMoMediaRetriever(retriever=Found(rounds=rounds), root=folder)
    )
    llm = model(emulator, allowed_media_dirs=[folder], dialect=AUDIO_AND_VIDEO)
    messages, _ = lead(llm, tool, emulator, 2)
    first, second = (message for message in messages if isinstance(message, ToolMessage))
    assert (first.status, second.status) == ("error", "success")
    assert messages[-1].text == "The sun goes down five times."
    assert [len(request.media) for request in emulator.requests] == [0, 0, 1]
    assert "has changed since it was indexed" in json.dumps(chat_body(emulator.requests[1]))


async def test_an_async_agent_is_shown_the_same(model, emulator, folder, documents):
    retriever = MiMoMediaRetriever(retriever=Found(rounds=[documents]), root=folder)
    tool = create_media_retriever_tool(retriever)
    llm = model(emulator, allowed_media_dirs=[folder], dialect=AUDIO_AND_VIDEO)
    agent = create_agent(llm, [tool])
    call = {"id": "call_1", "name": tool.name, "arguments": '{"query": "sunset"}'}
    emulator.reply(tool_calls=[call])
    emulator.reply("The sun went down.")
    state = await agent.ainvoke({"messages": [HumanMessage("When?")]})
    assert state["messages"][-1].text == "The sun went down."
    kinds = [medium.kind for medium in emulator.requests[-1].media]
    assert kinds == ["image", "video", "video", "audio", "video"]
