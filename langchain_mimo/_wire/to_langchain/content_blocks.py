"""MiMo messages → LangChain's standard content blocks (`message.content_blocks`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages import content as core_content
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.content import Annotation, ContentBlock

from langchain_mimo.catalogue import PROVIDER

_REFUSALS = hasattr(core_content, "RefusalContentBlock")
"""Refusal blocks came with langchain-core 1.7.7."""

_REFUSAL_TEXT = "MiMo's content filter stopped this answer (finish_reason content_filter)."


def citations(annotations: Sequence[Mapping[str, Any]]) -> list[Annotation]:
    """Turn web search annotations into citations; MiMo gives no start and end index."""
    result: list[dict[str, Any]] = []
    for annotation in annotations:
        citation: dict[str, Any] = {"type": "citation"}
        for theirs, ours in (("url", "url"), ("title", "title"), ("summary", "cited_text")):
            if theirs in annotation:
                citation[ours] = annotation[theirs]
        extras = {
            key: annotation[key]
            for key in ("site_name", "publish_time", "logo_url")
            if key in annotation
        }
        if extras:
            citation["extras"] = extras
        result.append(citation)
    return cast("list[Annotation]", result)


def _words(message: AIMessage) -> list[dict[str, Any]]:
    """Return the blocks of thoughts, text and refusal."""
    if not isinstance(message.content, str):
        # Lists are v1 blocks or another provider's: core's best effort reads both.
        raise NotImplementedError
    blocks: list[dict[str, Any]] = []
    reasoning = message.additional_kwargs.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning:
        blocks.append({"type": "reasoning", "reasoning": reasoning})
    annotations = message.additional_kwargs.get("annotations")
    if message.content or annotations:
        block: dict[str, Any] = {"type": "text", "text": message.content}
        if annotations:
            block["annotations"] = citations(annotations)
        blocks.append(block)
    if _REFUSALS and message.response_metadata.get("finish_reason") == "content_filter":
        blocks.append({"type": "refusal", "refusal": _REFUSAL_TEXT})
    return blocks


def _calls(message: AIMessage) -> list[dict[str, Any]]:
    return [
        {"type": "tool_call", "id": call["id"], "name": call["name"], "args": call["args"]}
        for call in message.tool_calls
    ]


def translate_content(message: AIMessage) -> list[ContentBlock]:
    """Return a whole message's blocks: thoughts, text with citations, tool calls."""
    return cast("list[ContentBlock]", _words(message) + _calls(message))


def translate_content_chunk(chunk: AIMessageChunk) -> list[ContentBlock]:
    """Return a chunk's blocks; calls are chunks until the last one has been merged in."""
    blocks = _words(chunk)
    if chunk.chunk_position == "last":
        return cast("list[ContentBlock]", blocks + _calls(chunk))
    for call in chunk.tool_call_chunks:
        block: dict[str, Any] = {
            "type": "tool_call_chunk",
            "id": call.get("id"),
            "name": call.get("name"),
            "args": call.get("args"),
        }
        if call.get("index") is not None:
            block["index"] = call["index"]
        blocks.append(block)
    return cast("list[ContentBlock]", blocks)


def with_blocks(chunk: AIMessageChunk) -> AIMessageChunk:
    """Return a chunk of a stream with its content as v1 blocks (`output_version="v1"`).

    Core numbers blocks without an index from 0 and then merges them with tool call 0, so that v1
    streams of other packages lose calls. Named indices (they must begin with "lc_") keep blocks
    apart. Invalid calls stay in their own field, as in a whole message.
    """
    unreadable = {call["id"] for call in chunk.invalid_tool_calls}
    blocks = [{**block, "index": f"lc_{block['type']}"} for block in _words(chunk)]
    blocks += [
        {
            "type": "tool_call_chunk",
            "id": call["id"],
            "name": call["name"],
            "args": call["args"],
            "index": f"lc_call_{call['index']}",
        }
        for call in chunk.tool_call_chunks
        if call["id"] not in unreadable
    ]
    return chunk.model_copy(
        update={
            "content": blocks,
            "response_metadata": {
                **chunk.response_metadata,
                "model_provider": PROVIDER,
                "output_version": "v1",
            },
        }
    )


def register() -> None:
    """Make LangChain use this translator for messages whose `model_provider` is "mimo"."""
    register_translator(PROVIDER, translate_content, translate_content_chunk)
