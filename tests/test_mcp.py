"""`langchain_mimo.mcp` without its adapters; mcp_tests/ has them and real servers."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from langchain_mimo.mcp import media_adapter, media_interceptor


@pytest.fixture(autouse=True)
def _without_adapters(monkeypatch):
    for name in ("mcp", "mcp.types", "fastmcp", "langchain.mcp"):
        monkeypatch.setitem(sys.modules, name, None)


def test_importing_it_imports_no_adapter():
    code = """
import sys, langchain_mimo.mcp
print(sorted({"mcp", "fastmcp", "langchain", "langchain_mcp_adapters"} & set(sys.modules)))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_missing_langchain_mcp_is_one_sentence():
    with pytest.raises(ImportError) as caught:
        media_adapter("https://example.com/mcp")
    text = str(caught.value)
    assert text.startswith("media_adapter needs langchain.mcp (")
    assert text.endswith('); install it with: pip install "langchain[mcp]>=1.5"')


async def test_a_missing_mcp_is_one_sentence():
    async def handler(request):
        return request

    with pytest.raises(ImportError) as caught:
        await media_interceptor(SimpleNamespace(name="fetch"), handler)
    text = str(caught.value)
    assert text.startswith("media_interceptor needs mcp.types (")
    assert text.endswith('); install it with: pip install "langchain-mcp-adapters>=0.3"')
