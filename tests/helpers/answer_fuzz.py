"""Answers in which one value is replaced by another: what may leave ChatMiMo, whatever arrives.

A case is an answer (a sample in one of its forms), a place in it, a value of JSON, and a way of
calling. `all_cases` is every place × every value × every way.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import random
import warnings
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
from langchain_core.messages import AIMessage, message_chunk_to_message

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import MiMoAPIError, MiMoError, MiMoIncompleteStreamError

try:
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
except ImportError:
    JsonPlusSerializer = None

MODEL = "mimo-v2.6-flash"

# JSON texts by name: some are no JSON for strict readers, and reach clients all the same.
VALUES = {
    "null": "null",
    "true": "true",
    "false": "false",
    "0": "0",
    "-1": "-1",
    "1.5": "1.5",
    "1e999": "1e999",
    "NaN": "NaN",
    "-Infinity": "-Infinity",
    "2**64": str(2**64),
    "-2**63-1": str(-(2**63) - 1),
    "4000 digits": "9" * 4000,
    "5000 digits": "9" * 5000,
    "empty string": '""',
    "blank": '" \\n"',
    "word": '"word"',
    "string null": '"null"',
    "lone surrogate": '"a\\ud800"',
    "second half": '"\\ude00b"',
    "control characters": '"\\u0000\\u0003"',
    "digits as text": json.dumps("9" * 4301),
    "a JSON text": '"{\\"x\\": 1}"',
    "a JSON text with NaN": '"{\\"x\\": NaN}"',
    "a JSON text, deep": json.dumps('{"x":' + "[" * 400 + "]" * 400 + "}"),
    "long": '"' + "word " * 4000 + '"',
    "empty list": "[]",
    "list of null": "[null]",
    "list of lists": "[[]]",
    "list of strings": '["A", "\\ud800"]',
    "empty object": "{}",
    "object": '{"x": 1e999, "\\ud800": [true]}',
    "text part": '{"type": "text", "text": "A"}',
    "text parts": '[{"type": "text", "text": "A"}, {"type": "thinking", "thinking": "T"}]',
    "unknown parts": '[{"type": "hologram", "data": "A"}]',
    "a call": '{"id": "z", "function": {"name": "f", "arguments": "{}"}}',
    "deep list": "[" * 500 + "]" * 500,
    "deep object": '{"type": "text", "text": ' * 500 + "1" + "}" * 500,
}
NOTHING = {"null", "empty string", "blank", "empty list", "list of null", "empty object"}
"""Values that stand for nothing, so that an answer without anything else is empty."""

_USAGE = {
    "prompt_tokens": 60,
    "completion_tokens": 9,
    "total_tokens": 69,
    "prompt_tokens_details": {"cached_tokens": 1, "image_tokens": 9},
    "completion_tokens_details": {"reasoning_tokens": 4},
    "web_search_usage": {"tool_usage": 1, "page_usage": 2},
}
_ANTHROPIC_USAGE = {
    "input_tokens": 40,
    "output_tokens": 9,
    "cache_read_input_tokens": 20,
    "cache_creation_input_tokens": None,
}
_CALL = {
    "index": 0,
    "id": "call_1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"x": 1}'},
}
_EXTRA_MESSAGE = {"function_call": None, "refusal": None, "reasoning": None}


def _chat(reason, key="message", **message):
    choice = {"index": 0, key: message, "finish_reason": reason, "text": None}
    return {
        "id": "id",
        "model": MODEL,
        "system_fingerprint": "fp",
        "choices": [choice],
        "usage": _USAGE,
        "error": None,
    }


_MESSAGES = {
    "text": (
        "stop",
        {
            "role": "assistant",
            "content": "Hi.",
            "reasoning_content": "Hm.",
            "error_message": None,
            "annotations": [{"type": "url_citation", "url": "https://a.example", "title": "A"}],
            **_EXTRA_MESSAGE,
        },
    ),
    "only text": ("stop", {"content": "Hi."}),
    "calls": (
        "tool_calls",
        {
            "content": "",
            "tool_calls": [_CALL, {**_CALL, "index": 1, "id": "call_2"}],
        },
    ),
    "function call": ("function_call", {"content": None, "function_call": _CALL["function"]}),
}


def _chat_stream(reason, message):
    """Return the events of a stream of several deltas."""
    base = {"id": "id", "model": MODEL, "system_fingerprint": "fp"}
    deltas = [{key: value} for key, value in message.items() if key != "tool_calls"]
    for call in message.get("tool_calls", ()):
        head = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
        rest = {
            "index": call["index"],
            "function": {"arguments": call["function"]["arguments"]},
        }
        deltas += [{"tool_calls": [head]}, {"tool_calls": [rest]}]
    events = [
        {**base, "choices": [{"index": 0, "delta": each, "finish_reason": None}]} for each in deltas
    ]
    end = {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": None}
    return [*events, end, {**base, "choices": [], "usage": _USAGE}]


_BLOCKS = {
    "text": (
        "end_turn",
        [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
            {"type": "text", "text": "Hi."},
        ],
    ),
    "only text": ("end_turn", [{"type": "text", "text": "Hi."}]),
    "calls": (
        "tool_use",
        [
            {"type": "tool_use", "id": "call_1", "name": "f", "input": {"x": 1}},
            {"type": "tool_use", "id": "call_2", "name": "f", "input": {}},
        ],
    ),
}


def _blocks(reason, content):
    return {
        "id": "id",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": reason,
        "usage": _ANTHROPIC_USAGE,
        "error": None,
    }


def _block_stream(reason, content):
    message = {**_blocks(reason, []), "stop_reason": None}
    events = [{"type": "message_start", "message": message}, {"type": "ping"}]
    for index, block in enumerate(content):
        kind = block["type"]
        start = {**block, "input": {}} if kind == "tool_use" else {"type": kind, kind: ""}
        deltas = {
            "text": [{"type": "text_delta", "text": block.get("text")}],
            "thinking": [
                {"type": "thinking_delta", "thinking": block.get("thinking")},
                {"type": "signature_delta", "signature": block.get("signature")},
            ],
            "tool_use": [
                {"type": "input_json_delta", "partial_json": json.dumps(block.get("input"))}
            ],
        }[kind]
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": _ANTHROPIC_USAGE}
    return [*events, end, {"type": "message_stop"}]


# By name: the API format, whether it is streamed, and the tree: a body, or the list of events.
ANSWERS: dict[str, tuple[str, bool, Any]] = {}
for _name, (_reason, _message) in _MESSAGES.items():
    _whole = _chat(_reason, **_message)
    ANSWERS[f"openai, {_name}"] = ("openai", False, _whole)
    ANSWERS[f"openai, {_name}, in a message"] = ("openai", True, [_whole])
    ANSWERS[f"openai, {_name}, in a delta"] = (
        "openai",
        True,
        [_chat(_reason, "delta", **_message)],
    )
    ANSWERS[f"openai, {_name}, in deltas"] = ("openai", True, _chat_stream(_reason, _message))
for _name, (_reason, _content) in _BLOCKS.items():
    _whole = _blocks(_reason, _content)
    ANSWERS[f"anthropic, {_name}"] = ("anthropic", False, _whole)
    ANSWERS[f"anthropic, {_name}, in a message"] = ("anthropic", True, [_whole])
    ANSWERS[f"anthropic, {_name}, in deltas"] = (
        "anthropic",
        True,
        _block_stream(_reason, _content),
    )

WAYS = {
    False: ("invoke", "ainvoke"),
    True: ("stream", "astream", "events", "aevents", "v1", "streaming invoke"),
}


@dataclass(frozen=True)
class Case:
    """An answer with values replaced, and a way of calling."""

    answer: str
    changes: tuple[tuple[tuple[str | int, ...], str], ...]
    way: str

    @property
    def api_format(self) -> str:
        return ANSWERS[self.answer][0]

    @property
    def is_streamed(self) -> bool:
        return ANSWERS[self.answer][1]


def _places(tree, path=()):
    if path:
        yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    if isinstance(tree, dict | list):
        for key, value in items:
            yield from (
                _places(value, (*path, key)) if isinstance(value, dict | list) else [(*path, key)]
            )


def all_cases() -> list[Case]:
    """Return every place × every value × every way."""
    return [
        Case(answer, ((place, value),), way)
        for answer, (_, is_streamed, tree) in ANSWERS.items()
        for place in _places(tree)
        for value in VALUES
        for way in WAYS[is_streamed]
    ]


def random_case(rng: random.Random) -> Case:
    """Return a case with two or three changes."""
    answer = rng.choice(sorted(ANSWERS))
    _, is_streamed, tree = ANSWERS[answer]
    places = list(_places(tree))
    changes = tuple(
        (rng.choice(places), rng.choice(sorted(VALUES))) for _ in range(rng.randint(2, 3))
    )
    return Case(answer, changes, rng.choice(WAYS[is_streamed]))


def _marked(tree, changes):
    """Return the tree with marks in place of the changed values."""
    tree = copy.deepcopy(tree)
    for number, (path, _) in enumerate(changes):
        target = tree
        try:
            for key in path[:-1]:
                target = target[key]
            target[path[-1]] = f"@{number}@"
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has removed the place
    return tree


def _raw(tree, changes) -> str:
    text = json.dumps(tree)
    for number, (_, value) in enumerate(changes):
        text = text.replace(f'"@{number}@"', VALUES[value])
    return text


def make_response(case: Case) -> httpx2.Response:
    """Return the HTTP response of a case."""
    _, is_streamed, tree = ANSWERS[case.answer]
    tree = _marked(tree, case.changes)
    if not is_streamed:
        headers = {"content-type": "application/json"}
        return httpx2.Response(200, content=_raw(tree, case.changes).encode(), headers=headers)
    lines = [f"data: {_raw(event, case.changes)}\n\n" for event in tree]
    text = "".join([*lines, "data: [DONE]\n\n"])
    return httpx2.Response(
        200, content=text.encode(), headers={"content-type": "text/event-stream"}
    )


class Caller:
    """Runs cases on one model per format; its transport answers with the case's response."""

    def __init__(self) -> None:
        self._response: httpx2.Response | None = None
        transport = httpx2.MockTransport(lambda _request: self._response)
        self._runner = asyncio.Runner()
        self._models = {
            (api_format, version): ChatMiMo(
                model=MODEL,
                api_key="sk-test",
                api_format=api_format,
                output_version=version,
                max_retries=0,
                second_chance=False,
                http_client=httpx2.Client(transport=transport),
                http_async_client=httpx2.AsyncClient(transport=transport),
            )
            for api_format in ("openai", "anthropic")
            for version in (None, "v1")
        }

    def close(self) -> None:
        self._runner.close()

    def run(self, case: Case) -> AIMessage | MiMoError:
        """Return the message of a case, or this package's error; everything else is raised."""
        self._response = make_response(case)
        model = self._models[case.api_format, "v1" if case.way == "v1" else None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return self._ask(model, case.way)
            except MiMoError as error:
                return error

    def _ask(self, model: ChatMiMo, way: str) -> AIMessage:
        match way:
            case "invoke":
                return model.invoke("x")
            case "ainvoke":
                return self._runner.run(model.ainvoke("x"))
            case "stream" | "v1":
                return _merged(list(model.stream("x")))
            case "astream":
                return _merged(self._runner.run(_collected(model.astream("x"))))
            case "events":
                return model.stream_events("x", version="v3").output
            case "aevents":
                return self._runner.run(_events(model))
            case _:
                return message_chunk_to_message(model.invoke("x", stream=True))


def _merged(chunks):
    first, *rest = chunks
    return message_chunk_to_message(first.__add__(rest) if rest else first)


async def _collected(stream):
    return [each async for each in stream]


async def _events(model):
    stream = await model.astream_events("x", version="v3")
    return await stream


def check(case: Case, outcome: AIMessage | MiMoError) -> None:
    """Check what left.

    Raises:
        AssertionError: It would break later, or it is an answer that was not understood.
    """
    assert isinstance(outcome, AIMessage | MiMoAPIError | MiMoIncompleteStreamError), repr(outcome)
    message = outcome
    if isinstance(outcome, MiMoError):
        assert str(outcome).encode()
        assert type(pickle.loads(pickle.dumps(outcome))) is type(outcome)
        message = getattr(outcome, "partial_message", None)
        if message is None:
            return
    _check_storable(message)
    for call in message.tool_calls:
        assert call["name"]
        assert isinstance(call["args"], dict)
    if isinstance(outcome, AIMessage):
        _check_not_empty(case, message)


def _check_storable(message: AIMessage) -> None:
    if any(_has_large_integer(call["args"]) for call in message.tool_calls):
        return  # JSON for tools, which must stay as it is; checkpoints hold 64 bits
    dumped = message.model_dump()
    json.dumps(dumped, allow_nan=False)
    json.dumps(dumped, ensure_ascii=False).encode()
    orjson.dumps(dumped)
    assert pickle.loads(pickle.dumps(message)) == message
    if JsonPlusSerializer is not None:
        serializer = JsonPlusSerializer()
        assert serializer.loads_typed(serializer.dumps_typed(message)) == message


def _has_large_integer(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    is_large = isinstance(value, int) and not -(2**63) <= value < 2**64
    return is_large or any(map(_has_large_integer, inner))


def _check_not_empty(case: Case, message: AIMessage) -> None:
    reasoning = message.additional_kwargs.get("reasoning_content")
    annotations = message.additional_kwargs.get("annotations")
    calls = [*message.tool_calls, *message.invalid_tool_calls]
    if message.text or reasoning or annotations or calls:
        return
    removed = {value for _, value in case.changes}
    is_cut = message.response_metadata.get("finish_reason") in ("length", "content_filter")
    assert removed & NOTHING or is_cut, "an answer that was not understood is empty"


def twins(case: Case) -> list[Case]:
    """Return the same whole answer in the other ways that must agree with it."""
    if case.is_streamed:
        return []
    # In a delta, an index tells calls apart; in a message, nobody looks at it.
    has_indices = not any(
        path[-1] == "index" or "tool_calls" in path[-2:] for path, _ in case.changes
    )
    found = []
    for form in ("in a message", "in a delta"):
        answer = f"{case.answer}, {form}"
        if answer not in ANSWERS or (form == "in a delta" and not has_indices):
            continue
        renamed = {"message": "delta"} if form == "in a delta" else {}
        changes = tuple(
            ((0, *(renamed.get(key, key) for key in path)), value) for path, value in case.changes
        )
        found.append(Case(answer, changes, "stream"))
    return found


def same(one: AIMessage | MiMoError, other: AIMessage | MiMoError) -> bool:
    """Return whether a whole answer and its stream agree."""
    if isinstance(one, AIMessage) and isinstance(other, AIMessage):
        ids = [each.id for each in (one, other)]
        if all(str(each).startswith("lc_run-") for each in ids):
            other = other.model_copy(update={"id": one.id})
        return bool(one == other)
    if isinstance(one, MiMoError) and isinstance(other, MiMoError):
        return True
    if isinstance(one, AIMessage):
        # A stream needs a finish reason to be complete; a whole answer does not.
        return isinstance(other, MiMoIncompleteStreamError) and "finish_reason" in str(other)
    # A whole answer needs a message; an event of a stream may have none.
    return not (other.content or other.tool_calls or other.invalid_tool_calls)
