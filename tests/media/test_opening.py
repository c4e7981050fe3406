"""Tests of opening references: what may be opened, what is sent, and what is refused."""

import base64
import hashlib
import os
import socket
import sys
import warnings
from pathlib import Path

import pytest
from media_files import make_image

from langchain_mimo._media.opening import MediaPolicy, open_media
from langchain_mimo._media.references import (
    DeferredMedia,
    InlineBase64,
    LocalFile,
    MediaReference,
    RemoteURL,
)
from langchain_mimo.errors import MediaError, MiMoConfigurationError

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
NOTHING = MediaPolicy()


def leaf(source, kind="image", mime_type=None, data_url=True):
    return DeferredMedia(MediaReference(kind, source, mime_type, 2, 1), data_url)


def inline(data, **options):
    return leaf(InlineBase64(base64.b64encode(data).decode()), **options)


@pytest.fixture
def folder(tmp_path):
    """An allowed folder next to one that is not allowed, with links in all directions."""
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    (allowed / "deep" / "er").mkdir(parents=True)
    outside.mkdir()
    for place in (allowed / "cat.gif", allowed / "deep" / "er" / "cat.gif", outside / "cat.gif"):
        place.write_bytes(GIF)
    (allowed / "with space #1?.gif").write_bytes(GIF)
    (allowed / "link_in.gif").symlink_to(allowed / "deep" / "er" / "cat.gif")
    (allowed / "link_out.gif").symlink_to(outside / "cat.gif")
    (allowed / "folder_out").symlink_to(outside)
    (allowed / "folder_in").symlink_to(allowed / "deep")
    (outside / "link_in.gif").symlink_to(allowed / "cat.gif")
    (allowed / "loop.gif").symlink_to(allowed / "loop.gif")
    (allowed / "empty.gif").write_bytes(b"")
    os.mkfifo(allowed / "pipe.gif")
    return allowed


@pytest.fixture(scope="module")
def watched():
    """Paths that were really opened, by any means, while the test ran."""
    opened, listening = [], [False]

    def hook(event, arguments):
        if listening[0] and event in ("open", "socket.connect", "socket.getaddrinfo"):
            opened.append((event, arguments[0]))

    sys.addaudithook(hook)
    return opened, listening


class Watch:
    def __init__(self, watched):
        self.opened, self._listening = watched

    def __enter__(self):
        self.opened.clear()
        self._listening[0] = True
        return self.opened

    def __exit__(self, *_):
        self._listening[0] = False


def read(opened):
    with opened:
        return b"".join(opened.slices())


# --- what is sent -------------------------------------------------------------------------------


def test_base64_in_a_message_is_sent_unchanged():
    opened = open_media(inline(GIF), NOTHING)
    assert opened.prefix == b"data:image/gif;base64,"
    assert not opened.blocking
    assert read(opened) == base64.b64encode(GIF)
    assert opened.encoded_length == len(base64.b64encode(GIF))


def test_a_data_url_is_not_copied_and_the_bytes_correct_its_mime_type():
    url = "data:image/jpg;base64," + base64.b64encode(GIF).decode()
    opened = open_media(leaf(InlineBase64(url, 22), mime_type="image/jpg"), NOTHING)
    assert opened.mime_type == "image/gif"
    assert read(opened) == base64.b64encode(GIF)


def test_bare_base64_has_no_prefix():
    assert open_media(inline(GIF, data_url=False), NOTHING).prefix == b""


def test_a_file_is_sent_and_can_be_sent_again(folder):
    digest = hashlib.sha256(GIF).hexdigest()
    file = LocalFile(str(folder / "cat.gif"), len(GIF), digest)
    opened = open_media(leaf(file), MediaPolicy([folder]))
    assert opened.blocking
    assert b"".join(opened.slices()) == b"".join(opened.slices(5)) == base64.b64encode(GIF)
    opened.close()
    opened.close()


@pytest.mark.parametrize(
    "name",
    ["cat.gif", "deep/er/cat.gif", "deep/../cat.gif", "link_in.gif", "folder_in/er/cat.gif",
     "../outside/link_in.gif", "with space #1?.gif"],
)  # fmt: skip
def test_a_path_that_resolves_inside_is_opened_once(folder, watched, name):
    reference = leaf(LocalFile(f"{folder}/{name}"))
    policy = MediaPolicy([folder])
    with Watch(watched) as opened:
        content = read(open_media(reference, policy))
    assert content == base64.b64encode(GIF)
    files = [path for event, path in opened if event == "open" and str(path).endswith(".gif")]
    assert len(files) == 1


def test_a_relative_folder_is_refused_since_it_was_not_resolved():
    with pytest.raises(MiMoConfigurationError, match="'media'; pass it to ChatMiMo"):
        MediaPolicy(["/srv", "media"])


# --- what is refused without opening anything ---------------------------------------------------

HOSTILE_PATHS = [
    ("/etc/passwd", "outside the folders in allowed_media_dirs"),
    ("/proc/self/environ", "outside the folders in allowed_media_dirs"),
    ("/dev/zero", "outside the folders in allowed_media_dirs"),
    ("/dev/stdin", "outside the folders in allowed_media_dirs"),
    ("{folder}/../outside/cat.gif", "outside the folders in allowed_media_dirs"),
    ("{folder}/link_out.gif", "outside the folders in allowed_media_dirs"),
    ("{folder}/folder_out/cat.gif", "outside the folders in allowed_media_dirs"),
    ("{folder}", "outside the folders in allowed_media_dirs"),
    ("{folder}-more/cat.gif", "outside the folders in allowed_media_dirs"),
    ("{folder}/pipe.gif", "a pipe"),
    ("{folder}/deep", "a folder"),
    ("{folder}/loop.gif", "cannot be opened"),
    ("{folder}/none.gif", "No such file"),
    ("{folder}/cat.gif/x", "cannot be opened"),
    ("{folder}/" + "x" * 300, "cannot be opened"),
    ("cat.gif", "a relative path"),
    ("./cat.gif", "a relative path"),
    ("../cat.gif", "a relative path"),
    ("~/cat.gif", "a relative path"),
    ("~root/cat.gif", "a relative path"),
    ("", "a relative path"),
    ("C:\\cat.gif", "a relative path"),
    ("//host/share/cat.gif", "a network path"),
    ("\\\\host\\share\\cat.gif", "a network path"),
    ("{folder}/cat.gif\0.png", "a null byte"),
]


@pytest.mark.parametrize(("path", "reason"), HOSTILE_PATHS)
def test_a_path_that_is_not_allowed_is_not_opened(folder, watched, path, reason):
    reference = leaf(LocalFile(path.format(folder=folder)))
    policy = MediaPolicy([folder])
    with Watch(watched) as opened, pytest.raises(MediaError, match=reason) as raised:
        open_media(reference, policy)
    # Only directories on the way down from the allowed folder are opened.
    allowed_steps = {str(folder), "deep", *(["cat.gif"] if path.endswith("/x") else [])}
    assert [path for _, path in opened if path not in allowed_steps] == []
    assert (raised.value.message_index, raised.value.block_index) == (2, 1)
    assert str(raised.value).startswith("messages[2], block 1: the image cannot be sent: ")
    assert len(str(raised.value)) < 700
    assert "outside/" not in str(raised.value).replace(path.format(folder=folder), "")


@pytest.mark.parametrize("path", ["/etc/passwd", "{folder}/cat.gif", "cat.gif", "//host/cat.gif"])
def test_without_an_allowed_folder_nothing_is_opened(folder, watched, path):
    reference = leaf(LocalFile(path.format(folder=folder)))
    with Watch(watched) as opened, pytest.raises(MediaError):
        open_media(reference, NOTHING)
    assert opened == []


def test_a_device_inside_an_allowed_folder_is_not_opened(watched):
    with Watch(watched) as opened, pytest.raises(MediaError, match="a device"):
        open_media(leaf(LocalFile("/dev/zero")), MediaPolicy(["/dev"]))
    assert [path for _, path in opened if path != "/dev"] == []


def test_a_socket_is_not_opened(folder):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s.gif"))
        with pytest.raises(MediaError, match="a socket"):
            open_media(leaf(LocalFile(str(folder / "s.gif"))), MediaPolicy([folder]))


def test_a_link_that_is_swapped_in_is_not_followed(folder, monkeypatch):
    """The path has no links when it is resolved, but has one when it is opened."""
    realpath = os.path.realpath
    target = folder / "deep" / "er" / "cat.gif"

    def swap(path, *arguments, **options):
        resolved = realpath(path, *arguments, **options)
        if str(path) == str(target):
            (folder / "deep" / "er").rename(folder / "gone")
            (folder / "deep" / "er").symlink_to(folder.parent / "outside")
        return resolved

    monkeypatch.setattr(os.path, "realpath", swap)
    with pytest.raises(MediaError, match="cannot be opened"):
        open_media(leaf(LocalFile(str(target))), MediaPolicy([folder]))


BAD_BASE64 = [
    ("", "it is empty"),
    ("QUJD\nREVG", "line breaks or spaces"),
    (" QUJD", "line breaks or spaces"),
    ("QUJD\r\n", "line breaks or spaces"),
    ("QUJD_-8=", "URL-safe"),
    ('QUJD","x":"', "invalid characters"),
    ("QUJDR", "truncated or lacks its padding"),
    ("QUJDRA", "truncated or lacks its padding"),
    ("QUI=QUJD", "invalid characters"),
    ("QUI===", "invalid characters"),
    ("QUJDRA=", "truncated or lacks its padding"),
    ("R0lGODlh\u00e9A==", "invalid characters"),
    ("R0lGODlh\ud800A==", "invalid characters"),
    ("====", "invalid characters"),
    ("%FF%D8%FF", "invalid characters"),
    ("/etc/passwd" + "A", "unrecognised file signature"),
]


@pytest.mark.parametrize(("text", "reason"), BAD_BASE64)
@pytest.mark.parametrize("start", [0, 22])
def test_invalid_base64_is_refused(text, reason, start):
    source = InlineBase64("data:image/gif;base64,"[:start] + text, start)
    with pytest.raises(MediaError, match=reason):
        open_media(leaf(source), NOTHING)


def test_damage_late_in_the_text_is_found_before_anything_is_sent():
    text = base64.b64encode(GIF + bytes(10**6)).decode()
    broken = text[:900_000] + '"' + text[900_001:]
    with pytest.raises(MediaError, match="invalid characters"):
        open_media(leaf(InlineBase64(broken)), NOTHING)


def test_too_much_base64_is_refused_without_reading_it():
    class Huge(str):
        __slots__ = ()

        def __len__(self):
            return 50 * 2**20 + 4

        def __getitem__(self, _):
            raise AssertionError("the text was read")

    with pytest.raises(MediaError, match="52,428,804 characters"):
        open_media(leaf(InlineBase64(Huge("R0lG"))), NOTHING)


def test_a_file_too_large_is_refused_without_reading_it(folder):
    big = folder / "big.gif"
    with big.open("wb") as writer:
        writer.truncate(39_321_601)
    with pytest.raises(MediaError, match="prepare"):
        open_media(leaf(LocalFile(str(big))), MediaPolicy([folder]))


@pytest.mark.parametrize(("size", "warned"), [(37_500_000, False), (37_500_001, True)])
def test_a_file_that_fits_only_one_reading_of_megabytes_is_sent_with_a_warning(
    folder, size, warned
):
    big = folder / "big.gif"
    with big.open("wb") as writer:
        writer.write(make_image("gif", (16, 16)))
        writer.truncate(size)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        open_media(leaf(LocalFile(str(big))), MediaPolicy([folder])).close()
    texts = [str(warning.message) for warning in caught if warning.category is UserWarning]
    assert len(texts) == warned
    if warned:
        assert texts[0].startswith("messages[2], block 1: the image has 50,000,004 characters")
        assert "prepare_image" in texts[0]


@pytest.mark.parametrize(
    ("size", "cause"),
    [
        ((8, 8), "sides under 9 pixels are refused"),
        ((300, 8), "sides under 9 pixels are refused"),
        ((1801, 9), "aspect ratios above 200 to 1 are refused"),
        ((9, 9), None),
        ((9, 1800), None),
    ],
)
def test_an_image_whose_sides_mimo_has_refused_is_sent_with_a_warning(folder, size, cause):
    (folder / "odd.png").write_bytes(make_image("png", size))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        open_media(leaf(LocalFile(str(folder / "odd.png"))), MediaPolicy([folder])).close()
    texts = [str(warning.message) for warning in caught if warning.category is UserWarning]
    assert len(texts) == (cause is not None)
    for text in texts:
        assert f"has {size[0]} x {size[1]} pixels, which MiMo may refuse ({cause})" in text
        assert "prepare_image" in text


def test_an_empty_file_is_refused(folder):
    with pytest.raises(MediaError, match="it is empty"):
        open_media(leaf(LocalFile(str(folder / "empty.gif"))), MediaPolicy([folder]))


def test_a_url_is_never_opened(watched):
    with Watch(watched) as opened, pytest.raises(TypeError):
        open_media(leaf(RemoteURL("http://169.254.169.254/")), NOTHING)
    assert opened == []


# --- a file that has changed ----------------------------------------------------------------


def test_a_changed_size_is_noticed_before_anything_is_sent(folder):
    file = LocalFile(str(folder / "cat.gif"), len(GIF) + 1)
    with pytest.raises(MediaError, match="has changed") as raised:
        open_media(leaf(file), MediaPolicy([folder]))
    assert repr(str(folder / "cat.gif")) in str(raised.value)


@pytest.mark.parametrize("size", [None, len(GIF)])
def test_changed_content_withholds_the_last_slice(folder, size):
    file = LocalFile(str(folder / "cat.gif"), size, hashlib.sha256(b"dog").hexdigest())
    sent = []
    with (
        open_media(leaf(file), MediaPolicy([folder])) as opened,
        pytest.raises(MediaError, match="has changed") as raised,
    ):
        sent.extend(opened.slices(8))
    complete = base64.b64encode(GIF)
    assert complete.startswith(b"".join(sent))
    assert len(complete) - 8 <= len(b"".join(sent)) < len(complete)
    assert repr(str(folder / "cat.gif")) in str(raised.value)
    assert raised.value.block_index == 1


@pytest.mark.parametrize("change", ["grow", "shrink"])
def test_a_file_that_changes_size_while_it_is_sent_never_arrives_completely(folder, change):
    path = folder / "cat.gif"
    with open_media(leaf(LocalFile(str(path))), MediaPolicy([folder])) as opened:
        pieces = opened.slices(8)
        next(pieces)
        path.write_bytes(GIF * 2 if change == "grow" else GIF[:10])
        with pytest.raises(MediaError, match="has changed"):
            list(pieces)


def test_a_refused_file_leaves_no_descriptor_open(folder):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("empty.gif", "link_out.gif", "pipe.gif", "deep", "none.gif"):
        with pytest.raises(MediaError):
            open_media(leaf(LocalFile(str(folder / name))), MediaPolicy([folder]))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
