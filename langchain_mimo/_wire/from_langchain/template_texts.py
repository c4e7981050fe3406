"""Notices content blocks that a template wrote into a text, where no model can see the media.

`ChatPromptTemplate([("human", "Describe {media}")])` puts the `repr` of a block into the text, or a
data URL: LangChain formats strings, and gives no error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from langchain_mimo._checks import warn_once
from langchain_mimo._wire.turns import Part, TextPart

_BASE64 = r"[A-Za-z0-9+/]{64}"
_IN_TEXT = re.compile(
    rf"'base64': '{_BASE64}"  # the repr of a block with bytes
    r"|'url': 'file://[^']*', 'mime_type': '[^']*', 'extras': \{"  # the repr of a block of a file
    # A data URL that stands alone: those of HTML, CSS and Markdown stand in quotes or brackets.
    rf"|(?:^|\s)data:(?:image|video|audio)/[\w.+-]+;base64,{_BASE64}"
)


def warn_about_blocks_in(content: str | Sequence[Part]) -> None:
    """Warn, once, if a text contains the `repr` of a media block, or a data URL that stands alone.

    Args:
        content: What the user asks now; nothing else is searched.
    """
    parts = [TextPart(content)] if isinstance(content, str) else content
    if any(isinstance(part, TextPart) and _has_block(part.text) for part in parts):
        warn_once(
            "A text contains a media block or a data URL, which the model gets as text, as when a "
            'prompt template puts a block into "{media}". Pass messages or blocks through a '
            'placeholder instead: ChatPromptTemplate([("placeholder", "{messages}")]), '
            "with HumanMessage([image_block(path), ...]) in messages",
            "media block in a text",
        )


def _has_block(text: str) -> bool:
    """Whether a text contains a block; plain searches first, since most texts contain none."""
    marks = ("'base64'", "'extras'", ";base64,")
    return any(mark in text for mark in marks) and _IN_TEXT.search(text) is not None
