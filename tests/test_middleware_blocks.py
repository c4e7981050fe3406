"""Which blocks the window takes for media, and what it calls them."""

import base64

import pytest
from block_samples import INLINE, MP4, PDF, PNG, REMOTE, WAV, only
from langchain_core.messages import AIMessage, HumanMessage
from windowed_threads import IMAGE, NEWEST, VIDEO, contents, text, windowed

from langchain_mimo._wire.from_langchain.content_blocks import read_content
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo._wire.turns import MediaPart
from langchain_mimo.middleware import MediaWindowMiddleware


@pytest.mark.parametrize("name", [*REMOTE, *INLINE])
def test_media_of_every_shape(name):
    block, kind = (REMOTE | INLINE)[name][:2]
    noun = {"audio": "audio file"}.get(kind, kind)
    ((replaced,), *_) = contents([HumanMessage([block]), AIMessage("Yes."), NEWEST])
    assert replaced["text"].startswith(f"[The {noun}")
    assert len(replaced["text"]) < 120


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        ({**IMAGE, "text": "The gate."}, "image"),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}, "text": ""},
            "image",
        ),
        ({**VIDEO, "text": "The gate."}, "video gate 1.mp4"),
        ({"type": "non_standard", "value": {**IMAGE, "text": "The gate."}}, "image"),
    ],
)
def test_media_with_a_text_beside_them_are_media(block, kind):
    # ChatMiMo sends them as media, without the text.
    assert only(block).reference.kind == kind.split()[0]
    ((replaced,), *_) = contents([HumanMessage([block]), AIMessage("Yes."), NEWEST])
    assert replaced["text"].startswith(f"[The {kind} is no longer attached.")


OCTETS = "application/octet-stream"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "file", "base64": MP4},
        {"type": "file", "base64": MP4, "mime_type": OCTETS},
        {"type": "file", "base64": MP4, "mime_type": "application/mp4"},
        {"type": "file", "source_type": "base64", "data": MP4},
        {"type": "file", "file": {"file_data": MP4}},
        {"type": "file", "file": {"file_data": f"data:{OCTETS};base64,{MP4}"}},
        {"type": "media", "data": MP4, "mime_type": OCTETS},
        {"type": "resource", "resource": {"blob": MP4, "uri": "camera://gate"}},
        {"type": "document", "source": {"type": "base64", "data": MP4, "media_type": OCTETS}},
        {"type": "non_standard", "value": {"type": "file", "base64": MP4}},
        {"type": "file", "base64": base64.b64encode(base64.b64decode(MP4) + bytes(9_999)).decode()},
    ],
)
def test_files_without_a_type_are_known_by_their_bytes(block):
    parts = read_content([block], 0, MediaDefaults())
    assert [part.reference.kind for part in parts if isinstance(part, MediaPart)] == ["video"]
    ((replaced,), *_) = contents([HumanMessage([block]), AIMessage("Yes."), NEWEST])
    assert replaced["text"].startswith("[The video ")
    assert len(replaced["text"]) < 120


@pytest.mark.parametrize(
    "block",
    [
        "words",
        text("words"),
        {"type": "file", "base64": PDF, "mime_type": "application/pdf"},
        {"type": "resource", "resource": {"mimeType": "image/svg+xml", "text": "<svg/>"}},
        {"type": "search_result", "source": "https://example.com", "content": [text("x")]},
        {"type": "json", "json": {"type": "video"}},
        {"type": "file", "base64": WAV, "mime_type": "audio/wav", "text": "sent as text"},
        {"type": "file", "base64": PDF},
        {"type": "file", "base64": "é" * 8},
        {"type": "file", "base64": ""},
        {"type": "file", "base64": base64.b64encode(b"BMW makes cars.").decode()},
        {
            "type": "file",
            "base64": base64.b64encode(b"ID3 tags, explained").decode(),
            "mime_type": "text/plain",
        },
    ],
)
def test_other_blocks_stay(block):
    thread = [HumanMessage([block]), AIMessage("Yes."), NEWEST]
    assert contents([HumanMessage([VIDEO, block]), *thread[1:]])[0][1] == block
    assert windowed(thread, keep_last=0)[0] == thread[0]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"url": "https://user:secret@example.com/a/b.mp4?sig=secret#t=1"}, "https://example.com/a/b.mp4"),
        ({"url": "data:video/mp4;base64,AAAA"}, ""),
        ({"base64": "AAAA"}, ""),
        ({"base64": "AAAA", "extras": {"filename": "C:\\videos\\a.mp4"}}, "a.mp4"),
        ({"url": "file:///home/user/%C3%A4.mp4"}, "ä.mp4"),
        ({"url": f"https://example.com/{'a' * 500}"}, ""),
        ({"url": "https://[::1"}, ""),
        ({"url": "file:///media/two%0Alines.mp4"}, "two lines.mp4"),
    ],
)  # fmt: skip
def test_names(fields, name):
    ((replaced,), *_) = contents(
        [HumanMessage([{"type": "video", **fields}]), AIMessage("Yes."), NEWEST]
    )
    shown = f"video {name}" if name else "video"
    assert replaced["text"].startswith(f"[The {shown} is no longer attached.")


@pytest.mark.parametrize(
    ("extras", "shown"),
    [
        ({"start_s": 62.5, "end_s": 70, "shown_start_s": 60.0}, " from 62.5 s to 70 s"),
        ({"start_s": 62.5}, ""),
        ({"start_s": "62.5", "end_s": None}, ""),
        (None, ""),
    ],
)
def test_ranges_are_named(extras, shown):
    block = {**VIDEO, "extras": extras}
    ((replaced,), *_) = contents([HumanMessage([block]), AIMessage("Yes."), NEWEST])
    assert replaced["text"].startswith(f"[The video gate 1.mp4{shown} is no longer attached.")


def test_deeply_nested_blocks_are_no_trouble():
    block = {"type": "non_standard"}
    for _ in range(5_000):
        block = {"type": "non_standard", "value": block}
    assert MediaWindowMiddleware()._windowed([HumanMessage([block])])[0].content == [block]
