"""Content blocks in all shapes that users and providers write."""

from __future__ import annotations

import base64
import builtins
import copy
import os
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models._utils import _normalize_messages
from langchain_core.messages import HumanMessage
from langchain_core.messages.content import (
    create_audio_block,
    create_image_block,
    create_plaintext_block,
    create_video_block,
)

from langchain_mimo._media.references import InlineBase64, LocalFile, RemoteURL
from langchain_mimo._wire.from_langchain.content_blocks import KNOWN_KEYS, READERS, read_content
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo._wire.turns import MediaPart, TextPart
from langchain_mimo.errors import MediaError, MiMoInputError

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
MP4 = base64.b64encode(b"\0\0\0\x18ftypmp42" + bytes(40)).decode()
WAV = base64.b64encode(b"RIFF\0\0\0\0WAVEfmt " + bytes(40)).decode()
URL = "https://example.com/media"
NONE = MediaDefaults()


def only(block, defaults=NONE):
    parts = read_content([block], 3, defaults)
    assert isinstance(parts, list)
    (part,) = parts
    assert isinstance(part, MediaPart)
    assert (part.reference.message_index, part.reference.block_index) == (3, 0)
    return part


def payload(source):
    assert isinstance(source, InlineBase64)
    return source.text[source.start :]


def remote(kind):
    return RemoteURL(URL), kind


# --- Accepted shapes ---------------------------------------------------------------------------

REMOTE = {
    "v1 image": ({"type": "image", "url": URL}, "image"),
    "v1 video": ({"type": "video", "url": URL}, "video"),
    "v1 audio": ({"type": "audio", "url": URL}, "audio"),
    "v1 factory image": (create_image_block(url=URL), "image"),
    "v1 factory video": (create_video_block(url=URL), "video"),
    "v1 factory audio": (create_audio_block(url=URL), "audio"),
    "v1 with null base64": ({"type": "image", "url": URL, "base64": None}, "image"),
    "v0 image": ({"type": "image", "source_type": "url", "url": URL}, "image"),
    "v0 audio": ({"type": "audio", "source_type": "url", "url": URL}, "audio"),
    "v0 video": ({"type": "video", "source_type": "url", "url": URL}, "video"),
    "MiMo image": ({"type": "image_url", "image_url": {"url": URL}}, "image"),
    "image_url as a string": ({"type": "image_url", "image_url": URL}, "image"),
    "MiMo video": ({"type": "video_url", "video_url": {"url": URL}}, "video"),
    "video_url as a string": ({"type": "video_url", "video_url": URL}, "video"),
    "MiMo audio": ({"type": "input_audio", "input_audio": {"data": URL}}, "audio"),
    "SGLang audio": ({"type": "audio_url", "audio_url": {"url": URL}}, "audio"),
    "Anthropic image": ({"type": "image", "source": {"type": "url", "url": URL}}, "image"),
    "Responses image": ({"type": "input_image", "image_url": URL}, "image"),
    "Responses video": ({"type": "input_video", "video_url": URL}, "video"),
    "Gemini media": ({"type": "media", "mime_type": "video/mp4", "file_uri": URL}, "video"),
    "file by MIME type": ({"type": "file", "mime_type": "audio/wav", "url": URL}, "audio"),
    "http": ({"type": "image", "url": "HTTP://example.com/a"}, "image"),
    "non_standard": (
        {"type": "non_standard", "value": {"type": "video_url", "video_url": {"url": URL}}},
        "video",
    ),
}


@pytest.mark.parametrize(("block", "kind"), REMOTE.values(), ids=REMOTE)
def test_urls(block, kind):
    part = only(block)
    assert part.reference.kind == kind
    assert isinstance(part.reference.source, RemoteURL)
    assert part.reference.source.url.lower().startswith(("https://example", "http://example"))


INLINE = {
    "v1 image": ({"type": "image", "base64": PNG, "mime_type": "image/png"}, "image", PNG),
    "v1 video": ({"type": "video", "base64": MP4, "mime_type": "video/mp4"}, "video", MP4),
    "v1 audio": ({"type": "audio", "base64": WAV, "mime_type": "audio/wav"}, "audio", WAV),
    "v1 factory": (create_video_block(base64=MP4, mime_type="video/mp4"), "video", MP4),
    "data URL in url": ({"type": "image", "url": f"data:image/png;base64,{PNG}"}, "image", PNG),
    "data URL in base64": (
        {"type": "image", "base64": f"data:image/png;base64,{PNG}"},
        "image",
        PNG,
    ),
    "v0 image": (
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        "image",
        PNG,
    ),
    "v0 video": (
        {"type": "video", "source_type": "base64", "data": MP4, "mime_type": "video/mp4"},
        "video",
        MP4,
    ),
    "MiMo image": (
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        "image",
        PNG,
    ),
    "MiMo video": (
        {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{MP4}"}},
        "video",
        MP4,
    ),
    "MiMo audio": (
        {"type": "input_audio", "input_audio": {"data": f"data:audio/wav;base64,{WAV}"}},
        "audio",
        WAV,
    ),
    "OpenAI audio": (
        {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
        "audio",
        WAV,
    ),
    "Anthropic image": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        "image",
        PNG,
    ),
    "Gemini media": ({"type": "media", "mime_type": "audio/wav", "data": WAV}, "audio", WAV),
    "Gemini bytes": (
        {"type": "media", "mime_type": "audio/wav", "data": base64.b64decode(WAV)},
        "audio",
        WAV,
    ),
    "Gemini inline": ({"inline_data": {"mime_type": "image/png", "data": PNG}}, "image", PNG),
    "Bedrock image": (
        {"image": {"format": "png", "source": {"bytes": base64.b64decode(PNG)}}},
        "image",
        PNG,
    ),
    "Bedrock video": (
        {"video": {"format": "mp4", "source": {"bytes": base64.b64decode(MP4)}}},
        "video",
        MP4,
    ),
    "v1 file": ({"type": "file", "base64": MP4, "mime_type": "video/mp4"}, "video", MP4),
    "OpenAI file": (
        {"type": "file", "file": {"file_data": f"data:image/png;base64,{PNG}", "filename": "a"}},
        "image",
        PNG,
    ),
    "Responses file": (
        {"type": "input_file", "file_data": f"data:audio/wav;base64,{WAV}", "filename": "a.wav"},
        "audio",
        WAV,
    ),
}


@pytest.mark.parametrize(("block", "kind", "data"), INLINE.values(), ids=INLINE)
def test_base64(block, kind, data):
    before = copy.deepcopy(block)
    part = only(block)
    assert part.reference.kind == kind
    assert payload(part.reference.source) == data
    assert part.reference.mime_type.startswith(kind + "/")
    assert block == before


# Core treats every OpenAI file block as a PDF, so its real type is lost.
@pytest.mark.parametrize(
    "block",
    [block for name, (block, *_) in [*INLINE.items(), *REMOTE.items()] if name != "OpenAI file"],
)
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


# --- fps and media_resolution ------------------------------------------------------------------

VIDEO = {"type": "video", "url": URL}
SAMPLING = {
    "top level": {**VIDEO, "fps": 1, "media_resolution": "max"},
    "extras": {**VIDEO, "extras": {"fps": 1, "media_resolution": "max"}},
    "metadata": {**VIDEO, "metadata": {"fps": 1, "media_resolution": "max"}},
    "factory": create_video_block(url=URL, fps=1, media_resolution="max"),
    "sibling": {
        "type": "video_url",
        "video_url": {"url": URL},
        "fps": 1,
        "media_resolution": "max",
    },
    "inside video_url": {
        "type": "video_url",
        "video_url": {"url": URL, "fps": 1, "media_resolution": "max"},
    },
    "inside source": {
        "type": "video",
        "source": {"type": "url", "url": URL, "fps": 1, "media_resolution": "max"},
    },
    "v0 file": {
        "type": "file",
        "source_type": "url",
        "mime_type": "video/mp4",
        "url": URL,
        "metadata": {"fps": 1, "media_resolution": "max"},
    },
    "top level wins": {
        **VIDEO,
        "fps": 1,
        "media_resolution": "max",
        "extras": {"fps": 2, "media_resolution": "default"},
        "metadata": {"fps": 3},
    },
}


@pytest.mark.parametrize("block", SAMPLING.values(), ids=SAMPLING)
def test_sampling_is_read(block):
    part = only(block, MediaDefaults(5, "default"))
    assert (part.fps, part.media_resolution) == (1, "max")
    (message,) = _normalize_messages([HumanMessage([block])])
    part = only(message.content[0], MediaDefaults(5, "default"))
    assert (part.fps, part.media_resolution) == (1, "max")


def test_gemini_fps():
    block = {
        "type": "media",
        "mime_type": "video/mp4",
        "data": MP4,
        "video_metadata": {"fps": 0.5},
    }
    assert only(block).fps == 0.5


def test_defaults_apply_to_videos_only():
    defaults = MediaDefaults(0.1, "max")
    assert (only(VIDEO, defaults).fps, only(VIDEO, defaults).media_resolution) == (0.1, "max")
    image = only({"type": "image", "url": URL}, defaults)
    assert (image.fps, image.media_resolution) == (None, None)
    assert (only(VIDEO).fps, only(VIDEO).media_resolution) == (None, None)


BAD_FPS = [0, 0.05, 10.1, -1, float("nan"), float("inf"), True, "2", [1]]


@pytest.mark.parametrize("fps", BAD_FPS, ids=repr)
def test_bad_fps(fps):
    with pytest.raises(
        MiMoInputError, match=r"messages\[3\], block 0: fps must be a number from 0.1 to 10"
    ):
        only({**VIDEO, "fps": fps})
    with pytest.raises(MiMoInputError, match=r"^fps must be"):
        MediaDefaults(fps=fps)


def test_a_subclass_of_float_becomes_a_float():
    class FloatSubclass(float):
        pass

    assert type(only({**VIDEO, "fps": FloatSubclass(2)}).fps) is float
    assert type(only({**VIDEO, "fps": 2}).fps) is int


def test_bad_resolution():
    with pytest.raises(
        MiMoInputError, match=r"block 0: media_resolution must be 'default' or 'max'"
    ):
        only({**VIDEO, "media_resolution": "high"})
    with pytest.raises(MiMoInputError, match="media_resolution"):
        MediaDefaults(media_resolution="MAX")


@pytest.mark.parametrize("key", ["start", "end", "start_offset", "end_time"])
@pytest.mark.parametrize("place", ["top", "extras", "video_metadata"])
def test_time_ranges_are_refused(key, place):
    block = {**VIDEO, key: 3} if place == "top" else {**VIDEO, place: {key: 3}}
    with pytest.raises(MiMoInputError, match=r"prepare_video\(start=…, end=…\)"):
        only(block)


def test_a_null_time_range_is_ignored():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert only({**VIDEO, "start": None}).reference.kind == "video"


# --- Refused blocks ----------------------------------------------------------------------------

REFUSED = {
    "path": ({"type": "image", "url": "/etc/passwd"}, "http"),
    "relative path": ({"type": "image", "url": "cat.png"}, "http"),
    "path with ..": ({"type": "image", "url": "../../secret.png"}, "http"),
    "path with ~": ({"type": "image_url", "image_url": {"url": "~/cat.png"}}, "http"),
    "UNC": ({"type": "image", "url": "\\\\server\\share\\cat.png"}, "http"),
    "drive": ({"type": "video", "url": "C:\\videos\\a.mp4"}, "http"),
    "path in image_url": ({"type": "image_url", "image_url": "/etc/passwd"}, "http"),
    "ftp": ({"type": "image", "url": "ftp://example.com/a.png"}, "http"),
    "gs": ({"type": "video", "url": "gs://bucket/a.mp4"}, "http"),
    "s3": ({"type": "video_url", "video_url": {"url": "s3://bucket/a.mp4"}}, "http"),
    "javascript": ({"type": "image", "url": "javascript:alert(1)"}, "http"),
    "file on another host": ({"type": "image", "url": "file://server/share/a.png"}, "host"),
    "file on a share": ({"type": "image", "url": "file:////server/share/a.png"}, "absolute"),
    "relative file": ({"type": "image", "url": "file:cat.png"}, "absolute"),
    "plain data URL": ({"type": "image", "url": "data:image/svg+xml,<svg/>"}, "base64"),
    "empty data URL": ({"type": "image", "url": "data:image/png;base64,"}, "empty"),
    "empty base64": ({"type": "image", "base64": ""}, "empty"),
    "empty url": ({"type": "image", "url": ""}, "not a location"),
    "video in image": ({"type": "image", "url": "data:video/mp4;base64,AAAA"}, "video"),
    "video in image_url": (
        {"type": "image_url", "image_url": {"url": f"data:video/mp4;base64,{MP4}"}},
        "use a video block",
    ),
    "video base64 in image": (
        {"type": "image", "base64": MP4, "mime_type": "video/mp4"},
        "use a video block",
    ),
    "video data under an image MIME": (
        {"type": "image", "base64": "data:video/mp4;base64,AAAA", "mime_type": "image/png"},
        "use a video block",
    ),
    "image in video": ({"type": "video", "base64": PNG, "mime_type": "image/png"}, "image block"),
    "image in audio": (
        {"type": "input_audio", "input_audio": {"data": f"data:image/png;base64,{PNG}"}},
        "image block",
    ),
    "PDF in image": ({"type": "image", "base64": "AAAA", "mime_type": "application/pdf"}, "pdf"),
    "PDF file": ({"type": "file", "base64": "AAAA", "mime_type": "application/pdf"}, "PDF"),
    "OpenAI PDF": (
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
        "PDF",
    ),
    "Anthropic PDF": (
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
        },
        "PDF",
    ),
    "file without MIME type": ({"type": "file", "base64": "AAAA"}, "MIME type"),
    "spreadsheet": ({"type": "file", "base64": "AAAA", "mime_type": "text-ish/x"}, "MIME type"),
    "file_id": ({"type": "image", "file_id": "file-1"}, "stores no files"),
    "v0 id": ({"type": "image", "source_type": "id", "id": "file-1"}, "stores no files"),
    "nothing": ({"type": "video"}, "needs url or base64"),
    "null": ({"type": "video", "url": None}, "needs url or base64"),
    "two sources": ({"type": "image", "url": URL, "base64": PNG}, "url and base64; give one"),
    "number": ({"type": "image", "url": 3}, "string"),
    "empty part": ({"type": "image_url", "image_url": {}}, "needs url"),
    "null part": ({"type": "video_url", "video_url": None}, "needs url"),
    "fps on an image": ({"type": "image", "url": URL, "fps": 1}, "videos"),
    "resolution on audio": (
        {"type": "audio", "url": URL, "extras": {"media_resolution": "max"}},
        "videos",
    ),
    "start on audio": ({"type": "audio", "url": URL, "start": 2}, "prepare_audio"),
    "unknown type": ({"type": "hologram", "data": "x"}, "'hologram' cannot be sent"),
    "no type": ({"foo": 1, "bar": 2}, "without a type"),
    "empty dict": ({}, "without a type"),
    "thinking": ({"type": "thinking", "thinking": "x"}, "'thinking'"),
    "not a dict": (7, "string or a dict"),
    "text without text": ({"type": "text"}, "'text' of a text block must be a string"),
    "null text": ({"type": "text", "text": None}, "must be a string, got NoneType"),
    "text by URL": ({"type": "text-plain", "mime_type": "text/plain", "url": URL}, "not fetched"),
    "text not UTF-8": ({"type": "text-plain", "base64": "/////w=="}, "UTF-8"),
    "nested non_standard": (
        {"type": "non_standard", "value": {"type": "non_standard", "value": {}}},
        "non_standard",
    ),
    "unknown non_standard": ({"type": "non_standard", "value": {"type": "odd"}}, "'odd'"),
}


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
