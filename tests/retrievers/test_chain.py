"""What the chain shows to any chat model, and what it makes of the answer."""

import asyncio
import base64
import hashlib
import json
import logging

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from media_files import make_image, make_video
from moment_samples import Found, described
from numbered_videos import Recipe, make_numbered, watch
from pydantic import Field

from langchain_mimo.errors import MediaError, MiMoConfigurationError, MiMoInputError
from langchain_mimo.media import probe
from langchain_mimo.retrievers import CheckedAnswer, MiMoMediaRetriever, media_rag_chain

KEYS = {"question", "documents", "left_out", "blocks", "answer", "message"}
QUESTION = "When does the boat come in?"


class CitingModel(BaseChatModel):
    """A chat model of another provider, whose structured output has no methods."""

    answer: str
    seen: list = Field(default_factory=list)

    @property
    def _llm_type(self):
        return "citing"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.seen.append(messages)
        message = AIMessage(self.answer, response_metadata={"model_name": "other-1"})
        return ChatResult(generations=[ChatGeneration(message=message)])

    def with_structured_output(self, schema, *, include_raw):
        def result(message):
            parsed, error = None, None
            try:
                parsed = schema.model_validate_json(message.text) if message.text else None
            except ValueError as reason:
                error = reason
            return {"raw": message, "parsed": parsed, "parsing_error": error}

        return self | RunnableLambda(result)


def citing(*citations, text="At noon."):
    names = ("segment", "start_s", "end_s")
    return json.dumps(
        {"text": text, "citations": [dict(zip(names, each, strict=True)) for each in citations]}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    (folder / "talk.mp4").write_bytes(make_video("mp4", audio=None, seconds=3))
    (folder / "photo.png").write_bytes(make_image("PNG"))
    return folder


@pytest.fixture
def retriever(folder):
    documents = [described(folder, "talk.mp4", 0.0, 3.0), described(folder, "photo.png")]
    return MiMoMediaRetriever(retriever=Found(documents=documents), root=folder)


def test_the_question_stands_last_behind_the_moments(retriever):
    model = CitingModel(answer=citing((2, "0:01", 2)))
    result = media_rag_chain(model, retriever).invoke(QUESTION)
    assert result.keys() == KEYS
    system, shown, question = model.seen[0]
    assert "citations" in system.text
    assert shown.content == result["blocks"]
    labels = [block for block in retriever.as_blocks(result["documents"]) if "text" in block]
    assert result["blocks"][::2] == labels
    assert [block["type"] for block in result["blocks"]] == ["text", "image", "text", "video"]
    assert question.content == result["question"] == QUESTION
    assert isinstance(result["answer"], CheckedAnswer)
    (citation,) = result["answer"].citations
    assert (citation.source, citation.link) == ("talk.mp4", "talk.mp4#t=1,2")
    assert result["message"].text == model.answer


def test_other_chat_models_get_base64_of_what_the_labels_say(folder, tmp_path):
    recipe = Recipe(frames=200, gop=25, b_frames=0)
    (tmp_path / "count.mp4").write_bytes(make_numbered(recipe))
    (tmp_path / "photo.png").write_bytes((folder / "photo.png").read_bytes())
    (tmp_path / "talk.mp4").write_bytes((folder / "talk.mp4").read_bytes())
    (tmp_path / "tone.wav").write_bytes(make_video("wav", None, "pcm_s16le", seconds=6))
    documents = [
        described(tmp_path, "count.mp4", 6.0, 8.0),
        described(tmp_path, "photo.png"),
        described(tmp_path, "talk.mp4", 0.0, 3.0),
        described(tmp_path, "tone.wav", 2.0, 3.0),
        Document("x", metadata={"source": "https://example.com/a.png", "modality": "image"}),
    ]
    retriever = MiMoMediaRetriever(retriever=Found(documents=documents), root=tmp_path, pad_s=0.5)
    model = CitingModel(answer=citing())
    result = media_rag_chain(model, retriever).invoke(QUESTION)
    moments = retriever.moments_for(result["documents"])
    assert model.seen[0][1].content == result["blocks"]
    assert "file:" not in json.dumps(result["blocks"])
    media = result["blocks"][1::2]
    assert [moment.form for moment in moments] == ["copied", "url", "whole", "whole", "copied"]
    for moment, block in zip(moments, media, strict=True):
        assert block.keys() == {"type", "url" if moment.form == "url" else "base64", "mime_type"}
        if moment.form == "url":
            continue
        data = base64.b64decode(block["base64"])
        if moment.form == "whole":
            assert hashlib.sha256(data).hexdigest() == moment.sha256
        else:
            seconds = moment.shown_end_s - moment.shown_start_s
            assert probe(data).duration_s == pytest.approx(seconds, abs=0.3)
            assert probe(data).kind == moment.modality
            if moment.modality == "video":
                assert watch(data)[0].number == round(10 * moment.shown_start_s) == 50
    (tmp_path / "photo.png").write_bytes(make_image("PNG") + b" ")
    with pytest.raises(MediaError, match="has changed"):
        retriever.blocks_of(moments, inline=True)


def test_other_chat_models_get_prepared_files_as_base64(tmp_path):
    (tmp_path / "talk.mkv").write_bytes(make_video("matroska", audio=None, seconds=3))
    documents = [described(tmp_path, "talk.mkv", 1.0, 2.0)]
    found = Found(documents=documents)
    for prepared_dir in (None, tmp_path / "prepared"):
        retriever = MiMoMediaRetriever(
            retriever=found, root=tmp_path, prepared_dir=prepared_dir, pad_s=0.0
        )
        blocks = media_rag_chain(CitingModel(answer=citing()), retriever).invoke("x")["blocks"]
        data = base64.b64decode(blocks[1]["base64"])
        assert probe(data).duration_s == pytest.approx(1.0, abs=0.2)
    assert [path.read_bytes() for path in (tmp_path / "prepared").iterdir()] == [data]


def test_what_is_dropped_is_in_the_metadata_and_in_the_log(retriever, caplog):
    model = CitingModel(answer=citing((2, 1, 2), (3, 1, 2), (2, 100, 200)))
    with caplog.at_level(logging.WARNING, "langchain_mimo"):
        result = media_rag_chain(model, retriever).invoke(QUESTION)
    metadata = result["message"].response_metadata
    assert metadata["model_name"] == "other-1"
    assert [each["segment"] for each in metadata["dropped_citations"]] == [3, 2]
    assert metadata["dropped_citations"][0]["reason"].startswith("there is no segment 3")
    assert json.loads(json.dumps(metadata)) == metadata
    assert len(result["answer"].citations) == 1
    assert "2 of 3 citations" in caplog.text
    assert "there is no segment 3" in caplog.text


def test_all_ways_to_run_it_give_the_same(retriever):
    chain = media_rag_chain(CitingModel(answer=citing((2, 1, 2), (9, 1, 2))), retriever)

    async def run():
        streamed = [each async for each in chain.astream(QUESTION)]
        return [await chain.ainvoke(QUESTION), *await chain.abatch([QUESTION]), *streamed]

    results = [chain.invoke(QUESTION), *chain.batch([{"question": QUESTION}])]
    results += [*chain.stream(QUESTION), *asyncio.run(run())]
    assert len(results) == 6
    for result in results:
        assert result.keys() == KEYS
        for name in ("question", "documents", "left_out", "blocks", "answer"):
            assert result[name] == results[0][name]
        assert result["message"].response_metadata == results[0]["message"].response_metadata


def test_other_keys_of_the_input_are_passed_on(retriever):
    chain = media_rag_chain(CitingModel(answer=citing()), retriever)
    assert chain.invoke({"question": QUESTION, "user": 7})["user"] == 7


def test_the_documents_of_an_output_are_shown_again(retriever, folder):
    model = CitingModel(answer=citing((2, 1, 2)))
    first = media_rag_chain(model, retriever).invoke(QUESTION)
    failing = MiMoMediaRetriever(retriever=Failing(), root=folder)
    given = {"question": "And then?", "documents": first["documents"]}
    second = media_rag_chain(model, failing).invoke(given)
    assert second["blocks"] == first["blocks"]
    assert asyncio.run(media_rag_chain(model, failing).ainvoke(given))["blocks"] == first["blocks"]
    assert model.seen[1][-1].text == "And then?"
    hostile = [Document("x", metadata={**first["documents"][0].metadata, "source": "/etc/hosts"})]
    with pytest.raises(MediaError, match="/etc/hosts"):
        media_rag_chain(model, failing).invoke({"question": "x", "documents": hostile})
    with pytest.raises(MiMoInputError, match="documents"):
        media_rag_chain(model, failing).invoke({"question": "x", "documents": "talk.mp4"})
    assert len(model.seen) == 3


class Failing(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        raise AssertionError("nothing is searched")


class Runs(BaseCallbackHandler):
    """The runs of a call, each with the name of its parent."""

    def __init__(self):
        self.names, self.runs, self.tags = {}, set(), set()

    def on_chain_start(self, serialized, inputs, *, run_id, parent_run_id=None, **kwargs):
        self._add(kwargs.get("name"), run_id, parent_run_id, kwargs["tags"])

    def on_retriever_start(self, serialized, query, *, run_id, parent_run_id=None, **kwargs):
        self._add("retriever", run_id, parent_run_id, kwargs["tags"])

    def on_chat_model_start(self, serialized, messages, *, run_id, parent_run_id=None, **kwargs):
        self._add("model", run_id, parent_run_id, kwargs["tags"])

    def _add(self, name, run_id, parent_run_id, tags):
        self.names[run_id] = name
        self.runs.add((name, self.names.get(parent_run_id)))
        self.tags |= {("film" in tags, name)}


@pytest.mark.parametrize("is_async", [False, True])
def test_callbacks_and_tags_reach_every_step(retriever, is_async):
    chain, runs = media_rag_chain(CitingModel(answer=citing()), retriever), Runs()
    config = {"callbacks": [runs], "tags": ["film"]}
    if is_async:
        asyncio.run(chain.ainvoke(QUESTION, config))
    else:
        chain.invoke(QUESTION, config)
    assert ("media_rag", None) in runs.runs
    assert {("retriever", "media_rag"), ("retriever", "retriever")} <= runs.runs
    assert ("model", "RunnableSequence") in runs.runs
    assert {(True, "media_rag"), (True, "model")} <= runs.tags


def test_a_model_is_told_that_nothing_was_found(folder):
    model = CitingModel(answer=citing((1, 0, 1), text="I do not know."))
    retriever = MiMoMediaRetriever(retriever=Found(documents=[]), root=folder)
    result = media_rag_chain(model, retriever).invoke(QUESTION)
    assert model.seen[0][1].text == "No images, videos or audio were found."
    assert (result["documents"], result["blocks"]) == ([], [])
    assert result["answer"].text == "I do not know."
    assert [each.reason for each in result["answer"].dropped] == [
        "there is no segment 1; nothing was shown"
    ]


@pytest.mark.parametrize("k", [None, 1])
def test_a_model_is_told_why_what_was_found_is_not_shown(folder, k):
    model = CitingModel(answer=citing())
    documents = [described(folder, "talk.mp4", 0.0, 1.0), described(folder, "photo.png")]
    found = Found(documents=documents)
    retriever = MiMoMediaRetriever(retriever=found, root=folder, budget_tokens=5, k=k)
    for result in (
        media_rag_chain(model, retriever).invoke(QUESTION),
        asyncio.run(media_rag_chain(model, retriever).ainvoke(QUESTION)),
        media_rag_chain(model, retriever).invoke({"question": "x", "documents": documents}),
    ):
        told = model.seen[-1][1].text
        assert told.startswith("2 passages were found and cannot be shown: the moments would cost ")
        assert told.endswith(" tokens, more than budget_tokens=5.")
        assert (result["documents"], result["blocks"]) == ([], [])
        assert [each.document for each in result["left_out"]] == documents
        assert all("budget_tokens=5" in each.reason for each in result["left_out"])


def test_what_is_left_out_is_in_the_result(folder):
    documents = [described(folder, "talk.mp4", 0.0, 1.0), described(folder, "photo.png")]
    retriever = MiMoMediaRetriever(retriever=Found(documents=documents), root=folder, k=1)
    result = media_rag_chain(CitingModel(answer=citing()), retriever).invoke(QUESTION)
    assert [each.metadata["source"] for each in result["documents"]] == ["talk.mp4"]
    (left_out,) = result["left_out"]
    assert left_out.to_dict() == {
        "source": "photo.png",
        "start_s": 0.0,
        "end_s": 0.0,
        "reason": "there are more moments than k=1",
    }


def test_documents_are_one_for_each_moment_in_the_order_shown(folder):
    documents = [
        described(folder, "talk.mp4", 2.0, 3.0),
        described(folder, "photo.png"),
        described(folder, "talk.mp4", 0.0, 1.0),
    ]
    retriever = MiMoMediaRetriever(retriever=Found(documents=documents), root=folder)
    chain = media_rag_chain(CitingModel(answer=citing()), retriever)
    searched = chain.invoke(QUESTION)["documents"]
    assert [each.metadata["source"] for each in searched] == ["photo.png", "talk.mp4"]
    for given in (documents, searched, searched[::-1]):
        assert chain.invoke({"question": "x", "documents": given})["documents"] == searched


def test_a_prompt_replaces_what_the_model_is_told(retriever):
    model = CitingModel(answer=citing())
    media_rag_chain(model, retriever, prompt="Answer in German.").invoke(QUESTION)
    assert model.seen[0][0].text == "Answer in German."


def test_an_answer_that_does_not_fit_raises(retriever):
    with pytest.raises(ValueError, match="CitedAnswer"):
        media_rag_chain(CitingModel(answer="At noon."), retriever).invoke(QUESTION)
    with pytest.raises(OutputParserException, match="no answer with citations, but ''"):
        media_rag_chain(CitingModel(answer=""), retriever).invoke(QUESTION)


@pytest.mark.parametrize("given", ["", "  ", None, 5, {}, {"query": "x"}, {"question": ["x"]}])
def test_a_question_is_needed_before_anything_is_searched(folder, given):
    retriever = MiMoMediaRetriever(retriever=Failing(), root=folder)
    chain = media_rag_chain(CitingModel(answer=citing()), retriever)
    with pytest.raises(MiMoInputError, match='has one as "question"'):
        chain.invoke(given)
    with pytest.raises(MiMoInputError, match='has one as "question"'):
        asyncio.run(chain.ainvoke(given))


def test_arguments_are_checked(retriever):
    model = CitingModel(answer=citing())
    with pytest.raises(MiMoConfigurationError, match=r"wrap it: MiMoMediaRetriever\(retriever="):
        media_rag_chain(model, retriever.retriever)
    with pytest.raises(MiMoConfigurationError, match="llm must be a chat model, got 'mimo'"):
        media_rag_chain("mimo", retriever)
    with pytest.raises(MiMoConfigurationError, match="prompt must be a string with text, got ''"):
        media_rag_chain(model, retriever, prompt="")
    with pytest.raises(MiMoConfigurationError, match="did you mean 'prompt'"):
        media_rag_chain(model, retriever, promt="x")
