"""Every fault of the emulator through ChatMiMo, whole and streamed."""

import asyncio
import json
import time

import pytest
from chat_calls import WAYS, call, image_block, model_at, named, sum_of
from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_mimo.emulator import FAULTS, MiMoEmulator, Reply
from langchain_mimo.errors import (
    MiMoBalanceError,
    MiMoConnectionError,
    MiMoContentFilterError,
    MiMoError,
    MiMoIncompleteStreamError,
    MiMoInvalidRequestError,
    MiMoInvalidResponseError,
    MiMoMediaRejectedError,
    MiMoPermissionError,
    MiMoQuotaError,
    MiMoRateLimitError,
    MiMoRedirectError,
    MiMoRiskControlError,
    MiMoServerError,
    MiMoTimeoutError,
)

# The emulator would stall for an hour.
pytestmark = pytest.mark.timeout(60)

TEXT = "Weather 天气 🌦: " + " ".join(f"word{n}" for n in range(120))
REASONING = "The user asks. " * 20
COMPLETE = "complete"

Connection, Incomplete, Timeout = MiMoConnectionError, MiMoIncompleteStreamError, MiMoTimeoutError


# What becomes of answers that MiMo itself gets wrong


def is_filtered(message):
    """MiMo's stock sentence is not shown, after a second chance."""
    assert message.content == ""
    assert message.response_metadata["finish_reason"] == "content_filter"
    assert message.response_metadata["second_chance"] == {"reason": "content_filter"}


def is_repetition(message):
    assert message.response_metadata["finish_reason"] == "repetition_truncation"
    assert message.text.startswith(TEXT)
    assert message.text.count("point 1") == 40


def is_json_mode(message):
    """A second request, in JSON mode, has replaced the padding."""
    assert json.loads(message.text).keys() == {"city", "note"}
    reason = {"native": False, "reason": "whitespace"}
    assert message.response_metadata["structured_output"] == reason


def is_flood(message):
    assert len({each["id"] for each in message.tool_calls}) == 120
    assert not message.invalid_tool_calls


def has_cut_arguments(message):
    """The arguments are not JSON; a whole response of the Anthropic format has {} then."""
    assert message.tool_calls == []
    assert len(message.invalid_tool_calls) == 1


def has_decoded_arguments(message):
    [each] = message.tool_calls
    assert each["args"]["options"].keys() == {"force"}


# fault, its parameters, what a response becomes, what a stream becomes: an error, the complete
# message, or what a check says
ROWS = [
    ("cut_after", {"bytes": 10}, Connection, Connection),
    ("cut_after", {"bytes": 10, "reset": True}, Connection, Connection),
    ("cut_after", {"bytes": 10, "clean": True}, MiMoInvalidResponseError, Incomplete),
    ("cut_after", {"bytes": 900}, Connection, Incomplete),
    ("cut_after", {"bytes": 900, "reset": True}, Connection, (Incomplete, Connection)),
    ("cut_after", {"bytes": 900, "clean": True}, MiMoInvalidResponseError, Incomplete),
    ("cut_after", {"bytes": 9000, "clean": True}, COMPLETE, Incomplete),
    ("cut_before_headers", {}, Connection, Connection),
    ("cut_before_headers", {"reset": True}, Connection, Connection),
    ("close_idle", {}, COMPLETE, COMPLETE),
    ("reset_kept_alive", {}, COMPLETE, COMPLETE),
    ("stall", {}, Timeout, Timeout),
    ("stall", {"after_events": 0}, COMPLETE, Timeout),
    ("stall", {"after_events": 5}, COMPLETE, Timeout),
    ("pings_only", {}, COMPLETE, Timeout),
    ("pings_only", {"after_events": 5}, COMPLETE, Timeout),
    ("slow_loris", {}, Timeout, Timeout),
    ("slow_loris", {"part": "headers"}, Timeout, Timeout),
    ("split_writes", {"size": 7, "interval": 0.0}, COMPLETE, COMPLETE),
    ("keep_open_after_done", {}, COMPLETE, COMPLETE),
    ("rate_limit", {}, MiMoRateLimitError, MiMoRateLimitError),
    ("quota", {}, MiMoQuotaError, MiMoQuotaError),
    ("payment_required", {}, MiMoBalanceError, MiMoBalanceError),
    ("payment_burst", {}, MiMoBalanceError, MiMoBalanceError),
    ("forbidden", {}, MiMoPermissionError, MiMoPermissionError),
    ("search_quota", {}, MiMoQuotaError, MiMoQuotaError),
    ("moderation", {}, MiMoContentFilterError, MiMoContentFilterError),
    ("moderation", {"status": 421}, MiMoContentFilterError, MiMoContentFilterError),
    ("risk_control", {}, MiMoRiskControlError, MiMoRiskControlError),
    ("media_corrupted", {}, MiMoMediaRejectedError, MiMoMediaRejectedError),
    ("server_error", {}, MiMoServerError, MiMoServerError),
    ("connection_refused_400", {}, MiMoServerError, MiMoServerError),
    ("string_error", {}, MiMoInvalidRequestError, MiMoInvalidRequestError),
    ("html_error_page", {}, MiMoServerError, MiMoServerError),
    ("empty_error", {}, MiMoServerError, MiMoServerError),
    ("redirect", {}, MiMoRedirectError, MiMoRedirectError),
    ("garbage", {"kind": "text"}, MiMoInvalidResponseError, Incomplete),
    ("garbage", {"kind": "html"}, MiMoInvalidResponseError, Incomplete),
    ("garbage", {"kind": "binary"}, MiMoInvalidResponseError, Incomplete),
    ("garbage", {"kind": "json"}, MiMoError, Incomplete),
    ("models_not_found", {}, COMPLETE, COMPLETE),
    ("content_filter", {}, is_filtered, is_filtered),
    ("whitespace_padding", {}, is_json_mode, Incomplete),
    ("whitespace_padding", {"members": 0}, is_json_mode, Incomplete),
    ("repetition", {}, is_repetition, is_repetition),
    ("tool_call_flood", {}, is_flood, is_flood),
    ("xml_tool_call", {}, MiMoInvalidResponseError, MiMoInvalidResponseError),
    ("cut_at_nullable", {}, has_cut_arguments, has_cut_arguments),
    ("stringified_arguments", {}, has_decoded_arguments, has_decoded_arguments),
    ("error_in_stream", {"after_events": 0}, COMPLETE, MiMoServerError),
    ("error_in_stream", {}, COMPLETE, Incomplete),
    ("error_in_stream", {"space": True, "done": True, "code": "421"}, COMPLETE, Incomplete),
    ("duplicated_finish", {}, COMPLETE, COMPLETE),
    ("usage_on_every_chunk", {}, COMPLETE, COMPLETE),
    ("no_done", {}, COMPLETE, COMPLETE),
    ("no_finish", {}, COMPLETE, Incomplete),
    ("no_finish", {"done": False}, COMPLETE, Incomplete),
    ("half_tool_call", {}, COMPLETE, COMPLETE),
    ("crlf", {}, COMPLETE, COMPLETE),
    ("comments", {}, COMPLETE, COMPLETE),
    ("line_separator", {}, COMPLETE, COMPLETE),
    ("multi_line_data", {}, COMPLETE, COMPLETE),
    ("byte_order_mark", {}, COMPLETE, COMPLETE),
]

# The transport is the same for both API formats. The Anthropic format has a decoder of its own, so
# that streams which are cut, unusual or without an end, and errors, are tested for both.
OF_BOTH_FORMATS = [
    row
    for row in ROWS
    if row[0]
    in {
        *("cut_after", "stall", "pings_only", "split_writes", "rate_limit", "moderation"),
        *("server_error", "html_error_page", "error_in_stream", "duplicated_finish"),
        *("usage_on_every_chunk", "no_done", "no_finish", "half_tool_call", "crlf", "comments"),
        *("multi_line_data", "byte_order_mark", "garbage", "payment_burst", "risk_control"),
        *("media_corrupted", "content_filter", "repetition", "tool_call_flood", "xml_tool_call"),
        *("cut_at_nullable", "stringified_arguments"),
    }
]
FORMATS_AND_ROWS = [
    *(pytest.param("openai", row, way, id=f"{named(row)}-{way}") for row in ROWS for way in WAYS),
    *(
        pytest.param("anthropic", row, way, id=f"anthropic-{named(row)}-{way}")
        for row in OF_BOTH_FORMATS
        for way in ("invoke", "astream")
    ),
]


SCHEMA = {
    "title": "report",
    "type": "object",
    "properties": {"city": {"type": "string"}, "note": {"type": "string"}},
    "required": ["city", "note"],
}
NULLABLE = {"anyOf": [{"type": "string"}, {"type": "null"}]}
OPTIONS = {"type": "object", "properties": {"force": {"type": "boolean"}}, "required": ["force"]}
DELETE = {
    "title": "delete",
    "description": "Delete a file.",
    "type": "object",
    "properties": {"path": {"type": "string"}, "reason": NULLABLE, "options": OPTIONS},
    "required": ["path", "reason", "options"],
}


def call_for(name, model, way):
    """Call the model with what the fault waits for."""
    match name:
        case "search_quota":
            return call(model.bind_tools([{"type": "web_search"}]), way)
        case "media_corrupted":
            return call(model, way, [("user", [image_block()])])
        case "whitespace_padding":
            response_format = {
                "type": "json_schema",
                "json_schema": {"name": "report", "schema": SCHEMA},
            }
            return call(model.bind(response_format=response_format), way, "Describe Oslo.")
        case "tool_call_flood" | "xml_tool_call" | "cut_at_nullable" | "stringified_arguments":
            return call(model.bind_tools([DELETE]), way, "Delete the file a.txt.")
        case _:
            return call(model, way)


@pytest.fixture
def emulator(monkeypatch):
    monkeypatch.setattr("langchain_mimo._chat.second_chance.BURST_DELAY", 0.05)

    def reply(request):
        asks_for_json = "response_format" in request.body
        return None if asks_for_json else Reply(TEXT, reasoning=REASONING)

    with MiMoEmulator() as running:
        running.respond_with(reply)
        yield running


def test_every_fault_of_the_emulator_is_listed():
    assert {row[0] for row in ROWS} == set(FAULTS)


@pytest.mark.filterwarnings("ignore:MiMo cut the response:UserWarning")
@pytest.mark.parametrize(("api_format", "row", "way"), FORMATS_AND_ROWS)
def test_a_permanent_fault(emulator, api_format, row, way):
    name, parameters, response, stream = row
    emulator.fault(name, times=None, **parameters)
    expected = stream if "stream" in way else response
    model = model_at(emulator, api_format=api_format)
    if not isinstance(expected, str | type | tuple):
        expected(call_for(name, model, way))
        assert emulator.requests[0].fault == name
        return
    if expected is COMPLETE:
        message = call(model, way)
        damage = str.maketrans("\u2028\u2029\x85", "   ")  # by the fault line_separator
        received = (message.text, message.additional_kwargs["reasoning_content"])
        assert [text.translate(damage).split() for text in received] == [
            TEXT.split(),
            REASONING.split(),
        ]
        assert name == "line_separator" or received == (TEXT, REASONING)
        reason = "length" if name == "half_tool_call" else "stop"
        assert message.response_metadata["finish_reason"] == reason
        assert message.usage_metadata["input_tokens"] < 200
        return
    with pytest.raises(expected) as caught:
        call_for(name, model, way)
    error = caught.value
    assert isinstance(error, MiMoError)
    assert emulator.api_key not in repr(error) + repr(error.__cause__)
    if isinstance(error, MiMoIncompleteStreamError) and error.partial_message is not None:
        assert isinstance(error.partial_message, AIMessage | AIMessageChunk)
        assert name == "whitespace_padding" or error.partial_message.text in TEXT


TRANSIENT = [
    ("cut_after", {"bytes": 10}),
    ("cut_after", {"bytes": 10, "reset": True}),
    ("cut_before_headers", {}),
    ("cut_before_headers", {"reset": True}),
    ("rate_limit", {"retry_after": "seconds", "seconds": 1}),
    ("rate_limit", {"retry_after": "milliseconds", "seconds": 0.3}),
    ("rate_limit", {"retry_after": "date", "seconds": 1}),
    ("rate_limit", {}),
    ("server_error", {"status": 500}),
    ("server_error", {"status": 502}),
    ("server_error", {"status": 503}),
    ("connection_refused_400", {}),
    ("html_error_page", {}),
    ("empty_error", {}),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", TRANSIENT, ids=named)
def test_a_transient_fault(emulator, row, way):
    name, parameters = row
    emulator.fault(name, times=1, **parameters)
    message = call(model_at(emulator, max_retries=1, timeout=5), way)
    assert message.text == TEXT
    assert len(emulator.requests) + (name == "cut_before_headers") in (2, 3)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "error", "requests"),
    [
        ("quota", MiMoQuotaError, 1),
        ("search_quota", MiMoQuotaError, 1),
        ("forbidden", MiMoPermissionError, 1),
        ("moderation", MiMoContentFilterError, 1),
        ("risk_control", MiMoRiskControlError, 1),
        ("payment_required", MiMoBalanceError, 2),  # its second chance
        ("media_corrupted", MiMoMediaRejectedError, 2),
    ],
)
def test_a_final_error_is_not_retried(emulator, name, error, requests, way):
    emulator.fault(name, times=None)
    with pytest.raises(error) as caught:
        call_for(name, model_at(emulator, max_retries=2), way)
    assert not caught.value.is_retryable
    assert len(emulator.requests) == requests


@pytest.mark.parametrize("way", WAYS)
def test_a_409_without_web_search_is_retried(emulator, way):
    replies = [Reply(status=409, body=""), Reply("Hello.")]
    emulator.respond_with(lambda request: replies.pop(0))
    assert call(model_at(emulator, max_retries=1), way).text == "Hello."


# Many at once


def test_five_hundred_streams_with_faults_end_or_raise_a_typed_error(emulator):
    emulator.fault("cut_after", times=None, every=60, bytes=3000)
    emulator.fault("cut_before_headers", times=None, every=60, skip=20)
    emulator.fault("server_error", times=None, every=60, skip=40)
    model = model_at(emulator, max_retries=2, timeout=60)

    async def one(number):
        try:
            chunks = [chunk async for chunk in model.astream(f"number {number}")]
        except MiMoError as error:
            return type(error)
        return sum_of(chunks).text

    async def run():
        before = asyncio.all_tasks()
        results = await asyncio.gather(*(one(number) for number in range(500)))
        await asyncio.sleep(0.1)
        return results, asyncio.all_tasks() - before

    results, left = asyncio.run(run())
    assert set(results) == {TEXT, MiMoIncompleteStreamError}
    assert 1 <= results.count(MiMoIncompleteStreamError) <= 25
    assert not left
    for _ in range(200):
        if not emulator.open_connections:
            break
        time.sleep(0.02)
    assert emulator.open_connections == 0
