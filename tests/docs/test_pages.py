"""Every Python block of the documentation runs, page by page, in an empty folder."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
README = DOCS.parent / "README.md"
PAGES = sorted(page for page in (README, *DOCS.rglob("*.md")) if BLOCK.search(page.read_text()))
COMMANDS = "<!-- runs: commands -->"
"""What a page says whose commands run, too; `test_commands` does that."""
NEEDS = re.compile(r"^<!-- needs: (\w+) -->$", re.MULTILINE)
"""What a page says that runs with ``--full`` alone."""
PICTURE = re.compile(r"!\[[^\]]*\]\((?:\.\./)*pictures/([\w.-]+)\)")
"""What the code of a page draws, or saves as HTML; `draw_pictures.py` puts it there."""


def runs(page):
    needs = NEEDS.findall(page.read_text())
    name = str(page.relative_to(DOCS.parent))
    return pytest.param(page, id=name, marks=[pytest.mark.full(*needs)] if needs else [])


@pytest.mark.parametrize("page", [runs(page) for page in PAGES if COMMANDS not in page.read_text()])
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    names = {"__name__": "__main__"}
    for block in BLOCK.finditer(text):
        line = text[: block.start()].count("\n") + 1
        exec(compile("\n" * line + block[1], str(page), "exec"), names)
    for name in PICTURE.findall(text):
        saved = tmp_path / name
        drawn = saved.is_file() or saved.with_suffix(".html").is_file()
        assert drawn, "the page shows what its code does not draw"


def test_there_are_pages():
    assert len(PAGES) >= 3


@pytest.mark.parametrize(
    "page", sorted(DOCS.glob("*/*.md")), ids=lambda page: str(page.relative_to(DOCS))
)
def test_a_page_is_in_the_navigation_and_begins_with_an_example(page):
    lines = page.read_text().splitlines()
    assert f": {page.relative_to(DOCS)}\n" in (DOCS.parent / ".mkdocs.yml").read_text()
    assert lines[0].startswith("# ")
    assert "```python" in lines[:35]
    assert not any(re.match(r"\s+```python", line) for line in lines), "it would not be run"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS.parent)))
def test_links_lead_to_files(page):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_pictures_are_small_and_shown():
    shown = {name for page in DOCS.rglob("*.md") for name in PICTURE.findall(page.read_text())}
    files = {path.name: path.stat().st_size for path in (DOCS / "pictures").iterdir()}
    assert files.keys() == shown
    assert max(files.values()) < 150_000


def test_every_page_of_the_navigation_exists():
    named = re.findall(r": ([\w/-]+\.md)$", (DOCS.parent / ".mkdocs.yml").read_text(), re.MULTILINE)
    assert named
    assert [page for page in named if not (DOCS / page).is_file()] == []
