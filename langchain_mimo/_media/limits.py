"""Limits on the size and shape of media, and the checks against them."""

from __future__ import annotations

import math

from langchain_mimo._media.references import MediaKind

MAX_BASE64_CHARACTERS = 50 * (1 << 20)
"""Most characters of base64 per image, video or audio. MiMo's pages say 50 MB without saying which
MB; this is the larger reading, so only what exceeds both readings is refused."""

MAX_INLINE_BYTES = MAX_BASE64_CHARACTERS // 4 * 3
"""Size of the largest file whose base64 fits into `MAX_BASE64_CHARACTERS`."""

SAFE_INLINE_BYTES = 50 * 10**6 // 4 * 3
"""Size of the largest file whose base64 fits the smaller reading too, 10**6 characters per MB:
37.5 MB. `langchain_mimo.prepare` stays below it. Files between the two are sent with a warning."""

MAX_URL_BYTES: dict[MediaKind, int] = {
    "image": 50 * (1 << 20),
    "video": 300 * (1 << 20),
    "audio": 100 * (1 << 20),
}
"""Most bytes of media given by URL, by the larger reading of MB."""

EMPTY = "it is empty (0 bytes); check how it was written"
"""The reason against files without a byte."""

_TO_SHRINK: dict[MediaKind, str] = {
    "image": "shrink it with langchain_mimo.prepare.prepare_image",
    "video": (
        "shrink it with langchain_mimo.prepare.prepare_video or cut it with "
        "langchain_mimo.cost.plan_segments"
    ),
    "audio": (
        "shrink it with langchain_mimo.prepare.prepare_audio or cut it with "
        "langchain_mimo.cost.plan_segments"
    ),
}
"""What to do about media that are too large."""

LOWEST_AUDIO_BIT_RATE = 8_000
"""Bits per second below which `prepare_audio` encodes no audio."""

LOWEST_TRACK_BIT_RATE = 32_000
"""Bits per second below which `prepare_video` encodes no audio track."""

PAYLOAD_SHARE = 0.92
"""Share of a video file's bytes for its streams, after container overhead."""

_FRAME_BITS = 16_000_000
"""Bits that the frames which MiMo samples of a video take when they are encoded well, at most."""

MIN_IMAGE_SIDE = 9
"""Pixels. MiMo refused an 8 x 8 image (recorded May 2026); the exact limit is not known."""

MAX_ASPECT_RATIO = 200
"""Longer images are refused by the model's image processor (vLLM, measured)."""

BOMB_PIXELS = 89_478_485
"""Pixels above which Pillow, and servers built on it, suspect a decompression bomb."""


def refused_sides(width: int, height: int) -> str | None:
    """Return why MiMo has been seen to refuse images of this size, as a clause, or None.

    MiMo documents no such limits, so blocks are sent nevertheless, with a warning.
    """
    short, long = sorted((width, height))
    if short < MIN_IMAGE_SIDE:
        return f"sides under {MIN_IMAGE_SIDE} pixels are refused"
    if long > MAX_ASPECT_RATIO * short:
        return f"aspect ratios above {MAX_ASPECT_RATIO} to 1 are refused"
    return None


def base64_length(size: int) -> int:
    """Return the characters of base64, padding included, that `size` bytes encode to."""
    return -(-size // 3) * 4


def longest_encoded(kind: MediaKind, *, has_audio: bool) -> float:
    """Return about how many seconds of video or audio fit into one block once they are encoded.

    The frames of a video need few bits: it is its audio track that fills the block.
    """
    bits = SAFE_INLINE_BYTES * 8 * PAYLOAD_SHARE
    if kind == "audio":
        return bits / LOWEST_AUDIO_BIT_RATE
    return (bits - _FRAME_BITS) / LOWEST_TRACK_BIT_RATE if has_audio else math.inf


def check_base64_length(encoded_length: int, kind: MediaKind, limit: int | None = None) -> None:
    """Check that base64 of this length may be sent.

    Args:
        encoded_length: Characters of base64.
        kind: The kind of the block, on which the remedy depends.
        limit: Most characters that the server accepts. Default: MiMo's limit.

    Raises:
        ValueError: It is empty or too long; the text is the reason, for a MediaError.
    """
    if encoded_length == 0:
        raise ValueError(EMPTY)
    if encoded_length <= (MAX_BASE64_CHARACTERS if limit is None else limit):
        return
    if limit is not None:
        raise ValueError(
            f"its base64 has {encoded_length:,} characters, but media_limits allows {limit:,} (a "
            f"file of {limit // 4 * 3:,} bytes); {_TO_SHRINK[kind]}"
        )
    raise ValueError(
        f"its base64 has {encoded_length:,} characters, but MiMo accepts at most "
        f"{MAX_BASE64_CHARACTERS:,} (a file of {MAX_INLINE_BYTES:,} bytes); {_TO_SHRINK[kind]}, "
        "or give a public URL"
    )


def length_warning(kind: MediaKind, encoded_length: int) -> str | None:
    """Return why MiMo might refuse base64 of this length, or None when it fits either reading."""
    if encoded_length <= base64_length(SAFE_INLINE_BYTES):
        return None
    return (
        f"has {encoded_length:,} characters of base64, which MiMo refuses if its limit of 50 MB "
        f"means 50 million; shrink it with langchain_mimo.prepare.prepare_{kind}"
    )


def check_url_size(kind: MediaKind, size: int) -> None:
    """Check that media of `size` bytes may be given by URL.

    Raises:
        ValueError: It is too large; the text is the reason, for a MediaError.
    """
    if size > MAX_URL_BYTES[kind]:
        raise ValueError(
            f"it has {size:,} bytes, but MiMo accepts at most {MAX_URL_BYTES[kind]:,} by URL; "
            f"{_TO_SHRINK[kind]}"
        )
