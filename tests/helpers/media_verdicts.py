"""What the client and the emulator say to the same bytes: accepted or refused, and what it costs."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._media.references import InlineBase64, MediaReference
from langchain_mimo.cost.estimate import MediaEstimate, estimate_media
from langchain_mimo.emulator.conversation.usage import PromptCount, media_tokens
from langchain_mimo.emulator.media.library import MediaLibrary
from langchain_mimo.emulator.refusals import Refusal
from langchain_mimo.errors import MediaError
from langchain_mimo.media import audio_block, image_block, video_block

BLOCKS = {"image": image_block, "video": video_block, "audio": audio_block}
KINDS = tuple(BLOCKS)
MIME_TYPES = {
    "image": ("image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp"),
    "video": ("video/mp4", "video/quicktime", "video/x-msvideo", "video/x-ms-wmv"),
    "audio": ("audio/mpeg", "audio/wav", "audio/flac", "audio/mp4", "audio/ogg"),
}
"""Those that MiMo's pages list."""

# Results are kept by the digest of the bytes, so that other settings do not decode them again.
_library = MediaLibrary(cache_size=3000)


@dataclass(frozen=True)
class ClientVerdict:
    """What a block says.

    Attributes:
        block: The block, or None when it refuses.
        reason: The text of the MediaError, or "".
    """

    block: dict | None
    reason: str = ""

    @property
    def accepted(self):
        return self.block is not None

    def estimate(self, **options) -> MediaEstimate:
        """Return what it is estimated to cost."""
        kind, mime_type = self.block["type"], self.block["mime_type"]
        source = InlineBase64(self.block["base64"])
        reference = MediaReference(kind, source, mime_type, 0, 0)
        return estimate_media(reference, MediaPolicy(), **options)


def ask_client(kind, data, mime_type=None) -> ClientVerdict:
    """Build the block of a kind from bytes."""
    try:
        return ClientVerdict(BLOCKS[kind](data, mime_type=mime_type))
    except MediaError as error:
        return ClientVerdict(None, str(error))


def ask_emulator(kind, data, mime_type=None, **options) -> PromptCount | None:
    """Return what the emulator bills for bytes, or None when it refuses them.

    Args:
        kind: The kind of the part.
        data: The bytes.
        mime_type: The MIME type sent. Default: any of those that MiMo lists for the kind.
        options: fps and media_resolution of a video.
    """
    text = base64.b64encode(data).decode()
    for candidate in MIME_TYPES[kind] if mime_type is None else (mime_type,):
        try:
            return media_tokens(
                _library.for_request().from_base64(kind, candidate, text, **options)
            )
        except Refusal:
            continue
    return None
