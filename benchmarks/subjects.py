"""The subjects: four chat models, and the floors below them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import httpx2
import orjson
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from benchmarks.server import WORDS

PROMPT = "Hello there"
BODY = {"model": "benchmark", "messages": [{"role": "user", "content": PROMPT}]}

HTTPX2 = "httpx2 + orjson"
"""The network's floor: the same bytes through a bare client, parsed and dropped.

httpx2 is the client that ChatMiMo uses.
"""

HTTPX = "httpx + orjson"
"""The same with httpx, which ChatMiMo used before: the floor of older results."""

BARE_CLIENTS = {HTTPX2: httpx2, HTTPX: httpx}

LEANEST = "leanest model"
"""The framework's floor: a BaseChatModel that creates the same chunks without a network."""

MODELS = ("ChatMiMo", "ChatOpenAI", "ChatMistralAI", "ChatDeepSeek")

PACKAGES = {
    "ChatMiMo": "langchain_mimo.chat_models",
    "ChatOpenAI": "langchain_openai.chat_models",
    "ChatMistralAI": "langchain_mistralai.chat_models",
    "ChatDeepSeek": "langchain_deepseek.chat_models",
}


def model_factory(name: str) -> Callable[..., BaseChatModel]:
    """Return a function that creates a model from a base URL and further keywords."""
    if name == "ChatMiMo":
        from langchain_mimo.chat_models import ChatMiMo

        return lambda url, **more: ChatMiMo(
            model="mimo-v2.6-flash", api_key="sk-benchmark", base_url=url, **more
        )
    if name == "ChatOpenAI":
        from langchain_openai import ChatOpenAI

        return lambda url, **more: ChatOpenAI(
            model="benchmark", api_key="sk-benchmark", base_url=url, stream_usage=True, **more
        )
    if name == "ChatMistralAI":
        from langchain_mistralai import ChatMistralAI

        return lambda url, **more: ChatMistralAI(
            model_name="benchmark", api_key="sk-benchmark", endpoint=url, **more
        )
    from langchain_deepseek import ChatDeepSeek

    return lambda url, **more: ChatDeepSeek(
        model="benchmark", api_key="sk-benchmark", api_base=url, **more
    )


def post_url(base_url: str) -> str:
    return f"{base_url}/chat/completions"


def drain(client: httpx2.Client | httpx.Client, base_url: str) -> int:
    """Stream with a bare client; parses and counts the events, checks and keeps nothing."""
    events = 0
    rest = b""
    loads = orjson.loads
    with client.stream("POST", post_url(base_url), json={**BODY, "stream": True}) as response:
        for chunk in response.iter_raw():
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                if block != b"data: [DONE]":
                    loads(block[6:])
                    events += 1
    return events


async def adrain(client: httpx2.AsyncClient | httpx.AsyncClient, base_url: str) -> int:
    """Do the same in an event loop. The code is repeated: a shared function would cost time."""
    events = 0
    rest = b""
    loads = orjson.loads
    body = {**BODY, "stream": True}
    async with client.stream("POST", post_url(base_url), json=body) as response:
        async for chunk in response.aiter_raw():
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                if block != b"data: [DONE]":
                    loads(block[6:])
                    events += 1
    return events


class LeanestModel(BaseChatModel):
    """The least that a chat model can do: the same chunks, with nothing but id and text."""

    chunks: int = 2000

    @property
    def _llm_type(self) -> str:
        return "leanest"

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        message = AIMessage(content="Hello! How can I help you today?")
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        return self._generate(messages)

    def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for at in range(self.chunks):
            text = WORDS[at % len(WORDS)]
            yield ChatGenerationChunk(message=AIMessageChunk(content=text, id="benchmark"))
        yield self._last()

    async def _astream(
        self, messages: Any, *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for at in range(self.chunks):
            text = WORDS[at % len(WORDS)]
            yield ChatGenerationChunk(message=AIMessageChunk(content=text, id="benchmark"))
        yield self._last()

    def _last(self) -> ChatGenerationChunk:
        last = AIMessageChunk(content="", id="benchmark", chunk_position="last")
        return ChatGenerationChunk(message=last)
