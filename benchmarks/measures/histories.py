"""What encoding a conversation costs before anything is sent: an agent pays it at every step."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import orjson
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from benchmarks.sampling import Measure, sample
from benchmarks.subjects import maker
from benchmarks.worker import Context

FLOOR = "plain dicts + orjson"
LENGTHS = (50, 100, 200, 400)
"""Messages, half of them results of tools."""


def history(messages: int) -> list[BaseMessage]:
    """An agent's conversation: a question, then calls and results in turn."""
    turns: list[BaseMessage] = [HumanMessage("Find out what the weather is like everywhere.")]
    for at in range(messages // 2):
        call = {"name": "weather", "args": {"city": f"City {at}", "days": 3}, "id": f"call_{at}"}
        reasoning = {"reasoning_content": "The user wants the weather, so I look it up. " * 4}
        turns.append(AIMessage("", additional_kwargs=reasoning, tool_calls=[call]))
        turns.append(
            ToolMessage("Sunny, 21 degrees, wind from the west. " * 8, tool_call_id=f"call_{at}")
        )
    return turns


def plain(messages: list[BaseMessage]) -> bytes:
    """The same bytes without looking at anything: no conversion can be faster."""
    encoded: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, AIMessage):
            encoded.append(
                {
                    "role": "assistant",
                    "content": message.content,
                    "reasoning_content": message.additional_kwargs["reasoning_content"],
                    "tool_calls": [
                        {
                            "id": call["id"],
                            "type": "function",
                            "function": {
                                "name": call["name"],
                                "arguments": orjson.dumps(call["args"]).decode(),
                            },
                        }
                        for call in message.tool_calls
                    ],
                }
            )
        elif isinstance(message, ToolMessage):
            encoded.append(
                {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
            )
        else:
            encoded.append({"role": "user", "content": message.content})
    return orjson.dumps({"model": "benchmark", "messages": encoded})


def encoders(url: str) -> dict[str, Any]:
    """From messages to the bytes of a request, for each package; OpenAI's SDK writes with json."""
    from langchain_mimo._chat.requests import build_request
    from langchain_mimo._media.opening import MediaPolicy
    from langchain_mimo._transport.request_body import RequestBody

    mimo, others = maker("ChatMiMo")(url), {}
    mistral = maker("ChatMistralAI")(url)
    for name in ("ChatOpenAI", "ChatDeepSeek"):
        model: Any = maker(name)(url)
        others[name] = lambda m, model=model: json.dumps(model._get_request_payload(m)).encode()

    def encode_mistral(messages: list[BaseMessage]) -> bytes:
        dicts, parameters = mistral._create_message_dicts(messages, None)
        return json.dumps({"messages": dicts, **parameters}).encode()

    def encode(messages: list[BaseMessage]) -> bytes:
        request = build_request(mimo, messages, None, {}, stream=False)
        return b"".join(RequestBody(request.encode(), MediaPolicy()))

    return {FLOOR: plain, "ChatMiMo": encode, **others, "ChatMistralAI": encode_mistral}


def measure(context: Context) -> list[Measure]:
    encode = encoders(context.url("answer"))
    agent = history(200)
    actions = {name: lambda each=each: each(agent) for name, each in encode.items()}
    beside = Measure("encode 200 messages, 100 tool rounds", "ms")
    sample(beside, actions, context.rounds, times=20, value=lambda taken: taken * 1e3)
    growth = Measure("encode one message of N", "µs")
    lengths = {
        f"{length} messages": partial(encode["ChatMiMo"], history(length)) for length in LENGTHS
    }
    sample(growth, lengths, context.rounds, times=20)
    for name, samples in growth.samples.items():
        growth.samples[name] = [taken / int(name.split()[0]) * 1e6 for taken in samples]
    return [beside, growth]
