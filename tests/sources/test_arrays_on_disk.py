"""Arrays of zarr and h5py: only the rows of a batch are read, and chunks not over and over."""

from __future__ import annotations

import json
import pickle
from collections import Counter

import h5py
import numpy as np
import pytest
import zarr
from zarr.storage import LocalStore

from ironbatch import Batch, Blocks, ComponentError, Dataset, FormatError
from ironbatch.components import Ragged, Strings
from ironbatch.sources import set_chunk_limit

N = 500
IMAGES = np.random.default_rng(0).integers(0, 255, (N, 8, 6, 3), dtype=np.uint8)
LABELS = np.arange(N)


class Scans(Batch):
    components = "images", "labels"


class Plain(Batch):
    components = "x"


@pytest.fixture
def limit():
    """Set the limit of chunks; put it back after the test."""
    yield set_chunk_limit
    set_chunk_limit(1 << 28)


def zarr_group(path):
    group = zarr.open_group(path / "scans.zarr", mode="w")
    group.create_array("images", shape=IMAGES.shape, chunks=(16, 8, 6, 3), dtype="u1")[:] = IMAGES
    group.create_array("labels", shape=(N,), chunks=(100,), dtype="i8")[:] = LABELS
    return zarr.open_group(path / "scans.zarr", mode="r")


def hdf5_file(path, chunks=(16, 8, 6, 3)):
    with h5py.File(path / "scans.h5", "w") as file:
        file.create_dataset("images", data=IMAGES, chunks=chunks)
        file.create_dataset("labels", data=LABELS)
        file.create_group("notes")
    return h5py.File(path / "scans.h5", "r")


@pytest.fixture(params=["zarr", "hdf5", "hdf5 without chunks"])
def scans(request, tmp_path):
    if request.param == "zarr":
        yield zarr_group(tmp_path)
    else:
        with hdf5_file(tmp_path, None if "without" in request.param else (16, 8, 6, 3)) as file:
            yield file


@pytest.mark.parametrize("kept", [0, 1 << 28])
def test_any_rows_in_any_order(scans, limit, kept):
    limit(kept)
    dataset = Dataset(N, Plain, preloaded=scans["images"])
    for rows in ([5, 3, 499, 3], [7], list(range(20, 60)), list(range(60, 20, -1)), range(N)):
        batch = dataset.create_batch(list(rows), pos=True)
        assert batch.x.dtype == np.uint8
        np.testing.assert_array_equal(batch.x, IMAGES[list(rows)])


def test_a_group_is_a_table(scans):
    dataset = Dataset(scans)
    seen = []
    for batch in dataset.gen_batch(64, shuffle=1, n_epochs=1):
        assert batch.components == ("images", "labels")
        np.testing.assert_array_equal(batch.images, IMAGES[batch.indices])
        np.testing.assert_array_equal(batch.labels, batch.indices)
        seen += batch.indices.tolist()
    assert sorted(seen) == list(range(N))


def test_an_array_and_a_group_are_loaded(scans):
    batch = Scans([7, 3]).load(scans)
    np.testing.assert_array_equal(batch.images, IMAGES[[7, 3]])
    np.testing.assert_array_equal(Batch([7, 3]).load(scans["images"], dst="x").x, IMAGES[[7, 3]])
    data = {"images": scans["images"], "labels": LABELS}
    assert Scans([7, 3]).load(data).labels.tolist() == [7, 3]


def test_the_whole_is_the_data_of_batches_without_components(scans):
    data = Dataset(N, preloaded=scans).create_batch([3, 1], pos=True).data
    np.testing.assert_array_equal(data["images"], IMAGES[[3, 1]])
    array = Dataset(N, preloaded=scans["labels"]).create_batch([3, 1], pos=True).data
    assert array.tolist() == [3, 1]


def test_a_column_holds_the_ids(scans):
    dataset = Dataset([400, 2], Scans, preloaded=scans, index_col="labels")
    np.testing.assert_array_equal(dataset.next_batch(2).images, IMAGES[[400, 2]])


def test_writes_stay_in_the_batch(scans):
    dataset = Dataset(scans)
    batch = dataset.create_batch([0, 1], pos=True)
    batch.images[0] = 1
    np.testing.assert_array_equal(dataset.create_batch([0], pos=True).images, IMAGES[:1])


def test_worker_processes_read_themselves(scans):
    dataset = pickle.loads(pickle.dumps(Dataset(scans)))
    np.testing.assert_array_equal(dataset.create_batch([9], pos=True).images, IMAGES[[9]])
    assert dataset.labels[5] == 5
    pipeline = Dataset(scans).p
    seen = [
        (batch.indices, batch.images)
        for batch in pipeline.gen_batch(200, n_epochs=1, prefetch=1, target="mpc")
    ]
    for indices, images in seen:
        np.testing.assert_array_equal(images, IMAGES[indices])
    assert len(seen) == 3


# How much is read


def counting_store(path):
    """Count the chunks that are read."""

    class Counting(LocalStore):
        reads = Counter()

        async def get(self, key, prototype, byte_range=None):
            if "/c/" in key:
                self.reads[key] += 1
            return await super().get(key, prototype, byte_range)

    return Counting(path, read_only=True)


def chunks_read(tmp_path, batch_size, shuffle, n_epochs=1, **options):
    zarr_group(tmp_path)
    store = counting_store(tmp_path / "scans.zarr")
    store.reads = Counter()
    group = zarr.open_group(store, mode="r")
    dataset = Dataset(N, Plain, preloaded=group["images"])
    seen = []
    for batch in dataset.p.gen_batch(batch_size, shuffle=shuffle, n_epochs=n_epochs, **options):
        np.testing.assert_array_equal(batch.x, IMAGES[batch.indices])
        seen += batch.indices.tolist()
    assert sorted(seen) == sorted(n_epochs * list(range(N)))
    return store.reads


def test_only_the_chunks_of_the_rows_are_read(tmp_path, limit):
    limit(0)
    zarr_group(tmp_path)
    store = counting_store(tmp_path / "scans.zarr")
    group = zarr.open_group(store, mode="r")
    dataset = Dataset(N, Plain, preloaded=group["images"])
    assert not store.reads
    _ = dataset.create_batch([0, 15, 499, 3], pos=True).x
    assert sorted(store.reads) == ["images/c/0/0/0/0", "images/c/31/0/0/0"]


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("batch_size", [7, 64, 250])
def test_blocks_read_each_chunk_at_most_twice_an_epoch(tmp_path, limit, batch_size, prefetch):
    limit(40 * 16 * 8 * 6 * 3)  # room for more than a batch touches, and less than the whole
    reads = chunks_read(tmp_path, batch_size, "blocks", seed=5, prefetch=prefetch)
    assert len(reads) == 32
    assert max(reads.values()) <= 2


def test_without_blocks_chunks_are_read_for_each_batch(tmp_path, limit):
    limit(40 * 16 * 8 * 6 * 3)
    assert max(chunks_read(tmp_path, 64, 5).values()) > 2


def test_what_there_is_room_for_is_read_once(tmp_path):
    reads = chunks_read(tmp_path, 64, 5, n_epochs=3)
    assert set(reads.values()) == {1}


def test_a_limit_cannot_be_negative():
    with pytest.raises(ValueError, match="-1"):
        set_chunk_limit(-1)


# The order


def test_the_window_follows_from_the_chunks_and_the_limit(scans, limit):
    chunked = getattr(scans["images"], "chunks", None)
    limit(12 * 16 * 144)
    dataset = Dataset(N, Plain, preloaded=scans["images"])
    if not chunked:
        with pytest.raises(ValueError, match=r"Blocks\(seed, size=1000\)"):
            dataset.next_batch(10, shuffle="blocks")
        return
    batches = dataset.gen_batch(48, shuffle=Blocks(3), n_epochs=1)
    # A quarter of twelve chunks are mixed at a time: 48 items.
    assert [len(set(batch.indices // 16)) for batch in batches][:3] == [3] * 3


def test_the_chunks_of_the_part_with_the_largest_rows_count(tmp_path):
    batches = Dataset(zarr_group(tmp_path)).gen_batch(16, shuffle=Blocks(3, window=1), n_epochs=1)
    assert [len(set(batch.labels // 16)) for batch in batches][:3] == [1] * 3


def test_blocks_are_those_of_the_rows_not_of_places(tmp_path):
    group = zarr_group(tmp_path)
    dataset = Dataset(group, Scans)
    dataset.split(0.5, shuffle=2)
    sizes = [
        len(set(batch.indices // 16))
        for batch in dataset.train.gen_batch(6, shuffle=Blocks(3, window=1), n_epochs=1)
    ]
    assert max(sizes) <= 2
    by_id = Dataset(np.arange(N)[::-7].copy(), Scans, preloaded=group)
    sizes = [
        len(set(batch.indices // 16))
        for batch in by_id.gen_batch(2, shuffle=Blocks(3, window=1), n_epochs=1)
    ]
    assert max(sizes) <= 2


# What the arrays hold


def test_text_and_ragged_items_of_hdf5(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("text", data=["a", "bc", ""], dtype=h5py.string_dtype())
        ragged = file.create_dataset("ragged", (3,), dtype=h5py.vlen_dtype("i4"))
        for number in range(3):
            ragged[number] = np.arange(number)
        file["big"] = np.arange(3, dtype=">i4")
        batch = Dataset(file).create_batch([2, 0, 1], pos=True)
        assert isinstance(batch.text, Strings)
        assert batch.text.to_list() == ["", "a", "bc"]
        assert isinstance(batch.ragged, Ragged)
        assert [len(item) for item in batch.ragged] == [2, 0, 1]
        assert batch.big.dtype.isnative
        assert batch.big.tolist() == [2, 0, 1]


def test_text_of_zarr(tmp_path):
    array = zarr.create_array(tmp_path / "text", shape=(3,), chunks=(2,), dtype=str)
    array[:] = np.array(["a", "bc", ""])
    made = Dataset(3, Plain, preloaded=array).create_batch([2, 0, 1], pos=True).x
    assert isinstance(made, Strings)
    assert made.to_list() == ["", "a", "bc"]


def test_references_are_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("links", (2,), dtype=h5py.ref_dtype)
        with pytest.raises(TypeError, match="'/links' is of type Reference"):
            Dataset(2, Plain, preloaded=file["links"])


def test_one_array_for_several_components_is_called_what_it_is(tmp_path):
    class Two(Batch):
        components = "x", "y"

    array = zarr.create_array(tmp_path / "one", shape=(3, 2), dtype="f4")
    with pytest.raises(ComponentError, match=r"the data is one Array, but there are 2 components"):
        Dataset(array, Two)


def test_arrays_without_an_axis_of_items_are_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["one"] = 5
        with pytest.raises(TypeError, match="'/one' has no axis"):
            Dataset(2, Plain, preloaded=file["one"])
    array = zarr.create_array(tmp_path / "one", shape=(), dtype="i4")
    with pytest.raises(TypeError, match="no axis"):
        Dataset(2, Plain, preloaded=array)


def test_single_values_of_a_group_are_no_columns(tmp_path):
    group = zarr.open_group(tmp_path / "g", mode="w")
    group.create_array("version", shape=(), dtype="i4")
    group.create_array("x", shape=(3,), dtype="i4")[:] = [1, 2, 3]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["version"], file["x"], file["none"] = 5, [1, 2, 3], h5py.Empty("f4")
        for given in (group, file):
            batch = Dataset(given).next_batch(2)
            assert batch.components == ("x",)
            assert batch.x.tolist() == [1, 2]


def test_a_file_that_is_closed(tmp_path):
    dataset = Dataset(hdf5_file(tmp_path))
    dataset.data.close()
    with pytest.raises(ValueError, match=r"scans\.h5:/images' has been closed; keep it open"):
        _ = dataset.next_batch(2).images


def test_arrays_of_different_packages_side_by_side(tmp_path):
    with hdf5_file(tmp_path) as file:
        columns = {"images": zarr_group(tmp_path)["images"], "labels": file["labels"]}
        dataset = Dataset(columns | {"more": LABELS * 2})
        for batch in dataset.gen_batch(64, shuffle=Blocks(1), n_epochs=1):
            np.testing.assert_array_equal(batch.images, IMAGES[batch.indices])
            np.testing.assert_array_equal(batch.labels * 2, batch.more)


def test_arrays_of_different_lengths_are_no_table(tmp_path):
    group = zarr.open_group(tmp_path / "g", mode="w")
    group.create_array("a", shape=(3,), dtype="i4")
    group.create_array("b", shape=(4,), dtype="i4")
    with pytest.raises(ValueError, match=r"different numbers of rows: a 3, b 4"):
        Dataset(group)
    with (
        h5py.File(tmp_path / "empty.h5", "w") as file,
        pytest.raises(ValueError, match="no arrays"),
    ):
        Dataset(file)


def test_pickles_are_refused_before_anything_is_read(tmp_path, capsys):
    """A codec of numcodecs would run what the file says."""

    class Bomb:
        def __reduce__(self):
            return print, ("this has run",)

    (tmp_path / "x.zarr").mkdir()
    header = {
        "zarr_format": 2,
        "shape": [2],
        "chunks": [2],
        "dtype": "|O",
        "compressor": {"id": "pickle", "protocol": 5},
        "fill_value": None,
        "order": "C",
        "filters": [{"id": "vlen-utf8"}],
    }
    (tmp_path / "x.zarr/.zarray").write_text(json.dumps(header))
    (tmp_path / "x.zarr/0").write_bytes(pickle.dumps(Bomb()))
    array = zarr.open_array(tmp_path / "x.zarr", mode="r")
    with pytest.raises(FormatError, match="pickled Python objects"):
        Dataset(2, Plain, preloaded=array)
    assert "has run" not in capsys.readouterr().out
