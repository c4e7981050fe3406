"""Estimates from headers alone against the plans that read the packets."""

import os

import media_files
import pytest
from describing_models import DescribingModel
from langchain_core.documents.base import Blob

from langchain_mimo.document_loaders import MiMoMediaLoader, MiMoMediaParser, plan_media

FILES = {
    "often.mp4": media_files.make_video("mp4", seconds=40, rate=10, key_every=10),
    "rare.mp4": media_files.make_video("mp4", seconds=40, rate=10, key_every=70),
    "mute.mov": media_files.make_video("mov", audio=None, seconds=30, rate=5, key_every=20),
    "other.mkv": media_files.make_video("matroska", seconds=30, rate=10, key_every=30),
    "old.avi": media_files.make_video("avi", "mpeg4", "libmp3lame", seconds=30, rate=10),
    "tone.wav": media_files.make_video("wav", None, "pcm_s16le", seconds=40, sample_rate=8000),
    "tone.mp3": media_files.make_video("mp3", None, "libmp3lame", seconds=40),
    "tone.m4a": media_files.make_video("mp4", None, seconds=40),
    "photo.png": media_files.make_image("PNG", (900, 700)),
    "photo.tiff": media_files.make_image("TIFF", (900, 700)),
}
PLANS = [
    {},
    {"max_seconds": 7.5},
    {"max_seconds": 13.0, "fps": 4.0},
    {"budget_tokens": 250, "oversize": "split"},
    {"max_bytes": 150_000},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    for name, data in FILES.items():
        (root / name).write_bytes(data)
    return root


def estimate(path, plan, **options):
    parser = MiMoMediaParser(DescribingModel(), plan=plan)
    return MiMoMediaLoader(path, parser).estimate(**options)


@pytest.mark.parametrize("plan", PLANS, ids=str)
@pytest.mark.parametrize("name", FILES)
def test_an_estimate_follows_the_plan(folder, name, plan):
    segments = plan_media(folder / name, **plan)
    [file] = estimate(folder / name, plan).files
    planned = sum(segment.tokens for segment in segments)
    assert abs(file.requests - len(segments)) <= max(1, 0.1 * len(segments))
    # Each segment of these short files is rounded to pairs of frames and its marks.
    # Where the header lists no key frames, boundaries are elsewhere than planned.
    rounding = (16 if name in ("other.mkv", "old.avi") else 6) * len(segments)
    assert abs(file.tokens.total - planned) <= max(0.03 * planned, rounding), (file, planned)
    assert file.tokens.low <= file.tokens.total <= file.tokens.high


def test_an_estimate_reads_little_of_large_files(tmp_path, monkeypatch):
    (tmp_path / "a.wav").write_bytes(FILES["tone.wav"])
    os.truncate(tmp_path / "a.wav", 2**31)
    (tmp_path / "b.mp4").write_bytes(FILES["often.mp4"])
    os.truncate(tmp_path / "b.mp4", 2**31)
    lengths = []

    def read(descriptor, length, offset, real=os.pread):
        data = real(descriptor, length, offset)
        lengths.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", read)
    monkeypatch.setattr(
        "langchain_mimo.media.MediaInfo.packets", lambda _: pytest.fail("read the packets")
    )
    found = estimate(tmp_path, {"max_seconds": 10.0})
    assert len(found.files) == 2
    assert sum(lengths) < 4_000_000


def test_a_model_without_a_price_and_limits_of_ones_own(folder):
    found = estimate(folder / "photo.png", {}, output_tokens=50)
    assert (found.model, found.likely, found.output_tokens) == ("other-1", None, 50)
    assert found.tokens["text"] == found.prompt_tokens > 50


def test_a_video_of_unknown_length_and_a_file_that_is_none_are_listed(tmp_path):
    (tmp_path / "a.mkv").write_bytes(FILES["other.mkv"][:3000])
    (tmp_path / "b.txt").write_text("text")
    blobs = [Blob(path=str(tmp_path / name)) for name in ("a.mkv", "b.txt", "c.mp4")]
    parser = MiMoMediaParser(DescribingModel())
    found = MiMoMediaLoader(blobs, parser).estimate()
    assert [file.path.name for file in found.unreadable][-2:] == ["b.txt", "c.mp4"]
    assert len(found.files) + len(found.unreadable) == 3
