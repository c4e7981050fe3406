"""Video whose headers state lengths wrongly, late, in parts or not at all."""

import io
import struct

import av

from media_collection.registry import add
from media_collection.writing import SIZE, av_file

_FRAGMENTS = {"gop": 5, "options": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}}
_AVI = ("avi", "mpeg4", "libmp3lame")
_STREAM_HEADER_LENGTH = 32


def boxes(data, start=0, end=None):
    """Yield name, start and end of the boxes of an MP4, with their headers."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        yield name, start, start + size
        start += size


def with_durations(data, names, change):
    """Return an MP4 whose headers of version 0 with these names state other durations."""
    data = bytearray(data)
    for name in names:
        at = data.find(name)
        while at >= 0:
            place = at + 4 + (20 if name == b"tkhd" else 16)
            (duration,) = struct.unpack_from(">I", data, place)
            struct.pack_into(">I", data, place, change(duration))
            at = data.find(name, at + 4)
    return bytes(data)


def with_wide_mdat(data):
    """Return an MP4 whose media box has a size of 64 bits; it takes the room of an empty box."""
    at = data.index(b"\0\0\0\x08free")
    (size,) = struct.unpack_from(">I", data, at + 8)
    return data[:at] + struct.pack(">I4sQ", 1, b"mdat", size + 8) + data[at + 16 :]


def without_fragments(data, unwanted):
    """Return a fragmented MP4 without some of its fragments, by their number from 0."""
    parts, number = [], -1
    for name, start, end in boxes(data):
        number += name == b"moof"
        if number not in unwanted and name != b"mfra":
            parts.append(data[start:end])
    return b"".join(parts)


def without_lengths(data):
    """Return an AVI as a camera leaves it that loses power: no index, and lengths of 0."""
    data = bytearray(data[: data.rindex(b"idx1")])
    struct.pack_into("<I", data, 4, 0)
    struct.pack_into("<I", data, data.index(b"movi") - 4, 0)
    at = data.find(b"strh")
    while at >= 0:
        struct.pack_into("<I", data, at + 8 + _STREAM_HEADER_LENGTH, 0)
        at = data.find(b"strh", at + 4)
    return bytes(data)


def in_two_parts(data):
    """Return an AVI as OpenDML: half of its chunks are in a second RIFF, and there is no index."""
    begin, end = data.index(b"movi") + 4, data.rindex(b"idx1")
    middle = begin
    while middle < (begin + end) // 2:
        (length,) = struct.unpack_from("<I", data, middle + 4)
        middle += 8 + length + length % 2
    first, second = data[begin:middle], data[middle:end]
    head = data[: begin - 12]
    part = b"LIST" + struct.pack("<I", len(first) + 4) + b"movi" + first
    more = b"LIST" + struct.pack("<I", len(second) + 4) + b"movi" + second
    riff = b"RIFF" + struct.pack("<I", len(head) - 8 + len(part)) + head[8:] + part
    return riff + b"RIFF" + struct.pack("<I", len(more) + 4) + b"AVIX" + more


class _Pipe:
    """A file that can be written from beginning to end, and no more."""

    def __init__(self):
        self.parts = []

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)


def through_a_pipe(data, container):
    """Return the same streams as a program writes them to its standard output."""
    pipe = _Pipe()
    with (
        av.open(io.BytesIO(data)) as source,
        av.open(pipe, "w", format=container, options={"fflags": "+bitexact"}) as out,
    ):
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    return b"".join(pipe.parts)


def _changed(change, *arguments, **options):
    return lambda: change(av_file(*arguments, **options))


_FILES = {
    # name: maker, and what differs from 2 s with 20 frames and audio
    "movie_length_0.mp4": (_changed(lambda d: with_durations(d, [b"mvhd"], lambda _: 0), "mp4"), {}),
    "movie_length_too_long.mp4": (_changed(lambda d: with_durations(d, [b"mvhd"], lambda n: n * 9), "mp4"), {}),
    "movie_length_too_short.mp4": (_changed(lambda d: with_durations(d, [b"mvhd"], lambda n: n // 4), "mp4"), {}),
    "all_lengths_0.mp4": (_changed(lambda d: with_durations(d, [b"mvhd", b"tkhd", b"mdhd"], lambda _: 0), "mp4"), {}),
    "wide_mdat.mp4": (_changed(with_wide_mdat, "mp4"), {}),
    "stopped_between_fragments.mp4": (_changed(lambda d: without_fragments(d, {2, 3}), "mp4", **_FRAGMENTS), {"seconds": 1.2, "frames": 10}),
    "later_fragments.mp4": (_changed(lambda d: without_fragments(d, {0, 1}), "mp4", **_FRAGMENTS), {"seconds": 1.2, "frames": 10}),
    "without_lengths.avi": (_changed(without_lengths, *_AVI), {"seconds": 2.1}),
    "pipe.avi": (_changed(lambda d: through_a_pipe(d, "avi"), *_AVI), {"seconds": 2.1}),
    "two_parts.avi": (_changed(in_two_parts, *_AVI), {"seconds": 2.1}),
    "pipe.wmv": (_changed(lambda d: through_a_pipe(d, "asf"), "asf", "wmv2", "wmav2", bit_rate=64000), {}),
}  # fmt: skip

_CUT = {
    # name: maker; what is left may be shorter than the 2 s that the header promises
    "cut.avi": _changed(lambda d: d[: len(d) * 3 // 5], *_AVI),
    "cut_index_first.mov": _changed(lambda d: d[: len(d) * 4 // 5], "mov", options={"movflags": "faststart"}),
    "cut.wmv": _changed(lambda d: d[: len(d) * 3 // 5], "asf", "wmv2", "wmav2", bit_rate=64000),
}  # fmt: skip

for _name, _make in _CUT.items():
    add(_name, "video", _make, block="refused", prepared=None, shown=SIZE, has_audio=True)

for _name, (_make, _truth) in _FILES.items():
    add(_name, "video", _make, **({"seconds": 2.0, "shown": SIZE, "frames": 20, "has_audio": True, "prepared": None} | _truth))  # fmt: skip
