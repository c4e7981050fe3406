"""Media of MCP servers for agents: what LangChain's two adapters refuse or do not look at.

Both adapters raise `NotImplementedError` when a tool of an MCP server returns audio, and neither
looks at the bytes of any file. With the package langchain-mcp-adapters (0.3 or newer), pass
`media_interceptor`:

    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mimo.mcp import media_interceptor

    client = MultiServerMCPClient(servers, tool_interceptors=[media_interceptor])
    agent = create_agent(llm, await client.get_tools())

With `langchain.mcp` (`pip install "langchain[mcp]"`, beta), use `media_adapter` in place of
`MCPAdapter`:

    from langchain_mimo.mcp import media_adapter

    async with media_adapter("https://example.com/mcp") as adapter:
        agent = create_agent(llm, await adapter.list_tools())

The two need different versions of the package `mcp`, so a program has one of them. This module
imports neither until it is used.

How it works: audio becomes an embedded resource, the one kind of MCP content that both adapters
write as a block which holds any file (`{"type": "file", "base64": …, "mime_type": "audio/wav"}`).
LangChain keeps such a block in the tool message as it is, where it would write an `audio` or
`video` block as JSON text, and ChatMiMo sends it by its bytes.
"""

from __future__ import annotations

import asyncio
import binascii
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

from langchain_mimo._checks import warn_once
from langchain_mimo.errors import MediaError
from langchain_mimo.media import audio_block, identify, image_block, video_block

__all__ = ["media_adapter", "media_interceptor"]

_BLOCKS: dict[str, Callable[..., dict[str, Any]]] = {
    "image": image_block,
    "video": video_block,
    "audio": audio_block,
}
_WITH_ARTICLE = {"image": "an image", "video": "a video", "audio": "an audio file"}
_GENERIC = ("", "application/octet-stream", "binary/octet-stream")
_SUFFIXES = {
    **dict.fromkeys(("jpg", "jpeg"), "image/jpeg"),
    **{name: f"image/{name}" for name in ("png", "gif", "webp", "bmp")},
    **dict.fromkeys(("mp4", "m4v"), "video/mp4"),
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "wmv": "video/x-ms-wmv",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    **dict.fromkeys(("mkv", "mk3d"), "video/x-matroska"),
    "mka": "audio/x-matroska",
    "webm": "video/webm",
    "flv": "video/x-flv",
    **dict.fromkeys(("mpg", "mpeg"), "video/mpeg"),
    "ogv": "video/ogg",
    **{name: f"image/{name}" for name in ("heic", "heif", "avif", "jp2", "jxl")},
    **dict.fromkeys(("tif", "tiff"), "image/tiff"),
    "svg": "image/svg+xml",
    "ico": "image/x-icon",
    "psd": "image/vnd.adobe.photoshop",
    "aac": "audio/aac",
    "wma": "audio/x-ms-wma",
    **dict.fromkeys(("aif", "aiff"), "audio/aiff"),
    **dict.fromkeys(("mid", "midi"), "audio/midi"),
    "amr": "audio/amr",
}
"""MIME types of links without one, by what follows the last dot of their path."""

_UNREAD: dict[str, str] = {
    **dict.fromkeys(("video/x-matroska", "video/matroska"), "Matroska"),
    **dict.fromkeys(("audio/x-matroska", "audio/matroska"), "Matroska"),
    **dict.fromkeys(("video/webm", "audio/webm"), "WebM"),
    **dict.fromkeys(("video/x-flv", "video/flv"), "Flash video"),
    "video/mpeg": "MPEG program stream",
    "video/mp2t": "MPEG transport stream",
    "video/ogg": "OGG with Theora video",
    **{f"image/hei{end}": "HEIC" for end in ("c", "f", "c-sequence", "f-sequence")},
    "image/avif": "AVIF",
    "image/tiff": "TIFF",
    "image/jp2": "JPEG 2000",
    "image/jxl": "JPEG XL",
    "image/svg+xml": "SVG",
    **dict.fromkeys(("image/x-icon", "image/vnd.microsoft.icon"), "ICO"),
    "image/vnd.adobe.photoshop": "Photoshop",
    **dict.fromkeys(("audio/aac", "audio/x-aac", "audio/aacp"), "raw AAC (ADTS)"),
    **dict.fromkeys(("audio/x-ms-wma", "audio/wma"), "WMA"),
    **dict.fromkeys(("audio/aiff", "audio/x-aiff"), "AIFF"),
    **dict.fromkeys(("audio/midi", "audio/x-midi", "audio/mid"), "MIDI"),
    **dict.fromkeys(("audio/amr", "audio/amr-wb"), "AMR"),
    "audio/basic": "AU",
    "audio/x-caf": "Core Audio (CAF)",
    "audio/ac3": "AC-3",
    "audio/eac3": "E-AC-3",
}
"""Formats that MiMo does not read, by the MIME types of links; other types are left to MiMo."""

_OPENED = re.compile(r"https?://|file:(?://(?:localhost)?)?/(?![/\\])", re.IGNORECASE)
"""The beginning of links that a model opens, or MiMo's servers: files are those of this machine."""

_CONTAINED = re.compile(r"data:([^,;]{0,100})[^,]{0,200};base64,", re.IGNORECASE)

_LONGEST_LINK = 2_000
_URL_SAFE = str.maketrans("-_", "+/")


async def media_interceptor(request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
    """Make the media of an MCP tool's result readable; a `ToolCallInterceptor`.

    For `MultiServerMCPClient` and `load_mcp_tools` of langchain-mcp-adapters, as the last of
    `tool_interceptors`, so that it is the first to see the result.

    - Audio, and files whose bytes are media, become blocks that reach the model, in their order.
      The bytes decide what they are, whatever their MIME type says.
    - Links to media by http or https (by MIME type, or without one by suffix) become references,
      which MiMo's servers fetch. So do `file://` links: nothing is opened here, and the model opens
      them only in its `allowed_media_dirs`, otherwise it raises. Links that contain a file
      (`data:…;base64,`) are read as resources. All other links become text.
    - What cannot be sent (damaged, of a format that MiMo does not read, also behind a link by http
      or https, or with more than 52,428,800 characters of base64, which are 39,321,600 bytes)
      becomes a sentence for the model, and a warning for the program, once per tool.
    - Text, images, documents, structured content and the mark of an error stay as they are.

    Args:
        request: The call: an `MCPToolCallRequest`.
        handler: Runs the call.

    Returns:
        The `CallToolResult` with its media changed; a `ToolMessage` or `Command` of another
        interceptor as it is.

    Raises:
        ImportError: The package mcp is not installed.
    """
    return await _readable(await handler(request), request.name)


def media_adapter(target: Any) -> Any:
    """Create an `MCPAdapter` of `langchain.mcp` whose tools return readable media.

    What becomes of their results is listed at `media_interceptor`.

    Args:
        target: What `MCPAdapter` takes: a URL, the `Path` of a server's program, a server in this
            process, a configuration, a FastMCP client or group of clients; or an `MCPAdapter`. A
            client is copied, not changed.

    Returns:
        An `MCPAdapter` that is not connected yet.

    Raises:
        ImportError: `langchain.mcp` is not installed.
        ValueError: `MCPAdapter` does not take the target.
    """
    adapters = _imported("langchain.mcp", "media_adapter", "langchain[mcp]>=1.5")
    groups = _imported("fastmcp.client.group", "media_adapter", "langchain[mcp]>=1.5")
    given = target if isinstance(target, adapters.MCPAdapter) else adapters.MCPAdapter(target)
    client = given.client
    if isinstance(client, groups.ClientGroup):
        members = {name: _media_client(member) for name, member in client.clients.items()}
        return adapters.MCPAdapter(groups.ClientGroup(members))
    return adapters.MCPAdapter(_media_client(client))


def _imported(module: str, user: str, requirement: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{user} needs {module} ({error}); install it with: pip install "{requirement}"'
        ) from error


def _media_client(client: Any) -> Any:
    copied = client.new()
    copied.transport = _MediaTransport(copied.transport)
    return copied


class _StandIn:
    """Passes everything on to an object, which it stands in for and leaves as it is."""

    def __init__(self, actual: Any) -> None:
        self._actual = actual

    def __getattr__(self, name: str) -> Any:
        return getattr(self._actual, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The object's own, because clients ask with isinstance what they have."""
        return type(self._actual)


class _MediaTransport(_StandIn):
    """A transport of FastMCP whose sessions return readable results.

    `langchain.mcp` calls a tool on the client or on its session, depending on the server's version
    of MCP. Sessions are made by transports; so this is below both. A transport may hand out one
    session again and again, also to clients of others; so sessions are not changed.
    """

    @asynccontextmanager
    async def connect_session(self, **options: Any) -> AsyncIterator[Any]:
        async with self._actual.connect_session(**options) as session:
            yield _MediaSession(session)


class _MediaSession(_StandIn):
    async def call_tool(self, name: str, *arguments: Any, **named: Any) -> Any:
        return await _readable(await self._actual.call_tool(name, *arguments, **named), name)


async def _readable(result: Any, tool: str) -> Any:
    """Return a tool's result with media that adapters and ChatMiMo take; other objects as they are.

    Decoding takes a moment for large files, so that is done in a thread.
    """
    types = _imported("mcp.types", "media_interceptor", "langchain-mcp-adapters>=0.3")
    if not isinstance(result, types.CallToolResult):
        return result
    content, warnings = await asyncio.to_thread(_converted, result.content, types)
    for warning in warnings:
        warn_once(f"MCP tool {tool!r} returned {warning}", f"mcp {tool}")
    return result.model_copy(update={"content": content})


def _converted(content: list[Any], types: Any) -> tuple[list[Any], list[str]]:
    """Return items that adapters and ChatMiMo take, and what was left out of them and why."""
    converted, warnings = [], []
    for item in content:
        try:
            converted.append(_item(item, types))
        except _LeftOutError as error:
            warnings.append(f"{error.what} that cannot be sent to MiMo: {error.reason}")
            # What a program can do about it is no use to the model.
            reason = error.reason.partition("; ")[0]
            text = f"[The tool returned {error.what}, which is left out: {reason}] {error.link}"
            converted.append(types.TextContent(type="text", text=text.rstrip()))
    return converted, warnings


class _LeftOutError(Exception):
    """Media that cannot be sent: what they are, such as "a video (3 bytes)", why, and the link."""

    def __init__(self, what: str, reason: str, link: str = "") -> None:
        super().__init__(reason)
        self.what = what
        self.reason = reason
        self.link = link


def _item(item: Any, types: Any) -> Any:
    """Return an item of MCP content as adapters and ChatMiMo take it.

    Raises:
        _LeftOutError: It is media that cannot be sent.
    """
    if isinstance(item, types.AudioContent):
        return _file(item, item.data, _mime_type(item), "audio", types)
    if isinstance(item, types.ImageContent):
        return _file(item, item.data, _mime_type(item), "image", types)
    if isinstance(item, types.EmbeddedResource):
        resource = item.resource
        blob = getattr(resource, "blob", None)
        return item if blob is None else _file(item, blob, _mime_type(resource), None, types)
    return _link(item, types) if isinstance(item, types.ResourceLink) else item


def _mime_type(item: Any) -> str:
    """Return the MIME type that an item states, without parameters."""
    # mcp 2 and mcp 1
    stated = item.mime_type if hasattr(item, "mime_type") else item.mimeType
    return (stated or "").partition(";")[0].strip().lower()


def _file(item: Any, base64: str, stated: str, kind: str | None, types: Any) -> Any:
    """Return a file as an item of MCP content: media by their bytes, others as they are.

    Args:
        item: The item.
        base64: Its base64.
        stated: Its MIME type, or "".
        kind: What the protocol says that it is; None: whatever its MIME type says.
        types: The types of MCP.

    Raises:
        _LeftOutError: It is, or claims to be, media, and cannot be sent.
    """
    claimed = kind or stated.partition("/")[0]
    try:
        data = _decoded(base64)
    except ValueError as error:
        if claimed not in _BLOCKS:
            return item
        raise _LeftOutError(_WITH_ARTICLE[claimed], f"its base64 is damaged ({error})") from None
    found = identify(data)
    actual = found.kind if found else claimed
    if actual not in _BLOCKS:
        return item
    try:
        block = _BLOCKS[actual](data)
    except MediaError as error:
        if claimed == "text":  # it only begins like media
            return item
        what = f"{_WITH_ARTICLE[actual]} ({len(data):,} bytes)"
        raise _LeftOutError(what, str(error).partition("the given bytes: ")[2]) from None
    mime_type = block["mime_type"]
    is_readable = isinstance(item, types.ImageContent | types.EmbeddedResource)
    if is_readable and (base64, stated) == (block["base64"], mime_type):
        return item
    if actual == "image":
        return types.ImageContent.model_validate(
            {"type": "image", "data": block["base64"], "mimeType": mime_type}
        )
    uri = str(getattr(getattr(item, "resource", None), "uri", "mcp:result"))
    resource = {"uri": uri, "mimeType": mime_type, "blob": block["base64"]}
    return types.EmbeddedResource.model_validate({"type": "resource", "resource": resource})


def _decoded(base64: str) -> bytes:
    """Decode base64, also with line breaks, of the alphabet for URLs, and without its padding.

    Raises:
        ValueError: It is damaged.
    """
    try:
        return binascii.a2b_base64(base64, strict_mode=True)
    except ValueError:
        text = "".join(base64.split()).translate(_URL_SAFE)
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)


def _link(item: Any, types: Any) -> Any:
    """Return a link: with a file in it as that file, to media as a reference, any other as text.

    Raises:
        _LeftOutError: It contains the file, or MiMo would fetch it, and that cannot be sent.
    """
    uri, stated = str(item.uri), _mime_type(item)
    if contained := _CONTAINED.match(uri):
        data = unquote(uri[contained.end() :])
        return _file(item, data, stated or contained[1].lower(), None, types)
    if stated in _GENERIC:
        stated = _SUFFIXES.get(_suffix(uri), stated)
    named = (getattr(item, key, None) for key in ("title", "name", "description"))
    shown_uri = uri if len(uri) <= _LONGEST_LINK else f"{uri[:_LONGEST_LINK]}…"
    details = [*dict.fromkeys(filter(None, named)), shown_uri, stated]
    text = f"[Link: {', '.join(filter(None, details))}]"
    kind = stated.partition("/")[0]
    if kind not in _BLOCKS or not _OPENED.match(uri):
        return types.TextContent(type="text", text=text)
    # The bytes of a local file decide what it is, as soon as the model opens it.
    if stated in _UNREAD and not uri.lower().startswith("file:"):
        reason = f"MiMo does not read {_UNREAD[stated]}; link to a format that it reads"
        raise _LeftOutError(f"a link to {_WITH_ARTICLE[kind]}", reason, text)
    link = {"type": "resource_link", "name": item.name, "uri": uri, "mimeType": stated}
    return types.ResourceLink.model_validate(link)


def _suffix(uri: str) -> str:
    """Return what follows the last dot of a link's path, in lower case, or ""."""
    try:
        return urlsplit(uri).path.rpartition(".")[2].lower()
    except ValueError:  # "https://[…"
        return ""
