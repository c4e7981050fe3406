"""Blocks of other providers, in one table: what each becomes in a request to MiMo.

Conversations wander between providers, and a block that nobody maps either breaks the thread for
ever or vanishes. `TABLE` says for every foreign block known what happens to it; a type that is not
in it, and is not one of LangChain's or MiMo's own, is refused with its index.

Thoughts: plain text counts as the turn's thoughts, whoever had them. MiMo needs some on every turn
with tool calls, the text is what led to the call, and DeepSeek's and MiMo's own fields cannot be
told apart anyway. Signatures and encrypted thoughts mean something to their maker alone: dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Fate: TypeAlias = Literal["text", "thoughts", "call", "result", "media", "dropped"]
Place: TypeAlias = Literal["assistant", "user"]


@dataclass(frozen=True, slots=True)
class ForeignBlock:
    """A row of the table.

    Attributes:
        type: The block's `type`; for Bedrock's untyped blocks their only key.
        origin: Who writes it.
        place: In whose messages: "assistant", or "user" for user messages and tool results.
        fate: What it becomes; "dropped" sends nothing.
        note: Why, or how.
    """

    type: str
    origin: str
    place: Place
    fate: Fate
    note: str


def _rows(
    place: Place, origin: str, fate: Fate, note: str, *types: str
) -> tuple[ForeignBlock, ...]:
    return tuple(ForeignBlock(type_, origin, place, fate, note) for type_ in types)


_SERVER_TOOL = "ran on the provider's server; the answer's text already says what came of it"
_DUPLICATE = "message.tool_calls holds the same call; taken from here only when that is empty"

TABLE: tuple[ForeignBlock, ...] = (
    # Assistant: text
    *_rows("assistant", "LangChain, all", "text", "the answer", "text"),
    *_rows("assistant", "LangChain", "text", "its text", "text-plain"),
    *_rows("assistant", "OpenAI Responses", "text", "the answer", "output_text"),
    *_rows("assistant", "OpenAI, LangChain", "text", "what the model said", "refusal"),
    # Assistant: thoughts
    *_rows(
        "assistant",
        "LangChain v1, OpenAI Responses",
        "thoughts",
        "plain text or summary; encrypted_content is dropped",
        "reasoning",
    ),
    *_rows("assistant", "Anthropic, Gemini, Mistral", "thoughts", "signature dropped", "thinking"),
    *_rows(
        "assistant",
        "Bedrock Converse",
        "thoughts",
        "signature and redacted content dropped",
        "reasoning_content",
        "reasoningContent",
    ),
    *_rows("assistant", "Anthropic", "dropped", "encrypted", "redacted_thinking"),
    # Assistant: calls
    *_rows("assistant", "LangChain v1", "call", _DUPLICATE, "tool_call", "invalid_tool_call"),
    *_rows("assistant", "Anthropic, Bedrock", "call", _DUPLICATE, "tool_use", "toolUse"),
    *_rows("assistant", "OpenAI Responses, Gemini", "call", _DUPLICATE, "function_call"),
    *_rows("assistant", "OpenAI Responses", "call", _DUPLICATE, "custom_tool_call"),
    *_rows(
        "assistant",
        "LangChain, Anthropic",
        "dropped",
        "a fragment; message.tool_calls holds the whole",
        "tool_call_chunk",
        "input_json_delta",
    ),
    # Assistant: what the provider's server did
    *_rows(
        "assistant",
        "LangChain v1",
        "dropped",
        _SERVER_TOOL,
        "server_tool_call",
        "server_tool_call_chunk",
        "server_tool_result",
    ),
    *_rows(
        "assistant",
        "Anthropic",
        "dropped",
        _SERVER_TOOL,
        "server_tool_use",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "mcp_tool_use",
        "mcp_tool_result",
        "container_upload",
        "compaction",
    ),
    *_rows(
        "assistant",
        "OpenAI Responses",
        "dropped",
        _SERVER_TOOL,
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "computer_call",
        "image_generation_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "tool_search_call",
        "tool_search_output",
        "mcp_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "compaction",
    ),
    *_rows(
        "assistant",
        "Gemini",
        "dropped",
        _SERVER_TOOL,
        "executable_code",
        "code_execution_result",
    ),
    *_rows("assistant", "Bedrock", "dropped", "a cache mark; MiMo caches by itself", "cachePoint"),
    # User messages and tool results
    *_rows("user", "OpenAI Responses", "text", "its text", "input_text"),
    *_rows("user", "Anthropic", "text", "title, context, text; a PDF is refused", "document"),
    *_rows("user", "Anthropic", "text", "title, source, text", "search_result"),
    *_rows("user", "LangChain, Bedrock", "text", "the value, written as JSON", "json"),
    *_rows("user", "OpenAI Responses", "text", "its output", "custom_tool_call_output"),
    *_rows("user", "OpenAI Responses", "media", "its URL", "input_image", "input_video"),
    *_rows("user", "SGLang, vLLM", "media", "its URL", "audio_url"),
    *_rows("user", "OpenAI", "media", "by its MIME type; a PDF is refused", "file", "input_file"),
    *_rows("user", "Gemini", "media", "by its MIME type; offsets are refused", "media"),
    *_rows("user", "Gemini", "media", "by its MIME type", "file_data", "inline_data"),
    *_rows("user", "Anthropic, Bedrock", "result", "a tool's result", "tool_result", "toolResult"),
    *_rows("user", "Bedrock", "dropped", "a cache mark; MiMo caches by itself", "cachePoint"),
)
"""Every foreign block known, and what it becomes. Images of other providers that share a type with
LangChain's own (Anthropic's `image` with a `source`, Bedrock's `{"image": {"format", "source"}}`)
are read by `blocks` as one more shape of that type."""

ASSISTANT_FATES: dict[str, Fate] = {row.type: row.fate for row in TABLE if row.place == "assistant"}

HARMLESS_KEYS = frozenset(
    {
        "id",  # LangChain gives every block one
        "index",  # place in a stream
        "extras",  # read for fps, media_resolution, size, sha256; the rest as below
        "metadata",  # likewise, in v0 blocks
        "annotations",
        "citations",
        "cache_control",
        "signature",
        "thought_signature",
        "encrypted_content",
        "status",
        "phase",
        "caller",
        "filename",
        "file_name",
        "name",
        "title",
        "context",
    }
)
"""Keys of known blocks that are left out without a word: they mark, they do not say anything. Any
other unknown key is left out with a warning, once."""


def block_type(block: Mapping[str, Any]) -> str | None:
    """Return a block's type; Bedrock's blocks have none, their only key stands for it."""
    kind = block.get("type")
    if kind is None and len(block) == 1:
        kind = next(iter(block))
    return kind if isinstance(kind, str) else None


def plain_reasoning(value: object) -> str:
    """Return the readable text in a provider's field of thoughts, "" when there is none.

    Args:
        value: A string; a dict such as Bedrock's `{"text", "signature"}` or a Responses reasoning
            item; or a list of these. A Responses summary's paragraphs are joined by a blank line,
            everything else exactly.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(plain_reasoning(item) for item in value)
    if isinstance(value, Mapping):
        summary = value.get("summary")
        if isinstance(summary, list) and summary:
            return "\n\n".join(filter(None, map(plain_reasoning, summary)))
        for key in _REASONING_KEYS:
            if (inner := value.get(key)) and (text := plain_reasoning(inner)):
                return text
    return ""


_REASONING_KEYS = (
    "reasoning",
    "thinking",
    "text",
    "reasoning_content",
    "reasoningContent",
    "reasoningText",
    "content",
)


@dataclass(slots=True)
class ForeignCall:
    """A tool call found in a content block.

    Attributes:
        id: Its id, or None.
        name: The tool's name, or None.
        arguments: Parsed arguments, or their raw text.
    """

    id: str | None
    name: str | None
    arguments: object


def read_call(block: Mapping[str, Any]) -> ForeignCall:
    """Read a call out of any block whose fate is "call"."""
    inner = block.get("toolUse")
    if isinstance(inner, Mapping):
        block = inner
    arguments: object = {}
    for key in ("args", "arguments", "input"):
        # A call without arguments may have been streamed as "".
        if block.get(key) not in (None, ""):
            arguments = block[key]
            break
    if block.get("type") == "custom_tool_call":
        # langchain-openai gives these calls one argument of this name.
        arguments = {"__arg1": arguments}
    # In the Responses format `id` names the item, `call_id` the call.
    call_id = block.get("call_id") or block.get("toolUseId") or block.get("id")
    return ForeignCall(_text_or_none(call_id), _text_or_none(block.get("name")), arguments)


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
