"""Blocks with a time range: what they say, and that what is sent is the source, packet by packet."""

import functools
import hashlib
import io
import json
import os
import struct
import tempfile
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import media_files
import pytest
from cutting import FEW_EXAMPLES
from hypothesis import given
from hypothesis import strategies as st
from media_files import make_video
from numbered_videos import Recipe, audio_seconds, make_numbered, watch
from ranged_blocks import opened, packets, reference_of, samples, sent, shown

from langchain_mimo._media import digests, known_files, ranged_files
from langchain_mimo._media.cutting import known_indexes
from langchain_mimo._media.opening import MediaPolicy, inspect_media
from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.media import audio_block, file_digest, probe, video_block

AUDIO = ["voice.wav", "floats.wav", "voice.mp3", "slow.mp3", "bare.mp3", "voice.flac", "voice.m4a",
         "lossless.m4a", "audio_only.mp4", "opus.ogg", "long_opus.ogg"]  # fmt: skip

AV_19 = int(av.__version__.split(".")[0]) >= 19


@functools.cache
def numbered(recipe):
    return make_numbered(recipe)


def saved(folder, data, name="video.mp4", seconds_ago=60.0):
    path = Path(folder) / name
    path.write_bytes(data)
    changed = time.time() - seconds_ago
    os.utime(path, (changed, changed))
    return path


@st.composite
def copied_recipes(draw):
    """Draw videos of which ranges are promised, with key frames near and far."""
    frames = draw(st.integers(8, 40))
    return Recipe(
        container=draw(st.sampled_from(["mp4", "mov"])),
        frames=frames,
        rate=draw(st.sampled_from([Fraction(10), Fraction(25), Fraction(30000, 1001)])),
        b_frames=draw(st.integers(0, 4)),
        gop=draw(st.sampled_from([3, 5, 8, 12, 250])),
        audio=draw(st.booleans()),
        gaps=draw(st.sampled_from([(), (1, 1, 2), (1, 5, 2)])),
    )


@FEW_EXAMPLES
@given(recipe=copied_recipes(), edges=st.tuples(st.floats(0, 0.98), st.floats(0.01, 1)))
def test_what_is_sent_of_a_video_is_the_source_from_its_key_frame_on(recipe, edges):
    data = numbered(recipe)
    source = watch(data)
    duration = probe(data).duration_s
    start_s = edges[0] * duration
    end_s = start_s + max(0.01, edges[1] * (duration - start_s))
    with tempfile.TemporaryDirectory() as folder:
        path = saved(folder, data)
        block = video_block(path, start_s=start_s, end_s=end_s)
        received = sent(block, folder)
        assert received == sent(json.loads(json.dumps(block)), folder)
    if "start_s" not in block["extras"]:
        assert received == data
        assert start_s == 0
        assert end_s >= duration - 1e-3
        return
    from_s, to_s = shown(block)
    assert from_s <= start_s + 1e-6
    assert to_s >= min(end_s, duration) - 1e-3  # the header states milliseconds
    planned = probe(data).packets().copy_range(start_s, end_s)
    assert (planned.start_s, planned.end_s) == (from_s, to_s)
    assert len(received) <= planned.size
    assert planned.seconds == block["extras"]["copy_seconds"]
    measured = probe(received)
    # How FFmpeg rounds where distances vary; that of PyAV 19 writes audio in milliseconds.
    tolerance = 1e-3 if recipe.gaps or AV_19 else 1e-6
    assert planned.seconds == pytest.approx(measured.duration_s, abs=tolerance)
    assert planned.has_audio is block["extras"]["copy_has_audio"] is measured.has_audio
    begin = source[0].time
    half = Fraction(1, 2000)
    expected = [
        each for each in source if Fraction(from_s) - half <= each.time - begin < to_s - half
    ]
    seen = watch(received)
    assert [each.digest for each in seen] == [each.digest for each in expected]
    assert [each.number for each in seen] == [each.number for each in expected]
    offsets = [each.time - seen[0].time for each in seen]
    assert offsets == pytest.approx([e.time - expected[0].time for e in expected], abs=2e-4)
    key_before = max(n for n in key_numbers(data) if source[n].time - begin <= start_s + 1e-6)
    assert expected[0].number == key_before
    if recipe.audio:
        heard_until = min(to_s, audio_seconds(data))  # the last frame may be shown for longer
        assert audio_seconds(received) == pytest.approx(heard_until - from_s, abs=0.1)


@functools.cache
def key_numbers(data):
    """Return the numbers of the key frames, which a decoder says of them."""
    import av  # noqa: PLC0415

    with av.open(io.BytesIO(data)) as container:
        frames = container.decode(video=0)
        return [number for number, frame in enumerate(frames) if frame.key_frame]


@pytest.mark.parametrize("name", AUDIO)
@pytest.mark.parametrize("edges", [(0, 1.0), (0.5, 1.25), (1.0, None), (1.2, 99.0)])
def test_what_is_sent_of_audio_are_packets_of_the_source(tmp_path, name, edges):
    data = media_files.make(name)
    path = saved(tmp_path, data, name)
    start_s, end_s = edges
    block = audio_block(path, start_s=start_s, end_s=end_s)
    received = sent(block, tmp_path)
    (from_s, to_s), duration = shown(block), probe(data).duration_s
    assert start_s - 0.35 < from_s <= start_s
    end_s = min(end_s or duration, duration)
    assert end_s - 0.05 <= to_s <= end_s + 0.12
    assert probe(received).duration_s == pytest.approx(to_s - from_s, abs=0.08)
    planned = probe(path).packets().copy_range(start_s, edges[1] or 99.0)
    assert (planned.start_s, planned.end_s) == (from_s, to_s)
    assert len(received) <= planned.size
    if name != "voice.flac":  # its frames are numbered again
        whole, part = packets(data), packets(received)
        first = whole.index(part[0])
        assert part == whole[first : first + len(part)]


@pytest.mark.parametrize("name", ["voice.wav", "voice.mp3", "slow.mp3", "voice.flac", "voice.m4a",
                                  "lossless.m4a"])  # fmt: skip
def test_what_was_asked_for_sounds_as_in_the_source(tmp_path, name):
    """Copies begin early enough that their decoder is right where the range starts."""
    data = media_files.make(name)
    block = audio_block(saved(tmp_path, data, name), start_s=1.3, end_s=2.0)
    whole, part = samples(data), samples(sent(block, tmp_path))
    rate = probe(data).streams[0].sample_rate
    early = round((1.3 - shown(block)[0]) * rate)
    wanted = part[early + 200 : early + round(0.6 * rate)]
    window = wanted[:400]
    lag = min(
        range(round(1.2 * rate), round(1.45 * rate)),
        key=lambda at: sum(
            abs(a - b) for a, b in zip(whole[at : at + 400 : 7], window[::7], strict=False)
        ),
    )
    assert whole[lag : lag + len(wanted)].tolist() == pytest.approx(wanted.tolist(), abs=1e-4)


def test_a_range_is_stated_and_nothing_else_changes(tmp_path):
    path = saved(tmp_path, numbered(Recipe(frames=40, audio=True)))
    whole = video_block(path, fps=1)
    assert video_block(path, fps=1, start_s=None, end_s=None) == whole
    assert video_block(path, fps=1, start_s=0) == whole
    assert video_block(path, fps=1, end_s=float("inf")) == whole
    ranged = video_block(path, fps=1, start_s=1.25, end_s=2.15)
    stated = {"start_s": 1.25, "end_s": 2.15, "shown_start_s": 1.0, "shown_end_s": 2.4}
    seconds = probe(sent(ranged, tmp_path)).duration_s
    tolerance = 1e-3 if AV_19 else 1e-6
    stated |= {"copy_seconds": pytest.approx(seconds, abs=tolerance), "copy_has_audio": True}
    assert ranged == {**whole, "extras": {**whole["extras"], **stated}}
    assert video_block(str(path), start_s=3.3)["extras"]["end_s"] == pytest.approx(4.017, abs=1e-4)
    assert video_block(path.as_uri(), end_s=1)["extras"]["start_s"] == 0.0
    assert file_digest(path) == ranged["extras"]["sha256"]


def test_both_formats_of_a_rotated_video_keep_the_rotation(tmp_path):
    import av  # noqa: PLC0415

    data = bytearray(numbered(Recipe(frames=40)))
    at = data.index(b"tkhd") + 4 + 40  # the matrix of its track: turn it by 90 degrees
    one, minus = (0x10000).to_bytes(4, "big"), (-0x10000).to_bytes(4, "big", signed=True)
    data[at : at + 20] = bytes(4) + one + bytes(4) + minus + bytes(4)
    block = video_block(saved(tmp_path, bytes(data)), start_s=1, end_s=2)
    received = sent(block, tmp_path)
    assert probe(bytes(data)).rotation == probe(received).rotation != 0
    with av.open(io.BytesIO(received)) as container:
        assert next(container.decode(video=0)).rotation


REFUSED = [
    (video_block, "hevc.mp4", "its video codec is hevc, and ranges of H.264 alone are copied"),
    (video_block, "colourful.mp4", "its pixel format is yuv444p"),
    (video_block, "motion_jpeg.mov", "its video codec is mjpeg"),
    (video_block, "video.avi", "its format is AVI, and ranges of MP4 and MOV alone are copied"),
    (video_block, "video.wmv", "its format is WMV"),
    (audio_block, "flac.ogg", "it is OGG with flac"),
    (audio_block, "small.wav", "it is WAV with adpcm_ms"),
]


@pytest.mark.parametrize(("make", "name", "reason"), REFUSED, ids=lambda value: str(value)[:20])
def test_what_cannot_be_copied_is_refused_with_the_call_that_encodes_it(
    tmp_path, make, name, reason
):
    path = saved(tmp_path, media_files.make(name), name)
    with pytest.raises(MediaError) as caught:
        make(path, start_s=0.5, end_s=1.5)
    kind = "video" if make is video_block else "audio"
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)
    call = f"langchain_mimo.prepare.prepare_{kind}(path, start_s=0.5, end_s=1.5)"
    assert str(caught.value).endswith(call)


def test_an_open_group_and_hidden_frames_are_refused(tmp_path):
    data = make_numbered(Recipe(frames=40, open_gop=True, b_frames=3))
    with pytest.raises(MediaError, match="begins an open group"):
        video_block(saved(tmp_path, data), start_s=1.5, end_s=2.5)
    data = make_numbered(Recipe(frames=40, trim=5))
    with pytest.raises(MediaError, match=r"edit list hides .*prepare_video\(path, start_s=0, end"):
        video_block(saved(tmp_path, data), start_s=0, end_s=0.4)


@pytest.mark.parametrize("container", ["matroska", "webm", "mpegts", "avi"])
def test_other_containers_name_the_call_with_the_range(tmp_path, container):
    codec = "libvpx-vp9" if container == "webm" else "libx264"
    path = saved(tmp_path, make_video(container, codec, None), f"video.{container}")
    with pytest.raises(MediaError) as caught:
        video_block(path, start_s=0.1234567891, end_s=0.12345679)
    call = "langchain_mimo.prepare.prepare_video(path, start_s=0.1234567891, end_s=0.12345679)"
    assert call in str(caught.value)


def test_a_range_behind_the_end_is_no_reason_to_encode(tmp_path):
    path = saved(tmp_path, make_video("mp4", "libx265", None))
    with pytest.raises(MediaError, match=r"but the file ends at .* choose an earlier start_s$"):
        video_block(path, start_s=60)


def test_audio_of_a_video_names_prepare_audio(tmp_path):
    path = saved(tmp_path, media_files.make("video.mp4"))
    with pytest.raises(MediaError, match="prepare_audio"):
        audio_block(path, start_s=0.5, end_s=1)


def test_too_large_a_range_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    path = saved(tmp_path, numbered(Recipe(frames=40, audio=True)))
    block = video_block(path, start_s=1, end_s=3)
    monkeypatch.setattr(tempfile, "mkstemp", None)
    with pytest.raises(MediaError, match=r"a copy of its range may have .* choose a shorter range"):
        opened(block, tmp_path, video=8_000)
    monkeypatch.setattr(ranged_files.limits, "MAX_BASE64_CHARACTERS", 8_000)
    with pytest.raises(
        MediaError, match=r"video_block cannot use .* choose a shorter range, or en"
    ):
        video_block(path, start_s=1, end_s=3)


@pytest.mark.parametrize("make", [video_block, audio_block])
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"start_s": 60}, "the range starts at 60 s, but the file ends at"),
        ({"start_s": -1}, "start_s must be a number >= 0, got -1"),
        ({"start_s": True}, "start_s must be a number >= 0, got True"),
        ({"end_s": "five"}, "end_s must be a number >= 0, got 'five'"),
        ({"start_s": "60"}, "the range starts at 60 s, but the file ends at"),
        ({"start_s": 1, "end_s": 1.0000000001}, "from 1 s to 1.0000000001 s is shorter than a mi"),
        ({"start_s": 1, "end_s": "1"}, "end_s must be greater than start_s, got start_s=1 and en"),
        ({"end_s": float("nan")}, "end_s must be a number >= 0, got nan"),
        ({"start_s": float("inf")}, "start_s must be a number >= 0, got inf"),
        ({"end_s": 0}, "end_s must be greater than start_s, got start_s=0 and end_s=0"),
        ({"start_s": 2, "end_s": 1}, "end_s must be greater than start_s, got start_s=2 and end_s"),
    ],
)
def test_ranges_that_are_none_are_refused(tmp_path, make, arguments, reason):
    name = "video.mp4" if make is video_block else "voice.wav"
    path = saved(tmp_path, media_files.make(name), name)
    with pytest.raises(MiMoInputError) as caught:
        make(path, **arguments)
    assert reason in str(caught.value)
    assert "prepare_" not in str(caught.value)  # encoding it would not help


@pytest.mark.parametrize("name", AUDIO)
def test_a_start_right_at_the_end_is_refused(tmp_path, name):
    path = saved(tmp_path, media_files.make(name), name)
    duration = probe(path).packets().duration_s
    text = f"but the file ends at {duration:.3f} s; choose an earlier start_s"
    with pytest.raises(MediaError, match=text):
        audio_block(path, start_s=duration)
    for early in (4e-7, 1e-9):  # not all lengths are whole microseconds
        with suppress(MediaError):
            assert audio_block(path, start_s=duration - early)["extras"]["copy_seconds"] > 0


@pytest.mark.parametrize("name", AUDIO)
def test_the_shortest_ranges_are_heard_or_refused_where_the_block_is_made(tmp_path, name):
    path = saved(tmp_path, media_files.make(name), name)
    for end_s in (0.001, 0.02):
        if name.endswith("mp3"):
            with pytest.raises(MediaError, match="1 packet of mp3, and 2 are needed to hear it; "):
                audio_block(path, end_s=end_s)
        else:
            assert len(samples(sent(audio_block(path, end_s=end_s), tmp_path))) > 0
    for start_s, end_s in ((0, 0.05), (0.5, 0.5001), (0.99, None)):
        block = audio_block(path, start_s=start_s, end_s=end_s)
        assert len(samples(sent(block, tmp_path))) > 0


def test_numbers_may_be_spelled(tmp_path):
    path = saved(tmp_path, numbered(Recipe(frames=40)))
    spelled = video_block(path, start_s="1.25", end_s="2")
    assert spelled == video_block(path, start_s=1.25, end_s=2)
    assert video_block(path, start_s="1", end_s="inf") == video_block(path, start_s=1)


@pytest.mark.parametrize("make", [video_block, audio_block])
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("https://a.example/x.mp4", "a time range of a URL, which MiMo reads as a whole; download"),
        ("HTTP://a.example/x.mp4", "a time range of a URL"),
        ("data:video/mp4;base64,AAAA", "a time range of a data URL; give the path of the file, or"),
        (b"abc", "a time range of bytes; give the path of the file, or cut it with langchain_mimo"),
        (io.BytesIO(b"abc"), "a time range of a file object"),
    ],
)
def test_ranges_of_what_is_no_file_are_refused(make, source, reason):
    with pytest.raises(MediaError) as caught:
        make(source, start_s=1)
    assert reason in str(caught.value)


NUMBERS = st.one_of(
    st.floats(), st.integers(-5, 100), st.booleans(), st.text(max_size=3), st.just([1]), st.just({}),
    st.sampled_from(["1", 10**400, -0.0]),
)  # fmt: skip


@given(
    extras=st.dictionaries(
        st.sampled_from(
            ["start_s", "end_s", "shown_start_s", "shown_end_s", "copy_seconds", "copy_has_audio"]
        ),
        NUMBERS,
        min_size=1,
    )
)
def test_ranges_in_hostile_extras_are_ranges_or_refused_before_anything_is_opened(extras):
    block = {"type": "video", "url": "file:///nowhere/video.mp4", "extras": extras}
    refused = None
    try:
        reference = reference_of(block)
    except MediaError as error:
        refused = error
    if refused is not None:
        assert (refused.message_index, refused.block_index) == (3, 1)
        assert "video_block(path, start_s=…, end_s=…)" in str(refused)
        return
    time_range = reference.source.time_range
    values = [time_range.start_s, time_range.end_s, time_range.seconds, *(time_range.shown or ())]
    assert all(each is None or 0 <= each < float("inf") for each in values)
    assert time_range.end_s is None or time_range.start_s < time_range.end_s
    assert {"start_s", "end_s"} & extras.keys()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"shown_start_s": 0.5},
            "a copy of its range shows 1.000 to 2.400 s, but the block states ",
        ),
        (
            {"copy_seconds": 0.5},
            "a copy of its range lasts 1.400 s, but the block states 0.500 s; create the block",
        ),
        (
            {"copy_has_audio": True},
            "a copy of its range has no audio, but the block states something else; create the",
        ),
        ({"start_s": 70, "end_s": 80}, "the range starts at 70 s, but the file ends at 4.0"),
        ({"sha256": "0" * 64}, "has changed since the block was created; create the block again"),
        ({"size": 5}, "has changed since the block was created; create the block again"),
    ],
)
def test_extras_that_do_not_fit_the_file_are_refused_when_it_is_opened(tmp_path, changes, reason):
    path = saved(tmp_path, numbered(Recipe(frames=40)))
    block = video_block(path, start_s=1.25, end_s=2.15)
    block["extras"] |= changes
    with pytest.raises(MediaError) as caught:
        sent(block, tmp_path)
    assert reason in str(caught.value)
    assert (caught.value.message_index, caught.value.block_index) == (3, 1)


def test_a_range_of_a_file_that_is_too_large_itself(tmp_path):
    """Its size is no reason against a range, and its end is there though nobody reads it."""
    path = saved(tmp_path, numbered(Recipe(frames=40)))
    with path.open("ab") as file:
        file.write((60_000_000).to_bytes(4, "big") + b"free")
        file.truncate(file.tell() + 60_000_000 - 8)
    with pytest.raises(MediaError, match="MiMo accepts at most"):
        video_block(path)
    with pytest.raises(MediaError, match="MiMo accepts at most"):
        video_block(path, start_s=0, end_s=4)
    block = video_block(path, start_s=2, end_s=3)
    assert [each.number for each in watch(sent(block, tmp_path))] == list(range(20, 30))
    saved(tmp_path, path.read_bytes(), seconds_ago=0)
    assert len(watch(sent(block, tmp_path))) == 10


def test_a_range_by_hand_that_is_the_whole_file_sends_it(tmp_path):
    data = numbered(Recipe(frames=40))
    path = saved(tmp_path, data)
    block = video_block(path)
    block["extras"] |= {"start_s": 0, "end_s": 70}
    assert sent(block, tmp_path) == data
    with opened(block, tmp_path) as media:
        slices = media.slices(4000)
        next(slices)
        saved(tmp_path, data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(MediaError, match="has changed since the block was created"):
            list(slices)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_many_copies_take_no_memory(tmp_path):
    """Ten copies of 8 MB each, of which not four may be kept."""
    size, rate = 12_000_000, 44100
    fields = (b"RIFF", size + 36, b"WAVEfmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size)
    head = struct.pack("<4sI8sIHHIIHH4sI", *fields)
    path = saved(tmp_path, head + bytes(size), "long.wav")
    block = audio_block(path, start_s=20, end_s=110)

    def resident():
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def send():
        with opened(block, tmp_path) as media:
            return sum(map(len, media.slices()))

    assert send() > 10_000_000
    before = resident()
    for _ in range(10):
        send()
    assert resident() - before < 32_000_000


def test_a_file_that_changed_is_refused(tmp_path):
    path = saved(tmp_path, numbered(Recipe(frames=40)))
    block = video_block(path, start_s=1.25, end_s=2.15)
    sent(block, tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    saved(tmp_path, bytes(data), seconds_ago=30)
    with pytest.raises(MediaError, match="has changed since the block was created"):
        sent(block, tmp_path)


def test_a_file_that_changed_in_place_is_refused_when_its_time_is_set_back(tmp_path, monkeypatch):
    monkeypatch.setattr(known_files, "SETTLED_NS", 0)
    path = saved(tmp_path, numbered(Recipe(frames=40)))
    block = video_block(path, start_s=1.25, end_s=2.15)
    sent(block, tmp_path)
    before, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    time.sleep(0.03)  # a tick of the kernel
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(MediaError, match="has changed since the block was created"):
        sent(block, tmp_path)
    assert video_block(path)["extras"]["sha256"] == hashlib.sha256(data).hexdigest()


def test_many_ranges_of_a_file_read_it_once(tmp_path, monkeypatch):
    path = saved(tmp_path, numbered(Recipe(frames=40, audio=True)))
    monkeypatch.setattr(known_files, "SETTLED_NS", 0)
    read, built = [], []
    monkeypatch.setattr(
        digests, "_read", lambda *args, real=digests._read: read.append(1) or real(*args)
    )
    build = ranged_files.build_index
    monkeypatch.setattr(ranged_files, "build_index", lambda *args: built.append(1) or build(*args))
    digests.known_digests.clear()
    known_indexes.known.clear()
    blocks = [video_block(path, start_s=n / 20, end_s=n / 20 + 0.3) for n in range(10)]
    for block in blocks:
        sent(block, tmp_path)
    assert (len(read), len(built)) == (1, 1)
    monkeypatch.setattr(known_files, "SETTLED_NS", 10**12)
    for _ in range(2):
        video_block(path, start_s=1, end_s=2)
    assert (len(read), len(built)) == (3, 3)  # it may still be written to


def test_an_inspection_counts_the_range_and_copies_nothing(tmp_path, monkeypatch):
    path = saved(tmp_path, numbered(Recipe(frames=40, audio=True)))
    block = video_block(path, start_s=1.25, end_s=2.15)
    monkeypatch.setattr(tempfile, "mkstemp", None)
    policy = MediaPolicy([str(tmp_path)])
    seconds = 1.4141972789115647  # its last audio packet goes on behind its last frame
    assert inspect_media(reference_of(block), policy).header.duration == seconds
    del block["extras"]["copy_seconds"]
    assert inspect_media(reference_of(block), policy).header.duration == seconds
    del block["extras"]["copy_has_audio"]
    del block["extras"]["shown_start_s"], block["extras"]["shown_end_s"]
    assert inspect_media(reference_of(block), policy).header.duration == seconds
    block["extras"] |= {"shown_start_s": 1.0, "shown_end_s": 9.0}
    with pytest.raises(MediaError, match=r"but the file ends at 4\.\d+ s; create the block again"):
        inspect_media(reference_of(block), policy)


def test_nothing_is_left_of_a_copy(tmp_path, monkeypatch):
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    path = saved(tmp_path, numbered(Recipe(frames=40)))
    block = video_block(path, start_s=1.25, end_s=2.15)
    descriptors = Path("/proc/self/fd")
    before = set(descriptors.iterdir()) if descriptors.exists() else set()
    with opened(block, tmp_path) as media:
        first = b"".join(media.slices())
        assert first == b"".join(media.slices())
        assert not list(spool.iterdir())
    monkeypatch.setattr(ranged_files, "copy_planned", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sent(block, tmp_path)
    assert not list(spool.iterdir())
    if before:
        assert set(descriptors.iterdir()) == before


def test_a_full_or_missing_temporary_folder_is_named(tmp_path, monkeypatch):
    path = saved(tmp_path, numbered(Recipe(frames=40)))
    block = video_block(path, start_s=1.25, end_s=2.15)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(MediaError, match=r"temporary folder .*missing.*: No such file .*TMPDIR"):
        sent(block, tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ranged_files, "copy_planned", full)
    with pytest.raises(MediaError, match=r"No space left on device; make room there, or choose"):
        sent(block, tmp_path)
