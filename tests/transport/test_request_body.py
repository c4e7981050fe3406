"""Request bodies: the same bytes on every read, with media encoded while they are read."""

import asyncio
import base64
import gc
import hashlib
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._media.references import DeferredMedia, InlineBase64, LocalFile, MediaReference
from langchain_mimo._transport import request_body
from langchain_mimo._transport.request_body import RequestBody
from langchain_mimo.errors import MediaError, MiMoInputError

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


def inline(text, data_url=True):
    return DeferredMedia(MediaReference("image", InlineBase64(text), None, 0, 0), data_url)


def file(path, size=None, sha256=None, kind="image"):
    return DeferredMedia(MediaReference(kind, LocalFile(str(path), size, sha256), None, 0, 1))


def read(body):
    body.open()
    parts = list(body)
    assert sum(map(len, parts)) == body.content_length
    return b"".join(parts)


async def aread(body):
    await body.aopen()
    return b"".join([part async for part in body])


@pytest.fixture
def policy(tmp_path):
    return MediaPolicy([tmp_path])


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    return path


def test_text_alone_is_one_piece():
    body = RequestBody({"messages": [{"role": "user", "content": "你好"}]}, MediaPolicy())
    body.open()
    assert not body.blocking
    assert list(body) == [orjson.dumps({"messages": [{"role": "user", "content": "你好"}]})]


async def test_media_replace_their_leaves(image, policy):
    text = base64.b64encode(PNG).decode()
    digest = hashlib.sha256(PNG).hexdigest()
    tree = {
        "a\0b": "\0",
        "parts": [inline(text), {"url": file(image, len(PNG), digest)}, inline(text, False), "z"],
    }
    body = RequestBody(tree, policy)
    url = f"data:image/png;base64,{text}"
    expected = {"a\0b": "\0", "parts": [url, {"url": url}, text, "z"]}
    assert json.loads(read(body)) == expected
    assert json.loads(b"".join(body)) == expected, "a retry reads it again"
    assert json.loads(b"".join([part async for part in body])) == expected
    body.dispose()
    assert json.loads(await aread(RequestBody(tree, policy))) == expected


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values, max_size=4), st.integers(0, 3))
def test_any_json_around_the_media_is_unchanged(tree, media):
    text = base64.b64encode(PNG).decode()
    expected = {**tree, "media": [text] * media}
    body = RequestBody({**tree, "media": [inline(text, False)] * media}, MediaPolicy())
    assert json.loads(read(body)) == expected


def test_what_orjson_rejects_is_repaired():
    tree = {
        "pair": "\ud83d\ude00",
        "lone": "a\ud83d",
        "key\ud83d": 1,
        "long": 2**70,
        7: "odd key",
        True: 1,
        None: 2,
        "t": (1, 2),
        "media": inline(base64.b64encode(PNG).decode(), False),
    }
    assert json.loads(read(RequestBody(tree, MediaPolicy()))) == {
        "pair": "😀",
        "lone": "a�",
        "key�": 1,
        "long": 2**70,
        "7": "odd key",
        "true": 1,
        "null": 2,
        "t": [1, 2],
        "media": base64.b64encode(PNG).decode(),
    }


def nested(depth):
    tree = {}
    for _ in range(depth):
        tree = {"a": tree}
    return tree


@pytest.mark.parametrize("tree", [{"a": object()}, {"a": {1, 2}}, {(1, 2): 3}, nested(2000)])
def test_what_is_not_json_is_rejected(tree):
    with pytest.raises(MiMoInputError, match="JSON"):
        RequestBody(tree, MediaPolicy())


def test_files_are_closed_if_a_later_one_may_not_be_opened(image, policy, tmp_path):
    before = os.dup(0)
    os.close(before)
    body = RequestBody({"a": file(image), "b": file(tmp_path / "none.png")}, policy)
    with pytest.raises(MediaError):
        body.open()
    after = os.dup(0)
    os.close(after)
    assert after == before, "the lowest free descriptor is the same"


def test_a_changed_file_is_never_sent_completely(image, policy):
    body = RequestBody({"a": file(image, len(PNG), "0" * 64), "b": "end"}, policy)
    body.open()
    sent = []
    with pytest.raises(MediaError, match=r"messages\[0\], block 1"):
        sent.extend(iter(body))
    assert b"end" not in b"".join(sent)
    body.dispose()


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "a.wav"
    samples = os.urandom(3_000_000)
    size = len(samples)
    header = b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    header += b"\1\0\1\0\x80>\0\0\0}\0\0\2\0\x10\0data" + size.to_bytes(4, "little")
    path.write_bytes(header + samples)
    return path


async def test_files_are_read_off_the_event_loop(video, policy, monkeypatch):
    threads = set()
    pread = os.pread

    def watched(*args):
        threads.add(threading.get_ident())
        return pread(*args)

    monkeypatch.setattr(os, "pread", watched)
    body = RequestBody({"a": file(video, kind="audio")}, policy)
    assert body.blocking
    await aread(body)
    body.dispose()
    assert threads
    assert threading.get_ident() not in threads


async def test_cancelling_waits_for_the_reader_before_the_file_is_closed(video, policy):
    body = RequestBody({"a": file(video, kind="audio")}, policy)
    await body.aopen()
    parts = aiter(body)
    await anext(parts)
    await anext(parts)
    entered, leave = threading.Event(), threading.Event()

    def slow(characters):
        entered.set()
        assert leave.wait(5)
        yield b"AAAA"

    body._open[0] = type("Item", (), {})()
    item = body._open[0]
    item.prefix, item.blocking, item.slices = b"", True, slow
    fresh = aiter(body)
    await anext(fresh)
    task = asyncio.ensure_future(anext(fresh))
    await asyncio.to_thread(entered.wait, 5)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done(), "the thread is still reading"
    leave.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_after_a_cancellation_is_not_logged():
    """Asyncio would log that it was never retrieved: nobody waits for it any more."""
    logged, stop = [], threading.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))

    def read():
        assert stop.wait(5)
        raise OSError("abandoned")

    with ThreadPoolExecutor(1) as threads:
        call = asyncio.create_task(request_body._in_thread(threads, read, stop.set))
        await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    del call
    gc.collect()
    await asyncio.sleep(0)
    assert not logged
