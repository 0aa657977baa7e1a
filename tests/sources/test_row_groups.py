"""Parquet of which each batch reads the row groups that its rows are in."""

from __future__ import annotations

import datetime
import decimal
import gc
import json
import pickle
import threading
import time
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from ironbatch import Batch, Blocks, Dataset
from ironbatch.components import Bytes, Ragged, Strings
from ironbatch.sources import ParquetTable, set_chunk_limit, set_whole_limit

N = 300
SIZE = 30  # rows of a row group


def dates(i):
    return datetime.datetime(2020, 1, 1) + datetime.timedelta(hours=i)


def column(make, kind=None):
    return pa.array([make(i) for i in range(N)], kind)


EVERY_KIND = pa.table(
    {
        "key": column(lambda i: f"row {i}"),
        "whole": column(lambda i: i, pa.int32()),
        "real": column(lambda i: None if i % 5 == 0 else i / 2, pa.float32()),
        "flag": column(lambda i: i % 2 == 0),
        "gap": column(lambda i: None if i == 200 else i),
        "text": column(lambda i: f"x{i}" * (i % 4)),
        "text_gap": column(lambda i: None if i == 3 else str(i)),
        "bytes_": column(lambda i: b"q" * (i % 5)),
        "kind": column(lambda i: f"kind {i % 3}").dictionary_encode(),
        "when": column(lambda i: None if i == 2 else dates(i)),
        "time": column(lambda i: datetime.time(i % 24)),
        "price": column(lambda i: decimal.Decimal(i)),
        "pair": column(lambda i: [i, i + 1], pa.list_(pa.int16(), 2)),
        "pair_gap": column(lambda i: None if i == 4 else [i, i], pa.list_(pa.int16(), 2)),
        "list_": column(lambda i: [1.5] * (i % 3), pa.list_(pa.float32())),
        "list_gap": column(lambda i: [None if i == 250 else 1]),
        "lists": column(lambda i: [[i, 2]] * (i % 3)),
        "crooked": column(lambda i: [[1] * (j + 1 if i == 290 else 2) for j in range(2)]),
        "pairs": column(lambda i: {"a": i, "b": [i]}),
        "part": column(lambda i: i % 3),
    }
)
NUMBERS = pa.table({"x": np.arange(N), "y": np.arange(N) * 0.5, "z": np.arange(N) % 7})


class Two(Batch):
    components = "x", "y"


class One(Batch):
    components = "x"


@pytest.fixture(autouse=True)
def limits():
    yield
    set_chunk_limit(1 << 28)
    set_whole_limit(None)


def written(tmp_path, table=NUMBERS, name="table.parquet", **options):
    pq.write_table(table, tmp_path / name, row_group_size=SIZE, **options)
    return tmp_path / name


def in_files(tmp_path, table=NUMBERS):
    """Write files of different lengths, each of which ends with a short row group."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number, start in enumerate(range(0, N, 70)):
        pq.write_table(table.slice(start, 70), folder / f"{number}.parquet", row_group_size=SIZE)
    return folder


OPENED = {
    "path": str,
    "file": pq.ParquetFile,
    "parquet dataset": pq.ParquetDataset,
    "dataset": pyarrow.dataset.dataset,
}


def lazy(given):
    return ParquetTable(given, in_memory=False)


def same(one, other):
    assert type(one) is type(other)
    if isinstance(one, Ragged | Strings | Bytes):
        assert one.equals(other)
    else:
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def check_same(whole, parts, shuffle, size=32, names=None):
    runs = [Dataset(each).gen_batch(size, shuffle=shuffle, n_epochs=1) for each in (whole, parts)]
    for one, other in zip(*runs, strict=True):
        assert one.indices.tolist() == other.indices.tolist()
        for name in names or one.components:
            same(getattr(one, name), getattr(other, name))


# The same batches


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("shuffle", [False, 7, Blocks(3), Blocks(3, window=2)], ids=repr)
def test_batches_are_those_of_the_whole_whatever_the_columns_hold(tmp_path, shuffle, statistics):
    path = written(tmp_path, EVERY_KIND, write_statistics=statistics)
    check_same(ParquetTable(path, in_memory=True), lazy(path), shuffle)


@pytest.mark.parametrize("opened", OPENED)
def test_batches_are_those_of_the_whole_whatever_was_opened(tmp_path, opened):
    path = written(tmp_path, EVERY_KIND)
    for shuffle in (False, 7, Blocks(3, window=2)):
        whole = ParquetTable(OPENED[opened](path), in_memory=True)
        check_same(whole, lazy(OPENED[opened](path)), shuffle)


@pytest.mark.parametrize("shuffle", [False, 7, Blocks(3, window=2)], ids=repr)
def test_folders_of_files_with_keys_in_their_names(tmp_path, shuffle):
    folder = tmp_path / "parts"
    options = {"partition_cols": ["part"], "row_group_size": SIZE, "max_rows_per_group": SIZE}
    pq.write_to_dataset(EVERY_KIND, folder, **options)
    check_same(ParquetTable(folder, in_memory=True), lazy(folder), shuffle)
    dataset = Dataset(lazy(folder))
    assert len(dataset) == N
    batch = dataset.create_batch([0, N - 1])
    assert batch.part.tolist() == [0, 2]
    assert batch.key.to_list() == ["row 0", "row 299"]


def test_files_that_lack_a_column(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    pq.write_table(NUMBERS, folder / "0.parquet")
    pq.write_table(NUMBERS.drop_columns("z"), folder / "1.parquet")
    whole = Dataset(ParquetTable(folder, in_memory=True)).create_batch([0, 1, N])
    parts = Dataset(lazy(folder)).create_batch([0, 1, N])
    same(whole.z, parts.z)
    assert parts.z.tolist() == [0, 1, None]
    assert Dataset(lazy(folder)).create_batch([0, 1]).z.dtype == object


def test_a_few_rows_in_any_order(tmp_path):
    dataset = Dataset(lazy(written(tmp_path)))
    for rows in ([5, 3, 299, 3], [7], list(range(40, 20, -1)), [29, 30]):
        batch = dataset.create_batch(rows)
        assert batch.x.tolist() == rows
        assert batch.y.dtype == np.float64
    assert Two(5).load(lazy(written(tmp_path))).y.tolist() == [0, 0.5, 1, 1.5, 2]


def test_a_column_holds_the_ids(tmp_path):
    path = written(tmp_path, EVERY_KIND)
    dataset = Dataset(lazy(path), index_col="key")
    assert dataset.create_batch(["row 211", "row 5"]).whole.tolist() == [211, 5]


def test_a_table_without_components_is_a_dict(tmp_path):
    data = Dataset(N, preloaded=lazy(written(tmp_path))).create_batch([200, 3]).data
    assert {name: rows.tolist() for name, rows in data.items()} == {
        "x": [200, 3],
        "y": [100, 1.5],
        "z": [4, 3],
    }


def test_columns_side_by_side_are_one_component(tmp_path):
    dataset = Dataset(N, One, preloaded={"x": lazy(written(tmp_path))})
    assert dataset.create_batch([200, 3]).x.tolist() == [[200, 100, 4], [3, 1.5, 3]]
    first = dataset.next_batch(20, shuffle=Blocks(1, window=1)).x[:, 0]
    assert len(set(first // SIZE)) == 1


def test_writes_stay_in_the_batch(tmp_path):
    dataset = Dataset(lazy(written(tmp_path)))
    dataset.create_batch([0, 1]).x[0] = 99
    assert dataset.create_batch([0, 1]).x.tolist() == [0, 1]


# How much is read


def epoch(dataset, size, names, **options):
    seen = []
    for batch in dataset.p.gen_batch(size, n_epochs=1, **options):
        for name in names:
            column = NUMBERS.column(name).to_numpy()
            np.testing.assert_array_equal(getattr(batch, name), column[batch.indices])
        seen += batch.indices.tolist()
    assert sorted(seen) == list(range(N))


def test_only_the_row_groups_and_columns_of_the_batch_are_read(tmp_path, reads):
    dataset = Dataset(lazy(pq.ParquetFile(written(tmp_path))))
    assert not reads
    batch = dataset.create_batch([0, 299, 10])
    assert not reads
    assert batch.y.tolist() == [0, 149.5, 5]
    assert set(reads) - {"calls"} == {(0, "y"), (9, "y")}


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("size", [7, 64, 250])
@pytest.mark.parametrize("shuffle", [False, "blocks"])
def test_a_row_group_is_read_at_most_twice_an_epoch(tmp_path, reads, shuffle, size, prefetch):
    set_chunk_limit(4 * SIZE * 16)  # four row groups of the two columns, of ten
    dataset = Dataset(lazy(pq.ParquetFile(written(tmp_path))), Two)
    epoch(dataset, size, "xy", shuffle=shuffle, seed=5, prefetch=prefetch)
    del reads["calls"]
    assert set(reads) == {(number, name) for number in range(10) for name in "xy"}
    # A batch of 250 rows is larger than what is kept.
    assert max(reads.values()) <= (2 if shuffle or prefetch or size == 250 else 1)


def test_row_groups_too_large_to_be_kept_are_still_read_once(tmp_path, reads):
    set_chunk_limit(1)
    dataset = Dataset(lazy(pq.ParquetFile(written(tmp_path))), Two)
    for shuffle in (False, "blocks"):
        reads.clear()
        epoch(dataset, 7, "xy", shuffle=shuffle, seed=5)
        del reads["calls"]
        assert max(reads.values()) == 1


def test_columns_in_use_are_read_together(tmp_path, reads):
    dataset = Dataset(lazy(pq.ParquetFile(written(tmp_path))))
    epoch(dataset, 10, "xyz", shuffle=False)
    assert reads["calls"] == 10 + 2  # those of the first row group one by one
    assert len(reads) == 30 + 1


def test_columns_that_a_class_of_batches_names_are_read_together_from_the_first_on(tmp_path, reads):
    dataset = Dataset(lazy(pq.ParquetFile(written(tmp_path))), Two)
    epoch(dataset, 10, "xy", shuffle=False)
    assert reads.pop("calls") == 10
    assert set(reads) == {(number, name) for number in range(10) for name in "xy"}


def test_a_column_that_is_used_no_more_is_read_no_more(tmp_path, reads):
    dataset = Dataset(lazy(pq.ParquetFile(written(tmp_path))))
    for number, batch in enumerate(dataset.gen_batch(10, n_epochs=1)):
        assert len(batch.x) == 10
        if number == 0:
            assert len(batch.z) == 10
    del reads["calls"]
    assert sum(name == "z" for _, name in reads) < 8


def test_what_there_is_room_for_is_read_once_in_all(tmp_path, reads):
    dataset = Dataset(lazy(pq.ParquetFile(written(tmp_path))), Two)
    for _ in range(3):
        epoch(dataset, 16, "xy", shuffle=3)
    del reads["calls"]
    assert set(reads.values()) == {1}


def test_loading_batch_by_batch_reads_a_row_group_once(tmp_path, reads):
    file = pq.ParquetFile(written(tmp_path))
    set_whole_limit(0)
    for batch in Dataset(N, Two).p.load(file).gen_batch(10, n_epochs=1):
        np.testing.assert_array_equal(batch.x, batch.indices)
    del reads["calls"]
    assert len(reads) == 20
    assert set(reads.values()) == {1}


@pytest.mark.parametrize("shuffle", [False, "blocks"])
def test_memory_is_bounded(tmp_path, shuffle):
    rows, names = 400_000, [f"c{number}" for number in range(4)]
    table = pa.table({name: np.arange(rows) * 1.5 for name in names})
    pq.write_table(table, tmp_path / "large.parquet", row_group_size=10_000)
    whole = table.nbytes
    del table
    gc.collect()
    pool = pa.default_memory_pool()
    set_chunk_limit(whole // 8)
    dataset = Dataset(lazy(tmp_path / "large.parquet"))
    most = 0
    for batch in dataset.p.gen_batch(1000, shuffle=shuffle, seed=1, n_epochs=1, prefetch=2):
        for name in names:
            assert getattr(batch, name)[0] == batch.indices[0] * 1.5
        most = max(most, pool.bytes_allocated())
    assert whole // 40 < most < whole // 4


def test_an_order_that_reads_most_of_it_for_each_batch_is_told_of_once(tmp_path):
    set_chunk_limit(1000)
    path = written(tmp_path)
    dataset = Dataset(lazy(path))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for batch in dataset.gen_batch(8, shuffle=1, n_iters=4):
            assert batch.x.tolist() == batch.indices.tolist()
    (only,) = told
    assert "shuffle='blocks'" in str(only.message)
    assert str(path) in str(only.message)


def test_columns_that_are_used_no_more_take_no_room(tmp_path):
    set_chunk_limit(N * 8 * 2)  # two of the three columns
    dataset = Dataset(lazy(written(tmp_path)))
    first = dataset.create_batch([0])
    assert (first.x, first.y, first.z) == (0, 0, 0)
    for start in range(0, N, SIZE):
        assert dataset.create_batch([start]).x == start
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        everywhere = np.arange(0, N, SIZE)
        assert dataset.create_batch(everywhere).x.tolist() == everywhere.tolist()


@pytest.mark.parametrize("opened", [name for name in OPENED if name != "path"])
@pytest.mark.parametrize("in_memory", [True, False])
def test_nothing_is_kept_when_it_is_not_used_any_more(tmp_path, opened, in_memory):
    given = OPENED[opened](written(tmp_path))
    dataset = Dataset(ParquetTable(given, in_memory=in_memory))
    assert dataset.next_batch(3).x.tolist() == [0, 1, 2]
    held = [weakref.ref(given)] + [weakref.ref(dataset.x)]
    del given, dataset
    gc.collect()
    assert [each() for each in held] == [None, None]


# The order


def test_blocks_are_the_row_groups_of_files_of_any_length(tmp_path):
    table = lazy(in_files(tmp_path))
    starts = np.unique(np.concatenate([np.arange(N)[s : s + 70][::SIZE] for s in range(0, N, 70)]))
    for batch in Dataset(table).gen_batch(10, shuffle=Blocks(4, window=1), n_epochs=1):
        groups = np.searchsorted(starts, batch.x, side="right")
        assert len(set(groups)) <= 2
    dataset = Dataset(table)
    dataset.split(0.5, shuffle=1)
    seen = []
    for batch in dataset.train.gen_batch(5, shuffle=Blocks(4, window=1), n_epochs=1):
        assert len(set(np.searchsorted(starts, batch.x, side="right"))) <= 2
        seen += batch.x.tolist()
    assert sorted(seen) == sorted(dataset.train.indices)


def test_the_order_does_not_depend_on_where_the_rows_are(tmp_path):
    path = written(tmp_path)
    orders = [
        [
            batch.indices.tolist()
            for batch in Dataset(given).p.gen_batch(50, shuffle="blocks", seed=1, n_epochs=2)
        ]
        for given in (
            ParquetTable(path, in_memory=True),
            lazy(path),
            pq.ParquetFile(path),
            pyarrow.dataset.dataset(path),
        )
    ]
    assert all(order == orders[0] for order in orders)
    assert orders[0][:6] != orders[0][6:]


def test_a_run_goes_on_where_it_was(tmp_path):
    path = in_files(tmp_path)
    pipeline = Dataset(lazy(path)).p
    seen = []
    for number, batch in enumerate(pipeline.gen_batch(40, shuffle="blocks", seed=1, n_epochs=2)):
        seen.append(batch.x.tolist())
        if number == 2:
            state = json.loads(json.dumps(pipeline.state_dict()))
    again = Dataset(lazy(path)).p.load_state_dict(state)
    assert [batch.x.tolist() for batch in again.gen_batch()] == seen[3:]


# Threads, processes, stores


def test_any_thread_may_read(tmp_path):
    set_chunk_limit(4 * SIZE * 24)
    dataset = Dataset(lazy(pq.ParquetFile(written(tmp_path))))
    wrong = []

    def read(seed):
        try:
            for batch in dataset.gen_batch(16, shuffle=Blocks(seed), n_epochs=3):
                np.testing.assert_array_equal(batch.x, batch.indices)
                np.testing.assert_array_equal(batch.y, batch.indices / 2)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_open_file_is_read_by_one_thread_at_a_time(tmp_path, monkeypatch):
    within, most = [], []
    original = pq.ParquetFile.read_row_group

    def read_row_group(self, *args, **kwargs):
        within.append(1)
        most.append(len(within))
        time.sleep(0.02)
        try:
            return original(self, *args, **kwargs)
        finally:
            within.pop()

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", read_row_group)
    file = pq.ParquetFile(written(tmp_path))
    tables = [ParquetTable(file, in_memory=True), lazy(file)]
    with ThreadPoolExecutor(2) as pool:
        for x in pool.map(lambda table: Dataset(table, One).create_batch(range(N)).x, tables):
            assert len(x) == N
    assert max(most) == 1


def test_threads_that_open_a_file_at_once_share_what_they_read(tmp_path, reads, monkeypatch):
    original = pq.ParquetFile.num_row_groups

    def num_row_groups(self):
        time.sleep(0.05)
        return original.fget(self)

    monkeypatch.setattr(pq.ParquetFile, "num_row_groups", property(num_row_groups))
    file = pq.ParquetFile(written(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda _: ParquetTable(file, in_memory=True), range(4)))
    for table in tables:
        Dataset(table, Two)
    assert reads["calls"] == 10


def test_worker_processes_open_the_files_themselves(tmp_path):
    path = written(tmp_path)
    dataset = pickle.loads(pickle.dumps(Dataset(lazy(path))))
    assert dataset.create_batch([211, 3]).y.tolist() == [105.5, 1.5]
    epoch(Dataset(lazy(path)), 50, "xy", shuffle="blocks", seed=1, prefetch=1, target="mpc")


def test_an_open_file_stays_in_its_process(tmp_path):
    dataset = Dataset(lazy(pq.ParquetFile(written(tmp_path))))
    with pytest.raises(TypeError, match=r"give ParquetTable\(path\)"):
        pickle.dumps(dataset)
    held = pickle.loads(pickle.dumps(Dataset(pq.ParquetFile(written(tmp_path)))))
    assert held.create_batch([211]).x.tolist() == [211]
    assert held.data["x"][5] == 5


def test_a_url(tmp_path):
    fsspec.filesystem("memory").pipe_file("/tables/t.parquet", written(tmp_path).read_bytes())
    try:
        for url in ("memory://tables/t.parquet", "memory://tables"):
            epoch(Dataset(lazy(url)), 50, "xy", shuffle="blocks", seed=1)
    finally:
        fsspec.filesystem("memory").rm("/tables", recursive=True)
