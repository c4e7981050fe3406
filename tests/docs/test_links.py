"""Links, anchors and navigation of the documentation."""

import importlib
import re

import pytest
import yaml
from repository import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)#([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors_of(page):
    """The anchors of a page's headings, on the site and on GitHub, and those that it sets itself."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    found = set(re.findall(r'^<a id="([^"]+)"></a>$', text, re.MULTILINE))
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"[^\w\s-]", "", heading.replace("`", "").lower())
        found.add(re.sub(r"\s+", "-", words.strip()))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_anchor_exists(page):
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    missing = [
        f"{target}#{anchor}"
        for target, anchor in LINK.findall(text)
        if anchor not in anchors_of(page.parent / target if target else page)
    ]
    assert not missing


def test_every_page_is_in_the_navigation_once():
    def pages_in(entry):
        if isinstance(entry, str):
            return [entry]
        values = entry.values() if isinstance(entry, dict) else entry
        return [page for value in values for page in pages_in(value)]

    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = pages_in(site["nav"])
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


@pytest.mark.parametrize("page", sorted((DOCS / "reference").glob("*.md")), ids=lambda p: p.stem)
def test_the_names_in_the_reference_exist(page):
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"^::: (\S+)$", text, re.MULTILINE):
        module, _, attribute = name.rpartition(".")
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            assert hasattr(importlib.import_module(module), attribute), name
    for name, members in re.findall(
        r"^::: (\S+)\n    options:\n(?:      .+\n)*?      members: \[(.+)\]", text, re.MULTILINE
    ):
        module = importlib.import_module(name)
        assert all(hasattr(module, member) for member in members.split(", ")), name


def test_the_language_switch_knows_every_page_in_chinese():
    sitemap = (DOCS / "zh" / "sitemap.xml").read_text(encoding="utf-8")
    listed = re.findall(r"<loc>http://localhost/zh/(.*?)</loc>", sitemap)
    pages = [page.stem for page in (DOCS / "zh").glob("*.md")]
    assert sorted(listed) == sorted("" if name == "index" else f"{name}/" for name in pages)
