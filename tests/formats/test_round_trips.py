"""What is dumped comes back, for every kind of component and dtype."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ironbatch import Batch
from ironbatch.components import Bytes, Ragged, Strings

from .conftest import Plain, Scans, leftovers, plain

DTYPES = [
    "?", "i1", "u2", "<i4", "<i8", ">i4", "<f2", "<f4", "<f8", ">f8", "<c8", "<c16",
    "<M8[ns]", "<m8[D]", "<U5", "S3",
]  # fmt: skip
ITEM_FORMATS = ["raw", "npy", "blosc"]


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dense(fmt: str, dtype: str, folder: Path) -> None:
    values = np.arange(5 * 6).reshape(5, 2, 3) % 2
    array = values.astype("i8").astype(dtype) if dtype[1:2] in ("M", "m") else values.astype(dtype)
    plain(array).dump(folder, fmt)
    options: dict[str, Any] = {"dtype": dtype, "shape": (2, 3)} if fmt == "raw" else {}
    loaded = Plain(5).load(folder, fmt, **options).x
    assert loaded.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(loaded, array)
    assert not leftovers(folder)


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_ragged(fmt: str, folder: Path) -> None:
    items = [np.arange(length, dtype="f4") for length in (3, 0, 7)]
    plain(Ragged.from_items(items)).dump(folder, fmt)
    options: dict[str, Any] = {"dtype": "f4"} if fmt == "raw" else {}
    loaded = Plain(3).load(folder, fmt, **options).x
    assert isinstance(loaded, Ragged)
    for given, found in zip(items, loaded, strict=True):
        np.testing.assert_array_equal(given, found)


@pytest.mark.parametrize("fmt", ["npy", "blosc"])
def test_ragged_of_two_dimensions(fmt: str, folder: Path) -> None:
    items = [np.ones((2, 3)), np.zeros((4, 1))]
    plain(Ragged.from_items(items)).dump(folder, fmt)
    loaded = Plain(2).load(folder, fmt).x
    assert [item.shape for item in loaded] == [(2, 3), (4, 1)]


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
@pytest.mark.parametrize("kind", [str, bytes])
def test_strings(fmt: str, kind: type, folder: Path) -> None:
    items: list[Any] = ["a", "", "größer"]
    if kind is bytes:
        items = [item.encode() for item in items]
    plain(items).dump(folder, fmt)
    options: dict[str, Any] = {"dtype": kind} if fmt == "raw" else {}
    loaded = Plain(3).load(folder, fmt, **options).x
    assert isinstance(loaded, Strings if kind is str else Bytes)
    assert loaded.to_list() == items


@pytest.mark.parametrize("fmt", ["npy", "blosc"])
def test_objects_when_allowed(fmt: str, folder: Path) -> None:
    items: list[Any] = [{"a": 1}, (2, 3), None]
    column = np.empty(3, object)
    column[:] = items
    plain(column).dump(folder, fmt, allow_pickle=True)
    loaded = Plain(3).load(folder, fmt, allow_pickle=True).x
    assert loaded.tolist() == items


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_scalars(fmt: str, folder: Path) -> None:
    plain(np.arange(4, dtype="i2")).dump(folder, fmt)
    options: dict[str, Any] = {"dtype": "i2", "shape": ()} if fmt == "raw" else {}
    assert Plain(4).load(folder, fmt, **options).x.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_empty_items(fmt: str, folder: Path) -> None:
    plain(np.zeros((3, 0, 2), "f4")).dump(folder, fmt)
    options: dict[str, Any] = {"dtype": "f4", "shape": (0, 2)} if fmt == "raw" else {}
    assert Plain(3).load(folder, fmt, **options).x.shape == (3, 0, 2)


@pytest.mark.parametrize("fmt", ITEM_FORMATS)
def test_several_components(fmt: str, folder: Path) -> None:
    batch = Scans(["a", "b"])
    batch.images, batch.labels = np.ones((2, 4, 4), "u1"), np.array([3, 4])
    batch.dump(folder, fmt)
    options: dict[str, Any] = (
        {"dtype": {"labels": "i8"}, "shape": {"images": (4, 4), "labels": ()}}
        if fmt == "raw"
        else {}
    )
    loaded = Scans(["a", "b"]).load(folder, fmt, **options)
    assert loaded.images.shape == (2, 4, 4)
    assert loaded.labels.tolist() == [3, 4]


@pytest.mark.parametrize("fmt", ["npy", "blosc"])
def test_batch_without_components(fmt: str, folder: Path) -> None:
    batch = Batch(3)
    batch._data = np.arange(6.0).reshape(3, 2)
    batch.dump(folder, fmt)
    assert Batch(3).load(folder, fmt).data.tolist() == batch.data.tolist()


def test_large_item_of_many_chunks(folder: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (2, 9 << 20), dtype="u1")
    plain(array).dump(folder, "blosc")
    np.testing.assert_array_equal(Plain(2).load(folder, "blosc").x, array)


def test_fortran_order(folder: Path) -> None:
    folder.mkdir()
    array = np.arange(24.0).reshape(2, 3, 4)
    np.save(folder / "0.npy", np.asfortranarray(array))
    np.testing.assert_array_equal(Plain(1).load(folder, "npy").x[0], array)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_versions(version: tuple[int, int], folder: Path) -> None:
    folder.mkdir()
    with (folder / "0.npy").open("wb") as file:
        np.lib.format.write_array(file, np.arange(3), version=version)
    assert Plain(1).load(folder, "npy").x[0].tolist() == [0, 1, 2]


def test_npy_with_fields(folder: Path) -> None:
    folder.mkdir()
    record = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    np.save(folder / "0.npy", record)
    assert Plain(1).load(folder, "npy").x[0]["b"] == [2.0]


def test_numpy_reads_what_npy_writes(folder: Path) -> None:
    plain(np.arange(6, dtype="f4").reshape(2, 3)).dump(folder, "npy")
    assert np.load(folder / "1.npy").tolist() == [3.0, 4.0, 5.0]


def test_mixed_shapes_are_found_whatever_the_first_item(folder: Path) -> None:
    plain([np.zeros(2)] * 40 + [np.zeros(3)]).dump(folder, "npy")
    loaded = Plain(41).load(folder, "npy").x
    assert loaded[40].shape == (3,)
