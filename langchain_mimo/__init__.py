"""LangChain chat model for Xiaomi MiMo. Public names are imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from langchain_mimo.version import __version__

if TYPE_CHECKING:
    from langchain_mimo._chat.system_prompt import system_prompt
    from langchain_mimo._transport.retries import RetryPolicy
    from langchain_mimo._transport.timeouts import MiMoTimeouts
    from langchain_mimo.chat_models import ChatMiMo
    from langchain_mimo.cost.estimate_result import Estimate
    from langchain_mimo.cost.planning import plan_segments, plan_video
    from langchain_mimo.errors import (
        HistoryError,
        MediaError,
        MiMoAPIError,
        MiMoAuthenticationError,
        MiMoBalanceError,
        MiMoBudgetError,
        MiMoConfigurationError,
        MiMoConnectionError,
        MiMoContentFilterError,
        MiMoContextOverflowError,
        MiMoError,
        MiMoIncompleteStreamError,
        MiMoInputError,
        MiMoInvalidRequestError,
        MiMoInvalidResponseError,
        MiMoMediaRejectedError,
        MiMoNotFoundError,
        MiMoPermissionError,
        MiMoQuotaError,
        MiMoRateLimitError,
        MiMoRedirectError,
        MiMoRiskControlError,
        MiMoRunawayResponseError,
        MiMoServerError,
        MiMoTimeoutError,
        UnsupportedModalityError,
    )
    from langchain_mimo.media import audio_block, image_block, video_block
    from langchain_mimo.prepare import prepare_audio, prepare_image, prepare_video

_MODULES = {
    "ChatMiMo": "chat_models",
    "HistoryError": "errors",
    "MediaError": "errors",
    "MiMoAPIError": "errors",
    "MiMoAuthenticationError": "errors",
    "MiMoBalanceError": "errors",
    "MiMoBudgetError": "errors",
    "MiMoConfigurationError": "errors",
    "MiMoConnectionError": "errors",
    "MiMoContentFilterError": "errors",
    "MiMoContextOverflowError": "errors",
    "MiMoError": "errors",
    "MiMoIncompleteStreamError": "errors",
    "MiMoInputError": "errors",
    "MiMoInvalidRequestError": "errors",
    "MiMoInvalidResponseError": "errors",
    "MiMoMediaRejectedError": "errors",
    "MiMoNotFoundError": "errors",
    "MiMoPermissionError": "errors",
    "MiMoQuotaError": "errors",
    "MiMoRateLimitError": "errors",
    "MiMoRedirectError": "errors",
    "MiMoRiskControlError": "errors",
    "MiMoRunawayResponseError": "errors",
    "MiMoServerError": "errors",
    "MiMoTimeoutError": "errors",
    "UnsupportedModalityError": "errors",
    "Estimate": "cost.estimate_result",
    "audio_block": "media",
    "image_block": "media",
    "video_block": "media",
    "plan_segments": "cost.planning",
    "plan_video": "cost.planning",
    "prepare_audio": "prepare",
    "prepare_image": "prepare",
    "prepare_video": "prepare",
    "system_prompt": "_chat.system_prompt",
    "MiMoTimeouts": "_transport.timeouts",
    "RetryPolicy": "_transport.retries",
}

__all__ = [
    "ChatMiMo",
    "Estimate",
    "HistoryError",
    "MediaError",
    "MiMoAPIError",
    "MiMoAuthenticationError",
    "MiMoBalanceError",
    "MiMoBudgetError",
    "MiMoConfigurationError",
    "MiMoConnectionError",
    "MiMoContentFilterError",
    "MiMoContextOverflowError",
    "MiMoError",
    "MiMoIncompleteStreamError",
    "MiMoInputError",
    "MiMoInvalidRequestError",
    "MiMoInvalidResponseError",
    "MiMoMediaRejectedError",
    "MiMoNotFoundError",
    "MiMoPermissionError",
    "MiMoQuotaError",
    "MiMoRateLimitError",
    "MiMoRedirectError",
    "MiMoRiskControlError",
    "MiMoRunawayResponseError",
    "MiMoServerError",
    "MiMoTimeoutError",
    "MiMoTimeouts",
    "RetryPolicy",
    "UnsupportedModalityError",
    "__version__",
    "audio_block",
    "image_block",
    "plan_segments",
    "plan_video",
    "prepare_audio",
    "prepare_image",
    "prepare_video",
    "system_prompt",
    "video_block",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in _MODULES:
        msg = f"module 'langchain_mimo' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"langchain_mimo.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List all public names, whether imported yet or not."""
    return sorted({*globals(), *__all__})
