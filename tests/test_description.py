"""The description of the batch class, promise by promise, with its own code fragments.

A fragment is written as it stands there; only what it leaves out is filled in.
"""

import asyncio
import pickle
import time

import numpy as np
import pandas as pd
import pytest

from ironbatch import (
    Batch,
    D,
    Dataset,
    DatasetIndex,
    FilesIndex,
    Pipeline,
    action,
    any_action_failed,
    inbatch_parallel,
)

DATA = np.arange(12.0).reshape(6, 2)


# "Batch class": the index


def test_batches_are_created_by_the_generators_of_dataset_and_pipeline():
    dataset = Dataset(6)
    assert [len(batch) for batch in dataset.gen_batch(4, n_epochs=1)] == [4, 2]
    assert [len(batch) for batch in dataset.p.do_nothing().gen_batch(4)] == [4, 2]
    assert type(dataset.next_batch(2)) is Batch


def test_the_index_is_at_self_index_and_its_sequence_at_self_indices():
    class Spectra(DatasetIndex):
        pass

    batch = Dataset(Spectra(["a", "b", "c"])).next_batch(2)
    assert isinstance(batch.index, Spectra)
    assert batch.indices.tolist() == ["a", "b"]


# _data, load, data


def test_load_fills_data():
    class MyBatch(Batch):
        def some_method(self, some_data):
            self.load(src=some_data)
            return self.data

    assert (MyBatch(6).some_method(DATA) == DATA).all()


def test_the_private_property_data_is_read_through_the_public_one():
    class MyBatch(Batch):
        def some_method(self):
            self._data = {"anything": [1, 2]}
            return self.data

    assert MyBatch(2).some_method() == {"anything": [1, 2]}


def test_load_a_few_components():
    class MyBatch(Batch):
        components = "comp1", "comp2", "comp3"

        def some_method(self, some_data):
            self.load(src=some_data, components=["comp1", "comp2"])

    batch = MyBatch(6)
    batch.some_method((DATA, np.arange(6)))
    assert (batch.comp1 == DATA).all()
    assert batch.comp2.tolist() == list(range(6))
    assert batch.comp3 is None


# preloaded


def test_a_batch_with_preloaded_data_needs_no_load():
    class MyBatch(Batch):
        pass

    batch = MyBatch([1, 3], preloaded=DATA)
    assert (batch.data == DATA[[1, 3]]).all()


def test_a_dataset_with_preloaded_data_makes_batches_that_hold_it():
    class Mybatch(Batch):
        pass

    dataset = Dataset(6, batch_class=Mybatch, preloaded=DATA)
    assert (dataset.next_batch(2).data == DATA[:2]).all()
    rows = [batch.data for batch in dataset.gen_batch(4, shuffle=3, n_epochs=1)]
    assert sorted(np.concatenate(rows)[:, 0]) == sorted(DATA[:, 0])


@pytest.mark.parametrize(
    "data",
    [
        (DATA, np.arange(6)),
        {"images": DATA, "labels": np.arange(6)},
        pd.DataFrame({"images": list(DATA), "labels": np.arange(6)}),
    ],
    ids=["tuple", "dict", "table"],
)
def test_preloaded_is_what_load_from_memory_gives(data):
    class MyBatch(Batch):
        components = "images", "labels"

    preloaded, loaded = MyBatch([4, 1], preloaded=data), MyBatch([4, 1]).load(src=data)
    assert preloaded.labels.tolist() == loaded.labels.tolist() == [4, 1]
    assert np.stack(list(preloaded.images)).tolist() == np.stack(list(loaded.images)).tolist()


# Components


class Scans(Batch):
    components = "images", "masks", "labels"


def scans():
    batch = Scans(["a", "b", "c", "d", "e", "f"])
    batch.images = np.arange(24).reshape(6, 2, 2)
    batch.masks = np.zeros((6, 2, 2), bool)
    batch.labels = [10, 11, 12, 13, 14, 15]
    return batch


def test_components_are_read_and_written():
    batch = scans()
    i, k, new_image, new_masks = 2, "d", np.full((2, 2), 7), np.ones((2, 2), bool)
    image_5 = batch.images[5]
    batch.images[i] = new_image
    label_k = batch[k].labels
    batch["e"].masks = new_masks
    assert image_5.tolist() == [[20, 21], [22, 23]]
    assert (batch["c"].images == 7).all()
    assert label_k == 13
    assert batch.masks[4].all()
    assert batch.masks.sum() == 4


def test_an_item_of_integer_ids_is_found_by_its_id():
    batch = Scans([7, 4, 0])
    batch.labels = [70, 40, 0]
    batch.masks = np.zeros((3, 2))
    new_masks = np.ones(2)
    batch[4].masks = new_masks
    assert batch[4].labels == 40
    assert batch.masks[1].tolist() == [1, 1]


def test_components_are_loaded_from_different_sources(tmp_path):
    first = scans().dump(tmp_path, "npy", components="images")
    batch = Scans(first.indices).load(tmp_path, "npy", components="images")
    batch.load(src=list("uvwxyz"), components="labels")
    assert (batch.images == first.images).all()
    assert list(batch.labels) == list("uvwxyz")


def test_a_transformation_affects_the_components_that_are_named():
    batch = scans().apply_parallel(np.flipud, src=["images", "labels"][:1])
    assert batch.images[0].tolist() == [[2, 3], [0, 1]]
    assert batch.labels.tolist() == [10, 11, 12, 13, 14, 15]


# The dataset


def test_a_batch_keeps_its_dataset_however_it_is_transformed():
    class Features(Batch):
        components = "features"

    class Raw(Batch):
        @action
        def transform(self):
            other = Features(self.index, dataset=self.dataset)
            other.features = np.ones(len(self))
            return other

    dataset = Dataset(4, Raw)
    batch = dataset.p.transform().next_batch(2)
    assert type(batch) is Features
    assert batch.dataset is dataset


def test_attributes_of_the_dataset_through_an_expression():
    class Scaled(Batch):
        components = "values"

        @action
        def scale(self, factor):
            self.values = self.values * factor
            return self

    dataset = Dataset(4, Scaled, preloaded=np.ones(4), gain=3)
    assert dataset.p.scale(D("gain")).next_batch(2).values.tolist() == [3, 3]
    assert dataset.p.scale(D.gain).next_batch(2).values.tolist() == [3, 3]


# Action methods


def test_an_action_is_a_method_that_pipelines_have():
    class MyBatch(Batch):
        @action
        def some_action(self):
            # process your data
            self.seen = True
            return self

    assert Dataset(4, MyBatch).p.some_action().next_batch(2).seen
    assert MyBatch(2).some_action().seen


# Models


class Mean:
    def __init__(self, config):
        self.value = config["start"]

    def train(self, values):
        self.value += float(values.sum())


def test_a_model_by_name_within_an_action_and_an_ordinary_method():
    class MyBatch(Batch):
        components = "values"

        @action
        def train_my_model(self, model_name):
            my_model = self.get_model_by_name(model_name)
            my_model.train(self.values)
            return self

        def my_model(self, model_name):
            return self.get_model_by_name(model_name)

    dataset = Dataset(4, MyBatch, preloaded=np.arange(4.0))
    pipeline = (
        dataset.p.init_model("mean", Mean, config={"start": 100.0}).train_my_model("mean").run(2)
    )
    assert pipeline.get_model_by_name("mean").value == 106
    assert pipeline.next_batch(2).my_model("mean").value == 107


# Running methods in parallel


@pytest.mark.parametrize("target", ["threads", "for", "t", "f"])
def test_an_action_on_one_item(target):
    class MyBatch(Batch):
        components = "values"

        @action
        @inbatch_parallel(init="_init_fn", post="_post_fn", target=target)
        def some_action(self, item, arg1, arg2):
            # process just one item
            return self[item].values * arg1 + arg2

        def _init_fn(self, *args, **kwargs):
            return self.indices

        def _post_fn(self, all_res, *args, **kwargs):
            self.values = all_res
            return self

    dataset = Dataset(["a", "b", "c"], MyBatch, preloaded=np.arange(3))
    assert MyBatch(3, preloaded=np.arange(3)).some_action(2, arg2=1).values.tolist() == [1, 3, 5]
    assert dataset.p.some_action(2, 1).next_batch(3).values.tolist() == [1, 3, 5]


# Writing your own Batch: the constructor


def test_a_constructor_with_parameters_of_its_own():
    class MyBatch(Batch):
        def __init__(self, index, your_param1, your_param2, *args, **kwargs):
            super().__init__(index, *args, **kwargs)
            # process your data
            self.both = your_param1 + your_param2

    assert MyBatch([1, 2], 10, 20).both == 30
    batch = Dataset(6, MyBatch, preloaded=DATA).next_batch(2, your_param1=1, your_param2=2)
    assert batch.both == 3
    assert (batch.data == DATA[:2]).all()
    ppl = Dataset(6, MyBatch).p.do_nothing()
    assert [b.both for b in ppl.gen_batch(3, your_param1=1, your_param2=2, prefetch=2)] == [3, 3]


def test_a_constructor_that_does_not_call_the_one_of_batch():
    class MyBatch(Batch):
        def __init__(self, index, your_param1, your_param2, *args, **kwargs):
            self.both = your_param1 + your_param2

        def load(self, fmt=None, src=None):
            # load data from source
            self._data = src * 2
            return self

    batch = Dataset(6, MyBatch).next_batch(2, your_param1=1, your_param2=2)
    assert batch.both == 3
    assert batch.indices.tolist() == [0, 1]
    assert batch.load(src=np.ones(2)).data.tolist() == [2, 2]
    assert MyBatch([5], 1, 2).index.indices.tolist() == [5]


def test_load_reads_and_stores_in_data():
    def read(src):
        return {"pixels": src}

    class MyBatch(Batch):
        def load(self, fmt=None, src=None):
            self._data = read(src)
            return self

    assert MyBatch(2).load(src="file").data == {"pixels": "file"}


def test_private_data_fills_components():
    class MyBatch(Batch):
        components = "images", "masks", "labels"

        @action
        def load(self, src):
            self._data = src, None, [1, 2]
            return self

    batch = MyBatch(2).load(DATA[:2])
    assert (batch.images == DATA[:2]).all()
    assert batch.masks is None
    assert batch.labels.tolist() == [1, 2]


# Actions whenever possible


def test_an_action_with_arguments_is_a_step():
    class MyBatch(Batch):
        @action
        def change_data(self, arg1, arg2):
            # process your data
            self._data = self.data * arg1 + arg2
            return self

    dataset = Dataset(3, MyBatch, preloaded=np.arange(3))
    assert dataset.p.change_data(2, arg2=1).next_batch(3).data.tolist() == [1, 3, 5]
    template = Pipeline().change_data(2, 1).change_data(1, arg2=-1)
    assert (dataset >> template).next_batch(3).data.tolist() == [0, 2, 4]


# load and dump


class Formats(Batch):
    components = "images"

    @action
    def load(self, src, fmt="raw"):
        if fmt == "raw":
            self.images = [np.fromfile(f"{src}/{item}.bin") for item in self.indices]
        elif fmt == "blosc":
            super().load(src, fmt)
        return self

    @action
    def dump(self, dst, fmt="raw"):
        if fmt == "raw":
            for item in self.indices:
                self[item].images.tofile(f"{dst}/{item}.bin")
        elif fmt == "blosc":
            super().dump(dst, fmt)
        return self


def test_explicit_workflows_of_load_and_dump(tmp_path):
    some, other, third = tmp_path / "some", tmp_path / "other", tmp_path / "third"
    for folder in some, other, third:
        folder.mkdir()
    for item, row in enumerate(DATA):
        row.tofile(some / f"{item}.bin")
    dataset = Dataset(6, Formats)
    dataset.p.load(str(some), "raw").dump(str(other), "blosc").run(4)
    dataset.p.load(str(other), "blosc").dump(str(third)).run(4)
    assert (np.fromfile(third / "5.bin") == DATA[5]).all()
    assert (dataset.next_batch(6).load(str(other), fmt="blosc").images == DATA).all()


def test_load_and_dump_of_the_base_class_chain_positionally(tmp_path):
    class MyBatch(Batch):
        components = "images"

    (tmp_path / "path").mkdir()
    for item, row in enumerate(DATA):
        row.tofile(tmp_path / "path" / str(item))
    pipeline = (
        Dataset(6, MyBatch)
        .p.load(str(tmp_path / "path"), "raw", dtype=float, shape=(2,))
        .dump(str(tmp_path / "other"), "blosc")
    )
    (tmp_path / "other").mkdir()
    pipeline.run(4)
    again = MyBatch([5, 2]).load(str(tmp_path / "other"), "blosc")
    assert (again.images == DATA[[5, 2]]).all()


# All I/O in async methods


class AsyncIO(Batch):
    components = "images"

    @action
    def load(self, src=None, fmt="raw"):
        if fmt == "raw":
            self._load_raw()
        elif fmt == "blosc":
            self._load_blosc()
        else:
            raise ValueError("Unknown format '%s'" % fmt)  # noqa: UP031
        return self

    @inbatch_parallel(init="_init_io", post="_post_io", target="async")
    async def _load_raw(self, item, full_path):
        # load one data item from a raw format file
        await asyncio.sleep(0.2)
        return np.fromfile(full_path)

    @inbatch_parallel(init="_init_io", post="_post_io", target="async")
    async def _load_blosc(self, item, full_path):
        raise NotImplementedError

    def _init_io(self):
        return [[item_id, self.index.get_fullpath(item_id)] for item_id in self.indices]

    def _post_io(self, all_res):
        if any_action_failed(all_res):
            raise IOError("Could not load data.")  # noqa: UP024
        self.images = all_res
        return self


@pytest.fixture
def files(tmp_path):
    for item in range(64):
        np.array([item, item + 0.5]).tofile(tmp_path / f"{item:02}.raw")
    return Dataset(FilesIndex(path=str(tmp_path / "*.raw"), no_ext=True, sort=True), AsyncIO)


def test_items_are_loaded_asynchronously_at_once(files):
    start = time.perf_counter()
    batch = files.p.load().next_batch(64)
    assert time.perf_counter() - start < 64 * 0.2 / 2
    assert batch["07"].images.tolist() == [7, 7.5]
    assert batch.images.shape == (64, 2)


def test_a_failed_item_is_seen_by_the_post_method(files, tmp_path):
    (tmp_path / "03.raw").unlink()
    with pytest.raises(OSError, match=r"Could not load data\.") as caught:
        files.next_batch(8).load()
    assert caught.value.__cause__.item_id == "03"
    with pytest.raises(ValueError, match="Unknown format 'zip'"):
        files.next_batch(8).load(fmt="zip")


def test_the_same_class_works_inside_a_running_loop(files):
    async def main():
        return files.next_batch(4).load().images.shape

    assert asyncio.run(main()) == (4, 2)


# run_once


class Once(Batch):
    calls = ()

    @action
    @inbatch_parallel(init="run_once", target="async")
    async def read_some_data(self, src, fmt="raw"):
        await asyncio.sleep(0.01)
        self.calls = (*self.calls, (src, fmt))

    @inbatch_parallel(init="run_once", post="_check", target="async")
    async def read_checked(self, src):
        raise FileNotFoundError(src)

    @inbatch_parallel(init="run_once", target="async")
    async def read_unchecked(self, src):
        raise FileNotFoundError(src)

    def _check(self, all_results):
        return [type(error) for error in self.get_errors(all_results)]


def test_run_once_runs_the_method_once_with_its_own_arguments_and_waits():
    batch = Once(5)
    assert batch.read_some_data("table", fmt="csv") is batch
    assert batch.calls == (("table", "csv"),)
    assert Dataset(5, Once).p.read_some_data("table").next_batch(5).calls == (("table", "raw"),)


def test_the_post_method_of_run_once_gets_the_exception():
    assert Once(5).read_checked("x") == [FileNotFoundError]


def test_without_a_post_method_run_once_raises():
    with pytest.raises(FileNotFoundError):
        Once(5).read_unchecked("x")


# What follows from "your program will not break or hang up"


def test_a_constructor_without_args_is_told_which_argument_it_misses():
    class MyBatch(Batch):
        def __init__(self, index):
            super().__init__(index)

    with pytest.raises(TypeError, match=r"MyBatch.*'dataset'"):
        Dataset(4, MyBatch).next_batch(2)


def test_a_batch_with_components_can_be_sent_to_another_process():
    again = pickle.loads(pickle.dumps(scans()))
    assert again["b"].labels == 11
