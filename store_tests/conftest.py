"""Media documents in a vector store that others wrote, with local embeddings and the emulator.

Nothing here may reach another host: the store's own switches are set, and pytest-socket blocks
connections.
"""

import os

import av
import pytest
from PIL import Image

from langchain_mimo import ChatMiMo
from langchain_mimo.emulator import MiMoEmulator

os.environ |= {"ANONYMIZED_TELEMETRY": "False", "NO_PROXY": "127.0.0.1"}


@pytest.fixture
def emulator():
    with MiMoEmulator() as emulator:
        yield emulator


@pytest.fixture
def folder(tmp_path):
    """A video that is red, green and blue for four seconds each, and a yellow image."""
    folder = tmp_path / "media"
    folder.mkdir()
    with av.open(str(folder / "colours.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=10, options={"g": "20"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for colour in ("red", "green", "blue"):
            for _ in range(40):
                image = Image.new("RGB", (160, 120), colour)
                file.mux(stream.encode(av.VideoFrame.from_image(image)))
        file.mux(stream.encode(None))
    Image.new("RGB", (160, 120), "yellow").save(folder / "yellow.png")
    return folder


@pytest.fixture
def llm(emulator, folder):
    return ChatMiMo(
        model="mimo-v2.6-flash",
        api_key=emulator.api_key,
        base_url=emulator.base_url,
        allowed_media_dirs=[folder],
    )
