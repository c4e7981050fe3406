"""Runs the benchmarks: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import chart, report
from benchmarks.sampling import Measure

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
GROUPS = {
    "imports": 15,
    "constructors": 15,
    "calls": 25,
    "budgets": 25,
    "streams": 15,
    "tool_calls": 9,
    "histories": 15,
    "media": 15,
    "documents": 9,
    "concurrency": 7,
}
"""The modules of `benchmarks.measures` and the number of rounds in a full run.

A path that is new is a module there and a line here; its targets are in `targets`.
"""

PACKAGES = (
    *("langchain-mimo", "langchain-core", "langchain-openai", "langchain-mistralai"),
    *("langchain-deepseek", "langchain-anthropic", "langchain-google-genai"),
    *("openai", "anthropic", "google-genai", "httpx2", "httpx", "orjson", "pydantic"),
)


def choose_cores() -> tuple[str, str]:
    """Return a core for the server and one for the subjects; "" where cores cannot be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return "", ""
    available = sorted(os.sched_getaffinity(0))
    return (str(available[0]), str(available[-1])) if len(available) > 1 else ("", "")


@contextmanager
def run_server(core: str) -> Iterator[str]:
    """Run the server of canned responses; yields its origin."""
    command = [sys.executable, "-m", "benchmarks.server", *([core] if core else [])]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def clean_environment() -> dict[str, str]:
    """Return an environment without the user's settings for tracing, proxies, keys or debugging."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}


def run_group(group: str, origin: str, rounds: int, core: str) -> list[Measure]:
    """Take the measures of a group in a separate process."""
    command = [sys.executable, "-m", "benchmarks.worker", group, origin, str(rounds), core]
    # stderr also holds the warnings of other packages, so it is shown only on failure.
    process = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=clean_environment()
    )
    if process.returncode:
        raise SystemExit(f"{group} failed:\n{process.stderr}")
    return [Measure(**each) for each in json.loads(process.stdout)]


def describe_run() -> str:
    """Return the caption of the results: date, machine and package versions, in three lines."""
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return "\n".join(
        (
            f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {os.cpu_count()} cores; medians of one run.",
            ", ".join(versions[:7]),
            ", ".join(versions[7:]),
        )
    )


def publish(measures: dict[str, Measure], caption: str) -> None:
    """Replace the results in docs/performance.md."""
    page = ROOT / "docs" / "performance.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    table = report.targets_as_markdown(measures)
    text = f"{before}{BEGIN}\n\n{table}\n\n{caption}\n\n{END}{after}"
    page.write_text(text, encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"groups to run (all): {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="run a third of the rounds")
    parser.add_argument("--rounds", type=int, help="number of rounds in every group")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument(
        "--publish", action="store_true", help="write the chart and the table of the docs"
    )
    arguments = parser.parse_args()
    if unknown := [each for each in arguments.groups if each not in GROUPS]:
        parser.error(f"unknown group {unknown[0]!r}; choose from {', '.join(GROUPS)}")
    if arguments.publish and arguments.groups:
        parser.error("--publish needs a run of all groups; leave the names of groups out")
    return arguments


def main() -> int:
    """Run the groups, write the results; returns 1 if a target is not met."""
    arguments = parse_arguments()
    measures: dict[str, Measure] = {}
    server_core, worker_core = choose_cores()
    with run_server(server_core) as origin:
        for group in arguments.groups or GROUPS:
            rounds = arguments.rounds or GROUPS[group]
            if arguments.quick:
                rounds = max(3, rounds // 3)
            print(f"{group}: {rounds} rounds …", file=sys.stderr, flush=True)
            for measure in run_group(group, origin, rounds, worker_core):
                measures[measure.name] = measure
    output = ROOT / "docs" / "assets" if arguments.publish else arguments.output
    output.mkdir(parents=True, exist_ok=True)
    caption = describe_run()
    (output / "performance.svg").write_text(chart.draw(measures, caption), encoding="utf-8")
    results = {"about": caption, "measures": [each.as_json() for each in measures.values()]}
    text = json.dumps(results, indent=1, ensure_ascii=False)
    (output / "performance.json").write_text(text, encoding="utf-8")
    if arguments.publish:
        publish(measures, caption)
    targets, all_met = report.targets_as_text(measures)
    print(report.measures_as_text(measures), targets, caption, f"Written to {output}", sep="\n\n")
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
