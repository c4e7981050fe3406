"""Tests of parsing file:// URLs."""

import pytest

from langchain_mimo._media.references import parse_file_url
from langchain_mimo.errors import MediaError


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///srv/cat.png", "/srv/cat.png"),
        ("FILE:///srv/cat.png", "/srv/cat.png"),
        ("file://localhost/srv/cat.png", "/srv/cat.png"),
        ("file:/srv/cat.png", "/srv/cat.png"),
        ("file:///srv/a%20b%23%3F.png", "/srv/a b#?.png"),
        ("file:///srv/%E7%8C%AB.png", "/srv/猫.png"),
        ("file:///srv/猫.png", "/srv/猫.png"),
        ("file:///srv/%FF.png", "/srv/\udcff.png"),
        ("file:///srv/%00.png", "/srv/\0.png"),
        ("file:cat.png", "cat.png"),
        ("file:////host/share", "//host/share"),
        ("file:///C:/cat.png", "/C:/cat.png"),
    ],
)
def test_file_urls(url, path):
    assert parse_file_url(url).path == path


@pytest.mark.parametrize(
    ("url", "sha256", "reason"),
    [
        ("file://host/share/cat.png", None, "on the host 'host'"),
        ("file://127.0.0.1/etc/passwd", None, "on the host"),
        ("file:///srv/cat.png?x", None, "unescaped"),
        ("file:///srv/cat.png#x", None, "unescaped"),
        ("http://host/cat.png", None, "not a file"),
        ("file:///srv/cat.png", "abc", "64 hexadecimal"),
    ],
)
def test_file_urls_that_are_refused(url, sha256, reason):
    with pytest.raises(MediaError, match=reason) as raised:
        parse_file_url(url, None, sha256, message_index=4, block_index=0)
    assert str(raised.value).startswith("messages[4], block 0: ")
