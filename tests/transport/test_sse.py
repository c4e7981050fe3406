"""The event decoder: the same objects however the bytes are split, as in the standard."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langchain_mimo._transport import sse
from langchain_mimo._transport.sse import EventDecoder
from langchain_mimo.errors import MiMoIncompleteStreamError


def decode(*chunks: bytes) -> tuple[list, EventDecoder]:
    decoder = EventDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.finish(), decoder


def by_the_standard(stream: bytes) -> list:
    """A slow implementation of the standard, line by line, for streams of JSON objects."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, data = [], []
    for line in [*text.split(b"\n"), b""]:
        name, _, value = line.partition(b":")
        if not line:
            payload = b"\n".join(data)
            if payload == b"[DONE]":
                return events
            if payload:
                events.append(json.loads(payload))
            data = []
        elif name == b"data":
            data.append(value.removeprefix(b" "))
    return events


TABLE = {
    "with a space": b'data: {"a":1}\n\n',
    "without a space": b'data:{"a":1}\n\n',
    "CRLF": b'data: {"a":1}\r\n\r\n',
    "CR": b'data: {"a":1}\r\r',
    "mixed line ends": b'data: {"a":1}\r\n\ndata: {"b":2}\r\r\n',
    "comment before": b': ping\n\ndata: {"a":1}\n\n',
    "comment inside": b'data: {"a":\n: ping\ndata: 1}\n\n',
    "several data lines": b'data: {"a":\ndata:1}\n\n',
    "other fields": b'event: message\nid: 7\nretry: 10\ndata: {"a":1}\nfoo\n\n',
    "field like data": b'database: {"x":1}\ndata: {"a":1}\n\n',
    "byte order mark": b'\xef\xbb\xbfdata: {"a":1}\n\n',
    "many blank lines": b'\n\n\ndata: {"a":1}\n\n\n\n\ndata: {"b":2}\n\n\n',
    "line separators inside": 'data: {"a":"x\u2028y\u2029z\u0085"}\n\n'.encode(),
    "four-byte characters": 'data: {"a":"🐱中é"}\n\n'.encode(),
    "empty data": b'data\n\ndata:\n\ndata: \n\ndata: {"a":1}\n\n',
    "no blank line at the end": b'data: {"a":1}\n\ndata: {"b":2}',
    "one newline at the end": b'data: {"a":1}\n',
    "done": b'data: {"a":1}\n\ndata: [DONE]\n\n',
    "done without a space or end": b'data: {"a":1}\n\ndata:[DONE]',
    "nothing after done counts": b'data: {"a":1}\n\ndata: [DONE]\n\ndata: {"b":2}\n\n',
    "nothing": b"",
    "only comments": b": ping\n\n: ping\n\n",
}


@pytest.mark.parametrize("stream", TABLE.values(), ids=TABLE)
def test_streams_are_decoded_as_in_the_standard(stream):
    expected = by_the_standard(stream)
    assert decode(stream)[0] == expected
    assert decode(*(stream[i : i + 1] for i in range(len(stream))))[0] == expected
    for cut in range(len(stream)):
        assert decode(stream[:cut], b"", stream[cut:])[0] == expected


objects = st.dictionaries(
    st.text(max_size=4),
    st.one_of(st.text(max_size=12), st.integers(-9, 9), st.none(), st.lists(st.integers(0, 9))),
    max_size=3,
)


@st.composite
def streams(draw):
    """A stream of events, in any form that the standard allows, split anywhere."""
    parts = [draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))]
    for value in draw(st.lists(objects, max_size=6)):
        end = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
        space = draw(st.sampled_from([b"", b" "]))
        noise = draw(st.sampled_from([b"", b": ping", b"event: x", b"id", b"data"]))
        ascii_only = draw(st.booleans())
        payload = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "replace")
        if noise:
            parts.append(noise + end + draw(st.sampled_from([b"", end])))
        parts.append(b"data:" + space + payload + end + end)
    parts.append(draw(st.sampled_from([b"", b"data: [DONE]\n\n", b": bye\r\n\r\n"])))
    stream = b"".join(parts)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    return stream, [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@given(streams())
@example((b'data: {"a":1}\r\n\r\n', [b'data: {"a":1}\r', b"\n\r", b"\n"]))
@settings(max_examples=400, deadline=None)
def test_any_split_gives_the_same_events(stream_and_chunks):
    stream, chunks = stream_and_chunks
    events, one = decode(stream)
    parts, other = decode(*chunks)
    assert events == parts == by_the_standard(stream)
    assert one.done == other.done
    assert one.failure is None
    assert other.failure is None


def test_an_event_with_a_lone_surrogate_is_decoded():
    events, decoder = decode(b'data: {"a":"\\ud83d"}\n\ndata: {"a":"\\ude00"}\n\n')
    assert events == [{"a": "\ud83d"}, {"a": "\ude00"}]
    assert decoder.failure is None


def test_bytes_that_are_not_utf8_become_replacement_characters():
    assert decode(b'data: {"a":"\xff"}\n\n')[0] == [{"a": "�"}]


@pytest.mark.parametrize(
    "payload",
    [b"{", b"not json", b"1", b"null", b'"text"', b"[1]", b'{"a":1}{"b":2}', b"[" * 100_000],
)
def test_an_event_that_is_not_an_object_fails_after_those_before_it(payload):
    stream = b'data: {"a":1}\n\ndata: ' + payload + b'\n\ndata: {"b":2}\n\n'
    for chunks in ([stream], [stream[:20], stream[20:]]):
        events, decoder = decode(*chunks)
        assert events == [{"a": 1}]
        assert isinstance(decoder.failure, MiMoIncompleteStreamError)
        assert len(str(decoder.failure)) < 400


def test_an_excerpt_contains_no_media():
    _, decoder = decode(b"data: {" + b"QUJD" * 100 + b"\n\n")
    assert "QUJDQUJD" not in str(decoder.failure)
    assert "[400 characters]" in str(decoder.failure)


@pytest.mark.parametrize("cut", range(7, 26))
def test_an_event_cut_off_at_the_end_is_a_failure(cut):
    events, decoder = decode(b'data: {"a":1}\n\n' + b'data: {"path": "/a/b"}'[:cut])
    assert {"a": 1} in events
    if cut < len('data: {"path": "/a/b"}'):
        assert len(events) == 1
        assert "middle of an event" in str(decoder.failure)
    else:
        assert events[1] == {"path": "/a/b"}


def test_an_event_without_end_is_not_buffered_forever(monkeypatch):
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    decoder = EventDecoder()
    for _ in range(20):
        assert decoder.feed(b"data: " + b"x" * 94) == []
    assert isinstance(decoder.failure, MiMoIncompleteStreamError)
    assert len(decoder._rest) == 0
