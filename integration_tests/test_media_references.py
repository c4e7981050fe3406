"""References to media stay references in checkpoints, traces, caches and dumps."""

import re

import media_files
import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.emulator import Reply
from langchain_mimo.media import image_block, video_block

BASE64_RUN = re.compile(r"[A-Za-z0-9+/]{100,}")
PADDING = 20_000_000


@pytest.fixture
def video(tmp_path):
    """A video of 20 MB: a small one, followed by a box that players skip."""
    path = tmp_path / "video.mp4"
    with path.open("wb") as out:
        out.write(media_files.make("video.mp4"))
        out.write((PADDING + 8).to_bytes(4, "big") + b"free" + bytes(PADDING))
    return path


@pytest.fixture
def make_llm(emulator, tmp_path):
    def make(**fields):
        return ChatMiMo(
            model="mimo-v2.6-flash",
            base_url=emulator.base_url,
            api_key=emulator.api_key,
            allowed_media_dirs=[str(tmp_path)],
            **fields,
        )

    return make


def look(at: int) -> str:
    """Look at a moment of the video."""
    return f"At {at} s there is a colour."


class Recorder(BaseCallbackHandler):
    """Keeps everything that a tracer would receive."""

    def __init__(self):
        self.seen = []

    def on_chat_model_start(self, serialized, messages, **options):
        self.seen.append(repr((serialized, messages, options)))

    def on_chain_start(self, serialized, inputs, **options):
        self.seen.append(repr((serialized, inputs, options)))

    def on_llm_end(self, response, **options):
        self.seen.append(repr((response, options)))


def test_five_calls_with_a_20_mb_video_leave_a_small_checkpoint(
    emulator, make_llm, video, tmp_path
):
    for at in range(4):
        emulator.reply(Reply(tool_calls=[{"name": "look", "args": {"at": at}}]))
    emulator.reply("It changes.")
    message = HumanMessage([video_block(video), {"type": "text", "text": "What happens?"}])
    recorder = Recorder()
    with SqliteSaver.from_conn_string(str(tmp_path / "state.sqlite")) as saver:
        agent = create_agent(make_llm(), [look], checkpointer=saver)
        config = {"configurable": {"thread_id": "1"}, "callbacks": [recorder]}
        result = agent.invoke({"messages": [message]}, config)
        stored = [bytes(row[0]) for row in saver.conn.execute("SELECT checkpoint FROM checkpoints")]
        stored += [bytes(row[0]) for row in saver.conn.execute("SELECT value FROM writes")]
    assert result["messages"][-1].content == "It changes."
    assert [request.media[0].size for request in emulator.requests] == [video.stat().st_size] * 5
    assert len(stored) > 10
    assert sum(map(len, stored)) < 100_000
    assert len("".join(recorder.seen)) < 200_000
    assert not BASE64_RUN.search("".join(recorder.seen))
    assert not BASE64_RUN.search(b"".join(stored).decode("latin-1"))


def test_dumps_contain_only_the_reference(video):
    text = dumps([HumanMessage([video_block(video, fps=1)])])
    assert len(text) < 1000
    assert video.as_uri() in text


async def test_a_cache_key_is_small_and_changes_with_the_file(emulator, make_llm, tmp_path):
    cache = InMemoryCache()
    llm = make_llm(cache=cache)
    path = tmp_path / "image.png"
    for name in ("drawing.png", "drawing.png", "photo.jpg"):
        path.write_bytes(media_files.make(name))
        message = HumanMessage([image_block(path), {"type": "text", "text": "?"}])
        llm.invoke([message])
        await llm.ainvoke([message])
    assert len(emulator.requests) == 2
    assert len(cache._cache) == 2
    assert max(len(part) for key in cache._cache for part in key) < 10_000
