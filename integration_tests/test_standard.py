"""LangChain's standard integration tests in both API formats, on the emulator and the live API."""

import base64

import httpx
import pytest
from langchain_core.messages import HumanMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_mimo.chat_models import ChatMiMo

# The server's prefix cache counts blocks of 64 tokens; this prompt is longer than one.
LONG_PROMPT = "Please read this list of numbers: " + ", ".join(str(n) for n in range(400))


class TestChatMiMo(ChatModelIntegrationTests):
    @pytest.fixture
    def api_format(self):
        return "openai"

    @pytest.fixture(autouse=True)
    def _use_service(self, service):
        self.service = service

    @pytest.fixture(autouse=True)
    def _serve_downloads(self, service, media, monkeypatch):
        """Replace the files that some tests download by local media of the same kind."""
        self.audio = media.audio
        if service.is_live:
            return
        files = {".png": media.image, ".wav": media.audio}

        def get(url, **_):
            kind = next(suffix for suffix in files if url.endswith(suffix))
            return httpx.Response(200, content=files[kind].read_bytes())

        monkeypatch.setattr(httpx, "get", get)
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "unused: nothing is downloaded")

    @property
    def chat_model_class(self):
        return ChatMiMo

    @property
    def chat_model_params(self):
        # MiMo thinks before it answers, so the standard limit of 100 tokens is too low.
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
        prompt = {"type": "text", "text": "What do you hear?"}
        return self._ask([HumanMessage([audio, prompt])], stream=stream)

    def invoke_with_reasoning_output(self, *, stream=False):
        return self._ask("Is 1023 a prime number?", stream=stream)

    def invoke_with_cache_read_input(self, *, stream=False):
        self._ask(LONG_PROMPT, stream=stream)
        return self._ask(LONG_PROMPT, stream=stream)

    def _ask(self, messages, *, stream):
        model = ChatMiMo(**self.chat_model_params)
        if not stream:
            return model.invoke(messages)
        first, *rest = model.stream(messages)
        return sum(rest, first)


@pytest.mark.filterwarnings("ignore:The Anthropic format has no participant names")
class TestChatMiMoInTheAnthropicFormat(TestChatMiMo):
    @pytest.fixture
    def api_format(self):
        return "anthropic"

    # MiMo drops both in this format, so ChatMiMo refuses them.
    supports_audio_inputs = False
    supports_video_inputs = False

    @property
    def supported_usage_metadata_details(self):
        # This format reports no tokens per modality and no reasoning tokens.
        return {"invoke": ["cache_read_input"], "stream": ["cache_read_input"]}

    @pytest.mark.parametrize("service", ["emulator"], indirect=True)
    def test_the_anthropic_format_is_used(self, model, emulator):
        """Check that the inherited tests exercise this format."""
        model.invoke("Hello")
        assert emulator.requests[-1].path.endswith("/anthropic/v1/messages")
