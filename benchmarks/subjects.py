"""The subjects: ChatMiMo, its peers, and the floors below them."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import httpx2
import orjson
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from benchmarks.responses import GREETING, WORDS

PROMPT = "Hello there"
BODY = {"model": "benchmark", "messages": [{"role": "user", "content": PROMPT}]}

HTTPX2 = "httpx2 + orjson"
"""The network's floor: the same bytes through a bare client, parsed and dropped.

httpx2 is the client that ChatMiMo uses.
"""

HTTPX = "httpx + orjson"
"""The same with httpx, which other packages use. It sets no target: see docs/performance.md."""

BARE_CLIENTS = {HTTPX2: httpx2, HTTPX: httpx}

LEANEST = "leanest model"
"""The framework's floor: a BaseChatModel that creates the same chunks without a network."""

PEERS = (
    *("ChatOpenAI", "ChatMistralAI", "ChatDeepSeek"),
    *("ChatAnthropic", "ChatGoogleGenerativeAI"),
)
MODELS = ("ChatMiMo", *PEERS)
OPENAI_FORMAT = ("ChatMiMo", "ChatOpenAI", "ChatMistralAI", "ChatDeepSeek")

PACKAGES = {
    "ChatMiMo": "langchain_mimo.chat_models",
    "ChatOpenAI": "langchain_openai.chat_models",
    "ChatMistralAI": "langchain_mistralai.chat_models",
    "ChatDeepSeek": "langchain_deepseek.chat_models",
    "ChatAnthropic": "langchain_anthropic.chat_models",
    "ChatGoogleGenerativeAI": "langchain_google_genai.chat_models",
}

ARGUMENTS: dict[str, dict[str, Any]] = {
    "ChatMiMo": {"model": "mimo-v2.6-flash", "api_key": "sk-benchmark"},
    "ChatOpenAI": {"model": "benchmark", "api_key": "sk-benchmark", "stream_usage": True},
    "ChatMistralAI": {"model_name": "benchmark", "api_key": "sk-benchmark"},
    "ChatDeepSeek": {"model": "benchmark", "api_key": "sk-benchmark"},
    "ChatAnthropic": {"model": "benchmark", "api_key": "sk-benchmark"},
    "ChatGoogleGenerativeAI": {"model": "benchmark", "api_key": "sk-benchmark"},
}
"""What each model is created with, besides the base URL."""

URL_ARGUMENTS = {"ChatMistralAI": "endpoint", "ChatDeepSeek": "api_base"}
"""The argument for the base URL where it is not `base_url`."""

ADDS_VERSION = ("ChatAnthropic", "ChatGoogleGenerativeAI")
"""The models that add /v1 or /v1beta to the base URL themselves."""


def model_factory(name: str) -> Callable[..., BaseChatModel]:
    """Return a function that creates a model from a base URL and further keywords."""
    model_class = getattr(importlib.import_module(PACKAGES[name]), name)
    url_argument = URL_ARGUMENTS.get(name, "base_url")
    arguments = ARGUMENTS[name]

    def create(url: str, **more: Any) -> BaseChatModel:
        url = url.removesuffix("/v1") if name in ADDS_VERSION else url
        return model_class(**{**arguments, url_argument: url, **more})

    return create


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
        message = AIMessage(content=GREETING)
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
