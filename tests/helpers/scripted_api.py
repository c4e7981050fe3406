"""MiMo's API as a transport that gives scripted answers in either format, streamed on request.

Import it as `scripted_api`: tests/helpers is on pytest's pythonpath.
"""

import asyncio
import json

import anthropic_wire
import httpx2
import openai_wire
from langchain_core.messages import message_chunk_to_message

from langchain_mimo.chat_models import ChatMiMo

SERVERS = {
    "mimo": {"model": "mimo-v2.6-flash"},
    "mimo, no native schemas": {"model": "mimo-v2.6-flash", "native_schemas": False},
    "mimo, Anthropic format": {"model": "mimo-v2.6-flash", "api_format": "anthropic"},
    "vllm": {"model": "mimo", "server": "vllm", "base_url": "http://localhost:1/v1"},
    "sglang": {"model": "mimo", "server": "sglang", "base_url": "http://localhost:1/v1"},
}
"""Fields of a model, by what it talks to."""


class ScriptedAPI:
    """Gives each answer in turn, the last one again and again.

    An answer is a text, or a list of calls as (name, text of the arguments).

    Attributes:
        bodies: The requests.
    """

    def __init__(self, *answers):
        self._answers = answers
        self.bodies = []
        self._llms = []

    def llm(self, server="mimo", **fields):
        transport = httpx2.MockTransport(self._respond)
        return ChatMiMo(
            api_key="sk-test",
            http_client=httpx2.Client(transport=transport),
            http_async_client=httpx2.AsyncClient(transport=transport),
            **{**SERVERS[server], **fields},
        )

    @property
    def body(self):
        """The last request."""
        return self.bodies[-1]

    @property
    def function(self):
        """The first tool of the last request, the same in both formats."""
        tool = self.body["tools"][0]
        if "function" in tool:
            return tool["function"]
        return {"name": tool["name"], "parameters": tool["input_schema"]}

    def _respond(self, request):
        body = json.loads(request.content)
        answer = self._answers[min(len(self.bodies), len(self._answers) - 1)]
        self.bodies.append(body)
        wire = anthropic_wire if "/anthropic" in str(request.url) else openai_wire
        respond = _anthropic if wire is anthropic_wire else _openai
        response = respond(answer)
        if not body.get("stream"):
            return httpx2.Response(200, json=response)
        lines = [f"data: {json.dumps(event)}\n\n" for event in wire.stream_of(response)]
        text = "".join([*lines, "data: [DONE]\n\n"])
        return httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"})


def _openai(answer):
    if isinstance(answer, str):
        return openai_wire.response("stop", content=answer)
    calls = [openai_wire.tool_call(*call, f"call_{at}") for at, call in enumerate(answer)]
    return openai_wire.response("tool_calls", tool_calls=calls)


def _anthropic(answer):
    if isinstance(answer, str):
        return anthropic_wire.response("end_turn", anthropic_wire.text(answer))
    calls = [
        anthropic_wire.tool_use(name, json.loads(arguments), f"call_{at}")
        for at, (name, arguments) in enumerate(answer)
    ]
    return anthropic_wire.response("tool_use", *calls)


def messages_of(llm, messages="x"):
    """Return the message of every way to ask, by its name; v3's content is another one."""

    async def run():
        v3 = await llm.astream_events(messages, version="v3")
        return {
            "ainvoke": await llm.ainvoke(messages),
            "astream": merged([chunk async for chunk in llm.astream(messages)]),
            "astream v3": await v3,
        }

    return {
        "invoke": llm.invoke(messages),
        "stream": merged(list(llm.stream(messages))),
        "stream v3": llm.stream_events(messages, version="v3").output,
        **asyncio.run(run()),
    }


def merged(chunks):
    first, *rest = chunks
    return message_chunk_to_message(first.__add__(rest) if rest else first)
