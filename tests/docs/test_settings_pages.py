"""docs/environment-variables.md and docs/versions.md agree with the package."""

import ast
import re
import tomllib

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from repository import ROOT

from langchain_mimo._transport.environment_proxies import environment_proxies

VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
READERS = {"environ", "getenv", "getenvb"}


def first_cells(page, section=""):
    """The first cells of the tables below a heading of a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    text = text.partition(f"## {section}\n")[2].partition("\n## ")[0] if section else text
    return [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ")]


def listed(section):
    cells = " ".join(row[0] for row in first_cells("environment-variables.md", section))
    return set(VARIABLE.findall(cells))


def variables_of(path):
    """The names of variables in a module that reads the environment."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        n.attr if isinstance(n, ast.Attribute) else getattr(n, "id", "") for n in ast.walk(tree)
    }
    if not names & READERS:
        return set()
    texts = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant))
    return {text for text in texts if isinstance(text, str) and VARIABLE.fullmatch(text)}


def test_every_variable_that_the_package_reads_is_listed(monkeypatch):
    modules = (ROOT / "langchain_mimo").rglob("*.py")
    read = {name for module in modules for name in variables_of(module)}
    assert read >= {"MIMO_API_KEY", "MIMO_BASE_URL", "SSL_CERT_DIR"}
    proxies = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
    for name in proxies:
        monkeypatch.setenv(name, "http://proxy.example:8080")
    assert {"http://", "https://", "all://"} <= set(environment_proxies())
    monkeypatch.setenv("NO_PROXY", "*")
    assert not environment_proxies()
    assert listed("Read by this package") == read | proxies | {"NO_PROXY"}


def test_the_versions_shown_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for extra in extras.values() for text in extra)]
    required = {r.name: r.specifier for r in map(Requirement, texts)}
    required["Python"] = SpecifierSet(project["requires-python"])
    rows = [
        [cell.strip() for cell in row] for row in first_cells("versions.md", "What is supported")
    ]
    shown = {
        {"PyAV": "av"}.get(row[0].split(",")[0], row[0].split(",")[0]): row[1:]
        for row in rows
        if len(row) == 3 and row[0]
    }
    assert set(shown) == {"Python", "langchain-core", "httpx2", "pydantic", "av"}
    for name, (lowest, below) in shown.items():
        expected = {f">={lowest}"} | ({f"<{below}"} if below else set())
        assert {str(each) for each in required[name]} == expected, name
