"""MiMo clients of other packages, as published, against the emulator on 127.0.0.1.

Nobody who wrote them knows this package, so they show whether the emulator passes for MiMo. Nothing
here may reach another host: the packages' own switches are set before they are imported,
pytest-socket blocks connections, and a look-up of any other name fails the test.
"""

import base64
import io
import os
import sys

import pytest
from PIL import Image

from langchain_mimo.emulator import MiMoEmulator

os.environ |= {
    "LITELLM_OFFLINE_MODE": "true",  # no model list, tokenizer or notices from the network
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "AGNO_TELEMETRY": "false",
    "NO_PROXY": "127.0.0.1",
}

LOCAL = {"127.0.0.1", b"127.0.0.1", None}
looked_up: list[object] = []


def _only_local_names(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in LOCAL:
        looked_up.append(arguments[0])
        raise OSError(f"client_tests may not look up {arguments[0]!r}")


# From here on, so that imports are covered too; an audit hook cannot be removed.
sys.addaudithook(_only_local_names)


@pytest.fixture(autouse=True)
def _nobody_phones_home():
    """Fail even if a package swallows the error of a look-up."""
    yield
    assert looked_up == []


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in ("MIMO_API_KEY", "XIAOMI_MIMO_API_KEY", "XIAOMI_MIMO_API_BASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def emulator():
    """An emulator that refuses names MiMo does not document, to see what the clients send."""
    with MiMoEmulator(strict_parameters=True) as running:
        yield running


@pytest.fixture(scope="session")
def png():
    """A blue image of 128 × 96 pixels."""
    file = io.BytesIO()
    Image.new("RGB", (128, 96), "blue").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def data_url(png):
    """The same image as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
