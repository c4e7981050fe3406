"""Content of MCP servers as the protocol writes it: resources, and links to resources.

LangChain's adapters convert it to blocks of their own. Tools that call a server themselves, and
prompts that a server returns, have it as it is. MCP's text, image and audio are read by the readers
of LangChain's blocks of the same type.

Source: the schema of the Model Context Protocol, 2025-06-18.
"""

from __future__ import annotations

from collections.abc import Mapping

from langchain_mimo._json import join_surrogates
from langchain_mimo._media.references import InlineBase64
from langchain_mimo._wire.from_langchain.files import read_bytes
from langchain_mimo._wire.from_langchain.media_blocks import (
    Block,
    BlockPosition,
    SourceDict,
    media_part,
)
from langchain_mimo._wire.from_langchain.options import MediaDefaults
from langchain_mimo._wire.json_values import string_or_empty
from langchain_mimo._wire.turns import Part, TextPart
from langchain_mimo.errors import MediaError, MiMoInputError

_MEDIA = ("image", "video", "audio")


def read_resource(block: Block, at: BlockPosition, defaults: MediaDefaults) -> Part:
    """Read an embedded resource: text below its URI, or a blob as media or text.

    Raises:
        MediaError: It has neither text nor blob, or its blob is neither media nor text.
        MiMoInputError: It has no resource.
    """
    resource = block.get("resource")
    if not isinstance(resource, Mapping):
        raise MiMoInputError("a resource block needs a dict 'resource' with text or blob", *at)
    if isinstance(text := resource.get("text"), str):
        return TextPart(_below_uri(resource, text))
    blob = resource.get("blob")
    if not isinstance(blob, str):
        raise MediaError("a resource block needs text or blob in its resource, and has none", *at)
    source_dict = SourceDict({"base64": blob, "mimeType": resource.get("mimeType")})
    part = read_bytes(InlineBase64(blob), source_dict, block, at, defaults)
    return TextPart(_below_uri(resource, part.text)) if isinstance(part, TextPart) else part


def read_resource_link(block: Block, at: BlockPosition, defaults: MediaDefaults) -> Part:
    """Read a link: media as media if MiMo can fetch them, anything else as name, URI and type.

    Raises:
        MiMoInputError: It has no URI.
    """
    uri = string_or_empty(block.get("uri"))
    if not uri:
        raise MiMoInputError("a resource_link block needs a uri", *at)
    stated = string_or_empty(block.get("mimeType")) or string_or_empty(block.get("mime_type"))
    kind = stated.partition("/")[0].lower()
    if kind in _MEDIA and uri.lower().startswith(("http://", "https://")):
        return media_part(kind, SourceDict({"url": uri, "mime_type": stated}), block, at, defaults)
    keys = ("title", "name", "description")
    named = filter(None, (string_or_empty(block.get(key)) for key in keys))
    details = [*dict.fromkeys(named), uri, *([stated] if stated else [])]
    return TextPart(join_surrogates(f"[Link: {', '.join(details)}]"))


def uri_of_blob(block: object) -> TextPart | None:
    """Return the text that names a resource whose blob is sent as media, else None."""
    if not isinstance(block, Mapping) or block.get("type") != "resource":
        return None
    resource = block.get("resource")
    uri = string_or_empty(resource.get("uri")) if isinstance(resource, Mapping) else ""
    return TextPart(join_surrogates(f"[Resource: {uri}]")) if uri else None


def _below_uri(resource: Block, text: str) -> str:
    uri = string_or_empty(resource.get("uri"))
    return join_surrogates(f"{uri}\n{text}" if uri else text)
