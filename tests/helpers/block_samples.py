"""Content blocks of all shapes, accepted and refused."""

from __future__ import annotations

import base64

from langchain_core.messages.content import (
    create_audio_block,
    create_image_block,
    create_video_block,
)

from langchain_mimo._media.references import InlineBase64
from langchain_mimo._wire.from_langchain.content_blocks import read_content
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo._wire.turns import MediaPart

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
MP4 = base64.b64encode(b"\0\0\0\x18ftypmp42" + bytes(40)).decode()
WAV = base64.b64encode(b"RIFF\0\0\0\0WAVEfmt " + bytes(40)).decode()
PDF = base64.b64encode(b"%PDF-1.7\n" + bytes(40)).decode()
URL = "https://example.com/media"
NONE = MediaDefaults()


def only(block, defaults=NONE):
    """The media part that the single block of messages[3] becomes."""
    parts = read_content([block], 3, defaults)
    assert isinstance(parts, list)
    (part,) = parts
    assert isinstance(part, MediaPart)
    assert (part.reference.message_index, part.reference.block_index) == (3, 0)
    return part


def payload(source):
    """The base64 of inline media, without the head of a data URL."""
    assert isinstance(source, InlineBase64)
    return source.text[source.start :]


# Media by URL: block and kind.
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


# Media inside the block: block, kind and base64.
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


VIDEO = {"type": "video", "url": URL}


# Refused blocks: block and what the error says.
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
    "empty url": ({"type": "image", "url": ""}, "'url' of an image block is empty"),
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
    "PDF file": ({"type": "file", "base64": PDF, "mime_type": "application/pdf"}, "PDF"),
    "OpenAI PDF": (
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}},
        "PDF",
    ),
    "Anthropic PDF": (
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
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
