"""litellm's provider `xiaomi_mimo`."""

import litellm
import pytest

MODEL = "xiaomi_mimo/mimo-v2.6-flash"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def complete(request, emulator):
    """A function that calls litellm, and returns the response, whole or put together from chunks."""

    def call(messages, model=MODEL, **options):
        connection = {"api_base": emulator.base_url, "api_key": emulator.api_key}
        response = litellm.completion(
            model, messages, stream=request.param, **connection, **options
        )
        if request.param:
            chunks = list(response)
            assert len(chunks) > 3
            response = litellm.stream_chunk_builder(chunks, messages=messages)
        assert bool(emulator.requests[-1].body.get("stream")) == request.param
        usage = response.usage
        assert usage.prompt_tokens + usage.completion_tokens == usage.total_tokens
        assert 0 < usage.completion_tokens_details.reasoning_tokens < usage.completion_tokens
        return response.choices[0]

    return call


def test_text(complete, emulator):
    messages = [{"role": "user", "content": "Hello"}]
    choice = complete(messages, max_completion_tokens=500, temperature=0.5)
    assert choice.finish_reason == "stop"
    assert choice.message.content.endswith("You said: Hello")
    assert "Hello" in choice.message.reasoning_content
    (request,) = emulator.requests
    assert request.body["model"] == "mimo-v2.6-flash"
    assert request.body["messages"] == messages
    assert request.body["max_tokens"] == 500
    assert request.body["temperature"] == 0.5
    assert request.headers["authorization"] == f"Bearer {emulator.api_key}"


def test_image(complete, emulator, png, data_url):
    content = [
        {"type": "text", "text": "Describe it."},
        {"type": "image_url", "image_url": {"url": data_url}},
    ]
    choice = complete([{"role": "user", "content": content}])
    assert "128" in choice.message.content
    (request,) = emulator.requests
    assert request.body["messages"] == [{"role": "user", "content": content}]
    (image,) = request.media
    assert (image.kind, image.data) == ("image", png)


def test_tool_call(complete, emulator):
    messages = [{"role": "user", "content": "What is the weather in Oslo?"}]
    choice = complete(messages, tools=[WEATHER])
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Oslo"}')

    result = {"role": "tool", "tool_call_id": call.id, "content": "rain, 7 degrees"}
    final = complete([*messages, choice.message, result], tools=[WEATHER])
    assert final.finish_reason == "stop"
    assert "rain, 7 degrees" in final.message.content
    first, second = emulator.requests
    assert first.body["tools"] == second.body["tools"] == [WEATHER]
    turn = second.body["messages"][1]
    assert turn["tool_calls"][0]["id"] == call.id
    assert turn["reasoning_content"] == choice.message.reasoning_content
    assert second.body["messages"][2] == result


def test_a_refusal_says_what_mimo_said(complete):
    with pytest.raises(litellm.BadRequestError, match="Unsupported model gpt-4o"):
        complete([{"role": "user", "content": "Hello"}], model="xiaomi_mimo/gpt-4o")
