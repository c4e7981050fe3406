"""MiMoMediaLoader: order, concurrency, errors, budgets, progress, and what an early end leaves behind."""

import asyncio
import base64
import gc
import shutil
import threading
import time
import warnings
import wave

import pytest
from blockbuster import blockbuster_ctx
from describing_models import DescribingModel
from langchain_core.document_loaders import Blob, BlobLoader
from PIL import Image

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.cost import CallBudget, Money
from langchain_mimo.document_loaders import (
    MediaBlobLoader,
    MediaJournal,
    MiMoMediaLoader,
    MiMoMediaParser,
    media,
    parsers,
)
from langchain_mimo.document_loaders.requests import media_block
from langchain_mimo.errors import (
    MediaError,
    MiMoBudgetError,
    MiMoConfigurationError,
    MiMoInputError,
    MiMoServerError,
)


@pytest.fixture
def folder(tmp_path):
    """Eight images, of which no two are the same."""
    root = tmp_path / "media"
    root.mkdir()
    for n in range(8):
        Image.new("RGB", (40 + n, 30), "red").save(root / f"{n}.png")
    return root


def write_audio(path, seconds):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8000 * seconds))


def described(block, text):
    """Answer with the size of what was sent, so that answers differ."""
    return f'{{"summary": "{len(block["base64"])}"}}'


def parser(llm=None, **options):
    return MiMoMediaParser(llm or DescribingModel(answer=described), **options)


def sources(documents):
    return [document.metadata["source"] for document in documents]


def alive():
    return [t for t in threading.enumerate() if t.name.startswith("mimo-media")]


NAMES = [f"{n}.png" for n in range(8)]


# ------------------------------------------------------------------------------------- order


def test_documents_come_in_order_however_long_each_takes(folder):
    def slower_first(block, text):
        time.sleep(0.02 * (8 - len(llm.seen)))
        return described(block, text)

    llm = DescribingModel(answer=slower_first)
    documents = MiMoMediaLoader(folder, parser(llm, max_concurrency=4)).load()
    assert sources(documents) == NAMES
    assert llm.most_active > 1


async def test_the_async_loader_yields_the_same(folder):
    loader = MiMoMediaLoader(folder, parser(max_concurrency=3))
    with blockbuster_ctx("langchain_mimo"):
        documents = [document async for document in loader.alazy_load()]
    assert documents == loader.load()
    assert documents == await loader.aload()
    assert sources(documents) == NAMES


@pytest.mark.parametrize("is_async", [False, True])
def test_no_more_work_at_a_time_than_allowed_across_files(folder, is_async):
    llm = DescribingModel(answer=described, delay=0.02)
    loader = MiMoMediaLoader(folder, parser(llm, max_concurrency=8), max_concurrency=2)
    asyncio.run(loader.aload()) if is_async else loader.load()
    assert llm.most_active == 2


def test_segments_of_a_file_and_files_share_the_workers(tmp_path):
    write_audio(tmp_path / "a.wav", 20)
    write_audio(tmp_path / "b.wav", 3)
    llm = DescribingModel(answer='{"summary": "s"}', delay=0.01)
    loader = MiMoMediaLoader(tmp_path, parser(llm, plan={"max_seconds": 4.0}, max_concurrency=3))
    documents = loader.load()
    starts = [(d.metadata["source"], d.metadata["segment_index"]) for d in documents]
    assert starts == [*(("a.wav", i) for i in range(5)), ("b.wav", 0)]
    assert llm.most_active <= 3


def test_a_slow_first_segment_lets_no_answers_pile_up(folder):
    first = threading.Event()

    def answer(block, text):
        if int.from_bytes(base64.b64decode(block["base64"])[16:20], "big") == 40:  # the width
            first.wait(60)
        return described(block, text)

    llm = DescribingModel(answer=answer)
    iteration = MiMoMediaLoader(folder, parser(llm, max_concurrency=2)).lazy_load()
    documents = []
    taker = threading.Thread(target=lambda: documents.append(next(iteration)))
    taker.start()
    until = time.monotonic() + 60
    while len(llm.seen) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.2)
    # Two workers have a window of four: the first one, and three that were answered behind it.
    assert len(llm.seen) == 4
    first.set()
    taker.join()
    assert sources([*documents, *iteration]) == NAMES


# ------------------------------------------------------------------------------------- inputs


def test_blobs_from_all_sides(folder):
    blobs = list(MediaBlobLoader(folder).yield_blobs())
    expected = MiMoMediaLoader(folder, parser()).load()
    for given in (str(folder), MediaBlobLoader(folder), blobs, tuple(blobs)):
        loader = MiMoMediaLoader(given, parser())
        assert loader.load() == loader.load() == expected
    [only] = MiMoMediaLoader(folder / "3.png", parser()).load()
    assert only.metadata["source"] == "3.png"


def test_blobs_may_be_bytes_and_a_loader_of_ones_own(folder):
    class Bytes(BlobLoader):
        def yield_blobs(self):
            yield Blob.from_data((folder / "0.png").read_bytes(), metadata={"source": "db:0"})

    [document] = MiMoMediaLoader(Bytes(), parser()).load()
    assert document.metadata["source"] == "db:0"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        pytest.param(
            {"blobs": iter([])},
            MiMoConfigurationError,
            "can be read only once; pass list",
            id="iterator",  # its repr has an address
        ),
        (
            {"blobs": 3},
            MiMoConfigurationError,
            "blobs must be a blob loader, a list of blobs or a path, got 3",
        ),
        pytest.param({"blobs": Blob(data=b"")}, MiMoConfigurationError, "blobs must be", id="blob"),
        ({"blobs": "/no/such/folder"}, MiMoInputError, "does not exist"),
        ({"parser": 3}, MiMoConfigurationError, "parser must be a MiMoMediaParser, got 3"),
        ({"max_concurrency": 0}, MiMoConfigurationError, "max_concurrency must be an integer >= 1"),
        ({"progress": 3}, MiMoConfigurationError, "progress must be a function"),
        ({"budget": 3}, MiMoConfigurationError, "budget must be a CallBudget"),
        ({"max_cost": -1}, MiMoConfigurationError, "max_cost must be a number >= 0"),
        ({"max_cost": 1.0}, MiMoConfigurationError, "a budget needs ChatMiMo"),
        ({"budget": CallBudget(), "max_cost": 1.0}, MiMoConfigurationError, "not both"),
        ({"concurrency": 3}, MiMoConfigurationError, "did you mean 'max_concurrency'"),
    ],
    ids=str,
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        MiMoMediaLoader(**{"blobs": [], "parser": parser(), **arguments})


def test_a_list_with_something_else_in_it(folder):
    loader = MiMoMediaLoader([Blob.from_path(folder / "0.png"), "1.png"], parser())
    with pytest.raises(MiMoConfigurationError, match=r"blobs\[1\] must be a Blob, got '1.png'"):
        loader.load()


def test_a_model_with_a_budget_takes_no_other():
    mine = CallBudget()
    llm = ChatMiMo(model="mimo-v2.6-flash", api_key="sk-x", budget=mine)
    MiMoMediaLoader([], parser(llm))
    with pytest.raises(MiMoConfigurationError, match="the model has a budget"):
        MiMoMediaLoader([], parser(llm), max_cost=1.0)
    with pytest.raises(MiMoConfigurationError, match="another budget"):
        MiMoMediaLoader([], parser(llm), budget=CallBudget())
    MiMoMediaLoader([], parser(llm), budget=mine)


# ------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("on_error", ["skip", "document", "raise"])
def test_a_bad_file_ends_no_run_unless_it_is_to(folder, on_error, is_async):
    blobs = list(MediaBlobLoader(folder).yield_blobs())
    (folder / "2.png").write_bytes(b"no image")
    (folder / "5.png").unlink()
    loader = MiMoMediaLoader(blobs, parser(on_error=on_error, max_concurrency=2))
    documents = []

    async def take():
        async for document in loader.alazy_load():
            documents.append(document)

    def load():
        if is_async:
            asyncio.run(take())
        else:
            iter_into(loader.lazy_load(), documents)

    if on_error == "raise":
        with pytest.raises(MediaError, match=r"2\.png"):
            load()
        assert sources(documents) == NAMES[:2]
        return
    load()
    ok = [d for d in documents if d.metadata["status"] == "ok"]
    assert sources(ok) == [n for n in NAMES if n not in {"2.png", "5.png"}]
    bad = [d.metadata["source"] for d in documents if d.metadata["status"] == "error"]
    assert bad == ([] if on_error == "skip" else ["2.png", "5.png"])


def test_an_error_of_a_request_comes_behind_what_is_before_it(folder):
    def answer(block, text):
        with lock:
            asked.append(block)
            number = len(asked)
        return MiMoServerError("broken", status_code=500) if number == 4 else described(block, text)

    lock, asked = threading.Lock(), []
    loader = MiMoMediaLoader(folder, parser(DescribingModel(answer=answer), max_concurrency=1))
    documents = []
    with pytest.raises(MiMoServerError, match="broken"):
        iter_into(loader.lazy_load(), documents)
    assert sources(documents) == NAMES[:3]
    assert len(asked) <= 5  # one worker had begun the next, at most
    assert alive() == []


def iter_into(iterator, documents):
    for document in iterator:
        documents.append(document)


@pytest.mark.parametrize("is_async", [False, True])
def test_after_an_error_answers_under_way_are_kept(folder, tmp_path, is_async):
    first = len(base64.b64encode((folder / "0.png").read_bytes()))

    def answer(block, text):
        is_first = len(block["base64"]) == first
        return MiMoServerError("broken", status_code=500) if is_first else described(block, text)

    for n in (1, 2, 3, 4, 5, 6, 7):  # of another size than the first one
        Image.effect_noise((60 + n, 60), 50).save(folder / f"{n}.png")
    llm = DescribingModel(answer=answer, delay=0.2)
    loader = MiMoMediaLoader(folder, parser(llm, journal=tmp_path / "j", max_concurrency=3))
    with pytest.raises(MiMoServerError):
        asyncio.run(loader.aload()) if is_async else loader.load()
    sent = len(llm.seen)
    assert sent <= 6
    llm.answer, llm.delay = described, 0.0
    assert sources(loader.load()) == NAMES
    assert len(llm.seen) == 8 + 1


def fails_at_once(block, text):
    return MiMoServerError("broken", status_code=500)


@pytest.mark.parametrize("is_async", [False, True])
def test_after_an_error_what_is_being_prepared_is_not_sent(folder, monkeypatch, is_async):
    def prepared(ask, llm, options, progress):
        if not ask.plan.source.startswith("0"):
            last = time.monotonic() + 5
            while time.monotonic() < last:
                progress(0.5)
                time.sleep(0.01)
        return media_block(ask, llm, options, progress)

    monkeypatch.setattr(parsers, "media_block", prepared)
    llm = DescribingModel(answer=fails_at_once)
    loader = MiMoMediaLoader(folder, parser(llm, max_concurrency=3))
    with pytest.raises(MiMoServerError):
        asyncio.run(loader.aload()) if is_async else loader.load()
    assert len(llm.seen) == 1


@pytest.mark.parametrize("is_async", [False, True])
def test_after_an_error_nobody_waits_for_what_another_process_asks(folder, tmp_path, is_async):
    mine = parser(DescribingModel(answer=fails_at_once), journal=tmp_path / "j", max_concurrency=2)
    _, second, *_ = MediaBlobLoader(folder).yield_blobs()
    plan = mine.plan(second)
    ask = mine.ask(plan, plan.segments[0])
    claim = mine.journal.claim(ask.key, ask.info)
    later = threading.Timer(5, claim.release)
    later.start()
    loader = MiMoMediaLoader(folder, mine)
    with pytest.raises(MiMoServerError):
        asyncio.run(loader.aload()) if is_async else loader.load()
    assert later.is_alive()
    later.cancel()
    claim.release()


@pytest.mark.parametrize("is_async", [False, True])
def test_a_bug_is_raised_at_once_and_leaves_nothing_behind(folder, monkeypatch, is_async):
    mine = parser(max_concurrency=2)
    monkeypatch.setattr(mine, "plan", lambda blob: 1 / 0)
    loader = MiMoMediaLoader(folder, mine)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(loader.aload()) if is_async else loader.load()
    assert alive() == []


def test_an_error_of_a_blob_loader_comes_behind_what_it_gave(folder):
    class Broken(BlobLoader):
        def yield_blobs(self):
            yield from list(MediaBlobLoader(folder).yield_blobs())[:3]
            raise OSError("the bucket is gone")

    documents = []
    with pytest.raises(OSError, match="the bucket is gone"):
        iter_into(MiMoMediaLoader(Broken(), parser()).lazy_load(), documents)
    assert sources(documents) == NAMES[:3]


# --------------------------------------------------------------------------------- early ends


def test_leaving_early_sends_nothing_more_and_ends_the_threads(folder, tmp_path):
    llm = DescribingModel(answer=described, delay=0.05)
    journal = MediaJournal(tmp_path / "journal")
    loader = MiMoMediaLoader(folder, parser(llm, journal=journal, max_concurrency=2))
    for document in loader.lazy_load():
        assert document.metadata["source"] == "0.png"
        break
    gc.collect()
    assert alive() == []
    sent = len(llm.seen)
    assert sent < 8
    # What was sent is known, and nothing of it is sent again.
    assert sources(loader.load()) == NAMES
    assert len(llm.seen) == 8


async def test_cancelling_sends_nothing_more_and_gives_claims_back(folder, tmp_path):
    llm = DescribingModel(answer=described, delay=60)
    journal = MediaJournal(tmp_path / "journal")
    loader = MiMoMediaLoader(folder, parser(llm, journal=journal, max_concurrency=3))
    task = asyncio.ensure_future(loader.aload())
    while llm.active < 2:  # noqa: ASYNC110 - the model is no event
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1
    sent = len(llm.seen)
    assert 2 <= sent <= 3
    assert journal.report().total.attempts == sent
    await asyncio.sleep(0.1)
    assert len(llm.seen) == sent
    llm.delay = 0.0
    assert sources(await asyncio.wait_for(loader.aload(), 20)) == NAMES


async def test_leaving_an_async_iteration_early_ends_its_tasks(folder):
    llm = DescribingModel(answer=described, delay=0.02)
    iteration = MiMoMediaLoader(folder, parser(llm, max_concurrency=2)).alazy_load()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async for _ in iteration:
            break
        await iteration.aclose()
        gc.collect()
    assert len(asyncio.all_tasks()) == 1
    sent = len(llm.seen)
    await asyncio.sleep(0.1)
    assert len(llm.seen) == sent < 8


# ----------------------------------------------------------------------------------- journal


def test_a_second_run_sends_nothing_and_a_changed_file_is_sent_alone(folder, tmp_path):
    llm = DescribingModel(answer=described)
    loader = MiMoMediaLoader(folder, parser(llm, journal=tmp_path / "journal"))
    first = loader.load()
    assert (len(llm.seen), loader.load()) == (8, first)
    assert len(llm.seen) == 8
    Image.new("RGB", (90, 90), "blue").save(folder / "4.png")
    (folder / "7.png").rename(folder / "8.png")
    (folder / "1.png").unlink()
    later = loader.load()
    assert len(llm.seen) == 9
    assert sources(later) == ["0.png", "2.png", "3.png", "4.png", "5.png", "6.png", "8.png"]
    assert [d for d in first if d.metadata["source"] in ("0.png", "2.png")] == later[:2]


@pytest.mark.parametrize("is_async", [False, True])
def test_files_of_the_same_bytes_are_sent_once_even_at_the_same_time(folder, tmp_path, is_async):
    for n in range(1, 8):
        shutil.copy(folder / "0.png", folder / f"{n}.png")
    llm = DescribingModel(answer=described, delay=0.1)
    loader = MiMoMediaLoader(folder, parser(llm, journal=tmp_path / "journal", max_concurrency=4))
    documents = asyncio.run(loader.aload()) if is_async else loader.load()
    assert sources(documents) == NAMES
    assert len({document.id for document in documents}) == 8
    assert len(llm.seen) == 1


# ---------------------------------------------------------------------------------- progress


def test_progress_is_told_in_the_thread_that_takes_the_documents(folder, tmp_path):
    told, threads = [], set()

    def tell(now):
        told.append(now)
        threads.add(threading.current_thread())

    write_audio(folder / "9.wav", 3)
    mine = parser(journal=tmp_path / "journal", max_concurrency=2)
    loader = MiMoMediaLoader(folder, mine, progress=tell)
    count = len(loader.load())
    assert threads == {threading.current_thread()}
    assert [each.files_done for each in told] == list(range(1, 10))
    last = told[-1]
    assert (last.files_found, last.are_all_found, last.documents) == (9, True, count)
    assert (last.segments_done, last.segments_sent) == (9, 9)
    assert (last.media_seconds, last.tokens, last.costs) == (3.0, 9 * 15, ())
    assert str(last) == "9 of 9 files, 9 segments (9 sent), 135 tokens"
    loader.load()
    assert (told[-1].segments_sent, told[-1].tokens) == (0, 9 * 15)


def test_files_that_are_skipped_are_done_too(folder):
    told = []
    blobs = list(MediaBlobLoader(folder).yield_blobs())
    (folder / "0.png").unlink()
    loader = MiMoMediaLoader(blobs, parser(on_error="skip"), progress=told.append)
    assert len(loader.load()) == 7
    assert (told[0].files_done, told[0].segments_done) == (1, 0)
    assert (told[-1].files_done, told[-1].segments_done) == (8, 7)


@pytest.mark.parametrize("is_async", [False, True])
def test_what_a_callback_raises_ends_the_run(folder, is_async):
    def stop(now):
        raise KeyError(now.files_done)

    loader = MiMoMediaLoader(folder, parser(), progress=stop)
    with pytest.raises(KeyError):
        asyncio.run(loader.aload()) if is_async else loader.load()
    assert alive() == []


def test_a_bar_shows_files(folder, monkeypatch):
    class Tqdm:
        def __init__(self, **options):
            self.n, self.total, self.is_closed = 0, None, False
            bars.append(self)

        def update(self, count):
            self.n += count

        def set_postfix_str(self, text, refresh):
            self.text = text

        def close(self):
            self.is_closed = True

    bars = []
    monkeypatch.setattr(media, "tqdm_bar", lambda: Tqdm)
    MiMoMediaLoader(folder, parser(), show_progress=True).load()
    [bar] = bars
    assert (bar.n, bar.total, bar.is_closed) == (8, 8, True)
    assert bar.text == "8 segments (8 sent), 120 tokens"


def test_a_bar_needs_tqdm(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    with pytest.raises(MiMoConfigurationError, match="pip install tqdm"):
        MiMoMediaLoader(folder, parser(), show_progress=True)


# ------------------------------------------------------------------------------------- budget


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("has_journal", [False, True])
def test_a_budget_that_is_used_up_ends_the_run_cleanly(folder, tmp_path, is_async, has_journal):
    lock, count = threading.Lock(), [0]

    def answer(block, text):
        with lock:
            count[0] += 1
            number = count[0]
        return MiMoBudgetError("max_cost is reached") if number > 5 else described(block, text)

    journal = MediaJournal(tmp_path / "journal") if has_journal else None
    llm = DescribingModel(answer=answer)
    loader = MiMoMediaLoader(folder, parser(llm, journal=journal, max_concurrency=1))
    documents = []

    async def take():
        async for document in loader.alazy_load():
            documents.append(document)

    with pytest.raises(MiMoBudgetError) as caught:
        asyncio.run(take()) if is_async else iter_into(loader.lazy_load(), documents)
    assert sources(documents) == NAMES[:5]
    again = (
        "A new loader with money left in its budget sends only the rest."
        if has_journal
        else "Pass journal= to MiMoMediaParser, so that a new loader "
        "with money left in its budget sends only the rest."
    )
    assert str(caught.value) == (
        "max_cost is reached. Until then 5 segments were described, and 5 files completely. "
        f"{again}"
    )
    if has_journal:
        llm.answer, before = described, len(llm.seen)
        assert sources(loader.load()) == NAMES
        assert len(llm.seen) - before == 3


def test_a_ceiling_is_a_budget_of_this_loader():
    llm = ChatMiMo(model="mimo-v2.6-flash", api_key="sk-x")
    loader = MiMoMediaLoader([], parser(llm), max_cost=Money(2.0, "CNY"))
    assert (
        repr(loader._parser.llm.budget) == "CallBudget(max_cost=Money(amount=2.0, currency='CNY'))"
    )
    assert llm.budget is None
    assert loader.load() == []
