"""Limits on the size and shape of media, and the sentences that explain them."""

from __future__ import annotations

from langchain_mimo._media.references import (
    MediaKind,
)

MAX_BASE64_CHARACTERS = 50 * (1 << 20)
"""Characters of base64 that one medium may have. The pages say 50 MB and not which MB: the client
refuses only what is too long by either reading."""


MAX_INLINE_BYTES = MAX_BASE64_CHARACTERS // 4 * 3
"""Bytes of a file whose base64 just fits."""


SAFE_INLINE_BYTES = 50 * 10**6 // 4 * 3
"""Bytes of a file whose base64 fits by the stricter reading of MB too, 10**6 characters: 37.5 MB.
`langchain_mimo.prepare` aims at this, since what it makes is to be taken whichever MB is meant.
What lies between the two is sent with a warning."""


MAX_URL_BYTES: dict[MediaKind, int] = {
    "image": 50 * (1 << 20),
    "video": 300 * (1 << 20),
    "audio": 100 * (1 << 20),
}
"""Bytes that a medium given by URL may have, likewise by the larger reading of MB."""


def wrong_length(encoded_length: int, limit: int | None = None) -> str | None:
    """Say why base64 of this length would be refused, or return None when it fits.

    Args:
        encoded_length: Characters of base64.
        limit: Most that the server takes; None for MiMo's own limit.
    """
    if encoded_length == 0:
        return "it is empty."
    if encoded_length <= (MAX_BASE64_CHARACTERS if limit is None else limit):
        return None
    if limit is not None:
        return (
            f"its base64 has {encoded_length:,} characters and media_limits allows {limit:,} (a "
            f"file of {limit // 4 * 3:,} bytes); shrink or cut it with langchain_mimo.prepare."
        )
    return (
        f"its base64 has {encoded_length:,} characters and MiMo takes at most "
        f"{MAX_BASE64_CHARACTERS:,} (a file of {MAX_INLINE_BYTES:,} bytes); shrink or cut it with "
        "langchain_mimo.prepare, or give a public URL."
    )


def length_warning(kind: MediaKind, encoded_length: int) -> str | None:
    """Say why base64 of this length may be refused, or return None when it surely fits."""
    if encoded_length <= SAFE_INLINE_BYTES // 3 * 4:
        return None
    return (
        f"has {encoded_length:,} characters of base64; MiMo takes 50 MB, and if that is 50 million "
        f"it refuses this. langchain_mimo.prepare.prepare_{kind} makes it small enough."
    )


def too_large_for_url(kind: MediaKind, size: int) -> str | None:
    """Say why a medium of `size` bytes by URL would be refused, or return None when it fits."""
    if size <= MAX_URL_BYTES[kind]:
        return None
    return (
        f"it has {size:,} bytes and MiMo takes at most {MAX_URL_BYTES[kind]:,} by URL; shrink or "
        "cut it with langchain_mimo.prepare."
    )


MIN_IMAGE_SIDE = 9
"""Pixels. An 8 x 8 picture was refused (recorded May 2026); where the border lies is not known."""


MAX_ASPECT_RATIO = 200
"""The model's image processor refuses what is longer (vLLM, measured)."""
