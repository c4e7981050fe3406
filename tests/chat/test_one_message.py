"""One message: invoke, stream, v1 blocks, content-block events and their async twins agree."""

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
SOURCE = {"type": "url_citation", "url": "https://a.example", "title": "A"}


def call(call_id, name, arguments):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


ANSWERS = {
    "text": ("stop", {"content": "Hello there."}),
    "thoughts and text": ("stop", {"content": "Hi.", "reasoning_content": "Greet back."}),
    "thoughts alone": ("stop", {"content": "", "reasoning_content": "Good morning."}),
    "sources": ("stop", {"content": "So.", "annotations": [SOURCE]}),
    "sources before thoughts": (
        "stop",
        {"content": "So.", "reasoning_content": "Hm.", "annotations": [SOURCE]},
    ),
    "sources without text": ("stop", {"content": "", "annotations": [SOURCE]}),
    "thoughts, text and three calls": (
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
    "a good call and a broken one": (
        "tool_calls",
        {"content": "", "tool_calls": [call("a", "one", "{}"), call("b", "two", '{"x"')]},
    ),
    "a broken call between two good ones": (
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
    "nothing": ("stop", {"content": ""}),
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


def respond(reason, message):
    """A server that gives the same answer whole and streamed."""

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
    transport = respond(*ANSWERS[name])
    return ChatMiMo(
        model="mimo-v2.6-flash",
        api_key="sk-test",
        http_client=httpx2.Client(transport=transport),
        http_async_client=httpx2.AsyncClient(transport=transport),
        **fields,
    )


def merged(chunks):
    first, *rest = chunks
    return message_chunk_to_message(first.__add__(rest) if rest else first)


async def collected(stream):
    return [each async for each in stream]


def unindexed(blocks):
    """Blocks without the numbers by which core merges chunks."""
    return [
        {key: value for key, value in block.items() if key not in ("index", "error")}
        for block in blocks
    ]


@pytest.mark.parametrize("name", ANSWERS)
def test_stream_gives_what_invoke_gives(name):
    llm = model(name)
    whole = llm.invoke("x")
    assert merged(list(llm.stream("x"))) == whole
    assert asyncio.run(llm.ainvoke("x")) == whole
    assert merged(asyncio.run(collected(llm.astream("x")))) == whole


@pytest.mark.parametrize("name", ANSWERS)
def test_streaming_under_the_hood_gives_what_invoke_gives(name):
    assert message_chunk_to_message(model(name, streaming=True).invoke("x")) == model(name).invoke(
        "x"
    )


@pytest.mark.parametrize("name", ANSWERS)
def test_v1_streams_lose_nothing(name):
    llm = model(name, output_version="v1")
    whole = llm.invoke("x")
    for streamed in (
        merged(list(llm.stream("x"))),
        merged(asyncio.run(collected(llm.astream("x")))),
    ):
        assert unindexed(streamed.content) == unindexed(whole.content)
        assert streamed.tool_calls == whole.tool_calls
        assert streamed.invalid_tool_calls == whole.invalid_tool_calls
        assert streamed.usage_metadata == whole.usage_metadata
        assert streamed.additional_kwargs == whole.additional_kwargs
        assert streamed.response_metadata == whole.response_metadata


@pytest.mark.parametrize("name", ANSWERS)
def test_content_block_events_add_up_to_the_same_message(name):
    llm = model(name)
    whole = llm.invoke("x")
    events = llm.stream_events("x", version="v3")

    async def run():
        stream = await llm.astream_events("x", version="v3")
        return await stream

    for output in (events.output, asyncio.run(run())):
        blocks = [b for b in output.content if b["type"] != "invalid_tool_call"]
        # Core puts this message together, and knows no refusals yet (1.8).
        expected = [block for block in whole.content_blocks if block["type"] != "refusal"]
        assert unindexed(blocks) == unindexed(expected)
        assert output.tool_calls == whole.tool_calls
        assert output.invalid_tool_calls == whole.invalid_tool_calls
        assert output.usage_metadata == whole.usage_metadata
        assert output.additional_kwargs == whole.additional_kwargs
        assert output.response_metadata == whole.response_metadata | {"output_version": "v1"}
        assert output.id == whole.id


def test_events_stream_the_fragments_of_calls():
    events = list(model("thoughts, text and three calls").stream_events("x", version="v3"))
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


def test_a_stream_that_ends_early_raises_with_what_arrived():
    def handler(request):
        lines = [f"data: {json.dumps(event)}\n\n" for event in events_of(*ANSWERS["text"])][:3]
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
def test_reasoning_that_used_up_the_budget_are_warned_of(streamed, monkeypatch):
    monkeypatch.setitem(
        ANSWERS, "thoughts alone", ("length", {"content": "", "reasoning_content": "Hm."})
    )
    llm = model("thoughts alone")
    with pytest.warns(UserWarning, match="max_completion_tokens"):
        list(llm.stream("x")) if streamed else llm.invoke("x")
