"""A fork does not wait for what other threads of its parent left behind."""

import io
import threading
from fractions import Fraction

import av
import pytest
from forks import end_of_fork, needs_fork, start_fork
from scene_videos import BLUE, GREEN, RED, SceneVideo, make_scene_video

from langchain_mimo.document_loaders import plan_media
from langchain_mimo.emulator.media.audio_video import inspect_audio_video
from langchain_mimo.emulator.media.containers import detect_container
from langchain_mimo.emulator.media.limits import Clock
from langchain_mimo.prepare.video_frames import FrameNormalizer


def find_changes(video, small, folder):
    path = folder / "video.mp4"
    path.write_bytes(video)
    assert len(plan_media(path, boundaries="scenes", max_seconds=1)) > 1


def convert_frames(video, small, folder):
    """Convert frames to another size, as where a video changes it."""
    with av.open(io.BytesIO(small)) as one, av.open(io.BytesIO(video)) as other:
        first = next(one.decode(video=0))
        frames = FrameNormalizer(first, 96, 64, Fraction(25), is_lowered=False)
        sizes = [
            (converted.width, converted.height)
            for frame in other.decode(video=0)
            for converted in frames.push(frame, frame.time)
        ]
    assert set(sizes) == {(96, 64)}


def look_at_colours(video, small, folder):
    info = inspect_audio_video("video", detect_container(video), video, Clock(60))
    assert "red" in str(info)


@needs_fork
@pytest.mark.parametrize("look", [find_changes, convert_frames, look_at_colours])
def test_a_fork_ends_while_a_thread_that_looked_at_frames_lives(tmp_path, look):
    """PyAV keeps converters with FFmpeg's threads in each thread that used `frame.reformat`."""
    colours = ((RED, 20), (GREEN, 20), (BLUE, 20))
    video = make_scene_video(SceneVideo(scenes=colours, gop=10, size=(640, 480)))
    small = make_scene_video(SceneVideo(scenes=((RED, 5),)))
    looked, forked = threading.Event(), threading.Event()
    problems = []

    def run():
        try:
            look(video, small, tmp_path)
        except BaseException as error:
            problems.append(error)
        looked.set()
        forked.wait(100)

    thread = threading.Thread(target=run)
    thread.start()
    looked.wait(100)
    ended = end_of_fork(start_fork(lambda: None))
    forked.set()
    thread.join()
    assert not problems
    assert ended == 0
