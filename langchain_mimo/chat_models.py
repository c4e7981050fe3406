"""ChatMiMo: LangChain's hooks, a few lines each; the work happens in `_chat` and below.

Modules that only a call needs are imported by the first call, so importing this module costs little
more than importing LangChain's own chat models: no HTTP client, no media, no conversion.
"""

# ruff: noqa: PLC0415 - see above; tests/test_performance_guard.py counts the imported modules

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import LC_ID_PREFIX, AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.prompt_values import ChatPromptValue, PromptValue
from langchain_core.runnables import Runnable
from pydantic import ConfigDict
from typing_extensions import override

from langchain_mimo import catalogue
from langchain_mimo._chat import engine
from langchain_mimo._chat.connection import ConnectedFields
from langchain_mimo._chat.fields import ChatMiMoFields
from langchain_mimo._wire.to_langchain import content_blocks
from langchain_mimo.cost.estimate_result import Estimate

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from langchain_mimo._chat.requests import ChatRequest
    from langchain_mimo._wire.to_langchain.events import Event
    from langchain_mimo._wire.turns import Turn
else:  # type hints must resolve, and the class would take a seventh of this module's start-up
    BaseTool = Any

content_blocks.register()

T = TypeVar("T")


def _with_signature(hook: T) -> T:
    """Store the signature of a hook where core, which asks for it with every call, looks first."""
    function: Any = hook
    function.__signature__ = inspect.signature(function)
    return hook


class ChatMiMo(ConnectedFields, ChatMiMoFields):
    """Chat model for Xiaomi MiMo: text, images, video and audio in; reasoning and answers out.

    Example:
        ```python
        from langchain_mimo import ChatMiMo

        llm = ChatMiMo(model="mimo-v2.6-flash")
        print(llm.invoke("Why is the sky blue?").content)
        ```

    The arguments by subject; each is documented at its field. "Per call" means that a call may
    override it: `llm.invoke(messages, temperature=0.2, thinking=False, fps=1)`.

    - Server: `model` (per call), `api_key`, `base_url`, `region`, `server`, `api_format`,
      `dialect`.
    - Generation, per call: `max_completion_tokens`, `temperature`, `top_p`, `stop`,
      `frequency_penalty`, `presence_penalty`, `thinking`, `reasoning_effort`, `extra_body`,
      `stream_usage`, `include_response_headers`. For the model alone: `streaming`.
    - Media: `fps`, `media_resolution` and `tool_media` (per call), `allowed_media_dirs`,
      `media_limits`.
    - Conversations, per call: `replay_reasoning`, `missing_reasoning`, `repair_history`,
      `empty_content`, `forced_tool_attempts`, `parse_tool_xml`.
    - Connection: `timeout`, `max_retries`, `retry_policy`, `budget`, `max_response_bytes`,
      `verify`, `default_headers`, `http_client`, `http_async_client`, `allow_key_in_pickle`.

    Raises:
        MiMoConfigurationError: An argument is missing, unknown, of the wrong type or out of range,
            or key, region and host do not match.
    """

    model_config = ConfigDict(defer_build=False)

    # ----------------------------------------------------------------------------------- calls

    @override
    @_with_signature
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_mimo._chat.responses import WholeResponse, result_of, stream_chunks

        request = self._build_request(messages, stop, kwargs, stream=False)
        if request.is_held:
            return generate_from_stream(self._streamed(stream_chunks(request)))
        return result_of(self._completed(WholeResponse(request)))

    @override
    @_with_signature
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_mimo._chat.responses import WholeResponse, result_of, stream_chunks

        request = self._build_request(messages, stop, kwargs, stream=False)
        if request.is_held:
            return await agenerate_from_stream(self._astreamed(stream_chunks(request)))
        return result_of(await self._acompleted(WholeResponse(request)))

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        from langchain_mimo._chat.responses import stream_chunks

        return self._streamed(
            stream_chunks(self._build_request(messages, stop, kwargs, stream=True))
        )

    @override
    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        from langchain_mimo._chat.responses import stream_chunks

        return self._astreamed(
            stream_chunks(self._build_request(messages, stop, kwargs, stream=True))
        )

    # Core and LangGraph find these two hooks by name (`stream_events(version="v3")`).

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[Event]:
        from langchain_mimo._chat.responses import stream_events

        request = self._build_request(messages, stop, kwargs, stream=True)
        return self._streamed(stream_events(request, _run_id(run_manager)))

    def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Event]:
        from langchain_mimo._chat.responses import stream_events

        request = self._build_request(messages, stop, kwargs, stream=True)
        return self._astreamed(stream_events(request, _run_id(run_manager)))

    # -------------------------------------------------------------------------------- requests

    @override
    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        engine.load()  # every call begins here
        return self._prompt_value(model_input)

    def _prompt_value(self, model_input: LanguageModelInput) -> PromptValue:
        """Add missing MIME types to images, since core's tracing raises without them."""
        value = super()._convert_input(model_input)
        if not isinstance(value, ChatPromptValue):
            return value
        from langchain_mimo._chat.image_mime_types import with_mime_types

        named = with_mime_types(value.messages)
        return value if named is None else ChatPromptValue(messages=named)

    def _build_request(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        keywords: Mapping[str, Any],
        *,
        stream: bool,
    ) -> ChatRequest:
        from langchain_mimo._chat.requests import build_request
        from langchain_mimo.cost.prices import cost_of

        measure = self._media_tokens if self.budget is not None else None
        return build_request(
            self, messages, stop, keywords, stream=stream, price=cost_of, measure=measure
        )

    def _media_tokens(self, turns: Sequence[Turn]) -> tuple[int, int]:
        from langchain_mimo.cost.call_needs import media_tokens

        return media_tokens(turns, self._media_policy)

    # ------------------------------------------------------------- tools and structured output

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
                only supports "auto" (docs/api-facts.md), so ChatMiMo adds an instruction, checks
                the response, sends one more request if needed, and reports in
                `response_metadata["forced_tool_choice"]` whether the choice was honoured.
                Self-hosted servers enforce it.
            strict: Sent with each function when set.
            parallel_tool_calls: False limits the model to one call per turn in the Anthropic
                format, on vLLM and on SGLang. MiMo's chat format has no such switch, so it is not
                sent there, with one warning.
            response_format: Format of the final answer, as in `with_structured_output`. With a
                pydantic class, `additional_kwargs["parsed"]` of that answer is an instance of it.
            **kwargs: Bound to the call.

        Returns:
            A runnable with the tools bound.

        Raises:
            MiMoInputError: A tool cannot be converted. Two tools with one name, and a choice of a
                tool that is not bound, are refused when the call is made.
        """
        from langchain_mimo._wire.tool_definitions import wire_tools

        options = {
            "tool_choice": tool_choice,
            "parallel_tool_calls": parallel_tool_calls,
            "response_format": response_format,
        }
        kwargs |= {name: value for name, value in options.items() if value is not None}
        return self.bind(tools=wire_tools(tools, strict=strict), **kwargs)

    @override
    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Literal["json_schema", "function_calling", "json_mode"] = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return a runnable whose output is an object of a schema.

        Args:
            schema: A pydantic class, a dataclass, a TypedDict, or a JSON schema; optional for
                "json_mode".
            method: "json_schema" (default) is JSON mode with the schema in the prompt on MiMo, and
                enforced by vLLM and SGLang. "function_calling" passes the schema as a tool that
                must be called. "json_mode" is the same as "json_schema" on MiMo; without a schema,
                your own prompt describes the object.
            include_raw: Whether to return `{"raw", "parsed", "parsing_error"}` and not to raise.
            strict: Passed on to servers that enforce schemas.
            tools: Tools that the model may call instead of giving the object; with `include_raw`
                only. `parsed` is then None, and the calls are in `raw`.
            **kwargs: Bound to the call.

        Returns:
            A runnable; pydantic classes and dataclasses produce instances, all others dicts.
        """
        from langchain_mimo._chat.structured_output import build_structured_output

        return build_structured_output(
            self,
            schema,
            method=method,
            include_raw=include_raw,
            strict=strict,
            tools=tools,
            **kwargs,
        )

    # ------------------------------------------------------------------------------- estimates

    def estimate(
        self,
        messages: LanguageModelInput,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
        *,
        output_tokens: int = 0,
        prices: Mapping[str, catalogue.Price] | None = None,
        **kwargs: Any,
    ) -> Estimate:
        """Estimate what a call costs, from file headers alone; nothing is sent or fetched.

        Args:
            messages: What you would pass to `invoke`.
            tools: Tools that you would bind.
            output_tokens: Tokens of reasoning and answer to include in the price, at least 0.
            prices: Prices by model id that override those of the catalogue, which are dated.
            **kwargs: The call's own `model`, `fps`, `media_resolution` and `thinking`.

        Returns:
            Tokens by modality, with a range where a media item cannot be measured, and US dollars
            (None where no price is known). Text is approximated; media follow MiMo's formulas.

        Raises:
            MediaError: A media item may not be opened, or its place, kind, size or headers would be
                refused by a call too, and `repair_history` is off. Files are not hashed here: one
                that was replaced by another of the same size is noticed only when it is sent.
            MiMoInputError: `output_tokens`, `prices` or a keyword is invalid.
        """
        from langchain_mimo._chat.call_options import call_options
        from langchain_mimo._wire.from_langchain.history import clean_history
        from langchain_mimo._wire.tool_definitions import wire_tools
        from langchain_mimo.cost.estimate import estimate_turns

        options = call_options(self, None, kwargs)
        conversation = self._prompt_value(messages).to_messages()
        history = options.history
        # The messages may be part of a conversation, as in trim_messages.
        history.repair_history, history.missing_reasoning, history.inputs = True, "pad", None
        bound = [*options.tools, *(wire_tools(tools, strict=None) if tools else ())]
        cleaned = clean_history(conversation, history) if conversation else None
        return estimate_turns(
            cleaned.turns if cleaned else [],
            model=options.model,
            policy=self._media_policy,
            tools_text=json.dumps(bound, ensure_ascii=False) if bound else "",
            output_tokens=output_tokens,
            prices=prices,
            leave_out_unusable=history.media_defaults.leave_out_unusable,
            asked=cleaned.asked if cleaned else None,
        )

    @override
    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Count the tokens of messages, media and tools, without network or tokenizer.

        Use it as `trim_messages(token_counter=llm)`. `estimate` says how exact it is.
        """
        return self.estimate(messages, tools).total

    @override
    def get_num_tokens(self, text: str) -> int:
        """Approximate the tokens of a text; Chinese is not underestimated.

        Raises:
            MiMoInputError: `text` is not a string.
        """
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        from langchain_mimo.cost.estimate import estimate_text

        return estimate_text(text)

    @override
    def get_token_ids(self, text: str) -> list[int]:
        """Return the result of `custom_get_token_ids`; ChatMiMo has no tokenizer of its own.

        Raises:
            NotImplementedError: `custom_get_token_ids` is not set.
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        raise NotImplementedError(
            "ChatMiMo has no tokenizer; pass custom_get_token_ids=, or use get_num_tokens"
        )


def _run_id(run_manager: Any) -> str | None:
    """Return the message id that core uses for a run."""
    return f"{LC_ID_PREFIX}-{run_manager.run_id}" if run_manager else None
