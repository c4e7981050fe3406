"""`Target`: a request as faults see it, and what a request must contain for some faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_MEDIA_PARTS = frozenset(
    ("image_url", "video_url", "input_audio", "audio_url", "image", "video", "audio")
)
"""The types of media parts and blocks in the two API formats."""


@dataclass(frozen=True, slots=True)
class Target:
    """A request that a fault may apply to.

    Attributes:
        method: HTTP method.
        path: Path of the URL.
        body: The decoded body; None if it is not a JSON object.
        reused: Whether the connection has served a request before.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None
    reused: bool

    @property
    def streaming(self) -> bool:
        """Whether the request asks for a stream."""
        return self.body is not None and self.body.get("stream") is True


def has_path(target: Target, parameters: Mapping[str, Any]) -> bool:
    """Return whether the request is for the path that the fault names."""
    return bool(target.path == parameters["path"])


def has_web_search(target: Target, _parameters: Mapping[str, Any]) -> bool:
    """Return whether the request offers MiMo's own web search."""
    return any(tool.get("type") == "web_search" for tool in _objects(target.body, "tools"))


def has_tools(target: Target, _parameters: Mapping[str, Any]) -> bool:
    """Return whether the request offers function tools."""
    return any(True for _ in _schemas_of_tools(target.body))


def has_nullable_parameter(target: Target, _parameters: Mapping[str, Any]) -> bool:
    """Return whether the request offers a tool with a parameter that may be null."""
    return any(nullable_parameters(schema) for schema in _schemas_of_tools(target.body))


def has_schema(target: Target, _parameters: Mapping[str, Any]) -> bool:
    """Return whether the request constrains the answer by a JSON schema."""
    response_format = (target.body or {}).get("response_format")
    return isinstance(response_format, dict) and response_format.get("type") == "json_schema"


def has_media(target: Target, _parameters: Mapping[str, Any]) -> bool:
    """Return whether a message of the request contains an image, a video or audio."""
    for message in _objects(target.body, "messages"):
        for part in _objects(message, "content"):
            # A tool result of the Anthropic format holds its media one level deeper.
            if _is_media(part) or any(map(_is_media, _objects(part, "content"))):
                return True
    return False


def nullable_parameters(schema: Mapping[str, Any]) -> list[str]:
    """Return the names of the properties of an object schema that may be null, in order."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return []
    return [name for name, value in properties.items() if _allows_null(value)]


def _allows_null(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    kind = schema.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        return True
    branches = schema.get("anyOf") or schema.get("oneOf") or ()
    return isinstance(branches, list) and any(map(_allows_null, branches))


def _objects(value: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """Yield the objects in the list `name` of an object; anything else is skipped."""
    items = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, Mapping))


def _schemas_of_tools(body: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """Yield the parameter schema of each function tool, in either API format."""
    for tool in _objects(body, "tools"):
        function = tool.get("function")
        if isinstance(function, Mapping):
            schema = function.get("parameters")
        elif "input_schema" in tool:
            schema = tool["input_schema"]
        else:
            continue
        yield schema if isinstance(schema, Mapping) else {}


def _is_media(part: Mapping[str, Any]) -> bool:
    kind = part.get("type")
    return isinstance(kind, str) and kind in _MEDIA_PARTS
