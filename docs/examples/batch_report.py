"""The same question about many files: a few at a time, with a bar, a bill, and no work done twice.

    python docs/examples/batch_report.py report.jsonl "What is shown?" pictures/*.png clips/*.mp4

Each answer is a line of report.jsonl as soon as it is there. Stopped by Ctrl-C, by a kill, by a
power cut: the same command goes on with the files that have no answer yet; another question is
asked about all of them. Files that MiMo or this
package refuses get a line with the reason, and are asked about again by the next run. At the end
stands what all of it cost, earlier runs included.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bill import bill_table
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
    """Ask about all files; return 0 when every one has its answer."""
    command = argparse.ArgumentParser(description="Ask one question about many files.")
    command.add_argument("report", type=Path, help="JSON lines; an existing one is continued")
    command.add_argument("question")
    command.add_argument("files", type=Path, nargs="+")
    command.add_argument("--model", default="mimo-v2.6-flash")
    command.add_argument("--concurrency", type=int, default=4, help="requests at a time")
    options = command.parse_args()
    console = Console(stderr=True)
    done = read_report(options.report)
    todo = [path for path in options.files if not answered(done.get(str(path)), options.question)]
    console.print(f"{len(options.files) - len(todo)} of {len(options.files)} files are done.")
    with (
        options.report.open("a", encoding="utf-8") as report,
        progress_bar(console) as bar,
    ):
        task = bar.add_task("asking", total=len(todo))
        for row in ask_all(options.model, options.question, todo, options.concurrency):
            row["question"] = options.question
            done[row["file"]] = row
            report.write(json.dumps(row, ensure_ascii=False) + "\n")
            report.flush()
            os.fsync(report.fileno())  # from here on the work survives anything
            bar.advance(task)
    failed = [done[str(path)] for path in options.files if "error" in done[str(path)]]
    for row in failed:
        console.print(f"{row['file']}: {row['error']}", markup=False, soft_wrap=True)
    console.print(bill_table(total_usage(done.values())))
    return 1 if failed else 0


def answered(row: Row | None, question: str) -> bool:
    """Tell whether a row holds the answer to this question."""
    return row is not None and "answer" in row and row["question"] == question


def read_report(path: Path) -> dict[str, Row]:
    """Return the last row of each file; half a line, left by a kill, is cut off.

    A file that is no report is left as it is: a forgotten argument makes a picture of yours the
    first one.
    """
    if not path.exists():
        return {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    try:
        rows = [json.loads(line) for line in whole.splitlines()]
        ours = all(isinstance(row, dict) and {"file", "question"} <= row.keys() for row in rows)
    except ValueError:
        ours = False
    if not (ours and data.startswith(FIRST_BYTES[: len(data)])):
        raise SystemExit(f"{path} is no report of this program: name a new file, or one of its own")
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    return {row["file"]: row for row in rows}


def ask_all(model: str, question: str, paths: list[Path], concurrency: int) -> Iterator[Row]:
    """Ask about each file; yield a row as soon as one is answered."""
    llm = ChatMiMo(model=model, allowed_media_dirs=sorted({str(path.parent) for path in paths}))
    sent: list[Path] = []
    requests: list[Any] = []
    for path in paths:
        try:
            block = BLOCKS[path.suffix.lower()](path)
        except KeyError:
            yield {"file": str(path), "error": f"{path.suffix or 'no suffix'} is not known here"}
        except MediaError as error:
            yield {"file": str(path), "error": str(error)}
        else:
            sent.append(path)
            requests.append([HumanMessage([block, {"type": "text", "text": question}])])
    # A reference is a few hundred bytes: a thousand requests may wait, few files are ever open.
    answers = llm.batch_as_completed(
        requests, {"max_concurrency": concurrency}, return_exceptions=True
    )
    for number, answer in answers:
        row: Row = {"file": str(sent[number])}
        if isinstance(answer, AIMessage):
            row |= {"answer": answer.text, "model": model, "usage": answer.usage_metadata}
        elif isinstance(answer, MiMoError):
            row["error"] = f"{type(answer).__name__}: {answer}"
        else:
            raise answer
        yield row


def total_usage(rows: Any) -> dict[str, UsageMetadata]:
    """Add up usage by model."""
    totals: dict[str, UsageMetadata] = {}
    for row in rows:
        if row.get("usage"):
            totals[row["model"]] = add_usage(totals.get(row["model"]), row["usage"])
    return totals


def progress_bar(console: Console) -> Progress:
    """Make a bar with counts and the time that is left."""
    return Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console)


if __name__ == "__main__":
    sys.exit(main())
