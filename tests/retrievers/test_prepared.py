"""Moments that no copy can show: files that are made once, and base64 for other chat models."""

import av
import pytest
from media_files import make_video
from moment_samples import described
from numbered_videos import watch

from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.media import probe
from langchain_mimo.retrievers import media_blocks, moment_blocks, moments_of


@pytest.mark.parametrize(
    ("source", "start_s", "end_s"),
    [("talk.mkv", 5.0, 10.0), ("talk.mkv", 6.0, 7.5), ("old.mkv", 2.0, 5.0), ("old.mkv", 0.0, 8.0)],
)
def test_what_cannot_be_copied_is_prepared_once(folder, tmp_path, source, start_s, end_s):
    documents = [described(folder, source, start_s, end_s)]
    with pytest.raises(MediaError, match=rf"'{source}' cannot be shown .*pass prepared_dir="):
        media_blocks(documents, root=folder, pad_s=0)
    prepared = tmp_path / "new" / "prepared"
    options = {"root": folder, "pad_s": 0, "fps": 5, "prepared_dir": prepared}
    _, block = media_blocks(documents, **options)
    (path,) = prepared.iterdir()
    assert block["url"] == path.as_uri()
    assert path.suffix == ".mp4"
    seen = watch(path.read_bytes())
    assert seen[0].number == pytest.approx(10 * start_s, abs=1)
    assert seen[-1].number == pytest.approx(10 * end_s - 1, abs=2)
    assert len(seen) >= 5 * (end_s - start_s) - 1
    written = path.stat().st_mtime_ns
    assert media_blocks(documents, **options)[1] == block
    assert (path.stat().st_mtime_ns, len(list(prepared.iterdir()))) == (written, 1)
    # Other settings are another file; what was prepared stays.
    media_blocks(documents, **options | {"fps": 2})
    assert len(list(prepared.iterdir())) == 2


def test_images_and_audio_are_prepared(folder, tmp_path):
    audio = make_video("matroska", None, "pcm_s16le", seconds=6, sample_rate=16000)
    (folder / "tone.mka").write_bytes(audio)
    documents = [described(folder, "photo.tiff"), described(folder, "tone.mka", 2.0, 4.0)]
    blocks = media_blocks(documents, root=folder, pad_s=0, prepared_dir=tmp_path, label=False)
    assert [block["type"] for block in blocks] == ["image", "audio"]
    assert blocks[0]["mime_type"].startswith("image/")
    moments = moments_of(documents, root=folder, pad_s=0)
    assert [m.form for m in moments] == ["prepared", "prepared"]
    with av.open(str(tmp_path / blocks[1]["url"].rpartition("/")[2])) as container:
        assert container.duration / av.time_base == pytest.approx(2, abs=0.15)


def test_a_file_that_changes_while_it_is_prepared_leaves_nothing(folder, tmp_path, monkeypatch):
    documents = [described(folder, "old.mkv", 2.0, 5.0)]
    moments = moments_of(documents, root=folder, pad_s=0)
    monkeypatch.setattr("langchain_mimo.retrievers.prepared.file_digest", lambda path: "f" * 64)
    with pytest.raises(MediaError, match=r"'old\.mkv' has changed since it was indexed"):
        moment_blocks(moments, prepared_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_the_home_is_in_the_home(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    documents = [described(folder, "old.mkv", 2.0, 3.0)]
    moments = moments_of(documents, root=folder, pad_s=0)
    for inline in (False, True):
        moment_blocks(moments, prepared_dir="~/prepared", inline=inline)
    assert len(list((tmp_path / "prepared").iterdir())) == 1
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("prepared_dir", [5, "", b"x", "a\0b"])
def test_what_is_no_folder_is_named(folder, prepared_dir):
    with pytest.raises(MiMoInputError, match="prepared_dir must be the path of a folder, got"):
        media_blocks([], root=folder, prepared_dir=prepared_dir)


def test_a_folder_that_cannot_be_made_is_named(folder, tmp_path):
    (tmp_path / "file").write_text("x")
    documents = [described(folder, "old.mkv", 2.0, 5.0)]
    with pytest.raises(MediaError, match=r"prepared_dir .* cannot be created"):
        media_blocks(documents, root=folder, prepared_dir=tmp_path / "file" / "x")


def test_what_is_too_large_to_copy_is_prepared(folder, tmp_path, monkeypatch):
    options = {"root": folder, "pad_s": 0}
    documents = [described(folder, "talk.mp4", *times) for times in ((2.5, 5.0), (5.0, 15.0))]
    (copied,) = moments_of(documents, **options)
    assert copied.form == "copied"
    size = probe(folder / "talk.mp4").packets().copy_range(5.0, 15.0).size
    monkeypatch.setattr("langchain_mimo.retrievers.files.SAFE_INLINE_BYTES", size)
    apart = moments_of(documents, **options)
    assert [(m.form, m.shown_start_s, m.shown_end_s) for m in apart] == [
        ("copied", 2.5, 5.0),
        ("copied", 5.0, 15.0),
    ]
    monkeypatch.setattr("langchain_mimo.retrievers.files.SAFE_INLINE_BYTES", size - 1)
    moments = moments_of(documents[1:], **options)
    assert [(m.form, m.shown_start_s, m.shown_end_s) for m in moments] == [("prepared", 5.0, 15.0)]
    _, block = moment_blocks(moments, prepared_dir=tmp_path)
    assert probe(tmp_path / block["url"].rpartition("/")[2]).duration_s == pytest.approx(
        10, abs=0.2
    )


def test_inline_media_are_those_that_were_indexed(folder, tmp_path, monkeypatch):
    (tmp_path / "talk.mp4").write_bytes((folder / "talk.mp4").read_bytes())
    (tmp_path / "photo.png").write_bytes((folder / "photo.png").read_bytes())
    documents = [described(tmp_path, "photo.png"), described(tmp_path, "talk.mp4", 3.0, 4.0)]
    image, video = moments_of(documents, root=tmp_path)
    monkeypatch.setattr("langchain_mimo.retrievers.prepared.file_digest", lambda path: "f" * 64)
    with pytest.raises(MediaError, match=r"'talk\.mp4' has changed since it was indexed"):
        moment_blocks([video], inline=True)
    (tmp_path / "photo.png").unlink()
    with pytest.raises(MediaError, match=r"'photo\.png' cannot be read: No such file"):
        moment_blocks([image], inline=True)
