"""An MCP server whose tools return media of every kind; runs on mcp 1 and on fastmcp 4.

Its files are in the folder that the environment variable MEDIA_FOLDER names. To run it over stdio:
python mcp_tests/media_server.py
"""

import base64
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mcp import types

try:
    from fastmcp import FastMCP
    from fastmcp.tools import ToolResult
except ImportError:
    from mcp.server.fastmcp import FastMCP

    ToolResult = None

server = FastMCP("media")
OVERSIZED_BYTES = 50_000_001


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_of(name: str) -> str:
    return encoded(folder().joinpath(name).read_bytes())


def folder() -> Path:
    return Path(os.environ["MEDIA_FOLDER"])


def text(words: str) -> types.TextContent:
    return types.TextContent(type="text", text=words)


def audio(data: str, mime_type: str = "audio/wav") -> Any:
    content = {"type": "audio", "data": data, "mimeType": mime_type}
    return types.AudioContent.model_validate(content)


def image(data: str, mime_type: str = "image/png") -> Any:
    content = {"type": "image", "data": data, "mimeType": mime_type}
    return types.ImageContent.model_validate(content)


def resource(uri: str, data: str, mime_type: str | None) -> Any:
    inner = {"uri": uri, "blob": data, "mimeType": mime_type}
    return types.EmbeddedResource.model_validate({"type": "resource", "resource": inner})


def link(uri: str, mime_type: str | None = None, **names: str) -> Any:
    content = {"type": "resource_link", "name": "link", "uri": uri, "mimeType": mime_type, **names}
    return types.ResourceLink.model_validate(content)


def url_safe(data: str) -> str:
    """Base64 as mcp 1.0 and 1.1 wrote it, in lines, without padding."""
    text = data.translate(str.maketrans("+/", "-_")).rstrip("=")
    return "\n".join(text[at : at + 76] for at in range(0, len(text), 76))


def oversized() -> str:
    """A valid video of `OVERSIZED_BYTES`: the bytes behind its end are a box that is free."""
    whole = folder().joinpath("video.mp4").read_bytes()
    box = (OVERSIZED_BYTES - len(whole)).to_bytes(4, "big") + b"free"
    return encoded(whole + box + bytes(OVERSIZED_BYTES - len(whole) - len(box)))


CONTENT = {
    "audio": lambda: [audio(data_of("audio.wav"))],
    "video": lambda: [resource("camera://gate/video", data_of("video.mp4"), "video/mp4")],
    "image": lambda: [image(data_of("image.png"))],
    "mixed": lambda: [
        text("First the image."),
        image(data_of("image.png")),
        text("Then the audio."),
        audio(data_of("audio.wav")),
        resource("notes://1", encoded(b"Some notes."), "text/plain"),
        resource("camera://gate/video", data_of("video.mp4"), "video/mp4"),
    ],
    "mislabelled": lambda: [
        audio(data_of("video.mp4"), "audio/mpeg"),
        image(data_of("audio.wav"), "image/gif"),
        resource("file://x", data_of("image.png"), "application/octet-stream"),
    ],
    "url-safe": lambda: [audio(url_safe(data_of("audio.wav")))],
    "damaged": lambda: [
        text("Listen:"),
        audio("UklGR!!!"),
        audio(""),
        audio(encoded(b"no audio at all")),
        resource("x://cut.mp4", data_of("video.mp4")[:400], "video/mp4"),
        image(encoded(b"\x89PNG\r\n\x1a\nnothing")),
        resource("x://screen.mkv", data_of("screen.mkv"), None),
    ],
    "oversized": lambda: [resource("x://long.mp4", oversized(), "video/mp4")],
    "links": lambda: [
        link("https://example.com/a.mp4", "video/mp4"),
        link("https://example.com/b.MP3?token=1"),
        link("https://example.com/c.png", "application/octet-stream"),
        link((folder() / "video.mp4").as_uri()),
        link("https://example.com/page.html", "text/html", title="A page"),
        link("camera://gate/live.mp4", "video/mp4", description="Live"),
        link("file://server/share/a.mp4"),
        link(f"data:audio/wav;base64,{data_of('audio.wav')}"),
        link(f"data:,{'x' * 3_000}", "audio/wav"),
    ],
    "unread links": lambda: [
        link("https://example.com/a.mkv?token=1", "video/x-matroska", title="Gate"),
        link("https://example.com/b", "Audio/AAC; rate=8000"),
        link("https://example.com/c.HEIC#top"),
        link("https://example.com/d.webm", "application/octet-stream"),
        link("https://example.com/e", "image/svg+xml"),
    ],
    "doubtful links": lambda: [
        link("https://example.com/a.mkv", "video/mp4"),
        link("https://example.com/b", "video/x-unheard-of"),
        link((folder() / "screen.mkv").as_uri(), "video/x-matroska"),
        link("https://example.com/d.ts"),
        link("https://example.mov"),
    ],
    "links with files": lambda: [
        link(f"data:audio/wav;base64,{quote(data_of('audio.wav'), safe='')}"),
        link(f"data:;base64,{data_of('image.png')}"),
        link(f"data:text/plain;base64,{encoded(b'Some notes.')}"),
    ],
    "text like audio": lambda: [
        resource("x://notes", encoded(b"ID3 tags, explained"), "text/plain")
    ],
    "error": lambda: [text("The microphone is muted."), audio(data_of("audio.wav"))],
}
"""The content that tools return, by the argument of a call."""


@server.tool()
def fetch(kind: str):
    """Fetch media of a kind."""
    return CONTENT[kind]()


@server.tool()
def failing(kind: str):
    """Fail, and say so with media."""
    content = CONTENT[kind]()
    if ToolResult is not None:
        return ToolResult(content=content, is_error=True)
    return types.CallToolResult(content=content, isError=True)


@server.tool()
def measure(kind: str):
    """Return audio and numbers about it."""
    content, numbers = CONTENT[kind](), {"loudness": -11.5}
    if ToolResult is not None:
        return ToolResult(content=content, structured_content=numbers)
    return types.CallToolResult(content=content, structuredContent=numbers)


if __name__ == "__main__":
    server.run()
