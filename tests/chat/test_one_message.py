"""Invoke, stream, v1 blocks, content-block events and their async forms give the same message."""

import asyncio
import json

import httpx2
import pytest
from langchain_core.messages import message_chunk_to_message

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import MiMoIncompleteStreamError

ID = "045bd1a4-688a-4e53-9de2-7631205e0182_5f467b0704184928936bafb270896022"
USAGE = {
    "completion_tokens": 103,
    "prompt_tokens": 60,
    "total_tokens": 163,
    "completion_tokens_details": {"reasoning_tokens": 14},
    "prompt_tokens_details": {"cached_tokens": 0, "video_tokens": 9},
}
ANNOTATION = {"type": "url_citation", "url": "https://a.example", "title": "A"}


def call(call_id, name, arguments):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


RESPONSES = {
    "text": ("stop", {"content": "Hello there."}),
    "reasoning and text": ("stop", {"content": "Hi.", "reasoning_content": "Greet back."}),
    "reasoning only": ("stop", {"content": "", "reasoning_content": "Good morning."}),
    "annotations": ("stop", {"content": "So.", "annotations": [ANNOTATION]}),
    "annotations before reasoning": (
        "stop",
        {"content": "So.", "reasoning_content": "Hm.", "annotations": [ANNOTATION]},
    ),
    "annotations without text": ("stop", {"content": "", "annotations": [ANNOTATION]}),
    "reasoning, text and three calls": (
        "tool_calls",
        {
            "content": "Looking.",
            "reasoning_content": "Three.",
            "tool_calls": [
                call("a", "one", '{"x": 1}'),
                call("b", "two", "{}"),
                call("c", "one", '{"x":2}'),
            ],
        },
    ),
    "a call cut by length": (
        "length",
        {"content": "", "tool_calls": [call("a", "rm", '{"path": "/a')]},
    ),
    "a valid call and an invalid one": (
        "tool_calls",
        {"content": "", "tool_calls": [call("a", "one", "{}"), call("b", "two", '{"x"')]},
    ),
    "an invalid call between two valid ones": (
        "tool_calls",
        {
            "content": "",
            "tool_calls": [
                call("a", "one", "{}"),
                call("b", "two", '{"x"'),
                call("c", "one", '{"x": 1}'),
            ],
        },
    ),
    "a call cut before its arguments by repetition": (
        "repetition_truncation",
        {"content": "again again", "tool_calls": [call("a", "rm", "")]},
    ),
    "a call cut before its arguments by the filter": (
        "content_filter",
        {"content": "", "tool_calls": [call("a", "rm", "")]},
    ),
    "empty": ("stop", {"content": ""}),
}


def events_of(reason, message):
    def event(**delta):
        keys = ("content", "role", "tool_calls", "reasoning_content")
        return envelope([{"delta": dict.fromkeys(keys) | delta, "finish_reason": None}])

    def envelope(choices, **more):
        return {"id": ID, "choices": choices, "model": "mimo-v2.6-flash"} | more

    yield event(role="assistant", content="")
    if message.get("annotations"):
        yield event(annotations=message["annotations"])
    for field in ("reasoning_content", "content"):
        text = message.get(field) or ""
        for start in range(0, len(text), 4):
            yield event(**{field: text[start : start + 4]})
    for index, each in enumerate(message.get("tool_calls") or []):
        name, arguments = each["function"]["name"], each["function"]["arguments"]
        head = {"name": name, "arguments": ""}
        yield event(tool_calls=[{"index": index, "id": each["id"], "function": head}])
        for start in range(0, len(arguments), 2):
            piece = {"name": None, "arguments": arguments[start : start + 2]}
            yield event(tool_calls=[{"index": index, "id": None, "function": piece}])
    yield envelope([{"delta": {}, "finish_reason": reason}], usage=None)
    yield envelope([], usage=USAGE)


def make_transport(reason, message):
    """Return a transport that gives the same response, streamed on request."""

    def handler(request):
        if json.loads(request.content).get("stream"):
            lines = [f"data: {json.dumps(event)}\n\n" for event in events_of(reason, message)]
            text = "".join([*lines, "data: [DONE]\n\n"])
            return httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"})
        choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant"} | message}
        body = {"id": ID, "model": "mimo-v2.6-flash", "choices": [choice], "usage": USAGE}
        return httpx2.Response(200, json=body)

    return httpx2.MockTransport(handler)


def model(name, **fields):
    transport = make_transport(*RESPONSES[name])
    return ChatMiMo(
        model="mimo-v2.6-flash",
        api_key="sk-test",
        http_client=httpx2.Client(transport=transport),
        http_async_client=httpx2.AsyncClient(transport=transport),
        second_chance=False,  # the same response would come again
        **fields,
    )


def merged(chunks):
    first, *rest = chunks
    return message_chunk_to_message(first.__add__(rest) if rest else first)


async def collected(stream):
    return [each async for each in stream]


def without_indices(blocks):
    """Return the blocks without the indices by which core merges chunks."""
    return [
        {key: value for key, value in block.items() if key not in ("index", "error")}
        for block in blocks
    ]


@pytest.mark.parametrize("name", RESPONSES)
def test_stream_gives_what_invoke_gives(name):
    llm = model(name)
    complete = llm.invoke("x")
    assert merged(list(llm.stream("x"))) == complete
    assert asyncio.run(llm.ainvoke("x")) == complete
    assert merged(asyncio.run(collected(llm.astream("x")))) == complete


@pytest.mark.parametrize("name", RESPONSES)
def test_invoke_with_streaming_gives_what_invoke_gives(name):
    assert message_chunk_to_message(model(name, streaming=True).invoke("x")) == model(name).invoke(
        "x"
    )


@pytest.mark.parametrize("name", RESPONSES)
def test_v1_streams_give_what_invoke_gives(name):
    llm = model(name, output_version="v1")
    complete = llm.invoke("x")
    for streamed in (
        merged(list(llm.stream("x"))),
        merged(asyncio.run(collected(llm.astream("x")))),
    ):
        assert without_indices(streamed.content) == without_indices(complete.content)
        assert streamed.tool_calls == complete.tool_calls
        assert streamed.invalid_tool_calls == complete.invalid_tool_calls
        assert streamed.usage_metadata == complete.usage_metadata
        assert streamed.additional_kwargs == complete.additional_kwargs
        assert streamed.response_metadata == complete.response_metadata


@pytest.mark.parametrize("name", RESPONSES)
def test_content_block_events_add_up_to_the_same_message(name):
    llm = model(name)
    complete = llm.invoke("x")
    events = llm.stream_events("x", version="v3")

    async def run():
        stream = await llm.astream_events("x", version="v3")
        return await stream

    for output in (events.output, asyncio.run(run())):
        blocks = [block for block in output.content if block["type"] != "invalid_tool_call"]
        assert without_indices(blocks) == without_indices(complete.content_blocks)
        assert output.tool_calls == complete.tool_calls
        assert output.invalid_tool_calls == complete.invalid_tool_calls
        assert output.usage_metadata == complete.usage_metadata
        assert output.additional_kwargs == complete.additional_kwargs
        assert output.response_metadata == complete.response_metadata | {"output_version": "v1"}
        assert output.id == complete.id


def test_events_contain_the_fragments_of_calls():
    events = list(model("reasoning, text and three calls").stream_events("x", version="v3"))
    kinds = [event["event"] for event in events]
    assert kinds[0] == "message-start"
    assert kinds[-1] == "message-finish"
    fragments = [
        event["delta"]["args"]
        for event in events
        if event["event"] == "content-block-delta" and event["delta"]["type"] == "tool-call-delta"
    ]
    assert "".join(fragments) == '{"x": 1}{}{"x":2}'
    starts = [event for event in events if event["event"] == "content-block-start"]
    assert [event["index"] for event in starts] == list(range(5))
    assert [event["content"].get("name") for event in starts[2:]] == ["one", "two", "one"]
    finishes = {event["index"] for event in events if event["event"] == "content-block-finish"}
    assert finishes == set(range(5))


def test_a_cut_call_is_invalid_in_events():
    output = model("a call cut by length").stream_events("x", version="v3").output
    assert output.tool_calls == []
    assert json.loads(output.invalid_tool_calls[0]["args"]) == '{"path": "/a'


def test_a_cut_stream_raises_with_the_partial_message():
    def handler(request):
        lines = [f"data: {json.dumps(event)}\n\n" for event in events_of(*RESPONSES["text"])][:3]
        return httpx2.Response(
            200, text="".join(lines), headers={"content-type": "text/event-stream"}
        )

    llm = ChatMiMo(
        model="m",
        api_key="sk-x",
        http_client=httpx2.Client(transport=httpx2.MockTransport(handler)),
    )
    for run in (
        lambda: list(llm.stream("x")),
        lambda: llm.stream_events("x", version="v3").output,
        lambda: llm.invoke("x", stream=True),
    ):
        with pytest.raises(MiMoIncompleteStreamError) as caught:
            run()
        assert caught.value.partial_message.content == "Hello th"
        assert caught.value.partial_message.tool_calls == []


@pytest.mark.parametrize("streamed", [False, True])
def test_reasoning_that_used_up_the_budget_causes_a_warning(streamed, monkeypatch):
    monkeypatch.setitem(
        RESPONSES, "reasoning only", ("length", {"content": "", "reasoning_content": "Hm."})
    )
    llm = model("reasoning only")
    with pytest.warns(UserWarning, match="max_completion_tokens"):
        list(llm.stream("x")) if streamed else llm.invoke("x")
