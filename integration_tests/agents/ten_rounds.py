"""An agent in a separate process: rounds of tool calls on a SQLite checkpoint, killed halfway.

`test_conversations_agents.py` runs it twice: python ten_rounds.py URL KEY FOLDER FORMAT METHOD. The
first process kills itself inside a tool; the second finds the checkpoint, continues, and prints
the final conversation as JSON.
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

FATAL_ROUND = 5
START = {"messages": [{"role": "user", "content": "Measure ten places, add, and look."}]}
BASE_URL, KEY, FOLDER, API_FORMAT, METHOD = sys.argv[1:]
FOLDER = pathlib.Path(FOLDER)


@tool
def measure(place: int) -> str:
    """Measure a place."""
    killed = FOLDER / "killed"
    if place == FATAL_ROUND and not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{place} m"


@tool
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


@tool
def photograph(place: int) -> list[dict]:
    """Photograph a place."""
    image = base64.b64encode((FOLDER / "image.png").read_bytes()).decode()
    return [
        {"type": "text", "text": f"The view from place {place}:"},
        {"type": "image", "base64": image, "mime_type": "image/png"},
    ]


def make_agent(saver):
    model = ChatMiMo(
        model="mimo-v2.6-pro",
        api_key=KEY,
        base_url=BASE_URL,
        api_format=API_FORMAT,
        thinking=True,
    )
    return create_agent(model, [measure, add, photograph], checkpointer=saver)


def reasoning_of(part):
    """Return the reasoning in one part of a stream of messages and updates."""
    mode, piece = part
    if mode != "messages" or not isinstance(piece[0], AIMessageChunk):
        return ""
    blocks = piece[0].content_blocks
    return "".join(block["reasoning"] for block in blocks if block["type"] == "reasoning")


def sync_run(config, state):
    with SqliteSaver.from_conn_string(str(FOLDER / "state.sqlite")) as saver:
        agent = make_agent(saver)
        streamed = []
        match METHOD:
            case "invoke":
                agent.invoke(state, config, durability="sync")
            case "stream":
                modes = ["messages", "updates"]
                parts = agent.stream(state, config, stream_mode=modes, durability="sync")
                streamed = [reasoning_of(part) for part in parts]
            case "events":
                run = agent.stream_events(state, config, version="v3", durability="sync")
                for message in run.messages:
                    streamed += list(message.reasoning)
                assert run.output["messages"]
        return agent.get_state(config).values["messages"], streamed


async def async_run(config, state):
    async with AsyncSqliteSaver.from_conn_string(str(FOLDER / "state.sqlite")) as saver:
        agent = make_agent(saver)
        streamed = []
        match METHOD:
            case "ainvoke":
                await agent.ainvoke(state, config, durability="sync")
            case "astream":
                modes = ["messages", "updates"]
                parts = agent.astream(state, config, stream_mode=modes, durability="sync")
                streamed = [reasoning_of(part) async for part in parts]
            case "aevents":
                run = await agent.astream_events(state, config, version="v3", durability="sync")
                async for message in run.messages:
                    streamed += [piece async for piece in message.reasoning]
                assert (await run.output())["messages"]
        return (await agent.aget_state(config)).values["messages"], streamed


def main():
    config = {"configurable": {"thread_id": "1"}, "recursion_limit": 100}
    state = None if (FOLDER / "killed").exists() else START
    if METHOD.startswith("a"):
        messages, streamed = asyncio.run(async_run(config, state))
    else:
        messages, streamed = sync_run(config, state)
    answers = [message for message in messages if isinstance(message, AIMessage)]
    output = {
        "reasoning": [message.additional_kwargs["reasoning_content"] for message in answers],
        "calls": [len(message.tool_calls) for message in answers],
        "streamed": "".join(streamed),
        "answer": answers[-1].text,
        "messages": len(messages),
    }
    print(json.dumps(output))


main()
