"""What `media_adapter` takes: whatever `MCPAdapter` takes, which it leaves as it is."""

import base64
import os
import sys

import media_server
import pytest

pytest.importorskip("langchain.mcp", reason="langchain.mcp is in the other environment")
pytest.importorskip("fastmcp")

from fastmcp import Client, Context, FastMCP
from fastmcp.client.group import ClientGroup
from fastmcp.client.transports import StdioTransport
from langchain.agents import create_agent
from langchain.mcp import MCPAdapter
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from mcp import types

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.mcp import media_adapter
from langchain_mimo.media import identify

STDIO = {
    "command": sys.executable,
    "args": [media_server.__file__],
}


def targets():
    return {
        "server": lambda: media_server.server,
        "client": lambda: Client(media_server.server),
        "legacy client": lambda: Client(media_server.server, mode="legacy"),
        "adapter": lambda: MCPAdapter(media_server.server),
        "config": lambda: {"mcpServers": {"one": STDIO | {"env": dict(os.environ)}}},
        "two servers": lambda: {
            "mcpServers": {name: STDIO | {"env": dict(os.environ)} for name in ("one", "two")}
        },
        "group": lambda: ClientGroup(
            {"one": Client(media_server.server), "two": Client(media_server.server)}
        ),
    }


@pytest.mark.parametrize("name", targets())
async def test_targets(name, folder):
    async with media_adapter(targets()[name]()) as adapter:
        assert isinstance(adapter, MCPAdapter)
        fetching = [each for each in await adapter.list_tools() if each.name.endswith("fetch")]
        assert len(fetching) == (2 if name in ("two servers", "group") else 1)
        for each in fetching:
            call = {"type": "tool_call", "id": "1", "name": each.name, "args": {"kind": "audio"}}
            (block,) = (await each.ainvoke(call)).content
            assert (block["type"], block["mime_type"]) == ("file", "audio/wav")
            assert base64.b64decode(block["base64"]) == (folder / "audio.wav").read_bytes()


async def test_the_client_that_is_given_stays_as_it_is():
    client = Client(media_server.server)
    media_adapter(client)
    async with client:
        result = await client.call_tool("fetch", {"kind": "audio"})
    assert result.content[0].type == "audio"


async def test_a_server_that_is_kept_alive_is_not_wrapped_again_with_each_call(monkeypatch):
    converted = []

    def counting(data):
        converted.append(len(data))
        return identify(data)

    monkeypatch.setattr("langchain_mimo.mcp.identify", counting)
    # Unless it is told otherwise, it has one session for all clients.
    transport = StdioTransport(sys.executable, STDIO["args"], env=dict(os.environ))
    client = Client(transport)
    try:
        (fetch,) = (t for t in await media_adapter(client).list_tools() if t.name == "fetch")
        call = {"type": "tool_call", "id": "1", "name": "fetch", "args": {"kind": "audio"}}
        for calls in range(1, 4):
            assert (await fetch.ainvoke(call)).content[0]["mime_type"] == "audio/wav"
            assert len(converted) == calls
        async with client:
            result = await client.call_tool("fetch", {"kind": "audio"})
        assert (result.content[0].type, len(converted)) == ("audio", 3)
    finally:
        await transport.disconnect()


@pytest.mark.parametrize("target", ["media_server.py", "file:///tmp/server.py"])
def test_a_string_never_starts_a_program(target):
    with pytest.raises(ValueError, match=r"^MCP target"):
        media_adapter(target)


async def test_a_server_may_still_ask_back(emulator, folder):
    asking = FastMCP("asking")
    schema = {"type": "object", "properties": {"value": {"type": "boolean"}}}
    params = types.ElicitRequestFormParams(message="May I?", requested_schema=schema)

    @asking.tool()
    async def record(ctx: Context):
        if not ctx.input_responses:
            question = types.ElicitRequest(params=params)
            return types.InputRequiredResult(input_requests={"may": question})
        assert ctx.input_responses["may"].content == {"value": True}
        return media_server.CONTENT["audio"]()

    async with media_adapter(asking) as adapter:
        llm = ChatMiMo(
            model="mimo-v2.6-flash", base_url=emulator.base_url, api_key=emulator.api_key
        )
        agent = create_agent(llm, await adapter.list_tools(), checkpointer=InMemorySaver())
        emulator.reply(
            "", reasoning="Record.", tool_calls=[{"name": "record", "args": {}, "id": "call_1"}]
        )
        config = {"configurable": {"thread_id": "1"}}
        state = await agent.ainvoke({"messages": [("user", "Record it.")]}, config)
        (interrupt,) = state["__interrupt__"]
        keys = [request["key"] for request in interrupt.value["requests"]]
        accepted = {"action": "accept", "content": {"value": True}}
        resume = Command(resume={"responses": dict.fromkeys(keys, accepted)})
        await agent.ainvoke(resume, config)
    (medium,) = emulator.requests[-1].media
    assert medium.data == (folder / "audio.wav").read_bytes()
