"""Spellings of paths in messages. The rules for Windows run here too, but never ran on Windows."""

import os
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo._media import local_files
from langchain_mimo._media.path_spelling import check_absolute, path_hint
from langchain_mimo._media.references import LocalFile, parse_file_url


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///C:/media/cat.png", "C:/media/cat.png"),
        ("file:///c:/media/a%20b.png", "c:/media/a b.png"),
        ("file://localhost/D:/cat.png", "D:/cat.png"),
        ("file:///C:%5Cmedia%5Ccat.png", "C:\\media\\cat.png"),
        ("file:///C:/console/nulls/com.png", "C:/console/nulls/com.png"),
    ],
)
def test_windows_paths(url, path):
    assert check_absolute(parse_file_url(url).path, windows=True) == path


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:////server/share/a.png", "is a network path"),
        ("file:///%5C%5Cserver%5Cshare%5Ca.png", "is a network path"),
        ("file:%5C%5Cserver%5Cshare%5Ca.png", "is a network path"),
        ("file:///%3F%3F/UNC/server/share/a.png", "names no drive"),
        ("file:%5C%3F%3F%5CUNC%5Cserver%5Cshare%5Ca.png", "names no drive"),
        ("file:%5C%5C%3F%5CC:%5Ca.png", "is a network path"),
        ("file:%5C%5C.%5CPhysicalDrive0", "is a network path"),
        ("file:%5C/server/share/a.png", "is a network path"),
        ("file:///Device/HarddiskVolume1/a.png", "names no drive"),
        ("file:///media/cat.png", "names no drive"),
        ("file:///C:cat.png", "is a relative path"),
        ("file:cat.png", "is a relative path"),
        ("file:///C:/cat.png:stream", "an alternate stream"),
        ("file:///C:/cat.png::$DATA", "an alternate stream"),
        ("file:///C:/CON", "names a device"),
        ("file:///C:/media/nul.png", "names a device"),
        ("file:///C:/com1", "names a device"),
        ("file:///C:/a/LPT9.txt", "names a device"),
        ("file:///C:/AUX%20.txt", "names a device"),
        ("file:///C:/a%00b", "a null byte"),
    ],
)
def test_windows_spellings_that_are_refused(url, reason):
    with pytest.raises(ValueError, match=reason):
        check_absolute(parse_file_url(url).path, windows=True)


@given(st.text(st.sampled_from("/\\?.:CaU%NX "), max_size=12))
def test_what_windows_takes_is_on_a_drive(path):
    try:
        checked = PureWindowsPath(check_absolute(path, windows=True))
    except ValueError:
        return
    assert checked.is_absolute()
    assert len(checked.drive) == 2
    assert checked.drive[1] == ":"


@pytest.mark.parametrize(
    "path", ["//server/a.png", "\\\\server\\a.png", "a.png", "~/a.png", "C:/a.png", ""]
)
def test_posix_spellings_that_are_refused(path):
    with pytest.raises(ValueError, match=r"network path|relative path"):
        check_absolute(path, windows=False)


def test_a_spelling_is_refused_before_the_disk_is_looked_at(monkeypatch):
    def touched(*_, **__):
        raise AssertionError("the disk was looked at")

    monkeypatch.setattr(os.path, "realpath", touched)
    monkeypatch.setattr(os, "stat", touched)
    with pytest.raises(ValueError, match="network path"):
        local_files.open_allowed_file(LocalFile("//server/share/a.png"), ["/srv"])


def test_without_directory_descriptors_a_replaced_folder_is_noticed(tmp_path, monkeypatch):
    # What Windows does: there, os.open takes no folder.
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"bytes")
    monkeypatch.setattr(local_files, "_HAS_DIR_FD", False)
    file, root = LocalFile(str(tmp_path / "inside/a.png")), [str(tmp_path / "inside")]
    os.close(local_files.open_allowed_file(file, root))
    opened = local_files._open_regular

    def swap_first(path, directory):
        (tmp_path / "inside").rename(tmp_path / "moved")
        (tmp_path / "inside").symlink_to(tmp_path / "outside")
        return opened(path, directory)

    monkeypatch.setattr(local_files, "_open_regular", swap_first)
    with pytest.raises(ValueError, match="replaced by a link"):
        local_files.open_allowed_file(file, root)


@pytest.mark.parametrize(
    ("path", "posix", "windows"),
    [
        ("C:\\a\\b.png", "a path of Windows", ""),
        ("c:/a/b.png", "a path of Windows", ""),
        ("\\\\server\\share\\b.png", "a path of Windows", ""),
        ("a\\b.png", "", ""),
        ("~/b.png", "expanduser", "expanduser"),
        ("www.example.com/b.png", "https://", "https://"),
        ("QUJD" * 30, "for base64", "for base64"),
        ("QUJD" * 30 + "/b.png", "", ""),
        ("b.png", "", ""),
    ],
)
def test_what_is_probably_wrong_with_a_path(path, posix, windows):
    for is_windows, hint in ((False, posix), (True, windows)):
        found = path_hint(Path(path) if hint == "expanduser" else path, windows=is_windows)
        assert hint in found
        assert bool(hint) == bool(found)
