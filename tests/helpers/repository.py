"""Paths in this repository."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PROVIDER_HISTORIES = ROOT / "tests" / "fixtures" / "other_providers"
