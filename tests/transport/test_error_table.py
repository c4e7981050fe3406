"""The error table: status, code and param determine class, hint and `is_retryable`."""

import pytest
from api_requests import error_body, gateway_body

from langchain_mimo._transport.error_hints import WEB_SEARCH_CONSOLE, ErrorContext
from langchain_mimo._transport.error_responses import error_from_response
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoAuthenticationError,
    MiMoBalanceError,
    MiMoContentFilterError,
    MiMoContextOverflowError,
    MiMoInvalidRequestError,
    MiMoMediaRejectedError,
    MiMoNotFoundError,
    MiMoPermissionError,
    MiMoQuotaError,
    MiMoRateLimitError,
    MiMoRiskControlError,
    MiMoServerError,
)

HOST = "api.xiaomimimo.com"
CONTEXT = ErrorContext(HOST, "sk-", "mimo-v2.6-pro", ("sk-canary-canary",))
RISK_CONTROL_ZH = "检测到您有高频的违规请求，请自觉遵守平台使用协议。"


PYDANTIC = error_body(
    400,
    "[{'type': 'literal_error', 'loc': ('body', 'reasoning_effort'), 'msg': \"Input should be "
    "'low', 'medium' or 'high'\", 'input': 'max'}]",
    kind="Bad Request",
)

# status, body, class, is_retryable, what str() must contain
TABLE = {
    "401": (
        401,
        error_body(401, "Invalid API Key", "Please provide valid API Key", "invalid_key"),
        MiMoAuthenticationError,
        False,
        ["401", "Invalid API Key", "Please provide valid API Key", "invalid_key", HOST, "sk-"],
    ),
    "401 on several lines": (
        401,
        gateway_body(
            message="Invalid API Key",
            param="Please provide valid API Key",
            code="401",
            type="invalid_key",
        ),
        MiMoAuthenticationError,
        False,
        ["Invalid API Key", "Please provide valid API Key", "invalid_key"],
    ),
    "an object on several lines behind data:": (
        400,
        b"data:" + gateway_body(code="400", message="Param Incorrect", param="`name` is not set"),
        MiMoInvalidRequestError,
        False,
        ["400 Param Incorrect; param: `name` is not set"],
    ),
    "unknown model, two keys": (
        400,
        gateway_body(code="400", message="Unsupported model mimo-v2.6-pro"),
        MiMoNotFoundError,
        False,
        ["400 Unsupported model mimo-v2.6-pro"],
    ),
    "unknown model, until July 2026": (
        400,
        error_body(400, "Param Incorrect", "Not supported model mimo-v2.6-pro"),
        MiMoNotFoundError,
        False,
        ["Not supported model mimo-v2.6-pro"],
    ),
    "broken JSON": (
        400,
        gateway_body(code="400", message="Invalid JSON in request body"),
        MiMoInvalidRequestError,
        False,
        ["before the key", "proxies"],
    ),
    "bad request without a cause": (
        400,
        b"data:" + error_body(400, "Invalid request parameters", kind="Bad Request"),
        MiMoInvalidRequestError,
        False,
        ["does not say which parameter", "response_format"],
    ),
    "400 with the cause in param": (
        400,
        error_body(400, "Param Incorrect", "`text` is not set"),
        MiMoInvalidRequestError,
        False,
        ["400", "Param Incorrect", "`text` is not set", "lacks the text"],
    ),
    "400 framed as an event": (
        400,
        b"data:" + error_body(400, "Param Incorrect", "messages must not be empty") + b"\n\n",
        MiMoInvalidRequestError,
        False,
        ["messages must not be empty"],
    ),
    "pass-back": (
        400,
        b"data: "
        + error_body(
            400,
            "Param Incorrect",
            "The reasoning_content in the thinking mode must be passed back to the API.",
        ),
        MiMoInvalidRequestError,
        False,
        ["passed back", "additional_kwargs['reasoning_content']"],
    ),
    "pydantic form": (
        400,
        PYDANTIC,
        MiMoInvalidRequestError,
        False,
        ["400 reasoning_effort: Input"],
    ),
    "outage reported as 400": (
        400,
        error_body(400, "finishConnect(..) failed: Connection refused: s-x.xiaomi.srv/10.1.2.3:80"),
        MiMoServerError,
        True,
        ["internal outage"],
    ),
    "402": (
        402,
        error_body(402, "Insufficient account balance", kind="insufficient_balance"),
        MiMoBalanceError,
        False,
        ["Insufficient account balance", "Top up"],
    ),
    "402 in bursts": (
        402,
        error_body(402, "Upstream request failed: Insufficient account funds"),
        MiMoBalanceError,
        False,
        ["retry_upstream_funds"],
    ),
    "403": (
        403,
        error_body(403, "Illegal access", kind="illegal_access"),
        MiMoPermissionError,
        False,
        ["region"],
    ),
    "404 for media": (
        404,
        error_body(404, "No endpoints found that support image input"),
        MiMoNotFoundError,
        False,
        ["mimo-v2.6-pro does not accept this kind of media"],
    ),
    "421": (
        421,
        error_body(421, "Moderation Block", "considered high risk", "content_filter"),
        MiMoContentFilterError,
        False,
        ["high risk"],
    ),
    "421 inside a 400": (
        400,
        b"data:" + error_body(421, "Moderation Block", "considered high risk", "content_filter"),
        MiMoContentFilterError,
        False,
        ["400 (code 421)", "moderation", "system message"],
    ),
    "441 inside a 400": (
        400,
        b"data:" + gateway_body(code="441", message=RISK_CONTROL_ZH, type="risk_control"),
        MiMoRiskControlError,
        False,
        ["400 (code 441)", RISK_CONTROL_ZH.rstrip("。"), "Stop sending requests", "appeal"],
    ),
    "441 without a type": (
        400,
        error_body(441, "x"),
        MiMoRiskControlError,
        False,
        ["risk control"],
    ),
    "risk control without its code": (
        400,
        error_body(400, "Detected high-frequency non-compliant requests from you. Please stop."),
        MiMoRiskControlError,
        False,
        ["risk control"],
    ),
    "risk control as a 503 of a gateway": (
        503,
        error_body(503, "bad upstream", kind="risk_control"),
        MiMoRiskControlError,
        False,
        ["risk control"],
    ),
    "429": (
        429,
        error_body(429, "Too many requests", kind="limitation"),
        MiMoRateLimitError,
        True,
        [],
    ),
    "429 quota": (
        429,
        error_body(429, "quota exhausted", kind="limitation"),
        MiMoQuotaError,
        False,
        ["quota exhausted"],
    ),
    "corrupted media": (
        400,
        error_body(400, "Param Incorrect", "Multimodal data is corrupted"),
        MiMoMediaRejectedError,
        False,
        ["prepare_video", "at times"],
    ),
    "image format": (
        400,
        error_body(400, "Param Incorrect", "invalid image format, only bmp/gif/png/jpeg/webp"),
        MiMoMediaRejectedError,
        False,
        ["prepare_image"],
    ),
    "web search switched off": (
        400,
        error_body(
            400,
            "Param Incorrect",
            "web search tool found in the request body, but webSearchEnabled is false",
        ),
        MiMoInvalidRequestError,
        False,
        [WEB_SEARCH_CONSOLE, "remove the tool web_search"],
    ),
    "web search switched off, in other words": (
        400,
        error_body(400, "Param Incorrect", "web search plugin is not enabled"),
        MiMoInvalidRequestError,
        False,
        [WEB_SEARCH_CONSOLE],
    ),
    "too large an output limit is not a context overflow": (
        400,
        error_body(
            400,
            "Param Incorrect",
            "max_completion_tokens is too large: 999999999. This model supports at most 131072 "
            "completion tokens, whereas you provided 999999999.",
        ),
        MiMoInvalidRequestError,
        False,
        ["max_completion_tokens to a number from 1 to 131,072"],
    ),
    "too small an output limit": (
        400,
        error_body(
            400,
            "Param Incorrect",
            "max_completion_tokens is too small: 0. This model supports at least 1 completion "
            "tokens, whereas you provided 0.",
        ),
        MiMoInvalidRequestError,
        False,
        ["max_completion_tokens to a number from 1 to 131,072"],
    ),
    "speech model": (
        400,
        error_body(400, "Param Incorrect", "messages must contain an assistant role for TTS model"),
        MiMoInvalidRequestError,
        False,
        ["does not chat", "mimo-v2.6-flash"],
    ),
    "speech model with a system message": (
        400,
        error_body(400, "Param Incorrect", "system role is not allowed for TTS model"),
        MiMoInvalidRequestError,
        False,
        ["does not chat"],
    ),
    "transcription model": (
        400,
        error_body(
            400,
            "Param Incorrect",
            "ASR request requires a user message with input_audio content",
        ),
        MiMoInvalidRequestError,
        False,
        ["does not chat"],
    ),
    "vLLM context overflow": (
        400,
        b'{"error":{"message":"This model\'s maximum context length is 4096 tokens","code":400}}',
        MiMoContextOverflowError,
        False,
        ["maximum context length"],
    ),
    "vLLM model": (
        404,
        b'{"error":{"message":"The model `x` does not exist.","param":"model","code":404}}',
        MiMoNotFoundError,
        False,
        ["param: model"],
    ),
    "vLLM 401, a string": (
        401,
        b'{"error":"Unauthorized"}',
        MiMoAuthenticationError,
        False,
        ["401 Unauthorized"],
    ),
    "FastAPI detail": (404, b'{"detail":"Not Found"}', MiMoNotFoundError, False, ["Not Found"]),
    "FastAPI validation": (
        422,
        b'{"detail":[{"loc":["body","x"],"msg":"field required"}]}',
        MiMoInvalidRequestError,
        False,
        ["422 x: field required"],
    ),
    "old vLLM form": (
        400,
        b'{"object":"error","message":"bad","type":"BadRequestError","code":400}',
        MiMoInvalidRequestError,
        False,
        ["400 bad"],
    ),
    "an object in a list": (
        400,
        b"[" + error_body(400, "Param Incorrect", "x") + b"]",
        MiMoInvalidRequestError,
        False,
        ["param: x"],
    ),
    "empty 502": (502, b"", MiMoServerError, True, ["an empty body"]),
    "bare 503": (503, b"upstream connect error", MiMoServerError, True, ["upstream connect"]),
    "HTML 504": (
        504,
        b"<!DOCTYPE html>\n<html><head><TITLE>504\nGateway</TITLE></head>" + b"x" * 5000,
        MiMoServerError,
        True,
        ["an HTML page titled '504 Gateway'"],
    ),
    "408": (408, b"", MiMoAPIError, True, []),
    "409": (409, b"", MiMoAPIError, True, []),
    "501": (501, b"", MiMoServerError, False, []),
    "405": (405, b'{"detail":"Method Not Allowed"}', MiMoAPIError, False, ["Not Allowed"]),
    "418 of null": (418, b"null", MiMoAPIError, False, []),
    "error null": (400, b'{"error":null}', MiMoInvalidRequestError, False, ["no message"]),
    "not UTF-8": (400, b"\xff\xfe\x00", MiMoInvalidRequestError, False, []),
}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_table(row):
    status, body, cls, is_retryable, pieces = row
    error = error_from_response(status, {"x-request-id": "r-17"}, body, CONTEXT)
    assert type(error) is cls
    assert error.is_retryable is is_retryable
    assert error.status_code == status
    assert error.request_id == "r-17"
    text = str(error)
    assert text.startswith(str(status))
    assert "r-17" in text
    assert "\n" not in text
    for piece in pieces:
        assert piece in text
    assert len(text.encode()) <= 2048
