"""Formats whose rows are items."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ironbatch import Batch, Dataset
from ironbatch.errors import ComponentError, DuplicateIdWarning, FormatError, UnknownIdError
from ironbatch.formats import tables

from .conftest import Plain, Scans, plain

pandas = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
TABLE_FORMATS = ["csv", "feather", "parquet"]


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    tables.cache.clear()


def table(path: Path, fmt: str, frame: Any) -> Path:
    getattr(frame, f"to_{fmt}")(path, **({"index": False} if fmt == "csv" else {}))
    return path


@pytest.mark.parametrize("fmt", TABLE_FORMATS)
def test_round_trip(fmt: str, tmp_path: Path) -> None:
    batch = Scans(["007", "b"])
    batch.images, batch.labels = np.arange(6.0).reshape(2, 3), ["x", "y"]
    batch.dump(tmp_path / "sub" / "t", fmt)
    loaded = Scans(["b", "007"]).load(tmp_path / "sub" / "t", fmt)
    assert loaded.labels.to_list() == ["y", "x"]
    assert loaded.images.tolist() == [[3.0, 4.0, 5.0], [0.0, 1.0, 2.0]]


@pytest.mark.parametrize("fmt", TABLE_FORMATS)
def test_index_col(fmt: str, tmp_path: Path) -> None:
    frame = pandas.DataFrame({"key": [5, 3], "x": [50, 30]})
    path = table(tmp_path / "t", fmt, frame)
    assert Plain([3]).load(path, fmt, index_col="key").x.tolist() == [30]
    assert Plain([3]).load(path, fmt, index_col=0).x.tolist() == [30]
    with pytest.raises(FormatError, match="no column 'nope' of ids; its columns are 'key', 'x'"):
        Plain([3]).load(path, fmt, index_col="nope")
    with pytest.raises(FormatError, match="2 columns"):
        Plain([3]).load(path, fmt, index_col=9)


def test_labels_of_the_table_itself(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"x": [50, 30]}, index=["e", "c"])
    frame.to_parquet(tmp_path / "t")
    assert Plain(["c"]).load(tmp_path / "t", "parquet").x.tolist() == [30]


def test_rows_by_integer_id(tmp_path: Path) -> None:
    path = table(tmp_path / "t", "csv", pandas.DataFrame({"x": [10, 20, 30]}))
    assert Plain([2, 0]).load(path, "csv").x.tolist() == [30, 10]
    with pytest.raises(UnknownIdError, match="no row 3"):
        Plain([3]).load(path, "csv")


def test_rows_by_place_in_the_dataset(tmp_path: Path) -> None:
    path = table(tmp_path / "t", "csv", pandas.DataFrame({"x": [10, 20, 30]}))
    dataset = Dataset(["a", "b", "c"], Plain)
    batches = list(dataset.gen_batch(2, n_epochs=1))
    assert batches[1].load(path, "csv").x.tolist() == [30]
    with pytest.raises(FormatError, match="index_col"):
        Plain(["a", "b"]).load(path, "csv")


@pytest.mark.parametrize("fmt", TABLE_FORMATS)
def test_unknown_id(fmt: str, tmp_path: Path) -> None:
    plain([1, 2], ["a", "b"]).dump(tmp_path / "t", fmt)
    with pytest.raises(UnknownIdError, match="no row for item 'c'"):
        Plain(["a", "c"]).load(tmp_path / "t", fmt)


def test_repeated_ids(tmp_path: Path) -> None:
    path = table(tmp_path / "t", "csv", pandas.DataFrame({"id": [1, 2, 1], "x": [10, 20, 30]}))
    with pytest.warns(DuplicateIdWarning, match="such as 1"):
        loaded = Plain([1, 2]).load(path, "csv")
    assert loaded.x.tolist() == [10, 20]


def test_columns_for_components(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"id": [0, 1], "a": [1, 2], "b": [3, 4], "c": [5, 6]})
    path = table(tmp_path / "t", "csv", frame)
    batch = Batch(2).load(path, "csv", {"features": ["a", "b"], "labels": "c"})
    assert batch.features.tolist() == [[1, 3], [2, 4]]
    assert batch.labels.tolist() == [5, 6]
    assert Batch(2).load(path, "csv", ("p", "q", "r")).q.tolist() == [3, 4]
    assert Batch(2).load(path, "csv", "all").all.shape == (2, 3)
    assert list(Batch(2).load(path, "csv").data.columns) == ["a", "b", "c"]
    with pytest.raises(ComponentError, match=r"no column 'z'.*'a', 'b', 'c'"):
        Batch(2).load(path, "csv", ("a", "z"))
    with pytest.raises(ComponentError, match="no column 'z'"):
        Batch(2).load(path, "csv", {"x": "z"})


def test_only_tables_take_a_mapping(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="not a mapping"):
        Batch(2).load(tmp_path, "npy", {"x": "y"})


def test_post(tmp_path: Path) -> None:
    path = table(tmp_path / "t", "csv", pandas.DataFrame({"id": [0, 1], "x": [1, 2]}))
    seen: dict[str, Any] = {}

    def double(frame: Any, fmt: Any, **rest: Any) -> Any:
        seen.update(rest, fmt=fmt, rows=len(frame))
        return frame * 2

    assert Plain([1]).load(path, "csv", post=double, sep=",").x.tolist() == [4]
    assert seen == {"fmt": "csv", "rows": 1, "src": path, "dst": ("x",), "sep": ","}
    assert Plain([1]).load(path, "csv", post=lambda frame: {"x": [7]}).x.tolist() == [7]
    assert Plain([1]).load(path, "csv", post=lambda frame: ([8],)).x.tolist() == [8]
    assert Plain([1]).load(path, "csv", post=lambda frame: np.array([9])).x.tolist() == [9]
    with pytest.raises(ComponentError, match="post gave 2 parts"):
        Plain([1]).load(path, "csv", post=lambda frame: ([8], [9]))
    with pytest.raises(ComponentError, match="for 2 components"):
        Scans([1]).load(path, "csv", post=lambda frame: np.zeros(1))


def test_post_cannot_spoil_what_is_kept(tmp_path: Path) -> None:
    path = table(tmp_path / "t", "csv", pandas.DataFrame({"id": [0], "x": [1]}))

    def spoil(frame: Any) -> Any:
        frame.loc[:, "x"] = 99
        return frame

    Plain([0]).load(path, "csv", post=spoil)
    assert Plain([0]).load(path, "csv").x.tolist() == [1]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    reads: list[str] = []
    read = pandas.read_csv

    def reading(path: Any, **options: Any) -> Any:
        reads.append(path)
        return read(path, **options)

    monkeypatch.setattr(pandas, "read_csv", reading)
    return reads


def test_a_table_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = counted(monkeypatch)
    plain(np.arange(100), np.arange(100)).dump(tmp_path / "t", "csv")
    for batch in Dataset(100, Plain).gen_batch(5, n_epochs=1):
        batch.load(tmp_path / "t", "csv")
    assert len(reads) == 1


def test_threads_read_a_table_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = counted(monkeypatch)
    plain(np.arange(100), np.arange(100)).dump(tmp_path / "t", "csv")
    threads = [
        threading.Thread(target=lambda: Plain(100).load(tmp_path / "t", "csv")) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1


def test_changed_file_or_options_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = counted(monkeypatch)
    path = tmp_path / "t"
    plain([1, 2]).dump(path, "csv")
    Plain(2).load(path, "csv")
    Plain(2).load(path, "csv", dtype={"x": "f4"})
    plain([3, 4]).dump(path, "csv")
    os.utime(path, ns=(1, 1))
    assert Plain(2).load(path, "csv").x.tolist() == [3, 4]
    assert len(reads) == 3

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, text: str) -> int:
            return int(text)

    for _ in range(2):
        # There is no telling whether such an option is the same one, so nothing is kept.
        Plain(2).load(path, "csv", converters={"x": Unhashable()})
    assert len(reads) == 5


def test_few_tables_are_kept(tmp_path: Path) -> None:
    for number in range(12):
        path = tmp_path / f"{number}"
        plain([1, 2]).dump(path, "csv")
        Plain(2).load(path, "csv")
    assert len(tables.cache) <= 8


def test_cache_after_fork(tmp_path: Path) -> None:
    plain([1, 2]).dump(tmp_path / "t", "csv")
    Plain(2).load(tmp_path / "t", "csv")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = int(Plain(2).load(tmp_path / "t", "csv").x.tolist() != [1, 2])
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_adding_rows(tmp_path: Path) -> None:
    for batch in Dataset(10, Plain).gen_batch(4, n_epochs=1, drop_last=False):
        batch.x = batch.indices * 2
        batch.dump(tmp_path / "t", "csv", mode="a")
    assert Plain(10).load(tmp_path / "t", "csv").x.tolist() == list(range(0, 20, 2))
    with pytest.raises(ValueError, match="'csv'"):
        plain([1]).dump(tmp_path / "p", "parquet", mode="a")
    with pytest.raises(ValueError, match="mode must be"):
        plain([1]).dump(tmp_path / "p", "csv", mode="x")


def test_index_column_of_dump(tmp_path: Path) -> None:
    plain([5, 6]).dump(tmp_path / "t", "csv", index_col="key")
    assert (tmp_path / "t").read_text() == "key,x\n0,5\n1,6\n"
    plain([5, 6]).dump(tmp_path / "t", "csv", index_col=None, sep=";")
    assert (tmp_path / "t").read_text() == "x\n5\n6\n"
    with pytest.raises(ComponentError, match="two columns would be named 'x'"):
        plain([5, 6]).dump(tmp_path / "t", "csv", index_col="x")


@pytest.mark.parametrize("value", [np.zeros((2, 2, 2)), [np.zeros(2), np.zeros(3)]])
def test_components_no_table_can_hold(value: Any, tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match="no table can hold"):
        plain(value).dump(tmp_path / "t", "csv")


@pytest.mark.parametrize("fmt", ["feather", "parquet"])
def test_foreign_file(fmt: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"not a table at all")
    with pytest.raises(FormatError, match=f"no sound {fmt} table"):
        Plain(2).load(tmp_path / "t", fmt)


@pytest.mark.parametrize("fmt", TABLE_FORMATS)
def test_missing_file(fmt: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Plain(2).load(tmp_path / "t", fmt)


@pytest.mark.parametrize("fmt", TABLE_FORMATS)
def test_failed_dump_keeps_the_old_file(fmt: str, tmp_path: Path) -> None:
    plain([1, 2]).dump(tmp_path / "t", fmt)
    with pytest.raises((TypeError, ValueError)):
        plain([3, 4]).dump(tmp_path / "t", fmt, nonsense=True)
    assert Plain(2).load(tmp_path / "t", fmt).x.tolist() == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_where_must_be_a_path() -> None:
    with pytest.raises(ValueError, match="give src="):
        Plain(2).load(fmt="csv")
    with pytest.raises(TypeError, match="path of a table"):
        Plain(2).load(5, "csv")


def test_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    plain([1, 2]).dump(tmp_path / "t", "csv")
    assert not synced
    plain([1, 2]).dump(tmp_path / "t", "csv", fsync=True)
    assert len(synced) == 2
