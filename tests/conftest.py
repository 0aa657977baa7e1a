"""Which tests run, and the checks around each of them."""

from __future__ import annotations

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
