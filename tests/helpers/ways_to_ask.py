"""Every way to ask a model, whatever the server answers, in either format.

Import it as `ways_to_ask`: tests/helpers is on pytest's pythonpath.
"""

from __future__ import annotations

import asyncio
import json

import anthropic_wire
import httpx2
import openai_wire
from hypothesis import strategies as st
from langchain_core.messages import message_chunk_to_message

from langchain_mimo.chat_models import ChatMiMo

TEXTS = st.sampled_from(["", "Hi.", " a\n\nb ", "我看到 😀", '{"x": 1}', "<tool_call>"])
ARGUMENTS = st.sampled_from(["{}", '{"x": 1}', '{"x":1,"y":"é"}', '{"a": [{"b": null}]}'])
CUT_ARGUMENTS = st.sampled_from(['{"x', '{"path": "/a', "[", '{"x": 1}}'])
ANNOTATIONS = [{"type": "url_citation", "url": "https://a.example", "title": "A", "summary": "s"}]


@st.composite
def openai_answers(draw):
    """Responses of the OpenAI format: any reasoning, text, calls (cut or not), and reason to end."""
    message = {"content": draw(TEXTS)}
    if draw(st.booleans()):
        message["reasoning_content"] = draw(TEXTS)
    if draw(st.booleans()):
        message["annotations"] = ANNOTATIONS
    calls = draw(st.lists(st.one_of(ARGUMENTS, ARGUMENTS, CUT_ARGUMENTS), max_size=3))
    if calls:
        message["tool_calls"] = [
            openai_wire.tool_call(f"tool_{at}", text, f"call_{at}") for at, text in enumerate(calls)
        ]
    reason = draw(st.sampled_from(["length", "content_filter", "tool_calls" if calls else "stop"]))
    return openai_wire.response(reason, **message)


@st.composite
def anthropic_answers(draw):
    """Responses of the Anthropic format, likewise."""
    blocks = []
    if draw(st.booleans()):
        blocks.append(anthropic_wire.thinking(draw(TEXTS), draw(st.sampled_from(["", "c2ln"]))))
    if text := draw(TEXTS):
        blocks.append(anthropic_wire.text(text))
    calls = draw(st.lists(ARGUMENTS, max_size=3))
    for at, arguments in enumerate(calls):
        blocks.append(anthropic_wire.tool_use(f"tool_{at}", json.loads(arguments), f"call_{at}"))
    reason = draw(st.sampled_from(["max_tokens", "refusal", "tool_use" if calls else "end_turn"]))
    return anthropic_wire.response(reason, *blocks)


ANSWERS = st.one_of(openai_answers(), anthropic_answers())


def llm_for(answer, **fields):
    """Return a model whose server gives this answer, streamed on request."""
    is_openai = "choices" in answer
    wire = openai_wire if is_openai else anthropic_wire

    def respond(request):
        if not json.loads(request.content).get("stream"):
            return httpx2.Response(200, json=answer)
        events = [*map(json.dumps, _stream_of(wire, answer)), "[DONE]"]
        text = "".join(f"data: {event}\n\n" for event in events)
        return httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"})

    transport = httpx2.MockTransport(respond)
    return ChatMiMo(
        model="mimo-v2.6-pro",
        api_key="sk-test",
        api_format="openai" if is_openai else "anthropic",
        http_client=httpx2.Client(transport=transport),
        http_async_client=httpx2.AsyncClient(transport=transport),
        second_chance=False,  # the same answer would come again
        **fields,
    )


def _stream_of(wire, answer):
    first, *rest = wire.stream_of(answer)
    yield first
    if wire is openai_wire and (found := answer["choices"][0]["message"].get("annotations")):
        yield openai_wire.event(annotations=found)
    yield from rest


def ask_every_way(answer, **fields):
    """Return the message of every way to ask, by its name."""
    v0, v1 = llm_for(answer, **fields), llm_for(answer, output_version="v1", **fields)

    async def ask():
        return {
            "ainvoke": await v0.ainvoke("x"),
            "astream": merged([chunk async for chunk in v0.astream("x")]),
            "astream v1": merged([chunk async for chunk in v1.astream("x")]),
            "astream v3": await (await v0.astream_events("x", version="v3")),
        }

    return {
        "invoke": v0.invoke("x"),
        "stream": merged(list(v0.stream("x"))),
        "invoke v1": v1.invoke("x"),
        "stream v1": merged(list(v1.stream("x"))),
        "stream v3": v0.stream_events("x", version="v3").output,
        **asyncio.run(ask()),
    }


def merged(chunks):
    first, *rest = chunks
    return message_chunk_to_message(first.__add__(rest) if rest else first)


def plain_blocks(message):
    """Return a message's blocks without what differs between ways of asking.

    That is the indices by which core merges chunks, and the blocks of invalid calls, which only v3
    has; they are in `invalid_tool_calls` every time.
    """
    return [
        {key: value for key, value in block.items() if key not in ("index", "error")}
        for block in message.content_blocks
        if block["type"] != "invalid_tool_call"
    ]
