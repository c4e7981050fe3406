"""MiMoMediaLoader against the emulator: what is sent and billed, what a second run sends, index()."""

import asyncio
import io
import os
import shutil

import media_files
import pytest
from blockbuster import blockbuster_ctx
from langchain_core.documents.base import Blob
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.vectorstores import InMemoryVectorStore
from PIL import Image

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.cost import CallBudget
from langchain_mimo.document_loaders import (
    MediaBlobLoader,
    MediaJournal,
    MiMoMediaLoader,
    MiMoMediaParser,
    media_key,
)
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.errors import MiMoBudgetError

PLAN = {"max_seconds": 20.0}


@pytest.fixture(scope="module")
def samples():
    """One file of each way of sending: whole, copied, encoded."""
    image = io.BytesIO()
    Image.linear_gradient("L").resize((640, 480)).convert("RGB").save(image, "PNG")
    return {
        "a/copied.mp4": media_files.make_video("mp4", seconds=45, rate=5, key_every=15),
        "a/whole.mp4": media_files.make_video("mp4", seconds=4),
        "encoded.mkv": media_files.make_video("matroska", seconds=8),
        "long.wav": media_files.make_video("wav", None, "pcm_s16le", seconds=45, sample_rate=8000),
        "photo.png": image.getvalue(),
        "short.mp3": media_files.make_video("mp3", None, "libmp3lame", seconds=5),
    }


SEGMENTS = {"a/copied.mp4": 3, "long.wav": 3}
REQUESTS = 3 + 1 + 1 + 3 + 1 + 1


@pytest.fixture
def folder(tmp_path, samples):
    root = tmp_path / "media"
    for name, data in samples.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def make(emulator, folder, tmp_path, **options):
    llm = ChatMiMo(
        model="mimo-v2.6-flash",
        base_url=emulator.base_url,
        api_key=emulator.api_key,
        allowed_media_dirs=[folder],
        max_completion_tokens=2000,  # so that a ceiling reserves little
        budget=options.pop("llm_budget", None),
    )
    options.setdefault("journal", tmp_path / "journal")
    more = {
        name: options.pop(name) for name in ("budget", "max_cost", "progress") if name in options
    }
    parser = MiMoMediaParser(llm, plan=PLAN, **options)
    return MiMoMediaLoader(MediaBlobLoader(folder), parser, **more)


def test_what_is_sent_and_what_the_estimate_said(emulator, folder, tmp_path):
    loader = make(emulator, folder, tmp_path)
    estimate = loader.estimate()
    assert emulator.requests == []
    documents = loader.load()
    assert len(emulator.requests) == REQUESTS == estimate.requests
    counts = {}
    for document in documents:
        metadata = document.metadata
        assert metadata["status"] == "ok"
        counts.setdefault(metadata["source"], set()).add(metadata["segment_index"])
    assert {name: len(found) for name, found in counts.items()} == {
        name: SEGMENTS.get(name, 1)
        for name in sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*.*"))
    }
    billed = sum(request.usage["prompt_tokens"] for request in emulator.requests)
    expected = sum(n for kind, n in estimate.tokens.items() if kind != "output")
    assert abs(expected - billed) <= 0.03 * billed, (expected, billed)
    assert estimate.likely.amount > 0
    assert [each.reason for each in estimate.unreadable] == []


def test_what_an_estimate_cannot_know_is_listed(emulator, folder, tmp_path):
    loader = make(emulator, folder, tmp_path)
    blobs = [
        Blob(path="https://example.com/a.mp4", metadata={"modality": "video"}),
        Blob(path=str(folder / "gone.mp4")),
        Blob.from_data((folder / "photo.png").read_bytes(), metadata={"source": "db:1"}),
    ]
    estimate = MiMoMediaLoader(blobs, loader._parser).estimate(output_tokens=100)
    assert (estimate.requests, estimate.output_tokens) == (1, 100)
    assert [str(file.path) for file in estimate.files] == ["db:1"]
    assert str(estimate.unreadable[0].path) == "https://example.com/a.mp4"
    assert "download the file" in estimate.unreadable[0].reason
    assert "gone.mp4" in str(estimate.unreadable[1].path)


def test_what_the_journal_knows_is_not_estimated(emulator, folder, tmp_path):
    for path in folder.rglob("*.*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))  # long ago, so that hashes are remembered
    loader = make(emulator, folder, tmp_path, max_concurrency=1)
    whole = loader.estimate()
    documents = loader.lazy_load()
    while next(documents).metadata["segment_index"] == 0:  # into the second of three segments
        pass
    documents.close()
    sent = len(emulator.requests)
    rest = loader.estimate()
    assert rest.requests == REQUESTS - sent
    assert rest.total_tokens < whole.total_tokens
    loader.load()
    assert len(emulator.requests) == REQUESTS
    nothing = loader.estimate()
    assert (nothing.requests, nothing.total_tokens, nothing.likely.amount) == (0, 0, 0)
    assert str(nothing).endswith("Nothing is planned: no files have to be sent.")


@pytest.mark.parametrize("is_async", [False, True])
def test_a_second_run_sends_nothing_even_of_files_that_moved(emulator, folder, tmp_path, is_async):
    told = []
    loader = make(emulator, folder, tmp_path, progress=told.append)
    first = loader.load()
    sent = len(emulator.requests)
    bill = sum(r.usage["prompt_tokens"] + r.usage["completion_tokens"] for r in emulator.requests)
    assert (told[-1].segments_sent, told[-1].tokens) == (sent, bill)
    assert told[-1].costs[0].amount > 0
    shutil.copy(folder / "a" / "copied.mp4", folder / "copy.mp4")
    (folder / "photo.png").rename(folder / "z.png")
    second = asyncio.run(loader.aload()) if is_async else loader.load()
    assert len(emulator.requests) == sent
    unmoved = [d for d in first if d.metadata["source"] != "photo.png"]
    others = [d for d in second if d.metadata["source"] not in {"copy.mp4", "z.png"}]
    assert others == unmoved
    assert (told[-1].segments_sent, told[-1].segments_done) == (0, REQUESTS + 3)


async def test_the_async_loader_blocks_no_loop(folder, tmp_path):
    with MiMoEmulator() as emulator:
        loader = make(emulator, folder, tmp_path, max_concurrency=3)
        with blockbuster_ctx("langchain_mimo"):
            documents = [document async for document in loader.alazy_load()]
        assert len(emulator.requests) == REQUESTS
        assert documents == loader.load()
        assert len(emulator.requests) == REQUESTS


class CountingEmbeddings(DeterministicFakeEmbedding):
    texts: int = 0

    def embed_documents(self, texts):
        self.texts += len(texts)
        return super().embed_documents(texts)


@pytest.mark.parametrize("cleanup", ["full", "scoped_full"])
def test_indexing_again_costs_nothing(emulator, folder, tmp_path, cleanup):
    loader = make(emulator, folder, tmp_path)
    embeddings = CountingEmbeddings(size=8)
    store, records = InMemoryVectorStore(embeddings), InMemoryRecordManager("media")

    def run():
        sent, texts = len(emulator.requests), embeddings.texts
        result = index(
            loader, records, store, cleanup=cleanup, source_id_key="source", key_encoder=media_key
        )
        return result, len(emulator.requests) - sent, embeddings.texts - texts

    first, sent, embedded = run()
    assert (sent, embedded) == (REQUESTS, first["num_added"])
    assert set(store.store) == {document.id for document in loader.load()}

    second, sent, embedded = run()
    assert (sent, embedded, second["num_added"], second["num_deleted"]) == (0, 0, 0, 0)
    assert second["num_skipped"] == first["num_added"]

    Image.new("RGB", (200, 100), "blue").save(folder / "photo.png")
    third, sent, embedded = run()
    assert (sent, embedded, third["num_added"]) == (1, 1, 1)
    assert third["num_deleted"] == 1  # its old description

    (folder / "short.mp3").unlink()
    gone = [d for d in store.store.values() if d["metadata"]["source"] == "short.mp3"]
    fourth, sent, embedded = run()
    assert (sent, embedded) == (0, 0)
    # Only "full" knows of sources that no longer come.
    assert fourth["num_deleted"] == (len(gone) if cleanup == "full" else 0)


def test_documents_are_found_by_time(emulator, folder, tmp_path):
    store = InMemoryVectorStore(CountingEmbeddings(size=8))
    store.add_documents(make(emulator, folder, tmp_path).load())
    found = store.similarity_search(
        "anything",
        k=50,
        filter=lambda d: d.metadata["modality"] == "audio" and d.metadata["start_s"] >= 30,
    )
    assert found
    assert {d.metadata["source"] for d in found} == {"long.wav"}


def test_a_ceiling_of_cost_ends_the_run_and_a_second_run_resumes(emulator, folder, tmp_path):
    whole = make(emulator, folder, tmp_path, journal=tmp_path / "other").load()
    emulator.reset()
    loader = make(emulator, folder, tmp_path, max_cost=0.0016, max_concurrency=1)
    documents = []

    def take():
        for document in loader.lazy_load():
            documents.append(document)

    with pytest.raises(MiMoBudgetError, match="max_cost=") as caught:
        take()
    sent = len(emulator.requests)
    assert 0 < sent < REQUESTS, str(caught.value)
    assert "A new loader with money left in its budget sends only the rest." in str(caught.value)
    assert documents == whole[: len(documents)]
    assert make(emulator, folder, tmp_path).load() == whole
    assert len(emulator.requests) == REQUESTS


def test_one_budget_for_several_loaders(emulator, folder, tmp_path):
    budget = CallBudget(requests_per_minute=1000)
    loader = make(emulator, folder, tmp_path, budget=budget)
    loader.load()
    assert budget.spent.amount > 0
    assert sum(row.counts.responses for row in budget.ledger.rows) == REQUESTS


def test_deleted_and_changed_while_the_run_is_under_way(emulator, folder, tmp_path):
    loader = make(emulator, folder, tmp_path, on_error="document", max_concurrency=1)
    loader = MiMoMediaLoader(list(MediaBlobLoader(folder).yield_blobs()), loader._parser)
    statuses = {}
    for document in loader.lazy_load():
        statuses.setdefault(document.metadata["source"], set()).add(document.metadata["status"])
        (folder / "short.mp3").unlink(missing_ok=True)
        if "photo.png" not in statuses:
            Image.new("RGB", (100, 100), "green").save(folder / "photo.png")
    assert statuses["short.mp3"] == {"error"}
    assert statuses["photo.png"] <= {"ok", "error"}
    assert all(statuses[name] == {"ok"} for name in ("a/copied.mp4", "encoded.mkv", "long.wav"))


def test_two_loaders_at_the_same_time_send_each_segment_once(emulator, folder, tmp_path):
    journal = MediaJournal(tmp_path / "shared")

    async def both():
        loaders = [make(emulator, folder, tmp_path, journal=journal) for _ in range(2)]
        return await asyncio.gather(*(loader.aload() for loader in loaders))

    first, second = asyncio.run(both())
    assert first == second
    assert len(emulator.requests) == REQUESTS
