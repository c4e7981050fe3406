"""What may be at `output`, and what is there after a failure."""

import io
import os
import pathlib
import socket
import stat
import subprocess
import sys

import pytest
from media_files import make
from PIL import Image

from langchain_mimo.errors import MediaError
from langchain_mimo.prepare import drafts, prepare_audio, prepare_image, prepare_video

ALL = [
    (prepare_image, "photo.tiff"),
    (prepare_video, "video.mkv"),
    (prepare_audio, "voice.aiff"),
]

MISSING = "no such source"
"""Read only if the output passes: a check of the output comes before any work."""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def pipe(path):
    os.mkfifo(path)


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def device(path):
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make devices")


def link_to_device(path):
    path.symlink_to("/dev/null")


def link_to_pipe(path):
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def link_to_folder(path):
    path.with_name("folder").mkdir()
    path.symlink_to("folder")


@pytest.mark.parametrize(("prepare", "_name"), ALL)
@pytest.mark.parametrize(
    ("occupy", "reason"),
    [
        (pipe, "is a pipe; give the path of a file"),
        (unix_socket, "is a socket; give the path of a file"),
        (device, "is a device; give the path of a file"),
        (link_to_device, "is a device; give the path of a file"),
        (link_to_pipe, "is a pipe; give the path of a file"),
        (link_to_folder, "is a folder; add a file name"),
        (os.mkdir, "is a folder; add a file name"),
    ],
)
def test_only_files_are_replaced(tmp_path, prepare, _name, occupy, reason):
    target = tmp_path / "x"
    occupy(target)
    before = target.lstat()  # its times change when a link is read
    with pytest.raises(MediaError, match=f"^output must be a file, but .*{reason}$"):
        prepare(MISSING, target)
    after = target.lstat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.skipif(not pathlib.Path("/dev/stdout").is_symlink(), reason="there is no /dev/stdout")
def test_the_links_of_the_operating_system_are_not_replaced():
    # In a process of its own, whose standard output is a pipe; nothing is written in any case.
    code = (
        "from langchain_mimo.prepare.output import _check_output; import sys\n"
        "try: _check_output('/dev/stdout')\n"
        "except Exception as error: sys.stderr.write(str(error))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "output must be a file, but '/dev/stdout' is a pipe" in done.stderr


def test_a_link_of_the_operating_system_to_a_file_is_not_replaced_either(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "stdout").symlink_to("file")
    monkeypatch.setattr(
        "langchain_mimo.prepare.output._SYSTEM_FOLDERS", {os.path.realpath(tmp_path)}
    )
    with pytest.raises(MediaError, match="is a link of the operating system"):
        prepare_image(make("photo.jpg"), tmp_path / "stdout")


@pytest.mark.parametrize(("prepare", "name"), ALL)
@pytest.mark.parametrize("lead", ["file", "nothing"])
def test_a_link_is_replaced_and_its_target_untouched(tmp_path, prepare, name, lead):
    (tmp_path / "file").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(lead)
    assert prepare(make(name), link).path == link
    assert not link.is_symlink()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file", "link"]


@pytest.mark.parametrize(("prepare", "_name"), ALL)
@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("a\0b.png", "contains a null byte"),
        ("x" * 300, "cannot be written: File name too long"),
        ("/".join(["x" * 200] * 40), "cannot be written: File name too long"),
        ("file/x.png", "cannot be written: Not a directory"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path, monkeypatch, prepare, _name, output, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match=reason) as raised:
        prepare(MISSING, output)
    assert str(raised.value).startswith("output '")
    assert len(str(raised.value)) < 400
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("source", ["a\0b.png", "x" * 300])
def test_a_source_that_cannot_be_is_refused(tmp_path, source):
    with pytest.raises(MediaError, match="cannot open"):
        prepare_image(source, tmp_path / "x.png")
    assert not names(tmp_path)


LIMITED = """
import resource, sys
from langchain_mimo import prepare
from langchain_mimo.errors import MediaError
name, source, output = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
try:
    getattr(prepare, name)(source, output or None, convert=True)
except MediaError as error:
    print(error)
"""


def make_noise():
    buffer = io.BytesIO()
    Image.effect_noise((99, 99), 99).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.skipif(os.name == "nt", reason="Windows limits no file sizes")
@pytest.mark.parametrize(("prepare", "name"), ALL)
@pytest.mark.parametrize("named", [True, False])
def test_a_full_disk_leaves_the_old_file(tmp_path, prepare, name, named):
    source, target = tmp_path / name, tmp_path / "result"
    source.write_bytes(make_noise() if prepare is prepare_image else make(name))
    target.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, prepare.__name__, source, target if named else ""],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    place = f"output {str(target)!r}" if named else f"temporary folder {str(tmp_path)!r}"
    assert place in done.stdout
    assert "cannot be written" in done.stdout
    assert "File too large" in done.stdout
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == sorted([name, "result"])


@pytest.mark.parametrize(("prepare", "name"), ALL)
def test_a_folder_that_may_not_be_written_is_reported(tmp_path, monkeypatch, prepare, name):
    (tmp_path / "result").write_bytes(b"old")

    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(drafts.os, "open", refuse)
    with pytest.raises(MediaError, match=r"^output '.*' cannot be written: Permission denied; "):
        prepare(make(name), tmp_path / "result")
    assert (tmp_path / "result").read_bytes() == b"old"


@pytest.mark.parametrize(("prepare", "name"), ALL)
def test_an_output_that_became_a_pipe_meanwhile_is_not_replaced(tmp_path, prepare, name):
    target = tmp_path / "result"

    def meddle(share):
        if share == 1:
            os.mkfifo(target)

    with pytest.raises(MediaError, match="is a pipe"):
        prepare(make(name), target, progress=meddle)
    assert target.is_fifo()
    assert names(tmp_path) == ["result"]
