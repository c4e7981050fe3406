"""Content blocks in all shapes that users and providers write."""

from __future__ import annotations

import builtins
import copy
import os
import warnings

import pytest
from block_samples import INLINE, MP4, NONE, PNG, REFUSED, REMOTE, URL, VIDEO, only, payload
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models._utils import _normalize_messages
from langchain_core.messages import HumanMessage
from langchain_core.messages.content import (
    create_image_block,
    create_plaintext_block,
    create_video_block,
)

from langchain_mimo._media.references import InlineBase64, LocalFile, RemoteURL
from langchain_mimo._wire.from_langchain.content_blocks import KNOWN_KEYS, READERS, read_content
from langchain_mimo._wire.turns import MediaPart, TextPart
from langchain_mimo.errors import MediaError, MiMoInputError

# --- Accepted shapes ---------------------------------------------------------------------------


@pytest.mark.parametrize(("block", "kind"), REMOTE.values(), ids=REMOTE)
def test_urls(block, kind):
    part = only(block)
    assert part.reference.kind == kind
    assert isinstance(part.reference.source, RemoteURL)
    assert part.reference.source.url.lower().startswith(("https://example", "http://example"))


@pytest.mark.parametrize(("block", "kind", "data"), INLINE.values(), ids=INLINE)
def test_base64(block, kind, data):
    before = copy.deepcopy(block)
    part = only(block)
    assert part.reference.kind == kind
    assert payload(part.reference.source) == data
    assert part.reference.mime_type.startswith(kind + "/")
    assert block == before


@pytest.mark.parametrize("block", [block for block, *_ in [*INLINE.values(), *REMOTE.values()]])
def test_normalising_by_core_changes_nothing(block):
    (message,) = _normalize_messages([HumanMessage([block])])
    (direct,) = read_content([block], 0, NONE)
    (normalised,) = read_content(message.content, 0, NONE)
    assert normalised.reference.kind == direct.reference.kind
    actual, expected = normalised.reference.source, direct.reference.source
    if isinstance(actual, InlineBase64):
        assert payload(actual) == payload(expected)
    else:
        assert actual == expected


def test_payload_is_not_copied():
    url = f"data:video/mp4;base64,{MP4}"
    part = only({"type": "video_url", "video_url": {"url": url}})
    assert part.reference.source.text is url


def test_base64_may_have_no_or_a_generic_mime_type():
    assert only({"type": "image", "base64": PNG}).reference.mime_type is None
    octets = {"type": "video", "base64": MP4, "mime_type": "application/octet-stream"}
    assert only(octets).reference.mime_type is None


def test_file_url():
    digest = "ab" * 32
    block = {
        "type": "video",
        "url": "file:///videos/a%20b.mp4",
        "extras": {"size": 12, "sha256": digest},
    }
    assert only(block).reference.source == LocalFile("/videos/a b.mp4", 12, digest)
    assert (
        only({"type": "image", "url": "file://localhost/a.png"}).reference.source.path == "/a.png"
    )


def test_several_blocks_in_any_order():
    content = [
        "one",
        {"type": "image", "url": URL},
        {"type": "text", "text": "two"},
        {"type": "video_url", "video_url": {"url": URL}, "fps": 1},
        {"type": "input_audio", "input_audio": {"data": URL}},
        {"type": "text", "text": ""},
    ]
    parts = read_content(content, 0, NONE)
    assert [getattr(p, "text", None) or p.reference.kind for p in parts] == [
        "one",
        "image",
        "two",
        "video",
        "audio",
    ]
    assert [p.reference.block_index for p in parts if isinstance(p, MediaPart)] == [1, 3, 4]


# --- Text --------------------------------------------------------------------------------------

TEXT = {
    "string": ("hello", "hello"),
    "empty": ("", ""),
    "no blocks": ([], ""),
    "one text": ([{"type": "text", "text": "hello"}], "hello"),
    "only empty texts": ([{"type": "text", "text": ""}, ""], ""),
    "string in a list": (["hello"], "hello"),
    "Bedrock text": ([{"text": "hello"}], "hello"),
    "input_text": ([{"type": "input_text", "text": "hello"}], "hello"),
    "marker keys": (
        [{"type": "text", "text": "hi", "cache_control": {}, "id": "x", "index": 0}],
        "hi",
    ),
    "cache point": ([{"text": "hi"}, {"cachePoint": {"type": "default"}}], "hi"),
    "text-plain": ([create_plaintext_block("body", title="T", context="C")], "T\nC\nbody"),
    "text-plain base64": (
        [{"type": "text-plain", "mime_type": "text/plain", "base64": "5L2g5aW9"}],
        "你好",
    ),
    "text file": ([{"type": "file", "mime_type": "text/plain", "base64": "aGk="}], "hi"),
    "v0 text file": ([{"type": "file", "source_type": "text", "text": "hi"}], "hi"),
    "Anthropic document": (
        [{"type": "document", "title": "T", "source": {"type": "text", "data": "body"}}],
        "T\nbody",
    ),
    "search result": (
        [
            {
                "type": "search_result",
                "title": "T",
                "source": "https://s",
                "content": [{"type": "text", "text": "found"}],
            }
        ],
        "T\nhttps://s\nfound",
    ),
    "surrogate pair": ("a\ud83d\ude00b", "a😀b"),
    "surrogate pair in a block": ([{"type": "text", "text": "\ud83d\ude00"}], "😀"),
    "lone high surrogate": ("a\ud83db", "a\ufffdb"),
    "lone low surrogate": ("\ude00", "\ufffd"),
    "Chinese": ("你好", "你好"),
}


@pytest.mark.parametrize(("content", "text"), TEXT.values(), ids=TEXT)
def test_text(content, text):
    assert read_content(content, 0, NONE) == text


def test_two_texts_are_two_parts():
    assert read_content(["a", "b"], 0, NONE) == [TextPart("a"), TextPart("b")]


# --- Refused blocks ----------------------------------------------------------------------------


@pytest.mark.parametrize(("block", "match"), REFUSED.values(), ids=REFUSED)
def test_refused(block, match):
    with pytest.raises(MiMoInputError, match=match) as caught:
        read_content(["text", block], 4, NONE)
    error = caught.value
    assert (error.message_index, error.block_index) == (4, 1)
    assert str(error).startswith("messages[4], block 1: ")
    assert "\n" not in str(error)
    assert len(str(error)) < 400


def test_errors_do_not_contain_the_payload():
    bare = {"type": "image_url", "image_url": {"url": PNG * 20}}
    with pytest.raises(MediaError) as caught:
        read_content([bare], 0, NONE)
    assert PNG[:64] not in str(caught.value)


def test_no_disk_and_no_network(monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError(args)

    monkeypatch.setattr(builtins, "open", never)
    monkeypatch.setattr(os, "stat", never)
    for block, _ in [*REFUSED.values(), *REMOTE.values()]:
        try:
            read_content([block], 0, NONE)
        except MiMoInputError:
            continue
    read_content([{"type": "image", "url": "file:///etc/passwd"}], 0, NONE)


# --- Unknown keys ------------------------------------------------------------------------------


def test_unknown_key_warns_once():
    block = {**VIDEO, "loudness": 3}
    with pytest.warns(UserWarning, match="'loudness'"):
        only(block)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        only(block)


def test_detail_inside_image_url_warns():
    with pytest.warns(UserWarning, match="'detail'"):
        only({"type": "image_url", "image_url": {"url": URL, "detail": "high"}})


def test_unknown_extra_warns():
    with pytest.warns(UserWarning, match="'fsp'"):
        only(create_video_block(url=URL, fsp=1))


@pytest.mark.parametrize(
    "block",
    [
        create_image_block(url=URL),
        {"type": "image", "url": URL, "cache_control": {"type": "ephemeral"}},
        {"type": "image", "url": URL, "extras": {"size": 1, "sha256": "00", "signature": "s"}},
        {"type": "text", "text": "x", "annotations": [], "extras": {}},
    ],
)
def test_ignored_keys_cause_no_warning(block):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_content([block, "x"], 0, NONE)


# --- Properties --------------------------------------------------------------------------------

_any_block = st.one_of(
    st.text(max_size=5),
    st.sampled_from([b for b, _ in REMOTE.values()] + [b for b, *_ in INLINE.values()]),
    st.sampled_from([b for b, _ in REFUSED.values()]),
    st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=5)),
)


def _is_media(block):
    return any(block is known for known, *_ in [*REMOTE.values(), *INLINE.values()])


@given(st.lists(_any_block, max_size=8))
def test_no_media_are_lost(content):
    before = copy.deepcopy(content)
    parts, refused = [], None
    try:
        parts = read_content(content, 0, NONE)
    except MiMoInputError as error:
        refused = error.block_index
    if parts == []:
        assert any(content[refused] is bad for bad, _ in REFUSED.values())
    else:
        media = [p for p in parts if isinstance(p, MediaPart)] if isinstance(parts, list) else []
        expected = [i for i, block in enumerate(content) if _is_media(block)]
        assert [part.reference.block_index for part in media] == expected
    assert content == before


_arbitrary_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just(URL) | st.just(PNG),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(sorted(KNOWN_KEYS | {"x", "type", "extras"})), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@settings(max_examples=400)
@given(
    st.sampled_from([*READERS, "tool_result", "odd"]),
    st.dictionaries(st.sampled_from(sorted(KNOWN_KEYS)), _arbitrary_values, max_size=4),
)
def test_arbitrary_blocks_raise_only_our_errors(kind, rest):
    block = {**rest, "type": kind}
    refused_index = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read_content([block], 0, NONE)
        except MiMoInputError as error:
            refused_index = error.block_index
    assert refused_index == 0
