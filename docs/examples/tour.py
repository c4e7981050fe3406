"""A tour of ChatMiMo: a picture, a clip and a sound, thoughts, tools, and the bill.

With MIMO_API_KEY set it talks to the real API (MIMO_MODEL names another model); without, it starts
the emulator inside itself. `make demo` runs it.
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
Bill = list[tuple[str, AIMessage]]


def main() -> int:
    """Take the tour; return 0 when everything was as it should be."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        llm = stack.enter_context(connect(stack, folder))
        bill: Bill = []
        as_published = see_and_hear(llm, folder, bill)
        # The page calls its formulas estimates, so only the emulator is held to them.
        as_published = as_published or "MIMO_API_KEY" in os.environ
        think_aloud(llm, bill)
        use_tools(llm, bill)
        show(bill, llm.model)
    return 0 if as_published else 1


def connect(stack: ExitStack, folder: Path) -> ChatMiMo:
    """Make a ChatMiMo on the real API when there is a key, else on an emulator started here."""
    model = os.environ.get("MIMO_MODEL", "mimo-v2.6-flash")
    shared = {"model": model, "allowed_media_dirs": [str(folder)]}
    if os.environ.get("MIMO_API_KEY"):
        llm = ChatMiMo(**shared)
        where = f"the real API, [bold]{llm.base_url or catalogue.GENERAL_HOST}[/]"
    else:
        emulator = stack.enter_context(MiMoEmulator())
        llm = ChatMiMo(base_url=emulator.base_url, api_key=emulator.api_key, **shared)
        where = (
            "the [bold]emulator[/] on this machine, since MIMO_API_KEY is not set.\n"
            "It is no language model: it opens what it is sent and says what it found."
        )
    console.print(Panel(f"Talking as [bold]{model}[/] to {where}", title="langchain-mimo"))
    return llm


def see_and_hear(llm: ChatMiMo, folder: Path, bill: Bill) -> bool:
    """Ask about three real files; return whether they were billed by the published formulas."""
    image = make_image(folder / "sunset.png")
    video = make_video(folder / "sunset.mp4")
    audio = make_audio(folder / "melody.wav")
    source_video = video_tokens(4.0, 320, 240, fps=2)
    asked = [
        ("Picture", "What do you see?", image_block(image), {"image": image_tokens(640, 480)}),
        (
            "Clip",
            "What happens?",
            video_block(video, fps=2),
            {"video": source_video.vision, "audio": source_video.audio},
        ),
        ("Sound", "What do you hear?", audio_block(audio), {"audio": audio_tokens(4.0)}),
    ]
    right = True
    for title, question, block, formula in asked:
        answer = llm.invoke([HumanMessage([block, {"type": "text", "text": question}])])
        bill.append((title, answer))
        details = answer.usage_metadata["input_token_details"]
        counts = []
        for kind, tokens in formula.items():
            same = details.get(kind) == tokens
            right = right and same
            counts.append(f"{kind} {details.get(kind)} ({'=' if same else '≠'} formula {tokens})")
        console.print(
            Panel(
                Text(answer.text),
                title=f"{title}: {question}",
                subtitle=f"tokens: {', '.join(counts)}",
            )
        )
    return right


def think_aloud(llm: ChatMiMo, bill: Bill) -> None:
    """Stream an answer: thoughts dimmed, then the answer."""
    question = "Why is the sky orange at sunset? One sentence."
    console.rule(f"Streamed: {question}")
    whole: AIMessageChunk | None = None
    for chunk in llm.stream(question):
        reasoning = chunk.additional_kwargs.get("reasoning_content", "")
        console.print(Text(reasoning, style="dim italic"), end="")
        if chunk.text and not (whole and whole.text):
            console.print()
        console.print(Text(chunk.text), end="")
        whole = chunk if whole is None else whole + chunk
    console.print("\n")
    assert whole is not None
    bill.append(("Stream", whole))


def use_tools(llm: ChatMiMo, bill: Bill) -> None:
    """Let an agent use two tools until it can answer."""

    def get_weather(city: str) -> str:
        """Get the weather of a city today."""
        return f"{city}: clear, 21 °C, sunset at 18:04"

    def multiply(a: int, b: int) -> int:
        """Multiply two numbers."""
        return a * b

    question = "What is the weather in Qingdao, and what is 17 times 23?"
    console.rule(f"Agent with two tools: {question}")
    agent = create_agent(llm, [get_weather, multiply])
    for message in agent.invoke({"messages": [HumanMessage(question)]})["messages"]:
        if isinstance(message, AIMessage):
            bill.append(("Agent", message))
            for call in message.tool_calls:
                arguments = ", ".join(f"{name}={value!r}" for name, value in call["args"].items())
                console.print(f"  [cyan]→ {call['name']}({arguments})[/]")
            if message.text:
                console.print(Padding(Text(message.text), (0, 2)))
        elif isinstance(message, ToolMessage):
            console.print(f"  [green]← {message.text}[/]")
    console.print()


def show(bill: Bill, model: str) -> None:
    """Print what everything cost, by modality and in money."""
    known = catalogue.find(model)
    price = known.price if known else None
    columns = ("input", "image", "video", "audio", "cached", "output", "reasoning", "US$")
    table = Table(
        title=f"The bill: {model}", show_footer=True, box=box.SIMPLE_HEAD, collapse_padding=True
    )
    table.add_column("", "Sum")
    rows = []
    for title, message in bill:
        usage = message.usage_metadata
        ins, outs = usage["input_token_details"], usage["output_token_details"]
        cached = ins.get("cache_read", 0)
        money = price and (
            (usage["input_tokens"] - cached) * price.input
            + cached * price.cache_hit
            + usage["output_tokens"] * price.output
        )
        media = [ins.get(kind, 0) for kind in ("image", "video", "audio")]
        used = (usage["input_tokens"], *media, cached, usage["output_tokens"], outs["reasoning"])
        rows.append((title, *used, (money or 0) / 1e6))
    for column, values in zip(columns, list(zip(*rows, strict=True))[1:], strict=True):
        total = f"{sum(values):.6f}" if column == "US$" else str(sum(values))
        table.add_column(column, total, justify="right")
    for title, *numbers, money in rows:
        table.add_row(title, *(str(n) if n else "·" for n in numbers), f"{money:.6f}")
    console.print(table)
    if price:
        console.print(f"Prices per million tokens as of {price.as_of}.", style="dim")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MiMoError as error:
        console.print(f"[red]{type(error).__name__}:[/] {error}")
        sys.exit(1)
