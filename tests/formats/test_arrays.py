"""Formats hdf5 and zarr: an array for each component, a row for each item."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest
import zarr

from ironbatch import Batch, ComponentError, Dataset, FormatError, UnknownIdError
from ironbatch.components import Ragged, Strings

N = 30
IMAGES = np.random.default_rng(0).integers(0, 255, (N, 4, 3), dtype=np.uint8)
LABELS = np.arange(N) * 10


class Scans(Batch):
    components = "images", "labels"


@pytest.fixture(params=["hdf5", "zarr"])
def fmt(request):
    return request.param


@pytest.fixture
def path(tmp_path, fmt):
    return tmp_path / "data" / f"scans.{fmt}"


def dataset(index=N):
    return Dataset(index, Scans, preloaded=(IMAGES, LABELS), addressing="position")


def leftovers(path):
    return [name for name in os.listdir(path.parent) if name.startswith(".")]  # noqa: PTH208


def test_a_batch_comes_back(path, fmt):
    dataset().next_batch(N).dump(path, fmt)
    batch = Scans([7, 3]).load(path, fmt)
    np.testing.assert_array_equal(batch.images, IMAGES[[7, 3]])
    assert batch.images.dtype == np.uint8
    assert batch.labels.tolist() == [70, 30]
    assert not leftovers(path)


def test_rows_are_added(path, fmt):
    dataset().p.dump(path, fmt, mode="a").run(8, shuffle=3, n_epochs=1)
    for batch in Dataset(N, Scans).p.load(path, fmt).gen_batch(7, shuffle=1, n_epochs=1):
        np.testing.assert_array_equal(batch.images, IMAGES[batch.indices])
        assert batch.labels.tolist() == (batch.indices * 10).tolist()


def test_what_is_there_is_replaced(path, fmt):
    dataset().next_batch(N).dump(path, fmt)
    dataset().next_batch(5).dump(path, fmt)
    assert Scans(5).load(path, fmt).labels.tolist() == LABELS[:5].tolist()
    with pytest.raises(UnknownIdError, match="5"):
        Scans([5]).load(path, fmt)
    assert not leftovers(path)


def test_ids_may_be_names(path, fmt):
    names = [f"scan {number}" for number in range(N)]
    dataset(names).next_batch(N).dump(path, fmt)
    batch = Scans(["scan 20", "scan 2"]).load(path, fmt)
    assert batch.labels.tolist() == [200, 20]


def test_the_array_of_ids_has_any_name_or_is_left_out(path, fmt):
    dataset().create_batch([4, 2], pos=True).dump(path, fmt, index_col="key")
    assert Scans([2]).load(path, fmt, index_col="key").labels.tolist() == [20]
    dataset().create_batch([4, 2], pos=True).dump(path, fmt, index_col=None)
    assert Scans([1, 0]).load(path, fmt).labels.tolist() == [20, 40]
    with pytest.raises(KeyError, match="no array 'key'"):
        Scans([1]).load(path, fmt, index_col="key")
    with pytest.raises(ComponentError, match="two arrays would be named 'labels'"):
        dataset().next_batch(2).dump(path, fmt, index_col="labels")


def test_a_group_within(path, fmt):
    dataset().next_batch(4).dump(path, fmt, group="train/first")
    assert Scans([2]).load(path, fmt, group="train/first").labels.tolist() == [20]
    with pytest.raises((FormatError, FileNotFoundError), match="test"):
        Scans([2]).load(path, fmt, group="test")


def test_some_components(path, fmt):
    dataset().next_batch(4).dump(path, fmt, "labels")
    assert Scans([2]).load(path, fmt, "labels").labels.tolist() == [20]
    with pytest.raises(KeyError, match=r"no array 'images'.*'labels'"):
        Scans([2]).load(path, fmt)


def test_batches_without_components_get_all_arrays(path, fmt):
    dataset().next_batch(4).dump(path, fmt)
    data = Batch([3]).load(path, fmt).data
    assert data["labels"].tolist() == [30]
    assert sorted(data) == ["images", "labels"]


def test_text(path, fmt):
    batch = Batch(3).add_components("text", ["a", "žluť", ""])
    batch.dump(path, fmt)
    made = Batch([2, 1]).load(path, fmt, "text").text
    assert isinstance(made, Strings)
    assert made.to_list() == ["", "žluť"]


def test_ragged_rows_of_hdf5(tmp_path):
    rows = [np.arange(length, dtype=np.int16) for length in (3, 0, 2)]
    batch = Batch(3).add_components("signal", rows)
    batch.dump(tmp_path / "x.h5", "hdf5")
    made = Batch([2, 0]).load(tmp_path / "x.h5", "hdf5", "signal").signal
    assert isinstance(made, Ragged)
    assert [item.tolist() for item in made] == [[0, 1], [0, 1, 2]]
    with pytest.raises(ComponentError, match=r"'signal' is ragged.*'blosc'"):
        batch.dump(tmp_path / "x.zarr", "zarr")
    squares = Batch(2).add_components("x", [np.zeros((1, 2)), np.zeros((2, 2))])
    with pytest.raises(ComponentError, match=r"'x' is ragged with 2 dimensions"):
        squares.dump(tmp_path / "x.h5", "hdf5")
    assert sorted(os.listdir(tmp_path)) == ["x.h5"]  # noqa: PTH208


def test_options_reach_the_function_that_makes_an_array(tmp_path):
    dataset().next_batch(N).dump(tmp_path / "x.h5", "hdf5", "images", compression="gzip")
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["images"].compression == "gzip"
    dataset().next_batch(N).dump(tmp_path / "x.zarr", "zarr", "labels", chunks=(7,))
    assert zarr.open_group(tmp_path / "x.zarr", mode="r")["labels"].chunks == (7,)


def test_rows_of_another_kind_are_not_added(path, fmt):
    dataset().next_batch(4).dump(path, fmt, mode="a")
    other = Scans([20, 21])
    other.images, other.labels = IMAGES[:2], np.array([0.5, 1.5])
    with pytest.raises(ComponentError, match=r"'labels' has rows of int64 \(\).*float64"):
        other.dump(path, fmt, mode="a")
    with pytest.raises(ComponentError, match="no array 'more' yet"):
        dataset().next_batch(2).add_components("more", [1, 2]).dump(path, fmt, mode="a")
    assert Scans(4).load(path, fmt).labels.tolist() == LABELS[:4].tolist()
    with pytest.raises(UnknownIdError):
        Scans([20]).load(path, fmt)


def test_objects_are_refused(path, fmt):
    batch = Batch(2).add_components("things", [{"a": 1}, None])
    with pytest.raises(ComponentError, match="'things' holds Python objects"):
        batch.dump(path, fmt)
    assert not path.exists()


def test_what_is_not_there_or_not_sound(path, fmt):
    with pytest.raises(FileNotFoundError, match=path.name):
        Scans(2).load(path, fmt)
    path.parent.mkdir()
    if fmt == "hdf5":
        path.write_bytes(b"no such thing")
    else:
        path.mkdir()
        (path / "zarr.json").write_text("no such thing")
    with pytest.raises(FormatError, match=path.name):
        Scans(2).load(path, fmt)
    with pytest.raises(ValueError, match="mode must be"):
        dataset().next_batch(2).dump(path, fmt, mode="r")
    with pytest.raises(ValueError, match="give src="):
        Scans(2).load(fmt=fmt)
    with pytest.raises(TypeError, match="must be the path"):
        Scans(2).load(5, fmt)


def test_urls(fmt):
    url = f"memory://arrays/scans.{fmt}"
    dataset().next_batch(N).dump(url, fmt)
    assert Scans([7, 3]).load(url, fmt).labels.tolist() == [70, 30]
    with pytest.raises(FileNotFoundError, match="memory://arrays/none"):
        Scans(2).load(f"memory://arrays/none.{fmt}", fmt)
    with pytest.raises(ImportError, match="pip install gcsfs"):
        Scans(2).load(f"gs://bucket/none.{fmt}", fmt)
