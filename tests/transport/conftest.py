"""The transport over a mock of httpx2's, sync and async."""

import asyncio

import httpx2
import pytest

from langchain_mimo._transport import Transport, retries


@pytest.fixture(autouse=True)
def no_waits_of_other_tests():
    """Forget the 429s of other tests: all callers with the same key and host wait after one."""
    retries._backoffs.clear()


class Shell:
    """The sync or the async shell, as plain functions."""

    def __init__(self, kind, handler):
        self.sent = []

        def seen(request):
            self.sent.append(request)
            response = handler(len(self.sent), request)
            if isinstance(response, Exception):
                raise response
            return response

        mock = httpx2.MockTransport(seen)
        self.sync = kind == "sync"
        if self.sync:
            self.transport = Transport(http_client=httpx2.Client(transport=mock))
        else:
            self.transport = Transport(http_async_client=httpx2.AsyncClient(transport=mock))

    def request(self, api_request):
        if self.sync:
            return self.transport.request(api_request)
        return asyncio.run(self.transport.arequest(api_request))

    def stream(self, api_request, events=None):
        events = [] if events is None else events
        if self.sync:
            for event in self.transport.stream(api_request):
                events.append(event)
            return events

        async def run():
            async for event in self.transport.astream(api_request):
                events.append(event)

        asyncio.run(run())
        return events


@pytest.fixture(params=["sync", "async"])
def shell(request):
    return lambda handler: Shell(request.param, handler)
