"""The pieces of a file are cut by one index, which is made again when the file changes."""

import functools
import io
import os
import time
from typing import NamedTuple

import av
import pytest
from media_files import make, make_video
from PIL import ImageChops, ImageStat

from langchain_mimo._media import known_files
from langchain_mimo._media.cutting import known_indexes
from langchain_mimo.prepare import prepare_many, prepare_video, video


@pytest.fixture
def builds(monkeypatch):
    """The indexes that were built, none of which is known before; files count as settled."""
    built, survey = [], video.survey_packets

    def counted(*arguments):
        built.append(survey(*arguments))
        return built[-1]

    monkeypatch.setattr(video, "survey_packets", counted)
    monkeypatch.setattr(known_files, "SETTLED_NS", 0)
    known_indexes.known.clear()
    yield built
    known_indexes.known.clear()


def write(path, data, seconds_ago=60.0):
    path.write_bytes(data)
    changed = time.time() - seconds_ago
    os.utime(path, (changed, changed))


PIECES = [(0, 1.5), (1.25, 3.0), (3, 3.5), (2.2, None)]


def cut(source):
    return [shown(prepare_video(source, start_s=start, end_s=end)) for start, end in PIECES]


class Shown(NamedTuple):
    """What a result shows: when its packets and frames are due, and its frames."""

    times: list
    frames: list

    def __eq__(self, other):
        """Compare without what an encoder may write differently for the same frames.

        Now and then H.264 or AAC of the same frames was not the same bytes, with PyAV 19.
        """
        return (
            self.times == other.times
            and len(self.frames) == len(other.frames)
            and all(map(look_alike, self.frames, other.frames))
        )

    __hash__ = None


def look_alike(one, other):
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) < 6


def shown(prepared):
    with av.open(io.BytesIO(prepared.data)) as file:
        times = [(each.stream.type, each.pts, each.dts, each.duration) for each in file.demux()]
    with av.open(io.BytesIO(prepared.data)) as file:
        frames = [frame.to_image() for frame in file.decode(video=0)]
    assert not any(map(look_alike, frames, frames[1:]))
    return Shown(times, frames)


def test_the_pieces_of_a_file_share_an_index(tmp_path, builds):
    path = tmp_path / "lecture.mkv"
    data = make_video("matroska", seconds=4, key_every=7)
    write(path, data)
    pieces = cut(path)
    assert len(builds) == 1
    assert pieces == cut(data)
    calls = [functools.partial(prepare_video, path, start_s=start) for start in (0, 1, 2, 3)]
    assert [shown(each) for each in prepare_many(calls, max_workers=4)] == [
        shown(prepare_video(data, start_s=start)) for start in (0, 1, 2, 3)
    ]
    assert len(known_indexes.known) == 1


@pytest.mark.parametrize("change", ["other size", "other time", "other ctime", "other file"])
def test_a_file_that_changed_is_read_again(tmp_path, builds, change):
    path = tmp_path / "lecture.mkv"
    write(path, make("video.mkv"))
    prepare_video(path)
    if change == "other file":
        path.rename(tmp_path / "old.mkv")
    replacement = make_video("matroska", seconds=3) if change == "other size" else make("video.mkv")
    if change == "other ctime":  # in place, and its time set back
        before = path.stat()
        time.sleep(0.03)  # a tick of the kernel
        path.write_bytes(replacement)
        os.utime(path, ns=(0, before.st_mtime_ns))
    else:
        write(path, replacement, seconds_ago=30 if change != "other file" else 60)
    assert shown(prepare_video(path)) == shown(prepare_video(replacement))
    assert len(builds) == 3


@pytest.mark.parametrize("seconds_ago", [0, 60])
def test_a_file_that_may_still_be_written_is_not_remembered(
    tmp_path, builds, monkeypatch, seconds_ago
):
    """Its inode changed a moment ago, whatever its time says."""
    monkeypatch.setattr(known_files, "SETTLED_NS", 10**12)
    path = tmp_path / "live.mkv"
    write(path, make("video.mkv"), seconds_ago)
    prepare_video(path)
    prepare_video(path)
    assert len(builds) == 2
    assert not known_indexes.known


def test_few_and_no_very_long_indexes_are_kept(tmp_path, builds, monkeypatch):
    monkeypatch.setattr(known_indexes.known, "_most", 2_500)
    for number in range(4):
        write(tmp_path / f"{number}.mkv", make("video.mkv"))
        prepare_video(tmp_path / f"{number}.mkv")
    assert len(known_indexes.known) == 2
    monkeypatch.setattr(known_indexes.known, "_most_each", 1_010)
    known_indexes.known.clear()
    prepare_video(tmp_path / "0.mkv")
    assert not known_indexes.known
