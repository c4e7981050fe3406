"""Measures the encoding of a conversation, which an agent repeats at every step."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import orjson
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from benchmarks.sampling import Measure, sample
from benchmarks.subjects import model_factory
from benchmarks.worker import Context

FLOOR = "plain dicts + orjson"
LENGTHS = (50, 100, 200, 400)
"""Numbers of messages; half of them are tool results."""


def history(messages: int) -> list[BaseMessage]:
    """Return an agent's conversation: a user message, then tool calls and results in turn."""
    conversation: list[BaseMessage] = [
        HumanMessage("Find out what the weather is like everywhere.")
    ]
    for at in range(messages // 2):
        call = {"name": "weather", "args": {"city": f"City {at}", "days": 3}, "id": f"call_{at}"}
        reasoning = {"reasoning_content": "The user wants the weather, so I look it up. " * 4}
        conversation.append(AIMessage("", additional_kwargs=reasoning, tool_calls=[call]))
        conversation.append(
            ToolMessage("Sunny, 21 degrees, wind from the west. " * 8, tool_call_id=f"call_{at}")
        )
    return conversation


def plain(messages: list[BaseMessage]) -> bytes:
    """Encode the same bytes without any check: no conversion can be faster."""
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
    """Return each package's encoder, from messages to the bytes of a request.

    OpenAI's SDK and Mistral's client encode with json.
    """
    from langchain_mimo._chat.requests import build_request
    from langchain_mimo._media.opening import MediaPolicy
    from langchain_mimo._transport.request_body import RequestBody

    mimo: Any = model_factory("ChatMiMo")(url)
    mistral: Any = model_factory("ChatMistralAI")(url)
    others = {}
    for name in ("ChatOpenAI", "ChatDeepSeek"):
        model: Any = model_factory(name)(url)
        others[name] = lambda messages, model=model: json.dumps(
            model._get_request_payload(messages)
        ).encode()

    def encode_mistral(messages: list[BaseMessage]) -> bytes:
        dicts, parameters = mistral._create_message_dicts(messages, None)
        return json.dumps({"messages": dicts, **parameters}).encode()

    def encode_mimo(messages: list[BaseMessage]) -> bytes:
        request = build_request(mimo, messages, None, {}, stream=False)
        return b"".join(RequestBody(request.encode(), MediaPolicy()))

    return {FLOOR: plain, "ChatMiMo": encode_mimo, **others, "ChatMistralAI": encode_mistral}


def measure(context: Context) -> list[Measure]:
    encode = encoders(context.url("response"))
    agent = history(200)
    actions = {name: partial(encoder, agent) for name, encoder in encode.items()}
    total = Measure("encode 200 messages, 100 tool rounds", "ms")
    sample(total, actions, context.rounds, times=20, convert=lambda taken: taken * 1e3)
    growth = Measure("encode one message of N", "µs")
    lengths = {
        f"{length} messages": partial(encode["ChatMiMo"], history(length)) for length in LENGTHS
    }
    sample(growth, lengths, context.rounds, times=20)
    for name, samples in growth.samples.items():
        growth.samples[name] = [taken / int(name.split()[0]) * 1e6 for taken in samples]
    return [total, growth]
