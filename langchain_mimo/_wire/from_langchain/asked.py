"""Warns about what is asked now: an empty message, or a media block that became text.

`ChatPromptTemplate([("human", "Describe {media}")])` puts the `repr` of a block into the text, or a
data URL: LangChain formats strings, and gives no error. Nor does it where a variable is empty.
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


def warn_about(content: str | Sequence[Part], index: int) -> None:
    """Warn about content that the program most likely did not mean; once per line of the program.

    That is no content, and text with the `repr` of a media block or a data URL that stands alone.

    Args:
        content: What the user asks now; nothing else is searched.
        index: Index of the message.
    """
    if not content:
        warn_once(
            f"messages[{index}]: this user message is empty. It is sent as it is and billed; check "
            "the variable or template that fills it.",
            "empty user message",
            per_place=True,
        )
        return
    # Of most requests the content is a string without a mark; nothing more is called for it.
    texts = (content,) if isinstance(content, str) else _texts_of(content)
    for text in texts:
        has_mark = "'base64'" in text or "'extras'" in text or ";base64," in text
        if not has_mark or not _IN_TEXT.search(text):
            continue
        warn_once(
            f"messages[{index}]: a text contains a media block or a data URL, which the model gets "
            'as text, as when a prompt template puts a block into "{media}". Pass messages through '
            "a placeholder "
            'instead: ChatPromptTemplate([("placeholder", "{messages}")]), with '
            "HumanMessage([image_block(path), ...]) in messages.",
            "media block in a text",
            per_place=True,
        )


def _texts_of(parts: Sequence[Part]) -> list[str]:
    return [part.text for part in parts if isinstance(part, TextPart)]
