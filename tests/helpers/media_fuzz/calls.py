"""The public calls that are made with a mutant, and what must hold of each."""

from __future__ import annotations

import random
import re
from contextlib import suppress

from media_verdicts import KINDS, ask_client, ask_emulator

from langchain_mimo import prepare
from langchain_mimo._media.diagnosis import describe_rejected_media
from langchain_mimo._media.opening import MediaPolicy
from langchain_mimo._media.references import InlineBase64, MediaReference
from langchain_mimo.errors import MediaError, MiMoError
from langchain_mimo.media import probe
from media_fuzz.mutants import Mutant

PREPARE = {
    "image": prepare.prepare_image,
    "video": prepare.prepare_video,
    "audio": prepare.prepare_audio,
}
TIME_LIMIT = 5.0
"""Seconds that prepare may take for a mutant, which are far more than it needs."""

CLIENT_MAY_REFUSE = re.compile(
    # It reads strictly what decoders tolerate.
    r"truncated|damaged|unrecognised|empty|has no tracks"
    # Pillow reads the variant; see the table in docs/media.md.
    r"|CgBI"
    # FFmpeg goes by the codec of a track whose kind cannot be read.
    r"|(MP4|MOV|AVI) without a video track"
)
"""Reasons for which a block may refuse what the emulator accepts. Any other is about what the file
is, and there both agree."""


def check(mutant: Mutant) -> None:
    """Make every call.

    Raises:
        Exception: Any but a MiMoError that a call raised, or an AssertionError about its result.
    """
    choose = random.Random(f"{mutant.seed}:{mutant.number}:calls")
    for kind in KINDS:
        _check_verdicts(kind, mutant.data)
    _check_probe(mutant.data)
    for kind in KINDS:
        if kind == mutant.kind or choose.random() < 0.1:
            _check_prepare(kind, mutant.data, _arguments(kind, choose))


def _check_verdicts(kind, data):
    client = ask_client(kind, data)
    if not client.accepted:
        if not CLIENT_MAY_REFUSE.search(client.reason):
            assert ask_emulator(kind, data) is None, f"the emulator accepts it: {client.reason}"
        return
    block = client.block
    estimate = client.estimate()
    assert 0 <= estimate.low <= estimate.total <= estimate.high
    ask_emulator(kind, data, block["mime_type"])
    reference = MediaReference(kind, InlineBase64(block["base64"]), block["mime_type"], 0, 0)
    assert describe_rejected_media(reference, MediaPolicy())


def _check_probe(data):
    try:
        info = probe(data)
    except MediaError:
        return
    assert ask_client(info.kind, data).accepted == (info.refusal is None), info
    if info.duration_range_s is not None:
        least, most = info.duration_range_s
        assert 0 <= least <= most
    with suppress(MediaError):
        assert info.key_frames() == sorted(info.key_frames())


def _arguments(kind, choose):
    """Return arguments of prepare: none, or what leads to each of its ways."""
    ways = [{}, {}, {"convert": True}]
    if kind != "audio":
        ways.append({"token_budget": choose.choice((1, 60, 1000))})
    if kind != "image":
        start = choose.choice((0, 0.3, 1.0))
        ways.append({"start_s": start, "end_s": start + choose.choice((0.05, 0.7, 100))})
    return choose.choice(ways)


def _check_prepare(kind, data, arguments):
    try:
        prepared = PREPARE[kind](data, time_limit=TIME_LIMIT, **arguments)
    except MiMoError:
        return
    verdict = ask_client(kind, prepared.data)
    assert verdict.accepted, f"{arguments} {prepared.notes}: {verdict.reason}"
    assert verdict.block["mime_type"] == prepared.mime_type
    bill = ask_emulator(kind, prepared.data, prepared.mime_type)
    assert bill is not None, f"{arguments} {prepared.notes}: the emulator refuses it"
