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
"""

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
    "probe",
    "video_block",
]
