"""MiMo's two API formats, and the one place that chooses between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal, Protocol, TypeAlias

from langchain_core.messages import AIMessage

from langchain_mimo._wire.anthropic import request as anthropic_request
from langchain_mimo._wire.anthropic import response as anthropic_response
from langchain_mimo._wire.anthropic import stream as anthropic_stream
from langchain_mimo._wire.bound_tools import BoundTools
from langchain_mimo._wire.dialects import Dialect
from langchain_mimo._wire.endpoints import HAS_RESPONSE_FORMAT, ApiFormatName, Endpoints
from langchain_mimo._wire.openai import request as openai_request
from langchain_mimo._wire.openai import response as openai_response
from langchain_mimo._wire.openai import stream as openai_stream
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.to_langchain.tool_xml import XMLTools
from langchain_mimo._wire.turns import Turn

Enforced: TypeAlias = Literal["json_schema", "json_object", "nothing"]
"""The strictest `response_format` that a server enforces."""


class DecodeResponse(Protocol):
    """Decodes the body of a whole response into a message."""

    def __call__(
        self,
        body: object,
        *,
        reasoning_as_content: bool = False,
        xml_tools: XMLTools = None,
        tools: BoundTools | None = None,
    ) -> AIMessage:
        """Decode a body; see `openai.response.decode_response`."""


@dataclass(frozen=True, slots=True)
class ApiFormat:
    """What a call needs to know about a format.

    Attributes:
        name: The value of `ChatMiMo(api_format=…)`.
        encode_request: Builds the body of a request.
        decode_response: Decodes the body of a whole response into a message.
        stream_decoder: Decodes one streamed response.
        address: Chooses the endpoint.
        headers: Headers of the format; the user's own headers override them.
    """

    name: ApiFormatName
    encode_request: Callable[[Sequence[Turn], RequestOptions, Dialect], dict[str, Any]]
    decode_response: DecodeResponse
    stream_decoder: type[openai_stream.StreamDecoder]
    address: Callable[[Endpoints], str]
    headers: Mapping[str, str] = field(default_factory=dict)

    def enforced(self, dialect: Dialect) -> Enforced:
        """Return the strictest `response_format` that a server of this dialect enforces."""
        if not HAS_RESPONSE_FORMAT[self.name]:
            return "nothing"
        return "json_schema" if dialect.enforces_schema else "json_object"


API_FORMATS: dict[ApiFormatName, ApiFormat] = {
    "openai": ApiFormat(
        "openai",
        encode_request=openai_request.encode_request,
        decode_response=openai_response.decode_response,
        stream_decoder=openai_stream.StreamDecoder,
        address=attrgetter("chat_completions"),
    ),
    "anthropic": ApiFormat(
        "anthropic",
        encode_request=anthropic_request.encode_request,
        decode_response=anthropic_response.decode_response,
        stream_decoder=anthropic_stream.StreamDecoder,
        address=attrgetter("anthropic_messages"),
        # MiMo's samples omit it; Anthropic's SDK always sends it, and gateways may require it.
        headers={"anthropic-version": "2023-06-01"},
    ),
}
"""The formats by the value of `ChatMiMo(api_format=…)`."""
