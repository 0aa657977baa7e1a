"""Parquet files on file systems of fsspec, which raise whatever their packages have."""

from __future__ import annotations

import io
import os
import pickle
import threading
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from ironbatch import Dataset, FormatError
from ironbatch.sources import ParquetTable

KEY = {"key": "sesame"}


class RefusalError(Exception):
    """An error of a client, such as those of object stores are."""


class Store(fsspec.AbstractFileSystem):
    """The files of this machine, for those who have the key."""

    protocol = "refusing"
    refused = None
    opened = None
    asked: set[threading.Thread] = set()  # by which threads

    def __init__(self, key=None, **options):
        super().__init__(key=key, **options)
        self.key = key
        self.local = fsspec.filesystem("file")

    def ask(self, what, path):
        if self.key != "sesame" or Store.refused == (what, Path(path).name):
            raise RefusalError(f"you may not {what}")

    def info(self, path, **options):
        self.ask("look", path)
        if path.endswith("2.parquet"):
            Store.asked.add(threading.current_thread())
        return self.local.info(path)

    def ls(self, path, detail=True, **options):
        self.ask("list", path)
        return self.local.ls(path, detail)

    def _open(self, path, mode="rb", **options):
        self.ask("read", path)
        file = io.BytesIO(Path(path).read_bytes())
        if Store.opened is not None:
            Store.opened(path)
        return file


fsspec.register_implementation("refusing", Store, clobber=True)


@pytest.fixture
def url(tmp_path):
    Store.refused, Store.opened, Store.asked = None, None, set()
    for number in range(4):
        table = pa.table({"x": np.arange(50) + 50 * number})
        pq.write_table(table, tmp_path / f"{number}.parquet", row_group_size=20)
    yield f"refusing://{tmp_path}"
    Store.refused = Store.opened = None


@pytest.mark.parametrize("in_memory", [None, True, False])
def test_options_of_a_store_are_used_and_kept(url, in_memory):
    with pytest.raises(OSError, match=r"you may not look.*refusing://"):
        ParquetTable(url, in_memory)
    table = ParquetTable(url, in_memory, storage_options=KEY)
    assert Dataset(table).create_batch([3, 199]).x.tolist() == [3, 199]
    copy = pickle.loads(pickle.dumps(table))
    assert Dataset(copy).create_batch([3, 199]).x.tolist() == [3, 199]


def test_options_that_are_none(tmp_path, url):
    with pytest.raises(TypeError, match=r"is a mapping of options of a file system, got 'sesame'"):
        ParquetTable(url, storage_options="sesame")
    with pytest.raises(TypeError, match=r"for the file system of a URL, and .* is none"):
        ParquetTable(tmp_path, storage_options=KEY)
    with pytest.raises(TypeError, match="FileSystemDataset is none"):
        ParquetTable(pyarrow.dataset.dataset(tmp_path), storage_options=KEY)


@pytest.mark.parametrize("what", ["look", "read"])
def test_a_store_that_refuses_when_it_is_opened_is_named(url, what):
    Store.refused = what, "2.parquet"
    with pytest.raises(OSError, match=rf"RefusalError: you may not {what}.*/2\.parquet"):
        ParquetTable(url, storage_options=KEY)


@pytest.mark.parametrize("in_memory", [None, True, False])
@pytest.mark.parametrize("what", ["look", "read"])
def test_a_store_that_refuses_later_is_no_damaged_file(url, what, in_memory):
    table = ParquetTable(url, in_memory, KEY)
    Store.refused = what, "2.parquet"
    with pytest.raises(OSError, match=rf"RefusalError: you may not {what}.*/2\.parquet"):
        _ = Dataset(table).create_batch([110]).x
    Store.refused = None
    assert Dataset(table).create_batch([110]).x.tolist() == [110]


@pytest.mark.parametrize("in_memory", [None, True, False])
def test_a_file_that_changes_while_it_is_opened_is_named(url, in_memory):
    def opened(path):
        if path.endswith("2.parquet"):
            os.utime(path, (1, 1))

    Store.opened = opened
    table = ParquetTable(url, in_memory, KEY)
    with pytest.raises(FormatError, match=r"2\.parquet: the file has been written anew"):
        _ = Dataset(table).create_batch([110]).x


def test_files_are_not_looked_at_one_after_another(url):
    ParquetTable(url, storage_options=KEY)
    assert Store.asked
    assert threading.current_thread() not in Store.asked
