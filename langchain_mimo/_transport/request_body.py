"""A request body that encodes its media while it is sent, and can be sent again for a retry.

orjson writes the JSON around the media in one go. In place of each media item it leaves a NUL byte,
which JSON cannot contain (control characters in strings are escaped), and the JSON is split there.
Base64 is generated between the pieces while the socket accepts them, so that no file is ever in
memory as a whole.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

import httpx2
import orjson

from langchain_mimo._json import join_surrogates
from langchain_mimo._media.opening import MediaPolicy, OpenMedia, open_media
from langchain_mimo._media.references import DeferredMedia, DeferredMimeType, LocalFile
from langchain_mimo.errors import MediaError, MiMoInputError

T = TypeVar("T")
Leaf: TypeAlias = DeferredMedia | DeferredMimeType

_SLICE = 128 * 1024
"""Characters of base64 generated at once."""

_READERS = 2
"""Threads that read files for all event loops of a process. Encoding is bound by the processor, so
that more threads would not be faster, and each needs some memory."""

_COPIERS = min(8, os.cpu_count() or 2)
"""Threads that copy time ranges of files, which takes long: bodies that are sent must not wait for
them."""

_GAP = orjson.Fragment(b'"\0"')
_INT64 = range(-(1 << 63), 1 << 64)
"""Integers that orjson can write."""


class RequestBody(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """The bytes of one request, for sync and async clients of httpx2.

    The constructor writes the JSON, `open` opens the media, iterating generates the bytes (any
    number of times), and `dispose` closes the files. The `close` of httpx2's interface does
    nothing: it is called after every attempt.

    Attributes:
        content_length: Size of the body in bytes, known once it is open.
        text_bytes: Bytes of the JSON around the media, without their MIME types.
        has_media: Whether the request has media.
        blocking: Whether opening it reads from a disk, which must not happen on an event loop.
    """

    def __init__(self, tree: dict[str, Any], policy: MediaPolicy) -> None:
        """Write the JSON.

        Args:
            tree: JSON tree; leaves may be `DeferredMedia`, and `DeferredMimeType` of the same
                media item.
            policy: Which files may be opened.

        Raises:
            MiMoInputError: The tree contains something that JSON cannot represent.
        """
        self._leaves: list[Leaf] = []
        self._policy = policy
        self._open: list[OpenMedia] = []
        json = _write(tree, self._leaves)
        self._pieces = json.split(b"\0") if self._leaves else [json]
        self.content_length = len(json)
        self.text_bytes = len(json) - len(self._leaves)
        self.has_media = bool(self._leaves)
        self.blocking = self.has_media and any(
            isinstance(leaf.reference.source, LocalFile) for leaf in self._leaves
        )
        self._copies = self.blocking and any(
            isinstance(source := leaf.reference.source, LocalFile) and source.time_range is not None
            for leaf in self._leaves
        )
        self._is_abandoned = False

    def open(self) -> None:
        """Open and check the media, and compute the length.

        Raises:
            MediaError: A media item may not be opened, or MiMo does not accept it; its `others` are
                the errors of all others, so that a caller can leave them out at once.
        """
        if not self._leaves:
            return
        try:
            errors = self._open_all()
        except BaseException:
            self.dispose()
            raise
        if errors:
            self.dispose()
            first = errors.pop(0)
            first.others = tuple(errors)
            errors.clear()
            try:
                raise first
            finally:
                del first  # its traceback holds this frame
        self._fill_in_types()
        media = sum(len(item.prefix) + item.encoded_length for item in self._open)
        self.content_length = sum(map(len, self._pieces)) + media

    def _open_all(self) -> list[MediaError]:
        errors: list[MediaError] = []
        for leaf in self._leaves:
            if isinstance(leaf, DeferredMedia):
                try:
                    self._open.append(open_media(leaf, self._policy, self._tick))
                except MediaError as error:
                    errors.append(error)
        return errors

    def _fill_in_types(self) -> None:
        """Insert the MIME types, so that the only gaps left are those of the media."""
        types = {id(item.reference): item.mime_type for item in self._open}
        pieces = self._pieces[:1]
        for leaf, piece in zip(self._leaves, self._pieces[1:], strict=True):
            if isinstance(leaf, DeferredMimeType):
                pieces[-1] += types[id(leaf.reference)].encode() + piece
            else:
                pieces.append(piece)
        self._pieces = pieces
        self._leaves = [leaf for leaf in self._leaves if isinstance(leaf, DeferredMedia)]

    async def aopen(self) -> None:
        """Do the same, in a thread if it reads from a disk."""
        await self.in_thread(self.open)

    async def in_thread(self, read: Callable[[], T]) -> T:
        """Run what reads the media, in a thread if that reads from a disk."""
        if not self.blocking:
            return read()
        threads = _copying_threads() if self._copies else _reader_threads()
        return await _in_thread(threads, read, self._abandon)

    def _abandon(self) -> None:
        self._is_abandoned = True

    def _tick(self, _: float) -> None:
        """End the copying of a time range for a request that was cancelled."""
        if self._is_abandoned:
            raise _AbandonedError

    def dispose(self) -> None:
        """Close all files; the body cannot be sent any more."""
        while self._open:
            self._open.pop().close()

    def __iter__(self) -> Iterator[bytes]:
        """Generate the body from its start."""
        yield self._pieces[0]
        for item, piece in zip(self._open, self._pieces[1:], strict=True):
            if item.prefix:
                yield item.prefix
            yield from item.slices(_SLICE)
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Generate the body from its start, reading files in a thread."""
        yield self._pieces[0]
        for item, piece in zip(self._open, self._pieces[1:], strict=True):
            if item.prefix:
                yield item.prefix
            slices = item.slices(_SLICE)
            if item.blocking:
                next_slice = functools.partial(next, slices, None)
                while (characters := await _in_reader(next_slice)) is not None:
                    yield characters
            else:
                for characters in slices:
                    yield characters
            yield piece


class SyncContent:
    """A body as the `content` of a request, for a sync client of any package.

    Unlike a generator, it can be iterated again, for example by an auth flow.
    """

    __slots__ = ("_body",)

    def __init__(self, body: RequestBody) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        """Generate the body from its start."""
        return iter(self._body)


class AsyncContent:
    """The same for an async client, which does not accept content that has `__iter__` too."""

    __slots__ = ("_body",)

    def __init__(self, body: RequestBody) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Generate the body from its start, reading files in a thread."""
        return aiter(self._body)


class _AbandonedError(Exception):
    """Nobody waits for the body any more."""


async def _in_reader(read: Callable[[], T]) -> T:
    return await _in_thread(_reader_threads(), read, lambda: None)


async def _in_thread(
    threads: ThreadPoolExecutor, read: Callable[[], T], abandon: Callable[[], None]
) -> T:
    """Read in a thread, and return only when it is done: the file may be closed right after."""
    reading = threads.submit(read)
    done = asyncio.wrap_future(reading)
    done.add_done_callback(_retrieve)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        abandon()
        if not reading.cancel():
            await asyncio.wait([done])
        raise


def _retrieve(done: asyncio.Future[Any]) -> None:
    """Look at the error of what was read, so that asyncio does not log it after a cancellation."""
    if not done.cancelled():
        done.exception()


@functools.cache
def _reader_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_READERS, thread_name_prefix="langchain-mimo-reader")


@functools.cache
def _copying_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_COPIERS, thread_name_prefix="langchain-mimo-copier")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reader_threads.cache_clear)
    os.register_at_fork(after_in_child=_copying_threads.cache_clear)


def _write(tree: dict[str, Any], leaves: list[Leaf]) -> bytes:
    """Write JSON with a NUL byte for each leaf, and append the leaves in their order.

    NaN and the infinities, which JSON lacks, become null.
    """

    def gap(leaf: Any) -> Any:
        if isinstance(leaf, DeferredMedia | DeferredMimeType):
            leaves.append(leaf)
            return _GAP
        raise TypeError(f"a value of type {type(leaf).__name__} is not JSON")

    try:
        return orjson.dumps(tree, gap, orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:
        leaves.clear()
    try:
        return orjson.dumps(_repaired(tree), gap, orjson.OPT_PASSTHROUGH_DATACLASS)
    except (TypeError, RecursionError) as error:
        raise MiMoInputError(f"the request cannot be written as JSON: {error}") from None


def _repaired(value: Any) -> Any:
    """Copy a tree, replacing what orjson rejects: lone surrogates, long integers, other keys."""
    if isinstance(value, str):
        return join_surrogates(value)
    if isinstance(value, dict):
        return {_repaired(_key(key)): _repaired(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_repaired(each) for each in value]
    if isinstance(value, int) and value not in _INT64:
        return orjson.Fragment(str(int(value)).encode())
    return value


def _key(key: Any) -> str:
    """Return a dict's key as the standard library's JSON encoder writes it."""
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
            raise MiMoInputError(f"a key of type {type(key).__name__} cannot be written as JSON")
