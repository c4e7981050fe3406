"""Middleware for agents of `langchain.agents.create_agent` (extra `langchain`)."""

from __future__ import annotations

import binascii
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any, Literal, get_args
from urllib.parse import unquote, urlsplit

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from typing_extensions import override

from langchain_mimo._checks import choice, integer
from langchain_mimo.errors import as_configuration_error
from langchain_mimo.media import identify, message_blocks
from langchain_mimo.version import install_command

try:
    from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
except ImportError as error:
    raise ImportError(
        f"langchain_mimo.middleware needs the package langchain ({error}); install it with: "
        f"{install_command('langchain')}"
    ) from error

__all__ = ["MediaWindowMiddleware"]

Replacement = Literal["description", "reference"]

_KINDS = ("image", "video", "audio")
_TYPES: dict[str, str] = {
    **{form.format(kind): kind for kind in _KINDS for form in ("{}", "{}_url", "input_{}")}
}
"""Kinds of media by the type of a block, of LangChain, MiMo and other providers."""

_INNER_KEYS = ("file", "source", "resource", "inline_data", "file_data", "value", "extras", *_TYPES)
"""Keys of a block whose dict may hold its MIME type, name and URL."""

_NAME_KEYS = ("filename", "file_name", "name", "title")
_URL_KEYS = ("url", "uri", "file_uri", "file_url", *_TYPES)
_DATA_KEYS = ("base64", "data", "blob", "file_data")
_HEAD = 4_096
"""Characters of base64 by which a file is identified."""

_LONGEST_NAME = 500
_DEEPEST = 4


class MediaWindowMiddleware(AgentMiddleware[Any, Any, Any]):
    """Sends the latest media of a thread only, and for older ones what the model said about them.

    The API has no memory: each model call sends the whole thread, with all its images, videos and
    audio files. This middleware replaces older media by text **in the request alone**: the state of
    the agent and its checkpoints keep everything, and so does a thread that goes on without it.

    Media that arrive between two messages of the model are one arrival: those of one user message,
    or all that parallel tool calls returned. The latest `keep_last` arrivals are sent. An older
    medium becomes a text in its place, such as

        [The video gate.mp4 is no longer attached. You said then: A red car waits at the gate.]

    which is the first answer that the model gave after it and before newer media arrived; an answer
    without tool calls goes before a text beside them. If it gave none, the text says so. Of several
    media of one arrival, the first has what was said, and the others refer to it:

        [The image is no longer attached. It is one of the 2 media described above.]

    Messages, tool calls and their results stay in their places.

    What is replaced stays replaced by the same text in every later request, so that the beginning
    of a growing thread stays the same and is read from MiMo's cache.

    Works with every chat model: it knows media by the types and MIME types of blocks, and files
    with neither by their first bytes.

    Args:
        keep_last: How many arrivals are sent, >= 0. With 0, media are sent until the model has
            answered without a tool call. Default: 1.
        replace: "description", or "reference" for texts that name the medium only.
        max_characters: Most characters of a description, >= 1; a longer one ends with "…".

    Raises:
        MiMoConfigurationError: An argument is out of range.

    Example:
        ```python
        from langchain.agents import create_agent

        from langchain_mimo import ChatMiMo
        from langchain_mimo.middleware import MediaWindowMiddleware

        llm = ChatMiMo(model="mimo-v2.6-flash", allowed_media_dirs=["media"])
        agent = create_agent(llm, tools, middleware=[MediaWindowMiddleware(keep_last=2)])
        ```
    """

    def __init__(
        self,
        *,
        keep_last: int = 1,
        replace: Replacement = "description",
        max_characters: int = 1_000,
    ) -> None:
        super().__init__()
        with as_configuration_error():
            self.keep_last = integer("keep_last", keep_last, 0)
            choice("replace", replace, get_args(Replacement))
            self.max_characters = integer("max_characters", max_characters, 1)
        self.replace = replace

    @override
    def wrap_model_call(
        self, request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]
    ) -> ModelResponse:
        return handler(request.override(messages=self._windowed(request.messages)))

    @override
    async def awrap_model_call(
        self, request: ModelRequest, handler: Callable[[ModelRequest], Awaitable[ModelResponse]]
    ) -> ModelResponse:
        return await handler(request.override(messages=self._windowed(request.messages)))

    def _windowed(self, messages: Sequence[Any]) -> list[Any]:
        """Return the messages with text in place of media that have left the window."""
        windowed = list(messages)
        arrivals = _arrivals(messages)
        for number, arrival in enumerate(arrivals):
            end = self._end(messages, arrivals, number)
            if end is None:
                break
            if number + 1 < len(arrivals):  # From there on, what is said is about newer media.
                end = min(end, *arrivals[number + 1])
            said = _shortened(_said(messages[max(arrival) + 1 : end]), self.max_characters)
            media = sum(bool(_kind(block)) for blocks in arrival.values() for block in blocks)
            notes = _notes(said, media) if self.replace == "description" else repeat("")
            for index, blocks in arrival.items():
                content = [_text(block, next(notes)) if _kind(block) else block for block in blocks]
                windowed[index] = messages[index].model_copy(update={"content": content})
        return windowed

    def _end(
        self, messages: Sequence[Any], arrivals: Sequence[Mapping[int, Any]], number: int
    ) -> int | None:
        """Return where an arrival left the window, or None while it is in it.

        It depends on nothing behind that place: so a growing thread does not change what was
        replaced.
        """
        if self.keep_last:
            later = arrivals[number + self.keep_last : number + self.keep_last + 1]
            return min(later[0]) if later else None
        answers = (
            index + 1
            for index in range(max(arrivals[number]) + 1, len(messages))
            if _is_answer(messages[index])
        )
        return next(answers, None)


def _arrivals(messages: Sequence[BaseMessage]) -> list[dict[int, list[Any]]]:
    """Return the blocks of messages with media, by index, in a dict for each arrival."""
    arrivals: list[dict[int, list[Any]]] = []
    is_new = True
    for index, message in enumerate(messages):
        if isinstance(message, AIMessage):
            is_new = True
            continue
        if isinstance(message, SystemMessage):
            continue
        blocks = message_blocks(message)
        if any(_kind(block) for block in blocks):
            if is_new:
                arrivals.append({})
            arrivals[-1][index] = blocks
            is_new = False
    return arrivals


def _is_answer(message: BaseMessage) -> bool:
    return isinstance(message, AIMessage) and not message.tool_calls and bool(message.text.strip())


def _said(messages: Sequence[BaseMessage]) -> str:
    """Return the first answer of the model, or its first text beside a tool call, or ""."""
    spoken = [message for message in messages if isinstance(message, AIMessage)]
    texts = [message.text.strip() for message in (*filter(_is_answer, spoken), *spoken)]
    return next(filter(None, texts), "")


def _shortened(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _notes(said: str, media: int) -> Iterator[str]:
    """Yield what the texts of one arrival say about what the model said, without end.

    Args:
        said: What it said, or "".
        media: How many media the arrival has, >= 1.
    """
    if not said:
        yield from repeat(" You said nothing about it before newer media arrived.")
    together = f" of the {media} media that arrived together" if media > 1 else ""
    yield f" You said then{together}: {said}"
    yield from repeat(f" It is one of the {media} media described above.")


def _text(block: Mapping[str, Any], note: str) -> dict[str, str]:
    kind = _kind(block)
    noun = "audio file" if kind == "audio" else str(kind)
    name = _name(block)
    named = f" {' '.join(name.split())}" if name.strip() else ""
    return {
        "type": "text",
        "text": f"[The {noun}{named}{_range(block)} is no longer attached.{note}]",
    }


def _range(block: Mapping[str, Any]) -> str:
    """Return which seconds of its file a block of `video_block(start_s=…)` shows, or ""."""
    extras = block.get("extras")
    bounds = (
        [extras.get(key) for key in ("start_s", "end_s")] if isinstance(extras, Mapping) else []
    )
    if not all(isinstance(bound, int | float) for bound in bounds) or not bounds:
        return ""
    return f" from {bounds[0]:g} s to {bounds[1]:g} s"


def _dicts(block: object, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield a block, and the dicts in it that may describe its medium."""
    if not isinstance(block, Mapping) or depth >= _DEEPEST:
        return
    # A text makes a file or resource one of text; an image with a text beside it stays an image.
    if not isinstance(block.get("text"), str) or str(block.get("type")) in _TYPES:
        yield block
        for key in _INNER_KEYS:
            yield from _dicts(block.get(key), depth + 1)


def _kind(block: object) -> str | None:
    """Return "image", "video" or "audio" for a block of media, else None."""
    for each in _dicts(block):
        if kind := _TYPES.get(str(each.get("type"))):
            return kind
        if "type" not in each:  # Bedrock
            for kind in _KINDS:
                if isinstance(each.get(kind), Mapping):
                    return kind
        for mime_type in _mime_types(each):
            kind = mime_type.partition("/")[0].lower()
            if kind in _KINDS:
                return kind
    return next(filter(None, map(_kind_of_bytes, _dicts(block))), None)


def _kind_of_bytes(fields: Mapping[str, Any]) -> str | None:
    """Return what the base64 in a dict is by its first bytes, as ChatMiMo judges files, or None."""
    if any(mime_type.startswith("text/") for mime_type in _mime_types(fields)):
        return None  # it may only begin like media
    for key in _DATA_KEYS:
        if isinstance(value := fields.get(key), str):
            start = value[:_HEAD].find(",") + 1  # behind the head of a data URL
            head = value[start : start + _HEAD]
            with suppress(ValueError):
                if found := identify(binascii.a2b_base64(head[: len(head) // 4 * 4])):
                    return found.kind
    return None


def _mime_types(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield the MIME types that a dict states, also those of data URLs."""
    for key in ("mime_type", "mimeType", "media_type"):
        yield str(fields.get(key))
    for key in ("url", "data", "base64", "file_data", "file_url"):
        if isinstance(value := fields.get(key), str) and value[:5].lower() == "data:":
            yield value[5:50]


def _name(block: Mapping[str, Any]) -> str:
    """Return what a medium is called: the name of its file, or its URL without a query, or ""."""
    found = [
        (key, value.strip())
        for each in _dicts(block)
        for key in (*_NAME_KEYS, *_URL_KEYS)
        if isinstance(value := each.get(key), str) and len(value) <= _LONGEST_NAME
    ]
    for key, value in found:
        try:
            parts = urlsplit(value)
        except ValueError:  # "https://[…"
            continue
        if parts.scheme in ("http", "https"):
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        if key in _NAME_KEYS or parts.scheme == "file":
            path = unquote(parts.path) if parts.scheme == "file" else value
            return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return ""
