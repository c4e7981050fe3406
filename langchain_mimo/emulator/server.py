"""`MiMoEmulator`: MiMo's API on this machine."""

# ruff: noqa: PLC0415 - what needs the extra is imported when an emulator is made, which can say so

from __future__ import annotations

import asyncio
import errno
import inspect
import socket
import threading
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from langchain_mimo.emulator.conversation.records import Disconnect, RecordedRequest
from langchain_mimo.emulator.conversation.reply import Reply
from langchain_mimo.emulator.expected import shown
from langchain_mimo.emulator.faults.table import ArmedFault, FaultQueue, make_fault
from langchain_mimo.emulator.http.connections import ConnectionLog
from langchain_mimo.emulator.script import Responder, ResponderError, Script, make_reply
from langchain_mimo.emulator.settings import (
    Settings,
    check_address,
    check_media_root,
    require_extra,
)

if TYPE_CHECKING:
    from langchain_mimo.emulator.application import Application

DEFAULT_KEY = "sk-emulator"

MAX_BODY_BYTES = 400 * 10**6
"""A body of several media at their limit; a larger one is answered 413."""

_BACKLOG = 2048
_START_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 75
_SERVER_HEADERS = [(b"server", b"MiFE/3.4.34")]


class MiMoEmulator:
    """A strict MiMo API on this machine, in a thread of this process.

    ```python
    with MiMoEmulator() as emulator:
        model = ChatMiMo(
            model="mimo-v2.6-flash", base_url=emulator.base_url, api_key=emulator.api_key
        )
        model.invoke("Hello")
        assert emulator.requests[0].body["model"] == "mimo-v2.6-flash"
    ```

    Args:
        api_key: The one key it takes; None for `sk-emulator`.
        port: TCP port; 0 for a free one.
        host: Address to listen on; only this machine reaches the default.
        as_of: The day it pretends (a date, a datetime, ISO text), which decides the models that
            serve; None for today.
        lenient: Take assistant turns with tool calls that come without their thoughts.
        media_root: From URL prefix to folder: such addresses are served from the folder's files.
            Others are not fetched and count as nominal media.
        strict_parameters: Refuse names that MiMo's documentation does not know.
        strict_tool_turns: Refuse tool results without their call, and calls without results; what
            MiMo does with them is not known.
        always_send_usage: End every stream with usage, as MiMo's samples do; False sends it only
            when `stream_options.include_usage` asks for it, as one measurement has it.
        web_search: Whether the search plugin is switched on in the console.
        prefix_cache: Bill the repeated beginning of a prompt as cached.
        keep_bodies: Keep bodies and media bytes of requests; False keeps sizes and digests only.
        max_recorded: Requests kept in `requests`, the latest; None for all.
        max_body_bytes: Larger bodies are refused with 413.

    Attributes:
        api_key: The key it takes.
        requests: What arrived, in order, refused requests included; a plain list to read and clear.
        responder_errors: What the function given to `respond_with` did wrong, likewise.

    Raises:
        ImportError: The extra is not installed.
        ValueError: A switch that cannot be: a port beyond 65535, a folder that does not exist …
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        as_of: date | str | None = None,
        lenient: bool = False,
        media_root: Mapping[str, str | Path] | None = None,
        strict_parameters: bool = True,
        strict_tool_turns: bool = False,
        always_send_usage: bool = True,
        web_search: bool = True,
        prefix_cache: bool = True,
        keep_bodies: bool = True,
        max_recorded: int | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
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
        self._host = host
        self._wanted_port = port
        self._script = Script()
        self._faults = FaultQueue()
        self._connection_log = ConnectionLog()
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._application = Application(
            Settings(
                api_key=self.api_key,
                as_of=as_of,
                lenient=lenient,
                strict_parameters=strict_parameters,
                strict_tool_turns=strict_tool_turns,
                always_send_usage=always_send_usage,
                web_search=web_search,
                keep_bodies=keep_bodies,
                max_recorded=max_recorded,
                max_body_bytes=max_body_bytes,
            ),
            library=MediaLibrary(media_root),
            cache=PrefixCache(enabled=prefix_cache),
            script=self._script,
            faults=self._faults,
            requests=self.requests,
            mistakes=self.responder_errors,
        )

    @property
    def application(self) -> Application:
        """The ASGI application itself, for tests without sockets (`httpx2.ASGITransport`)."""
        return self._application

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises:
            RuntimeError: It was not started.
        """
        if self._socket is None:
            raise RuntimeError(
                "The emulator is not running; use it in a with statement or start()."
            )
        return int(self._socket.getsockname()[1])

    @property
    def root_url(self) -> str:
        """Scheme, host and port, without a path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """What a client takes as `base_url`; ends in `/v1`."""
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
        """Clients that hung up before their answer was whole, in order."""
        return list(self._connection_log.disconnects)

    def wait_for_disconnects(self, count: int = 1, timeout: float = 5.0) -> list[Disconnect]:
        """Wait until so many clients hung up in all.

        Args:
            count: Clients, counted from the start of the emulator.
            timeout: Seconds at most.

        Returns:
            Those that did; fewer than `count` when the time was over.
        """
        return self._connection_log.wait_for(count, timeout)

    def reply(self, content: str | Reply = "", **fields: Any) -> None:
        """Queue a scripted reply for the next request that is not refused.

        Args:
            content: The answer's text, or a whole `Reply`.
            **fields: The other fields of `Reply`: reasoning, tool_calls, finish_reason, usage,
                annotations, status, body, events, pieces, delay, pause …

        Raises:
            TypeError: Fields beside a whole `Reply`, or a field that it does not have.
            ValueError: A value that its field does not take.
        """
        self._script.add(make_reply(content, fields))

    @property
    def pending_replies(self) -> list[Reply]:
        """Queued replies that no request took yet, in order; empty when all were heard."""
        return self._script.waiting()

    def respond_with(self, responder: Responder | None) -> None:
        """Ask a function for every reply that is not queued; None takes it away.

        Args:
            responder: Gets the recorded request; returns a `Reply`, a text, or None for the
                emulator's own answer. It runs in a thread of the emulator. When it fails, or
                returns anything else, the request is answered with 500 and `responder_errors` gets
                a `ResponderError`, which the end of the `with` block raises.

        Raises:
            TypeError: It cannot be called, or it is an async function.
        """
        if responder is not None and not callable(responder):
            raise TypeError(f"The responder is {shown(responder)}; it must be a function or None.")
        if inspect.iscoroutinefunction(responder):
            raise TypeError("The responder is an async function; it must be an ordinary one.")
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
        """Let something go wrong with the next requests.

        Faults wait in the order they were given; a request meets the first that is due.

        Args:
            name: One of `langchain_mimo.emulator.FAULTS`, which tells what each does.
            times: How often it strikes; None for always, until `clear_faults`.
            skip: Requests to let through first.
            every: Strike only every so many-th request after those.
            **parameters: The fault's own.

        Raises:
            ValueError: No such fault, a parameter that it does not have, or a value that the
                parameter does not take.
        """
        self.arm(make_fault(name, times=times, skip=skip, every=every, **parameters))

    def arm(self, fault: ArmedFault) -> None:
        """Let a fault wait that was made elsewhere, as by the command line."""
        self._faults.arm(fault)

    def clear_faults(self) -> None:
        """Forget the faults that wait."""
        self._faults.clear()

    def reset(self) -> None:
        """Forget replies, responder and its errors, faults and recorded requests."""
        self.responder_errors.clear()
        self._script.clear()
        self._faults.clear()
        self.requests.clear()

    def start(self) -> Self:
        """Listen, and return when requests are served.

        Raises:
            RuntimeError: It runs already.
            OSError: The port is taken, or the host is not this machine's; the message names both.
        """
        if self._thread is not None:
            raise RuntimeError("The emulator is running already.")
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # Named as TCP, or asyncio does not switch Nagle's delay off: 40 ms for each answer.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._wanted_port))
        except (OSError, UnicodeError) as error:  # the latter for names that cannot be looked up
            listener.close()
            code = error.errno if isinstance(error, OSError) else errno.EADDRNOTAVAIL
            why = error.strerror if isinstance(error, OSError) else "it is no name of a host"
            said = f"{self._host}:{self._wanted_port} cannot be listened on: {why}"
            raise OSError(code, said) from None
        self._socket = listener
        self._ready.clear()
        self.responder_errors.clear()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener)), name="mimo-emulator", daemon=True
        )
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise RuntimeError("The emulator did not start.")
        return self

    def stop(self) -> None:
        """Cut all connections and stop listening; nothing happens when it is not running."""
        thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None or loop is None or stopping is None:
            return
        loop.call_soon_threadsafe(stopping.set)
        thread.join(_START_SECONDS)
        self._thread = self._loop = self._stopping = self._socket = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop.

        Raises:
            ResponderError: The responder made a mistake; an error that ends the block gets it as a
                note instead.
        """
        self.stop()
        if not self.responder_errors:
            return
        if error is None:
            raise self.responder_errors[0]
        error.add_note(str(self.responder_errors[0]))

    async def _serve(self, listener_socket: socket.socket) -> None:
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
        self._ready.set()
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
