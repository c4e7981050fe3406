"""What holds for every test: it sees nothing of the environment it happens to be started in."""

import os

import pytest

FOREIGN_VARIABLES = ("MIMO_", "XIAOMI_", "LANGSMITH_", "LANGCHAIN_TRACING", "LC_OUTPUT_VERSION")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(FOREIGN_VARIABLES):
            monkeypatch.delenv(name)
    # A proxy may be the way to the live API; nothing on this machine is reached by one.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
