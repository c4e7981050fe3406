"""An agent in a process of its own: rounds of tools on a SQLite checkpoint, killed halfway.

`test_conversations_agents.py` runs it twice: python ten_rounds.py ADDRESS KEY FOLDER FORMAT WAY. The
first process kills itself inside a tool, the second one finds the checkpoint and goes on. What it saw is
printed as JSON.
"""

import asyncio
import base64
import json
import os
import pathlib
import signal
import sys
import warnings

from langchain.agents import create_agent
from langchain_core._api import LangChainBetaWarning
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from langchain_mimo.chat_models import ChatMiMo

warnings.simplefilter("ignore", LangChainBetaWarning)

DEADLY_ROUND = 5
QUESTION = {"messages": [{"role": "user", "content": "Measure ten places, add, and look."}]}
ADDRESS, KEY, FOLDER, API_FORMAT, WAY = sys.argv[1:]
FOLDER = pathlib.Path(FOLDER)


@tool
def measure(place: int) -> str:
    """Measure a place."""
    killed = FOLDER / "killed"
    if place == DEADLY_ROUND and not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{place} m"


@tool
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


@tool
def photograph(place: int) -> list[dict]:
    """Take a picture of a place."""
    image = base64.b64encode((FOLDER / "picture.png").read_bytes()).decode()
    return [
        {"type": "text", "text": f"The view from place {place}:"},
        {"type": "image", "base64": image, "mime_type": "image/png"},
    ]


def make_agent(saver):
    model = ChatMiMo(
        model="mimo-v2.6-pro",
        api_key=KEY,
        base_url=ADDRESS,
        api_format=API_FORMAT,
        thinking=True,
    )
    return create_agent(model, [measure, add, photograph], checkpointer=saver)


def chunk_of(part):
    """The thoughts in one part of a stream of messages and updates."""
    mode, piece = part
    if mode != "messages" or not isinstance(piece[0], AIMessageChunk):
        return ""
    blocks = piece[0].content_blocks
    return "".join(b["reasoning"] for b in blocks if b["type"] == "reasoning")


def sync_run(config, begin):
    with SqliteSaver.from_conn_string(str(FOLDER / "state.sqlite")) as saver:
        agent = make_agent(saver)
        streamed = []
        match WAY:
            case "invoke":
                agent.invoke(begin, config, durability="sync")
            case "stream":
                modes = ["messages", "updates"]
                parts = agent.stream(begin, config, stream_mode=modes, durability="sync")
                streamed = [chunk_of(part) for part in parts]
            case "events":
                run = agent.stream_events(begin, config, version="v3", durability="sync")
                for message in run.messages:
                    streamed += list(message.reasoning)
                assert run.output["messages"]
        return agent.get_state(config).values["messages"], streamed


async def async_run(config, begin):
    async with AsyncSqliteSaver.from_conn_string(str(FOLDER / "state.sqlite")) as saver:
        agent = make_agent(saver)
        streamed = []
        match WAY:
            case "ainvoke":
                await agent.ainvoke(begin, config, durability="sync")
            case "astream":
                modes = ["messages", "updates"]
                parts = agent.astream(begin, config, stream_mode=modes, durability="sync")
                streamed = [chunk_of(part) async for part in parts]
            case "aevents":
                run = await agent.astream_events(begin, config, version="v3", durability="sync")
                async for message in run.messages:
                    streamed += [piece async for piece in message.reasoning]
                assert (await run.output())["messages"]
        return (await agent.aget_state(config)).values["messages"], streamed


def main():
    config = {"configurable": {"thread_id": "1"}, "recursion_limit": 100}
    begin = None if (FOLDER / "killed").exists() else QUESTION
    if WAY.startswith("a"):
        messages, streamed = asyncio.run(async_run(config, begin))
    else:
        messages, streamed = sync_run(config, begin)
    answers = [message for message in messages if isinstance(message, AIMessage)]
    saw = {
        "thoughts": [message.additional_kwargs["reasoning_content"] for message in answers],
        "calls": [len(message.tool_calls) for message in answers],
        "streamed": "".join(streamed),
        "answer": answers[-1].text,
        "messages": len(messages),
    }
    print(json.dumps(saw))


main()
