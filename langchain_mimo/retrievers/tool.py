"""A tool that searches media, so that an agent sees what it finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import Document
from langchain_core.runnables import run_in_executor
from langchain_core.tools import StructuredTool, ToolException
from pydantic import BaseModel, Field

from langchain_mimo._checks import known_keywords, shown
from langchain_mimo.errors import MediaError, MiMoConfigurationError, MiMoInputError
from langchain_mimo.retrievers.media import MiMoMediaRetriever
from langchain_mimo.retrievers.moments import Moment

_DESCRIPTION = (
    "Search images, videos and audio by what is seen, said and written in them. Returns the "
    "moments that were found, with source and time, and shows them."
)
_NOTHING = "No media were found for this query."
_MOST_CHARACTERS = 1000
"""Characters of what Documents say about a moment that the model is told; it sees the moment."""

_Result = tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]


class MediaSearch(BaseModel):
    """What the model passes to the tool."""

    query: str = Field(description="What to look for, in words that describe the moment.")


@known_keywords(MiMoConfigurationError)
def create_media_retriever_tool(
    retriever: MiMoMediaRetriever,
    *,
    name: str = "search_media",
    description: str | None = None,
) -> StructuredTool:
    """Create a tool that searches media, so that the model sees the moments themselves.

    The content of the tool's message is, for each moment, a text with its number, source, times and
    what its Documents say (at most 1,000 characters), and its media. ChatMiMo sends the media in a
    user message behind the tool results. Files are references, about 400 bytes each, so
    checkpoints stay small. The artifact of the message is a dict with the lists "moments", as
    `Moment.to_dict` has them, and "left_out", with source, times and reason of what was found and
    is not shown.

    Args:
        retriever: The retriever. `k` and `budget_tokens` limit what a call adds to the thread.
        name: The name of the tool.
        description: What the model is told about it. Say which media there are. Default: a general
            text.

    Returns:
        The tool, sync and async. Where `retriever.as_blocks` would raise a MediaError or
        MiMoInputError, its message has the status "error" and says why, so that the agent goes on
        and its thread stays valid. Other errors of the search are raised.

    Raises:
        MiMoConfigurationError: An argument is not what it should be.
    """
    if not isinstance(retriever, MiMoMediaRetriever):
        raise MiMoConfigurationError(
            "create_media_retriever_tool takes a MiMoMediaRetriever, got "
            f"{type(retriever).__name__}; wrap it in MiMoMediaRetriever(retriever=…, root=…)"
        )
    description = _DESCRIPTION if description is None else description
    for argument, value in (("name", name), ("description", description)):
        if not isinstance(value, str) or not value.strip():
            raise MiMoConfigurationError(
                f"{argument} must be a string with text, got {shown(value)}"
            )

    def search(query: str, callbacks: Callbacks = None) -> _Result:
        with _as_tool_errors():
            found = retriever.invoke(query, config={"callbacks": callbacks})
            return _result(retriever, found)

    async def asearch(query: str, callbacks: Callbacks = None) -> _Result:
        with _as_tool_errors():
            found = await retriever.ainvoke(query, config={"callbacks": callbacks})
            return await run_in_executor(None, _result, retriever, found)

    return StructuredTool(
        name=name,
        description=description,
        func=search,
        coroutine=asearch,
        args_schema=MediaSearch,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


@contextmanager
def _as_tool_errors() -> Iterator[None]:
    """Make errors about files and metadata what the model reads: they must not end its thread."""
    try:
        yield
    except (MediaError, MiMoInputError) as error:
        raise ToolException(f"The media cannot be shown: {error}") from error


def _result(retriever: MiMoMediaRetriever, documents: list[Document]) -> _Result:
    moments = retriever.moments_for(documents)
    artifact = {
        "moments": [moment.to_dict() for moment in moments],
        "left_out": [each.to_dict() for each in moments.left_out],
    }
    if not moments:
        return [{"type": "text", "text": moments.left_out_text or _NOTHING}], artifact
    count = "1 moment was" if len(moments) == 1 else f"{len(moments)} moments were"
    follow = "Its media follow." if len(moments) == 1 else "Their media follow in this order."
    text = f"{count} found. {follow} {moments.left_out_text}".rstrip()
    content: list[dict[str, Any]] = [{"type": "text", "text": text}]
    for moment, block in zip(moments, retriever.blocks_of(moments, label=False), strict=True):
        content += [{"type": "text", "text": _text(moment)}, block]
    return content, artifact


def _text(moment: Moment) -> str:
    description = " ".join(moment.description.split())
    if len(description) > _MOST_CHARACTERS:
        description = f"{description[:_MOST_CHARACTERS]}…"
    return f"{moment.label}: {description}" if description else moment.label
