"""Import rules that import-linter cannot state; pyproject.toml has all others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from repository import ROOT

import langchain_mimo

PACKAGE = ROOT / "langchain_mimo"
PUBLIC_ROOMS_ONLY = {
    *("decisions", "document_loaders", "retrievers", "web", "ray", "mcp", "middleware"),
}
"""Rooms, some of them yet to come, that import no room with a leading underscore."""

BASE = {"_checks", "_forks", "_processes", "_sqlite_files", "_threads"}
"""What every room may import: checks of arguments, the lock that forks wait for, processes and
files that they share, which know nothing of media, models or LangChain."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def imports(source: str, modules: set[str]) -> Iterator[tuple[str, str]]:
    """Yield each import of ours, in functions too, as the module and the name taken from it."""
    tree = ast.parse(source)
    type_checking = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in type_checking:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                if submodule in modules:
                    yield submodule, ""
                else:
                    yield str(node.module), alias.name


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def broken_rules(module: str, source: str) -> list[str]:
    """Name each rule that a module's imports break."""
    broken = []
    for target, name in imports(source, set(SOURCES)):
        if target.split(".")[0] != "langchain_mimo":
            continue
        if target == "langchain_mimo" and name in langchain_mimo.__all__:
            broken.append(f"{module} imports {name} through the package's __init__")
        is_private = room(target).startswith("_") and room(target) not in BASE
        if room(module) in PUBLIC_ROOMS_ONLY and is_private:
            broken.append(f"{module} imports {target}, which is not public")
        if room(target) == "emulator" and room(module) not in {"emulator", "web"}:
            broken.append(f"{module} imports the emulator")
    return broken


@pytest.mark.parametrize("module", SOURCES)
def test_imports_follow_the_rules(module):
    assert broken_rules(module, SOURCES[module]) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("langchain_mimo.retrievers.media", "from langchain_mimo._wire.turns import Turn"),
        ("langchain_mimo.ray", "def f():\n    import langchain_mimo._media.opening"),
        ("langchain_mimo.mcp", "from langchain_mimo import _json"),
        ("langchain_mimo.cost.estimate", "from langchain_mimo import ChatMiMo"),
        ("langchain_mimo.speech", "from langchain_mimo.emulator import MiMoEmulator"),
    ],
)
def test_broken_rules_are_noticed(module, source):
    assert len(broken_rules(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("langchain_mimo.web.server", "from langchain_mimo.emulator import MiMoEmulator"),
        ("langchain_mimo.retrievers.media", "from langchain_mimo.media import video_block"),
        ("langchain_mimo.batches", "from langchain_mimo import catalogue"),
        ("langchain_mimo.retrievers.tool", "from langchain_mimo._checks import integer"),
    ],
)
def test_allowed_imports_pass(module, source):
    assert broken_rules(module, source) == []


def test_no_import_circle_hides_in_a_function():
    graph = {
        module: {target for target, _ in imports(source, set(SOURCES)) if target in SOURCES}
        # A package's __init__ hands its modules' names on; importing one of them imports it too.
        - {module}
        for module, source in SOURCES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' → '.join(reversed(error.args[1]))}")
