"""Client and emulator say the same about every file of the collection, save what docs/media.md lists.

The emulator shares no line with the client that reads a file, so what both say is what two
independent readers say.
"""

import re
from dataclasses import dataclass

import media_collection
import pytest
from media_verdicts import KINDS, ask_client, ask_emulator
from repository import ROOT

PAGE = ROOT / "docs" / "media.md"
FILES = media_collection.collection()
CLIENT_REFUSES = "the block refuses it, the emulator accepts it"
EMULATOR_REFUSES = "the block accepts it, the emulator refuses it"
_TOKENS = re.compile(r"the (estimate|bill) is up to (\d+) tokens? higher$")
_RANGE = "the estimate is a range around the bill"


@dataclass(frozen=True)
class Row:
    """One row of the table: files, what differs, and why."""

    files: tuple[tuple[str, str], ...]
    difference: str
    reason: str


def exceptions():
    """Return the rows of the table in docs/media.md, in its order."""
    lines = (
        PAGE.read_text("utf-8")
        .partition("| files | kind of block | difference |")[2]
        .splitlines()[2:]
    )
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        names, kind, difference, reason = (cell.strip() for cell in line.strip("|").split("|"))
        files = tuple((name, kind) for name in re.findall(r"`([^`]+)`", names))
        rows.append(Row(files, difference, reason))
    return rows


LISTED = {file: row.difference for row in exceptions() for file in row.files}
SETTINGS = {"image": [{}], "audio": [{}], "video": [{}, {"fps": 5.0}, {"media_resolution": "max"}]}
ACCEPTED = [
    pytest.param(file, settings, id=" ".join([file.name, *settings]))
    for file in media_collection.collection(block="accepted")
    for settings in SETTINGS[file.kind]
]


def test_every_row_of_the_table_names_files_and_a_reason():
    rows = exceptions()
    assert rows
    assert len(LISTED) == sum(len(row.files) for row in rows)
    known = {file.name for file in FILES}
    for row in rows:
        assert row.files
        assert {name for name, _ in row.files} <= known
        assert len(row.reason) > 20
        assert row.difference in (CLIENT_REFUSES, EMULATOR_REFUSES, _RANGE) or _TOKENS.match(
            row.difference
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", FILES, ids=str)
def test_the_verdicts_agree(file, kind):
    client = ask_client(kind, file.data)
    if kind == file.kind:
        assert ("accepted" if client.accepted else "refused") == file.block, client.reason
    bill = ask_emulator(kind, file.data, client.block["mime_type"] if client.accepted else None)
    listed = LISTED.get((file.name, kind))
    found = {
        (True, False): EMULATOR_REFUSES,
        (False, True): CLIENT_REFUSES,
    }.get((client.accepted, bill is not None))
    assert found == (listed if listed in (CLIENT_REFUSES, EMULATOR_REFUSES) else None), (
        client.reason
    )


@pytest.mark.parametrize(("file", "settings"), ACCEPTED)
def test_the_estimate_is_the_bill(file, settings):
    client = ask_client(file.kind, file.data)
    bill = ask_emulator(file.kind, file.data, client.block["mime_type"], **settings)
    listed = LISTED.get((file.name, file.kind))
    if bill is None:
        assert listed == EMULATOR_REFUSES
        return
    estimate = client.estimate(**settings)
    estimated = (estimate.image, estimate.video, estimate.audio, estimate.total)
    billed = (bill.image, bill.video, bill.audio, bill.total)
    if listed == _RANGE:
        assert estimate.note
        assert estimate.low < bill.total < estimate.high
    elif listed is not None:
        higher, tokens = _TOKENS.match(listed).groups()
        more = estimate.total - bill.total if higher == "estimate" else bill.total - estimate.total
        assert 0 < more <= int(tokens)
    else:
        assert estimated == billed
        assert estimate.low == estimate.high == estimate.total
        assert estimate.note is None
