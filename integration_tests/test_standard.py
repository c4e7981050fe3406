"""LangChain's standard integration tests in both API formats: emulated and, with a key, live."""

import base64

import httpx
import pytest
from langchain_core.messages import HumanMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_mimo.chat_models import ChatMiMo

# Longer than the blocks of 64 tokens that the server's prefix cache works in.
LONG_PROMPT = "Please read this list of numbers: " + ", ".join(str(n) for n in range(400))


class TestChatMiMo(ChatModelIntegrationTests):
    @pytest.fixture
    def api_format(self):
        return "openai"

    @pytest.fixture(autouse=True)
    def _served(self, service):
        self.service = service

    @pytest.fixture(autouse=True)
    def _files_of_the_web(self, service, media, monkeypatch):
        """Stand in for the files that some tests fetch: real media of the same kind."""
        self.audio = media.audio
        if service.is_live:
            return
        files = {".png": media.image, ".wav": media.audio}

        def get(url, **_):
            kind = next(suffix for suffix in files if url.endswith(suffix))
            return httpx.Response(200, content=files[kind].read_bytes())

        monkeypatch.setattr(httpx, "get", get)
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "unused: nothing is fetched")

    @property
    def chat_model_class(self):
        return ChatMiMo

    @property
    def chat_model_params(self):
        # MiMo thinks before it answers, so the standard 100 tokens are too few to answer with.
        return {"model": "mimo-v2.6-flash", "max_tokens": 4096, **self.service.connection}

    model_override_value = "mimo-v2.6-pro"
    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_audio_inputs = True
    supports_video_inputs = True
    supports_image_tool_message = True
    supports_anthropic_inputs = True

    @property
    def supported_usage_metadata_details(self):
        kinds = ["audio_input", "reasoning_output", "cache_read_input"]
        return {"invoke": kinds, "stream": kinds}

    def invoke_with_audio_input(self, *, stream=False):
        audio = {
            "type": "audio",
            "base64": base64.b64encode(self.audio.read_bytes()).decode(),
            "mime_type": "audio/wav",
        }
        question = {"type": "text", "text": "What do you hear?"}
        return self._ask([HumanMessage([audio, question])], stream=stream)

    def invoke_with_reasoning_output(self, *, stream=False):
        return self._ask("Is 1023 a prime number?", stream=stream)

    def invoke_with_cache_read_input(self, *, stream=False):
        self._ask(LONG_PROMPT, stream=stream)
        return self._ask(LONG_PROMPT, stream=stream)

    def _ask(self, question, *, stream):
        model = ChatMiMo(**self.chat_model_params)
        if not stream:
            return model.invoke(question)
        first, *rest = model.stream(question)
        return sum(rest, first)


@pytest.mark.filterwarnings("ignore:The Anthropic format has no names of participants")
class TestChatMiMoInTheAnthropicFormat(TestChatMiMo):
    @pytest.fixture
    def api_format(self):
        return "anthropic"

    @property
    def supported_usage_metadata_details(self):
        # The format counts neither modalities nor thoughts.
        return {"invoke": ["cache_read_input"], "stream": ["cache_read_input"]}

    @pytest.mark.parametrize("service", ["emulator"], indirect=True)
    def test_it_is_the_anthropic_format(self, model, emulator):
        """What is inherited proves nothing of this format unless it is the one spoken."""
        model.invoke("Hello")
        assert emulator.requests[-1].path.endswith("/anthropic/v1/messages")
