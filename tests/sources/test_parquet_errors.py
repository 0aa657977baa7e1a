"""What goes wrong with Parquet files, whether they are read as a whole or by row group."""

from __future__ import annotations

import os

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from ironbatch import Batch, Dataset, FormatError
from ironbatch.sources import ParquetTable

N = 300
SIZE = 30  # rows of a row group
NUMBERS = pa.table({"x": np.arange(N), "y": np.arange(N) * 0.5, "z": np.arange(N) % 7})


def written(tmp_path, table=NUMBERS):
    path = tmp_path / "table.parquet"
    pq.write_table(table, path, row_group_size=SIZE)
    return path


def in_files(tmp_path):
    """Write files of different lengths, each of which ends with a short row group."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number, start in enumerate(range(0, N, 70)):
        pq.write_table(NUMBERS.slice(start, 70), folder / f"{number}.parquet", row_group_size=SIZE)
    return folder


@pytest.fixture(params=[None, True, False], ids=["", "in_memory", "by row group"])
def in_memory(request):
    return request.param


def test_a_file_that_changes_is_named(tmp_path, in_memory):
    folder = in_files(tmp_path)
    table, other = (ParquetTable(folder, in_memory=in_memory) for _ in range(2))
    assert Dataset(other).create_batch([0]).x.tolist() == [0]
    pq.write_table(NUMBERS.slice(0, 70), folder / "2.parquet", row_group_size=SIZE)
    os.utime(folder / "2.parquet", (1, 1))
    with pytest.raises(FormatError, match=r"2\.parquet: the file has been written anew"):
        _ = Dataset(table).create_batch([150]).x
    assert Dataset(other).create_batch([0]).x.tolist() == [0]


def test_values_of_other_columns_are_never_taken_for_those_of_one(tmp_path, in_memory):
    folder = tmp_path / "plain"
    folder.mkdir()
    options = {"row_group_size": SIZE, "compression": "none", "use_dictionary": False}
    for name in "012":
        pq.write_table(NUMBERS.select(["x"]), folder / f"{name}.parquet", **options)
    table = ParquetTable(folder, in_memory=in_memory)
    moved = pa.table({"z": np.arange(N)[::-1].copy(), "x": NUMBERS["x"]})
    pq.write_table(moved, folder / "1.parquet", **options)
    with pytest.raises(FormatError, match=r"1\.parquet: the file has been written anew"):
        _ = Dataset(table).create_batch([0, 500]).x


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path):
    class Late(fsspec.get_filesystem_class("file")):
        cachable = False
        looks = 0

        def info(self, path, **kwargs):
            found = super().info(path, **kwargs)
            if str(path).endswith("2.parquet"):
                self.looks += 1
                if self.looks > self.last:
                    found["size"] += 1
            return found

    system = Late()
    system.last = 100
    given = pyarrow.dataset.dataset(str(in_files(tmp_path)), format="parquet", filesystem=system)
    table = ParquetTable(given, in_memory=True)
    system.last = system.looks + 1
    with pytest.raises(FormatError, match=r"2\.parquet: the file has been written anew"):
        Dataset(table)


def test_a_file_that_is_cut_off_is_named(tmp_path, in_memory):
    folder = in_files(tmp_path)
    table = ParquetTable(folder, in_memory=in_memory)
    os.truncate(folder / "2.parquet", 400)
    with pytest.raises(FormatError, match=r"2\.parquet: .*cut off"):
        _ = Dataset(table).create_batch([150]).x
    with pytest.raises(FormatError, match=r"2\.parquet"):
        ParquetTable(folder, in_memory=in_memory)
    path = written(tmp_path)
    table = ParquetTable(pq.ParquetFile(path), in_memory=in_memory)
    os.truncate(path, 400)
    with pytest.raises(OSError, match="open ParquetFile of 300 rows and 3 columns"):
        _ = Dataset(table).create_batch([150]).x


def test_a_file_that_goes_away_is_named(tmp_path, in_memory):
    folder = in_files(tmp_path)
    table = ParquetTable(folder, in_memory=in_memory)
    (folder / "2.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"2\.parquet"):
        _ = Dataset(table).create_batch([150]).x


def test_a_damaged_file_is_named(tmp_path, in_memory):
    folder = in_files(tmp_path)
    data = bytearray((folder / "2.parquet").read_bytes())
    data[4:200] = bytes(196)
    (folder / "2.parquet").write_bytes(data)
    with pytest.raises((OSError, FormatError), match=r"2\.parquet"):
        _ = Dataset(ParquetTable(folder, in_memory=in_memory)).create_batch([150]).x


def test_a_file_whose_column_has_another_type_is_named(tmp_path, in_memory):
    folder = in_files(tmp_path)
    lists = NUMBERS.slice(140, 70).set_column(0, "x", pa.array([[1]] * 70))
    pq.write_table(lists, folder / "2.parquet", row_group_size=SIZE)
    with pytest.raises(FormatError, match=r"2\.parquet"):
        _ = Dataset(ParquetTable(folder, in_memory=in_memory)).create_batch([150]).x


@pytest.mark.parametrize("name", ["x", "text", "text_gap"])
@pytest.mark.parametrize("ids", [[5, -1], [5, N]])
def test_rows_that_there_are_not(tmp_path, in_memory, name, ids):
    class Only(Batch):
        components = name

    columns = NUMBERS.append_column("text", pa.array([str(i) for i in range(N)]))
    columns = columns.append_column("text_gap", pa.array([str(i) if i else None for i in range(N)]))
    table = ParquetTable(written(tmp_path, columns), in_memory=in_memory)
    dataset = Dataset(np.array(ids), Only, preloaded=table, addressing="id")
    with pytest.raises(
        IndexError, match=rf"'{name}': position {ids[1]} \(number 1 .* (the|its) 300 items"
    ):
        _ = getattr(dataset.next_batch(2), name)


def test_a_file_that_is_closed(tmp_path):
    file = pq.ParquetFile(written(tmp_path))
    dataset = Dataset(ParquetTable(file, in_memory=False))
    file.close()
    with pytest.raises(FormatError, match="has been closed; keep it open"):
        _ = dataset.create_batch([150]).x


def test_paths_that_are_no_tables(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.parquet"):
        ParquetTable(tmp_path / "none.parquet")
    (tmp_path / "x.parquet").write_text("no such thing")
    with pytest.raises(FormatError, match=r"x\.parquet"):
        ParquetTable(tmp_path / "x.parquet")


def test_what_is_no_table_of_parquet():
    with pytest.raises(TypeError, match="got list"):
        ParquetTable([1, 2])
    with pytest.raises(TypeError, match="in_memory is True, False or None, got 1"):
        ParquetTable("x.parquet", in_memory=1)
