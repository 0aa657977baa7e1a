from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ironbatch import Batch


class Scans(Batch):
    components = "images", "labels"


class Plain(Batch):
    components = "x"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*")]


def plain(value: Any, ids: Any = None) -> Plain:
    batch = Plain(len(value) if ids is None else ids)
    batch.x = value
    return batch
