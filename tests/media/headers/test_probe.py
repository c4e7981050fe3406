"""Tests of header measurements: against Pillow and PyAV, and with malicious files."""

import base64
import io
import struct
import tracemalloc
import warnings
import zlib

import av
import media_files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from langchain_mimo._media.headers.probe import probe
from langchain_mimo._media.headers.reader import (
    MAX_BYTES,
    MAX_STEPS,
    AVHeader,
    HeaderReader,
    ImageHeader,
)
from langchain_mimo._media.identify import HEAD_BYTES, identify
from langchain_mimo._media.inspection import inspect
from langchain_mimo._media.opening import MediaPolicy, open_media
from langchain_mimo._media.readers import MemoryReader
from langchain_mimo._media.references import DeferredMedia, InlineBase64, MediaReference

ACCEPTED, make = media_files.ACCEPTED, media_files.make
IMAGES = [name for name, (kind, *_) in ACCEPTED.items() if kind == "image"]
AUDIO_AND_VIDEOS = [name for name in ACCEPTED if name not in IMAGES]

DURATION_FROM_PACKETS = {"video.wmv"}
"""PyAV adds the first packets' timestamps to the header's duration; less than one audio token."""

OPUS_PRE_SKIP = 0.0066
"""PyAV counts the samples that a decoder of Opus does not play."""


def measure(data):
    return probe(MemoryReader(data), identify(data[:HEAD_BYTES]))


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_measured_as_by_pillow(name):
    header = measure(make(name))
    with Image.open(io.BytesIO(make(name))) as image:
        assert (header.width, header.height) == image.size
        assert header.frames in (None, getattr(image, "n_frames", 1))


@pytest.mark.parametrize("name", AUDIO_AND_VIDEOS)
def test_videos_and_audio_are_measured_as_by_pyav(name):
    header = measure(make(name))
    with av.open(io.BytesIO(make(name))) as container:
        tolerance = 0.16 if name in DURATION_FROM_PACKETS else 0.001
        tolerance = OPUS_PRE_SKIP if "opus" in name else tolerance
        assert header.duration == pytest.approx(container.duration / 1e6, abs=tolerance)
        assert header.has_audio == bool(container.streams.audio)
        assert header.has_video == bool(container.streams.video)
        for video in container.streams.video:
            assert (header.width, header.height) == (video.width, video.height)
            assert header.pixel_format in (None, video.codec_context.pix_fmt)
            assert header.video_codec


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_accepted_file_is_identified_without_a_warning(name):
    kind, mime_type, _ = ACCEPTED[name]
    inspection = inspect(kind, None, MemoryReader(make(name)))
    assert (inspection.mime_type, inspection.warning) == (mime_type, None)


@pytest.mark.parametrize("name", media_files.REFUSED)
def test_files_that_need_conversion_are_refused_with_the_function_to_call(name):
    kind = {"video": "video", "photo": "image", "voice": "audio"}[name.split(".")[0]]
    with pytest.raises(ValueError, match=f"langchain_mimo.prepare.prepare_{kind}"):
        inspect(kind, None, MemoryReader(make(name)))


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("audio", "video.mp4", "type 'video', or extract its audio with"),
        ("audio", "video.mov", "type 'video', or extract its audio with"),
        ("audio", "video.wmv", "type 'video'"),
        ("video", "audio_only.mp4", "without a video track"),
        ("video", "voice.m4a", "type 'audio'"),
        ("image", "video.mp4", "type 'video'"),
        ("video", "photo.jpg", "type 'image'"),
    ],
)
def test_the_tracks_decide_between_video_and_audio(kind, name, reason):
    with pytest.raises(ValueError, match=reason):
        inspect(kind, None, MemoryReader(make(name)))


def test_headers_name_codecs_and_pixel_formats():
    assert measure(make("colourful.mp4")).pixel_format == "yuv444p"
    assert measure(make("hevc.mp4")).pixel_format == "yuv420p"
    assert measure(make("video.avi")).audio_codec == "mp3"
    assert measure(make("video.wmv")).video_codec == "WMV2"


# --- truncated ----------------------------------------------------------------------------------------

LACKS_LESS_THAN_A_SECOND = {
    ("voice.wav", 0.9), ("bytes.wav", 0.9), ("small.wav", 0.9), ("floats.wav", 0.6), ("floats.wav", 0.9),
}  # fmt: skip
"""WAVs whose length is that wrong pass, as recorders write them."""

PLAYABLE_IF_TRUNCATED = {"bare.mp3", "voice.mp3", "slow.mp3", "voice.flac"}
"""Streams of frames that a decoder plays to wherever they end."""

TRUNCATIONS = [
    (name, share)
    for name in ACCEPTED
    for share in (0.3, 0.6, 0.9)
    # Decoders show a GIF whose first frame is complete.
    if name not in PLAYABLE_IF_TRUNCATED
    and (name, share) not in LACKS_LESS_THAN_A_SECOND
    and not (name == "moving.gif" and share > 0.3)
]


@pytest.mark.parametrize(("name", "share"), TRUNCATIONS)
def test_a_truncated_file_is_refused(name, share):
    kind, _, _ = ACCEPTED[name]
    data = make(name)
    with pytest.raises(ValueError, match=r"truncated|damaged|without a video track"):
        inspect(kind, None, MemoryReader(data[: int(len(data) * share)]))


@pytest.mark.parametrize("name", ACCEPTED)
def test_data_appended_to_a_file_is_ignored(name):
    kind, mime_type, _ = ACCEPTED[name]
    if name.endswith(".gif"):
        assert measure(make(name) + b"more") == measure(make(name))
    inspection = inspect(kind, None, MemoryReader(make(name) + b"PS: some more bytes" * 9))
    assert inspection.mime_type == mime_type


def test_a_jpeg_followed_by_a_video_is_complete():
    data = make("photo.jpg") + bytes(200_000)
    assert measure(data) == ImageHeader(120, 80, 1)


# --- malicious ------------------------------------------------------------------------------------------


def chunk(name, content):
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def bomb(side=14000):
    """A PNG of 196 million pixels in 200 KB."""
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(side + 1)) for _ in range(side)) + rows.flush()
    size = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def box(name, content=b""):
    return struct.pack(">I", len(content) + 8) + name + content


FTYP = box(b"ftyp", b"isom\0\0\0\0isom")


def nested(name, depth):
    content = b""
    for _ in range(depth):
        content = box(name, content)
    return content


def gif_of_many_frames(count=100_000):
    frame = b"!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0"
    return b"GIF89a\x01\0\x01\0\x80\0\0" + bytes(6) + frame * count + b";"


MALICIOUS = {
    # name: kind, function that returns the bytes, expected warning or error or nothing
    "png of 196 megapixels": ("image", bomb, "warn: 196 million pixels"),
    "png that claims 2^31 x 2^31": (
        "image",
        lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II", 2**31 - 1, 2**31 - 1) + b"\x08\0\0\0\0") + chunk(b"IEND", b""),
        "warn: million pixels",
    ),
    "png of no pixels": (
        "image",
        lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II", 0, 5) + b"\x08\0\0\0\0") + chunk(b"IEND", b""),
        "refuse: 0 x 5 pixels",
    ),
    "png with a million chunks": (
        "image",
        lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II", 5, 5) + b"\x08\0\0\0\0") + chunk(b"tEXt", b"") * 10**6,
        "warn: 5 x 5 pixels",
    ),
    "png without its header": ("image", lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", bytes(40)), "refuse: IHDR"),
    "png of eight bytes": ("image", lambda: b"\x89PNG\r\n\x1a\n", "refuse: truncated"),
    "gif of 10^5 frames": ("image", gif_of_many_frames, "warn: 1000 or more frames"),
    "gif of 10^6 comments": ("image", lambda: b"GIF89a\x01\0\x01\0\0\0\0" + b"!\xfe\0" * 10**6, "warn: 1 x 1 pixels"),
    "gif without an image": ("image", lambda: b"GIF89a\x01\0\x01\0\0\0\0;", "refuse: no image"),
    "jpeg of markers only": ("image", lambda: b"\xff\xd8\xff" + b"\xff" * 10**6, "warn: too many entries"),
    "jpeg of a million empty segments": ("image", lambda: b"\xff\xd8" + b"\xff\xe0\0\x02" * 10**6, "warn: too many entries"),
    "jpeg with a segment of length 0": ("image", lambda: b"\xff\xd8\xff\xe0\0\0" * 99, "refuse: damaged"),
    "jpeg that is only an end": ("image", lambda: b"\xff\xd8\xff\xd9\0\0", "refuse: damaged"),
    "webp that is longer than it is": ("image", lambda: b"RIFF\xff\xff\xff\x7fWEBPVP8 " + bytes(30), "refuse: truncated"),
    "webp of nothing known": ("image", lambda: b"RIFF\x10\0\0\0WEBPXXXX" + bytes(30), "refuse: damaged"),
    "bmp that claims more rows": ("image", lambda: make("plain.bmp")[:22] + b"\xff\xff\0\0" + make("plain.bmp")[26:], "refuse: truncated"),
    "mp4 whose box has size 0": ("video", lambda: FTYP + struct.pack(">I", 0) + b"free" + bytes(99), "refuse: index"),
    "mp4 whose box has size 1..7": ("video", lambda: FTYP + struct.pack(">I", 7) + b"free" + bytes(99), "refuse: damaged"),
    "mp4 whose 64-bit size is 0": ("video", lambda: FTYP + struct.pack(">I", 1) + b"mdat" + bytes(99), "refuse: damaged"),
    "mp4 whose 64-bit size is 2^63": ("video", lambda: FTYP + struct.pack(">I", 1) + b"mdat" + b"\x80" + bytes(99), "refuse: truncated"),
    "mp4 of a million empty boxes": ("video", lambda: FTYP + box(b"free") * 10**6, "warn: too many entries"),
    "mp4 of a million empty fragments": ("video", lambda: make("fragmented.mp4") + box(b"moof") * 10**6, "warn: too many entries"),
    "mp4 with tracks in tracks": ("video", lambda: FTYP + box(b"moov", box(b"trak", nested(b"mdia", 20_000))), "warn: too many entries"),
    "mp4 with a box beyond its parent": ("video", lambda: FTYP + box(b"moov", struct.pack(">I", 999) + b"trak" + bytes(99)) + bytes(2000), "refuse: extends beyond"),
    "mp4 with 2^32 time stamps": (
        "video",
        lambda: FTYP + box(b"moov", box(b"trak", box(b"mdia", box(b"stts", bytes(4) + b"\xff" * 4)))),
        "refuse: without video and audio",
    ),
    "mp4 of eight bytes": ("video", lambda: FTYP[:8], "refuse: truncated"),
    "mp4 never finished": ("video", lambda: FTYP + box(b"mdat", bytes(999)), "refuse: never finished"),
    "wav without data": ("audio", lambda: make("voice.wav")[:36], "refuse: truncated"),
    "wav with data before its format": ("audio", lambda: b"RIFF\0\0\0\0WAVEdata\0\0\0\0" + bytes(9), "refuse: damaged"),
    "wav of a million chunks": ("audio", lambda: b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 10**6, "warn: too many entries"),
    "wav written to a pipe": ("audio", lambda: make("voice.wav").replace(b"data" + struct.pack("<I", 220500), b"data\xff\xff\xff\xff"), "pass: "),
    "wav at a rate of 0": ("audio", lambda: make("voice.wav")[:24] + bytes(8) + make("voice.wav")[32:], "refuse: 0 Hz"),
    "ogg of one page": ("audio", lambda: b"OggS\0\x02" + bytes(20) + b"\x01\x1e\x01vorbis" + bytes(23), "pass: "),
    "ogg of nothing but page marks": ("audio", lambda: b"OggS\0" * 10**6, "refuse: truncated"),
    "mp3 whose tag is endless": ("audio", lambda: b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(999), "refuse: truncated"),
    "mp3 of a million tags": ("audio", lambda: b"ID3\x04\0\0\0\0\0\0" * 10**6, "refuse: unrecognised"),
    "mp3 of set bits": ("audio", lambda: b"ID3\x04\0\0\0\0\0\0" + b"\xff" * 10**6, "refuse: unrecognised"),
    "flac without its header": ("audio", lambda: b"fLaC\x81" + bytes(99), "refuse: damaged"),
    "flac of four bytes": ("audio", lambda: b"fLaC", "refuse: truncated"),
    "avi with lists in lists": ("video", lambda: b"RIFF\0\0\0\0AVI " + b"".join(b"LIST" + struct.pack("<I", 120_000 - 12 * i) + b"hdrl" for i in range(10_000)) + bytes(99), "warn: too many entries"),
    "avi of empty chunks": ("video", lambda: b"RIFF\0\0\0\0AVI " + b"junk\0\0\0\0" * 10**6, "warn: too many entries"),
    "avi without streams": ("video", lambda: b"RIFF\0\0\0\0AVI " + bytes(99), "refuse: without video and audio"),
    "wmv with an object of length 0": ("video", lambda: make("video.wmv")[:46] + bytes(8) + make("video.wmv")[54:], "refuse: damaged"),
    "wmv whose header is 2^63 long": ("video", lambda: make("video.wmv")[:23] + b"\x7f" + make("video.wmv")[24:], "refuse: truncated"),
    "an empty file": ("video", lambda: b"", "refuse: empty"),
    "one byte": ("audio", lambda: b"\0", "refuse: unrecognised file signature"),
}  # fmt: skip


class Counting:
    """A reader that counts the calls and bytes."""

    def __init__(self, data):
        self.inner = MemoryReader(data)
        self.size = self.inner.size
        self.calls = self.bytes = 0

    def read(self, offset, length):
        assert offset >= 0
        self.calls += 1
        data = self.inner.read(offset, length)
        self.bytes += len(data)
        return data


@pytest.mark.parametrize("name", MALICIOUS)
def test_malicious_files_are_measured_with_bounded_effort_or_refused(name):
    kind, build, verdict = MALICIOUS[name]
    expected, _, words = verdict.partition(": ")
    reader = Counting(build())
    tracemalloc.start()
    try:
        warning = inspect(kind, None, reader).warning
        outcome, text = ("warn", warning) if warning else ("pass", "")
    except ValueError as error:
        outcome, text = "refuse", str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcome == expected
    assert words in text
    assert len(text) < 500
    assert reader.calls <= MAX_STEPS + 2
    assert reader.bytes <= MAX_BYTES + 1024
    assert peak < 10_000_000


def test_there_are_enough_malicious_cases():
    assert len(MALICIOUS) >= 40


SMALL = [name for name in ACCEPTED if not name.startswith("long_")]


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(SMALL),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=6),
    st.floats(0.01, 1),
)
def test_damaged_files_give_a_header_or_a_value_error(name, changes, share):
    data = bytearray(make(name))
    for place, new in changes:
        at = int(min(len(data), 3000) * place)
        data[at : at + len(new)] = new
    cut = bytes(data[: max(1, int(len(data) * share))])
    found = identify(cut[:HEAD_BYTES])
    if found is None:
        return
    try:
        result = probe(MemoryReader(cut), found)
    except ValueError as error:
        result = str(error)
    assert result is None or isinstance(result, ImageHeader | AVHeader | str)


@settings(deadline=None)
@given(st.binary(max_size=9000), st.lists(st.tuples(st.integers(0, 9500), st.integers(0, 5000))))
def test_a_header_reader_reads_at_any_offset(data, requests):
    reader = HeaderReader(MemoryReader(data))
    for offset, length in requests:
        assert reader.read(offset, length) == data[offset : offset + length]


def test_opening_an_image_with_many_frames_warns():
    source = InlineBase64(base64.b64encode(gif_of_many_frames(2000)).decode())
    leaf = DeferredMedia(MediaReference("image", source, None, 1, 3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        open_media(leaf, MediaPolicy()).close()
    assert [str(w.message) for w in caught] == [
        "messages[1], block 3: the image has 1000 or more frames; MiMo may read only the first one"
    ]
