"""The error responses for requests that MiMo refuses: statuses and bodies as seen from MiMo.

The order of the keys in a body is part of what was seen, so the dictionaries below are written out.
Source: docs/api-facts.md. Where no response of MiMo is known, the structure is MiMo's and the text
is ours; docs/emulator-specification.md marks these cases.

There are four families: the wrong key; two keys, for a body that is not JSON and for an unsupported
model; the explanation in `param`; and "Bad Request". MiMo's gateway sends the first two, before the
API sees the request, so it prints them on several lines and knows nothing of streams.
"""

from __future__ import annotations

import json
from typing import Any

import orjson


class Refusal(Exception):  # noqa: N818 - a refusal is a response, not an error of this program
    """An HTTP error response in place of a completion.

    Attributes:
        status: HTTP status.
        error: The value of the key `error`, with its keys in MiMo's order.
        by_gateway: Whether MiMo's gateway sends it.
    """

    def __init__(self, status: int, error: dict[str, Any], *, by_gateway: bool = False) -> None:
        super().__init__(f"{status} {error.get('param') or error.get('message')}")
        self.status = status
        self.error = error
        self.by_gateway = by_gateway

    def body(self, *, streaming: bool) -> bytes:
        """Return the encoded body.

        Args:
            streaming: Whether the request set `stream: true`; MiMo's API then puts `data:` in front
                of the body, without a space, and its gateway does not.
        """
        if self.by_gateway:
            return f"{json.dumps({'error': self.error}, ensure_ascii=False, indent=4)}\n".encode()
        encoded = orjson.dumps({"error": self.error})
        return b"data:" + encoded if streaming else encoded


def invalid_key() -> Refusal:
    """401 for a missing or wrong API key."""
    return Refusal(
        401,
        {
            "message": "Invalid API Key",
            "param": "Please provide valid API Key",
            "code": "401",
            "type": "invalid_key",
        },
        by_gateway=True,
    )


def invalid_json() -> Refusal:
    """400 for a body that is not JSON."""
    error = {"code": "400", "message": "Invalid JSON in request body"}
    return Refusal(400, error, by_gateway=True)


def unsupported_model(name: str) -> Refusal:
    """400 for a model that does not exist or is retired."""
    error = {"code": "400", "message": f"Unsupported model {name}"}
    return Refusal(400, error, by_gateway=True)


def no_such_resource() -> Refusal:
    """400 for `GET /v1/models/<id>`, which MiMo does not have."""
    return Refusal(
        400, {"code": "400", "message": "Invalid request", "param": "404 NOT_FOUND", "type": ""}
    )


def param_incorrect(param: str) -> Refusal:
    """400 in the form of MiMo's gateway, which puts the explanation into `param`."""
    return Refusal(400, {"code": "400", "message": "Param Incorrect", "param": param, "type": ""})


def invalid_request() -> Refusal:
    """400 without any detail: a bad `response_format`, or a content part of another API."""
    return Refusal(
        400,
        {
            "code": "400",
            "message": "Invalid request parameters",
            "param": "",
            "type": "Bad Request",
        },
    )


def invalid_field(
    kind: str,
    location: tuple[str | int, ...],
    message: str,
    value: object,
    context: dict[str, Any] | None = None,
) -> Refusal:
    """400 with Pydantic's error list, as Python prints it, in `message`.

    Args:
        kind: Pydantic's error type, such as `literal_error` or `less_than_equal`.
        location: Path of the field below the body, such as `("temperature",)`.
        message: Pydantic's message.
        value: The value that was sent.
        context: Pydantic's `ctx`, if the error type has one.
    """
    detail: dict[str, Any] = {
        "type": kind,
        "loc": ("body", *location),
        "msg": message,
        "input": value,
    }
    if context is not None:
        detail["ctx"] = context
    return Refusal(
        400, {"code": "400", "message": repr([detail]), "param": "", "type": "Bad Request"}
    )


def extra_field(location: tuple[str | int, ...], value: object) -> Refusal:
    """400 for a key that MiMo does not document."""
    return invalid_field("extra_forbidden", location, "Extra inputs are not permitted", value)


def not_set(name: str) -> Refusal:
    """400 for a missing required field."""
    return param_incorrect(f"`{name}` is not set")


def no_endpoint_for(kind: str) -> Refusal:
    """404 for media sent to a text model; seen for images, and used for the other kinds too."""
    return Refusal(
        404,
        {
            "code": "404",
            "message": f"No endpoints found that support {kind} input",
            "param": "",
            "type": "",
        },
    )


def prompt_too_long(tokens: int, at_most: int) -> Refusal:
    """400 for a prompt that exceeds the model's context length; the text is ours."""
    return param_incorrect(
        f"The prompt has {tokens} tokens, but this model's context length is {at_most} tokens."
    )


def http_error(status: int, message: str) -> Refusal:
    """An error of the HTTP layer, such as 404 for an unknown path or 413 for a large body."""
    return Refusal(status, {"code": str(status), "message": message, "param": "", "type": ""})


NOT_FOUND_PAGE = (
    b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n"
    b"<center><h1>404 Not Found</h1></center>\r\n<hr><center>openresty</center>\r\n"
    b"</body>\r\n</html>\r\n"
)
"""The body of a 404 for an unknown path, sent by the gateway's web server."""

TEXT_MISSING = "text is not present"
MESSAGES_EMPTY = "messages must not be empty"
SEARCH_OFF = "web search tool found in the request body, but webSearchEnabled is false"
TTS_SYSTEM = "system role is not allowed for TTS model"
TTS_NO_TEXT = "messages must contain an assistant role for TTS model"
ASR_NO_AUDIO = "ASR request requires a user message with input_audio content"
FILE_PART = "file type is not supported"
# Speech is the emulator's own limit: MiMo would answer.
NO_SPEECH = "The emulator does not synthesize or transcribe speech."
REASONING_MISSING = "The reasoning_content in the thinking mode must be passed back to the API."
MEDIA_DAMAGED = "Multimodal data is corrupted or cannot be processed."
IMAGE_FORMAT = "invalid image format, only bmp/gif/png/jpeg/webp are supported"
# MiMo's text is known for images only; the other two follow its wording.
AUDIO_FORMAT = "invalid audio format, only mp3/wav/flac/m4a/ogg are supported"
VIDEO_FORMAT = "invalid video format, only mp4/mov/avi/wmv are supported"
