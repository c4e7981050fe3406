"""The adapter of the environment, with the server of `media_server` in this process and over stdio."""

import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import media_server
import pytest
import sample_media

from langchain_mimo import _checks
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.mcp import media_adapter, media_interceptor

try:
    from langchain_mcp_adapters.sessions import create_session
    from langchain_mcp_adapters.tools import load_mcp_tools
    from mcp.shared.memory import create_connected_server_and_client_session
except ImportError:
    from fastmcp.client.transports import StdioTransport
    from langchain.mcp import MCPAdapter

    load_mcp_tools = None

PROGRAM = Path(media_server.__file__)
os.environ["NO_PROXY"] = "127.0.0.1"


@pytest.fixture(scope="session", autouse=True)
def folder(tmp_path_factory):
    """A folder with sample media, which the server in this process and its program share."""
    folder = tmp_path_factory.mktemp("media").resolve()
    sample_media.make_image(folder / "image.png")
    sample_media.make_video(folder / "video.mp4")
    sample_media.make_audio(folder / "audio.wav")
    sample_media.make_video(folder / "screen.mkv", seconds=2)
    os.environ["MEDIA_FOLDER"] = str(folder)
    return folder


@pytest.fixture(autouse=True)
def _new_warnings(monkeypatch):
    monkeypatch.setattr(_checks, "_warned", set())


@pytest.fixture
def emulator():
    with MiMoEmulator() as running:
        yield running


@asynccontextmanager
async def _old_adapter(where, *, media):
    options = {"tool_interceptors": [media_interceptor] if media else []}
    stdio = {
        "transport": "stdio",
        "command": sys.executable,
        "args": [str(PROGRAM)],
        "env": dict(os.environ),
    }
    connecting = (
        create_connected_server_and_client_session(media_server.server)
        if where == "in-process"
        else create_session(stdio)
    )
    async with connecting as session:
        await session.initialize()
        yield await load_mcp_tools(session, **options)


@asynccontextmanager
async def _new_adapter(where, *, media):
    stdio = StdioTransport(sys.executable, [str(PROGRAM)], env=dict(os.environ), keep_alive=False)
    target = media_server.server if where == "in-process" else stdio
    adapter = media_adapter(target) if media else MCPAdapter(target)
    async with adapter as connected:
        yield await connected.list_tools()


@pytest.fixture(params=["in-process", "stdio"])
def connect(request):
    """A function that connects to the server; yields its tools by name, with or without our part."""

    @asynccontextmanager
    async def connected(*, media=True):
        adapter = _new_adapter if load_mcp_tools is None else _old_adapter
        async with adapter(request.param, media=media) as tools:
            yield {tool.name: tool for tool in tools}

    return connected
