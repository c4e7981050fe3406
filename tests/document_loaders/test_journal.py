"""A journal: what is kept of a segment and its answer, and what it reports."""

import gc
import json
import os
import pickle
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_samples import USAGE, answer, ask, info, is_asked
from langchain_core.documents import Document

from langchain_mimo.cost import LedgerCounts, Money
from langchain_mimo.document_loaders import (
    Answer,
    Entry,
    MediaJournal,
    media_key,
)
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "media.journal")


@pytest.fixture
def journal(path):
    with MediaJournal(path) as journal:
        yield journal


# ------------------------------------------------------------------------------- one segment


def test_an_answer_is_there_for_the_next_run(path):
    with MediaJournal(path) as first:
        entry = ask(first).finish(answer("text", request_id="r1", model="m", finish_reason="stop"))
        assert first.claim("k", info()) == entry
    with MediaJournal(path) as second:
        assert second.claim("k", info("renamed.mp4")) == entry
    assert entry == Entry("k", "done", "text", USAGE, 0.5, "USD", 1, "r1", "m", "stop", None)


@pytest.mark.parametrize("ending", ["crash", "close"])
def test_an_answer_is_in_the_file_before_finish_returns(path, ending):
    journal = MediaJournal(path)
    entry = ask(journal).finish(answer())
    if ending == "close":
        journal.close()
    with MediaJournal(path) as other:
        assert other.claim("k", info()) == entry
    journal.close()


@given(st.text(st.characters()), st.text(st.characters()))
@settings(max_examples=25, deadline=None)
def test_any_text_comes_back_to_the_character(tmp_path_factory, text, key):
    with MediaJournal(tmp_path_factory.mktemp("j") / "j") as journal:
        entry = ask(journal, key="k" + key, source=text).finish(answer(text))
        assert entry.text == text
        assert journal.claim("k" + key, info()) == entry
        assert journal.forget(text) == 1


def test_a_refusal_is_not_repeated_until_it_is_asked_for(journal):
    refused = ask(journal).fail("refused", "moderation", answer("", cost=0.1))
    assert journal.claim("k", info()) == refused
    assert (refused.state, refused.error) == ("refused", "moderation")
    assert journal.retry_refused("another.mp4") == 0
    assert journal.retry_refused() == 1
    assert ask(journal).finish(answer(cost=0.2)).cost == 0.2
    assert journal.report().total.cost == (Money(0.1 + 0.2),)


def test_a_failure_is_asked_again_and_its_attempts_count(journal):
    failed = ask(journal).fail("failed", "no connection", Answer("", {}, attempts=3))
    assert (failed.state, failed.error, failed.attempts) == ("failed", "no connection", 3)
    entry = ask(journal).finish(answer())
    assert (entry.attempts, entry.error) == (1, None)
    total = journal.report().total
    assert (total.attempts, total.cost, total.unpriced) == (4, (Money(0.5),), 0)
    assert total.counts.responses == 1


def test_a_released_claim_leaves_no_trace(journal):
    ask(journal).release()
    assert journal.report().rows == ()
    ask(journal).fail("failed", "no connection")
    ask(journal).release()
    assert [row.state for row in journal.report().rows] == ["failed"]


@pytest.mark.parametrize("end", ["finish", "fail", "release"])
def test_a_claim_ends_once(journal, end):
    claim = ask(journal)
    claim.finish(answer("first"))
    values = {"finish": (answer("second"),), "fail": ("failed", "why"), "release": ()}[end]
    with pytest.raises(MiMoInputError, match="has ended; finish, fail or release it once"):
        getattr(claim, end)(*values)
    assert journal.claim("k", info()).text == "first"
    assert journal.report().total.attempts == 1


def test_a_dropped_claim_is_free_again_and_counts(journal):
    claim = ask(journal)
    assert is_asked(journal)
    del claim
    gc.collect()
    assert not is_asked(journal)
    total = journal.report().total
    assert (total.segments, total.interrupted, total.attempts) == (1, 1, 0)
    assert "may have billed" in " ".join(str(journal.report()).split())


def test_strange_values_lose_no_answer(journal):
    strange = Answer("text", {"input_tokens": object()}, cost=float("nan"), attempts=True)
    entry = ask(journal).finish(strange)
    assert journal.claim("k", info()).text == entry.text == "text"
    total = journal.report().total
    assert (total.unpriced, total.counts.without_usage) == (1, 1)


@pytest.mark.parametrize("usage", [None, 7, "many", [1], {1: {2: 3}}])
@pytest.mark.parametrize("changes", [{}, {"cost": "1"}, {"currency": "EUR"}, {"attempts": None}])
def test_values_of_a_wrong_type_lose_no_answer(journal, usage, changes):
    entry = ask(journal).finish(replace(answer("text"), usage=usage, **changes))
    assert journal.claim("k", info()).text == entry.text == "text"


def test_api_keys_are_not_kept_in_errors_and_long_errors_are_cut(journal, path):
    entry = ask(journal).fail("refused", "key sk-abcdef123456 is wrong " + "x" * 5000)
    assert "abcdef123456" not in entry.error
    assert len(entry.error) < 2010
    journal.close()
    assert b"abcdef123456" not in Path(path).read_bytes()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"source": 3}, "source must be a string, got 3"),
        ({"modality": "picture"}, "modality must be 'image', 'video' or 'audio', got 'picture'"),
        ({"start_s": -1.0}, "start_s must be a number >= 0, got -1.0"),
        ({"end_s": float("inf")}, "end_s must be a number >= 0, got inf"),
        ({"segment_index": -1}, "segment_index must be an integer >= 0, got -1"),
        ({"segment_count": 0}, "segment_count must be an integer >= 1, got 0"),
    ],
)
def test_a_wrong_info_is_refused_before_anything_is_sent(change, complaint):
    with pytest.raises(MiMoInputError, match=f"^{complaint}$"):
        replace(info(), **change)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("", info()), "key must be a string that is not empty, got ''"),
        ((None, info()), "key must be a string that is not empty, got None"),
        (("k", {"source": "a"}), "info must be a SegmentInfo, got {'source': 'a'}"),
    ],
)
async def test_a_wrong_claim_is_refused(journal, arguments, complaint):
    with pytest.raises(MiMoInputError, match=f"^{complaint}$"):
        journal.claim(*arguments)
    with pytest.raises(MiMoInputError, match=f"^{complaint}$"):
        await journal.aclaim(*arguments)
    with pytest.raises(MiMoInputError, match="timeout must be a number >= 0, got -1"):
        journal.claim("k", info(), timeout=-1)
    with pytest.raises(MiMoInputError, match="state must be 'refused' or 'failed', got 'done'"):
        ask(journal).fail("done", "why")


# ----------------------------------------------------------------------------------- reports


def test_a_report_adds_up(journal):
    ask(journal, "1", source="b.mp4").finish(answer(attempts=2))
    ask(journal, "2", source="a.mp4").finish(replace(answer(cost=3.0), currency="CNY"))
    ask(journal, "3", source="a.mp4").finish(answer(cost=None))
    ask(journal, "4", source="a.mp4").fail("refused", "moderation", answer("", cost=0.25))
    running = ask(journal, "5", source="c.png", modality="image")
    report = journal.report()
    assert [(row.source, row.state, row.segments) for row in report.rows] == [
        ("a.mp4", "done", 2), ("a.mp4", "refused", 1), ("b.mp4", "done", 1), ("c.png", "sent", 1),
    ]  # fmt: skip
    one = LedgerCounts.of(USAGE)
    assert report.total.counts == one + one + one + one
    assert report.total.cost == (Money(0.75), Money(3.0, "CNY"))
    assert (report.total.attempts, report.total.unpriced) == (5, 1)
    assert report.total.errors == ("moderation",)
    assert [(row.state, row.segments) for row in report.by_state()] == [
        ("done", 3), ("refused", 1), ("sent", 1),
    ]  # fmt: skip
    running.release()


def test_a_report_is_a_table_and_data(journal):
    ask(journal, "1", source="会议\n.mp4").finish(answer(cost=None))
    ask(journal, "2", source="b.mp4").fail("failed", "no connection")
    text = str(journal.report())
    assert ascii("会议\n.mp4") in text
    assert "Answers whose cost is not known: 1." in text
    assert "Error: no connection" in text
    data = json.loads(json.dumps(journal.report().to_dict()))
    assert (
        data["total"]["counts"] | {"text": 150, "video": 700, "cached": 64}
        == (data["total"]["counts"])
    )
    assert data["total"]["cost"] == {}
    assert {row["source"] for row in data["rows"]} == {"会议\n.mp4", "b.mp4"}


def test_a_long_report_is_cut_and_says_so(journal):
    for number in range(60):
        ask(journal, str(number), source=f"{number:02}.mp4").fail("failed", f"error {number}")
    report = journal.report()
    assert len(report.rows) == 60
    assert "Rows that are not shown: 10; to_dict() has all." in str(report)
    assert len(report.total.errors) == 5


def test_an_empty_report(journal):
    assert journal.report().total.segments == 0
    assert str(journal.report()).startswith("source")


def test_forgetting_a_source_asks_again_and_spares_what_is_running(journal, path):
    ask(journal, "1").finish(answer("a secret"))
    ask(journal, "2", source="b.mp4").finish(answer())
    running = ask(journal, "3")
    assert journal.forget("a.mp4") == 1
    assert isinstance(journal.claim("2", info()), Entry)
    assert is_asked(journal, "3")
    ask(journal, "1").release()
    running.finish(answer())
    journal.close()
    assert b"a secret" not in Path(path).read_bytes()


def test_the_digests_of_a_file_are_forgotten_with_its_last_segment(journal, path, tmp_path):
    names = "first", "copy", "other"
    for name, sha256 in zip(names, ("ab" * 32, "ab" * 32, "cd" * 32), strict=True):
        file = tmp_path / name
        file.touch()
        os.utime(file, ns=(0, 1_700_000_000_123_456_789))
        time.sleep(0.03)  # a tick of the kernel after the last change
        journal.remember_digest(file, file.stat(), sha256)
        ask(journal, name, source=name, sha256=sha256).finish(answer())
    ask(journal, "url", source="url").finish(answer())

    def known():
        return [name for name in names if journal.digest_of(tmp_path / name)]

    assert journal.forget("url") == 1
    running = ask(journal, "running", source="copy", sha256="ab" * 32)
    assert [journal.forget(name) for name in ("first", "copy")] == [1, 1]
    assert known() == ["first", "copy", "other"]
    running.finish(answer())
    assert journal.forget("copy") == 1
    assert known() == ["other"]
    journal.close()
    assert str(tmp_path / "first").encode() not in Path(path).read_bytes()


# ----------------------------------------------------------------------------------- digests


def test_a_digest_is_remembered_by_inode_size_and_times(journal, path, tmp_path):
    file = tmp_path / "a.mp4"
    file.write_bytes(b"12345")
    os.utime(file, ns=(0, 1_700_000_000_123_456_789))
    time.sleep(0.03)  # a tick of the kernel after the last change
    found = file.stat()
    assert journal.digest_of(file) is None
    journal.remember_digest(file, found, "ab" * 32)
    with MediaJournal(path) as other:
        assert other.digest_of(str(file)) == "ab" * 32
    os.utime(file, ns=(0, 1_700_000_000_123_456_788))
    assert journal.digest_of(file) is None
    os.utime(file, ns=(0, found.st_mtime_ns))
    file.write_bytes(b"123456")
    os.utime(file, ns=(0, found.st_mtime_ns))
    assert journal.digest_of(file) is None
    file.write_bytes(b"54321")  # in place, and its time set back
    os.utime(file, ns=(0, found.st_mtime_ns))
    same = file.stat()
    assert (same.st_ino, same.st_size, same.st_mtime_ns) == (
        found.st_ino, found.st_size, found.st_mtime_ns,
    )  # fmt: skip
    assert journal.digest_of(file) is None
    other = tmp_path / "b.mp4"
    other.write_bytes(b"abcde")
    os.utime(other, ns=(0, found.st_mtime_ns))
    other.rename(file)
    assert journal.digest_of(file) is None
    file.unlink()
    assert journal.digest_of(file) is None


@pytest.mark.parametrize(("tick", "is_remembered"), [(1_000_000_000, False), (1, True)])
def test_a_file_that_was_written_a_moment_ago_is_not_remembered(
    journal, tmp_path, tick, is_remembered
):
    """On disks that store whole seconds, it could change within its second."""
    file = tmp_path / "a.mp4"
    file.write_bytes(b"12345")
    time_ns = (time.time_ns() - 500_000_000) // tick * tick
    time_ns += tick == 1 and time_ns % 1_000_000_000 == 0
    os.utime(file, ns=(0, time_ns))
    time.sleep(0.03)  # its inode changed now
    journal.remember_digest(file, file.stat(), "ab" * 32)
    assert (journal.digest_of(file) is not None) is is_remembered


# -------------------------------------------------------------------------------- the object


def test_media_key_is_the_id():
    assert media_key(Document("text", id="ab")) == "ab"
    with pytest.raises(MiMoInputError, match="the document 'text' has no id"):
        media_key(Document("text"))


def test_a_journal_is_pickled_by_its_path(journal):
    ask(journal).finish(answer())
    with pickle.loads(pickle.dumps(journal)) as other:
        assert (other.path, repr(other)) == (journal.path, repr(journal))
        assert other.claim("k", info()) == journal.claim("k", info())


async def test_a_closed_journal_says_so(journal, path):
    journal.close()
    journal.close()
    with pytest.raises(MiMoInputError, match=r"is closed; open it again with MediaJournal\(path\)"):
        await journal.aclaim("k", info())
    uses = (
        journal.report, journal.__enter__, journal.retry_refused, journal.take_over, lambda: journal.forget("a"),
        lambda: journal.claim("k", info()), lambda: journal.digest_of(path),
        lambda: journal.remember_digest(path, Path(path).stat(), "ab"),
    )  # fmt: skip
    for use in uses:
        with pytest.raises(MiMoInputError, match="is closed"):
            use()


def test_a_claim_of_a_closed_journal_still_ends_in_the_file(path):
    journal = MediaJournal(path)
    first, second = ask(journal, "1"), ask(journal, "2")
    journal.close()
    entry = first.finish(answer())
    second.release()
    assert not Path(path + "-wal").exists()
    with MediaJournal(path) as other:
        assert other.claim("1", info()) == entry
        assert not is_asked(other, "2")


@pytest.mark.parametrize("path", ["", "  ", ":memory:", "file:a.db", "a\0b", 3, None])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(MiMoConfigurationError, match="path must be the path of a file"):
        MediaJournal(path)
