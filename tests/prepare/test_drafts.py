"""Drafts: what a killed process leaves behind, and who cleans it up."""

import os
import signal
import subprocess
import sys
import time

import pytest
from media_files import make

from langchain_mimo.prepare import prepare_image
from langchain_mimo.prepare.drafts import STALE_SECONDS, new_draft

pytestmark = pytest.mark.skipif(os.name == "nt", reason="files are not locked on Windows")

KILLED = """
import os, sys
from langchain_mimo.prepare import prepare_image
def kill(share):
    if share > 0:
        os.kill(os.getpid(), int(sys.argv[3]))
prepare_image(sys.argv[1], sys.argv[2], progress=kill)
"""


def make_old(path, seconds=STALE_SECONDS + 60):
    then = time.time() - seconds
    os.utime(path, (then, then), follow_symlinks=False)


def drafts_in(folder):
    return [path for path in folder.iterdir() if path.name.startswith(".prepare-")]


def prepare_into(folder):
    prepare_image(make("photo.jpg"), folder / "result.jpg")


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_the_draft_of_a_killed_process_is_removed_when_it_is_old(tmp_path, signal_number):
    source, folder = tmp_path / "source.jpg", tmp_path / "results"
    source.write_bytes(make("photo.jpg"))
    folder.mkdir()
    (folder / "x.jpg").write_bytes(b"old")
    arguments = [str(source), str(folder / "x.jpg"), str(int(signal_number))]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False, timeout=60)
    assert done.returncode == -signal_number
    assert (folder / "x.jpg").read_bytes() == b"old"
    (draft,) = drafts_in(folder)
    prepare_into(folder)
    assert drafts_in(folder) == [draft]
    make_old(draft)
    prepare_into(folder)
    assert not drafts_in(folder)
    assert (folder / "x.jpg").read_bytes() == b"old"


def test_an_old_draft_that_is_still_written_to_is_kept(tmp_path):
    with new_draft(tmp_path, private=False) as draft:
        draft.write_bytes(b"unfinished")
        make_old(draft)
        prepare_into(tmp_path)
        assert draft.read_bytes() == b"unfinished"
    assert not drafts_in(tmp_path)


@pytest.mark.parametrize("name", [".prepare-notes", ".prepare-0123456789abcdef.txt", "prepare-01"])
def test_other_files_are_kept(tmp_path, name):
    (tmp_path / name).write_bytes(b"mine")
    make_old(tmp_path / name)
    prepare_into(tmp_path)
    assert (tmp_path / name).read_bytes() == b"mine"


NAME = ".prepare-0123456789abcdef"


def test_what_is_no_file_is_kept(tmp_path):
    (tmp_path / "precious").write_bytes(b"mine")
    link = tmp_path / NAME
    link.symlink_to("precious")
    folder = tmp_path / NAME.replace("0", "1")
    folder.mkdir()
    pipe = tmp_path / NAME.replace("0", "2")
    os.mkfifo(pipe)
    for path in (link, folder, pipe, tmp_path / "precious"):
        make_old(path)
    prepare_into(tmp_path)
    assert link.is_symlink()
    assert folder.is_dir()
    assert pipe.is_fifo()
    assert (tmp_path / "precious").read_bytes() == b"mine"


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root may give files away")
def test_the_draft_of_another_user_is_kept(tmp_path):
    draft = tmp_path / NAME
    draft.touch()
    os.chown(draft, 12345, -1)
    make_old(draft)
    prepare_into(tmp_path)
    assert draft.exists()


def test_permissions_are_those_of_a_new_file_and_private_in_the_temporary_folder(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    with new_draft(tmp_path, private=False) as draft:
        assert draft.stat().st_mode == plain.stat().st_mode
    with new_draft(tmp_path, private=True) as draft:
        assert draft.stat().st_mode & 0o077 == 0
