"""The pinned sets name versions that pyproject.toml allows, from no particular index."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [
    Requirement(text)
    for texts in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in texts
]
FILES = sorted(path.name for path in ROOT.glob("constraints*.txt"))
PIN = re.compile(r"([A-Za-z0-9._-]+)==([0-9][0-9a-z.]*)")


def pins(name):
    """Return the versions of a set by canonical name; each line is a comment or one version."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [PIN.fullmatch(line) for line in lines if not line.startswith("#")]
    assert all(found), name
    return {canonicalize_name(match[1]): match[2] for match in found}


def test_there_are_sets_for_the_oldest_and_the_newest_python():
    assert {"constraints.txt", "constraints-min.txt", "constraints-newest.txt"} <= set(FILES)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    oldest, newest = (
        re.search(rf"^{name} \?= (\S+)$", makefile, re.MULTILINE)[1]
        for name in ("OLDEST", "NEWEST")
    )
    first_lines = [
        (ROOT / name).read_text(encoding="utf-8").splitlines()[0]
        for name in ("constraints.txt", "constraints-newest.txt")
    ]
    assert f"resolved on Python {oldest}," in first_lines[0]
    assert f"resolved on Python {newest}," in first_lines[1]
    versions = [
        text.rpartition(" ")[2]
        for text in PROJECT["classifiers"]
        if text.startswith("Programming Language :: Python :: 3.")
    ]
    assert (versions[0], versions[-1]) == (oldest, newest)


def test_contributing_names_the_versions_that_are_run():
    text = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    for name in ("constraints.txt", "constraints-newest.txt"):
        pinned = pins(name)
        av, core = pinned["av"].rpartition(".")[0], pinned["langchain-core"]
        assert f"with `{name}` (PyAV {av}, langchain-core {core})" in text
    pinned = pins("constraints-min.txt")
    av, core = pinned["av"].rpartition(".")[0], pinned["langchain-core"]
    assert f"(PyAV {av}, langchain-core {core}) on Python" in text


@pytest.mark.parametrize("name", FILES)
def test_pinned_versions_are_allowed(name):
    pinned = pins(name)
    assert pinned
    for requirement in REQUIREMENTS:
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is None or version in requirement.specifier, f"{requirement}: {version}"


def test_the_lowest_set_is_what_is_claimed():
    pinned = pins("constraints-min.txt")
    for requirement in REQUIREMENTS:
        if requirement.name == "orjson":  # the file says why
            continue
        lowest = min(
            specifier.version for specifier in requirement.specifier if specifier.operator == ">="
        )
        version = pinned[canonicalize_name(requirement.name)]
        assert version.removesuffix(".0") == lowest.removesuffix(".0"), requirement
