"""Temporary files have no name, or lose it when they are written."""

import os
import tempfile
from pathlib import Path

import pytest

from langchain_mimo._media import spool


@pytest.fixture(params=["without name", "with name"])
def folder(request, tmp_path, monkeypatch):
    if request.param == "with name":
        monkeypatch.setattr(spool, "_path_without_name", lambda *_: None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_was_written_is_read_and_nothing_is_left(folder):
    descriptor = spool.spooled(lambda path: Path(path).write_bytes(b"copied") and None)
    assert not list(folder.iterdir())
    assert os.pread(descriptor, 100, 0) == b"copied"
    assert os.fstat(descriptor).st_mode & 0o777 == 0o600
    os.close(descriptor)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError("x"), MemoryError])
def test_nothing_is_left_of_what_failed(folder, error):
    def fail(path):
        Path(path).write_bytes(b"half")
        raise error

    before = len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0  # noqa: PTH208, PTH112
    with pytest.raises(error if isinstance(error, type) else type(error)):
        spool.spooled(fail)
    assert not list(folder.iterdir())
    after = len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0  # noqa: PTH208, PTH112
    assert after == before


def test_a_full_disk_is_told_from_other_errors(folder):
    def fail(_):
        raise ValueError("cannot write") from OSError(28, "No space left on device")

    with pytest.raises(ValueError, match=r"temporary folder .*: No space left.* TMPDIR") as caught:
        spool.spooled(fail)
    assert str(folder) in str(caught.value)
    assert not list(folder.iterdir())
