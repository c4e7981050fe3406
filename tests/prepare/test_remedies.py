"""Every call that an error names works for the very file that the error is about.

For each file of the collection and each kind of block that refuses it, the calls in the error are
made. Where the error names none, none helps. A block of the wrong kind may send the user to the
right one, whose error is then followed likewise: the way ends, and does not lead in a circle.
"""

import functools
import re

import media_collection
import pytest
from media_verdicts import KINDS, ask_client, ask_emulator

from langchain_mimo import prepare
from langchain_mimo.errors import MediaError

PREPARE = {
    "image": prepare.prepare_image,
    "video": prepare.prepare_video,
    "audio": prepare.prepare_audio,
}
_CALLS = re.compile(
    r"prepare_(image|video|audio)|use (?:a block of type ')?(image|video|audio)(?:'|_block\()"
)
FILES = media_collection.collection()
DAMAGED_BEHIND_THE_START = {"half.avif", "half.tiff", "no_key_frame.ts", "absurd_block.wav"}
"""The block knows them by their first bytes; that nothing decodes, only prepare finds out."""


@functools.cache
def prepare_once(kind, data):
    """Prepare a file, or return the error."""
    try:
        return PREPARE[kind](data)
    except MediaError as error:
        return error


def calls_in(text):
    """Return the calls that a text names: ("prepare" or "block", kind)."""
    return [("prepare", p) if p else ("block", b) for p, b in dict.fromkeys(_CALLS.findall(text))]


def follow(text, data, steps):
    """Make the calls that a text names; what they say in turn may be followed `steps` times."""
    calls = calls_in(text)
    for name, kind in calls:
        reason = make(name, kind, data)
        if reason is not None:
            assert steps, f"{text!r} leads to {reason!r}"
            assert follow(reason, data, steps - 1), f"{text!r} leads to {reason!r}"
    return bool(calls)


def make(name, kind, data):
    """Make one call, and return why it fails, or None when its block and the server accept it."""
    mime_type = None
    if name == "prepare":
        prepared = prepare_once(kind, data)
        if isinstance(prepared, MediaError):
            return str(prepared)
        data, mime_type = prepared.data, prepared.mime_type
    verdict = ask_client(kind, data)
    if name == "prepare":
        assert verdict.accepted, (prepared.notes, verdict.reason)
        assert verdict.block["mime_type"] == mime_type
        assert ask_emulator(kind, data, mime_type) is not None, prepared.notes
    return None if verdict.accepted else verdict.reason


@pytest.mark.parametrize("file", media_collection.collection(block="refused"), ids=str)
def test_what_its_own_block_advises_works(file):
    text = ask_client(file.kind, file.data).reason
    if file.name in DAMAGED_BEHIND_THE_START:
        assert calls_in(make("prepare", file.kind, file.data)) == []
    elif not follow(text, file.data, steps=0):
        assert make("prepare", file.kind, file.data) is not None, f"{text!r} names no call"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", FILES, ids=str)
def test_what_another_block_advises_leads_to_one_that_works(file, kind):
    if kind == file.kind:
        return
    verdict = ask_client(kind, file.data)
    if not verdict.accepted and file.prepared != "refused":
        assert follow(verdict.reason, file.data, steps=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", FILES, ids=str)
def test_what_prepare_makes_is_accepted_and_billed_as_estimated(file, kind):
    prepared = prepare_once(kind, file.data)
    if isinstance(prepared, MediaError):
        if file.prepared != "refused":
            assert kind != file.kind, prepared
            follow(str(prepared), file.data, steps=0)
        return
    if kind == file.kind:
        done = "unchanged" if prepared.data == file.data else "converted"
        assert file.prepared in (None, done), prepared.notes
        assert not (file.block == "refused" and done == "unchanged")
    verdict = ask_client(kind, prepared.data)
    assert verdict.accepted, verdict.reason
    assert verdict.block["mime_type"] == prepared.mime_type
    bill = ask_emulator(kind, prepared.data, prepared.mime_type)
    assert bill is not None
    if prepared.data != file.data:
        estimate = verdict.estimate()
        assert (estimate.total, estimate.note) == (bill.total, None), prepared.notes
