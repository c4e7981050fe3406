"""A request body that encodes its media while it is read, and can be read again for a retry.

The JSON around the media is written at once by orjson; where a medium stands it leaves a NUL byte,
which no JSON holds (control characters in strings are escaped), and the body is cut there. Base64
is generated between the pieces while the socket takes them, so a file is never whole in memory.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

import httpx2
import orjson

from langchain_mimo._media.opening import MediaPolicy, OpenMedia, open_media
from langchain_mimo._media.references import DeferredMedia, LocalFile, DeferredMimeType
from langchain_mimo.errors import MiMoInputError

T = TypeVar("T")
Leaf: TypeAlias = DeferredMedia | DeferredMimeType

_SLICE = 128 * 1024
"""Characters of base64 generated at once."""

_READERS = 2
"""Threads that read files for event loops, all loops of a process together. Encoding is work for
the processor, so that more would not be faster, and each keeps some memory."""

_HOLE = orjson.Fragment(b'"\0"')
_INT64 = range(-(1 << 63), 1 << 64)
"""Integers that orjson writes itself."""


class RequestBody(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """The bytes of one request, for httpx2 of either kind.

    Making one writes the JSON; `open` opens the media; iterating generates the bytes, as often as
    wanted; `dispose` closes the files. httpx2's own `close` does nothing here, since it is called
    after every attempt.

    Attributes:
        content_length: Bytes of the body, known once it is open.
        blocking: Whether opening reads from a disk, and belongs off an event loop.
    """

    def __init__(self, tree: dict[str, Any], policy: MediaPolicy) -> None:
        """Write the JSON.

        Args:
            tree: JSON tree; leaves may be `DeferredMedia`, and `DeferredMimeType` the same medium.
            policy: What may be opened.

        Raises:
            MiMoInputError: The tree holds something that JSON cannot.
        """
        self._leaves: list[Leaf] = []
        self._policy = policy
        self._open: list[OpenMedia] = []
        json = _write(tree, self._leaves)
        self._pieces = json.split(b"\0") if self._leaves else [json]
        self.content_length = len(json)
        self.blocking = any(isinstance(leaf.reference.source, LocalFile) for leaf in self._leaves)

    def open(self) -> None:
        """Open and check the media, and reckon the length.

        Raises:
            MediaError: A medium may not be opened, or is not what MiMo takes.
        """
        try:
            for leaf in self._leaves:
                if isinstance(leaf, DeferredMedia):
                    self._open.append(open_media(leaf, self._policy))
        except BaseException:
            self.dispose()
            raise
        self._fill_in_types()
        media = sum(len(medium.prefix) + medium.encoded_length for medium in self._open)
        self.content_length = sum(map(len, self._pieces)) + media

    def _fill_in_types(self) -> None:
        """Write MIME types where they stand, which leaves a hole for each medium alone."""
        types = {id(medium.reference): medium.mime_type for medium in self._open}
        pieces = self._pieces[:1]
        for leaf, piece in zip(self._leaves, self._pieces[1:], strict=True):
            if isinstance(leaf, DeferredMimeType):
                pieces[-1] += types[id(leaf.reference)].encode() + piece
            else:
                pieces.append(piece)
        self._pieces = pieces
        self._leaves = [leaf for leaf in self._leaves if isinstance(leaf, DeferredMedia)]

    async def aopen(self) -> None:
        """Do the same, off the event loop where it takes reading from a disk."""
        if self.blocking:
            await _in_reader(self.open)
        else:
            self.open()

    def dispose(self) -> None:
        """Close all files; the body cannot be sent again."""
        while self._open:
            self._open.pop().close()

    def __iter__(self) -> Iterator[bytes]:
        """Generate the body from its beginning."""
        yield self._pieces[0]
        for medium, piece in zip(self._open, self._pieces[1:], strict=True):
            if medium.prefix:
                yield medium.prefix
            yield from medium.slices(_SLICE)
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Generate the body from its beginning, reading files in a thread."""
        yield self._pieces[0]
        for medium, piece in zip(self._open, self._pieces[1:], strict=True):
            if medium.prefix:
                yield medium.prefix
            slices = medium.slices(_SLICE)
            if medium.blocking:
                following = functools.partial(next, slices, None)
                while (part := await _in_reader(following)) is not None:
                    yield part
            else:
                for part in slices:
                    yield part
            yield piece


async def _in_reader(read: Callable[[], T]) -> T:
    """Read in a thread, and do not leave before it is done: the file may be closed right after."""
    reading = asyncio.get_running_loop().run_in_executor(_reader_threads(), read)
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        with suppress(Exception):
            await reading
        raise


@functools.cache
def _reader_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_READERS, thread_name_prefix="langchain-mimo-reader")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reader_threads.cache_clear)


def _write(tree: dict[str, Any], leaves: list[Leaf]) -> bytes:
    """Write JSON with a NUL byte for each medium, and note the media in their order.

    NaN and the infinities, which JSON lacks, become null.
    """

    def hole(leaf: Any) -> Any:
        if isinstance(leaf, DeferredMedia | DeferredMimeType):
            leaves.append(leaf)
            return _HOLE
        raise TypeError(f"{type(leaf).__name__} is not JSON")

    try:
        return orjson.dumps(tree, hole, orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:
        leaves.clear()
    try:
        return orjson.dumps(_repaired(tree), hole, orjson.OPT_PASSTHROUGH_DATACLASS)
    except (TypeError, RecursionError) as error:
        raise MiMoInputError(f"The request cannot be written as JSON: {error}.") from None


def _repaired(value: Any) -> Any:
    """Copy a tree without what orjson refuses: lone surrogates, long integers, odd keys.

    Halves of a surrogate pair that stand together become their character (models that stream
    UTF-16 cut them apart); a half alone becomes U+FFFD.
    """
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_repaired(_key(key)): _repaired(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_repaired(each) for each in value]
    if isinstance(value, int) and value not in _INT64:
        return orjson.Fragment(str(int(value)).encode())
    return value


def _key(key: Any) -> str:
    """Write a dict's key as the standard library's JSON does."""
    match key:
        case str():
            return key
        case True:
            return "true"
        case False:
            return "false"
        case None:
            return "null"
        case int() | float():
            return str(key)
        case _:
            raise MiMoInputError(f"A key of type {type(key).__name__} cannot be written as JSON.")
