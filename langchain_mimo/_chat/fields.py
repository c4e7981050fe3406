"""The fields of ChatMiMo: checked, serialized, copied and pickled; nothing is sent from here."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self, cast

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
from langchain_mimo._chat.call_options import PARAMETERS
from langchain_mimo._chat.settings import (
    check_arguments,
    check_client,
    endpoints_of,
    env_api_key,
    env_base_url,
    env_max_retries,
    packed_secrets,
    unpacked_key,
)
from langchain_mimo._checks import number, warn_once
from langchain_mimo._transport.retries import RetryPolicy
from langchain_mimo._transport.timeouts import MiMoTimeouts
from langchain_mimo._wire.endpoints import ApiFormatName, Server
from langchain_mimo.errors import MiMoConfigurationError
from langchain_mimo.version import __version__

_FROM_ENVIRONMENT = ("api_key", "base_url")

_IDENTIFYING = (
    *("model", "server", "api_format", "dialect", "base_url", "region"),
    *("thinking", "fps", "media_resolution"),
    *PARAMETERS,
    "extra_body",
)

_PROFILE_KEYS = ModelProfile.__required_keys__ | ModelProfile.__optional_keys__

_SHARED = ("http_client", "http_async_client", "cache", "rate_limiter", "callbacks")
"""Fields whose values a copy shares: they hold locks, sockets, or state meant to be common."""


class ChatMiMoFields(BaseChatModel):
    """Base of `ChatMiMo`, where every field is documented."""

    model: str
    api_key: SecretStr | None = Field(default_factory=env_api_key)
    base_url: str | None = Field(default_factory=env_base_url)
    region: catalogue.Region | None = None
    server: Server = "mimo"
    api_format: ApiFormatName = "openai"
    dialect: dict[str, Any] | None = None
    max_completion_tokens: int | None = Field(default=None, alias="max_tokens")
    temperature: float | None = None
    top_p: float | None = None
    stop: list[str] | None = Field(default=None, alias="stop_sequences")
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    thinking: bool | None = None
    fps: float | None = None
    media_resolution: Literal["default", "max"] | None = None
    replay_reasoning: Literal["always", "tool_calls", "never"] = "tool_calls"
    missing_reasoning: Literal["pad", "disable_thinking", "error"] = "pad"
    repair_history: bool = False
    tool_media: Literal["user", "inline"] = "user"
    empty_content: Literal["keep", "reasoning"] = "keep"
    forced_tool_attempts: int = Field(default=2, ge=1)
    allowed_media_dirs: list[str | Path] = Field(default_factory=list)
    media_limits: dict[Literal["image", "video", "audio"], PositiveInt] | None = None
    timeout: float | MiMoTimeouts | None = None
    max_retries: int = Field(default_factory=env_max_retries, ge=0)
    retry_policy: RetryPolicy | None = None
    verify: bool | str = True
    default_headers: dict[str, SecretStr] | None = Field(default=None, exclude=True)
    http_client: Any = Field(default=None, exclude=True, repr=False)
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    extra_body: dict[str, Any] | None = None
    stream_usage: bool = True
    allow_key_in_pickle: bool = False
    streaming: bool = False

    # An error from pydantic would otherwise print its input, and with it the key.
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
            # An empty setting means the default, which the environment may give.
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

    @field_validator("fps")
    @classmethod
    def _fps_in_range(cls, value: float | None) -> float | None:
        try:
            return None if value is None else number("fps", value, *catalogue.FPS_RANGE)
        except ValueError as error:
            raise MiMoConfigurationError(str(error)) from None

    @model_validator(mode="after")
    def _set_mimo_version(self) -> Self:
        self._add_version("langchain-mimo", __version__)
        return self

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:
        # Takes the place of core's, which resolves type hints anew for each model: 25 µs of 37.
        if self.profile and not _PROFILE_KEYS.issuperset(self.profile):
            super()._check_profile_keys()  # type: ignore[operator]  # it warns
        return self

    @model_validator(mode="after")
    def _check_server(self) -> Self:
        # MiMo has every format, so most models do without importing the dialects.
        if self.server != "mimo" or self.dialect:
            from langchain_mimo._wire.dialects import check_api_format, dialect_of  # noqa: PLC0415

            check_api_format(self.api_format, self.server)
            dialect_of(self.server, self.dialect)
        return self

    @model_validator(mode="after")
    def _check_address(self) -> Self:
        endpoints = endpoints_of(self.base_url, self._key, self.region)
        known = catalogue.find(self.model)
        if known and known.ended and endpoints.is_mimo and known.ended_by(datetime.now(UTC)):
            warn_once(
                f"MiMo retired {known.id} on {known.ended:%Y-%m-%d}; use {known.successor}.",
                f"retired {known.id}",
            )
        return self

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
        """The environment variable that stands for the key in serialized models."""
        return {"api_key": "MIMO_API_KEY"}

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """Fields that are objects, in a form that the constructor takes as well."""
        return {
            name: dataclasses.asdict(value)
            for name in ("timeout", "retry_policy")
            if isinstance(value := getattr(self, name), MiMoTimeouts | RetryPolicy)
        }

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return True: `dumps` works, and `loads` with two words of permission.

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
        # Usage stands on each message, where callbacks look for it; here only what is common.
        names = {output["model_name"] for output in llm_outputs if output}
        return {"model_name": names.pop()} if len(names) == 1 else {}

    @override
    def _resolve_model_profile(self) -> ModelProfile | None:
        known = catalogue.find(self.model)
        return cast("ModelProfile", _profile(known)) if known else None

    # ----------------------------------------------------------------------- copies and pickles

    @override
    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy within the process: the key goes along, clients and limiters are shared."""
        memo = {} if memo is None else memo
        for name in _SHARED:
            value = getattr(self, name)
            memo[id(value)] = value
        return super().__deepcopy__(memo)

    @override
    def __getstate__(self) -> dict[Any, Any]:
        """Pickle: the key by the name of its environment variable, see `allow_key_in_pickle`.

        Raises:
            MiMoConfigurationError: The key is not in the environment, or there are other secrets
                or clients of the caller's own.
        """
        state = super().__getstate__()
        return {**state, "__dict__": packed_secrets(state["__dict__"])}

    @override
    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Unpickle: the key comes from this process's environment."""
        fields = {**state["__dict__"], "api_key": unpacked_key(state["__dict__"]["api_key"])}
        super().__setstate__({**state, "__dict__": fields})


@lru_cache(maxsize=8)
def _argument_names(cls: type[ChatMiMoFields]) -> frozenset[str]:
    fields = cls.model_fields
    return frozenset(fields) | {field.alias for field in fields.values() if field.alias}


def _profile(model: catalogue.Model) -> dict[str, object]:
    return catalogue.profile(model, datetime.now(UTC).date())
