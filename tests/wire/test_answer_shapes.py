"""Answers in every shape whose meaning is certain, and errors for all others."""

import asyncio
import json

import httpx2
import pytest
from langchain_core.messages import message_chunk_to_message

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import MiMoIncompleteStreamError, MiMoInvalidResponseError

TEXT = {"type": "text", "text": "4."}
CALL = {"id": "a", "function": {"name": "f", "arguments": '{"x": 1}'}}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def choice(message, reason="stop", key="message"):
    return {"index": 0, key: message, "finish_reason": reason}


def body(choices, **more):
    return {"id": "1", "model": "m", "choices": choices, "usage": USAGE} | more


def model(content, content_type, **fields):
    def handler(_request):
        return httpx2.Response(
            200, content=content.encode(), headers={"content-type": content_type}
        )

    return ChatMiMo(
        model="mimo-v2.6-flash",
        api_key="sk-test",
        second_chance=False,
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(handler)),
        http_async_client=httpx2.AsyncClient(transport=httpx2.MockTransport(handler)),
        **fields,
    )


def whole(tree, **fields):
    return model(json.dumps(tree), "application/json", **fields).invoke("x")


def streamed(*events, **fields):
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return merged(model(f"{text}data: [DONE]\n\n", "text/event-stream", **fields).stream("x"))


def merged(chunks):
    first, *rest = chunks
    return message_chunk_to_message(first.__add__(rest) if rest else first)


# By name: a message, and what it says: text, reasoning, calls.
MESSAGES = {
    "a list of text": ({"content": [TEXT, {"type": "text", "text": " Yes."}]}, "4. Yes.", "", []),
    "one part": ({"content": TEXT}, "4.", "", []),
    "strings in a list": ({"content": ["4", "."]}, "4.", "", []),
    "a part without a type": ({"content": [{"text": "4."}]}, "4.", "", []),
    "output_text": ({"content": [{"type": "output_text", "text": "4."}]}, "4.", "", []),
    "thinking parts of Mistral": (
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, TEXT]},
        "4.",
        "Hm.",
        [],
    ),
    "reasoning in parts": (
        {
            "content": "4.",
            "reasoning": [{"type": "text", "text": "H"}, {"type": "text", "text": "m."}],
        },
        "4.",
        "Hm.",
        [],
    ),
    "a refusal": ({"content": None, "refusal": "I cannot."}, "I cannot.", "", []),
    "one call": ({"content": "", "tool_calls": CALL}, "", "", [("f", {"x": 1})]),
    "a call without function": (
        {"content": None, "tool_calls": [{"id": "a", "name": "f", "arguments": {"x": 1}}]},
        "",
        "",
        [("f", {"x": 1})],
    ),
    "function_call": (
        {"content": None, "function_call": CALL["function"]},
        "",
        "",
        [("f", {"x": 1})],
    ),
    "null everywhere": (
        {
            "role": None,
            "content": "4.",
            "reasoning_content": None,
            "reasoning": None,
            "tool_calls": None,
            "function_call": None,
            "refusal": None,
            "annotations": None,
            "error_message": None,
        },
        "4.",
        "",
        [],
    ),
    "half a surrogate pair in each part": (
        {"content": [{"type": "text", "text": "\ud83d"}, {"type": "text", "text": "\ude00"}]},
        "😀",
        "",
        [],
    ),
}

SHAPES = {
    "whole": lambda message: whole(body([choice(message)])),
    "whole, a lone choice": lambda message: whole(body(choice(message))),
    "whole, in a delta": lambda message: whole(body([choice(message, key="delta")])),
    "a delta": lambda message: streamed(body([choice(message, key="delta")])),
    "a message in a stream": lambda message: streamed(body([choice(message)])),
    "a lone choice in a stream": lambda message: streamed(body(choice(message))),
    "one piece in place of a stream": lambda message: merged(
        model(json.dumps(body([choice(message)])), "application/json").stream("x")
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name, shape):
    message, text, reasoning, calls = MESSAGES[name]
    read = SHAPES[shape](message)
    assert read.content == text
    assert read.additional_kwargs.get("reasoning_content", "") == reasoning
    assert [(call["name"], call["args"]) for call in read.tool_calls] == calls
    assert read.invalid_tool_calls == []
    assert read.usage_metadata["total_tokens"] == 3


def test_legacy_text():
    assert whole(body([{"text": "4.", "finish_reason": "stop"}])).content == "4."
    pieces = [body([{"text": text, "finish_reason": None}]) for text in ("4", "4", "4.")]
    assert streamed(*pieces, body([{"text": "", "finish_reason": "stop"}])).content == "444."


def test_messages_in_place_of_deltas_are_joined():
    events = [
        body([choice({"content": "4", "reasoning_content": "H"}, None)]),
        body([choice({"content": ".", "reasoning_content": "m."}, "stop")]),
    ]
    read = streamed(*events)
    assert read.content == "4."
    assert read.additional_kwargs["reasoning_content"] == "Hm."


def test_a_message_that_sums_up_the_deltas_adds_nothing():
    deltas = [body([choice({"content": text}, None, "delta")]) for text in ("4", ".")]
    call = body([choice({"tool_calls": [{"index": 0, **CALL}]}, None, "delta")])
    end = body([choice({"content": "4.", "tool_calls": [CALL]})])
    read = streamed(*deltas, call, end)
    assert read.content == "4."
    assert [call["args"] for call in read.tool_calls] == [{"x": 1}]


@pytest.mark.parametrize(
    "second",
    [
        choice({"content": "4. Yes."}),  # repeats what was received, or continues it
        choice({"content": "5."}, key="message"),
    ],
)
def test_messages_that_may_repeat_or_continue_are_refused(second):
    first = choice(
        {"content": "4."}, None, "delta" if second["message"]["content"] == "5." else "message"
    )
    with pytest.raises(MiMoInvalidResponseError) as caught:
        streamed(body([first]), body([second]))
    assert caught.value.partial_message.content == "4."


def test_a_streamed_function_call():
    pieces = [{"name": "f", "arguments": ""}, {"arguments": '{"x"'}, {"arguments": ": 1}"}]
    events = [body([choice({"function_call": piece}, None, "delta")]) for piece in pieces]
    read = streamed(*events, body([choice({}, "function_call", "delta")]))
    assert [(call["name"], call["args"]) for call in read.tool_calls] == [("f", {"x": 1})]


UNCERTAIN = {
    "a number": {"content": 4},
    "false": {"content": False},
    "an object that is no part": {"content": {"answer": 4}},
    "a part of an unknown type": {"content": [{"type": "hologram", "text": "4."}]},
    "a part whose type is a list": {"content": [{"type": [], "text": "4."}]},
    "an image": {"content": [TEXT, {"type": "image_url", "image_url": {"url": "https://a"}}]},
    "calls as text": {"content": "", "tool_calls": "f(1)"},
    "reasoning that is no text": {"content": "4.", "reasoning_content": {"effort": "low"}},
    "a function that is a list": {"content": "4.", "tool_calls": [{"id": "a", "function": [1]}]},
    "an answer under another key": {"content": None, "output": "4."},
    "an answer as audio": {"content": None, "audio": {"data": "AAAA"}},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", UNCERTAIN)
def test_what_is_not_certain_is_refused(name, shape):
    with pytest.raises(MiMoInvalidResponseError, match="cannot be read") as caught:
        SHAPES[shape](
            {"reasoning_content": "Hm."} | UNCERTAIN[name]
            if "answer" not in name
            else UNCERTAIN[name]
        )
    assert caught.value.partial_message is not None
    assert caught.value.partial_message.usage_metadata["total_tokens"] == 3


@pytest.mark.parametrize("reason", ["tool_calls", "function_call"])
@pytest.mark.parametrize("key", ["message", "delta"])
def test_calls_that_are_announced_and_missing_are_refused(reason, key):
    message = {"content": "", "reasoning_content": "Hm.", "tool_calls": None}
    for read in (whole, streamed):
        with pytest.raises(MiMoInvalidResponseError, match="contains no call") as caught:
            read(body([choice(message, reason, key)]))
        partial = caught.value.partial_message
        assert partial.additional_kwargs["reasoning_content"] == "Hm."


@pytest.mark.parametrize("reason", [["stop"], {"reason": "stop"}, 1, True])
def test_a_finish_reason_that_is_no_word_is_refused(reason):
    for read, key in ((whole, "message"), (streamed, "delta")):
        with pytest.raises(MiMoInvalidResponseError, match="finish_reason must be a string"):
            read(body([choice({"content": "4."}, reason, key)]))


def test_the_error_has_what_arrived_before():
    events = [
        body([choice({"reasoning_content": "Hm.", "content": "So"}, None, "delta")]),
        body([choice({"content": 4}, None, "delta")]),
    ]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    llm = model(text, "text/event-stream")

    async def collected():
        return [chunk async for chunk in llm.astream("x")]

    for run in (
        lambda: list(llm.stream("x")),
        lambda: asyncio.run(collected()),
        lambda: llm.stream_events("x", version="v3").output,
    ):
        with pytest.raises(MiMoInvalidResponseError) as caught:
            run()
        assert isinstance(caught.value.__cause__, ValueError)
        assert caught.value.partial_message.content == "So"
        assert caught.value.partial_message.additional_kwargs == {"reasoning_content": "Hm."}


def test_an_empty_answer_at_the_limit_stays_a_warning():
    message = {"content": "", "reasoning_content": "Hm.", "extra": "x"}
    for read, key in ((whole, "message"), (streamed, "delta")):
        with pytest.warns(UserWarning, match="max_completion_tokens"):
            assert read(body([choice(message, "length", key)])).content == ""


def test_words_and_numbers_that_would_break_later():
    broken = {
        "prompt_tokens": 1e999,
        "completion_tokens": 2,
        "total_tokens": 2**64,
        "prompt_tokens_details": {"cached_tokens": float("nan")},
        "web_search_usage": {"tool_usage": 2**70, "page_usage": 1},
    }
    annotation = {"type": "url_citation", "url": "u\ud800", "title": 2**70, "summary": 1e999}
    message = {"content": "4.", "annotations": annotation, "error_message": "e\ud800"}
    more = {"id": "i\ud800", "model": "m\ud800", "system_fingerprint": "f\ud800", "usage": broken}
    tree = body([choice(message, "stop\ud800")], **more)
    for read in (whole(tree), streamed(tree)):
        metadata = read.response_metadata
        assert (read.id, metadata["model_name"], metadata["finish_reason"]) == (
            "i\ufffd",
            "m\ufffd",
            "stop\ufffd",
        )
        assert metadata["system_fingerprint"] == "f\ufffd"
        assert metadata["error_message"] == "e\ufffd"
        assert metadata["web_search_usage"] == {"page_usage": 1}
        assert read.usage_metadata == {"input_tokens": 0, "output_tokens": 2, "total_tokens": 2}
        assert read.additional_kwargs["annotations"] == [
            {"type": "url_citation", "url": "u\ufffd", "title": str(2**70)}
        ]


# --------------------------------------------------------------------------- the Anthropic format


def message(content, reason="end_turn", **more):
    usage = {"input_tokens": 1, "output_tokens": 2}
    head = {"id": "1", "type": "message", "role": "assistant", "model": "m"}
    return head | {"content": content, "stop_reason": reason, "usage": usage} | more


ANTHROPIC = {
    "one block": (TEXT, "4."),
    "a string": ("4.", "4."),
    "a string in a list": (["4", "."], "4."),
    "parts in a block": ([{"type": "text", "text": [TEXT]}], "4."),
    "null blocks": ([None, TEXT], "4."),
}


@pytest.mark.parametrize("name", ANTHROPIC)
def test_anthropic_messages(name):
    content, text = ANTHROPIC[name]
    tree = message(content)
    for read in (
        whole(tree, api_format="anthropic"),
        streamed(tree, api_format="anthropic"),
        streamed({"type": "message_start", "message": tree}, api_format="anthropic"),
        merged(model(json.dumps(tree), "application/json", api_format="anthropic").stream("x")),
    ):
        assert read.content == text
        assert read.usage_metadata["total_tokens"] == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([{"type": "text", "text": 4}], "end_turn"),
        ([4], "end_turn"),
        ([{"type": "hologram", "data": "x"}], "end_turn"),
        ([], "tool_use"),
        ([TEXT], ["end_turn"]),
    ],
)
def test_anthropic_messages_that_are_not_certain_are_refused(content, reason):
    for read in (whole, streamed):
        with pytest.raises(MiMoInvalidResponseError, match="cannot be read"):
            read(message(content, reason), api_format="anthropic")


def test_anthropic_events_that_are_not_certain_are_refused():
    start = {"type": "message_start", "message": message([], None)}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    for event in (
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": False}},
        {"type": "content_block_delta", "index": 0, "delta": ["4."]},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "of_tomorrow", "text": "4."}},
        {"type": "content_block_start", "index": 0, "content_block": "4."},
        {"type": "of_tomorrow", "text": "4."},
    ):
        with pytest.raises(MiMoInvalidResponseError, match="cannot be read"):
            streamed(start, event, end, api_format="anthropic")


def test_lost_arguments_of_the_anthropic_format_are_not_run():
    """The server writes {} for arguments that are no JSON (emulator fault cut_at_nullable)."""
    parameters = {"type": "object", "properties": {"x": {}}, "required": ["x"]}
    tools = [
        {"type": "function", "function": {"name": "rm", "parameters": parameters}},
        {"type": "function", "function": {"name": "now", "parameters": {}}},
    ]
    calls = [
        {"type": "tool_use", "id": "a", "name": "rm", "input": {}},
        {"type": "tool_use", "id": "b", "name": "now", "input": {}},
    ]
    tree = message(calls, "tool_use")
    text = f"data: {json.dumps(tree)}\n\ndata: [DONE]\n\n"
    llm = model(json.dumps(tree), "application/json", api_format="anthropic").bind_tools(tools)
    stream = model(text, "text/event-stream", api_format="anthropic").bind_tools(tools)
    for read in (llm.invoke("x"), merged(stream.stream("x"))):
        assert [call["name"] for call in read.tool_calls] == ["now"]
        assert [call["name"] for call in read.invalid_tool_calls] == ["rm"]


def test_an_object_that_is_no_answer_is_not_taken_for_a_stream():
    with pytest.raises(MiMoIncompleteStreamError, match="instead of a stream"):
        list(model('{"status": "ok"}', "application/json").stream("x"))
