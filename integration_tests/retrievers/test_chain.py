"""The chain against the emulator: citations in seconds of the source, and cached moments."""

import asyncio
import json

import pytest
from blockbuster import blockbuster_ctx
from coloured_media import coloured_video, tones
from moment_samples import Found, described
from PIL import Image

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.cost import LedgerCallback
from langchain_mimo.emulator import Reply
from langchain_mimo.retrievers import MiMoMediaRetriever, media_rag_chain

SCENES = [("red", 8), ("green", 8), ("blue", 8), ("red", 8)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    coloured_video(folder / "talk.mp4", SCENES, gop=30)
    tones(folder / "song.wav", (440, 6), (0, 4))
    Image.new("RGB", (200, 100), (220, 20, 20)).save(folder / "photo.png")
    return folder


@pytest.fixture
def chain_for(emulator, folder):
    def make(*documents, native_schemas=True, sampling=None, **options):
        llm = ChatMiMo(
            model="mimo-v2.6-flash",
            api_key=emulator.api_key,
            base_url=emulator.base_url,
            allowed_media_dirs=folder,
            max_retries=0,
            native_schemas=native_schemas,
            **sampling or {},
        )
        found = Found(documents=list(documents))
        return media_rag_chain(llm, MiMoMediaRetriever(retriever=found, root=folder, **options))

    return make


def citing(*citations):
    return json.dumps(
        {
            "text": "It is green.",
            "citations": [
                {"segment": segment, "start_s": start_s, "end_s": end_s, "quote": None}
                for segment, start_s, end_s in citations
            ],
        }
    )


@pytest.mark.parametrize("pad_s", [0.0, 1.0, 2.7])
def test_scenes_of_a_segment_are_cited_in_seconds_of_the_source(folder, chain_for, pad_s):
    # The emulator cites the scenes that it sees in the bytes that it gets.
    chain = chain_for(described(folder, "talk.mp4", 13.0, 20.0), pad_s=pad_s)
    result = chain.invoke("What is green?")
    assert result["answer"].dropped == []
    first, last = result["answer"].citations
    assert first.start_s <= 13.0 - pad_s  # from the key frame on
    assert first.end_s == pytest.approx(16.0, abs=0.1)
    assert last.start_s == pytest.approx(16.0, abs=0.1)
    assert last.end_s >= 20.0 + pad_s
    assert first.link == f"talk.mp4#t={first.start_s:g},{first.end_s:g}"


def test_wrong_citations_are_dropped_and_others_converted(emulator, folder, chain_for, caplog):
    emulator.reply(citing((1, 2, 4), (3, 2.5, 3.5), (3, 13, 14.5), (4, 1, 2), (3, 60, 90)))
    result = chain_for(
        described(folder, "talk.mp4", 12.0, 15.0),
        described(folder, "photo.png"),
        described(folder, "song.wav", 0.0, 10.0),
        pad_s=0.0,
    ).invoke("What is green?")
    citations = result["answer"].citations
    assert [(each.link, each.segment) for each in citations] == [
        ("photo.png", 1),
        ("talk.mp4#t=14.5,15", 3),
        ("talk.mp4#t=13,14.5", 3),
    ]
    dropped = result["message"].response_metadata["dropped_citations"]
    assert [each["reason"].split(";")[0][:22] for each in dropped] == [
        "there is no segment 4",
        "60 to 90 s is neither ",
    ]
    assert "2 of 5 citations" in caplog.text
    assert len(emulator.requests) == 1


def test_strings_are_understood_where_no_schema_is_enforced(emulator, folder, chain_for):
    emulator.reply(citing(("[1]", "0:01", "0:02"), (1, "soon", "later")))
    documents = [described(folder, "talk.mp4", 12.0, 15.0)]
    result = chain_for(*documents, pad_s=0.0, native_schemas=False).invoke("What is green?")
    assert [each.link for each in result["answer"].citations] == ["talk.mp4#t=13,14"]
    assert [each.reason for each in result["answer"].dropped] == [
        "its start_s is no time in seconds"
    ]
    assert len(emulator.requests) == 1


@pytest.mark.parametrize(
    ("citation", "links", "reasons"),
    [
        ({"segment": 1, "start_s": "0:01", "end_s": "0:02"}, ["talk.mp4#t=13,14"], []),
        ({"segment": "[1]", "start_s": 1, "end_s": 2, "quote": 5}, ["talk.mp4#t=13,14"], []),
        (
            {"segment": 0, "start_s": 1, "end_s": 2},
            [],
            ["there is no segment 0; 1 to 2 were shown"],
        ),
        ({"segment": 1, "start_s": None, "end_s": None}, [], ["its start_s is no time in seconds"]),
        ({"segment": 1}, [], ["its start_s is no time in seconds"]),
        ({"segment": 2}, ["photo.png"], []),
    ],
)
def test_a_citation_that_its_schema_does_not_allow_costs_no_second_request(
    emulator, folder, chain_for, citation, links, reasons
):
    emulator.reply(json.dumps({"text": "It is green.", "citations": [citation]}))
    documents = [
        described(folder, "talk.mp4", 12.0, 15.0),
        described(folder, "photo.png"),
    ]
    result = chain_for(*documents, order="rank", pad_s=0.0).invoke("What is green?")
    assert [each.link for each in result["answer"].citations] == links
    assert [each.reason for each in result["answer"].dropped] == reasons
    (request,) = emulator.requests
    schema = request.body["response_format"]["json_schema"]["schema"]
    citation = schema["properties"]["citations"]["items"]
    assert citation["properties"]["start_s"]["type"] == "number"


def test_the_same_moments_in_another_rank_are_the_same_cached_prefix(emulator, folder, chain_for):
    documents = [
        described(folder, "talk.mp4", 17.0, 20.0),
        described(folder, "photo.png"),
        described(folder, "talk.mp4", 1.0, 3.0),
        described(folder, "song.wav", 0.0, 5.0),
    ]
    ledger = LedgerCallback()
    first = chain_for(*documents).invoke("What is green?", {"callbacks": [ledger]})
    second = chain_for(*documents[::-1]).invoke("And what is blue?", {"callbacks": [ledger]})
    assert first["blocks"] == second["blocks"]
    one, other = (request.body["messages"] for request in emulator.requests)
    assert json.dumps(one[:2]) == json.dumps(other[:2])
    assert [each["content"] for each in (one[2], other[2])] == [
        "What is green?",
        "And what is blue?",
    ]
    details = [each["message"].usage_metadata["input_token_details"] for each in (first, second)]
    assert details[0]["cache_read"] == 0
    media = details[1]["video"] + details[1]["audio"]
    assert details[1]["cache_read"] > media > 200
    billed = [each.usage["prompt_tokens"] for each in emulator.requests]
    assert [each["message"].usage_metadata["input_tokens"] for each in (first, second)] == billed


@pytest.mark.parametrize("sampling", [{}, {"fps": 8}, {"fps": 4, "media_resolution": "max"}])
def test_a_budget_counts_what_the_model_samples(emulator, folder, chain_for, sampling):
    emulator.respond_with(lambda request: Reply(citing()))
    documents = [described(folder, "talk.mp4", at, at + 3) for at in (1.0, 12.0, 24.0)]
    whole = chain_for(*documents, sampling=sampling).invoke("What is green?")
    all_tokens = whole["message"].usage_metadata["input_token_details"]["video"]
    for part in (0.95, 0.5):
        budget = int(part * all_tokens)
        result = chain_for(*documents, sampling=sampling, budget_tokens=budget).invoke("And?")
        tokens = result["message"].usage_metadata["input_token_details"]["video"]
        assert 0 < tokens <= budget
        assert result["left_out"]
    # What the retriever sets goes before what the model does.
    fixed = chain_for(*documents, sampling=sampling, fps=1, media_resolution="default")
    details = fixed.invoke("And?")["message"].usage_metadata["input_token_details"]
    assert details["video"] < all_tokens


def test_it_does_not_block_the_event_loop(emulator, folder, chain_for):
    emulator.reply(citing((1, 1, 2)))
    chain = chain_for(described(folder, "talk.mp4", 12.0, 15.0))

    async def run():
        with blockbuster_ctx():
            return await chain.ainvoke("What is green?")

    result = asyncio.run(run())
    assert [each.source for each in result["answer"].citations] == ["talk.mp4"]


def test_an_answer_that_never_fits_raises_with_its_text(emulator, chain_for, folder):
    emulator.respond_with(lambda request: Reply("It is green."))
    with pytest.raises(ValueError, match=r"It is green\."):
        chain_for(described(folder, "photo.png")).invoke("What is green?")
