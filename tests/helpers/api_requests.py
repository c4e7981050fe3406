"""Requests, error bodies and response bodies for tests of the transport."""

import json

import httpx2

from langchain_mimo._transport import ApiRequest, RetryPolicy

KEY = "sk-canary-canary-canary"
FAST = RetryPolicy(max_retries=2, initial_delay=0.0)


def api_request(tree=None, url="https://api.example/v1/chat/completions", headers=None, **options):
    options.setdefault("retry", FAST)
    headers = {"Authorization": f"Bearer {KEY}"} if headers is None else headers
    return ApiRequest(url, headers, tree or {"model": "m"}, **options)


def error_body(code, message="x", param="", kind=""):
    error = {"code": str(code), "message": message, "param": param, "type": kind}
    return json.dumps({"error": error}).encode()


def gateway_body(**error):
    """An error body as MiMo's gateway prints it."""
    return json.dumps({"error": error}, ensure_ascii=False, indent=4).encode() + b"\n"


def parts(*chunks):
    """A body of chunks, which breaks at the first that is an exception."""

    class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __iter__(self):
            for chunk in chunks:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk

        async def __aiter__(self):
            for chunk in self:
                yield chunk

    return Body()
