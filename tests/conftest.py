"""Which tests run, and the checks around each of them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run tests that need heavy packages too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full"):
        return
    for item in items:
        for mark in item.iter_markers("full"):
            needs = ", ".join(mark.args)
            item.add_marker(pytest.mark.skip(reason=f"needs {needs}; runs in `make test-full`"))


class Page(HTMLParser):
    """What a browser would make of it: tags, pictures, text."""

    VOID = ("img", "br", "meta")

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], set(), [], ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    @property
    def pictures(self):
        return [value for name, value in self.attributes if name == "src"]


@pytest.fixture
def read_page() -> type[Page]:
    """What makes a `Page` of HTML."""
    return Page
