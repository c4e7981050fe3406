"""A chat model of another provider that describes media, for tests of the parser and the loader.

Import it as `describing_models`: tests/helpers is on pytest's pythonpath.
"""

import asyncio
import json
import threading
import time
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from pydantic import Field

SCENES = json.dumps(
    {"summary": "s", "scenes": [{"start_s": 0, "end_s": 1, "description": "a scene"}]}
)


class DescribingModel(BaseChatModel):
    """Answers each request with `answer(block, text)`: a JSON text, a message, or an error."""

    model: str = "other-1"
    temperature: float | None = None
    answer: Any = SCENES
    delay: float = 0.0
    has_methods: bool = True
    seen: list[Any] = Field(default_factory=list)
    active: int = 0
    most_active: int = 0
    lock: Any = Field(default_factory=threading.Lock)

    @property
    def _llm_type(self):
        return "describing"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        message = self._enter(messages)
        time.sleep(self.delay)
        return self._leave(message)

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        message = self._enter(messages)
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.active -= 1
            raise
        return self._leave(message)

    async def started(self, count):
        """Wait until so many requests are under way."""
        for _ in range(1000):
            if self.active >= count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{self.active} requests are under way, not {count}")

    def _enter(self, messages):
        block, text = messages[-1].content
        with self.lock:
            self.seen.append((block, text["text"]))
            self.active += 1
            self.most_active = max(self.most_active, self.active)
        answer = self.answer(block, text["text"]) if callable(self.answer) else self.answer
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        return AIMessage(answer, usage_metadata=usage) if isinstance(answer, str) else answer

    def _leave(self, message):
        with self.lock:
            self.active -= 1
        if isinstance(message, Exception):
            raise message
        return ChatResult(generations=[ChatGeneration(message=message)])

    def with_structured_output(self, schema, *, include_raw=False, **kwargs):
        assert include_raw
        if kwargs and not self.has_methods:
            raise ValueError("this model has no methods of structured output")

        def result(message):
            try:
                return {"raw": message, "parsed": schema.model_validate_json(str(message.text)),
                        "parsing_error": None}  # fmt: skip
            except ValueError as error:
                return {"raw": message, "parsed": None, "parsing_error": error}

        return self | RunnableLambda(result)
