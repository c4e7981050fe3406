"""Readers of bytes: what lies beyond the end is empty, however far beyond it lies."""

from __future__ import annotations

import io

import pytest

from langchain_mimo._media.headers.reader import HeaderReader
from langchain_mimo._media.readers import FileReader, MemoryReader, OffsetReader, SeekingReader

FAR = (4, 1 << 31, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, 1 << 64, 1 << 70)


@pytest.fixture(params=["memory", "offset", "file", "seeking"])
def reader(request, tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"abcd")
    with path.open("rb") as file:
        yield {
            "memory": MemoryReader(b"abcd"),
            "offset": OffsetReader(SeekingReader(io.BytesIO(b"__abcd")), 2),
            "file": FileReader(file.fileno()),
            "seeking": SeekingReader(file),
        }[request.param]


@pytest.mark.parametrize("offset", FAR)
def test_there_is_nothing_beyond_the_end(reader, offset):
    assert reader.read(offset, 16) == b""
    assert HeaderReader(reader).read(offset, 16) == b""
    assert reader.read(2, 16) == b"cd"
