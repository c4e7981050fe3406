"""An agent that watches a video: it looks closer where it wants to, and takes notes.

    python docs/examples/video_agent.py clip.mp4 "When does the sun stand highest?"
    python docs/examples/video_agent.py clip.mp4 "And what is heard at that moment?"

Thoughts, tool calls and answers appear while they come. The conversation is kept in an SQLite file,
so that the second question knows the first; the video is in it by reference, not by its bytes.
MIMO_API_KEY names the key; MIMO_BASE_URL may lead elsewhere, to the emulator say.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from textwrap import shorten
from typing import Any

from bill import bill_table
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
    "decides, look closer at that part first. Note down what you found with its second."
)


def main() -> int:
    """Ask one question; return the exit code."""
    command = argparse.ArgumentParser(description="Ask an agent about a video.")
    command.add_argument("video", type=Path)
    command.add_argument("question")
    command.add_argument("--model", default="mimo-v2.6-flash")
    command.add_argument("--folder", type=Path, default=Path("video_agent"), help="what it keeps")
    options = command.parse_args()
    try:
        watch(options.video, options.question, options.model, options.folder)
    except MiMoError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def watch(video: Path, question: str, model: str, folder: Path) -> None:
    """Ask about a video, in the conversation about it that `folder` keeps."""
    folder.mkdir(parents=True, exist_ok=True)
    llm = ChatMiMo(
        model=model,
        allowed_media_dirs=[str(video.parent), str(folder)],  # no other file is ever opened
    )
    with SqliteSaver.from_conn_string(str(folder / "conversations.sqlite")) as checkpointer:
        agent = create_agent(
            llm, make_tools(video, folder), system_prompt=INSTRUCTIONS, checkpointer=checkpointer
        )
        config: Any = {"configurable": {"thread_id": str(video.resolve())}}
        content: list[Any] = [{"type": "text", "text": question}]
        if not agent.get_state(config).values:  # the first question brings the video along
            content.insert(0, video_block(video, fps=2))
        screen = Screen()
        with get_usage_metadata_callback() as usage:
            asked = {"messages": [{"role": "user", "content": content}]}
            for message, _ in agent.stream(asked, config, stream_mode="messages"):
                screen.show(message)
        screen.bill(usage.usage_metadata)


def make_tools(video: Path, folder: Path) -> list[BaseTool]:
    """Make the tools for one video."""

    @tool
    def look_closer(start: float, end: float) -> list[Any]:
        """Look at a part of the video at 10 frames per second and full resolution.

        Args:
            start: Second where the part begins.
            end: Second where it ends.
        """
        part = folder / f"{video.stem}-{start:g}-{end:g}.mp4"
        try:
            if not part.exists():
                prepare_video(video, part, start=start, end=end)
        except MediaError as error:  # the model can mend its mistake
            return [{"type": "text", "text": f"There is no such part: {error}"}]
        return [
            {"type": "text", "text": f"The video from second {start:g} to {end:g}."},
            video_block(part, fps=10, media_resolution="max"),
        ]

    @tool
    def take_note(second: float, note: str) -> str:
        """Write down what is to be remembered about a moment of the video.

        Args:
            second: The moment.
            note: What was found.
        """
        with (folder / f"{video.stem}-notes.txt").open("a", encoding="utf-8") as notes:
            notes.write(f"{second:g}\t{note}\n")
        return "Noted."

    return [look_closer, take_note]


class Screen:
    """The terminal: thoughts dim, calls cyan, results green, answers plain."""

    def __init__(self) -> None:
        self._shown = ""
        self._console = Console(highlight=False, markup=False)

    def show(self, message: BaseMessage) -> None:
        """Print a piece of what happens, at once."""
        if isinstance(message, ToolMessage):
            # LangChain keeps a list with a video as JSON text; ChatMiMo reads it back.
            self._print("result", f"← {shorten(message.text, 100)}", style="green")
        elif isinstance(message, AIMessageChunk):
            for block in message.content_blocks:
                if block["type"] == "reasoning":
                    self._print("thoughts", block.get("reasoning", ""), style="dim")
                elif block["type"] == "text":
                    self._print("answer", block["text"], style="")
            for call in message.tool_call_chunks:
                self._print(f"call {call['id']}", f"→ {call['name']}{call['args']}", style="cyan")

    def bill(self, usages: dict[str, UsageMetadata]) -> None:
        """Print what all of it cost."""
        self._console.print()
        self._console.print(bill_table(usages))

    def _print(self, kind: str, text: str, style: str) -> None:
        if kind != self._shown:  # another kind of thing begins a line of its own
            self._shown = kind
            self._console.print()
        self._console.print(text, style=style, end="")


if __name__ == "__main__":
    sys.exit(main())
