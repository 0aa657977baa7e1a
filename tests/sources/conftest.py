"""What tests of sources have in common."""

from __future__ import annotations

from collections import Counter

import pyarrow.parquet as pq
import pytest


@pytest.fixture
def reads(monkeypatch):
    """Count what is read of an open file: pairs of row group and column."""
    counted = Counter()
    original = pq.ParquetFile.read_row_group

    def read_row_group(self, number, columns=None, **kwargs):
        counted.update((number, name) for name in columns)
        counted["calls"] += 1
        return original(self, number, columns=columns, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", read_row_group)
    return counted
