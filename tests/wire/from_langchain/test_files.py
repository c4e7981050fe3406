"""Files in messages: their bytes decide, text is sent as text, links in results are text."""

from __future__ import annotations

import base64
import itertools
import json

import pytest
from block_samples import INLINE, MP4, NONE, PDF, PNG, URL, WAV
from history_samples import ai, result, turns_of
from langchain_core.language_models._utils import _normalize_messages
from langchain_core.messages import HumanMessage
from media_files import make_image, make_video

from langchain_mimo._media.file_kinds import MAX_TEXT_BYTES
from langchain_mimo._wire.from_langchain.content_blocks import read_content
from langchain_mimo._wire.from_langchain.files import is_text_type
from langchain_mimo._wire.turns import MediaPart, TextPart
from langchain_mimo.errors import MediaError

FLAC = base64.b64encode(b"fLaC\0\0\0\x22" + bytes(40)).decode()
VIDEO = base64.b64encode(make_video("mp4")).decode()
AUDIO = base64.b64encode(make_video("mp4", video=None)).decode()
FILES = {"image": PNG, "video": VIDEO, "audio in MP4": AUDIO, "audio": WAV, "FLAC": FLAC}
KINDS = {
    "image": "image",
    "video": "video",
    "audio in MP4": "audio",
    "audio": "audio",
    "FLAC": "audio",
}


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def read(block):
    """What a block of messages[0] becomes, with and without core's conversion, which must agree."""
    [normalised] = _normalize_messages([HumanMessage([block])])
    direct = read_content([block], 0, NONE)
    through_core = read_content(normalised.content, 0, NONE)
    if isinstance(direct, str):
        assert through_core == direct
        return direct
    assert [part.reference.kind for part in through_core] == [
        part.reference.kind for part in direct
    ]
    return through_core


SHAPES = {
    "OpenAI": lambda data, mime: {
        "type": "file",
        "file": {"filename": "a.bin", "file_data": f"data:{mime};base64,{data}"},
    },
    "OpenAI without a name": lambda data, mime: {
        "type": "file",
        "file": {"file_data": f"data:{mime};base64,{data}"},
    },
    "Responses": lambda data, mime: {
        "type": "input_file",
        "filename": "a.bin",
        "file_data": f"data:{mime};base64,{data}",
    },
    "v1": lambda data, mime: {"type": "file", "base64": data, "mime_type": mime},
    "v1 data URL": lambda data, mime: {"type": "file", "url": f"data:{mime};base64,{data}"},
    "v0": lambda data, mime: {
        "type": "file",
        "source_type": "base64",
        "data": data,
        "mime_type": mime,
    },
    "Gemini": lambda data, mime: {"type": "media", "data": data, "mime_type": mime},
    "Gemini bytes": lambda data, mime: {
        "type": "media",
        "data": base64.b64decode(data),
        "mime_type": mime,
    },
    "Gemini inline": lambda data, mime: {"inline_data": {"mime_type": mime, "data": data}},
    "Anthropic document": lambda data, mime: {
        "type": "document",
        "source": {"type": "base64", "media_type": mime, "data": data},
    },
}
MIME_TYPES = [
    *("application/pdf", "application/octet-stream", "text/plain", "application/json"),
    *("image/jpeg", "video/webm", "audio/mpeg", "x/y"),
]


@pytest.mark.parametrize("mime_type", MIME_TYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("file", FILES)
def test_the_first_bytes_decide(shape, file, mime_type):
    [part] = read(SHAPES[shape](FILES[file], mime_type))
    assert isinstance(part, MediaPart)
    assert part.reference.kind == KINDS[file]
    assert part.reference.mime_type in (None, mime_type)
    assert (part.reference.mime_type or KINDS[file]).startswith(KINDS[file])


def test_a_file_without_a_mime_type():
    [part] = read({"type": "file", "base64": PNG})
    assert part.reference.kind == "image"
    [part] = read({"type": "input_file", "file_data": MP4, "filename": "a.mp4"})
    assert part.reference.kind == "video"


# --- MIME types that lie ------------------------------------------------------------------------


def _with_mime_type(value, mime_type):
    """A block with every MIME type and format in it replaced."""
    if isinstance(value, list):
        return [_with_mime_type(each, mime_type) for each in value]
    if isinstance(value, dict):
        return {
            key: mime_type
            if key in ("mime_type", "media_type")
            else _with_mime_type(each, mime_type)
            for key, each in value.items()
        }
    if isinstance(value, str) and value.startswith("data:"):
        return f"data:{mime_type};base64," + _whole(value.partition(",")[2])
    return _whole(value)


def _whole(value):
    """Replace the beginning of an MP4, which may be audio or video, with a whole video."""
    return VIDEO if value == MP4 else value


@pytest.mark.parametrize("mime_type", MIME_TYPES)
@pytest.mark.parametrize("name", INLINE)
def test_mime_types_that_lie_are_ignored(name, mime_type):
    block, kind, _ = INLINE[name]
    [part] = read_content([_with_mime_type(block, mime_type)], 0, NONE)
    assert part.reference.kind == kind
    assert part.reference.mime_type is None or part.reference.mime_type.startswith(f"{kind}/")


# --- Text ---------------------------------------------------------------------------------------

TEXTS = {
    "application/json": '{"a": [1, null]}',
    "application/ld+json": '{"@id": "x"}',
    "application/xml": '<?xml version="1.0"?><a>é</a>',
    "application/atom+xml": "<feed/>",
    "text/html": "<!doctype html><html></html>",
    "application/yaml": "a: 1\n",
    "application/x-yaml": "a: 1\n",
    "text/csv": "a,b\r\n1,2\r\n",
    "application/csv": "P1 \n1,2",
    "application/toml": "[a]\n",
    "application/x-ndjson": "{}\n{}\n",
    "text/x-python": "print(1)",
    "text/markdown": "# A",
    "application/octet-stream": "plain\ttext",
    "application/pdf": "no PDF at all",
    "x/y": "我",
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("mime_type", "text"), TEXTS.items(), ids=TEXTS)
def test_text_files_are_sent_as_text(shape, mime_type, text):
    sent = read(SHAPES[shape](b64(text), mime_type))
    assert sent in (text, f"a.bin\n{text}")
    assert sent.startswith("a.bin\n") == (shape in ("OpenAI", "Responses"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(encoding):
    data = b64("a;é\r\n".encode(encoding))
    assert read({"type": "file", "base64": data, "mime_type": "text/csv"}) == "a;é\r\n"


def test_names_come_without_folders():
    block = {"type": "file", "base64": b64("x"), "mime_type": "text/csv"}
    for name in ("/srv/me/a.csv", "C:\\Users\\me\\a.csv", "a.csv"):
        assert read({**block, "extras": {"filename": name}}) == "a.csv\nx"


def test_bedrock_documents():
    document = {"format": "csv", "name": "sales", "source": {"bytes": b"a,b\n"}}
    assert read_content([{"document": document}], 0, NONE) == "sales\na,b\n"
    document["source"] = {"bytes": base64.b64decode(PDF)}
    with pytest.raises(MediaError, match="it is PDF"):
        read_content([{"document": document}], 0, NONE)


def test_text_is_bounded():
    block = {"type": "file", "mime_type": "application/json"}
    fits = b64('"' + "a" * (MAX_TEXT_BYTES - 2) + '"')
    assert len(read({**block, "base64": fits})) == MAX_TEXT_BYTES
    with pytest.raises(MediaError, match=r"messages\[0\], block 0: .* at most 8,388,608 are sent"):
        read({**block, "base64": b64("a" * (MAX_TEXT_BYTES + 1))})


@pytest.mark.parametrize("mime_type", ["application/json", "text/plain"])
@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"a\0b"])
def test_bytes_that_are_no_text(mime_type, data):
    with pytest.raises(MediaError, match="base64 of UTF-8 text"):
        read({"type": "file", "base64": b64(data), "mime_type": mime_type})


@pytest.mark.parametrize(
    ("mime_type", "is_text"),
    [
        ("text/anything", True),
        ("application/json", True),
        ("application/geo+json", True),
        ("application/rss+xml", True),
        ("image/svg+xml", False),
        ("application/pdf", False),
        ("application/zip", False),
        ("application/vnd.ms-excel", False),
        ("", False),
    ],
)
def test_types_of_text(mime_type, is_text):
    assert is_text_type(mime_type) == is_text


def test_pdfs_are_refused_whatever_they_are_called():
    for shape, mime_type in itertools.product(SHAPES, ["application/octet-stream", "x/y"]):
        with pytest.raises(MediaError, match="it is PDF"):
            read_content([SHAPES[shape](PDF, mime_type)], 0, NONE)


# --- Links in results ---------------------------------------------------------------------------

LINKS = {
    "web page": (
        {"type": "file", "url": "https://e.com/a", "mime_type": "text/html"},
        "[Link: https://e.com/a, text/html]",
    ),
    "no MIME type": ({"type": "file", "url": "https://e.com/a"}, "[Link: https://e.com/a]"),
    "PDF": (
        {"type": "file", "url": "https://e.com/a.pdf", "mime_type": "application/pdf"},
        "[Link: https://e.com/a.pdf, application/pdf]",
    ),
    "file": (
        {"type": "file", "url": "file:///data/a.json", "mime_type": "application/json"},
        "[Link: file:///data/a.json, application/json]",
    ),
    "other scheme": ({"type": "file", "url": "notes://1"}, "[Link: notes://1]"),
    "named": (
        {"type": "file", "url": "https://e.com/a", "extras": {"name": "A", "description": "B"}},
        "[Link: A, B, https://e.com/a]",
    ),
    "v0": (
        {"type": "file", "source_type": "url", "url": "https://e.com/a", "mime_type": "text/html"},
        "[Link: https://e.com/a, text/html]",
    ),
}


@pytest.mark.parametrize(("block", "text"), LINKS.values(), ids=LINKS)
def test_a_link_in_a_result_is_text(block, text):
    assert turns_of([ai("a"), result("a", [block])])[1].text == text
    assert turns_of([ai("a"), result("a", ["See:", block])])[1].text == f"See:\n{text}"
    nested = {"type": "tool_result", "tool_use_id": "a", "content": [block]}
    assert turns_of([ai("a"), HumanMessage([nested])])[1].text == text


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
def test_a_link_to_media_is_media(kind):
    block = {"type": "file", "url": URL, "mime_type": f"{kind}/x"}
    turns = turns_of([ai("a"), result("a", [block])])
    assert turns[2].content[1].reference.kind == kind


def test_a_link_of_a_user_is_refused():
    """A user means the file: the model would answer without having read it."""
    for block, _ in LINKS.values():
        with pytest.raises(MediaError):
            read_content([block], 0, NONE)


def test_a_text_in_a_result_is_text():
    value = json.dumps({"a": 1})
    block = {"type": "file", "base64": b64(value), "mime_type": "application/json"}
    assert turns_of([ai("a"), result("a", [block])])[1].text == value
    assert read_content([block, "x"], 0, NONE) == [TextPart(value), TextPart("x")]


def test_an_image_in_a_file_is_complete():
    block = {"type": "file", "base64": b64(make_image("PNG")), "mime_type": "application/pdf"}
    [part] = read(block)
    assert part.reference.source.text == block["base64"]
