"""The response format of a request, as its server understands it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from langchain_mimo._chat.structured_output.schema import AnswerSchema
from langchain_mimo.errors import MiMoConfigurationError

Tree: TypeAlias = dict[str, Any]
"""A request as JSON, in either API format; media leaves are still references."""


def lower_response_format(
    tree: Tree,
    response_format: Any,
    *,
    server: Literal["json_schema", "json_object", "nothing"] = "json_object",
) -> Tree:
    """Put a response format into a request, in the way its server understands.

    Args:
        tree: The request; left as it is.
        response_format: None; `{"type": "text"}`; `{"type": "json_object"}`, with an optional
            "schema" that is then stated in the prompt; `{"type": "json_schema", "json_schema":
            {"name", "schema", "strict"}}` as `create_agent`'s ProviderStrategy binds it; or a
            pydantic class, a TypedDict or a plain JSON schema.
        server: What the server takes: MiMo's chat completions "json_object", vLLM and SGLang
            "json_schema", the Anthropic format "nothing" (the prompt alone has to do).

    Returns:
        The request. Where the server cannot enforce a schema, it is stated in a system message at
        the end, worded so that tool calls stay allowed before the final answer. Without a schema
        such a message is added when no system or user message says "JSON", which MiMo wants, and
        in the Anthropic format, which has no JSON mode.

    Raises:
        MiMoConfigurationError: The response format is none of these.
    """
    tree = {key: value for key, value in tree.items() if key != "response_format"}
    if response_format is None:
        return tree
    wanted = _normal_format(response_format)
    if server == "json_schema":
        return {**tree, "response_format": _enforced(wanted)}
    if wanted["type"] != "text":
        tree = _asked_for_json(tree, wanted, by_words_alone=server == "nothing")
        wanted = {"type": "json_object"}
    return tree if server == "nothing" else {**tree, "response_format": wanted}


def _enforced(wanted: Tree) -> Tree:
    """Turn a schema beside "json_object" into one that the server enforces."""
    if "schema" not in wanted:
        return wanted
    schema = wanted["schema"]
    return {
        "type": "json_schema",
        "json_schema": {"name": str(schema.get("title", "answer")), "schema": schema},
    }


def _normal_format(response_format: Any) -> Tree:
    """Write a response format as one of OpenAI's three, or with our "schema" beside json_object."""
    if isinstance(response_format, Mapping):
        kind = response_format.get("type")
        schema = response_format.get("json_schema")
        if kind in ("text", "json_object") or (
            kind == "json_schema" and isinstance(schema, Mapping) and "schema" in schema
        ):
            return dict(response_format)
        if kind == "json_schema":
            raise MiMoConfigurationError(
                'a response_format of type "json_schema" needs {"json_schema": {"schema": ...}}'
            )
        response_format = dict(response_format)
    return AnswerSchema(response_format).bound_format("json_schema", None)


def _asked_for_json(tree: Tree, wanted: Tree, *, by_words_alone: bool) -> Tree:
    named = wanted.get("json_schema", wanted)
    schema = named.get("schema")
    if schema is None and not by_words_alone and _mentions_json(tree["messages"]):
        return tree
    parts = ["When you give your final answer, give one JSON object and nothing else."]
    if tree.get("tools"):
        parts.append("Until then you may call tools.")
    if schema is not None:
        text = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
        parts.append(f"The object must fit this JSON schema:\n{text}")
    instruction = {"role": "system", "content": " ".join(parts)}
    return {**tree, "messages": [*tree["messages"], instruction]}


def _mentions_json(messages: list[Tree]) -> bool:
    """Whether a message asks for JSON, as MiMo wants it of system and user messages."""
    for message in messages:
        if message["role"] not in ("system", "developer", "user"):
            continue
        content = message["content"]
        texts = [content] if isinstance(content, str) else [part.get("text") for part in content]
        if any("json" in text.lower() for text in texts if isinstance(text, str)):
            return True
    return False
