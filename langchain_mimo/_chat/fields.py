"""The fields of ChatMiMo: validated, serialized, copied and pickled; nothing is sent here."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self, cast, get_args

from langchain_core.language_models import ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import (
    ConfigDict,
    Field,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from typing_extensions import override

from langchain_mimo import catalogue
from langchain_mimo._chat.settings import (
    PARAMETERS,
    EmptyContent,
    check_arguments,
    check_client,
    endpoints_of,
    env_api_key,
    env_base_url,
    env_max_retries,
    pickled_fields,
    unpickled_key,
)
from langchain_mimo._chat.thinking import ReasoningEffort, combine_thinking
from langchain_mimo._checks import choice, number, warn_once
from langchain_mimo._transport.retries import RetryPolicy
from langchain_mimo._transport.timeouts import MiMoTimeouts
from langchain_mimo._wire.choices import MissingReasoning, ReplayReasoning, ToolMedia
from langchain_mimo._wire.endpoints import HAS_RESPONSE_FORMAT, ApiFormatName, Endpoints, Server
from langchain_mimo.errors import as_configuration_error
from langchain_mimo.version import __version__

_FROM_ENVIRONMENT = ("api_key", "base_url")

_IDENTIFYING = (
    *("model", "server", "api_format", "dialect", "base_url", "region"),
    *("thinking", "reasoning_effort", "fps", "media_resolution"),
    *PARAMETERS,
    "extra_body",
)

_PROFILE_KEYS = ModelProfile.__required_keys__ | ModelProfile.__optional_keys__

_SHARED = ("http_client", "http_async_client", "cache", "rate_limiter", "callbacks")
"""Fields whose values a copy shares: they hold locks, sockets or state meant to be shared."""


class ChatMiMoFields(BaseChatModel):
    """Base of `ChatMiMo`: every field, each documented below it."""

    model: str
    """Model id, such as "mimo-v2.6-flash". Required, since any default would be retired some day.
    Known ids are lowercased, since MiMo refuses others; unknown ids are sent unchanged."""

    api_key: SecretStr | None = Field(default_factory=env_api_key)
    """API key; default: MIMO_API_KEY, then XIAOMI_API_KEY. Hosts other than MiMo's need none."""

    base_url: str | None = Field(default_factory=env_base_url)
    """Root URL, or one that ends in /v1, /anthropic or /anthropic/v1; default: MIMO_BASE_URL, then
    MiMo's host for the key."""

    region: catalogue.Region | None = None
    """Cluster of a Token Plan key (`tp-`, `ttp-`): "cn", "sgp" or "ams"."""

    server: Server = "mimo"
    """"mimo" for MiMo's cloud and resellers; "vllm" or "sglang" for self-hosted weights."""

    api_format: ApiFormatName = "openai"
    """"openai", or "anthropic" for `/anthropic/v1/messages`: the same messages in and out, without
    penalties, web search and usage by modality."""

    dialect: dict[str, Any] | None = None
    """How the server differs from others of its kind, as attributes of `Dialect` (see the
    self-hosting page): `{"trusts_media_io": True}` for a vLLM that was started with
    `--trust-request-mm-kwargs`, which then receives `fps`."""

    max_completion_tokens: int | None = Field(default=None, alias="max_tokens")
    """Maximum tokens of reasoning and answer, 1 to 131072; unset: the model's default. Alias
    `max_tokens`."""

    temperature: float | None = None
    """0 to 1.5. MiMo overrides it with 1.0 while thinking (docs/api-facts.md)."""

    top_p: float | None = None
    """0.01 to 1.0. MiMo overrides it with 0.95 while thinking (docs/api-facts.md)."""

    stop: list[str] | None = Field(default=None, alias="stop_sequences")
    """Up to four sequences that end the answer. Alias `stop_sequences`."""

    frequency_penalty: float | None = None
    """-2 to 2."""

    presence_penalty: float | None = None
    """-2 to 2."""

    thinking: bool | None = None
    """Whether the model thinks; None leaves it to the model, and all v2.6 models think."""

    reasoning_effort: ReasoningEffort | None = None
    """Another form of `thinking`, and sent as it: "none" is `thinking=False`; "low", "medium" and
    "high" leave thinking on, with one warning, since MiMo has one level."""

    fps: float | None = None
    """Frames per second to sample from videos whose block sets none, 0.1 to 10; unset: MiMo
    samples 2."""

    media_resolution: Literal["default", "max"] | None = None
    """Resolution of videos whose block sets none."""

    replay_reasoning: ReplayReasoning = "tool_calls"
    """Which assistant messages are sent back with their reasoning: those with tool calls, which
    MiMo requires; "always"; or "never"."""

    missing_reasoning: MissingReasoning = "pad"
    """What to do about messages with tool calls but no reasoning, such as another model's: "pad"
    sends one space, "disable_thinking" turns thinking off for that request, "error" raises."""

    repair_history: bool = False
    """Whether to repair tool results without a call, and calls without a result, in the request
    instead of raising."""

    tool_media: ToolMedia = "user"
    """Where media that tools return are sent: "user" (a user message after the results, which every
    server takes) or "inline" (in the tool message, for models that document it: v2.6, v2.5 and
    unknown ids)."""

    empty_content: EmptyContent = "keep"
    """"reasoning" replaces an empty answer with its reasoning."""

    forced_tool_attempts: int = Field(default=2, ge=1)
    """Maximum number of requests for a `tool_choice` that MiMo does not enforce, at least 1."""

    parse_tool_xml: bool = False
    """Whether tool calls that MiMo left in the text as XML become tool calls, if they are complete
    calls of bound tools; otherwise such a response raises `MiMoInvalidResponseError`."""

    native_schemas: bool = True
    """Whether models that accept a JSON schema as `response_format` receive it, which no page of
    MiMo documents. A response that does not satisfy it is followed by one in JSON mode, with the
    schema in the prompt. False uses JSON mode at once."""

    second_chance: bool = True
    """Whether a rejection that often passes is followed by one more request, at most once per call:
    "Multimodal data is corrupted" for whole media, a response stopped by the content filter, and
    402. Independent of `max_retries`."""

    max_tool_calls: int | None = Field(default=None, ge=1)
    """Maximum number of tool calls in one response. A response with more is cut there and raises
    `MiMoRunawayResponseError`; no call of it is runnable. None: no limit."""

    stop_repetition: int | None = Field(default=None, ge=2)
    """Number of identical groups of lines in a row after which a response is cut and raises
    `MiMoRunawayResponseError`. None: never."""

    allowed_media_dirs: list[str | Path] = Field(default_factory=list)
    """Folders whose files may be sent by `file://` reference; none by default."""

    media_limits: dict[Literal["image", "video", "audio"], PositiveInt] | None = None
    """Maximum base64 characters of one media item, by kind, where the server's limit differs from
    MiMo's 52,428,800: `{"image": 10_000_000}` for a reseller."""

    timeout: float | MiMoTimeouts | None = None
    """Seconds, or `MiMoTimeouts`. A number limits connecting, waiting for the first event, and each
    wait between events. Default: 10 s to connect, 900 s to the first event, 300 s between events,
    no total."""

    max_retries: int = Field(default_factory=env_max_retries, ge=0)
    """Retries after the first attempt, at least 0; default: MIMO_MAX_RETRIES, then 2."""

    retry_policy: RetryPolicy | None = None
    """Replaces `max_retries`, to set delays and their limits too."""

    verify: bool | str = True
    """True for the operating system's certificate store, a path to a PEM file or folder, or False
    for no verification. Clients that you pass in have their own setting."""

    default_headers: dict[str, SecretStr] | None = Field(default=None, exclude=True)
    """Headers of every request; their values are treated as secrets."""

    http_client: Any = Field(default=None, exclude=True, repr=False)
    """Your own `httpx2.Client` or `httpx.Client`; ChatMiMo never closes it."""

    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    """Your own `httpx2.AsyncClient` or `httpx.AsyncClient`; ChatMiMo never closes it."""

    extra_body: dict[str, Any] | None = None
    """Keys merged into the body of every request last."""

    stream_usage: bool = True
    """Whether streams ask for usage (`stream_options.include_usage`)."""

    allow_key_in_pickle: bool = False
    """Whether a pickle may contain the key and `default_headers` in plain text. A key that
    MIMO_API_KEY or XIAOMI_API_KEY holds is pickled as the name of that variable instead."""

    streaming: bool = False
    """Whether `invoke` streams internally. False passed explicitly turns streaming off in `stream`
    too, which is LangChain's rule."""

    # Errors from pydantic would otherwise print their input, and with it the key.
    # The validator of this class is never used: ChatMiMo builds its own.
    model_config = ConfigDict(
        populate_by_name=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _check_arguments(cls, values: Any) -> Any:
        if isinstance(values, dict):
            check_arguments(values, _argument_names(cls))
            # An empty setting means the default, which may come from the environment.
            empty = [name for name in _FROM_ENVIRONMENT if not values.get(name, True)]
            if empty:
                values = {name: value for name, value in values.items() if name not in empty}
        return values

    @field_validator("http_client", "http_async_client")
    @classmethod
    def _own_client(cls, value: Any, info: ValidationInfo) -> Any:
        return value if value is None else check_client(info.field_name or "", value)

    @field_validator("model")
    @classmethod
    def _known_id(cls, value: str) -> str:
        return catalogue.strip_id(value)

    @field_validator("reasoning_effort", mode="before")
    @classmethod
    def _known_effort(cls, value: object) -> object:
        if value is not None:
            with as_configuration_error():
                choice("reasoning_effort", value, get_args(ReasoningEffort))
        return value

    @field_validator("fps")
    @classmethod
    def _fps_in_range(cls, value: float | None) -> float | None:
        with as_configuration_error():
            return None if value is None else number("fps", value, *catalogue.FPS_RANGE)

    @model_validator(mode="after")
    def _set_mimo_version(self) -> Self:
        self._add_version("langchain-mimo", __version__)
        return self

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:
        # Replaces core's check, which resolves type hints again for each model: 25 µs of 37.
        if self.profile and not _PROFILE_KEYS.issuperset(self.profile):
            super()._check_profile_keys()  # type: ignore[operator]
        return self

    @model_validator(mode="after")
    def _check_server_and_thinking(self) -> Self:
        if self.reasoning_effort is not None:
            with as_configuration_error():
                combine_thinking(self.thinking, self.reasoning_effort)
        # MiMo has every format, so most models never import the dialects.
        if self.server != "mimo" or self.dialect:
            from langchain_mimo._wire.dialects import check_api_format, dialect_of  # noqa: PLC0415

            check_api_format(self.api_format, self.server)
            dialect_of(self.server, self.dialect)
        return self

    @model_validator(mode="after")
    def _check_endpoint(self) -> Self:
        endpoints = endpoints_of(self.base_url, self._key, self.region)
        known = catalogue.find(self.model)
        if known and known.ended and endpoints.is_mimo and known.ended_by(datetime.now(UTC)):
            warn_once(
                f"MiMo retired {known.id} on {known.ended:%Y-%m-%d}; use {known.successor}.",
                f"retired {known.id}",
            )
        return self

    @property
    def _endpoints(self) -> Endpoints:
        return endpoints_of(self.base_url, self._key, self.region)

    @property
    def _key(self) -> str | None:
        return self.api_key.get_secret_value() if self.api_key else None

    # ------------------------------------------------------------------ what LangChain asks for

    @property
    def _llm_type(self) -> str:
        return "mimo-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {name: value for name in _IDENTIFYING if (value := getattr(self, name)) is not None}

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The environment variable that replaces the key in serialized models."""
        return {"api_key": "MIMO_API_KEY"}

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """Fields that are objects, in a form that the constructor accepts."""
        return {
            name: dataclasses.asdict(value)
            for name in ("timeout", "retry_policy")
            if isinstance(value := getattr(self, name), MiMoTimeouts | RetryPolicy)
        }

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return True: `dumps` works, and so does `loads` with two permissions.

        They are `valid_namespaces=["langchain_mimo"]` and `allowed_objects=[ChatMiMo]`.
        """
        return True

    @override
    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = catalogue.PROVIDER
        most = kwargs.get("max_completion_tokens", kwargs.get("max_tokens"))
        if (most := most or self.max_completion_tokens) is not None:
            params["ls_max_tokens"] = most
        if stop := stop or self.stop:
            params["ls_stop"] = stop
        return params

    @override
    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        # Usage is on each message, where callbacks look for it; only the common part goes here.
        names = {output["model_name"] for output in llm_outputs if output}
        return {"model_name": names.pop()} if len(names) == 1 else {}

    @override
    def _resolve_model_profile(self) -> ModelProfile | None:
        known = catalogue.find(self.model)
        if known is None:
            return None
        facts = catalogue.profile(known, datetime.now(UTC).date())
        facts["structured_output"] = (
            known.native_json_schema
            and self.native_schemas
            and self.server == "mimo"
            and HAS_RESPONSE_FORMAT[self.api_format]
        )
        return cast("ModelProfile", facts)

    # ----------------------------------------------------------------------- copies and pickles

    @override
    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy within the process: the key is copied, clients and limiters are shared."""
        memo = {} if memo is None else memo
        for name in _SHARED:
            value = getattr(self, name)
            memo[id(value)] = value
        return super().__deepcopy__(memo)

    @override
    def __getstate__(self) -> dict[Any, Any]:
        """Pickle the key as the name of its environment variable; see `allow_key_in_pickle`.

        Raises:
            MiMoConfigurationError: The key is not in the environment, or the model has other
                secrets or the caller's own clients.
        """
        state = super().__getstate__()
        return {**state, "__dict__": pickled_fields(state["__dict__"])}

    @override
    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Unpickle; the key comes from this process's environment."""
        fields = {**state["__dict__"], "api_key": unpickled_key(state["__dict__"]["api_key"])}
        super().__setstate__({**state, "__dict__": fields})


@lru_cache(maxsize=8)
def _argument_names(cls: type[ChatMiMoFields]) -> frozenset[str]:
    fields = cls.model_fields
    return frozenset(fields) | {field.alias for field in fields.values() if field.alias}
