"""Models work in other processes, secrets are never shown, and event loops are not blocked."""

import concurrent.futures
import logging
import multiprocessing
import os
import subprocess
import sys

import cloudpickle
import pytest
from blockbuster import blockbuster_ctx
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.tracers.context import collect_runs

from langchain_mimo import ChatMiMo, MiMoError, image_block, video_block
from langchain_mimo.emulator import MiMoEmulator

CANARY = "sk-canary-4711-of-the-mine"
HEADER_CANARY = "header-canary-4712"


@pytest.fixture
def keyed(monkeypatch):
    """An emulator whose key is the canary, which is also in the environment."""
    with MiMoEmulator(api_key=CANARY) as running:
        monkeypatch.setenv("MIMO_API_KEY", CANARY)
        yield running


def model(emulator, **fields):
    return ChatMiMo(model="mimo-v2.6-flash", base_url=emulator.base_url, **fields)


def test_a_spawned_pool_uses_the_model(keyed):
    llm = model(keyed)
    llm.invoke("warm")  # opens a connection, which must not be pickled
    prompts = [f"What is {n}?" for n in range(4)]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        messages = list(pool.map(llm.invoke, prompts))
    assert all(p in message.text for p, message in zip(prompts, messages, strict=True))
    assert len(keyed.requests) == 5


def test_a_task_that_is_pickled_as_ray_does(keyed):
    llm = model(keyed)
    task = cloudpickle.dumps(lambda: llm.invoke("Over there?").text)
    assert CANARY.encode() not in task
    code = "import sys, pickle; print(pickle.load(sys.stdin.buffer)())"
    done = subprocess.run(
        [sys.executable, "-c", code], input=task, capture_output=True, check=True, env=os.environ
    )
    assert b"Over there?" in done.stdout
    assert len(keyed.requests) == 1


class Collector(BaseCallbackHandler):
    """Collects everything that callbacks receive."""

    def __init__(self):
        self.received = []

    def on_chat_model_start(self, *args, **kwargs):
        self.received.append(repr((args, kwargs)))

    def on_llm_error(self, *args, **kwargs):
        self.received.append(repr((args, kwargs)))

    def on_llm_end(self, *args, **kwargs):
        self.received.append(repr((args, kwargs)))


def chain_of(error):
    while error is not None:
        yield repr(error) + str(error) + repr(vars(error))
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("fault", [None, "server_error", "forbidden", "redirect", "cut_after"])
async def test_secrets_are_never_shown(keyed, caplog, fault):
    caplog.set_level(logging.DEBUG)
    llm = model(keyed, default_headers={"X-Team": HEADER_CANARY}, max_retries=0)
    collector = Collector()
    config = {"callbacks": [collector], "metadata": {"team": "video"}}
    shown = [repr(llm), str(llm), repr(llm.model_dump())]
    with collect_runs() as runs:
        for way in ("invoke", "ainvoke", "stream", "astream"):
            if fault:
                keyed.fault(fault, **({"bytes": 200} if fault == "cut_after" else {}))
            try:
                match way:
                    case "invoke":
                        llm.invoke("hello", config)
                    case "ainvoke":
                        await llm.ainvoke("hello", config)
                    case "stream":
                        list(llm.stream("hello", config))
                    case "astream":
                        [chunk async for chunk in llm.astream("hello", config)]
            except MiMoError as error:
                shown += chain_of(error)
        shown += [
            repr(run.model_dump() if hasattr(run, "model_dump") else run)
            for run in runs.traced_runs
        ]
    shown += [record.getMessage() + repr(record.args) for record in caplog.records]
    shown += collector.received
    assert len(shown) > 6
    assert any(
        b"authorization" in str(request.headers).lower().encode() for request in keyed.requests
    )
    for text in shown:
        assert CANARY not in text
        assert "canary-4711" not in text
        assert HEADER_CANARY not in text


def test_a_proxy_with_a_password_is_named_without_it(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://user:proxy-canary@127.0.0.1:9")
    llm = ChatMiMo(model="m", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(MiMoError) as caught:
        llm.invoke("hello")
    shown = [*chain_of(caught.value), *(record.getMessage() for record in caplog.records)]
    assert not any("proxy-canary" in text for text in shown)


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
async def test_files_do_not_block_the_event_loop(emulator, media, way):
    llm = ChatMiMo(
        model="mimo-v2.6-flash",
        api_key=emulator.api_key,
        base_url=emulator.base_url,
        allowed_media_dirs=[media.folder],
    )
    message = HumanMessage([image_block(media.image), video_block(media.video)])
    await llm.ainvoke("modules imported by the first call may be read from the disk")
    with blockbuster_ctx(scanned_modules=["langchain_mimo"]):
        if way == "ainvoke":
            text = (await llm.ainvoke([message])).text
        else:
            text = "".join([chunk.text async for chunk in llm.astream([message])])
    assert "Image 1: PNG" in text
