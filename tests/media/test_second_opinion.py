"""What `probe` says of the collection, against ffprobe: `make test-media`.

ffprobe reads the files with code that is neither ours nor PyAV's build of FFmpeg. Where the two
differ, the file is listed here with the reason; a listed difference that is gone fails too.
"""

import functools
import json
import shutil
import subprocess

import media_collection
import pytest

from langchain_mimo.media import probe

FFPROBE = shutil.which("ffprobe")
pytestmark = [
    pytest.mark.second_opinion,
    pytest.mark.skipif(
        FFPROBE is None, reason="ffprobe is not installed (Debian and Ubuntu: apt install ffmpeg)"
    ),
]

DURATIONS = {
    "mpeg_2_5.mp3": "ffprobe counts the encoder's delay and padding, which the Xing tag takes off",
    "low_bit_rate.mp3": "ffprobe counts the encoder's delay and padding, which the Xing tag takes off",
    "cut.mp3": "ffprobe trusts the frame count of the Xing tag; 40 % of the frames are gone",
    "speech_server.mp3": "ffprobe counts the delay of the first part's encoder",
    "joined.ogg": "ffprobe subtracts the positions of two streams that both begin at 0",
    "chained.ogg": "ffprobe reads the first of two streams",
    "late_opus.ogg": "ffprobe counts from position 0, where the recording does not begin",
    "without_index.avi": "ffprobe guesses from the bit rate where there is no index",
    "cut.avi": "ffprobe guesses from the bit rate where there is no index",
    "wrong_length.avi": "ffprobe guesses from the bit rate where the index is not found",
    "pipe.avi": "ffprobe guesses from the bit rate where there is no index",
    "movie_length_too_long.mp4": "ffprobe trusts the length in the header of the movie",
    "movie_length_too_short.mp4": "ffprobe trusts the length in the header of the movie",
    "later_fragments.mp4": "ffprobe counts from time 0, where the first fragment does not begin",
    "cmaf.mp4": "ffprobe counts the delay of the first frame in fragments",
    "dash_index.mp4": "ffprobe counts the delay of the first frame in fragments",
    "smooth_streaming.mp4": "ffprobe counts the delay of the first frame in fragments",
    "late_start.mp4": "ffprobe counts an empty edit before the first frame and audio",
    "late_start.wmv": "ffprobe counts from time 0, where the first packet does not begin",
    "audio_first.wmv": "ffprobe counts the start of the video twice",
    "h264.flv": "ffprobe counts from time 0, where the first packet does not begin",
    "late_start.mkv": "ffprobe counts from time 0, where the first packet does not begin",
    "without_length.flv": "ffprobe guesses from the bit rate where no length is stated",
    "cut.mkv": "ffprobe trusts the length in the header, and the last packets are missing",
}
"""Files whose duration ffprobe takes for another, and why."""

KEY_FRAMES = {
    "bare.h264": "a bare stream has no times, so key_frames() gives none",
    "bare.h265": "a bare stream has no times, so key_frames() gives none",
}
"""Files in which ffprobe counts other key frames, and why."""

RATES = {
    "v_vfr.mp4": "ffprobe leaves the time of the last frame out of the mean",
    "odd_times.mp4": "ffprobe leaves the time of the last frame out of the mean",
}
"""Files for which ffprobe has another mean frame rate, and why."""

TOO_SHORT = 0.001
"""Seconds; ffprobe writes none, or next to none, where it does not know."""

SECONDS = 0.06
"""Tolerance of durations: ffprobe counts the samples with which a codec fills its last frame."""

_READABLE = [file for file in media_collection.collection() if file.prepared != "refused"]
AUDIO_AND_VIDEO = [f for f in _READABLE if f.kind != "image" and f.name != "moving.gif.mp4"]
VIDEO = [file for file in AUDIO_AND_VIDEO if file.kind == "video"]
IMAGES_OF_OTHERS = (".heic", ".icns", ".avif")
"""ffprobe reads the tiles of these formats, or none of their images."""


@pytest.fixture(scope="module")
def second_opinion(tmp_path_factory):
    folder = tmp_path_factory.mktemp("second_opinion")

    @functools.cache
    def ask(name):
        path = folder / name
        path.write_bytes(media_collection.find(name).data)
        what = "format:stream:stream_disposition:stream_side_data:packet=stream_index,flags"
        command = [FFPROBE, "-v", "error", "-count_frames", "-show_entries", what]
        command += ["-of", "json", str(path)]
        done = subprocess.run(command, capture_output=True, check=False)
        return json.loads(done.stdout or b"{}")

    return ask


def streams_of(opinion, kind):
    """Return ffprobe's streams of a kind, without covers."""
    return [
        stream
        for stream in opinion["streams"]
        if stream["codec_type"] == kind and not stream["disposition"]["attached_pic"]
    ]


def rotation_of(stream):
    """Return the degrees clockwise that a player turns the frames."""
    turned = [data["rotation"] for data in stream.get("side_data_list", ()) if "rotation" in data]
    return -turned[0] % 360 if turned else 0


def check_listed(listed, name, agree, message):
    if name in listed:
        assert not agree, f"{name} agrees now: take it from the list"
    else:
        assert agree, message


@pytest.mark.parametrize("file", AUDIO_AND_VIDEO, ids=str)
def test_durations(file, second_opinion):
    info = probe(file.data)
    stated = float(second_opinion(file.name)["format"].get("duration", 0))
    if stated < TOO_SHORT:  # ffprobe knows of none
        assert (
            info.duration_s is None
            or file.seconds is None
            or info.duration_s == pytest.approx(file.seconds, abs=SECONDS)
        )
        return
    least, most = info.duration_range_s or (0.0, 0.0)
    agree = least - SECONDS <= stated <= most + SECONDS
    check_listed(DURATIONS, file.name, agree, f"{info.duration_range_s}, ffprobe: {stated}")


@pytest.mark.parametrize("file", VIDEO, ids=str)
def test_sizes_rotations_and_rates(file, second_opinion):
    info = probe(file.data)
    stream = streams_of(second_opinion(file.name), "video")[0]
    assert (info.width, info.height) == (stream["width"], stream["height"])
    assert (info.rotation or 0) == rotation_of(stream)
    top, bottom = map(int, stream["avg_frame_rate"].split("/"))
    if info.frame_rate is not None and file.name not in RATES:
        assert info.frame_rate == pytest.approx(top / bottom, rel=0.05)


@pytest.mark.parametrize("file", VIDEO, ids=str)
def test_frame_counts_of_the_collection(file, second_opinion):
    stream = streams_of(second_opinion(file.name), "video")[0]
    if file.frames is not None:
        assert int(stream["nb_read_frames"]) == file.frames


@pytest.mark.parametrize("file", VIDEO, ids=str)
def test_key_frames(file, second_opinion):
    opinion = second_opinion(file.name)
    index = streams_of(opinion, "video")[0]["index"]
    packets = opinion.get("packets") or opinion["packets_and_frames"]
    flags = [packet["flags"] for packet in packets if packet.get("stream_index") == index]
    marked = [flag for flag in flags if "K" in flag and "D" not in flag]
    found = probe(file.data).key_frames()
    agree = len(found) == len(marked)
    check_listed(KEY_FRAMES, file.name, agree, f"{found}, ffprobe: {len(marked)}")


@pytest.mark.parametrize("file", AUDIO_AND_VIDEO, ids=str)
def test_audio_streams(file, second_opinion):
    ours = [stream for stream in probe(file.data).streams if stream.kind == "audio"]
    theirs = streams_of(second_opinion(file.name), "audio")
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.sample_rate in (None, int(other["sample_rate"]))
        assert mine.channels in (None, int(other["channels"]))


@pytest.mark.parametrize(
    "file",
    [f for f in _READABLE if f.kind == "image" and f.suffix not in IMAGES_OF_OTHERS],
    ids=str,
)
def test_sizes_of_images(file, second_opinion):
    info = probe(file.data)
    shown = (info.display_width, info.display_height)
    assert shown == file.shown
    streams = second_opinion(file.name).get("streams")
    if streams and streams[0].get("width"):
        assert (info.width, info.height) == (streams[0]["width"], streams[0]["height"])


def test_listed_files_exist_and_have_a_reason():
    known = {file.name for file in AUDIO_AND_VIDEO}
    for listed in (DURATIONS, KEY_FRAMES, RATES):
        assert set(listed) <= known
        assert all(len(reason) > 20 for reason in listed.values())
