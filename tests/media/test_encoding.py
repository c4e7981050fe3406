"""Property tests of the readers and of base64 in slices."""

import base64
import hashlib
import os

from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_mimo._media.encoding import FileEncoder, TextEncoder
from langchain_mimo._media.readers import Base64Reader, FileReader, MemoryReader
from langchain_mimo._media.references import InlineBase64, LocalFile


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=3000), st.integers(4, 4000).map(lambda n: n - n % 4))
def test_slices_of_a_file_concatenate_to_its_base64(data, characters):
    encoder = FileEncoder(
        MemoryReader(data), LocalFile("x", len(data), hashlib.sha256(data).hexdigest())
    )
    pieces = list(encoder.slices(characters))
    assert b"".join(pieces) == base64.b64encode(data)
    assert len(b"".join(pieces)) == encoder.encoded_length
    assert all(len(piece) == characters for piece in pieces[:-1])


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=3000), st.integers(4, 4000).map(lambda n: n - n % 4))
def test_slices_of_text_concatenate_to_the_text(data, characters):
    text = base64.b64encode(data).decode()
    encoder = TextEncoder(InlineBase64("data:;base64," + text, 13))
    assert b"".join(encoder.slices(characters)) == text.encode()


@settings(deadline=None)
@given(st.binary(max_size=500), st.integers(0, 600), st.integers(0, 600))
def test_base64_can_be_read_at_any_offset(data, offset, length):
    reader = Base64Reader(InlineBase64("," + base64.b64encode(data).decode(), 1))
    assert reader.size == len(data)
    assert reader.read(offset, length) == data[offset : offset + length]


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=500), st.integers(0, 600), st.integers(0, 600))
def test_a_file_can_be_read_at_any_offset(data, offset, length):
    descriptor = os.memfd_create("media")
    os.write(descriptor, data)
    assert FileReader(descriptor).read(offset, length) == data[offset : offset + length]
    os.close(descriptor)
