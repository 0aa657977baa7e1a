"""Which tables of Parquet are read as a whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from ironbatch import Batch, Dataset
from ironbatch.sources import ParquetTable, set_chunk_limit, set_whole_limit

N = 300
SIZE = 30  # rows of a row group


class One(Batch):
    components = "x"


class Two(Batch):
    components = "x", "y"


@pytest.fixture(autouse=True)
def limits():
    yield
    set_chunk_limit(1 << 28)
    set_whole_limit(None)


def written(tmp_path):
    path = tmp_path / "table.parquet"
    columns = {"x": np.arange(N), "y": np.arange(N) * 0.5, "z": np.arange(N) % 7}
    pq.write_table(pa.table(columns), path, row_group_size=SIZE)
    return path


def test_what_fits_is_read_as_a_whole_unless_told_otherwise(tmp_path, reads):
    path = written(tmp_path)
    Dataset(pq.ParquetFile(path), Two)
    assert reads["calls"] == 10
    reads.clear()
    set_whole_limit(N * 16)
    Dataset(pq.ParquetFile(path), Two)
    assert reads["calls"] == 10
    reads.clear()
    set_whole_limit(N * 16 - 1)
    dataset = Dataset(pq.ParquetFile(path), Two)
    assert not reads
    for batch in dataset.gen_batch(SIZE, n_epochs=1):
        np.testing.assert_array_equal(batch.x, batch.y * 2)
    Dataset(ParquetTable(pq.ParquetFile(path), in_memory=True), Two)
    assert len(reads) == 1 + 20


@pytest.mark.parametrize("limit", [set_whole_limit, set_chunk_limit])
@pytest.mark.parametrize(
    ("given", "error"),
    [(-1, ValueError), (-1.0, ValueError), (1.5, ValueError), (float("nan"), ValueError)]
    + [("1GB", TypeError), ([1], TypeError)],
    ids=repr,
)
def test_limits_that_are_no_numbers_of_bytes(limit, given, error):
    with pytest.raises(error, match=rf"limit .* number of bytes.*; got {re.escape(repr(given))}"):
        limit(given)


def test_a_limit_may_be_written_as_a_float(tmp_path, reads):
    set_whole_limit(1e9)
    Dataset(pq.ParquetFile(written(tmp_path)), Two)
    assert reads["calls"] == 10


@pytest.mark.parametrize("variable", ["IRONBATCH_WHOLE_BYTES", "IRONBATCH_CHUNK_BYTES"])
@pytest.mark.parametrize("given", ["1GB", "-1", ""])
def test_a_limit_of_the_environment_that_is_none_is_named(variable, given):
    told = subprocess.run(
        [sys.executable, "-c", "import ironbatch.sources"],
        env={**os.environ, variable: given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode
    assert re.search(rf"ValueError: .*{variable} is a number of bytes.* got '?{given}", told.stderr)


# What a container says of its memory, by version of control groups

GROUPS = {
    2: ("", "memory.max", "memory.current", "inactive_file"),
    1: ("memory/", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
GIB = 1 << 30


@pytest.fixture(params=GROUPS)
def container(request, monkeypatch):
    """Give a function that says what a container of 2 GiB uses, and what is pages of files."""
    folder, most, used, freed = GROUPS[request.param]
    files = {"/proc/meminfo": f"MemTotal: {9 * GIB >> 10} kB\nMemAvailable: {8 * GIB >> 10} kB\n"}

    def uses(nbytes, pages):
        place = f"/sys/fs/cgroup/{folder}"
        files[place + most] = f"{2 * GIB}\n"
        files[place + used] = f"{nbytes}\n"
        files[place + "memory.stat"] = f"anon 5\n{freed} {pages}\nactive_file 7\n"

    original = Path.read_text

    def read_text(self, *args, **kwargs):
        if str(self).startswith(("/sys/fs/cgroup/", "/proc/meminfo")):
            if str(self) not in files:
                raise FileNotFoundError(str(self))
            return files[str(self)]
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", read_text)
    return uses


def is_held(path):
    return type(Dataset(pq.ParquetFile(path), One).x).__name__ == "Dense"


def test_memory_that_holds_pages_of_files_is_free(tmp_path, container):
    # 72 MB in memory, and next to nothing in the file.
    path = tmp_path / "large.parquet"
    pq.write_table(pa.table({"x": np.zeros(9_000_000)}), path)
    container(2 * GIB - 1000, GIB)
    assert is_held(path)
    container(2 * GIB - 1000, 0)
    assert not is_held(path)
    container(GIB, 0)
    assert is_held(path)


def test_little_is_read_as_a_whole_however_full_the_memory_is(tmp_path, container):
    for nbytes in (2 * GIB - 1, 2 * GIB, 2 * GIB + 5):
        container(nbytes, 0)
        assert is_held(written(tmp_path))


def test_the_limit_of_the_environment(tmp_path):
    code = (
        "import sys; from ironbatch import Dataset; import pyarrow.parquet as pq;"
        "dataset = Dataset(pq.ParquetFile(sys.argv[1])); print(type(dataset.x).__name__)"
    )
    for nbytes, kind in ((0, "RowGroupColumn"), (1 << 30, "Dense")):
        told = subprocess.run(
            [sys.executable, "-c", code, str(written(tmp_path))],
            env={**os.environ, "IRONBATCH_WHOLE_BYTES": str(nbytes)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == kind


def test_filtered_datasets_are_read_as_a_whole(tmp_path):
    path = written(tmp_path)
    for given in (
        pq.ParquetDataset(path, filters=[("x", ">=", 290)]),
        pyarrow.dataset.dataset(path).filter(pyarrow.dataset.field("x") >= 290),
    ):
        dataset = Dataset(given)
        assert len(dataset) == 10
        assert dataset.next_batch(3).x.tolist() == [290, 291, 292]
        with pytest.raises(TypeError, match="filtered"):
            ParquetTable(given, in_memory=False)


def test_other_formats_are_read_as_a_whole(tmp_path):
    (tmp_path / "x.csv").write_text("x,y\n1,2\n3,4\n")
    given = pyarrow.dataset.dataset(tmp_path / "x.csv", format="csv")
    assert Dataset(given).next_batch(2).y.tolist() == [2, 4]
    with pytest.raises(TypeError, match="not of Parquet files; leave out in_memory"):
        ParquetTable(given, in_memory=False)
