"""Imports what a call needs, once, so that a fork never happens in the middle of it.

Python locks a module while it imports it, and a process that is forked meanwhile inherits the lock:
its first call would wait for ever. So the imports happen under a lock that a fork waits for.
"""

from __future__ import annotations

import asyncio
from importlib import import_module

from langchain_mimo._forks import fork_lock

_SYNC = (
    "langchain_mimo._chat.responses",
    "langchain_mimo._chat.image_mime_types",
    "langchain_mimo._transport.transport",
    "langchain_mimo._transport.pooled_transport",
    "langchain_mimo.cost.prices",
    # What langchain-core imports with its own first call, after it has asked for the input.
    "langchain_core.messages.block_translators.langchain_v0",
    "langchain_core.tracers.context",
    "langchain_core.tracers.langchain",
    "langchain_core.tracers.run_collector",
    "langchain_core.tracers.stdout",
)
_ASYNC = ("anyio._backends._asyncio",)

_loaded: set[str] = set()


def load() -> None:
    """Import what calls need: in an event loop also what only async calls need."""
    is_async = asyncio._get_running_loop() is not None  # noqa: SLF001 - documented for libraries
    names = _SYNC + _ASYNC if is_async else _SYNC
    if _loaded.issuperset(names):
        return
    with fork_lock:
        for name in names:
            import_module(name)
        _loaded.update(names)
