"""What a gate sees of a request's attempts: the sync and the async shell tell it the same."""

import json

import httpx2
import pytest
from api_requests import KEY, api_request, error_body

from langchain_mimo._threads import Signal
from langchain_mimo._transport import RetryPolicy
from langchain_mimo.errors import MiMoBudgetError, MiMoError

USAGE = {"prompt_tokens": 3, "completion_tokens": 4}


class Gate:
    """Lets everything through after one wait, and notes what it is told."""

    def __init__(self, refuses=False):
        self.seen = []
        self.refuses = refuses

    def admit(self, call):
        assert (call.host, call.key, call.tree) == ("api.example", KEY, {"model": "m"})
        assert call.text_bytes == len(b'{"model":"m"}')
        if self.refuses:
            raise MiMoBudgetError("no")
        woken = Signal()
        woken.set()
        yield None, woken
        self.seen.append("admitted")
        return self

    def pause(self, seconds, call):
        self.seen.append(("pause", seconds))

    def end(self, outcome, usage):
        self.seen.append((outcome, usage))


def answer(n, request):
    if n == 1:
        return httpx2.Response(429, content=error_body(429), headers={"retry-after": "0"})
    if n == 2:
        return httpx2.ReadError("reset")
    if n == 3:
        return httpx2.ConnectError("refused")
    return httpx2.Response(200, content=json.dumps({"usage": USAGE}).encode())


def test_a_gate_sees_every_attempt_and_how_it_ended(shell):
    gate = Gate()
    policy = RetryPolicy(max_retries=3, initial_delay=0.0)
    shell(answer).request(api_request(gate=gate, retry=policy))
    assert gate.seen == [
        *("admitted", ("pause", 0.0), ("refused", None)),
        *("admitted", ("unknown", None)),
        *("admitted", ("unsent", None)),
        *("admitted", ("answered", USAGE)),
    ]


STREAMS = {
    "chat": [{"choices": []}, {"usage": USAGE}],
    "anthropic": [
        {"type": "message_start", "message": {"usage": {"prompt_tokens": 3}}},
        {"type": "message_delta", "usage": {"completion_tokens": 4}},
    ],
}


@pytest.mark.parametrize("events", STREAMS.values(), ids=STREAMS)
def test_a_gate_sees_the_usage_of_a_stream_at_its_end(shell, events):
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    gate = Gate()
    received = shell(lambda n, request: httpx2.Response(200, content=body)).stream(
        api_request(gate=gate)
    )
    assert received == events
    assert gate.seen == ["admitted", ("answered", USAGE)]


def test_what_a_gate_refuses_is_not_sent(shell):
    side = shell(answer)
    with pytest.raises(MiMoBudgetError):
        side.request(api_request(gate=Gate(refuses=True)))
    assert side.sent == []


def test_an_attempt_is_ended_once_when_it_fails_for_good(shell):
    gate = Gate()
    with pytest.raises(MiMoError):
        shell(lambda n, request: httpx2.Response(401)).request(api_request(gate=gate))
    assert gate.seen == ["admitted", ("refused", None)]
