"""Content blocks for images, videos and audio, and what local media files are.

Each function takes a local path, a URL, bytes or a binary file object and returns a LangChain
content block for a message. A path is stored as a reference with its size and SHA-256. The file is
read again while a request is sent, if it is in a folder that the model allows:

    from langchain_core.messages import HumanMessage
    from langchain_mimo import ChatMiMo
    from langchain_mimo.media import audio_block, image_block, video_block

    llm = ChatMiMo(model="mimo-v2.6-flash", allowed_media_dirs=["media"])
    message = HumanMessage(
        [
            image_block("media/photo.jpg"),
            video_block("media/talk.mp4", fps=1),
            audio_block("https://example.com/interview.mp3"),
            {"type": "text", "text": "Do they show the same person?"},
        ]
    )
    print(llm.invoke([message]).text)

`probe` measures a file of any size and of any format that `langchain_mimo.prepare` reads:

    from langchain_mimo.media import probe

    info = probe("media/lecture.mkv")
    print(info.duration_s, info.width, info.height, info.refusal)

`identify` tells by a file's first bytes whether it is an image, a video or audio at all.
`message_blocks` finds the blocks of a message, also those that LangChain wrote into it as JSON.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import BaseMessage

from langchain_mimo._media.content_blocks import audio_block, image_block, video_block
from langchain_mimo._media.digests import file_digest
from langchain_mimo._media.headers.reader import StreamInfo
from langchain_mimo._media.limits import SAFE_INLINE_BYTES
from langchain_mimo._media.media_info import MediaInfo, probe
from langchain_mimo._media.media_types import MediaType, identify
from langchain_mimo._media.packet_table import CopiedRange, PacketTable

__all__ = [
    "SAFE_INLINE_BYTES",
    "CopiedRange",
    "MediaInfo",
    "MediaType",
    "PacketTable",
    "StreamInfo",
    "audio_block",
    "file_digest",
    "identify",
    "image_block",
    "message_blocks",
    "probe",
    "video_block",
]


def message_blocks(message: BaseMessage) -> list[str | dict[str, Any]]:
    """Return the content of a message as blocks, as ChatMiMo reads it.

    LangChain writes a list with video or audio that a tool returned into the tool message as JSON
    text (langchain-core 1.8). Such a text becomes blocks again, if it holds nothing but blocks that
    identify their media; other text stays one string.

    Args:
        message: The message; it is not changed.
    """
    # Only those who hand messages in need the readers of messages.
    from langchain_mimo._wire.from_langchain.tool_results import (  # noqa: PLC0415
        parse_json_blocks,
    )

    content = message.content
    if isinstance(content, str):
        parsed = parse_json_blocks(content) if message.type in ("tool", "function") else None
        return [content] if parsed is None else parsed
    return list(content)
