"""Run the benchmarks: `python -m benchmarks`."""

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
    "streams": 15,
    "tool_calls": 9,
    "histories": 15,
    "media": 5,
    "concurrency": 8,
}
"""The modules of `benchmarks.measures`, and the rounds of a full run."""

PACKAGES = (
    *("langchain-mimo", "langchain-core", "langchain-openai", "langchain-mistralai"),
    *("langchain-deepseek", "openai", "httpx", "orjson", "pydantic"),
)


def cores() -> tuple[str, str]:
    """One core for the server and one for what is measured; "" where cores cannot be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return "", ""
    mine = sorted(os.sched_getaffinity(0))
    return (str(mine[0]), str(mine[-1])) if len(mine) > 1 else ("", "")


@contextmanager
def server(core: str) -> Iterator[str]:
    """Run the server of canned answers; gives its origin."""
    command = [sys.executable, "-m", "benchmarks.server", *([core] if core else [])]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def environment() -> dict[str, str]:
    """Nothing of the user's settings: no tracing, no proxies, no keys, no debugging."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}


def run_group(group: str, origin: str, rounds: int, core: str) -> list[Measure]:
    """Take the measures of a group in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.worker", group, origin, str(rounds), core]
    # Packages print warnings of their own on stderr; only a failure makes them worth reading.
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment()
    )
    if done.returncode:
        raise SystemExit(f"{group} failed:\n{done.stderr}")
    return [Measure(**each) for each in json.loads(done.stdout)]


def caption() -> str:
    """Say when, where and of what this was measured."""
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    where = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return "\n".join(
        (
            f"{datetime.now(UTC):%Y-%m-%d}, {where}, {os.cpu_count()} cores; medians of one run.",
            ", ".join(versions[:5]),
            ", ".join(versions[5:]),
        )
    )


def publish(measures: dict[str, Measure], said: str) -> None:
    """Renew the results on the page of the documentation."""
    page = ROOT / "docs" / "performance.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    table = report.markdown(measures)
    page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{said}\n\n{END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"which to run, default all: {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="a third of the rounds")
    parser.add_argument("--rounds", type=int, help="rounds of every group")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument(
        "--publish", action="store_true", help="write the chart and numbers that the docs show"
    )
    arguments = parser.parse_args()
    if unknown := [each for each in arguments.groups if each not in GROUPS]:
        parser.error(f"there is no group {unknown[0]!r}; choose from {', '.join(GROUPS)}")
    measures: dict[str, Measure] = {}
    server_core, own_core = cores()
    with server(server_core) as origin:
        for group in arguments.groups or GROUPS:
            rounds = arguments.rounds or GROUPS[group]
            if arguments.quick:
                rounds = max(3, rounds // 3)
            print(f"{group}: {rounds} rounds …", file=sys.stderr, flush=True)
            for measure in run_group(group, origin, rounds, own_core):
                measures[measure.name] = measure
    output = ROOT / "docs" / "assets" if arguments.publish else arguments.output
    output.mkdir(parents=True, exist_ok=True)
    said = caption()
    text, all_met = report.promises(measures)
    (output / "performance.svg").write_text(chart.draw(measures, said))
    results = {"about": said, "measures": [each.as_json() for each in measures.values()]}
    (output / "performance.json").write_text(json.dumps(results, indent=1, ensure_ascii=False))
    if arguments.publish:
        publish(measures, said)
    print(report.measured(measures), text, said, f"Written to {output}", sep="\n\n")
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
