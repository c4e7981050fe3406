"""The same moments in another rank are the same bytes of a request, up to what is asked."""

import itertools

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from media_files import make_image
from moment_samples import Found, described
from numbered_videos import Recipe, make_numbered
from scripted_api import ScriptedAPI

from langchain_mimo.retrievers import MiMoMediaRetriever, media_blocks

QUERIES = "What happens first?", "And when does it end?"


class RecordingAPI(ScriptedAPI):
    """Keeps the bytes of each request."""

    def __init__(self, *answers):
        super().__init__(*answers)
        self.raw = []

    def _respond(self, request):
        self.raw.append(request.read())
        return super()._respond(request)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("media")
    for name, gop in (("talk.mp4", 25), ("walk.mp4", 10)):
        (path / name).write_bytes(make_numbered(Recipe(frames=200, gop=gop, b_frames=0)))
    (path / "photo.png").write_bytes(make_image("PNG"))
    return path


@pytest.fixture
def documents(folder):
    return [
        described(folder, "walk.mp4", 5.0, 6.0),
        described(folder, "talk.mp4", 15.0, 16.0),
        described(folder, "photo.png"),
        described(folder, "talk.mp4", 1.0, 2.0),
    ]


@pytest.mark.parametrize("server", ["mimo", "mimo, Anthropic format"])
def test_all_ranks_have_the_same_prefix(folder, documents, server):
    api = RecordingAPI("Something.")
    fields = {"allowed_media_dirs": [folder], "dialect": {"anthropic_audio_video": True}}
    llm = api.llm(server, **fields)
    prefixes = set()
    for number, rank in enumerate(itertools.permutations(documents)):
        retriever = MiMoMediaRetriever(retriever=Found(documents=list(rank)), root=folder)
        blocks = retriever.as_blocks(retriever.invoke("x"))
        assert blocks == media_blocks(documents, root=folder)
        query = QUERIES[number % 2]
        llm.invoke([SystemMessage("Answer."), HumanMessage(blocks), HumanMessage(query)])
        prefix, found, _ = api.raw[-1].partition(query.encode())
        assert found
        prefixes.add(prefix)
    assert len(api.raw) == 24
    assert len(prefixes) == 1
    assert prefixes.pop().count(b"base64") >= 4
