"""Sends the same prompt about many files, and resumes after an interruption.

    python docs/examples/batch_report.py report.jsonl "What is shown?" images/*.png videos/*.mp4

Each answer becomes a line of report.jsonl as soon as it arrives. After Ctrl-C, a kill or a power
cut, the same command continues with the files that have no answer yet; a different prompt is sent
about all of them. Files that MiMo or this package refuses get a line with the reason, and the next
run tries them again. At the end, the program prints the usage and cost of all runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from costs import cost_table
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from langchain_mimo import ChatMiMo, audio_block, image_block, video_block
from langchain_mimo.errors import MediaError, MiMoError

BLOCKS = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp"), image_block),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".wmv"), video_block),
    **dict.fromkeys((".mp3", ".wav", ".flac", ".m4a", ".ogg"), audio_block),
}

Row = dict[str, Any]

FIRST_BYTES = b'{"file": "'


def main() -> int:
    """Process all files; return 0 if every file has its answer."""
    command = argparse.ArgumentParser(description="Send one prompt about many files.")
    command.add_argument(
        "report", type=Path, help="JSON lines file; an existing report is continued"
    )
    command.add_argument("prompt")
    command.add_argument("files", type=Path, nargs="+")
    command.add_argument("--model", default="mimo-v2.6-flash")
    command.add_argument("--concurrency", type=int, default=4, help="requests at a time")
    options = command.parse_args()
    console = Console(stderr=True)
    done = read_report(options.report)
    todo = [path for path in options.files if not answered(done.get(str(path)), options.prompt)]
    console.print(f"{len(options.files) - len(todo)} of {len(options.files)} files are done.")
    with (
        options.report.open("a", encoding="utf-8") as report,
        progress_bar(console) as bar,
    ):
        task = bar.add_task("files", total=len(todo))
        for row in ask_all(options.model, options.prompt, todo, options.concurrency):
            row["prompt"] = options.prompt
            done[row["file"]] = row
            report.write(json.dumps(row, ensure_ascii=False) + "\n")
            report.flush()
            os.fsync(report.fileno())  # the answer now survives a power cut
            bar.advance(task)
    failed = [done[str(path)] for path in options.files if "error" in done[str(path)]]
    for row in failed:
        console.print(f"{row['file']}: {row['error']}", markup=False, soft_wrap=True)
    console.print(cost_table(total_usage(done.values())))
    return 1 if failed else 0


def answered(row: Row | None, prompt: str) -> bool:
    """Return whether a row has the answer to this prompt."""
    return row is not None and "answer" in row and row["prompt"] == prompt


def read_report(path: Path) -> dict[str, Row]:
    """Return the last row of each file, and cut off an incomplete last line.

    A file that is not a report is not changed: if the first argument is forgotten, `path` is one of
    the media files.
    """
    if not path.exists():
        return {}
    data = path.read_bytes()
    complete = data[: data.rfind(b"\n") + 1]
    try:
        rows = [json.loads(line) for line in complete.splitlines()]
        is_report = all(isinstance(row, dict) and {"file", "prompt"} <= row.keys() for row in rows)
    except ValueError:
        is_report = False
    if not (is_report and data.startswith(FIRST_BYTES[: len(data)])):
        raise SystemExit(
            f"{path} is not a report of this program; pass a new file or one of its reports"
        )
    if len(complete) < len(data):
        os.truncate(path, len(complete))
    return {row["file"]: row for row in rows}


def ask_all(model: str, prompt: str, paths: list[Path], concurrency: int) -> Iterator[Row]:
    """Send one request per file; yield each row as soon as its response arrives."""
    llm = ChatMiMo(model=model, allowed_media_dirs=sorted({str(path.parent) for path in paths}))
    sent: list[Path] = []
    requests: list[Any] = []
    for path in paths:
        try:
            block = BLOCKS[path.suffix.lower()](path)
        except KeyError:
            yield {"file": str(path), "error": f"unsupported suffix {path.suffix!r}"}
        except MediaError as error:
            yield {"file": str(path), "error": str(error)}
        else:
            sent.append(path)
            requests.append([HumanMessage([block, {"type": "text", "text": prompt}])])
    # A reference is a few hundred bytes: many requests can wait, but few files are open at a time.
    responses = llm.batch_as_completed(
        requests, {"max_concurrency": concurrency}, return_exceptions=True
    )
    for number, response in responses:
        row: Row = {"file": str(sent[number])}
        if isinstance(response, AIMessage):
            row |= {"answer": response.text, "model": model, "usage": response.usage_metadata}
        elif isinstance(response, MiMoError):
            row["error"] = f"{type(response).__name__}: {response}"
        else:
            raise response
        yield row


def total_usage(rows: Any) -> dict[str, UsageMetadata]:
    """Add up the usage per model."""
    totals: dict[str, UsageMetadata] = {}
    for row in rows:
        if row.get("usage"):
            totals[row["model"]] = add_usage(totals.get(row["model"]), row["usage"])
    return totals


def progress_bar(console: Console) -> Progress:
    """Return a progress bar with counts and the remaining time."""
    return Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console)


if __name__ == "__main__":
    sys.exit(main())
