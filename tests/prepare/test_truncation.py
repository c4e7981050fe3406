"""A source whose end is missing is not shortened in silence."""

import io

import media_collection
import pytest
from media_files import make
from numbered_videos import Recipe, make_numbered

from langchain_mimo.prepare import prepare_audio, prepare_video
from langchain_mimo.prepare.audio_source import open_audio
from langchain_mimo.prepare.truncation import note_missing_end

TRUNCATED = {
    "half.wav": "its header says 3.00 s, and 1.50 s are missing",
    "one_second_too_many.wav": "its header says 5.00 s, and 2.00 s are missing",
    "cut.mp3": "its header says 2.50 s, and 0.98 s are missing",
    "cut.m4a": "its header says 2.50 s, and 0.87 s are missing",
    "cut.flac": "its header says 2.50 s, and 0.93 s are missing",
    "cut.ogg": "its end is missing",
    "cut.avi": "its header says 2.10 s, and 1.10 s are missing",
    "cut.wmv": "its header says 2.05 s, and 0.70 s are missing",
    "cut.mkv": "its header says 2.02 s, and 0.52 s are missing",
    "cut_after_index.mp4": "its end is missing",
    "cut_index_first.mov": "its end is missing",
    "cut_fragments.mp4": "its end is missing",
}
FILES = {file.name: file for file in media_collection.collection() if file.kind != "image"}


def truncations(prepared):
    return [note for note in prepared.notes if "truncated" in note]


def prepare(file, **options):
    return (prepare_video if file.kind == "video" else prepare_audio)(file.data, **options)


@pytest.mark.parametrize("name", TRUNCATED)
def test_a_missing_end_is_noted(name):
    (note,) = truncations(prepare(FILES[name]))
    assert note == f"The file is truncated: {TRUNCATED[name]}."


@pytest.mark.parametrize("container", ["matroska", "flv"])
def test_the_length_is_that_of_the_header(container):
    source = make_numbered(Recipe(container, b_frames=0, gop=10, audio=True))
    assert truncations(prepare_video(source)) == []
    (note,) = truncations(prepare_video(source[: len(source) // 2]))
    assert "its header says 3.0" in note


def test_only_what_reaches_beyond_what_is_there_is_noted():
    file = FILES["cut.avi"]
    assert truncations(prepare(file, end_s=0.8)) == []
    assert truncations(prepare(file, start_s=0.5)) != []
    assert truncations(prepare(file, end_s=2.0)) != []
    assert truncations(prepare_audio(FILES["half.wav"].data, end_s=1.0)) == []


@pytest.mark.parametrize("name", ["video.mp4", "video.avi", "video.wmv", "video.mkv", "video.ts"])
def test_a_complete_video_is_not_called_truncated(name):
    assert truncations(prepare_video(make(name))) == []


def test_complete_audio_is_not_called_truncated():
    called = set()
    for file in FILES.values():
        if file.kind == "audio" and file.block == "accepted":
            opened, notes = io.BytesIO(file.data), []
            note_missing_end(opened, open_audio(opened, lambda _: None).last_s, None, notes)
            called.update(file.name for _ in notes)
    assert called <= set(TRUNCATED)
