"""What tests of blocks with a time range share: the bytes that are sent for one, and its samples.

Import it as `ranged_blocks`: tests/helpers is on pytest's pythonpath.
"""

import base64
import io
from array import array
from pathlib import Path

import av

from langchain_mimo._media.opening import MediaPolicy, OpenMedia, open_media
from langchain_mimo._media.references import DeferredMedia, MediaReference
from langchain_mimo._wire.from_langchain.content_blocks import read_content
from langchain_mimo._wire.from_langchain.options import MediaDefaults

TEXT = {"type": "text", "text": "What happens?"}


def reference_of(block) -> MediaReference:
    """Read a block as a request does."""
    part = read_content([TEXT, block], 3, MediaDefaults())[1]
    return part.reference


def opened(block, folder: Path, **limits) -> OpenMedia:
    """Open the media of a block."""
    policy = MediaPolicy([str(folder)], limits)
    return open_media(DeferredMedia(reference_of(block), data_url=False), policy)


def sent(block, folder: Path) -> bytes:
    """Return the bytes that are sent for a block."""
    with opened(block, folder) as media:
        return base64.b64decode(b"".join(media.slices()))


def shown(block) -> tuple[float, float]:
    """Return what the copy of a block shows, as it says itself."""
    return block["extras"]["shown_start_s"], block["extras"]["shown_end_s"]


def packets(data: bytes) -> list[bytes]:
    """Return the packets of the first audio stream."""
    with av.open(io.BytesIO(data)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def samples(data: bytes) -> array:
    """Decode the first channel of the audio, to floats, and drop nothing."""
    heard = array("f")
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler("fltp", "mono")
        for frame in container.decode(audio=0):
            for each in resampler.resample(frame):
                heard.frombytes(bytes(each.planes[0])[: each.samples * 4])
    return heard
