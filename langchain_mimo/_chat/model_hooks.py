"""What LangChain asks a ChatMiMo about its fields, and how these are copied and pickled."""

from __future__ import annotations

import dataclasses
import os
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self, cast

from langchain_core.language_models import ModelProfile
from langchain_core.language_models.base import LangSmithParams
from typing_extensions import override

from langchain_mimo import catalogue
from langchain_mimo._chat.api_keys import API_KEY_VARIABLES, ApiKey, fixed_key, key_in
from langchain_mimo._chat.settings import PARAMETERS
from langchain_mimo._transport.retries import RetryPolicy
from langchain_mimo._transport.timeouts import MiMoTimeouts
from langchain_mimo._wire.endpoints import HAS_RESPONSE_FORMAT
from langchain_mimo.errors import MiMoConfigurationError

if TYPE_CHECKING:
    from langchain_mimo._chat.fields import ChatMiMoFields as _Fields
else:  # no model of pydantic's, which would collect all fields once more: a millisecond of start-up
    _Fields = object

_IDENTIFYING = (
    *("model", "server", "api_format", "dialect", "base_url", "region"),
    *("thinking", "reasoning_effort", "fps", "media_resolution"),
    *PARAMETERS,
    "extra_body",
)

_SHARED = (
    *("http_client", "http_async_client", "verify", "cache", "rate_limiter", "callbacks"),
    "budget",
)
"""Fields whose values a copy shares: they hold locks, sockets or state meant to be shared."""


class ModelHooks(_Fields):
    """Base of `ChatMiMo`: its fields as LangChain's tracing, profiles and copies see them."""

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
        if stop := self._stop_sent(stop):
            params["ls_stop"] = stop
        return params

    @override
    def _get_invocation_params(
        self, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Return what traces show as `invocation_params`, with the stop sequences that are sent."""
        # What core builds, without its detour over a deprecated method, which every call would pay.
        own = {**self._identifying_params, "_type": self._llm_type}
        return {**own, "stop": self._stop_sent(stop), **kwargs}

    def _stop_sent(self, stop: list[str] | None) -> list[str] | None:
        """Return the call's stop sequences, or the model's own; an empty list means none."""
        return self.stop if stop is None else stop

    @override
    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        # Usage is on each message, where callbacks look for it; only the common part goes here.
        # Core passes None for a call that was streamed (`streaming=True`).
        outputs = [{"model_name": self.model} if each is None else each for each in llm_outputs]
        names = {output["model_name"] for output in outputs if output}
        return {"model_name": names.pop()} if len(names) == 1 else {}

    @override
    def _resolve_model_profile(self) -> ModelProfile | None:
        known = catalogue.find(self.model)
        if known is None:
            return None
        facts = _profile(known, datetime.now(UTC).date() if known.ended else date.min).copy()
        facts["structured_output"] = (
            known.native_json_schema
            and self.native_schemas
            and self.server == "mimo"
            and HAS_RESPONSE_FORMAT[self.api_format]
        )
        return cast("ModelProfile", facts)

    @override
    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Leave out what core adds by itself: the catalogue's profile, and versions."""
        for name, value in super().__repr_args__():
            if name == "metadata":
                own = {key: each for key, each in value.items() if key != "lc_versions"}
                if own:
                    yield name, own
            elif name != "profile" or value != self._resolve_model_profile():
                yield name, value

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
        return {**state, "__dict__": _pickled_fields(state["__dict__"])}

    @override
    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Unpickle; the key comes from this process's environment."""
        fields = {**state["__dict__"], "api_key": _unpickled_key(state["__dict__"]["api_key"])}
        super().__setstate__({**state, "__dict__": fields})


@lru_cache(maxsize=64)
def _profile(model: catalogue.Model, day: date) -> dict[str, object]:
    return catalogue.profile(model, day)


def _pickled_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's fields in the form in which they are pickled.

    Args:
        fields: The fields by name.

    Returns:
        The fields; a key that is in the environment is replaced by the name of its variable.

    Raises:
        MiMoConfigurationError: The pickle would contain a secret in plain text and
            `allow_key_in_pickle` is not set, or the model has the caller's own client or
            `ssl.SSLContext`, which cannot be pickled.
    """
    for name in ("http_client", "http_async_client"):
        if fields[name] is not None:
            msg = f"a ChatMiMo with {name} cannot be pickled; create the model where it is used"
            raise MiMoConfigurationError(msg)
    if isinstance(fields["verify"], ssl.SSLContext):
        msg = (
            "a ChatMiMo with verify=ssl.SSLContext cannot be pickled; pass the path of the "
            "certificates"
        )
        raise MiMoConfigurationError(msg)
    pickled = dict(fields)
    plain = ["default_headers"] if fields["default_headers"] else []
    # A function that returns the key is pickled by reference, without a key.
    value = fixed_key(fields["api_key"])
    if value is not None:
        variables = [v for v in API_KEY_VARIABLES if os.environ.get(v, "").strip() == value]
        if variables:
            pickled["api_key"] = variables[0]
        else:
            plain.append("the API key")
    if plain and not fields["allow_key_in_pickle"]:
        msg = (
            f"pickling this ChatMiMo would store {' and '.join(plain)} in plain text: set "
            f"{API_KEY_VARIABLES[0]}, or pass allow_key_in_pickle=True"
        )
        raise MiMoConfigurationError(msg)
    return pickled


def _unpickled_key(pickled: ApiKey | None) -> ApiKey | None:
    """Return the key for what `_pickled_fields` stored; None if its variable is not set."""
    if not isinstance(pickled, str):
        return pickled
    return key_in(pickled)
