"""A fork during the first call of another thread: no child hangs on a module lock."""

import os
import subprocess
import sys

import pytest

CHILD = """
import asyncio, json, os, sys, threading, time
from langchain_mimo import ChatMiMo

is_async = sys.argv[1] == "async"
settings = {"api_key": "k", "max_retries": 0, "timeout": 5}
llm = ChatMiMo(model="mimo-v2.6-flash", base_url="http://127.0.0.1:9/v1", **settings)

def call():
    try:
        asyncio.run(llm.ainvoke("hi")) if is_async else llm.invoke("hi")
    except Exception as error:
        return type(error).__name__

threading.Thread(target=call, daemon=True).start()
children, ends, deadline = [], [], time.monotonic() + 60
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0 if call() == "MiMoConnectionError" else 3)
    children.append(child)
    time.sleep(0.005)
for child in children:
    done = (0, 0)
    while done[0] == 0 and time.monotonic() < deadline:
        done = os.waitpid(child, os.WNOHANG)
        time.sleep(0.005)
    if done[0] == 0:
        os.kill(child, 9)
        os.waitpid(child, 0)
    ends.append("hung" if done[0] == 0 else os.waitstatus_to_exitcode(done[1]))
print(json.dumps(ends))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_no_child_hangs(kind):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, kind],
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )
    assert done.stdout.strip() == str([0] * 20), done.stdout + done.stderr


IMPORTS = """
import asyncio, sys
from langchain_mimo import ChatMiMo
from langchain_mimo._chat import engine

settings = {"api_key": "k", "max_retries": 0, "timeout": 5}
llm = ChatMiMo(model="mimo-v2.6-flash", base_url="http://127.0.0.1:9/v1", **settings)

async def load():
    engine.load()

async def acall():
    try:
        await llm.ainvoke("hi")
    except Exception:
        pass

asyncio.run(load())
known = set(sys.modules)
try:
    llm.invoke("hi")
except Exception:
    pass
asyncio.run(acall())
print(sorted(name for name in set(sys.modules) - known if not name.startswith(("tenacity", "langsmith"))))
"""


def test_a_first_call_imports_nothing_that_the_engine_did_not():
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
