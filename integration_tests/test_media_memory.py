"""Memory needed to send a large file: the peak resident size of a separate process.

The server discards request bodies and sends a fixed response, so that it is fast. Sizes are in
millions of bytes; the limits are those that docs/media.md states.
"""

import pytest
from sending_memory import discarding_server, output_of

CHILD = """
import asyncio, base64, pathlib, sys
from langchain_core.messages import HumanMessage
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.media import audio_block
from sending_memory import peak_of

method, base_url, folder = sys.argv[1:]
llm = ChatMiMo(
    model="mimo-v2.6-flash", base_url=base_url, api_key="sk-test", allowed_media_dirs=[folder]
)

def message(name):
    path = pathlib.Path(folder, name)
    if "base64" in method:
        text = base64.b64encode(path.read_bytes()).decode()
        url = "data:audio/wav;base64," + text
        del text
        return HumanMessage([{"type": "input_audio", "input_audio": {"data": url}}])
    return HumanMessage([audio_block(path)])

def call(message):
    if "batch" not in method:
        one = llm.ainvoke if method.startswith("a") else llm.invoke
        return one([message])
    config = {"max_concurrency": 4}
    many = llm.abatch if method.startswith("a") else llm.batch
    return many([[message]] * 20, config)

def run(message):
    result = call(message)
    return asyncio.run(result) if asyncio.iscoroutine(result) else result

run(message("small.wav"))
large = message("large.wav")
print(peak_of(lambda: run(large))[1])
"""


@pytest.fixture(scope="module")
def sink():
    with discarding_server("ok") as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two WAV files of silence, of 37 MB and of 1 KB."""
    directory = tmp_path_factory.mktemp("large")
    for name, size in (("small.wav", 1000), ("large.wav", 37_000_000)):
        data = size - 44
        header = (
            b"RIFF" + (size - 8).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\x01\0\x01\0"
            b"\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data" + data.to_bytes(4, "little")
        )
        (directory / name).write_bytes(header + bytes(data))
    return directory


@pytest.mark.parametrize("method", ["invoke", "ainvoke", "batch", "abatch", "base64", "abase64"])
def test_sending_37_megabytes_takes_less_than_4_megabytes_of_memory(sink, folder, method):
    sink.lengths.clear()
    grown = int(output_of(CHILD, method, sink.url, folder))
    calls = 20 if "batch" in method else 1
    large = [length for length in sink.lengths if length > 37_000_000 * 4 // 3]
    assert len(large) == calls
    assert grown < 4_000_000, f"{grown / 1e6:.1f} MB"
