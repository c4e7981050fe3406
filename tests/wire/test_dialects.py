"""MiMo's open weights on vLLM and SGLang: requests, responses, streams and errors.

The responses are modelled on those measured with vLLM 0.32 and on SGLang's documentation
(docs/api-facts.md).
"""

import json

import pytest
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
)

from langchain_mimo._chat.requests import build_request
from langchain_mimo._media.references import DeferredMedia
from langchain_mimo._transport.error_responses import (
    ErrorContext,
    error_from_event,
    error_from_response,
)
from langchain_mimo._wire.dialects import DIALECTS, dialect_of
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.openai.request import encode_request
from langchain_mimo._wire.openai.response import decode_response
from langchain_mimo._wire.openai.stream import StreamDecoder
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.to_langchain import content_blocks as translator
from langchain_mimo._wire.tool_definitions import wire_tools
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import (
    MiMoAPIError,
    MiMoAuthenticationError,
    MiMoConfigurationError,
    MiMoContextOverflowError,
    MiMoInputError,
    MiMoInvalidRequestError,
    MiMoNotFoundError,
    MiMoServerError,
)

translator.register()

MODEL = "XiaomiMiMo/MiMo-V2.6-Flash"
URL = "https://example.org/a"
SELF_HOSTED = ["vllm", "sglang"]


def request(*messages, dialect="mimo", **options):
    dialect = DIALECTS[dialect] if isinstance(dialect, str) else dialect
    turns = clean_history(list(messages or [HumanMessage("Hi.")]), HistoryOptions(MODEL)).turns
    options = RequestOptions(MODEL, options.pop("parameters", {}), **options)
    return encode_request(turns, options, dialect)


def parts(*blocks, dialect):
    return request(HumanMessage(list(blocks)), dialect=dialect)["messages"][0]["content"]


# --- Requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("thinking", [True, False])
@pytest.mark.parametrize("server", SELF_HOSTED)
def test_thinking_is_switched_in_the_template(server, thinking):
    tree = request(dialect=server, thinking=thinking)
    assert tree["chat_template_kwargs"] == {"enable_thinking": thinking, "thinking": thinking}
    assert "thinking" not in tree
    assert "chat_template_kwargs" not in request(dialect=server)


@pytest.mark.parametrize(
    ("server", "name"),
    [("mimo", "reasoning_content"), ("vllm", "reasoning"), ("sglang", "reasoning_content")],
)
def test_reasoning_is_sent_back_under_the_servers_key(server, name):
    call = {"name": "look", "args": {}, "id": "call_1"}
    message = AIMessage("", tool_calls=[call], additional_kwargs={"reasoning_content": "Hm."})
    result = ToolMessage("seen", tool_call_id="call_1")
    sent = request(HumanMessage("Go."), message, result, dialect=server)["messages"][1]
    assert sent.pop(name) == "Hm."
    assert sorted(sent) == ["content", "role", "tool_calls"]
    assert sent["content"] == ""


@pytest.mark.parametrize(
    ("dialect", "by_url", "by_base64", "data_url"),
    [
        (
            DIALECTS["mimo"],
            {"type": "input_audio", "input_audio": {"data": URL}},
            ("input_audio", "data"),
            True,
        ),
        (
            DIALECTS["vllm"],
            {"type": "audio_url", "audio_url": {"url": URL}},
            ("audio_url", "url"),
            True,
        ),
        (
            DIALECTS["sglang"],
            {"type": "audio_url", "audio_url": {"url": URL}},
            ("audio_url", "url"),
            True,
        ),
        (
            dialect_of("vllm", {"audio_part": "input_audio_base64"}),
            {"type": "audio_url", "audio_url": {"url": URL}},
            ("input_audio", "data"),
            False,
        ),
    ],
)
def test_audio(dialect, by_url, by_base64, data_url):
    assert parts({"type": "audio", "url": URL}, dialect=dialect) == [by_url]
    kind, key = by_base64
    block = {"type": "audio", "base64": "AAAA", "mime_type": "audio/flac"}
    (part,) = parts(block, dialect=dialect)
    assert part["type"] == kind
    assert isinstance(part[kind][key], DeferredMedia)
    assert part[kind][key].data_url is data_url
    assert len(part[kind]) == 1


@pytest.mark.parametrize(
    ("mime_type", "name"),
    [("audio/wav", "wav"), ("audio/x-wav", "wav"), ("audio/mpeg", "mp3"), ("audio/ogg", None)],
)
def test_the_format_key_of_bare_base64(mime_type, name):
    dialect = dialect_of("vllm", {"audio_part": "input_audio_base64"})
    (part,) = parts({"type": "audio", "base64": "AAAA", "mime_type": mime_type}, dialect=dialect)
    assert part["input_audio"].get("format") == name


VIDEO = {"type": "video", "url": URL, "fps": 1, "media_resolution": "max"}
BARE_VIDEO = {"type": "video_url", "video_url": {"url": URL}}


@pytest.mark.parametrize(
    ("server", "part"),
    [
        ("mimo", BARE_VIDEO | {"fps": 1, "media_resolution": "max"}),
        ("sglang", BARE_VIDEO | {"fps": 1, "media_resolution": "max"}),
    ],
)
def test_frame_rates_stand_beside_the_video(server, part):
    tree = request(HumanMessage([VIDEO]), dialect=server)
    assert tree["messages"][0]["content"] == [part]
    assert "media_io_kwargs" not in tree


def test_vllm_gets_frame_rates_only_if_it_trusts_requests():
    with (
        pytest.warns(UserWarning, match="--trust-request-mm-kwargs"),
        pytest.warns(UserWarning, match="media_resolution"),
    ):
        tree = request(HumanMessage([VIDEO]), dialect="vllm")
    assert tree["messages"][0]["content"] == [BARE_VIDEO]
    assert "media_io_kwargs" not in tree

    trusting = dialect_of("vllm", {"trusts_media_io": True})
    tree = request(HumanMessage([VIDEO, {"type": "video", "url": URL}]), dialect=trusting)
    assert tree["messages"][0]["content"] == [BARE_VIDEO, BARE_VIDEO]
    assert tree["media_io_kwargs"] == {"video": {"fps": 1, "num_frames": -1}}
    assert "media_io_kwargs" not in request(
        HumanMessage([{"type": "video", "url": URL}]), dialect=trusting
    )


def test_vllm_has_one_frame_rate_for_all_videos():
    trusting = dialect_of("vllm", {"trusts_media_io": True})
    with pytest.raises(MiMoInputError, match=r"messages\[0\], block 1.*1 and 2"):
        request(HumanMessage([VIDEO, VIDEO | {"fps": 2}]), dialect=trusting)


@pytest.mark.parametrize("server", SELF_HOSTED)
def test_web_search_runs_in_mimos_cloud_only(server):
    tools = wire_tools([{"type": "web_search"}])
    assert request(tools=tools)["tools"] == tools
    with pytest.raises(MiMoInputError, match="cloud"):
        request(tools=tools, dialect=server)


@pytest.mark.parametrize("server", DIALECTS)
def test_a_complete_body(server):
    tree = request(
        SystemMessage("S"),
        HumanMessage("Hi."),
        dialect=server,
        stream=True,
        parameters={"max_completion_tokens": 9, "temperature": None},
    )
    assert tree == {
        "model": MODEL,
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi."}],
        "max_completion_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
SCHEMA = {"title": "Weather", "type": "object", "properties": {"rain": {"type": "boolean"}}}
BY_SCHEMA = {"type": "json_schema", "json_schema": {"name": "Weather", "schema": SCHEMA}}


def body_and_forced_choice(server, **keywords):
    """The complete body of a call as ChatMiMo sends it, and the tool choice left to check."""
    llm = ChatMiMo(model=MODEL, base_url="http://127.0.0.1:8000/v1", server=server)
    request = build_request(llm, [HumanMessage("Hi.")], None, keywords, stream=False)
    return request.encode(), request.forced


@pytest.mark.parametrize(
    ("choice", "native"),
    [
        ("auto", None),
        ("none", "none"),
        ("any", "required"),
        ("weather", {"type": "function", "function": {"name": "weather"}}),
    ],
)
@pytest.mark.parametrize("server", DIALECTS)
def test_a_tool_choice_is_left_to_servers_that_enforce_it(server, choice, native):
    tree, forced = body_and_forced_choice(server, tools=[TOOL], tool_choice=choice)
    if server == "mimo":
        assert "tool_choice" not in tree
        assert ("tools" in tree) == (choice != "none")
        assert (forced is not None) == (choice in ("any", "weather"))
    else:
        assert tree.get("tool_choice") == native
        assert tree["tools"] == [TOOL]
        assert forced is None  # nothing is left to check


@pytest.mark.parametrize("server", DIALECTS)
def test_a_schema_is_left_to_servers_that_enforce_it(server):
    tree, _ = body_and_forced_choice(server, response_format=BY_SCHEMA)
    if server == "mimo":
        assert tree["response_format"] == {"type": "json_object"}
        assert '"rain"' in tree["messages"][-1]["content"]
    else:
        assert tree["response_format"] == BY_SCHEMA
        assert tree["messages"] == [{"role": "user", "content": "Hi."}]


@pytest.mark.parametrize("server", SELF_HOSTED)
def test_urls_are_objects_and_part_types_are_those_the_server_knows(server):
    blocks = [{"type": kind, "url": URL} for kind in ("image", "video", "audio")]
    kinds = ["image_url", "video_url", "audio_url"]
    assert parts(*blocks, dialect=server) == [{"type": kind, kind: {"url": URL}} for kind in kinds]
    call = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1"}])
    result = ToolMessage([blocks[0]], tool_call_id="1")
    options = HistoryOptions(MODEL, tool_media="inline")
    turns = clean_history([HumanMessage("?"), call, result], options).turns
    sent = encode_request(turns, RequestOptions(MODEL, {}), DIALECTS[server])["messages"][2]
    assert sent["role"] == "tool"
    assert sent["content"][-1] == {"type": "image_url", "image_url": {"url": URL}}


@pytest.mark.parametrize(
    "changes",
    [
        {"trust_media_io": True},
        {"trusts_media_io": "yes"},
        {"audio_part": "audio_file"},
        {"reasoning_field": None},
    ],
)
def test_invalid_dialect_changes_are_refused(changes):
    with pytest.raises(MiMoConfigurationError, match=next(iter(changes))):
        dialect_of("vllm", changes)


def test_a_dialect_without_changes_is_the_servers_own():
    assert dialect_of("vllm") is DIALECTS["vllm"]
    assert dialect_of("sglang", {"reasoning_field": "reasoning"}).reasoning_field == "reasoning"


# --- Responses ---------------------------------------------------------------------------------

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
    assert text in str(raised)


def test_an_error_inside_a_stream():
    raised = error_from_event(error_body("boom", 500), {}, ErrorContext("127.0.0.1", "", MODEL))
    assert (type(raised), raised.status_code) == (MiMoServerError, 500)
