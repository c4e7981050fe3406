"""MP4 and MOV by their headers: fragments, edit lists, wrong lengths, sizes of 64 bits."""

import struct
import tracemalloc

import media_files
import pytest
from media_collection import find
from media_collection.video_headers import boxes, without_fragments
from media_collection.writing import av_file

from langchain_mimo._media.formats import MP4
from langchain_mimo._media.headers import mp4
from langchain_mimo._media.headers.probe import probe
from langchain_mimo._media.headers.reader import MAX_BYTES, HeaderReader, TruncatedMediaError
from langchain_mimo._media.readers import MemoryReader

FRAGMENTED = {"gop": 5, "audio": None, "options": {"movflags": "frag_keyframe+empty_moov"}}


def measure(data):
    return probe(MemoryReader(data), MP4)


def box(name, content=b""):
    return struct.pack(">I4s", len(content) + 8, name) + content


def full(version, *values, flags=0):
    """Return version and flags, then 32-bit numbers, signed or not."""
    numbers = b"".join(struct.pack(">I", value & 0xFFFFFFFF) for value in values)
    return struct.pack(">I", version << 24 | flags) + numbers


def track(number, handler, *tables, timescale=1000, duration=0, edits=(), entry=b"", extra=b""):
    """Return a track; `edits` are pairs of length and start."""
    header = full(0, 0, 0, number, 0, 0) + bytes(60)
    edit_list = full(0, len(edits), *(v for length, start in edits for v in (length, start, 65536)))
    descriptions = box(b"stsd", full(0, 1) + (entry or box(b"test", bytes(8))))
    return box(
        b"trak",
        box(b"tkhd", header)
        + extra
        + (box(b"edts", box(b"elst", edit_list)) if edits else b"")
        + box(
            b"mdia",
            box(b"mdhd", full(0, 0, 0, timescale, duration, 0))
            + box(b"hdlr", full(0, 0) + handler + bytes(13))
            + box(b"minf", box(b"stbl", descriptions + b"".join(tables))),
        ),
    )


def table(name, *rows):
    return box(name, full(0, len(rows), *(value for row in rows for value in row)))


def movie(*tracks, duration=0, extra=b""):
    head = box(b"mvhd", full(0, 0, 0, 1000, duration) + bytes(80))
    return box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", head + b"".join(tracks) + extra)


def fragment(number, start, *gaps):
    """Return a fragment whose samples last so long each, and which starts there if not at None."""
    run = full(0, len(gaps), *gaps, flags=0x100)
    time = box(b"tfdt", full(0, start)) if start is not None else b""
    content = box(b"tfhd", full(0, number)) + time + box(b"trun", run)
    return box(b"moof", box(b"mfhd", full(0, 1)) + box(b"traf", content)) + box(b"mdat", b"x")


FRAGMENTS_FOLLOW = box(b"mvex", box(b"trex", full(0, 1, 1, 0, 0, 0)))


@pytest.mark.parametrize(
    ("edits", "seconds"),
    [
        ((), 6.0),
        ([(6000, 0)], 6.0),
        ([(2000, 1000)], 2.0),
        ([(9000, 1000)], 5.0),  # no edit shows more than there is
        ([(0, 1000)], 5.0),  # to the end
        ([(2000, 0), (1500, 4000)], 3.5),  # the middle is cut out
        ([(4000, 0), (4000, 0)], 8.0),  # twice
        ([(500, -1), (2000, 1000)], 2.0),  # a gap before it is no part of what is shown
        ([(1000, 0)] * 100, 6.0),  # too many to be read
    ],
)
def test_edit_lists_say_what_is_shown(edits, seconds):
    data = movie(track(1, b"vide", table(b"stts", (6, 1000)), edits=edits))
    assert measure(data).duration == pytest.approx(seconds)


def test_a_gap_before_one_track_counts_while_another_is_shown():
    samples = table(b"stts", (6, 1000))
    late = track(1, b"vide", samples, edits=[(1500, -1), (6000, 0)])
    assert measure(movie(late, track(2, b"soun", samples))).duration == pytest.approx(7.5)


@pytest.mark.parametrize("duration", [0, 1, 500, 6000, 60_000, 0xFFFFFFFF])
@pytest.mark.parametrize("track_duration", [0, 3, 6000, 90_000, 0xFFFFFFFF])
def test_the_samples_count_and_not_what_headers_state(duration, track_duration):
    samples = table(b"stts", (6, 1000))
    data = movie(track(1, b"vide", samples, duration=track_duration), duration=duration)
    assert measure(data).duration == pytest.approx(6)


def test_the_movies_length_counts_only_where_tracks_state_none():
    assert measure(movie(track(1, b"vide"), duration=4500)).duration == pytest.approx(4.5)
    assert measure(movie(track(1, b"vide"), duration=0)).duration is None
    assert measure(movie(track(1, b"vide", duration=3000), duration=4500)).duration == 3


def test_headers_may_have_times_of_64_bits():
    hour = 3600 * 1000
    wide = full(1, 0, 0, 0, 0, 1000, 2, hour)  # 2**33 units and an hour
    seconds = (2 * (1 << 32) + hour) / 1000
    media = box(b"mdia", box(b"mdhd", wide) + box(b"hdlr", full(0, 0) + b"vide" + bytes(13)))
    data = box(b"moov", box(b"mvhd", wide + bytes(80)) + box(b"trak", media))
    assert measure(data).duration == pytest.approx(seconds)
    cut = box(b"edts", box(b"elst", full(1, 1, 0, 5000, 2, 0, 65536)))  # 5 s from 2**33 on
    data = box(b"moov", box(b"mvhd", wide + bytes(80)) + box(b"trak", media + cut))
    assert measure(data).duration == pytest.approx(5)


def test_thousands_of_years_are_not_believed():
    start = box(b"tfdt", full(1, 0x7FFFFFFF, 0))
    content = box(b"tfhd", full(0, 1)) + start + box(b"trun", full(0, 1, 1000, flags=0x100))
    last = box(b"moof", box(b"mfhd", full(0, 1)) + box(b"traf", content))
    data = movie(track(1, b"vide"), extra=FRAGMENTS_FOLLOW) + fragment(1, 0, 1000) + last
    header = measure(data)
    assert (header.duration, header.has_video) == (None, True)


def test_frames_that_are_shown_last_need_not_be_decoded_last():
    # Shown at 0, 1, 2, 5: the last frame is decoded before the third.
    tables = (
        table(b"stts", (1, 1000), (2, 1000), (1, 1)),
        table(b"ctts", (1, 1000), (1, 1000), (1, 4000), (1, 0)),
    )
    header = measure(movie(track(1, b"vide", *tables)))
    assert header.duration == pytest.approx(6)


def test_a_table_of_any_length_is_read_at_both_ends():
    count = 2_000_000
    rows = struct.pack(">II", 1, 40) * count
    tables = box(b"stts", full(0, 1, count, 40)), box(b"ctts", full(0, count) + rows)
    header = measure(movie(track(1, b"vide", *tables)))
    assert header.duration == pytest.approx(count / 25)


def test_a_table_of_noise_costs_little_memory():
    count = 500_000
    rows = struct.pack(
        f">{2 * count}I", *(n for at in range(count) for n in (1, at * 7919 % 65521))
    )
    data = movie(track(1, b"vide", box(b"stts", full(0, count) + rows), timescale=90_000))
    tracemalloc.start()
    header = measure(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert header.streams[0].is_variable_frame_rate
    assert header.duration == pytest.approx(sum(at * 7919 % 65521 for at in range(count)) / 90_000)
    assert peak < 5_000_000


def test_tracks_that_show_nothing_do_not_count():
    samples = table(b"stts", (6, 1000))
    tracks = [
        track(number, handler, table(b"stts", (60, 1000)))
        for number, handler in enumerate((b"tmcd", b"text", b"meta", b"hint"), 2)
    ]
    header = measure(movie(track(1, b"soun", samples), *tracks))
    assert header.duration == pytest.approx(6)
    assert (header.has_video, header.has_audio) == (False, True)
    assert [stream.kind for stream in header.streams] == [
        "audio",
        "data",
        "subtitle",
        "data",
        "data",
    ]


def test_images_of_chapters_are_no_video():
    chapters = box(b"tref", box(b"chap", struct.pack(">I", 2)))
    samples = table(b"stts", (6, 1000))
    audio = track(1, b"soun", samples, extra=chapters)
    header = measure(movie(audio, track(2, b"vide", table(b"stts", (2, 30_000)))))
    assert (header.has_video, header.duration) == (False, pytest.approx(6))
    assert [stream.kind for stream in header.streams] == ["audio", "image"]


@pytest.mark.parametrize(
    ("matrix", "degrees", "shown"),
    [
        ((1, 0, 0, 1), 0, (640, 360)),
        ((0, 1, -1, 0), 90, (360, 640)),
        ((-1, 0, 0, -1), 180, (640, 360)),
        ((0, -1, 1, 0), 270, (360, 640)),
    ],
)
@pytest.mark.parametrize("version", [0, 1])
def test_the_matrix_rotates(matrix, degrees, shown, version):
    a, b, c, d = (value * 65536 for value in matrix)
    times = (0, 0, 1, 0, 0) if version == 0 else (0, 0, 0, 0, 1, 0, 0, 0)
    header = full(version, *times, 0, 0, 0, 0, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    header += struct.pack(">II", 640 << 16, 360 << 16)
    data = movie(track(1, b"vide", table(b"stts", (6, 1000))))
    old = data.index(b"tkhd") - 4
    size = struct.unpack_from(">I", data, old)[0]
    changed = data[:old] + box(b"tkhd", header) + data[old + size :]
    more = len(changed) - len(data)
    for name in (b"moov", b"trak"):
        at = changed.index(name) - 4
        size = struct.unpack_from(">I", changed, at)[0]
        changed = changed[:at] + struct.pack(">I", size + more) + changed[at + 4 :]
    found = measure(changed)
    assert found.streams[0].rotation == degrees
    assert (found.display_width, found.display_height) == shown


def test_a_compressed_index_leaves_everything_unknown():
    data = box(b"moov", box(b"cmov", box(b"dcom", b"zlib") + bytes(30)))
    header = measure(data)
    assert (header.duration, header.has_video, header.has_audio) == (None, None, None)


@pytest.mark.parametrize(
    ("gaps", "is_variable"),
    [
        ([(100, 40)], False),
        ([(99, 40), (1, 400)], False),
        ([(50, 33), (50, 34)], False),  # the rounding of a coarse time base
        ([(50, 40), (50, 80)], True),
        ([(90, 40), (10, 400)], True),
    ],
)
def test_a_few_irregular_gaps_are_no_variable_frame_rate(gaps, is_variable):
    (stream,) = measure(movie(track(1, b"vide", table(b"stts", *gaps)))).streams
    frames, length = sum(n for n, _ in gaps), sum(n * gap for n, gap in gaps)
    assert stream.is_variable_frame_rate is is_variable
    assert stream.frame_rate == pytest.approx(frames * 1000 / length)


# --- fragments -------------------------------------------------------------------------------------


def fragmented(*fragments, **options):
    return movie(track(1, b"vide", **options), extra=FRAGMENTS_FOLLOW) + b"".join(fragments)


def test_fragments_count_from_the_first_to_the_last():
    first, last = fragment(1, 0, 1000, 1000), fragment(1, 2000, 1000)
    assert measure(fragmented(first, last)).duration == pytest.approx(3)
    assert measure(fragmented(last)).duration == pytest.approx(1)  # the middle of a stream
    gap = fragmented(first, fragment(1, 7000, 1000))
    assert measure(gap).duration == pytest.approx(8)  # a player waits


def test_fragments_without_a_time_follow_each_other():
    data = fragmented(*(fragment(1, None, 400, 600) for _ in range(100)))
    assert measure(data).duration == pytest.approx(100)


def test_fragments_in_the_middle_are_not_read():
    fragments = [fragment(1, at * 1000, *[10] * 100) for at in range(3000)]
    reader = HeaderReader(MemoryReader(fragmented(*fragments)))
    assert mp4.probe_mp4(reader).duration == pytest.approx(3000)
    assert MAX_BYTES - reader._bytes < 1_000_000


def test_of_very_many_fragments_the_last_are_found_from_the_end():
    data = fragmented(*(fragment(1, at * 40, 40) for at in range(30_000)))
    assert measure(data).duration == pytest.approx(1200)


def test_of_very_many_fragments_without_time_what_the_file_states_counts():
    fragments = [fragment(1, None, 40) for _ in range(30_000)]
    assert measure(fragmented(*fragments)) is None
    stated = box(b"mvex", box(b"mehd", full(0, 1_200_000)) + FRAGMENTS_FOLLOW[8:])
    data = movie(track(1, b"vide"), extra=stated) + b"".join(fragments)
    assert measure(data).duration == pytest.approx(1200)
    rows = [(100, 600_000, 0), (100, 500_000, 0), (1 << 31 | 100, 9_000, 0)]
    index = full(0, 1, 1000, 0, 0) + struct.pack(">HH", 0, 3)
    index += b"".join(struct.pack(">III", *row) for row in rows)
    data = movie(track(1, b"vide"), extra=stated) + box(b"sidx", index) + b"".join(fragments)
    assert measure(data).duration == pytest.approx(
        1100
    )  # what refers to other indexes is not added


def test_fragments_after_samples_in_the_index():
    data = movie(track(1, b"vide", table(b"stts", (4, 1000))), extra=FRAGMENTS_FOLLOW)
    assert measure(data + fragment(1, 4000, 1000)).duration == pytest.approx(5)
    assert measure(data + fragment(1, None, 1000)).duration == pytest.approx(5)


def test_shifts_in_fragments_are_signed():
    run = full(0, 3, 1000, -500, 1000, 500, 1000, 0, flags=0x900)
    content = box(b"tfhd", full(0, 1)) + box(b"tfdt", full(0, 500)) + box(b"trun", run)
    data = fragmented(box(b"moof", box(b"mfhd", full(0, 1)) + box(b"traf", content)))
    assert measure(data).duration == pytest.approx(3.5)  # from 0 to 3500


def test_a_file_without_its_last_fragments_is_measured_as_it_is():
    whole = av_file("mp4", **FRAGMENTED)
    assert measure(whole).duration == pytest.approx(2)
    assert measure(without_fragments(whole, {3})).duration == pytest.approx(1.5)
    assert measure(without_fragments(whole, {0, 3})).duration == pytest.approx(1)


def test_a_file_cut_in_a_fragment_is_truncated_and_says_what_is_there():
    whole = av_file("mp4", **FRAGMENTED)
    last = [end for name, _, end in boxes(whole) if name == b"mdat"][-1]
    with pytest.raises(TruncatedMediaError, match="truncated") as raised:
        measure(whole[: last - 5])
    assert raised.value.header.duration == pytest.approx(2)


def test_a_file_cut_in_its_media_promises_at_most_its_length():
    data = find("cut_after_index.mp4").data
    with pytest.raises(TruncatedMediaError) as raised:
        measure(data)
    header = raised.value.header
    assert (header.duration, header.duration_range) == (None, (0.0, pytest.approx(2)))
    assert (header.width, header.height) == (96, 64)


def test_media_to_the_end_of_the_file():
    data = movie(track(1, b"vide", table(b"stts", (4, 1000))))
    assert measure(data + struct.pack(">I4s", 0, b"mdat") + bytes(99)).duration == pytest.approx(4)


@pytest.mark.parametrize("more", [b"\0\0\0\3free", b"\0\0\0\0", bytes(4096), b"<html>" * 9])
def test_what_follows_a_complete_file_is_ignored(more):
    assert measure(media_files.make("video.mp4") + more).duration == pytest.approx(2)


# --- audio -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoder", "codec", "layout", "channels"),
    [
        ("aac", "mp4a", "mono", 1),
        ("aac", "mp4a", "stereo", 2),
        ("aac", "mp4a", "5.1", 6),
        ("libmp3lame", ".mp3", "stereo", 0),
        ("libopus", "Opus", "mono", 1),
        ("flac", "fLaC", "stereo", 2),
        ("alac", "alac", "mono", 1),
    ],
)
def test_channels_are_read_where_they_are_true(encoder, codec, layout, channels):
    data = av_file("mp4", None, encoder, seconds=0.5, sample_rate=48000, layout=layout)
    (stream,) = measure(data).streams
    assert (stream.kind, stream.codec, stream.sample_rate) == ("audio", codec, 48000)
    assert stream.channels == (channels or None)
