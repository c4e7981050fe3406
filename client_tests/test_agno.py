"""agno's model class `agno.models.xiaomi.MiMo`, in an agent."""

import pytest
from agno.agent import Agent
from agno.media import Image
from agno.models.xiaomi import MiMo
from agno.run.base import RunStatus


def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"rain in {city}, 7 degrees"


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def ask(request, emulator):
    """A function that runs an agent, and returns its output."""

    def run(prompt, *, tools=(), **options):
        model = MiMo(id="mimo-v2.6-flash", base_url=emulator.base_url, api_key=emulator.api_key)
        agent = Agent(model=model, tools=list(tools), telemetry=False)
        output = agent.run(prompt, stream=request.param, yield_run_output=True, **options)
        if request.param:
            *events, output = output
            assert "".join(event.content or "" for event in events) == output.content
            assert len(events) > 3
        assert {bool(each.body.get("stream")) for each in emulator.requests} == {request.param}
        usage = output.metrics
        assert usage.input_tokens + usage.output_tokens == usage.total_tokens
        assert 0 < usage.reasoning_tokens < usage.output_tokens
        return output

    return run


def test_text(ask, emulator):
    output = ask("Hello")
    assert output.content.endswith("You said: Hello")
    assert "Hello" in output.reasoning_content
    (request,) = emulator.requests
    assert request.body["model"] == "mimo-v2.6-flash"
    assert request.body["messages"] == [{"role": "user", "content": "Hello"}]
    assert request.headers["authorization"] == f"Bearer {emulator.api_key}"


def test_image(ask, emulator, png):
    output = ask("Describe it.", images=[Image(content=png, mime_type="image/png")])
    assert "128" in output.content
    (request,) = emulator.requests
    (message,) = request.body["messages"]
    assert [part["type"] for part in message["content"]] == ["text", "image_url"]
    (image,) = request.media
    assert (image.kind, image.data) == ("image", png)


def test_tool_call(ask, emulator):
    output = ask("What is the weather in Oslo?", tools=[get_weather])
    assert "rain in Oslo, 7 degrees" in output.content
    (execution,) = output.tools
    assert (execution.tool_name, execution.tool_args) == ("get_weather", {"city": "Oslo"})
    first, second = emulator.requests
    (tool,) = first.body["tools"]
    assert first.body["tools"] == second.body["tools"]
    assert tool["function"]["name"] == "get_weather"
    assert tool["function"]["parameters"]["required"] == ["city"]
    user, turn, result = second.body["messages"]
    assert user["content"] == "What is the weather in Oslo?"
    assert turn["tool_calls"][0]["id"] == execution.tool_call_id
    assert turn["reasoning_content"].startswith("The user says: What is the weather")
    assert result == {
        "role": "tool",
        "tool_call_id": execution.tool_call_id,
        "content": "rain in Oslo, 7 degrees",
    }


def test_a_refusal_says_what_mimo_said(emulator):
    model = MiMo(id="gpt-4o", base_url=emulator.base_url, api_key=emulator.api_key)
    output = Agent(model=model, telemetry=False).run("Hello")
    assert output.status == RunStatus.error
    assert "Unsupported model gpt-4o" in output.content
