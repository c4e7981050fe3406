"""An agent that watches a video, looks closer at segments, and takes notes.

    python docs/examples/video_agent.py video.mp4 "When is the sun at its highest?"
    python docs/examples/video_agent.py video.mp4 "And what can be heard at that moment?"

Reasoning, tool calls and answers are printed as they arrive. The conversation is stored in an
SQLite file, so the second run continues the first; the video is stored as a reference.
MIMO_API_KEY holds the key; MIMO_BASE_URL can point to another server, such as the emulator.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from textwrap import shorten
from typing import Any

from costs import cost_table
from langchain.agents import create_agent
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.sqlite import SqliteSaver
from rich.console import Console

from langchain_mimo import ChatMiMo, video_block
from langchain_mimo.errors import MediaError, MiMoError
from langchain_mimo.prepare import prepare_video

INSTRUCTIONS = (
    "You watch videos and answer questions about them. State moments in seconds. Where a detail "
    "matters, look closer at that segment first. Note down what you found with its second."
)


def main() -> int:
    """Answer one prompt; return the exit code."""
    command = argparse.ArgumentParser(description="Ask an agent about a video.")
    command.add_argument("video", type=Path)
    command.add_argument("prompt")
    command.add_argument("--model", default="mimo-v2.6-flash")
    command.add_argument(
        "--folder",
        type=Path,
        default=Path("video_agent"),
        help="for notes, segments and conversations",
    )
    options = command.parse_args()
    try:
        watch(options.video, options.prompt, options.model, options.folder)
    except MiMoError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def watch(video: Path, prompt: str, model: str, folder: Path) -> None:
    """Send a prompt about a video, in the conversation that `folder` stores for it."""
    folder.mkdir(parents=True, exist_ok=True)
    llm = ChatMiMo(
        model=model,
        allowed_media_dirs=[str(video.parent), str(folder)],  # no other file is opened
    )
    with SqliteSaver.from_conn_string(str(folder / "conversations.sqlite")) as checkpointer:
        agent = create_agent(
            llm, make_tools(video, folder), system_prompt=INSTRUCTIONS, checkpointer=checkpointer
        )
        config: Any = {"configurable": {"thread_id": str(video.resolve())}}
        content: list[Any] = [{"type": "text", "text": prompt}]
        if not agent.get_state(config).values:  # only the first message contains the video
            content.insert(0, video_block(video, fps=2))
        screen = Screen()
        with get_usage_metadata_callback() as usage:
            state = {"messages": [{"role": "user", "content": content}]}
            for message, _ in agent.stream(state, config, stream_mode="messages"):
                screen.show(message)
        screen.show_cost(usage.usage_metadata)


def make_tools(video: Path, folder: Path) -> list[BaseTool]:
    """Return the tools for one video."""

    @tool
    def look_closer(start_s: float, end_s: float) -> list[Any]:
        """Look at a segment of the video at 10 frames per second and full resolution.

        Args:
            start_s: Second where the segment begins.
            end_s: Second where it ends.
        """
        segment = folder / f"{video.stem}-{start_s:g}-{end_s:g}.mp4"
        try:
            if not segment.exists():
                times = {"start_s": start_s, "end_s": end_s}
                prepare_video(video, segment, **times, fps=10, media_resolution="max")
        except MediaError as error:  # the model can correct its arguments
            return [{"type": "text", "text": f"There is no such segment: {error}"}]
        return [
            {"type": "text", "text": f"The video from second {start_s:g} to {end_s:g}."},
            video_block(segment, fps=10, media_resolution="max"),
        ]

    @tool
    def take_note(second: float, note: str) -> str:
        """Write a note about a moment of the video.

        Args:
            second: The moment.
            note: What was found.
        """
        with (folder / f"{video.stem}-notes.txt").open("a", encoding="utf-8") as notes:
            notes.write(f"{second:g}\t{note}\n")
        return "Noted."

    return [look_closer, take_note]


class Screen:
    """Prints reasoning dimmed, tool calls in cyan, results in green, and answers plain."""

    def __init__(self) -> None:
        self._shown = ""
        self._console = Console(highlight=False, markup=False)

    def show(self, message: BaseMessage) -> None:
        """Print a message or chunk immediately."""
        if isinstance(message, ToolMessage):
            # LangChain stores a list that contains a video as JSON text; ChatMiMo parses it.
            self._print("result", f"← {shorten(message.text, 100)}", style="green")
        elif isinstance(message, AIMessageChunk):
            for block in message.content_blocks:
                if block["type"] == "reasoning":
                    self._print("reasoning", block.get("reasoning", ""), style="dim")
                elif block["type"] == "text":
                    self._print("answer", block["text"], style="")
            for call in message.tool_call_chunks:
                self._print(f"call {call['id']}", f"→ {call['name']}{call['args']}", style="cyan")

    def show_cost(self, usages: dict[str, UsageMetadata]) -> None:
        """Print the usage and cost."""
        self._console.print()
        self._console.print(cost_table(usages))

    def _print(self, kind: str, text: str, style: str) -> None:
        if kind != self._shown:  # start a new line for another kind of output
            self._shown = kind
            self._console.print()
        self._console.print(text, style=style, end="")


if __name__ == "__main__":
    sys.exit(main())
