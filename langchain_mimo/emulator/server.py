"""`MiMoEmulator`: a local emulator of MiMo's API in a thread of this process."""

# ruff: noqa: PLC0415 - what needs the extra is imported after the check that it is installed

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from langchain_mimo.emulator.conversation.records import Disconnect, RecordedRequest
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.expected import shown
from langchain_mimo.emulator.faults.queue import ArmedFault, FaultQueue, make_fault
from langchain_mimo.emulator.http.connections import ConnectionLog
from langchain_mimo.emulator.http.listener import open_listener
from langchain_mimo.emulator.script import Responder, ResponderError, Script, make_reply
from langchain_mimo.emulator.settings import (
    Settings,
    check_address,
    check_media_root,
    require_extra,
)

ASGIApplication: TypeAlias = Callable[
    [MutableMapping[str, Any], Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]],
    Awaitable[None],
]
"""An application as the ASGI specification defines it."""

DEFAULT_KEY = "sk-emulator"

MAX_BODY_BYTES = 200 * 10**6
"""Default size limit of a request body: room for four media files of the largest size."""

_BACKLOG = 2048
_START_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 75
_SERVER_HEADERS = [(b"server", b"MiFE/3.4.34")]


class MiMoEmulator:
    """A local emulator of MiMo's API, in a thread of this process.

    ```python
    with MiMoEmulator() as emulator:
        model = ChatMiMo(
            model="mimo-v2.6-flash", base_url=emulator.base_url, api_key=emulator.api_key
        )
        model.invoke("Hello")
        assert emulator.requests[0].body["model"] == "mimo-v2.6-flash"
    ```

    Args:
        api_key: The one key to accept; None for `sk-emulator`.
        port: TCP port; 0 for a free one.
        host: Address to listen on; the default is reachable from this machine only.
        as_of: The date to simulate (a date, a datetime or ISO text), which decides which models are
            served; None for today.
        lenient: Accept assistant turns with tool calls that lack their reasoning.
        media_root: Maps URL prefixes to folders; URLs with such a prefix are served from the
            folder's files. Other URLs are not fetched and count as nominal media.
        strict_parameters: Refuse names that are not in MiMo's documentation, to find typing errors;
            MiMo ignores them.
        strict_tool_turns: Refuse tool results without their call, and calls without results; MiMo
            accepts such results.
        anthropic_audio_video: Read audio and video in the Anthropic format, as documented; MiMo
            drops them without an error.
        always_send_usage: End every stream with usage; False sends it only for
            `stream_options.include_usage`, as was measured once.
        processing_every: Every n-th stream begins with the comment `: PROCESSING`, unless it has a
            fault; None for no stream.
        web_search: Whether the search plugin is enabled in the console.
        prefix_cache: Count the repeated start of a prompt as cached.
        keep_bodies: Keep request bodies and media bytes; False keeps sizes and digests only.
        max_recorded: How many of the latest requests `requests` keeps; None for all.
        max_body_bytes: Larger bodies are refused with 413, and with 503 what exceeds two of this
            size held at the same time.
        cors: Allow the pages of all web sites to read responses, as MiMo does.

    Attributes:
        api_key: The key to accept.
        requests: The requests received, in order, including refused ones; a plain list to read and
            clear.
        responder_errors: The errors of the function passed to `respond_with`; also a plain list.

    Raises:
        ImportError: The extra `emulator` is not installed.
        ValueError: A setting is invalid, such as a port above 65535 or a folder that is missing.
    """

    _socket: socket.socket | None = None
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _stopping: asyncio.Event | None = None

    def __init__(
        self,
        api_key: str | None = None,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        as_of: date | str | None = None,
        lenient: bool = False,
        media_root: Mapping[str, str | Path] | None = None,
        strict_parameters: bool = False,
        strict_tool_turns: bool = False,
        anthropic_audio_video: bool = False,
        always_send_usage: bool = True,
        processing_every: int | None = 3,
        web_search: bool = True,
        prefix_cache: bool = True,
        keep_bodies: bool = True,
        max_recorded: int | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        cors: bool = False,
    ) -> None:
        require_extra()
        check_address(host, port)
        check_media_root(media_root)
        from langchain_mimo.emulator.application import Application
        from langchain_mimo.emulator.conversation.usage import PrefixCache
        from langchain_mimo.emulator.media.library import MediaLibrary

        self.api_key = DEFAULT_KEY if api_key is None else api_key
        self.requests: list[RecordedRequest] = []
        self.responder_errors: list[ResponderError] = []
        self._address = host, port
        self._script = Script()
        self._faults = FaultQueue()
        self._connection_log = ConnectionLog()
        self._application = Application(
            Settings(
                api_key=self.api_key,
                as_of=as_of,
                lenient=lenient,
                strict_parameters=strict_parameters,
                strict_tool_turns=strict_tool_turns,
                anthropic_audio_video=anthropic_audio_video,
                always_send_usage=always_send_usage,
                processing_every=processing_every,
                web_search=web_search,
                keep_bodies=keep_bodies,
                max_recorded=max_recorded,
                max_body_bytes=max_body_bytes,
                host=host,
                cors=cors,
            ),
            library=MediaLibrary(media_root),
            cache=PrefixCache(enabled=prefix_cache),
            script=self._script,
            faults=self._faults,
            requests=self.requests,
            responder_errors=self.responder_errors,
        )

    @property
    def application(self) -> ASGIApplication:
        """The ASGI application, for tests without sockets (`httpx2.ASGITransport`)."""
        return self._application

    @property
    def port(self) -> int:
        """The port that the emulator listens on.

        Raises:
            RuntimeError: The emulator is not running.
        """
        if self._socket is None:
            raise RuntimeError(
                "the emulator is not running; use it in a with statement or call start()"
            )
        return int(self._socket.getsockname()[1])

    @property
    def root_url(self) -> str:
        """Scheme, host and port, without a path."""
        host, _ = self._address
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """The `base_url` for a client; ends in `/v1`."""
        return f"{self.root_url}/v1"

    @property
    def connections(self) -> int:
        """TCP connections accepted so far."""
        return self._connection_log.accepted

    @property
    def open_connections(self) -> int:
        """TCP connections that are open now."""
        return self._connection_log.open

    @property
    def disconnects(self) -> list[Disconnect]:
        """The clients that disconnected before their response was complete, in order."""
        return list(self._connection_log.disconnects)

    def wait_for_disconnects(self, count: int = 1, timeout: float = 5.0) -> list[Disconnect]:
        """Wait until `count` clients have disconnected.

        Args:
            count: Number of clients, counted since the emulator was constructed.
            timeout: Longest time to wait, in seconds.

        Returns:
            The disconnects so far; fewer than `count` after a timeout.
        """
        return self._connection_log.wait_for(count, timeout)

    def reply(self, content: str | Reply = "", **fields: Any) -> None:
        """Queue a scripted reply for the next request that is not refused.

        Args:
            content: The text of the answer, or a `Reply`.
            **fields: The other fields of `Reply`: reasoning, tool_calls, finish_reason, usage,
                annotations, status, body, events, pieces, delay, pause …

        Raises:
            TypeError: `content` is a `Reply` and there are fields too, or a field does not exist.
            ValueError: A field has an invalid value.
        """
        self._script.add(make_reply(content, fields))

    @property
    def pending_replies(self) -> list[Reply]:
        """The queued replies that no request has used yet, in order."""
        return self._script.waiting()

    def respond_with(self, responder: Responder | None) -> None:
        """Set the function that answers when no reply is queued; None removes it.

        Args:
            responder: Gets the recorded request; returns a `Reply`, a string, or None for the
                emulator's own answer. It runs in a thread of the emulator. If it fails or returns
                anything else, the request is answered with status 500, and a `ResponderError` is
                added to `responder_errors` and raised at the end of the `with` block.

        Raises:
            TypeError: `responder` is not callable, or is an async function.
        """
        if responder is not None and not callable(responder):
            raise TypeError(f"responder must be a function or None, got {shown(responder)}")
        if inspect.iscoroutinefunction(responder):
            raise TypeError("responder must be a regular function, got an async function")
        self._script.responder = responder

    def fault(
        self,
        name: str,
        times: int | None = 1,
        *,
        skip: int = 0,
        every: int = 1,
        **parameters: Any,
    ) -> None:
        """Inject a fault into the next requests.

        Faults are queued; a request triggers the first one that is due.

        Args:
            name: A key of `langchain_mimo.emulator.FAULTS`, which describes each fault.
            times: How often the fault is triggered; None for always, until `clear_faults`.
            skip: Requests to let through first.
            every: Trigger the fault only on every n-th request after those.
            **parameters: The parameters of this fault.

        Raises:
            ValueError: The fault or a parameter does not exist, or a value is invalid.
        """
        self.arm(make_fault(name, times=times, skip=skip, every=every, **parameters))

    def arm(self, fault: ArmedFault) -> None:
        """Queue a fault that was built elsewhere, for example by the command line."""
        self._faults.arm(fault)

    def clear_faults(self) -> None:
        """Remove all queued faults."""
        self._faults.clear()

    def reset(self) -> None:
        """Remove replies, the responder and its errors, faults and recorded requests."""
        self.responder_errors.clear()
        self._script.clear()
        self._faults.clear()
        self.requests.clear()

    def start(self) -> Self:
        """Start listening, and return when requests are served.

        Raises:
            RuntimeError: The emulator is already running, or did not start in time.
            OSError: The port is in use, or the host is not an address of this machine; the message
                names both.
        """
        if self._thread is not None:
            raise RuntimeError("the emulator is already running")
        self._socket = listener = open_listener(*self._address)
        ready = threading.Event()
        self.responder_errors.clear()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, ready)),
            name="mimo-emulator",
            daemon=True,
        )
        self._thread.start()
        if not ready.wait(_START_SECONDS):
            raise RuntimeError(f"the emulator did not start within {_START_SECONDS:g} seconds")
        return self

    def stop(self) -> None:
        """Close all connections and stop listening; does nothing if the emulator is not running."""
        thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None or loop is None or stopping is None:
            return
        loop.call_soon_threadsafe(stopping.set)
        thread.join(_START_SECONDS)
        self._thread = self._loop = self._stopping = self._socket = None

    def __enter__(self) -> Self:
        """Start the emulator."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the emulator.

        Raises:
            ResponderError: The responder failed. If the block ends with another error, that error
                gets the message as a note instead.
        """
        self.stop()
        if not self.responder_errors:
            return
        if error is None:
            raise self.responder_errors[0]
        error.add_note(str(self.responder_errors[0]))

    async def _serve(self, listener_socket: socket.socket, ready: threading.Event) -> None:
        import uvicorn
        from uvicorn.server import ServerState

        from langchain_mimo.emulator.http.protocol import WatchedProtocol

        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        state = ServerState()
        state.default_headers = list(_SERVER_HEADERS)
        config = uvicorn.Config(
            self._application,
            http=WatchedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        config.load()
        listener = await self._loop.create_server(
            lambda: WatchedProtocol(
                config=config, server_state=state, app_state={}, connection_log=self._connection_log
            ),
            sock=listener_socket,
            backlog=_BACKLOG,
        )
        ready.set()
        await self._stopping.wait()
        listener.close()
        for protocol in list(state.connections):
            transport = getattr(protocol, "transport", None)
            if transport is not None:
                transport.abort()
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
