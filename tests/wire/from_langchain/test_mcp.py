"""Content of MCP servers as the protocol writes it."""

from __future__ import annotations

import base64
import json

import pytest
from block_samples import NONE
from history_samples import ai, result, turns_of
from langchain_core.messages import HumanMessage
from media_files import make_image

from langchain_mimo._wire.from_langchain.content_blocks import read_content
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo._wire.turns import MediaPart, TextPart
from langchain_mimo.errors import MediaError, MiMoInputError


def b64(data):
    return base64.b64encode(data).decode()


PNG = make_image("PNG")
URI = "notes://a"
MIXED = {"type": "text", "text": "x"}


def resource(**fields):
    return {"type": "resource", "resource": {"uri": URI, **fields}}


def link(uri="https://e.com/a", **fields):
    return {"type": "resource_link", "uri": uri, **fields}


TEXTS = {
    "text": (resource(mimeType="text/plain", text="Hello."), f"{URI}\nHello."),
    "text without a type": (resource(text="Hello."), f"{URI}\nHello."),
    "no text": (resource(text=""), f"{URI}\n"),
    "text without a URI": ({"type": "resource", "resource": {"text": "Hello."}}, "Hello."),
    "blob of text": (
        resource(mimeType="application/json", blob=b64(b'{"a": 1}')),
        f'{URI}\n{{"a": 1}}',
    ),
    "link": (link(mimeType="text/html"), "[Link: https://e.com/a, text/html]"),
    "named link": (
        link(name="a", title="A", description="B", mimeType="text/html", size=5),
        "[Link: A, a, B, https://e.com/a, text/html]",
    ),
    "link to a file": (link("file:///etc/passwd"), "[Link: file:///etc/passwd]"),
    "image that MiMo cannot fetch": (
        link("file:///a.png", mimeType="image/png"),
        "[Link: file:///a.png, image/png]",
    ),
    "image of a server": (
        link("screen://1", name="Screen", mimeType="image/png"),
        "[Link: Screen, screen://1, image/png]",
    ),
}


@pytest.mark.parametrize(("block", "text"), TEXTS.values(), ids=TEXTS)
def test_texts_and_links(block, text):
    assert read_content([block, MIXED], 0, NONE) == [TextPart(text), TextPart("x")]
    assert turns_of([ai("a"), result("a", [block])])[1].text == text
    nested = {"type": "tool_result", "tool_use_id": "a", "content": [block]}
    assert turns_of([ai("a"), HumanMessage([nested])])[1].text == text


@pytest.mark.parametrize("mime_type", ["image/png", "application/octet-stream", None])
def test_media_in_a_resource_keep_their_uri(mime_type):
    block = resource(mimeType=mime_type, blob=b64(PNG))
    uri, media = read_content([block], 3, NONE)
    assert uri == TextPart(f"[Resource: {URI}]")
    assert base64.b64decode(media.reference.source.text) == PNG
    assert (media.reference.message_index, media.reference.block_index) == (3, 0)
    turns = turns_of([ai("a"), result("a", [MIXED, block])])
    assert turns[1].text == f"x\n[Resource: {URI}]"
    assert isinstance(turns[2].content[1], MediaPart)


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
def test_a_link_to_media_is_media(kind):
    [part] = read_content([link(mimeType=f"{kind}/x")], 0, NONE)
    assert (part.reference.kind, part.reference.source.url) == (kind, "https://e.com/a")
    assert part.reference.mime_type == f"{kind}/x"


@pytest.mark.filterwarnings("error")
def test_images_and_audio():
    block = {"type": "image", "data": b64(PNG), "mimeType": "image/png", "annotations": {}}
    [part] = read_content([{**block, "_meta": {}}], 0, NONE)
    assert part.reference.mime_type == "image/png"
    block = {"type": "audio", "data": b64(b"ID3\x04\0\0\0\0\0\0"), "mimeType": "audio/mpeg"}
    [part] = read_content([block], 0, NONE)
    assert (part.reference.kind, part.reference.mime_type) == ("audio", "audio/mpeg")


@pytest.mark.parametrize(
    ("block", "error", "reason"),
    [
        (resource(blob=b64(b"%PDF-1.7")), MediaError, "it is PDF .document., which MiMo does not"),
        (resource(blob="%%%%"), MediaError, "base64 is invalid"),
        (resource(), MediaError, "needs text or blob in its resource, and has none"),
        (resource(blob=5), MediaError, "needs text or blob"),
        ({"type": "resource"}, MiMoInputError, "needs a dict 'resource' with text or blob"),
        ({"type": "resource", "resource": "x"}, MiMoInputError, "needs a dict 'resource'"),
        ({"type": "resource_link"}, MiMoInputError, "a resource_link block needs a uri"),
    ],
)
def test_what_cannot_be_sent_names_the_block(block, error, reason):
    with pytest.raises(error, match=rf"^messages\[2\], block 0: .*{reason}"):
        read_content([block], 2, NONE)
    with pytest.raises(error, match="; or set repair_history=True"):
        turns_of([ai("a"), result("a", [block])])
    leaves_out = MediaDefaults(leave_out_unusable=True)
    [turn] = turns_of([ai("a"), result("a", [block])], media_defaults=leaves_out)[1:]
    assert turn.text.startswith(f"[{block['type']} left out: ")


def test_blobs_that_langchain_wrote_as_json_are_read_back():
    """A model would get megabytes of base64 as text."""
    blocks = [MIXED, resource(mimeType="image/png", blob=b64(PNG))]
    turns = turns_of([ai("a"), result("a", json.dumps(blocks))])
    assert turns[1].text == f"x\n[Resource: {URI}]"
    assert base64.b64decode(turns[2].content[1].reference.source.text) == PNG
    other = json.dumps([{"type": "resource", "resource": {"blob": "AAAA", "price": 5}}])
    assert turns_of([ai("a"), result("a", other)])[1].text == other
