"""LangChain's own tests of retrievers."""

import pytest
from coloured_media import coloured_video
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests

from langchain_mimo import ChatMiMo
from langchain_mimo.document_loaders import MiMoMediaLoader, MiMoMediaParser
from langchain_mimo.retrievers import MiMoMediaRetriever


class TestMiMoMediaRetriever(RetrieversIntegrationTests):
    """The Documents are what the loader makes of five videos, in a vector store."""

    @pytest.fixture(autouse=True)
    def _store(self, emulator, tmp_path):
        for number, colour in enumerate(("red", "green", "blue", "red", "green")):
            coloured_video(tmp_path / f"{number}.mp4", [(colour, 2 + number)])
        llm = ChatMiMo(
            model="mimo-v2.6-flash",
            api_key=emulator.api_key,
            base_url=emulator.base_url,
            allowed_media_dirs=[tmp_path],
        )
        store = InMemoryVectorStore(DeterministicFakeEmbedding(size=16))
        store.add_documents(list(MiMoMediaLoader(tmp_path, MiMoMediaParser(llm)).lazy_load()))
        self.params = {
            "retriever": store.as_retriever(search_kwargs={"k": 10}),
            "root": tmp_path,
        }

    @property
    def retriever_constructor(self):
        return MiMoMediaRetriever

    @property
    def retriever_constructor_params(self):
        return self.params

    @property
    def retriever_query_example(self):
        return "something red"
