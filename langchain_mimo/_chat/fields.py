"""The fields of ChatMiMo: validated, serialized, copied and pickled; nothing is sent here."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from langchain_core.language_models import ModelProfile
from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    PositiveInt,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from langchain_mimo import catalogue
from langchain_mimo._chat.api_keys import ApiKey, check_key, env_api_key, fixed_key
from langchain_mimo._chat.settings import (
    BASE_URL_VARIABLE,
    PARAMETERS,
    EmptyContent,
    agreed_retries,
    check_address,
    check_authorities,
    check_base_url,
    check_budget,
    check_client,
    check_model,
    checked_id,
    endpoints_of,
    env_base_url,
    env_max_retries,
    missing_base_url,
    read_policy,
)
from langchain_mimo._chat.thinking import ReasoningEffort, combine_thinking, read_thinking
from langchain_mimo._checks import choice, number
from langchain_mimo._transport.retries import RetryPolicy
from langchain_mimo._transport.timeouts import TimeoutArgument, read_timeout
from langchain_mimo._wire.choices import MissingReasoning, ReplayReasoning, ToolMedia
from langchain_mimo._wire.endpoints import ApiFormatName, Endpoints, Server
from langchain_mimo.errors import MiMoConfigurationError
from langchain_mimo.version import __version__

_FROM_ENVIRONMENT = ("api_key", "base_url")

_PROFILE_KEYS = ModelProfile.__required_keys__ | ModelProfile.__optional_keys__


class ChatMiMoFields(BaseChatModel):
    """Base of `ChatMiMo`: every field, each documented below it."""

    model: str = Field(kw_only=False)  # for type checkers: the model may be passed without a name
    """Model id, such as "mimo-v2.6-flash". Required, since any default would be retired some day.
    Known ids are lowercased, since MiMo refuses others; unknown ids are sent unchanged."""

    api_key: ApiKey | None = Field(default_factory=env_api_key)
    """API key, or a function without arguments, sync or async, that returns the current one before
    each request; default: MIMO_API_KEY, then XIAOMI_API_KEY. Hosts other than MiMo's need none."""

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

    max_completion_tokens: int | None = Field(
        default=None, validation_alias=AliasChoices("max_completion_tokens", "max_tokens")
    )
    """Maximum tokens of reasoning and answer, 1 to 131072; unset: the model's default. Alias
    `max_tokens`."""

    temperature: float | None = None
    """0 to 1.5. MiMo overrides it with 1.0 while thinking (docs/api-facts.md)."""

    top_p: float | None = None
    """0.01 to 1.0. MiMo overrides it with 0.95 while thinking (docs/api-facts.md)."""

    stop: list[str] | None = Field(
        default=None, validation_alias=AliasChoices("stop", "stop_sequences")
    )
    """Sequences that end the answer, at most four in MiMo's chat format; a string is one. Alias
    `stop_sequences`."""

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
    """Whether to repair the request instead of raising: tool results without a call, calls without
    a result, and a note in place of blocks that cannot be sent, such as a file that is gone."""

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

    allowed_media_dirs: str | Path | Sequence[str | Path] = ()
    """Folder, or folders, whose files may be sent by `file://` reference; none by default. They
    must exist, and are resolved here: a later change of directory does not move them."""

    media_limits: dict[Literal["image", "video", "audio"], PositiveInt] | None = None
    """Maximum base64 characters of one media item, by kind, where the server's limit differs from
    MiMo's 52,428,800: `{"image": 10_000_000}` for a reseller."""

    timeout: TimeoutArgument | None = None
    """Seconds, or `MiMoTimeouts`. A number limits connecting, waiting for the first event, and each
    wait between events. Of an `httpx2.Timeout` or `httpx.Timeout`, `connect` and `read` count.
    Default: 10 s to connect, 900 s to the first event, 300 s between events, no total."""

    max_retries: int = Field(default_factory=env_max_retries, ge=0)
    """Retries after the first attempt, at least 0; default: MIMO_MAX_RETRIES, then 2."""

    retry_policy: RetryPolicy | None = None
    """Delays of retries, and their limits. A policy without `max_retries` takes that of the model;
    one that has it wins over MIMO_MAX_RETRIES, and must not contradict the argument."""

    max_response_bytes: int | None = Field(default=None, ge=1)
    """Largest response, in bytes after decompression; default 67,108,864. A stream may have eight
    times as many, since it repeats a frame around every token."""

    verify: bool | str | Path | ssl.SSLContext = True
    """True for the operating system's certificate store, a path to a PEM file or folder, an
    `ssl.SSLContext`, or False for no verification. Clients that you pass in have their own
    setting."""

    default_headers: Mapping[str, SecretStr | str] | None = Field(default=None, exclude=True)
    """Headers of every request; their values are treated as secrets."""

    http_client: Any = Field(default=None, exclude=True, repr=False)
    """Your own `httpx2.Client` or `httpx.Client`; ChatMiMo never closes it."""

    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    """Your own `httpx2.AsyncClient` or `httpx.AsyncClient`; ChatMiMo never closes it."""

    budget: Any = Field(default=None, exclude=True, repr=False)
    """A `langchain_mimo.cost.CallBudget`, which every attempt of every call passes: it keeps all
    models that share it within the limits of the account, and below a ceiling of cost."""

    extra_body: dict[str, Any] | None = None
    """Keys merged into the body of every request last."""

    stream_usage: bool = True
    """Whether streams ask for usage (`stream_options.include_usage`)."""

    include_response_headers: bool = False
    """Whether `response_metadata["headers"]` has the headers of the server's response: at most 64,
    lower-case names, values up to 1,024 bytes, without cookies. `response_metadata["request_id"]`
    is there without it, where the server sends one."""

    allow_key_in_pickle: bool = False
    """Whether a pickle may contain the key and `default_headers` in plain text. A key that
    MIMO_API_KEY or XIAOMI_API_KEY holds is pickled as the name of that variable instead."""

    streaming: bool = False
    """Whether `invoke` streams internally. False passed explicitly turns streaming off in `stream`
    too, which is LangChain's rule."""

    if TYPE_CHECKING:  # the aliases, which type checkers accept as arguments too
        max_tokens: int | None = None
        stop_sequences: list[str] | None = None

    # (settings, Transport); type hints of the class must resolve without the HTTP client.
    _transport: tuple[Any, Any] | None = PrivateAttr(default=None)

    # Errors from pydantic would otherwise print their input, and with it the key.
    # The validator of this class is never used: ChatMiMo builds its own.
    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        defer_build=True,
    )

    if not TYPE_CHECKING:  # type checkers take the arguments from the fields

        def __init__(self, *args: Any, **values: Any) -> None:
            """Check the arguments, which are the fields; `model` may be passed without its name.

            Raises:
                MiMoConfigurationError: An argument is unknown, missing or wrong; pydantic's own
                    error is its cause.
            """
            if args:
                from langchain_mimo._chat.argument_errors import positional_model  # noqa: PLC0415

                values["model"] = positional_model(type(self), args, values)
            for name in _FROM_ENVIRONMENT:
                # None means the default, which may come from the environment.
                if name in values and values[name] is None:
                    del values[name]
            try:
                super().__init__(**values)
            except ValidationError as error:
                from langchain_mimo._chat.argument_errors import configuration_error  # noqa: PLC0415

                raise configuration_error(error, type(self)) from error

    _checked_id = field_validator("model")(checked_id)
    _given_url = field_validator("base_url")(check_base_url)
    _secret_key = field_validator("api_key", mode="before")(check_key)
    _known_policy = field_validator("retry_policy", mode="before")(read_policy)
    _known_timeout = field_validator("timeout", mode="before")(read_timeout)
    _known_authorities = field_validator("verify", mode="before")(check_authorities)

    @field_validator(*PARAMETERS)
    @classmethod
    def _in_range(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None:
            return None
        from langchain_mimo._chat.parameters import check_parameter, limits_of  # noqa: PLC0415

        names = ("server", "base_url", "model", "api_format")
        return check_parameter(
            info.field_name or "", value, limits_of(*(info.data.get(name) for name in names))
        )

    @field_validator("stop", mode="before")
    @classmethod
    def _sequences(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("http_client", "http_async_client")
    @classmethod
    def _own_client(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None:
            return None
        return check_client(info.field_name or "", value, info.data.get("verify", True))

    @field_validator("budget")
    @classmethod
    def _own_budget(cls, value: Any, info: ValidationInfo) -> Any:
        return value if value is None else check_budget(value, info.data.get("rate_limiter"))

    @field_validator("allowed_media_dirs", mode="before")
    @classmethod
    def _resolved_folders(cls, value: Any) -> Any:
        if not value and not isinstance(value, str):
            return ()
        from langchain_mimo._media.local_files import resolve_folders  # noqa: PLC0415 - start-up

        return resolve_folders(value)

    @field_validator("default_headers", mode="before")
    @classmethod
    def _secret_headers(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {
            name: SecretStr(header) if isinstance(header, str) else header
            for name, header in value.items()
        }

    @field_validator("thinking", mode="before")
    @classmethod
    def _known_thinking(cls, value: object) -> object:
        return read_thinking(value) if isinstance(value, Mapping) else value

    @field_validator("reasoning_effort", mode="before")
    @classmethod
    def _known_effort(cls, value: object) -> object:
        if value is not None:
            choice("reasoning_effort", value, get_args(ReasoningEffort))
        return value

    @field_validator("fps")
    @classmethod
    def _fps_in_range(cls, value: float | None) -> float | None:
        return None if value is None else number("fps", value, *catalogue.FPS_RANGE)

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:
        # Replaces core's check, which resolves type hints again for each model: 25 µs of 37.
        if self.profile and not _PROFILE_KEYS.issuperset(self.profile):
            super()._check_profile_keys()  # type: ignore[operator]
        return self

    @model_validator(mode="after")
    def _set_mimo_version(self) -> Self:
        # One validator for all: pydantic's call of one more costs as much as most of these.
        self._add_version("langchain-mimo", __version__)
        self._check_combinations()
        self._check_endpoint()
        return self

    def _check_combinations(self) -> None:
        if policy := self.retry_policy:
            given = "max_retries" in self.model_fields_set
            self.max_retries = agreed_retries(self.max_retries, policy, is_given=given)
        if self.reasoning_effort is not None:
            combine_thinking(self.thinking, self.reasoning_effort)
        # MiMo has every format, so most models never import the dialects.
        if self.server != "mimo" or self.dialect:
            from langchain_mimo._wire.dialects import check_api_format, dialect_of  # noqa: PLC0415

            check_api_format(self.api_format, self.server)
            dialect_of(self.server, self.dialect)

    def _check_endpoint(self) -> None:
        given = self.model_fields_set
        is_from_environment = "base_url" not in given
        if self.base_url is None and self.server != "mimo":
            raise missing_base_url(self.server)
        try:
            endpoints = self._endpoints
        except MiMoConfigurationError as error:
            text = str(error)
            if is_from_environment and text.startswith("base_url"):
                text = BASE_URL_VARIABLE + text.removeprefix("base_url")
            raise MiMoConfigurationError(text) from None
        check_address(
            endpoints,
            base_url=self.base_url,
            region=self.region,
            key_in_code=fixed_key(self.api_key)
            if is_from_environment and "api_key" in given
            else None,
            is_from_environment=is_from_environment,
        )
        check_model(self.model, endpoints, self.server)

    @property
    def _endpoints(self) -> Endpoints:
        key = fixed_key(self.api_key)
        has_key = bool(key) or callable(self.api_key)
        return endpoints_of(self.base_url, key, self.region, has_key=has_key)
