"""Folders that a program allows: resolved once, when the model is made."""

import os
import pickle
from pathlib import Path

import pytest
from langchain_core.load import dumpd, load

from langchain_mimo import ChatMiMo, image_block
from langchain_mimo._media.local_files import resolve_folders
from langchain_mimo._media.opening import open_media
from langchain_mimo._media.references import DeferredMedia, LocalFile, MediaReference
from langchain_mimo.errors import MediaError, MiMoConfigurationError

GIF = bytes.fromhex("47494638396101000100800000000000ffffff2c00000000010001000002024401003b")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder `media` below the current directory, and one `other` with a file of the same name."""
    for name in ("media", "other/media"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "a.gif").write_bytes(GIF)
    monkeypatch.chdir(tmp_path)
    return (tmp_path / "media").resolve()


def model(folders, **settings):
    settings = {"api_key": "sk-x", **settings}
    return ChatMiMo(model="mimo-v2.6-flash", allowed_media_dirs=folders, **settings)


def opened(llm, path):
    reference = MediaReference("image", LocalFile(str(path)), None, 0, 0)
    open_media(DeferredMedia(reference), llm._media_policy).close()


def may_open(llm, path):
    try:
        opened(llm, path)
    except MediaError as error:
        return "allowed_media_dirs" not in str(error)
    return True


SPELLINGS = ["media", "./media/", "media/../media", Path("media"), ["media"], ("media",), {"media"}]


@pytest.mark.parametrize("spelling", SPELLINGS, ids=repr)
def test_spellings_of_a_folder(folder, spelling):
    assert resolve_folders(spelling) == [str(folder)]
    assert may_open(model(spelling), folder / "a.gif")


def test_home_is_expanded(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert resolve_folders(["~/media", "~"]) == [str(folder), str(folder.parent)]


def test_a_link_is_resolved(folder):
    Path("link").symlink_to(folder)
    llm = model("link")
    assert may_open(llm, folder / "a.gif")
    Path("link").unlink()
    Path("link").symlink_to(folder.parent / "other")
    assert not may_open(llm, folder.parent / "other/media/a.gif")


def test_none_is_allowed_by_default(folder):
    assert not may_open(ChatMiMo(model="m", api_key="sk-x"), folder / "a.gif")
    assert not may_open(model([]), folder / "a.gif")


@pytest.mark.parametrize("move", ["chdir", "home"])
def test_the_fence_does_not_move(folder, monkeypatch, move):
    monkeypatch.setenv("HOME", str(folder.parent))
    llm = model("media" if move == "chdir" else "~/media")
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", str(folder.parent / "other"))
    for same in (llm, llm.model_copy(), llm.model_copy(deep=True), llm.bind(fps=1).bound):
        assert may_open(same, folder / "a.gif")
        assert not may_open(same, folder.parent / "other/media/a.gif")
        assert not may_open(same, "/etc/hostname")


def test_serialized_models_keep_the_resolved_folders(folder, monkeypatch):
    monkeypatch.setenv("MIMO_API_KEY", "sk-environment")
    llm = model("media", api_key="sk-environment")
    pickled, dumped = pickle.dumps(llm), dumpd(llm)
    monkeypatch.chdir("/")
    permissions = {"valid_namespaces": ["langchain_mimo"], "allowed_objects": [ChatMiMo]}
    for back in (pickle.loads(pickled), load(dumped, secrets_from_env=True, **permissions)):
        assert may_open(back, folder / "a.gif")


def test_a_pickle_read_where_the_folder_is_missing_refuses_at_the_first_use(folder, monkeypatch):
    monkeypatch.setenv("MIMO_API_KEY", "sk-environment")
    pickled = pickle.dumps(model("media", api_key="sk-environment"))
    folder.rename(folder.with_name("gone"))
    back = pickle.loads(pickled)
    with pytest.raises(MediaError, match=r"a\.gif"):
        opened(back, folder / "a.gif")


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (
            "missing",
            "/missing', which does not exist; create the folder or correct the path",
        ),
        (["media", "media/a.gif"], "contains 'media/a.gif', that is '/"),
        ("", "an empty path"),
        (["media", ""], "an empty path"),
        (["media", "media/a.gif"], "/media/a.gif', which is not a folder"),
        (["med\0ia"], "cannot be used"),
        ([b"media"], "must contain paths, got"),
        ([3], "must contain paths, got 3"),
        (3, "must be a folder or a list of folders, got 3"),
        ({"media": 1}, "must be a folder or a list of folders"),
    ],
    ids=str,
)
def test_what_is_no_folder_is_refused_in_the_constructor(folder, folders, words):
    with pytest.raises(MiMoConfigurationError) as caught:
        model(folders)
    assert words in str(caught.value)


def test_a_copy_with_a_relative_folder_is_refused_when_it_opens_a_file(folder):
    llm = model([]).model_copy(update={"allowed_media_dirs": ["media"]})
    with pytest.raises(MiMoConfigurationError, match="relative path 'media'"):
        llm.estimate([("human", [image_block(folder / "a.gif")])])


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_a_folder_without_a_trailing_slash_is_no_prefix(folder):
    (folder.parent / "media-private").mkdir()
    secret = folder.parent / "media-private" / "a.gif"
    secret.write_bytes(GIF)
    assert not may_open(model("media"), secret)
