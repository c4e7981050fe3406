"""Translates MiMo messages into LangChain's standard content blocks (`message.content_blocks`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages import content as core_content
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.content import Annotation, ContentBlock

from langchain_mimo.catalogue import PROVIDER

_REFUSALS = hasattr(core_content, "RefusalContentBlock")
"""Whether langchain-core has refusal blocks (1.7.7 and later)."""

_REFUSAL_TEXT = "MiMo's content filter stopped this answer (finish_reason content_filter)."


def citations(annotations: Sequence[Mapping[str, Any]]) -> list[Annotation]:
    """Convert web search annotations into citations.

    MiMo gives no start and end index (docs/api-facts.md).
    """
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


def refusals(response_metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the refusal block of a response that the content filter stopped, else nothing."""
    if _REFUSALS and response_metadata.get("finish_reason") == "content_filter":
        return [{"type": "refusal", "refusal": _REFUSAL_TEXT}]
    return []


def _text_blocks(message: AIMessage) -> list[dict[str, Any]]:
    """Return the reasoning and text blocks."""
    if not isinstance(message.content, str):
        # Lists hold v1 blocks or another provider's; core's fallback reads both.
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
    return blocks


def _call_blocks(message: AIMessage) -> list[dict[str, Any]]:
    return [
        {"type": "tool_call", "id": call["id"], "name": call["name"], "args": call["args"]}
        for call in message.tool_calls
    ]


def translate_content(message: AIMessage) -> list[ContentBlock]:
    """Return a complete message's blocks: reasoning, text with citations, tool calls, refusal.

    The refusal is the last one, since a stream learns of it at its end.
    """
    blocks = _text_blocks(message) + _call_blocks(message) + refusals(message.response_metadata)
    return cast("list[ContentBlock]", blocks)


def translate_content_chunk(chunk: AIMessageChunk) -> list[ContentBlock]:
    """Return a chunk's blocks; calls stay `tool_call_chunk` until the last chunk is merged."""
    if chunk.chunk_position == "last":
        return translate_content(chunk)
    blocks = _text_blocks(chunk)
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
    return cast("list[ContentBlock]", blocks + refusals(chunk.response_metadata))


def _named(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**block, "index": f"lc_{block['type']}"} for block in blocks]


def with_blocks(chunk: AIMessageChunk) -> AIMessageChunk:
    """Return a copy of a stream's chunk whose content is v1 blocks (`output_version="v1"`).

    Core numbers blocks without an index from 0 and then merges them with tool call 0, so v1 streams
    of other packages lose calls. Named indices (they must start with "lc_") keep blocks separate.
    Invalid calls stay in their own field, as in a complete message.
    """
    invalid = {call["id"] for call in chunk.invalid_tool_calls}
    blocks = _named(_text_blocks(chunk))
    blocks += [
        {
            "type": "tool_call_chunk",
            "id": call["id"],
            "name": call["name"],
            "args": call["args"],
            "index": f"lc_call_{call['index']}",
        }
        for call in chunk.tool_call_chunks
        if call["id"] not in invalid
    ]
    blocks += _named(refusals(chunk.response_metadata))
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
    """Register this translator for messages whose `model_provider` is "mimo"."""
    register_translator(PROVIDER, translate_content, translate_content_chunk)
