"""The servers that these tests use: the emulator, and the live API if MIMO_API_KEY is set.

A test that takes `service` or `llm` runs on each of them, in both API formats; a test that takes
`emulator` runs there only. A test for one format alone parametrizes `api_format`.
"""

import dataclasses
import os
import pathlib
import wave

import pytest
import sample_media

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.emulator import MiMoEmulator

HERE = pathlib.Path(__file__).parent

# Read before the environment is cleared for the tests.
LIVE_KEY = os.environ.get("MIMO_API_KEY")
LIVE_URL = os.environ.get("MIMO_BASE_URL")
SERVICES = ["emulator", "live"] if LIVE_KEY else ["emulator"]
API_FORMATS = ["openai", "anthropic"]


def pytest_addoption(parser):
    parser.addoption(
        "--update-outputs",
        action="store_true",
        help="write what the blocks of the documentation print into its pages",
    )


def pytest_terminal_summary(terminalreporter):
    if not LIVE_KEY:
        terminalreporter.write_line("Live API: skipped because MIMO_API_KEY is not set.")


def pytest_collection_modifyitems(items):
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if HERE in item.path.parents and parameters.get("service") != "live":
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


@pytest.fixture
def emulator():
    """A strict emulator for this test only."""
    with MiMoEmulator() as running:
        yield running


@pytest.fixture(params=API_FORMATS)
def api_format(request):
    """Each API format in turn."""
    return request.param


@dataclasses.dataclass(frozen=True)
class Service:
    """A server to test against, and how to reach it."""

    name: str
    api_key: str
    base_url: str | None
    api_format: str

    @property
    def is_live(self) -> bool:
        return self.name == "live"

    @property
    def connection(self) -> dict[str, str]:
        """The constructor arguments that connect to this server."""
        address = {"base_url": self.base_url} if self.base_url else {}
        return {"api_key": self.api_key, "api_format": self.api_format, **address}


@pytest.fixture(params=SERVICES)
def service(request, api_format):
    """Each server in turn."""
    if request.param == "live":
        return Service("live", LIVE_KEY, LIVE_URL, api_format)
    running = request.getfixturevalue("emulator")
    return Service("emulator", running.api_key, running.base_url, api_format)


@pytest.fixture
def llm(service):
    """A function that makes a ChatMiMo, for each server in turn."""

    def make(model="mimo-v2.6-flash", **fields):
        return ChatMiMo(model=model, **(service.connection | fields))

    return make


@pytest.fixture
def model(api_format):
    """A function that makes a thinking ChatMiMo on an emulator, in each API format in turn."""

    def make(emulator, **fields):
        fields = {"model": "mimo-v2.6-flash", "thinking": True, "max_retries": 0} | fields
        return ChatMiMo(
            api_key=emulator.api_key,
            base_url=emulator.base_url,
            api_format=api_format,
            **fields,
        )

    return make


@dataclasses.dataclass(frozen=True)
class MediaFiles:
    """Real files: an image of the sun over the sea, a video with audio, a melody."""

    folder: pathlib.Path
    image: pathlib.Path
    video: pathlib.Path
    audio: pathlib.Path

    @property
    def audio_seconds(self) -> float:
        with wave.open(str(self.audio)) as file:
            return file.getnframes() / file.getframerate()


@pytest.fixture(scope="session")
def media(tmp_path_factory):
    """Real media files, generated once."""
    folder = tmp_path_factory.mktemp("media")
    return MediaFiles(
        folder,
        sample_media.make_image(folder / "image.png"),
        sample_media.make_video(folder / "video.mp4"),
        sample_media.make_audio(folder / "audio.wav"),
    )
