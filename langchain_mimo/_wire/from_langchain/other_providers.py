"""Blocks of other providers, in one table: what each becomes in a request to MiMo.

A conversation may start with another provider's model and continue with MiMo. An unmapped block
would either break such a conversation for good or silently disappear. `PROVIDER_BLOCKS` therefore
lists every known block of another provider with its conversion; a type that is neither listed nor
one of LangChain's or MiMo's own is refused, naming its index.

Reasoning: plain text counts as the turn's reasoning, whichever model wrote it. MiMo requires
reasoning on every turn with tool calls, that text is what led to the call, and the fields of
DeepSeek and MiMo are identical anyway. Signatures and encrypted reasoning can be read by their
provider only and are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from langchain_mimo._wire.json_values import string_or_empty

Conversion: TypeAlias = Literal["text", "reasoning", "call", "result", "media", "dropped"]
Role: TypeAlias = Literal["assistant", "user"]


@dataclass(frozen=True, slots=True)
class ProviderBlock:
    """A row of the table.

    Attributes:
        type: The block's `type`; for Bedrock's untyped blocks, their only key.
        origin: Who writes it.
        role: Where it occurs: "assistant", or "user" for user messages and tool results.
        becomes: What it is converted to; "dropped" sends nothing.
        note: Why, or how.
    """

    type: str
    origin: str
    role: Role
    becomes: Conversion
    note: str


def _rows(
    role: Role, origin: str, becomes: Conversion, note: str, *types: str
) -> tuple[ProviderBlock, ...]:
    return tuple(ProviderBlock(type_, origin, role, becomes, note) for type_ in types)


_SERVER_TOOL = "ran on the provider's server; the answer's text already contains its outcome"
_DUPLICATE = "message.tool_calls holds the same call; read from here only when that is empty"

_FILE = "by its bytes, or the MIME type of its URL; text as text; a PDF is refused"

_PROVIDER_BLOCKS: tuple[ProviderBlock, ...] = (
    # Assistant: text
    *_rows("assistant", "LangChain, all", "text", "the answer", "text"),
    *_rows("assistant", "LangChain", "text", "its text", "text-plain"),
    *_rows("assistant", "OpenAI Responses", "text", "the answer", "output_text"),
    *_rows("assistant", "OpenAI, LangChain", "text", "the model's refusal", "refusal"),
    # Assistant: reasoning
    *_rows(
        "assistant",
        "LangChain v1, OpenAI Responses",
        "reasoning",
        "plain text or summary; encrypted_content is dropped",
        "reasoning",
    ),
    *_rows("assistant", "Anthropic, Gemini, Mistral", "reasoning", "signature dropped", "thinking"),
    *_rows(
        "assistant",
        "Bedrock Converse",
        "reasoning",
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
        "a fragment; message.tool_calls holds the complete call",
        "tool_call_chunk",
        "input_json_delta",
    ),
    # Assistant: tools that ran on the provider's server
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
    *_rows(
        "assistant", "Bedrock", "dropped", "a cache marker; MiMo caches automatically", "cachePoint"
    ),
    # User messages and tool results
    *_rows("user", "OpenAI Responses", "text", "its text", "input_text"),
    *_rows("user", "Anthropic", "text", "title, context, text; a PDF is refused", "document"),
    *_rows("user", "Anthropic", "text", "title, source, text", "search_result"),
    *_rows("user", "LangChain, Bedrock", "text", "the value, written as JSON", "json"),
    *_rows("user", "OpenAI Responses", "text", "its output", "custom_tool_call_output"),
    *_rows("user", "MCP", "text", "its URI and text; media or text in a blob", "resource"),
    *_rows("user", "MCP", "text", "title, name, URI, type; media by URL as media", "resource_link"),
    *_rows("user", "OpenAI Responses", "media", "its URL", "input_image", "input_video"),
    *_rows("user", "SGLang, vLLM", "media", "its URL", "audio_url"),
    *_rows("user", "OpenAI", "media", _FILE, "file", "input_file"),
    *_rows("user", "Gemini", "media", f"{_FILE}; offsets are refused", "media"),
    *_rows("user", "Gemini", "media", _FILE, "file_data", "inline_data"),
    *_rows("user", "Anthropic, Bedrock", "result", "a tool's result", "tool_result", "toolResult"),
    *_rows("user", "Bedrock", "dropped", "a cache marker; MiMo caches automatically", "cachePoint"),
)

_SENT_TO_USERS = frozenset(row.type for row in _PROVIDER_BLOCKS if row.role == "user")

PROVIDER_BLOCKS = _PROVIDER_BLOCKS + tuple(
    replace(row, role="user", becomes="dropped", note="an answer handed on: only its text is sent")
    for row in _PROVIDER_BLOCKS
    if row.becomes in ("reasoning", "call", "dropped") and row.type not in _SENT_TO_USERS
)
"""All known blocks of other providers. Their images that share a type with LangChain's own
(Anthropic's `image` with a `source`, Bedrock's `{"image": {"format", "source"}}`) are read by
`content_blocks` as one more shape of that type.

The last rows are answers that are handed on in another role, by supervisors or emulated tools: what
the model thought and called is not what a user or a tool says."""

HANDED_ON = frozenset(row.type for row in PROVIDER_BLOCKS if row.role == "user") - _SENT_TO_USERS
"""Types of blocks that are read in assistant messages and dropped in all others."""

ASSISTANT_CONVERSIONS: dict[str, Conversion] = {
    row.type: row.becomes for row in PROVIDER_BLOCKS if row.role == "assistant"
}

IGNORED_KEYS = frozenset(
    {
        "id",  # LangChain gives every block one
        "index",  # position in a stream
        "extras",  # read for fps, media_resolution, size, sha256; its other keys are treated alike
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
"""Keys of known blocks that are dropped silently: they carry markers, not content. Any other
unknown key is dropped with a warning, once."""


def block_type(block: Mapping[str, Any]) -> str | None:
    """Return a block's type; for Bedrock's untyped blocks, their only key."""
    kind = block.get("type")
    if kind is None and len(block) == 1:
        kind = next(iter(block))
    return kind if isinstance(kind, str) else None


def plain_reasoning(value: object) -> str:
    """Return the readable text of a provider's reasoning, "" when there is none.

    Args:
        value: A string; a dict such as Bedrock's `{"text", "signature"}` or a Responses reasoning
            item; or a list of these. The paragraphs of a Responses summary are joined by a blank
            line, everything else without a separator.
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
class CallBlock:
    """A tool call read from a content block.

    Attributes:
        id: Its id, or None.
        name: The tool's name, or None.
        arguments: Parsed arguments, or their raw text.
    """

    id: str | None
    name: str | None
    arguments: object


def read_call(block: Mapping[str, Any]) -> CallBlock:
    """Read the call in a block that becomes "call"."""
    inner = block.get("toolUse")
    if isinstance(inner, Mapping):
        block = inner
    arguments: object = {}
    for key in ("args", "arguments", "input"):
        # A streamed call without arguments may hold "".
        if block.get(key) not in (None, ""):
            arguments = block[key]
            break
    if block.get("type") == "custom_tool_call":
        # langchain-openai gives these calls a single argument of this name.
        arguments = {"__arg1": arguments}
    # In the Responses format, `id` identifies the item and `call_id` the call.
    call_id = block.get("call_id") or block.get("toolUseId") or block.get("id")
    name = string_or_empty(block.get("name")) or None
    return CallBlock(string_or_empty(call_id) or None, name, arguments)
