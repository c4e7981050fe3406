"""Responses, streams and errors of vLLM and SGLang.

They are modelled on those measured with vLLM 0.32 and on SGLang's documentation
(docs/api-facts.md).
"""

import json

import pytest
from langchain_core.messages import message_chunk_to_message

from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.error_responses import (
    error_from_event,
    error_from_response,
)
from langchain_mimo._wire.openai.response import decode_response
from langchain_mimo._wire.openai.stream import StreamDecoder
from langchain_mimo._wire.to_langchain import content_blocks as translator
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoAuthenticationError,
    MiMoContextOverflowError,
    MiMoInvalidRequestError,
    MiMoNotFoundError,
    MiMoServerError,
)

translator.register()

MODEL = "XiaomiMiMo/MiMo-V2.6-Flash"
FUNCTION = {"name": "weather", "arguments": '{"city": "Wuhan"}'}
CALL = {"id": "chatcmpl-tool-1", "type": "function", "function": FUNCTION}


def response(finish_reason, message, usage=None):
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1790008551,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "refusal": None, "annotations": None} | message,
                "logprobs": None,
                "finish_reason": finish_reason,
                "stop_reason": None,
            }
        ],
        "usage": usage,
        "prompt_logprobs": None,
        "kv_transfer_params": None,
    }


def decoded(**body):
    return decode_response(response(**body))


@pytest.mark.parametrize(
    ("message", "content", "reasoning"),
    [
        # vLLM 0.32: `reasoning`, and no key `tool_calls` when there are none.
        ({"content": "Hi.", "reasoning": "Hm."}, "Hi.", "Hm."),
        # SGLang, and vLLM before 0.11.2.
        ({"content": "Hi.", "reasoning_content": "Hm.", "tool_calls": None}, "Hi.", "Hm."),
        # vLLM's alias of both names.
        ({"content": "Hi.", "reasoning": "Hm.", "reasoning_content": "Hm."}, "Hi.", "Hm."),
        # Thinking off, and reasoning that used up the budget.
        ({"content": "Hi.", "reasoning": None}, "Hi.", None),
        ({"content": None, "reasoning": "Hm."}, "", "Hm."),
        # OpenRouter.
        (
            {"content": "Hi.", "reasoning": "Hm.", "reasoning_details": [{"type": "x"}]},
            "Hi.",
            "Hm.",
        ),
    ],
)
def test_text_and_reasoning(message, content, reasoning):
    read = decoded(finish_reason="stop", message=message)
    assert read.content == content
    assert read.additional_kwargs.get("reasoning_content") == reasoning
    assert read.tool_calls == read.invalid_tool_calls == []


@pytest.mark.parametrize(
    ("finish_reason", "content"),
    [
        ("tool_calls", None),  # tool_choice auto
        ("tool_calls", ""),  # required
        ("stop", ""),  # named: vLLM reports stop despite the call
    ],
)
def test_calls(finish_reason, content):
    message = {"content": content, "reasoning": "Hm.", "tool_calls": [CALL]}
    read = decoded(finish_reason=finish_reason, message=message)
    assert read.content == ""
    assert [call["args"] for call in read.tool_calls] == [{"city": "Wuhan"}]
    assert read.response_metadata["finish_reason"] == finish_reason


def test_a_forced_call_cut_by_length():
    cut = CALL | {"function": {"name": "weather", "arguments": '{"city": "Wu'}}
    read = decoded(finish_reason="length", message={"content": "", "tool_calls": [cut]})
    assert read.tool_calls == []
    assert read.invalid_tool_calls[0]["id"] == "chatcmpl-tool-1"


def test_an_automatic_call_cut_by_length_looks_like_one_without_arguments():
    """vLLM closes the JSON and reports "tool_calls"; a stream shows the fragment, see below."""
    closed = CALL | {"function": FUNCTION | {"arguments": "{}"}}
    read = decoded(finish_reason="tool_calls", message={"content": None, "tool_calls": [closed]})
    assert [call["args"] for call in read.tool_calls] == [{}]


COUNTS = {"prompt_tokens": 300, "completion_tokens": 9, "total_tokens": 309}


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"prompt_tokens_details": None}, {}),
        ({"prompt_tokens_details": {}}, {}),
        (
            {
                "prompt_tokens_details": {
                    "cached_tokens": 64,
                    "created_cache_tokens": 0,
                    "multimodal_tokens": None,
                }
            },
            {"cache_read": 64, "cache_creation": 0},
        ),
        (
            {
                "prompt_tokens_details": {
                    "cached_tokens": 0,
                    "multimodal_tokens": {"image": 256, "audio": 25},
                }
            },
            {"cache_read": 0, "image": 256, "audio": 25},
        ),
        # SGLang.
        (
            {"prompt_tokens_details": {"cached_tokens": 64}, "reasoning_tokens": 3},
            {"cache_read": 64},
        ),
    ],
)
def test_usage(details, expected):
    message = {"content": "Hi."}
    usage = COUNTS | details | {"completion_tokens_details": {"reasoning_tokens": 4}}
    read = decoded(finish_reason="stop", message=message, usage=usage).usage_metadata
    assert read["input_tokens"] == 300
    assert read.get("input_token_details", {}) == expected
    assert read["output_token_details"] == {"reasoning": 4}


# --- Streams -----------------------------------------------------------------------------------


def event(finish_reason=None, usage=..., **delta):
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1790008551,
        "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
    }
    return chunk if usage is ... else chunk | {"usage": usage}


def last_usage(usage):
    return event(usage=usage) | {"choices": []}


def fragment(index=0, *, call_id=None, name=None, arguments=None):
    call = {"index": index}
    if call_id is not None:
        call |= {"id": call_id, "type": "function"}
    function = {"name": name} if name is not None else {}
    if arguments is not None:
        function["arguments"] = arguments
    return [call | {"function": function}]


# The first delta of a call has no `arguments`, later ones only index and arguments.
CALL_EVENTS = [
    event(tool_calls=fragment(call_id="chatcmpl-tool-1", name="weather")),
    event(tool_calls=fragment(arguments='{"city": ')),
    event(tool_calls=fragment(arguments='"Wuhan"}')),
]

STREAMS = {
    "vllm: reasoning and text": (
        [
            event(role="assistant", content=""),
            event(reasoning="H"),
            event(reasoning="m."),
            event(content="Hi."),
            event(finish_reason="stop"),
            last_usage(COUNTS),
        ],
        response("stop", {"content": "Hi.", "reasoning": "Hm."}, COUNTS),
    ),
    "vllm: no usage": (
        [event(role="assistant", content=""), event(content="Hi."), event(finish_reason="stop")],
        response("stop", {"content": "Hi."}),
    ),
    "vllm: usage that grows": (
        [
            event(role="assistant", content="", usage=COUNTS | {"completion_tokens": 0}),
            event(content="Hi.", usage=COUNTS | {"completion_tokens": 1}),
            event(finish_reason="stop", usage=COUNTS | {"completion_tokens": 9}),
            last_usage(COUNTS),
        ],
        response("stop", {"content": "Hi."}, COUNTS),
    ),
    "vllm: a call": (
        [
            event(role="assistant", content=""),
            event(reasoning="Hm."),
            *CALL_EVENTS,
            event(finish_reason="tool_calls"),
            last_usage(COUNTS),
        ],
        response("tool_calls", {"content": None, "reasoning": "Hm.", "tool_calls": [CALL]}, COUNTS),
    ),
    "vllm: a named call": (
        [event(role="assistant", content=""), *CALL_EVENTS, event(finish_reason="stop")],
        response("stop", {"content": "", "tool_calls": [CALL]}),
    ),
    "vllm: a call cut by length": (
        [event(role="assistant", content=""), *CALL_EVENTS[:2], event(finish_reason="length")],
        response(
            "length",
            {
                "content": "",
                "tool_calls": [CALL | {"function": FUNCTION | {"arguments": '{"city": '}}],
            },
        ),
    ),
    "sglang": (
        [
            event(role="assistant", content="", reasoning_content=None, tool_calls=None),
            event(role=None, content=None, reasoning_content="Hm.", tool_calls=None),
            event(role=None, content="Hi.", reasoning_content=None, tool_calls=None),
            event(finish_reason="stop", role=None, content=None, reasoning_content=None),
            last_usage(COUNTS | {"prompt_tokens_details": None}),
        ],
        response("stop", {"content": "Hi.", "reasoning_content": "Hm."}, COUNTS),
    ),
}


def streamed_message(events):
    decoder = StreamDecoder()
    chunks = [chunk for each in events if (chunk := decoder.feed(each)) is not None]
    first, *rest = chunks + decoder.finish()
    return message_chunk_to_message(first.__add__(rest) if rest else first)


def test_a_stream_shows_the_fragment_of_a_call_cut_by_length():
    events = [
        event(role="assistant", content=""),
        *CALL_EVENTS[:2],
        event(finish_reason="tool_calls"),
    ]
    read = streamed_message(events)
    assert read.tool_calls == []
    assert json.loads(read.invalid_tool_calls[0]["args"]) == '{"city": '


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_adds_up_to_the_whole_response(name):
    events, body = STREAMS[name]
    assert streamed_message(events) == decode_response(body)


# --- Errors ------------------------------------------------------------------------------------


def error_body(message, code, kind="BadRequestError", param=None):
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


ERRORS = {
    "a bad part": (400, error_body("Unknown part type: file", 400), MiMoInvalidRequestError, False),
    "no such model": (
        404,
        error_body("The model `x` does not exist.", 404, "NotFoundError", "model"),
        MiMoNotFoundError,
        False,
    ),
    "no such path": (404, {"detail": "Not Found"}, MiMoNotFoundError, False),
    "no such method": (405, {"detail": "Method Not Allowed"}, MiMoAPIError, False),
    "no key": (401, {"error": "Unauthorized"}, MiMoAuthenticationError, False),
    "too long": (
        400,
        error_body(
            "This model's maximum context length is 4096 tokens.", 400, param="input_tokens"
        ),
        MiMoContextOverflowError,
        False,
    ),
    "media whose host answers 4xx": (
        422,
        error_body("404, message='Not Found', url='https://a.example/x.png'", 422),
        MiMoInvalidRequestError,
        False,
    ),
    "media whose host cannot be reached": (
        500,
        error_body("Cannot connect to host a.example:443", 500, "InternalServerError"),
        MiMoServerError,
        True,
    ),
    "a data URL without base64": (
        501,
        error_body("Only base64 data URLs are supported for now.", 501, "NotImplementedError"),
        MiMoServerError,
        False,
    ),
    "sglang": (
        400,
        {"object": "error", "message": "bad", "type": "BadRequest", "param": None, "code": 400},
        MiMoInvalidRequestError,
        False,
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_bodies(name):
    status, body, error, retryable = ERRORS[name]
    context = ErrorContext("127.0.0.1", "", MODEL)
    raised = error_from_response(status, {}, json.dumps(body).encode(), context)
    assert type(raised) is error
    assert raised.status_code == status
    assert raised.is_retryable is retryable
    inner = body.get("error", body)
    text = inner if isinstance(inner, str) else inner.get("message", inner.get("detail"))
    assert raised.message == text
    assert text.removesuffix(".") in str(raised)  # the parts of an error are joined


def test_an_error_inside_a_stream():
    raised = error_from_event(error_body("boom", 500), {}, ErrorContext("127.0.0.1", "", MODEL))
    assert (type(raised), raised.status_code) == (MiMoServerError, 500)
