"""A user's own async client in a second event loop."""

import asyncio
import gc

import httpx
import httpx2
import pytest
from server_scripts import keep_alive

from langchain_mimo._transport import Transport
from langchain_mimo.errors import MiMoConfigurationError

TWO_EVENTS = [{"a": 1}, {"a": 2}]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the first loop's connection
@pytest.mark.parametrize("http", [httpx2, httpx], ids=["httpx2", "httpx"])
def test_an_async_client_in_a_second_loop(http, server, make_request):
    server.script = keep_alive(server)
    text = error_in_a_second_loop(http, make_request())
    gc.collect()
    assert "http_async_client was used in another event loop" in text
    assert "create one client for each event loop, or leave" in text


def error_in_a_second_loop(http, request):
    transport = Transport(http_async_client=http.AsyncClient(trust_env=False))

    async def run():
        return [event async for event in transport.astream(request)]

    assert asyncio.run(run()) == TWO_EVENTS
    with pytest.raises(MiMoConfigurationError) as caught:
        asyncio.run(run())
    return str(caught.value)
