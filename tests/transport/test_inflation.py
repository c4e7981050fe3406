"""Responses that are compressed: any pieces, bounded pieces, one layer."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo._transport.inflation import PIECE_BYTES, Inflater, content_encoding

TEXT = b"".join(b"%d " % n for n in range(30_000))


def raw_deflate(data):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


BODIES = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "concatenated gzip": ("gzip", gzip.compress(TEXT[:9000]) + gzip.compress(TEXT[9000:])),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "deflate without a header": ("deflate", raw_deflate(TEXT)),
}


@pytest.mark.parametrize("name", BODIES)
@given(sizes=st.lists(st.integers(1, 50_000), min_size=1, max_size=20))
def test_any_chunks_give_the_same_bytes(name, sizes):
    encoding, body = BODIES[name]
    inflater, pieces, at = Inflater(encoding), [], 0
    for size in [*sizes, len(body)]:
        pieces += inflater.feed(body[at : at + size])
        at += size
    assert b"".join(pieces) == TEXT
    assert max(map(len, pieces)) <= PIECE_BYTES


def test_a_bomb_is_inflated_piece_by_piece():
    bomb = gzip.compress(bytes(300 << 20))
    pieces = Inflater("gzip").feed(bomb)
    assert [len(next(pieces)) for _ in range(3)] == [PIECE_BYTES] * 3


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_not_compressed(encoding):
    with pytest.raises(zlib.error):
        list(Inflater(encoding).feed(b"not compressed at all"))


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (None, ""),
        ("", ""),
        ("identity", ""),
        ("GZIP", "gzip"),
        (" x-gzip ", "gzip"),
        ("identity, gzip", "gzip"),
        ("gzip, gzip", "gzip, gzip"),
        ("br", "br"),
    ],
)
def test_the_encoding_of_a_response(value, encoding):
    assert content_encoding({} if value is None else {"content-encoding": value}) == encoding
