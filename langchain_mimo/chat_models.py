"""ChatMiMo: LangChain's hooks, each a few lines that join the other rooms.

What only a call needs is imported with the first call, so that importing this module costs hardly
more than importing LangChain's own chat models: no HTTP client, no media, no translation.
"""

# ruff: noqa: PLC0415 - see above; tests/test_performance_guard.py counts what is imported

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import LC_ID_PREFIX, AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompt_values import ChatPromptValue, PromptValue
from langchain_core.runnables import Runnable
from pydantic import ConfigDict
from typing_extensions import override

from langchain_mimo import catalogue
from langchain_mimo._chat.connection import ConnectedFields
from langchain_mimo._wire.to_langchain import content_blocks as translator
from langchain_mimo.errors import MiMoError, MiMoMediaRejectedError

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from langchain_mimo._chat.responses import Question, StreamedReply
    from langchain_mimo._wire.to_langchain.events import Event
    from langchain_mimo.cost.estimate import Estimate

translator.register()

T = TypeVar("T")


class ChatMiMo(ConnectedFields):
    """Chat model for Xiaomi MiMo: text, pictures, video and sound in; thoughts and answers out.

    Example:
        ```python
        from langchain_mimo import ChatMiMo

        llm = ChatMiMo(model="mimo-v2.6-flash")
        print(llm.invoke("Why is the sky blue?").content)
        ```

    Every field but `api_key`, `base_url`, `region`, `server`, `api_format`, `dialect`,
    `allowed_media_dirs`, `media_limits` and the transport's can be overridden for one call:
    `llm.invoke(messages, temperature=0.2, thinking=False, fps=1, repair_history=True)`.

    Attributes:
        model: Model id, such as "mimo-v2.6-flash". Required: a default would be retired under the
            user's feet. Known ids are put into lower case, since MiMo refuses others; unknown ids
            pass through as they are.
        api_key: The key; default from MIMO_API_KEY, then XIAOMI_API_KEY. Hosts that are not
            MiMo's own need none.
        base_url: A root, or one ending in /v1, /anthropic or /anthropic/v1; default from
            MIMO_BASE_URL, else MiMo's host for the key.
        region: "cn", "sgp" or "ams": the cluster of a Token Plan key (`tp-`, `ttp-`).
        server: "mimo" (default; resellers too), or "vllm" or "sglang" for self-hosted weights.
        api_format: "openai" (default), or "anthropic" for MiMo's `/anthropic/v1/messages`: the
            same messages in and out; it has no penalties, web search or counts by modality.
        dialect: In what your server differs from others of its kind, by the attributes of
            `wire.dialects.Dialect`: `{"trusts_media_io": True}` for a vLLM started with
            `--trust-request-mm-kwargs`, to which `fps` can then be sent.
        max_completion_tokens: Most tokens to think and answer with, 1 to 131072; unset is the
            model's own default. Alias `max_tokens`.
        temperature: 0 to 1.5; MiMo overrides it with 1.0 while thinking (openai-api.md, 2026-10).
        top_p: 0.01 to 1.0; MiMo overrides it with 0.95 while thinking.
        stop: Up to four sequences that end the answer. Alias `stop_sequences`.
        frequency_penalty: -2 to 2.
        presence_penalty: -2 to 2.
        thinking: True or False; None (default) leaves it to the model, and all v2.6 models think.
        fps: Frames per second to sample from videos whose block states none, 0.1 to 10; unset
            means 2 at MiMo.
        media_resolution: "default" or "max" for videos whose block states none.
        replay_reasoning: Which assistant turns go back with their thoughts: those with tool calls
            (default, what MiMo demands), "always", or "never".
        missing_reasoning: What to do for tool-calling turns that have no thoughts, such as another
            model's: "pad" (one space), "disable_thinking" for that request, or "error".
        repair_history: Whether to mend orphan tool results and unanswered calls on the wire
            instead of raising.
        tool_media: Where media that tools return go: "user" (default, a user message after the
            results, which every server takes) or "inline" (in the tool message, for models that
            document it: v2.6, v2.5 and ids that are not known).
        empty_content: "keep" (default) or "reasoning": thoughts take the place of an empty answer.
        forced_tool_attempts: Most requests for a `tool_choice` that MiMo does not enforce, from 1.
        allowed_media_dirs: Folders whose files may be sent by `file://` reference; none by default.
        media_limits: Most characters of base64 that one medium may have, by kind, where the server
            takes others than MiMo's 52,428,800: `{"image": 10_000_000}` for a reseller.
        timeout: Seconds, or `MiMoTimeouts`; a number bounds connecting, the first event and idle
            time each. Default: 10 s to connect, 900 s to the first event, 300 s idle, no total.
        max_retries: Retries after the first try, from 0; default from MIMO_MAX_RETRIES, else 2.
        retry_policy: A `RetryPolicy` in place of `max_retries`, to set delays and their caps too.
        verify: True (default) for certifi's authorities, a path to a PEM file or folder of your
            own, or False for no check; your own clients have their own setting.
        default_headers: Headers for every request; their values are treated as secrets.
        http_client: Your own `httpx2.Client`; never closed here.
        http_async_client: Your own `httpx2.AsyncClient`; never closed here.
        extra_body: Merged into every request's body last.
        stream_usage: Whether streams ask for usage (`stream_options.include_usage`).
        streaming: Whether `invoke` streams under the hood. Set to False explicitly it turns
            streaming off in `stream` too, which is LangChain's rule.
        allow_key_in_pickle: Whether a pickle may hold the key and `default_headers` in clear. A
            key that MIMO_API_KEY or XIAOMI_API_KEY holds is pickled by that name instead.

    Raises:
        MiMoConfigurationError: An argument does not exist, or key, region and host do not fit.
        pydantic.ValidationError: A value is of the wrong type.
    """

    model_config = ConfigDict(defer_build=False)

    # ------------------------------------------------------------------------------- the calls

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_mimo._chat.responses import whole_reply

        question = self._question(messages, stop, kwargs, stream=False)
        reply = whole_reply(question)
        tree = next(reply)
        while True:
            try:
                body = self._http.request(self._call(tree))
            except MiMoMediaRejectedError as error:
                self._explain(error, question)
                raise
            try:
                tree = reply.send(body)
            except StopIteration as end:
                return _result(end.value)

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_mimo._chat.responses import whole_reply

        question = self._question(messages, stop, kwargs, stream=False)
        reply = whole_reply(question)
        tree = next(reply)
        while True:
            try:
                body = await self._http.arequest(self._call(tree))
            except MiMoMediaRejectedError as error:
                await asyncio.to_thread(self._explain, error, question)
                raise
            try:
                tree = reply.send(body)
            except StopIteration as end:
                return _result(end.value)

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        from langchain_mimo._chat.responses import chunk_reply

        question = self._question(messages, stop, kwargs, stream=True)
        return self._streamed(chunk_reply(question))

    @override
    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        from langchain_mimo._chat.responses import chunk_reply

        question = self._question(messages, stop, kwargs, stream=True)
        return self._astreamed(chunk_reply(question))

    # Core and LangGraph look these two hooks up by their names (`stream_events(version="v3")`).

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[Event]:
        from langchain_mimo._chat.responses import event_reply

        question = self._question(messages, stop, kwargs, stream=True)
        return self._streamed(event_reply(question, _run_id(run_manager)))

    def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Event]:
        from langchain_mimo._chat.responses import event_reply

        question = self._question(messages, stop, kwargs, stream=True)
        return self._astreamed(event_reply(question, _run_id(run_manager)))

    def _streamed(self, reply: StreamedReply[T]) -> Iterator[T]:
        """Send what a reply wants sent, and give out what it makes of the events."""
        while reply.tree is not None:
            try:
                with closing(self._http.stream(self._call(reply.tree))) as events:
                    for event in events:
                        yield from reply.feed(event)
                rest = reply.end()
            except MiMoMediaRejectedError as error:
                self._explain(error, reply.question)
                raise
            except MiMoError as error:
                broken = reply.cut(error)
                raise broken from broken.__cause__
            yield from rest

    async def _astreamed(self, reply: StreamedReply[T]) -> AsyncIterator[T]:
        """Do the same in an event loop."""
        while reply.tree is not None:
            try:
                async with aclosing(self._http.astream(self._call(reply.tree))) as events:
                    async for event in events:
                        for made in reply.feed(event):
                            yield made
                rest = reply.end()
            except MiMoMediaRejectedError as error:
                await asyncio.to_thread(self._explain, error, reply.question)
                raise
            except MiMoError as error:
                broken = reply.cut(error)
                raise broken from broken.__cause__
            for made in rest:
                yield made

    # ------------------------------------------------------------------- from messages to a call

    @override
    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        """Name pictures without a MIME type: core's tracing raises at them before we see them.

        Raises:
            MediaError: The bytes of such a picture do not say what it is.
        """
        value = super()._convert_input(model_input)
        if not isinstance(value, ChatPromptValue):
            return value
        from langchain_mimo._chat.image_mime_types import with_mime_types

        named = with_mime_types(value.messages)
        return value if named is None else ChatPromptValue(messages=named)

    def _explain(self, error: MiMoMediaRejectedError, question: Question) -> None:
        """Say what the media were that MiMo refused."""
        from langchain_mimo._chat.rejected_media import explain_rejection

        explain_rejection(error, question, self._media_policy)

    def _question(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        keywords: Mapping[str, Any],
        *,
        stream: bool,
    ) -> Question:
        """Turn messages and keywords into what is asked."""
        from langchain_mimo._chat.requests import question_of

        return question_of(self, messages, stop, keywords, stream=stream)

    # ------------------------------------------------------------------- tools and structure

    @override
    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: dict[str, Any] | type | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools for the model to call.

        Args:
            tools: Functions, pydantic models, TypedDicts, JSON schemas, LangChain tools, or MiMo's
                own `{"type": "web_search", ...}`.
            tool_choice: "auto" (default), "none", "any" ("required", True), or a tool's name. MiMo
                enforces none but "auto" (openai-api.md, 2026-10): ChatMiMo asks for the call in
                words, checks the reply, asks once more, and says in
                `response_metadata["forced_tool_choice"]` whether it was honoured.
                Self-hosted servers enforce it.
            strict: Sent with each function when given.
            parallel_tool_calls: Sent when given; MiMo documents no such switch.
            response_format: Shape of the final answer, as in `with_structured_output`.
            **kwargs: Bound to the call as they are.

        Returns:
            A runnable with the tools bound.

        Raises:
            MiMoInputError: A name is not one that MiMo takes. Names that two tools share, and a
                choice of a tool that is not bound, are refused when the call is made.
        """
        from langchain_mimo._wire.tool_definitions import wire_tools

        given = {
            "tool_choice": tool_choice,
            "parallel_tool_calls": parallel_tool_calls,
            "response_format": response_format,
        }
        kwargs |= {name: value for name, value in given.items() if value is not None}
        return self.bind(tools=wire_tools(tools, strict=strict), **kwargs)

    @override
    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Literal["json_schema", "function_calling", "json_mode"] = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return a runnable that answers with an object of a schema.

        Args:
            schema: A pydantic class, a TypedDict, or a JSON schema; "json_mode" works without.
            method: "json_schema" (default): on MiMo JSON mode with the schema in the prompt, on
                vLLM and SGLang enforced; "function_calling": the schema as a tool to be called;
                "json_mode": the same as far as MiMo goes; without a schema your own words say what
                the object holds.
            include_raw: Whether to return `{"raw", "parsed", "parsing_error"}` and not to raise.
            strict: Passed on to the server where it knows such a switch.
            **kwargs: Bound to the call as they are.

        Returns:
            A runnable; pydantic schemas give instances, all others dicts.
        """
        from langchain_mimo._chat.structured_output import build_structured_output

        return build_structured_output(
            self,
            schema,
            method=method,
            include_raw=include_raw,
            strict=strict,
            **kwargs,
        )

    # ----------------------------------------------------------------- prices before paying

    def estimate(
        self,
        messages: LanguageModelInput,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
        *,
        output_tokens: int = 0,
        prices: Mapping[str, catalogue.Price] | None = None,
        **kwargs: Any,
    ) -> Estimate:
        """Estimate what a call would cost, from headers alone; nothing is sent or fetched.

        Args:
            messages: What would be given to `invoke`.
            tools: Tools that would be bound.
            output_tokens: Tokens of thoughts and answer to include in the price, 0 or more.
            prices: Prices by model id that go before the catalogue's, which are dated.
            **kwargs: The call's own `model`, `fps`, `media_resolution` and `thinking`.

        Returns:
            Tokens by modality, their range where a medium cannot be measured, and US dollars
            (None where no price is known). Text is an approximation; media follow MiMo's formulas.

        Raises:
            MediaError: A medium may not be opened, or its place, kind, size or headers would be
                refused when it is sent too. Files are not hashed here: one that has become another
                of the same size shows only when it is sent.
            MiMoInputError: `output_tokens`, `prices` or a keyword is not what it should be.
        """
        from langchain_mimo._chat.call_options import call_options
        from langchain_mimo._chat.requests import history_options
        from langchain_mimo._wire.from_langchain.history import clean_history
        from langchain_mimo._wire.tool_definitions import wire_tools
        from langchain_mimo.cost.estimate import estimate_turns

        options = call_options(self, None, kwargs)
        given = self._convert_input(messages).to_messages()
        reading = history_options(options)
        # What is counted may be a part of a conversation, as in trim_messages.
        reading.repair_history, reading.missing_reasoning, reading.inputs = True, "pad", None
        bound = (options.tools or []) + (wire_tools(tools, strict=None) if tools else [])
        return estimate_turns(
            clean_history(given, reading).turns if given else [],
            model=options.model,
            policy=self._media_policy,
            tools_text=json.dumps(bound, ensure_ascii=False) if bound else "",
            output_tokens=output_tokens,
            prices=prices,
        )

    @override
    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Count the tokens of messages, media and tools, without network or tokenizer.

        Usable as `trim_messages(token_counter=llm)`. See `estimate` for how exact it is.

        Args:
            messages: A conversation, or any part of one.
            tools: Tools to count too.
        """
        return self.estimate(messages, tools).total

    @override
    def get_num_tokens(self, text: str) -> int:
        """Approximate the tokens of a text; Chinese is not under-counted.

        Raises:
            MiMoInputError: It is no string.
        """
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        from langchain_mimo.cost.estimate import estimate_text

        return estimate_text(text)

    @override
    def get_token_ids(self, text: str) -> list[int]:
        """Return what `custom_get_token_ids` makes of a text; there is no tokenizer of our own.

        Raises:
            NotImplementedError: No `custom_get_token_ids` was given.
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        raise NotImplementedError(
            "ChatMiMo brings no tokenizer; give custom_get_token_ids=, or use get_num_tokens."
        )


def _run_id(run_manager: Any) -> str | None:
    """Return the id that core gives messages of a run."""
    return f"{LC_ID_PREFIX}-{run_manager.run_id}" if run_manager else None


def _result(message: AIMessage) -> ChatResult:
    return ChatResult(
        generations=[ChatGeneration(message=message)],
        llm_output={"model_name": message.response_metadata.get("model_name")},
    )
