"""MiMoMediaRetriever and its tool: what they return, sync and async, and what they refuse."""

import asyncio
import json
import threading

import pytest
from blockbuster import blockbuster_ctx
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import ToolMessage
from langchain_core.retrievers import BaseRetriever
from moment_samples import Found, described
from numbered_videos import Recipe, make_numbered

from langchain_mimo.errors import MediaError, MiMoConfigurationError, MiMoInputError
from langchain_mimo.media import message_blocks
from langchain_mimo.retrievers import (
    MiMoMediaRetriever,
    create_media_retriever_tool,
    media_blocks,
    moments_of,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("media")
    recipe = Recipe(frames=200, gop=25, b_frames=0)
    (path / "talk.mp4").write_bytes(make_numbered(recipe))
    (path / "walk.mp4").write_bytes(make_numbered(Recipe(frames=100, gop=10, b_frames=0)))
    return path


@pytest.fixture
def documents(folder):
    return [
        described(folder, "walk.mp4", 5.0, 6.0, scene_index=4),
        described(folder, "talk.mp4", 15.0, 16.0, fps=2.0),
        described(folder, "talk.mp4", 1.0, 2.0, scene_index=0),
        described(folder, "talk.mp4", 3.0, 4.0, scene_index=1),
    ]


@pytest.fixture
def retriever(folder, documents):
    return MiMoMediaRetriever(retriever=Found(documents=documents), root=folder, pad_s=1)


def test_each_moment_is_a_document(retriever, documents):
    found = retriever.invoke("a talk")
    assert [
        (d.page_content, d.metadata["source"], d.metadata["start_s"], d.metadata["end_s"])
        for d in found
    ] == [
        ("what talk.mp4 shows at 1 s\n\nwhat talk.mp4 shows at 3 s", "talk.mp4", 0, 5),
        ("what talk.mp4 shows at 15 s", "talk.mp4", 14, 17),
        ("what walk.mp4 shows at 5 s", "walk.mp4", 4, 7),
    ]
    assert [d.metadata["moment"] for d in found] == [1, 2, 3]
    assert found[0].metadata == documents[2].metadata | {
        "start_s": 0.0,
        "end_s": 5.0,
        "link": "talk.mp4#t=0,5",
        "moment": 1,
    }


def test_what_it_returns_is_not_padded_again(retriever, documents, folder):
    found = retriever.invoke("a talk")
    moments = retriever.moments_for(found)
    expected = moments_of(documents, root=folder, pad_s=1)
    assert [m.to_dict() for m in moments] == [m.to_dict() for m in expected]
    blocks = media_blocks(documents, root=folder, pad_s=1)
    assert retriever.as_blocks(found) == blocks
    assert retriever.as_blocks(documents) == blocks
    assert retriever.as_blocks(found, label=False) == blocks[1::2]


async def test_async_is_the_same(retriever):
    found = retriever.invoke("a talk")
    assert await retriever.ainvoke("a talk") == found
    assert await retriever.aas_blocks(found) == retriever.as_blocks(found)
    assert await retriever.abatch(["a", "b"]) == [found, found]


async def test_async_asks_the_other_retriever_natively_and_reads_files_in_threads(
    folder, documents, monkeypatch
):
    threads = []

    class Native(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            raise AssertionError

        async def _aget_relevant_documents(self, query, *, run_manager):
            await asyncio.sleep(0)
            return documents

    def watched(*arguments, **options):
        threads.append(threading.current_thread())
        return moments_of(*arguments, **options)

    retriever = MiMoMediaRetriever(retriever=Native(), root=folder)
    monkeypatch.setattr("langchain_mimo.retrievers.media.moments_of", watched)
    assert len(await retriever.ainvoke("a talk")) == 3
    assert threads
    assert threading.main_thread() not in threads


@pytest.mark.parametrize(
    ("k", "sources"), [(1, ["walk"]), (2, ["talk", "walk"]), (9, ["talk"] * 2 + ["walk"])]
)
def test_k_keeps_the_best_moments(retriever, k, sources):
    found = retriever.invoke("a talk", k=k)
    assert [d.metadata["source"] for d in found] == [f"{name}.mp4" for name in sources]
    fixed = retriever.model_copy(update={"k": k})
    assert fixed.invoke("a talk") == found


def test_callbacks_see_the_other_retriever_as_a_child(retriever):
    class Watcher(BaseCallbackHandler):
        runs: list = []  # noqa: RUF012

        def on_retriever_start(self, serialized, query, *, run_id, parent_run_id=None, **kwargs):
            self.runs.append((run_id, parent_run_id, query))

    watcher = Watcher()
    retriever.invoke("a talk", {"callbacks": [watcher]})
    (outer, no_parent, _), (_, parent, query) = watcher.runs
    assert (no_parent, parent, query) == (None, outer, "a talk")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"budget": 3}, "has no argument 'budget'; did you mean 'budget_tokens'"),
        ({"pads_s": 3}, "did you mean 'pad_s'"),
        ({"zzz": 3}, "it has budget_tokens, "),
        ({"pad_s": -1}, "pad_s must be a number >= 0"),
        ({"k": 0}, "k must be an integer >= 1"),
        ({"root": "gone"}, "root 'gone' does not exist"),
        ({"root": []}, "root must be a folder or several"),
        ({"root": None}, "MiMoMediaRetriever: root: Input should be .*, got None"),
        ({"retriever": "store"}, "retriever: Input should be .*, got 'store'"),
        ({"order": "best"}, "order: Input should be 'time' or 'rank', got 'best'"),
        ({"prepared_dir": "a\0b"}, "prepared_dir must be the path of a folder"),
    ],
)
def test_wrong_arguments_are_named(folder, options, reason):
    with pytest.raises(MiMoConfigurationError, match=reason):
        MiMoMediaRetriever(**{"retriever": Found(documents=[]), "root": folder} | options)


def test_a_missing_argument_is_named():
    with pytest.raises(MiMoConfigurationError, match=r"MiMoMediaRetriever: root: Field required$"):
        MiMoMediaRetriever(retriever=Found(documents=[]))


@pytest.mark.parametrize("given", [None, "talk.mp4", 3])
def test_blocks_are_made_of_documents(retriever, documents, given):
    for wrong in (given, documents[0]):
        with pytest.raises(MiMoInputError, match="documents must be a list of Documents, got"):
            retriever.as_blocks(wrong)
    with pytest.raises(MiMoInputError, match=r"documents\[1\] must be a Document, got"):
        retriever.as_blocks([documents[0], given])
    for wrong in (given, documents[0], documents):
        with pytest.raises(MiMoInputError, match=r"pass retriever\.moments_for\(documents\)"):
            retriever.blocks_of(wrong)


def test_hostile_metadata_are_refused(folder, documents):
    documents[1].metadata["source"] = "/etc/passwd"
    retriever = MiMoMediaRetriever(retriever=Found(documents=documents), root=folder)
    with pytest.raises(MediaError, match="not under root"):
        retriever.invoke("a talk")


def call(tool, query="a talk"):
    return tool.invoke(
        {"name": tool.name, "args": {"query": query}, "id": "1", "type": "tool_call"}
    )


def test_the_tool_returns_texts_media_and_an_artifact(retriever):
    tool = create_media_retriever_tool(retriever)
    message = call(tool)
    assert isinstance(message, ToolMessage)
    blocks = message_blocks(message)
    moments = retriever.moments_for(retriever.invoke("a talk"))
    media = retriever.blocks_of(moments, label=False)
    assert blocks == [
        {"type": "text", "text": "3 moments were found. Their media follow in this order."},
        {
            "type": "text",
            "text": "[1] talk.mp4, 0 s to 5 s: "
            "what talk.mp4 shows at 1 s what talk.mp4 shows at 3 s",
        },
        media[0],
        {"type": "text", "text": "[2] talk.mp4, 12.5 s to 17 s: what talk.mp4 shows at 15 s"},
        media[1],
        {"type": "text", "text": "[3] walk.mp4, 4 s to 7 s: what walk.mp4 shows at 5 s"},
        media[2],
    ]
    assert message.artifact == {"moments": [m.to_dict() for m in moments], "left_out": []}
    assert json.loads(json.dumps(message.artifact)) == message.artifact


async def test_nothing_blocks_the_event_loop(retriever):
    tool = create_media_retriever_tool(retriever)
    arguments = {"name": tool.name, "args": {"query": "a talk"}, "id": "1", "type": "tool_call"}
    await tool.ainvoke(arguments)  # imports what is imported on first use
    with blockbuster_ctx("langchain_mimo"):
        found = await retriever.ainvoke("a talk")
        assert len(await retriever.aas_blocks(found)) == 6
        assert len((await tool.ainvoke(arguments)).artifact["moments"]) == 3


async def test_the_tool_is_the_same_async(retriever):
    tool = create_media_retriever_tool(retriever)
    arguments = {"name": tool.name, "args": {"query": "a talk"}, "id": "1", "type": "tool_call"}
    assert await tool.ainvoke(arguments) == call(tool)


def test_the_tool_says_that_nothing_was_found(folder):
    tool = create_media_retriever_tool(
        MiMoMediaRetriever(retriever=Found(documents=[]), root=folder)
    )
    message = call(tool)
    assert message.content == [{"type": "text", "text": "No media were found for this query."}]
    assert message.artifact == {"moments": [], "left_out": []}


def test_the_tool_says_what_was_found_and_is_not_shown(retriever):
    message = call(create_media_retriever_tool(retriever.model_copy(update={"k": 1})))
    assert message_blocks(message)[0]["text"] == (
        "1 moment was found. Its media follow. 3 more passages were found and cannot be shown: "
        "there are more moments than k=1."
    )
    assert [each["start_s"] for each in message.artifact["left_out"]] == [15.0, 1.0, 3.0]
    message = call(create_media_retriever_tool(retriever.model_copy(update={"budget_tokens": 1})))
    (block,) = message_blocks(message)
    assert block["text"].startswith("4 passages were found and cannot be shown: the moments would")
    assert message.artifact["moments"] == []
    assert len(message.artifact["left_out"]) == 4
    assert json.loads(json.dumps(message.artifact)) == message.artifact


async def test_an_error_about_media_is_what_the_tool_says(retriever, documents):
    documents[0].metadata["source_sha256"] = "0" * 64
    tool = create_media_retriever_tool(retriever)
    message = call(tool)
    assert (message.status, message.artifact) == ("error", None)
    assert message.content.startswith("The media cannot be shown: 'walk.mp4' has changed since")
    arguments = {"name": tool.name, "args": {"query": "x"}, "id": "1", "type": "tool_call"}
    assert await tool.ainvoke(arguments) == message


def test_errors_of_the_search_are_raised(folder):
    class Broken(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            raise ConnectionError("no store")

    tool = create_media_retriever_tool(MiMoMediaRetriever(retriever=Broken(), root=folder))
    with pytest.raises(ConnectionError, match="no store"):
        call(tool)


def test_moments_are_not_padded_again(retriever, documents, folder):
    expected = [m.to_dict() for m in retriever.moments_for(documents)]
    nested = MiMoMediaRetriever(retriever=retriever, root=folder, pad_s=5)
    assert [m.to_dict() for m in nested.moments_for(nested.invoke("a talk"))] == expected
    assert [d.metadata["start_s"] for d in nested.invoke("a talk", k=1)] == [0.0]
    found = retriever.invoke("a talk")
    (walk,) = (d for d in documents if d.metadata["source"] == "walk.mp4")
    assert [m.to_dict() for m in retriever.moments_for([*found[:2], walk])] == expected


async def test_what_the_other_retriever_left_out_is_left_out(retriever, documents, folder):
    inner = retriever.model_copy(update={"k": 2})
    outer = MiMoMediaRetriever(retriever=inner, root=folder, k=1)
    for found in (outer.invoke("a talk"), await outer.ainvoke("a talk")):
        moments = outer.moments_for(found)
        assert [moment.source for moment in moments] == ["talk.mp4"]
        reasons = [each.reason for each in moments.left_out]
        assert reasons == [f"there are more moments than k={k}" for k in (2, 2, 1)]
    message = call(create_media_retriever_tool(outer))
    assert "3 more passages were found and cannot be shown" in message_blocks(message)[0]["text"]


def test_the_tool_cuts_long_descriptions(folder):
    found = [described(folder, "walk.mp4", 5.0, 6.0, "word " * 1000)]
    tool = create_media_retriever_tool(
        MiMoMediaRetriever(retriever=Found(documents=found), root=folder)
    )
    texts = [b["text"] for b in message_blocks(call(tool)) if b["type"] == "text"]
    assert texts[0] == "1 moment was found. Its media follow."
    assert texts[1].endswith("word …")
    assert len(texts[1]) < 1050


def test_urls_in_a_tool_message_stay_blocks(folder):
    found = [described(folder, "walk.mp4", 5.0, 6.0)]
    found[0].metadata |= {"source": "https://example.com/a?b=1", "source_sha256": ""}
    tool = create_media_retriever_tool(
        MiMoMediaRetriever(retriever=Found(documents=found), root=folder)
    )
    _, text, block = message_blocks(call(tool))
    assert text["text"].startswith("[1] https://example.com/a?b=1, seen at 5 s to 6 s: ")
    assert (block["type"], block["url"]) == ("video", "https://example.com/a?b=1")


def test_name_and_description_are_those_given(retriever):
    tool = create_media_retriever_tool(retriever, name="look", description="Talks of 2026.")
    assert (tool.name, tool.description) == ("look", "Talks of 2026.")
    assert tool.tool_call_schema.model_json_schema()["required"] == ["query"]
    with pytest.raises(MiMoConfigurationError, match="got Found; wrap it in MiMoMediaRetriever"):
        create_media_retriever_tool(Found(documents=[]))
    for wrong in ({"name": ""}, {"name": None}, {"description": 5}, {"description": " "}):
        with pytest.raises(MiMoConfigurationError, match="must be a string with text, got"):
            create_media_retriever_tool(retriever, **wrong)
    with pytest.raises(MiMoConfigurationError, match="did you mean 'description'"):
        create_media_retriever_tool(retriever, descripton="x")


@pytest.mark.parametrize("several", [False, True])
def test_a_relative_root_is_that_of_its_construction(folder, documents, monkeypatch, several):
    monkeypatch.chdir(folder)
    retriever = MiMoMediaRetriever(
        retriever=Found(documents=documents),
        root=["."] if several else ".",
        prepared_dir="prepared",
        pad_s=1,
    )
    expected = retriever.invoke("a talk")
    monkeypatch.chdir("/")
    assert retriever.invoke("a talk") == expected
    assert len(retriever.as_blocks(expected)) == 6
    assert len(call(create_media_retriever_tool(retriever)).artifact["moments"]) == 3
    assert retriever.prepared_dir == str(folder / "prepared")


@pytest.mark.parametrize("missing", ["start_s", "end_s"])
@pytest.mark.parametrize("name", ["talk.mp4", "walk.mp4"])
def test_times_of_files_are_needed(folder, missing, name):
    document = described(folder, name, 1.0, 2.0)
    del document.metadata[missing]
    with pytest.raises(MediaError, match=f"its metadata have no {missing}; index again"):
        moments_of([document], root=folder)


def test_different_files_of_two_roots_with_one_name_are_refused(folder, tmp_path):
    (tmp_path / "talk.mp4").write_bytes((folder / "walk.mp4").read_bytes())
    (tmp_path / "walk.mp4").write_bytes((folder / "walk.mp4").read_bytes())
    roots = [folder, tmp_path]
    first, second = (described(each, "talk.mp4", 1.0, 2.0) for each in roots)
    assert moments_of([second], root=roots)[0].path == str(tmp_path / "talk.mp4")
    with pytest.raises(
        MediaError, match=r"documents\[1\] .'talk.mp4'.: different files of two roots"
    ):
        moments_of([first, second], root=roots)
    same = [described(each, "walk.mp4", 1.0, 2.0) for each in roots]
    assert len(moments_of(same, root=roots)) == 1
