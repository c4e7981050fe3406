"""A tour of ChatMiMo: an image, a video, audio, streaming, tools, usage and cost.

With MIMO_API_KEY set, it uses the real API (MIMO_MODEL selects another model); without a key, it
starts the emulator in the same process. `make demo` runs it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from sample_media import make_audio, make_image, make_video

from langchain_mimo import ChatMiMo, audio_block, catalogue, image_block, video_block
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.errors import MiMoError
from langchain_mimo.tokens import audio_tokens, image_tokens, video_tokens

console = Console(highlight=False)
Responses = list[tuple[str, AIMessage]]
"""Titles and responses, for the table of usage and cost."""


def main() -> int:
    """Run the tour; return 0 if all token counts match the published formulas."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        llm = stack.enter_context(connect(stack, folder))
        responses: Responses = []
        counts_match = send_media(llm, folder, responses)
        # MiMo calls its formulas estimates, so only the emulator has to match them.
        counts_match = counts_match or "MIMO_API_KEY" in os.environ
        stream_answer(llm, responses)
        use_tools(llm, responses)
        show_cost(responses, llm.model)
    return 0 if counts_match else 1


def connect(stack: ExitStack, folder: Path) -> ChatMiMo:
    """Create a ChatMiMo for the real API if there is a key, else for a new emulator."""
    model = os.environ.get("MIMO_MODEL", "mimo-v2.6-flash")
    shared = {"model": model, "allowed_media_dirs": [str(folder)]}
    if os.environ.get("MIMO_API_KEY"):
        llm = ChatMiMo(**shared)
        where = f"the real API, [bold]{llm.base_url or catalogue.GENERAL_HOST}[/]"
    else:
        emulator = stack.enter_context(MiMoEmulator())
        llm = ChatMiMo(base_url=emulator.base_url, api_key=emulator.api_key, **shared)
        where = (
            "the local [bold]emulator[/]: MIMO_API_KEY is not set.\n"
            "It is not a language model; it opens files and reports what is in them."
        )
    console.print(Panel(f"Using [bold]{model}[/] on {where}", title="langchain-mimo"))
    return llm


def send_media(llm: ChatMiMo, folder: Path, responses: Responses) -> bool:
    """Ask about three files; return whether the token counts match the published formulas."""
    image = make_image(folder / "sunset.png")
    video = make_video(folder / "sunset.mp4")
    audio = make_audio(folder / "melody.wav")
    expected_video = video_tokens(4.0, 320, 240, fps=2)
    prompts = [
        ("Image", "What do you see?", image_block(image), {"image": image_tokens(640, 480)}),
        (
            "Video",
            "What happens?",
            video_block(video, fps=2),
            {"video": expected_video.vision, "audio": expected_video.audio},
        ),
        ("Audio", "What do you hear?", audio_block(audio), {"audio": audio_tokens(4.0)}),
    ]
    all_match = True
    for title, prompt, block, formula in prompts:
        response = llm.invoke([HumanMessage([block, {"type": "text", "text": prompt}])])
        responses.append((title, response))
        details = response.usage_metadata["input_token_details"]
        counts = []
        for kind, tokens in formula.items():
            matches = details.get(kind) == tokens
            all_match = all_match and matches
            counts.append(
                f"{kind} {details.get(kind)} ({'=' if matches else '≠'} formula {tokens})"
            )
        console.print(
            Panel(
                Text(response.text),
                title=f"{title}: {prompt}",
                subtitle=f"tokens: {', '.join(counts)}",
            )
        )
    return all_match


def stream_answer(llm: ChatMiMo, responses: Responses) -> None:
    """Stream one response: the reasoning dimmed, then the answer."""
    prompt = "Why is the sky orange at sunset? One sentence."
    console.rule(f"Streaming: {prompt}")
    full: AIMessageChunk | None = None
    for chunk in llm.stream(prompt):
        reasoning = chunk.additional_kwargs.get("reasoning_content", "")
        console.print(Text(reasoning, style="dim italic"), end="")
        if chunk.text and not (full and full.text):
            console.print()
        console.print(Text(chunk.text), end="")
        full = chunk if full is None else full + chunk
    console.print("\n")
    assert full is not None
    responses.append(("Stream", full))


def use_tools(llm: ChatMiMo, responses: Responses) -> None:
    """Run an agent with two tools."""

    def get_weather(city: str) -> str:
        """Get the weather of a city today."""
        return f"{city}: clear, 21 °C, sunset at 18:04"

    def multiply(a: int, b: int) -> int:
        """Multiply two numbers."""
        return a * b

    prompt = "What is the weather in Qingdao, and what is 17 times 23?"
    console.rule(f"Agent with two tools: {prompt}")
    agent = create_agent(llm, [get_weather, multiply])
    for message in agent.invoke({"messages": [HumanMessage(prompt)]})["messages"]:
        if isinstance(message, AIMessage):
            responses.append(("Agent", message))
            for call in message.tool_calls:
                arguments = ", ".join(f"{name}={value!r}" for name, value in call["args"].items())
                console.print(f"  [cyan]→ {call['name']}({arguments})[/]")
            if message.text:
                console.print(Padding(Text(message.text), (0, 2)))
        elif isinstance(message, ToolMessage):
            console.print(f"  [green]← {message.text}[/]")
    console.print()


def show_cost(responses: Responses, model: str) -> None:
    """Print the usage by modality and the cost of all responses."""
    known = catalogue.find(model)
    price = known.price if known else None
    columns = ("input", "image", "video", "audio", "cached", "output", "reasoning", "US$")
    table = Table(
        title=f"Usage and cost: {model}",
        show_footer=True,
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
    )
    table.add_column("", "Total")
    rows = []
    for title, message in responses:
        usage = message.usage_metadata
        inputs, outputs = usage["input_token_details"], usage["output_token_details"]
        cached = inputs.get("cache_read", 0)
        cost = price and (
            (usage["input_tokens"] - cached) * price.input
            + cached * price.cache_hit
            + usage["output_tokens"] * price.output
        )
        media = [inputs.get(kind, 0) for kind in ("image", "video", "audio")]
        counts = (
            usage["input_tokens"],
            *media,
            cached,
            usage["output_tokens"],
            outputs["reasoning"],
        )
        rows.append((title, *counts, (cost or 0) / 1e6))
    for column, values in zip(columns, list(zip(*rows, strict=True))[1:], strict=True):
        total = f"{sum(values):.6f}" if column == "US$" else str(sum(values))
        table.add_column(column, total, justify="right")
    for title, *counts, cost in rows:
        table.add_row(title, *(str(n) if n else "·" for n in counts), f"{cost:.6f}")
    console.print(table)
    if price:
        console.print(f"Prices per million tokens as of {price.as_of}.", style="dim")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MiMoError as error:
        console.print(f"[red]{type(error).__name__}:[/] {error}")
        sys.exit(1)
