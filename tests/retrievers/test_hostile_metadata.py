"""Metadata that no index of media writes: refused before any file is opened."""

import builtins
import hashlib
import os
import shutil
from decimal import Decimal

import pytest
from langchain_core.documents import Document
from media_files import make_image, make_video
from moment_samples import described

from langchain_mimo.document_loaders import MediaBlobLoader
from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.retrievers import media_blocks, moments_of

SHA = "0" * 64


@pytest.fixture(scope="module")
def videos():
    return make_video("mp4", audio=None, seconds=3), make_video("mp4", audio=None, seconds=2)


@pytest.fixture
def root(tmp_path, videos):
    """A folder with a file in it, and another file outside of it."""
    inside, outside = tmp_path / "media", tmp_path / "private"
    for folder in (inside / "day", outside):
        folder.mkdir(parents=True)
    (inside / "talk.mp4").write_bytes(videos[0])
    (inside / "day" / "photo.png").write_bytes(make_image("PNG"))
    (outside / "secret.mp4").write_bytes(videos[1])
    (inside / "link.mp4").symlink_to(outside / "secret.mp4")
    (inside / "folder").symlink_to(outside)
    (inside / "inner.mp4").symlink_to(inside / "talk.mp4")
    (inside / "loop.mp4").symlink_to(inside / "loop.mp4")
    (tmp_path / "media2").mkdir()
    shutil.copy(outside / "secret.mp4", tmp_path / "media2" / "secret.mp4")
    os.mkfifo(inside / "pipe.mp4")
    return inside


@pytest.fixture
def opens(monkeypatch):
    """The files that are opened, by any function of Python."""
    opened = []

    def counting(function):
        def count(path, *arguments, **options):
            if not isinstance(path, int):
                opened.append(os.fspath(path))
            return function(path, *arguments, **options)

        return count

    monkeypatch.setattr(os, "open", counting(os.open))
    monkeypatch.setattr(builtins, "open", counting(open))
    monkeypatch.setattr("io.open", counting(open))
    return opened


def hostile(**metadata):
    facts = {"source_sha256": SHA, "modality": "video", "start_s": 0.0, "end_s": 1.0}
    return Document("found", metadata=facts | metadata)


SOURCES = {
    "absolute": ("/etc/passwd", "not under root"),
    "up": ("../private/secret.mp4", r'without ".."'),
    "up and down": ("day/../../private/secret.mp4", r'without ".."'),
    "up within": ("day/../talk.mp4", r'without ".."'),
    "a link": ("link.mp4", "not under root"),
    "a link of a folder": ("folder/secret.mp4", "not under root"),
    "a link to itself": ("loop.mp4", "no file"),
    "a neighbour with the same beginning": ("{root}2/secret.mp4", "not under root"),
    "a folder": ("day", "it is no file"),
    "a pipe": ("pipe.mp4", "it is no file"),
    "a device": ("/dev/zero", "not under root"),
    "nothing": ("gone.mp4", "no such file under root; index again, or pass the folder"),
    "below a file": ("talk.mp4/x", "no such file"),
    "a null byte": ("talk.mp4\0.png", "without"),
    "too long": ("x" * 5000, "no such file"),
    "half of a pair": ("\ud800.mp4", "no such file"),
    "a home": ("~/secret.mp4", "no such file"),
    "a file URL": ("file:///etc/passwd", "http:// or https://"),
    "a data URL": ("data:video/mp4;base64,AAAA", "no such file"),
    "a bucket": ("s3://bucket/talk.mp4", "http:// or https://"),
    "a URL without host": ("https:///talk.mp4", "http:// or https://"),
    "a URL with a line break": ("https://example.com/a\n.mp4", "http:// or https://"),
    "a URL with a line separator": ("https://example.com/a\u2028.mp4", "http:// or https://"),
    "a URL with a wide space": ("https://example.com/a\u3000.mp4", "http:// or https://"),
    "a broken URL": ("https://[::1/a.mp4", "http:// or https://"),
    "bytes": (f"sha256:{SHA}", "indexed from bytes"),
    "empty": ("", "have no source"),
    "no string": (7, "have no source"),
    "a list": (["talk.mp4"], "have no source"),
    "None": (None, "have no source"),
}


@pytest.mark.parametrize(("source", "reason"), SOURCES.values(), ids=SOURCES)
def test_hostile_sources_are_refused_before_any_open(root, opens, source, reason):
    if isinstance(source, str):
        source = source.replace("{root}", str(root))
    good = hostile(source="talk.mp4")
    with pytest.raises(MediaError, match=reason) as caught:
        media_blocks([good, hostile(source=source)], root=root)
    assert str(caught.value).startswith("documents[1] (")
    assert opens == []


OTHERS = {
    "another hash": ({"source_sha256": "no hash"}, "64 hexadecimal digits"),
    "a hash in capitals": ({"source_sha256": "A" * 64}, "64 hexadecimal digits"),
    "no hash": ({"source_sha256": ""}, "64 hexadecimal digits"),
    "a hash of bytes": ({"source_sha256": b"0" * 64}, "64 hexadecimal digits"),
    "another modality": ({"modality": "text"}, "its modality must be"),
    "no modality": ({"modality": None}, "got None; leave what is no media out of the search"),
    "a list of modalities": ({"modality": ["video"]}, "its modality must be"),
    "a start before 0": ({"start_s": -1.0}, "its start_s must be a number >= 0"),
    "a start that is NaN": ({"start_s": float("nan")}, "its start_s must be a number"),
    "an infinite start": ({"start_s": float("inf")}, "its start_s must be a number"),
    "a start that is text": ({"start_s": "1"}, "its start_s must be a number"),
    "a start that is a bool": ({"start_s": True}, "its start_s must be a number"),
    "no start": ({"start_s": None}, "its start_s must be a number"),
    "an end before the start": ({"start_s": 2.0, "end_s": 1.0}, "at least start_s=2, got 1"),
    "an end that is a dict": ({"end_s": {}}, "its end_s must be a number"),
    "an end that is huge": ({"end_s": 10**400}, "its end_s must be a number"),
}


@pytest.mark.parametrize(("metadata", "reason"), OTHERS.values(), ids=OTHERS)
def test_other_metadata_are_refused_before_any_open(root, opens, metadata, reason):
    with pytest.raises(MediaError, match=reason):
        media_blocks([hostile(source="talk.mp4", **metadata)], root=root)
    assert opens == []


@pytest.mark.parametrize("what", ["text", {"page_content": "x"}, None, 3])
def test_what_is_no_document_is_refused(root, opens, what):
    with pytest.raises(MiMoInputError, match=r"documents\[0\] must be a Document"):
        moments_of([what], root=root)
    assert opens == []


@pytest.mark.parametrize("what", ["text", None, 3, Document("x")])
def test_what_is_no_list_is_refused(root, what):
    with pytest.raises(MiMoInputError, match="documents must be a list of Documents"):
        moments_of(what, root=root)


def test_a_file_with_another_hash_is_read_for_its_hash_alone(root, opens):
    with pytest.raises(MediaError, match=r"'talk\.mp4' has changed since it was indexed; index"):
        media_blocks([hostile(source="talk.mp4")], root=root)
    assert opens == [str(root / "talk.mp4")]


def test_each_file_is_read_for_its_hash_once(root, opens):
    document = described(root, "talk.mp4", 0.0, 1.0)
    other = described(root, "talk.mp4", 1.0, 2.0)
    opens.clear()
    moments_of([document, other] * 4, root=root)
    # For the hash, for the header, and for its packets.
    assert opens.count(str(root / "talk.mp4")) <= 3


def test_a_file_that_changes_behind_the_check_is_not_shown(root, videos, monkeypatch):
    document = described(root, "talk.mp4", 0.0, 3.0)
    monkeypatch.setattr(
        "langchain_mimo.retrievers.hits.file_digest",
        lambda path: document.metadata["source_sha256"],
    )
    (root / "talk.mp4").write_bytes(videos[1])
    with pytest.raises(MediaError, match="has changed since it was indexed"):
        media_blocks([document], root=root)


def test_a_file_of_another_kind_is_refused(root):
    document = described(root, "day/photo.png", modality="video")
    with pytest.raises(MediaError, match="is an image, but its Documents say that it is a video"):
        media_blocks([document], root=root)


def test_a_moment_behind_the_end_is_refused(root):
    with pytest.raises(MediaError, match=r"ends at 3\.000 s, .* is at 60 s; index again"):
        media_blocks([described(root, "talk.mp4", 60.0, 61.0)], root=root, pad_s=0)


@pytest.mark.parametrize("source", ["talk.mp4", "inner.mp4", "{root}/talk.mp4", "./talk.mp4"])
def test_sources_under_root_are_shown(root, source):
    document = described(root, "talk.mp4", 0.0, 3.0)
    document.metadata["source"] = source.replace("{root}", str(root))
    moment = moments_of([document], root=root)[0]
    assert moment.path == str(root / "talk.mp4")


def test_numbers_of_other_types_are_taken(root):
    document = described(root, "talk.mp4", Decimal("0.5"), Decimal("1.5"))
    moment = moments_of([document], root=root, pad_s=0.25)[0]
    assert (moment.start_s, moment.end_s) == (0.25, 1.75)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_not_utf_8_are_found(root):
    (root / "talk.mp4").rename(root / os.fsdecode(b"caf\xe9 \\x1.mp4"))
    (blob,) = MediaBlobLoader(root, glob="caf*").yield_blobs()
    document = described(root, os.fsdecode(b"caf\xe9 \\x1.mp4"), 0.0, 3.0)
    document.metadata["source"] = blob.metadata["source"]
    assert document.metadata["source"] == r"caf\xe9 \x1.mp4"
    block = media_blocks([document], root=root)[1]
    assert block["url"].endswith("/caf%E9%20%5Cx1.mp4")


def test_root_may_be_a_link_a_file_and_several(root, tmp_path):
    (tmp_path / "way").symlink_to(root)
    document = described(root, "talk.mp4", 0.0, 3.0)
    for good in (tmp_path / "way", root / "talk.mp4", [tmp_path / "media2", str(root)]):
        assert moments_of([document], root=good)[0].path == str(root / "talk.mp4")
    with pytest.raises(MediaError, match="not under root"):
        moments_of([described(root, "day/photo.png")], root=root / "talk.mp4")


def test_of_two_files_with_one_name_that_with_the_hash_is_shown(root, videos, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "talk.mp4").write_bytes(videos[1])
    for folder, digest in ((root, videos[0]), (other, videos[1])):
        document = described(folder, "talk.mp4", 0.0, 2.0)
        assert document.metadata["source_sha256"] == hashlib.sha256(digest).hexdigest()
        moment = moments_of([document], root=[root, other])[0]
        assert moment.path == str(folder / "talk.mp4")


@pytest.mark.parametrize("root", [None, 3, "", [], b"/tmp", [None], "gone", "a\0b"])
def test_a_wrong_root_is_refused(root):
    with pytest.raises(MiMoInputError, match="root"):
        moments_of([], root=root)


def test_urls_are_shown_without_an_open(root, opens):
    url = hostile(source="https://example.com/talk.mp4?sig=1", source_sha256="")
    photo = hostile(source="HTTPS://example.com/x", source_sha256="", modality="image")
    blocks = media_blocks([url, photo], root=root, label=False)
    assert [block["url"] for block in blocks] == [photo.metadata["source"], url.metadata["source"]]
    assert [block["mime_type"] for block in blocks] == ["image/jpeg", "video/mp4"]
    assert opens == []
