"""`MediaBlobLoader`: which files of a folder become blobs, in which order, and what is read of them."""

# ruff: noqa: PTH102, PTH119, PTH123

import logging
import os
import socket
import subprocess
import sys

import media_files
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo import media
from langchain_mimo.document_loaders import MediaBlobLoader, blobs
from langchain_mimo.document_loaders.blob_patterns import PathPattern
from langchain_mimo.errors import MediaError, MiMoInputError

PNG = media_files.make_image("PNG")
MP4 = media_files.make_video("mp4", seconds=0.5)
WAV = media_files.make_video("wav", None, "pcm_s16le", seconds=0.2)
ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX")


@pytest.fixture
def folder(tmp_path):
    return write(
        tmp_path / "root",
        {
            "b.bin": MP4,
            "a.png": PNG,
            "B.wav": WAV,
            "talks/2026/one.mp4": MP4,
            "talks/two.mp4": MP4,
            "talks.png": PNG,
            "notes.txt": b"text\n",
            ".hidden.png": PNG,
            ".cache/x.png": PNG,
        },
    )


def write(root, files):
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def sources(root, **options):
    return [b.metadata["source"] for b in MediaBlobLoader(root, **options).yield_blobs()]


ALL = ["B.wav", "a.png", "b.bin", "talks/2026/one.mp4", "talks/two.mp4", "talks.png"]


def test_media_files_in_the_order_of_their_names(folder):
    assert sources(folder) == ALL
    assert sources(str(folder)) == ALL


def test_blobs_say_what_and_where_the_file_is(folder):
    blob = list(MediaBlobLoader(folder).yield_blobs())[2]
    path = folder / "b.bin"
    assert blob.path == str(path)
    assert blob.mimetype == "video/mp4"
    assert blob.data is None
    assert blob.metadata == {
        "source": "b.bin",
        "size": len(MP4),
        "mtime_ns": path.stat().st_mtime_ns,
        "modality": "video",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"glob": "*.mp4"}, []),
        ({"glob": "**/*.mp4"}, ALL[3:5]),
        ({"glob": "talks/*"}, ["talks/two.mp4"]),
        ({"glob": "talks/**"}, ALL[3:5]),
        ({"glob": "**"}, ALL),
        ({"glob": "**/20??/*"}, ["talks/2026/one.mp4"]),
        ({"glob": "[ab].*"}, ["a.png", "b.bin"]),
        ({"exclude": "talks"}, ["B.wav", "a.png", "b.bin", "talks.png"]),
        ({"exclude": ["2026/", "*.png"]}, ["B.wav", "b.bin", "talks/two.mp4"]),
        ({"exclude": ["talks/*.mp4"]}, [n for n in ALL if n != "talks/two.mp4"]),
        ({"exclude": [".git"]}, ALL),
        ({"modalities": "audio"}, ["B.wav"]),
        ({"modalities": ["image", "audio"]}, ["B.wav", "a.png", "talks.png"]),
    ],
    ids=str,
)
def test_patterns_and_modalities(folder, options, expected):
    assert sources(folder, **options) == expected


def test_a_folder_that_no_pattern_wants_is_not_opened(folder, monkeypatch):
    opened = []
    monkeypatch.setattr(
        os, "scandir", lambda path, scan=os.scandir: (opened.append(path), scan(path))[1]
    )
    sources(folder, glob="*.png")
    sources(folder, exclude=["talks"])
    assert set(opened) == {str(folder)}


@ON_POSIX
def test_links_are_left_out_but_a_root_may_be_one(folder, tmp_path):
    outside = write(tmp_path / "outside", {"secret.png": PNG})
    (folder / "link.png").symlink_to(outside / "secret.png")
    (folder / "linked").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    assert sources(folder) == ALL
    (tmp_path / "root-link").symlink_to(folder)
    assert sources(tmp_path / "root-link") == ALL


@ON_POSIX
@pytest.mark.timeout(20)
def test_pipes_sockets_and_devices_are_never_opened(folder, monkeypatch):
    os.mkfifo(folder / "pipe.mp4")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.mp4")
        opened = []
        monkeypatch.setattr(
            os,
            "open",
            lambda path, *a, real=os.open, **k: (opened.append(str(path)), real(path, *a, **k))[1],
        )
        assert sources(folder) == ALL
    assert len(opened) == len(ALL) + 1  # and notes.txt
    assert not {"pipe.mp4", "socket.mp4"} & {os.path.basename(path) for path in opened}


@ON_POSIX
@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_logged(folder, caplog):
    (folder / "locked.png").write_bytes(PNG)
    (folder / "locked.png").chmod(0)
    (folder / "talks").chmod(0)
    try:
        assert sources(folder) == ["B.wav", "a.png", "b.bin", "talks.png"]
    finally:
        (folder / "talks").chmod(0o700)
    assert f"Left out the folder {str(folder / 'talks')!r}: Permission denied" in caplog.text
    assert "locked.png" in caplog.text


def test_a_folder_and_a_file_that_fail_are_logged(folder, caplog, monkeypatch):
    def scandir(path, scan=os.scandir):
        if str(path).endswith("talks"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    def read(path, real=media.identify):
        if str(path).endswith("a.png"):
            raise MediaError(f"{path!r} cannot be read: Input/output error")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(blobs, "identify", read)
    assert sources(folder) == ["B.wav", "b.bin", "talks.png"]
    levels = [(r.levelname, r.getMessage()) for r in caplog.records if r.levelno >= logging.WARNING]
    assert levels == [
        (
            "WARNING",
            f"Left out a file: {str(folder / 'a.png')!r} cannot be read: Input/output error",
        ),
        ("WARNING", f"Left out the folder {str(folder / 'talks')!r}: Permission denied"),
    ]


def test_a_root_that_cannot_be_read_is_an_error_and_no_empty_folder(folder, monkeypatch):
    def scandir(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(MiMoInputError, match=r"root '.*' cannot be read: Permission denied"):
        sources(folder)


def test_other_files_are_a_line_of_debugging_unless_they_are_named_like_media(folder, caplog):
    write(
        folder, {"page.mp4": b"<html></html>", "empty.wav": b"", "new.jxl": b"\xff\x0a" + bytes(90)}
    )
    with caplog.at_level(logging.DEBUG, "langchain_mimo"):
        assert sources(folder) == ALL
    lines = {
        r.getMessage().split("'")[1].rpartition(os.sep)[2]: r.levelname for r in caplog.records
    }
    assert lines == {
        "page.mp4": "WARNING",
        "empty.wav": "WARNING",
        "new.jxl": "WARNING",
        "notes.txt": "DEBUG",
    }


def test_a_folder_without_media_is_logged(tmp_path, caplog):
    assert sources(tmp_path) == []
    assert "No media were found" in caplog.text


def test_little_is_read_of_large_files(tmp_path, monkeypatch):
    write(tmp_path, {"long.wav": WAV, "long.mp4": MP4, "notes.bin": b"\0" * 100})
    for name in ("long.wav", "long.mp4", "notes.bin"):
        os.truncate(tmp_path / name, 2**32)
    lengths = []

    def read(descriptor, length, offset, real=os.pread):
        data = real(descriptor, length, offset)
        lengths.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", read)
    monkeypatch.setattr("builtins.open", lambda *a, **k: pytest.fail("opened"))
    assert sources(tmp_path) == ["long.mp4", "long.wav"]
    assert 0 < sum(lengths) < 200_000


@ON_POSIX
@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
def test_names_of_any_bytes(tmp_path):
    names = [b"caf\xe9.png", "café.png".encode(), b"new\nline.png", b"%41 #?.png", b"'\".png"]
    for name in names:
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
            file.write(PNG)
    found = list(MediaBlobLoader(tmp_path).yield_blobs())
    assert {b.metadata["source"] for b in found} == {
        *("caf\\xe9.png", "café.png", "new\nline.png", "%41 #?.png", "'\".png")
    }
    for blob in found:
        blob.metadata["source"].encode()
        with open(blob.path, "rb") as file:
            assert file.read() == PNG


@ON_POSIX
def test_a_deep_tree_needs_no_recursion(tmp_path, monkeypatch):
    depth = 1500
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.chdir(root)
    for _ in range(depth):
        os.mkdir("d")
        os.chdir("d")
    with open("deep.png", "wb") as file:
        file.write(PNG)
    try:
        assert sources(root) == ["d/" * depth + "deep.png"]
    finally:  # pytest's own cleaning is recursive
        os.chdir(tmp_path)
        subprocess.run(["rm", "-rf", str(root)], check=True)


def test_a_single_file_as_root(folder):
    [blob] = MediaBlobLoader(folder / ".hidden.png").yield_blobs()
    assert (blob.path, blob.metadata["source"]) == (str(folder / ".hidden.png"), ".hidden.png")
    assert sources(folder / "a.png", modalities="video") == []
    with pytest.raises(MediaError, match=r"notes.txt' cannot be used: it is no image"):
        sources(folder / "notes.txt")


def test_a_root_that_does_not_exist_names_the_nearest_folder_that_does(folder):
    with pytest.raises(MiMoInputError) as caught:
        MediaBlobLoader(folder / "tallks" / "2026")
    assert str(caught.value) == (
        f"root {str(folder / 'tallks' / '2026')!r} does not exist; {str(folder)!r} does, correct "
        "the path from there on"
    )
    loader = MediaBlobLoader(folder / "a.png")
    (folder / "a.png").unlink()
    with pytest.raises(MiMoInputError, match="does not exist"):
        list(loader.yield_blobs())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"root": b"x"}, "root must be the path of a folder or a file, got b'x'"),
        ({"root": ""}, "root must be the path"),
        ({"root": "a\0b"}, "root must be the path"),
        ({"root": "https://example.com"}, "give URLs to from_urls"),
        ({"glob": ""}, "glob must be a pattern"),
        ({"glob": "/media/*"}, "leave out the first slash"),
        ({"glob": "a\\*"}, "must separate names with"),
        ({"glob": "**.mp4"}, "as a whole name"),
        ({"glob": "../*"}, "must not have the name '..'"),
        ({"glob": "a//b"}, "must not have the name ''"),
        ({"glob": ".cache/*"}, "names a hidden file or folder"),
        ({"exclude": 3}, "exclude must be patterns"),
        ({"exclude": ["x", ""]}, r"exclude\[1\] must be a pattern"),
        ({"exclude": [None]}, r"exclude\[0\] must be a pattern"),
        ({"modalities": []}, "modalities must be some of"),
        (
            {"modalities": ["film"]},
            r"modalities\[0\] must be 'image', 'video' or 'audio', got 'film'",
        ),
        ({"suffixes": 1}, "MediaBlobLoader has no argument 'suffixes'"),
    ],
    ids=str,
)
def test_wrong_arguments(tmp_path, arguments, message):
    with pytest.raises(MiMoInputError, match=message):
        MediaBlobLoader(**{"root": tmp_path, **arguments})


def test_urls_are_blobs_and_can_be_yielded_again():
    loader = MediaBlobLoader.from_urls(
        url for url in ("https://example.com/a%20talk.MP4?x=1.png#t=3", "http://h/b.mp3")
    )
    for _ in range(2):
        first, second = loader.yield_blobs()
        assert (first.path, first.mimetype) == (
            "https://example.com/a%20talk.MP4?x=1.png#t=3",
            "video/mp4",
        )
        assert first.metadata == {"source": first.path, "modality": "video"}
        assert second.metadata["modality"] == "audio"
    [given] = MediaBlobLoader.from_urls(["https://h/x"], modality="image").yield_blobs()
    assert (given.metadata["modality"], given.mimetype) == ("image", None)


@pytest.mark.parametrize(
    ("urls", "message"),
    [
        ("https://h/a.mp4", "urls must be a list of URLs"),
        (["https://h/a.mp4", "file:///a.mp4"], r"urls\[1\] must begin with http:// or https://"),
        (["data:image/png;base64,AA=="], r"urls\[0\] must begin"),
        (["example.com/a.mp4"], r"urls\[0\] must begin"),
        (["https:///a.mp4"], r"urls\[0\] must begin"),
        (["https://[::1/a.mp4"], r"urls\[0\] must begin"),
        (["https://h/a b.mp4"], r"urls\[0\] must begin"),
        ([None], r"urls\[0\] must be a URL, got None"),
        (["https://h/watch?v=a.mp4"], r"urls\[0\] does not end like .* pass modality="),
    ],
    ids=str,
)
def test_wrong_urls(urls, message):
    with pytest.raises(MiMoInputError, match=message):
        MediaBlobLoader.from_urls(urls)


NAMES = st.text("ab.", min_size=1, max_size=3).filter(lambda name: set(name) != {"."})


@given(
    st.lists(NAMES, min_size=1, max_size=5),
    st.lists(st.just("**") | NAMES | st.just("*"), min_size=1, max_size=5),
)
def test_patterns_agree_with_a_plain_definition(names, pattern):
    def fits(names, pattern):
        if not pattern:
            return not names
        if pattern[0] == "**":
            return fits(names, pattern[1:]) or (bool(names) and fits(names[1:], pattern))
        return bool(names) and pattern[0] in ("*", names[0]) and fits(names[1:], pattern[1:])

    checked = PathPattern("glob", "/".join(pattern), may_be_hidden=True)
    states = checked.start
    for name in names:
        states = checked.enter(states, name)
    assert checked.matches(states) == fits(names, pattern)
