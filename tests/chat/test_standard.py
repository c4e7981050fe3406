"""LangChain's standard unit tests."""

import functools

import pytest
from langchain_core.load import load
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_mimo.chat_models import ChatMiMo


class TestChatMiMo(ChatModelUnitTests):
    @property
    def chat_model_class(self):
        return ChatMiMo

    @property
    def chat_model_params(self):
        return {"model": "mimo-v2.6-flash", "api_key": "test"}

    @property
    def init_from_env_params(self):
        return (
            {"MIMO_API_KEY": "key-of-the-environment"},
            {"model": "mimo-v2.6-flash"},
            {"api_key": "key-of-the-environment"},
        )

    model_override_value = "mimo-v2.6-pro"
    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_audio_inputs = True
    supports_video_inputs = True
    supports_image_tool_message = True
    supports_anthropic_inputs = True

    @pytest.fixture(autouse=True)
    def _allow_loading(self, monkeypatch):
        """Include ChatMiMo in `allowed_objects="all"`, which test_serdes uses.

        LangChain's own list for "all" contains only the classes of its partner packages.
        """
        name = tuple(ChatMiMo.lc_id())
        monkeypatch.setattr(
            "langchain_tests.unit_tests.chat_models.load",
            functools.partial(load, additional_import_mappings={name: name}),
        )


class TestChatMiMoInTheAnthropicFormat(TestChatMiMo):
    supports_audio_inputs = False
    supports_video_inputs = False

    @property
    def chat_model_params(self):
        return {**super().chat_model_params, "api_format": "anthropic"}
