"""The servers that these tests use: the emulator, and the live API if MIMO_API_KEY is set.

A test that takes `service` or `llm` runs on each of them, in both API formats; a test that takes
`emulator` runs there only. A test for one format alone parametrizes `api_format`.
"""

import dataclasses
import os
import pathlib
import wave
from contextvars import ContextVar

import pytest
import sample_media
from langchain_core.tracers.context import register_configure_hook

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.cost import LedgerCallback, LedgerCounts
from langchain_mimo.emulator import MiMoEmulator

HERE = pathlib.Path(__file__).parent

# Read before the environment is cleared for the tests.
LIVE_KEY = os.environ.get("MIMO_API_KEY")
LIVE_URL = os.environ.get("MIMO_BASE_URL")
SERVICES = ["emulator", "live"] if LIVE_KEY else ["emulator"]
API_FORMATS = ["openai", "anthropic"]
BILLED = {
    *("test_bad_files_in_threads", "test_conversations_agents", "test_conversations_formats"),
    *("test_conversations_gaps", "test_conversations_streams", "test_conversations_thinking"),
    *("test_conversations_tools", "test_costs", "test_decisions", "test_human_in_the_loop"),
    *("test_ledger", "test_llm_cache", "test_main_job"),
    *("test_media_references", "test_official_samples", "test_schema_kinds"),
    "test_structured_output",
    *("test_tool_xml", "test_second_chances_and_limits", "test_native_schemas"),
    *("test_conversations_calls", "test_conversations_histories", "test_media_files"),
    *("test_chain", "test_loader", "test_moments_sent", "test_parser"),
}
"""Modules in all of whose tests a ledger must be the emulator's bill."""


def pytest_addoption(parser):
    parser.addoption(
        "--update-outputs",
        action="store_true",
        help="write what the blocks of the documentation print into its pages",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "no_bill(reason): nobody but the server knows the bill")


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


_BILL: ContextVar[LedgerCallback | None] = ContextVar("bill", default=None)
register_configure_hook(_BILL, inheritable=True)


def _billed(request):
    """What one recorded request cost, with the counts that its format states."""
    usage = request.usage
    read = usage["prompt_tokens_details"] or {}
    written = usage["completion_tokens_details"] or {}
    counts = {
        "input": usage["prompt_tokens"],
        "cached": read.get("cached_tokens", 0),
        "output": usage["completion_tokens"],
        "web_searches": usage.get("web_search_usage", {}).get("tool_usage", 0),
    }
    if request.path.startswith("/v1/"):
        counts |= {kind: read.get(f"{kind}_tokens", 0) for kind in ("image", "video", "audio")}
        counts["reasoning"] = written.get("reasoning_tokens", 0)
    return request.body["model"], LedgerCounts(**counts)


@pytest.fixture(autouse=True)
def _billed_modules(request):
    """Let every test of some modules hold the bill against a ledger."""
    names = request.fixturenames
    is_live = getattr(request.node, "callspec", None) and (
        request.node.callspec.params.get("service") == "live"
    )
    if request.node.get_closest_marker("no_bill") or request.path.stem not in BILLED or is_live:
        return
    if "emulator" in names or "service" in names:
        request.getfixturevalue("bill")


@pytest.fixture
def bill(emulator, monkeypatch):
    """Holds that a ledger which LangChain fills is the emulator's bill, to the token.

    A test that scripts raw bodies or hangs up cannot take it: mark it `no_bill`, with the reason.
    Threads that a test starts have to run in a copy of its context.
    """
    callback, forgotten = LedgerCallback(), []
    reset = emulator.reset

    def remember_and_reset():
        forgotten.extend(emulator.requests)
        reset()

    monkeypatch.setattr(emulator, "reset", remember_and_reset)
    token = _BILL.set(callback)
    yield callback
    _BILL.reset(token)
    billed = {}
    for request in (*forgotten, *emulator.requests):
        if request.usage is not None:
            model, counts = _billed(request)
            billed[model] = billed.get(model, LedgerCounts()) + counts
    counted = {model: each.total for model, each in callback.ledger.by("model").items()}
    assert _numbers(counted) == _numbers(billed)


def _numbers(counts):
    found = {model: dataclasses.asdict(each) for model, each in counts.items()}
    return {
        f"{model} {name}": number
        for model, each in found.items()
        for name, number in each.items()
        if number and name != "responses"
    }


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
