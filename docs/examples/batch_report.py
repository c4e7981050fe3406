"""Sends the same prompt about many files, and resumes after an interruption.

    python docs/examples/batch_report.py report.jsonl "What is shown?" images/* lectures/*

First all files are measured and priced by their headers, and nothing is sent if that is more than
`--max-cost`. Files that MiMo does not take (MKV, WebM, Opus, HEIC, files over 37 MB …) are prepared
while others are answered.

Each answer becomes a line of report.jsonl as soon as it arrives. After Ctrl-C, a kill or a power
cut, the same command continues with the files that have no answer yet; a different prompt is sent
about all of them. Files that cannot be sent get a line with the reason, and the next run tries them
again. At the end, the program prints the usage and cost of all runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from costs import cost_table
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.runnables import RunnableLambda
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from langchain_mimo import ChatMiMo, audio_block, image_block, video_block
from langchain_mimo.cost import estimate_file
from langchain_mimo.errors import MediaError, MiMoError
from langchain_mimo.media import MediaInfo, probe
from langchain_mimo.prepare import prepare_audio, prepare_image, prepare_video

Row = dict[str, Any]

FIRST_BYTES = b'{"file": "'

BLOCKS: dict[str, Any] = {"image": image_block, "video": video_block, "audio": audio_block}


@dataclass(frozen=True)
class File:
    """A file to send, and what that is estimated to cost."""

    path: Path
    info: MediaInfo
    tokens: int
    dollars: float | None


def main() -> int:
    """Process all files; return 0 if every file has its answer."""
    command = argparse.ArgumentParser(description="Send one prompt about many files.")
    command.add_argument(
        "report", type=Path, help="JSON lines file; an existing report is continued"
    )
    command.add_argument("prompt")
    command.add_argument("files", type=Path, nargs="+")
    command.add_argument("--model", default="mimo-v2.6-flash")
    command.add_argument("--fps", type=float, default=1.0, help="frames per second of videos")
    command.add_argument("--max-cost", type=float, default=1.0, help="US dollars; inf: no limit")
    command.add_argument("--max-output", type=int, default=8000, help="tokens of one answer")
    command.add_argument("--concurrency", type=int, default=4, help="requests at a time")
    options = command.parse_args()
    console = Console(stderr=True)
    done = read_report(options.report)
    todo = [path for path in options.files if not answered(done.get(str(path)), options.prompt)]
    console.print(f"{len(options.files) - len(todo)} of {len(options.files)} files are done.")
    files, rows = measure(todo, options)
    check_cost(files, options, console)
    with (
        options.report.open("a", encoding="utf-8") as report,
        progress_bar(console) as bar,
    ):
        task = bar.add_task("files", total=len(todo))
        for row in chain(rows, ask_all(files, options)):
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


def measure(paths: list[Path], options: Any) -> tuple[list[File], list[Row]]:
    """Price the files by their headers; return them, and rows for those that cannot be sent."""
    files: list[File] = []
    rows: list[Row] = []
    for path in paths:
        try:
            info = probe(path)
            cost = estimate_file(
                info, model=options.model, fps=options.fps, output_tokens=options.max_output
            )
        except MediaError as error:
            rows.append({"file": str(path), "error": str(error)})
        else:
            files.append(File(path, info, cost.total, cost.cost_usd))
    return files, rows


def check_cost(files: list[File], options: Any, console: Console) -> None:
    """Print what the files will cost at most, and stop if it is too much."""
    known = [file.dollars for file in files if file.dollars is not None]
    unknown = float("inf") if len(known) < len(files) else 0.0
    dollars = sum(known) + unknown
    tokens = sum(file.tokens for file in files)
    console.print(f"{len(files)} requests: {tokens:,} tokens of media, {dollars:.4f} US dollars.")
    if dollars > options.max_cost:
        raise SystemExit(
            f"That is more than --max-cost={options.max_cost:g}, if every answer has --max-output "
            "tokens: raise the former, or lower the latter, --fps or the number of files."
        )


def ask_all(files: list[File], options: Any) -> Iterator[Row]:
    """Send one request per file; yield each row as soon as its response arrives."""
    with TemporaryDirectory(prefix="batch_report") as folder:
        folders = {str(file.path.parent) for file in files}
        llm = ChatMiMo(
            model=options.model,
            allowed_media_dirs=[*sorted(folders), folder],
            fps=options.fps,
            max_completion_tokens=options.max_output,
        )

        def message(numbered: tuple[int, File]) -> list[HumanMessage]:
            number, file = numbered
            block = block_of(file, Path(folder, f"{number}"), options.fps)
            return [HumanMessage([block, {"type": "text", "text": options.prompt}])]

        # Files are prepared in the threads that send the requests: few at a time.
        responses = (RunnableLambda(message) | llm).batch_as_completed(
            list(enumerate(files)), {"max_concurrency": options.concurrency}, return_exceptions=True
        )
        for number, response in responses:
            Path(folder, f"{number}").unlink(missing_ok=True)
            yield row_of(files[number].path, response, options.model)


def block_of(file: File, prepared: Path, fps: float) -> Any:
    """Return the content block of a file; write what MiMo does not take to `prepared` first."""
    kind, path = file.info.kind, file.path
    if file.info.refusal is not None:
        if kind == "video":
            prepare_video(path, prepared, fps=fps)
        elif kind == "audio":
            prepare_audio(path, prepared)
        else:
            prepare_image(path, prepared)
        path = prepared
    return BLOCKS[kind](path)


def row_of(path: Path, response: Any, model: str) -> Row:
    """Return the row of a response or of an error."""
    row: Row = {"file": str(path)}
    if isinstance(response, AIMessage):
        row |= {"model": model, "usage": response.usage_metadata}
        if response.response_metadata.get("finish_reason") == "length":
            row["error"] = "the answer is longer than --max-output"
        else:
            row["answer"] = response.text
    elif isinstance(response, MiMoError):
        row["error"] = f"{type(response).__name__}: {response}"
    else:
        raise response
    return row


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
