"""Isolates every test from the environment it runs in and from the warnings of other tests."""

import os

import pytest

FOREIGN_VARIABLES = ("MIMO_", "XIAOMI_", "LANGSMITH_", "LANGCHAIN_TRACING", "LC_OUTPUT_VERSION")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(FOREIGN_VARIABLES):
            monkeypatch.delenv(name)
    # The live API may be reached through a proxy; local servers never are.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture(autouse=True)
def _fresh_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `warn_once` warn again in each test."""
    monkeypatch.setattr("langchain_mimo._checks._warned", set())
