"""Takes one group of measures in its own process; prints the samples as JSON."""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """The settings of a group of measures.

    Attributes:
        origin: Origin of the server of canned responses.
        rounds: Number of samples of each subject.
    """

    origin: str
    rounds: int

    def url(self, scenario: str) -> str:
        """Return the base URL under which the server plays a scenario."""
        return f"{self.origin}/{scenario}/v1"


def main() -> None:
    group, origin, rounds, core = sys.argv[1:5]
    if core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    warnings.simplefilter("ignore")
    module = importlib.import_module(f"benchmarks.measures.{group}")
    measures = module.measure(Context(origin, int(rounds)))
    print(json.dumps([measure.as_json() for measure in measures]))


if __name__ == "__main__":
    main()
