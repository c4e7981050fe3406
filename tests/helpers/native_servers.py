"""A server and models for tests of schemas that MiMo enforces itself."""

import json

import httpx2
from pydantic import BaseModel, Field

from langchain_mimo import ChatMiMo

SCHEMA = {
    "title": "Report",
    "type": "object",
    "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}, "rain": {"type": "boolean"}},
    "required": ["city"],
    "additionalProperties": False,
}
GOOD = '{"city": "Paris", "rain": true}'
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
SUMMED = {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30}
REFUSAL = {
    "error": {
        "code": "400",
        "message": "Invalid request parameters",
        "param": "",
        "type": "Bad Request",
    }
}


class Report(BaseModel):
    city: str = Field(pattern="^[A-Z]")
    rain: bool = False


def stream_of(text, finish_reason="stop", size=4, reasoning=""):
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": reasoning}] if reasoning else []
    deltas += [{"content": text[at : at + size]} for at in range(0, len(text), size)]
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
    events.append({"choices": [], "usage": USAGE})
    return [{"id": "1", "model": "mimo-v2.6-pro", **event} for event in events]


class Server:
    """Answers each request with the next of its responses: events, or a status and a body."""

    def __init__(self, *responses):
        self.responses = list(responses)
        self.bodies = []

    def __call__(self, request):
        self.bodies.append(json.loads(request.content))
        response = self.responses.pop(0)
        if isinstance(response, tuple):
            status, body = response
            return httpx2.Response(status, json=body)
        if self.bodies[-1].get("stream"):
            lines = [f"data: {json.dumps(event)}\n\n" for event in response] + ["data: [DONE]\n\n"]
            headers = {"content-type": "text/event-stream"}
            return httpx2.Response(200, text="".join(lines), headers=headers)
        deltas = [choice["delta"] for event in response for choice in event["choices"]]
        choice = {
            "message": {"content": "".join(delta.get("content") or "" for delta in deltas)},
            "finish_reason": response[-2]["choices"][0]["finish_reason"],
        }
        return httpx2.Response(200, json={"id": "1", "choices": [choice], "usage": USAGE})


def model(server, **fields):
    transport = httpx2.MockTransport(server)
    fields = {"model": "mimo-v2.6-pro", "max_retries": 0, **fields}
    return ChatMiMo(
        api_key="sk-test",
        http_client=httpx2.Client(transport=transport),
        http_async_client=httpx2.AsyncClient(transport=transport),
        **fields,
    )


async def ask(way, chain):
    """The outputs of a call, in a list."""
    if way == "invoke":
        return [chain.invoke("Rain?")]
    if way == "ainvoke":
        return [await chain.ainvoke("Rain?")]
    if way == "stream":
        return list(chain.stream("Rain?"))
    return [output async for output in chain.astream("Rain?")]


def sent_format(body):
    return body.get("response_format")


def instruction(body):
    return [message for message in body["messages"] if message["role"] == "system"]


def facts(message):
    return message.response_metadata.get("structured_output"), {
        key: message.usage_metadata[key] for key in SUMMED
    }
