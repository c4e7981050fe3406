"""Converts received requests to the OpenAI format, so that one assertion serves both formats.

Written from the documentation of the Anthropic format; uses no code of ChatMiMo.
"""

import json

ANTHROPIC_PATH = "/anthropic/v1/messages"


def chat_body(request):
    """Return the body of a received request, converted to the OpenAI format."""
    if not request.path.endswith(ANTHROPIC_PATH):
        return request.body
    body = dict(request.body)
    messages = [{"role": "system", "content": text} for text in _texts(body.pop("system", []))]
    for message in body.pop("messages"):
        messages += _messages(message)
    renamed = {"max_tokens": "max_completion_tokens", "stop_sequences": "stop"}
    converted = {renamed.get(key, key): value for key, value in body.items()}
    if "tools" in converted:
        converted["tools"] = [_tool(tool) for tool in converted["tools"]]
    return converted | {"messages": messages}


def _texts(content):
    return [content] if isinstance(content, str) else [block["text"] for block in content]


def _messages(message):
    """Yield the tool results in a message, then the rest of the message."""
    content = message["content"]
    if message["role"] == "assistant":
        yield _assistant(content)
        return
    if isinstance(content, str):
        yield {"role": message["role"], "content": content}
        return
    for block in content:
        if block["type"] == "tool_result":
            yield {
                "role": "tool",
                "content": block["content"],
                "tool_call_id": block["tool_use_id"],
            }
    rest = [block for block in content if block["type"] != "tool_result"]
    if rest:
        yield {"role": message["role"], "content": rest}


def _assistant(content):
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    assert all(block["type"] in {"thinking", "text", "tool_use"} for block in content)
    turn = {"role": "assistant", "content": ""}
    for block in content:
        match block["type"]:
            case "thinking":
                assert "reasoning_content" not in turn
                assert isinstance(block["signature"], str)
                turn["reasoning_content"] = block["thinking"]
            case "text":
                turn["content"] += block["text"]
            case "tool_use":
                function = {"name": block["name"], "arguments": json.dumps(block["input"])}
                call = {"id": block["id"], "type": "function", "function": function}
                turn.setdefault("tool_calls", []).append(call)
    return turn


def _tool(tool):
    function = {"name": tool["name"], "parameters": tool["input_schema"]}
    if "description" in tool:
        function["description"] = tool["description"]
    return {"type": "function", "function": function}
