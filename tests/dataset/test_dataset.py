"""Datasets: subsets, splits, cross-validation, attributes."""

import copy
import pickle

import numpy as np
import pytest

from ironbatch import Batch, C, Dataset, DatasetIndex, FilesIndex, Pipeline


class Scans(Batch):
    components = "images", "labels"


IMAGES = np.arange(20).reshape(10, 2)
LABELS = np.arange(10) * 10


def dataset(index=10, **kwargs):
    return Dataset(index, Scans, preloaded=(IMAGES, LABELS), **kwargs)


def test_the_batch_class_must_be_a_batch():
    with pytest.raises(TypeError, match="Batch"):
        Dataset(3, dict)


@pytest.mark.parametrize("index", [3, [0, 1, 2], np.arange(3), DatasetIndex(3), lambda: [0, 1, 2]])
def test_an_index_is_made_of_anything(index):
    assert Dataset(index).indices.tolist() == [0, 1, 2]


def test_an_index_keeps_its_class(tmp_path):
    for name in "ab":
        (tmp_path / name).touch()
    index = FilesIndex(path=str(tmp_path / "*"), sort=True)
    made = Dataset(index, Batch)
    made.split(0.5)
    assert type(made.train.index) is FilesIndex
    batch = made.next_batch(2)
    assert batch.index.get_fullpath("b") == str(tmp_path / "b")


def test_attributes_are_kept_and_carried_over():
    made = dataset(rate=500)
    made.split(0.8)
    assert made.rate == made.train.rate == made.test.rate == 500


def test_components_of_the_preloaded_data():
    made = dataset()
    assert made.labels is LABELS
    made.split(0.8)
    assert made.test.labels.tolist() == (made.test.indices * 10).tolist()
    with pytest.raises(AttributeError, match="nothing"):
        _ = made.nothing
    assert made.data[0] is IMAGES


def test_lists_become_arrays_once():
    assert isinstance(Dataset(2, Scans, preloaded=([1, 2], [3, 4])).labels, np.ndarray)
    kept = Dataset(2, Scans, preloaded=([1, 2], [3, 4]), cast_to_array=False)
    assert kept.labels == [3, 4]


def test_split_parts_are_disjoint_and_exhaustive():
    made = dataset()
    made.split((0.5, 0.3, 0.2), shuffle=1)
    parts = [made.train, made.test, made.validation]
    assert [len(part) for part in parts] == [5, 3, 2]
    assert sorted(np.concatenate([part.indices for part in parts])) == list(range(10))
    assert all(type(part) is Dataset for part in parts)
    assert made.is_split


def test_split_shuffles_by_seed():
    def train(seed):
        made = dataset()
        made.split(shuffle=seed)
        return made.train.indices.tolist()

    assert train(1) == train(1)
    assert train(1) != train(2)
    assert train(False) == sorted(train(False))


def test_gen_batch_passes_keywords_to_the_batch():
    assert [batch.mark for batch in dataset().gen_batch(5, n_epochs=1, mark=3)] == [3, 3]


def test_gen_batch_gives_preloaded_rows_whatever_the_order():
    made = dataset()
    seen = []
    for batch in made.gen_batch(3, shuffle=7, n_epochs=1):
        assert batch.labels.tolist() == (batch.indices * 10).tolist()
        assert batch.dataset is made
        seen += batch.indices.tolist()
    assert sorted(seen) == list(range(10))


@pytest.mark.parametrize("seed", [5, -5, np.random.SeedSequence(5)], ids=str)
def test_a_seed_seeds_the_random_numbers_of_batches(seed):
    def drawn():
        batches = dataset().gen_batch(3, shuffle=seed, n_epochs=1)
        return [(batch.random.random(), batch.stream_key) for batch in batches]

    assert drawn() == drawn()
    assert len({value for value, _ in drawn()}) == 4


def test_batches_without_a_seed_draw_fresh_numbers():
    def drawn():
        return [batch.random.random() for batch in dataset().gen_batch(3, n_epochs=1)]

    assert drawn() != drawn()


def test_next_batch_goes_on():
    made = dataset()
    assert made.next_batch(4).indices.tolist() == [0, 1, 2, 3]
    assert made.next_batch(4).indices.tolist() == [4, 5, 6, 7]
    made.reset("iter")
    assert made.next_batch(4).indices.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("size", [0, -1, 11])
def test_batch_sizes_out_of_range_fail_at_the_call(size):
    with pytest.raises(ValueError, match=str(size)):
        dataset().gen_batch(size)
    with pytest.raises(ValueError, match=str(size)):
        dataset().next_batch(size)


def test_iterations_and_epochs_exclude_each_other():
    with pytest.raises(ValueError, match="n_iters"):
        dataset().gen_batch(2, n_iters=3, n_epochs=1)


def test_create_batch_by_id_and_position():
    made = Dataset(["a", "b", "c"], Scans)
    assert made.create_batch(["c", "a"]).indices.tolist() == ["c", "a"]
    assert made.create_batch([2, 0], pos=True).indices.tolist() == ["c", "a"]
    assert made.create_batch("b").indices.tolist() == ["b"]


def test_a_subset_of_ids():
    part = dataset().create_subset([3, 5])
    assert part.indices.tolist() == [3, 5]
    assert part.next_batch(2).labels.tolist() == [30, 50]


def test_a_subset_that_is_none():
    with pytest.raises(IndexError, match="99"):
        dataset().create_subset([3, 99])
    with pytest.raises(KeyError, match="99"):
        dataset().create_subset([3, 99])


def test_subclasses_keep_their_type():
    class Mine(Dataset):
        pass

    made = Mine(10, Scans)
    made.split()
    assert type(made.train) is Mine
    assert type(made.create_subset([1])) is Mine


def test_from_dataset():
    class Other(Scans):
        pass

    made = dataset(rate=3)
    assert Dataset.from_dataset(made, made.index) is made
    assert Dataset.from_dataset(made, made.index, copy=True) is not made
    other = Dataset.from_dataset(made, made.index, batch_class=Other)
    assert type(other.next_batch(2)) is Other
    assert other.rate == 3


def test_a_constructor_that_refuses_what_the_dataset_passes():
    class Narrow(Batch):
        def __init__(self, index, dataset=None):
            super().__init__(index, dataset=dataset)

    with pytest.raises(TypeError, match=r"Narrow.*'preloaded'"):
        Dataset(3, Narrow).next_batch(2)


def test_an_error_inside_a_constructor_is_not_hidden():
    class Broken(Batch):
        def __init__(self, index, *args, **kwargs):
            raise TypeError("own trouble")

    with pytest.raises(TypeError, match="own trouble"):
        Dataset(3, Broken).next_batch(2)


def test_cross_validation():
    made = Dataset(10, Batch)
    made.cv_split(n_splits=3)
    assert made.cv0.test.indices.tolist() == [0, 1, 2, 3]
    assert made.cv1.test.indices.tolist() == [4, 5, 6]
    assert made.cv2.train.indices.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert made.cv0.train is made.train.cv0
    assert made.cv0.test is made.test.cv0
    assert made.cv(1) is made.cv1
    with pytest.raises(IndexError, match="3"):
        made.cv(3)


def test_cross_validation_again_replaces_the_folds():
    made = Dataset(10, Batch)
    made.cv_split(n_splits=5)
    made.cv_split(n_splits=2)
    assert not hasattr(made, "cv2")


def test_cross_validation_from_the_constructor():
    made = Dataset(10, Batch, n_splits=2, shuffle=3)
    assert len(made.cv0.test) == 5
    assert made.cv0.test.indices.tolist() != [0, 1, 2, 3, 4]


def test_cross_validation_shuffles_by_seed():
    def test_fold(seed):
        made = Dataset(10, Batch)
        made.cv_split(shuffle=seed)
        return made.cv0.test.indices.tolist()

    assert test_fold(1) == test_fold(1)
    assert test_fold(1) != test_fold(2)


@pytest.mark.parametrize("n_splits", [1, 11])
def test_numbers_of_folds_out_of_range(n_splits):
    with pytest.raises(ValueError, match=str(n_splits)):
        Dataset(10, Batch).cv_split(n_splits=n_splits)


def test_an_unknown_method_of_cross_validation():
    with pytest.raises(ValueError, match="kfold"):
        Dataset(10, Batch).cv_split("other")


@pytest.mark.parametrize("twin", [copy.copy, lambda d: pickle.loads(pickle.dumps(d))])
def test_copies_and_pickles(twin):
    made = dataset(rate=3)
    made.split(shuffle=1)
    other = twin(made)
    assert other.rate == 3
    assert other.train.indices.tolist() == made.train.indices.tolist()
    assert other.next_batch(2).labels.tolist() == [0, 10]


def test_only_pipelines_follow_the_arrow():
    with pytest.raises(TypeError, match="pipeline"):
        dataset() >> 3


def test_an_expression_for_a_fold_is_computed_when_the_pipeline_runs():
    dataset = Dataset(6)
    dataset.cv_split(n_splits=3)
    template = Pipeline() << dataset.CV(C("fold")).test
    first, last = template << {"fold": 0}, template << {"fold": 2}
    assert first.do_nothing().next_batch(2).indices.tolist() == [0, 1]
    assert [batch.indices.tolist() for batch in last.gen_batch(1, prefetch=2)] == [[4], [5]]
    assert last.dataset is dataset.cv2.test


LETTERS = list("abcdefghij")


def test_a_batch_of_an_index_made_elsewhere_holds_the_rows_of_its_ids():
    made = dataset(LETTERS).create_batch(DatasetIndex(LETTERS[::-1]))
    assert made.labels.tolist() == LABELS[::-1].tolist()


def test_a_dataset_from_an_index_made_elsewhere_holds_the_rows_of_its_ids():
    part = Dataset.from_dataset(dataset(LETTERS), DatasetIndex(["j", "a"]))
    assert next(part.gen_batch(2)).labels.tolist() == [90, 0]


def test_a_dataset_from_a_list_of_ids():
    part = Dataset.from_dataset(dataset(LETTERS), ["j", "a"])
    assert part.indices.tolist() == ["j", "a"]


def test_a_dataset_from_ids_it_does_not_have_is_refused():
    with pytest.raises(KeyError, match="not a subset of the dataset: id 'z'"):
        Dataset.from_dataset(dataset(LETTERS), DatasetIndex(["z"]))


def test_a_dataset_of_a_part_of_an_index_takes_rows_of_its_own():
    index = DatasetIndex(LETTERS)
    index.split(0.5)
    part = Dataset(index.train, Scans, preloaded=(IMAGES[:5], LABELS[:5]))
    assert next(part.gen_batch(5)).labels.tolist() == [0, 10, 20, 30, 40]


def test_a_dataset_of_a_part_of_an_index_takes_the_rows_of_all():
    index = DatasetIndex(LETTERS)
    index.split(0.5)
    part = Dataset(index.train, Scans, preloaded=(IMAGES, LABELS))
    assert next(part.gen_batch(5)).labels.tolist() == [50, 60, 70, 80, 90]


def test_shuffle_alone_makes_folds_at_once():
    assert Dataset(10, Scans, shuffle=3).cv_splits == 5


def test_a_batch_of_ids_of_two_types():
    assert Dataset([1, "a"]).create_batch([1]).indices.tolist() == [1]


def test_a_batch_of_ids_that_are_tuples():
    assert Dataset([(1, 2), (3, 4)]).create_batch([(3, 4)]).indices.tolist() == [(3, 4)]


def test_a_misspelt_option_of_a_run_is_refused():
    with pytest.raises(TypeError, match=r"'n_epoch'.*did you mean 'n_epochs'"):
        Dataset(4).gen_batch(2, n_epoch=3)
    with pytest.raises(TypeError, match=r"'shufle'.*did you mean 'shuffle'"):
        Dataset(4).p.run(2, shufle=True)


def test_what_the_batch_class_names_is_no_misspelling():
    class Named(Batch):
        def __init__(self, *args, n_epoch=None, **kwargs):
            super().__init__(*args, **kwargs)
            self.n_epoch = n_epoch

    assert [batch.n_epoch for batch in Dataset(4, Named).gen_batch(2, n_epochs=1, n_epoch=3)] == [
        3,
        3,
    ]
    assert [batch.speed for batch in Dataset(4).gen_batch(4, n_epochs=1, speed=2)] == [2]


@pytest.mark.parametrize("copies", [True, False])
def test_objects_that_are_preloaded_are_copied_if_told(copies):
    objects = np.empty(3, dtype=object)
    objects[:] = [[1], [2], [3]]
    made = Dataset(3, Scans, preloaded=(objects, None), copy=copies)
    made.create_batch([1]).images[0].append(9)
    assert (objects[1] == [2]) is copies


@pytest.mark.parametrize(("addressing", "expected"), [("id", [30, 10]), ("position", [0, 20])])
def test_rows_are_found_by_id_or_by_position(addressing, expected):
    made = Dataset([3, 0, 1], Scans, preloaded=(np.arange(4) * 10, None), addressing=addressing)
    assert made.create_batch([3, 1]).images.tolist() == expected


def test_the_last_batch_of_each_epoch_may_be_dropped():
    sizes = [len(batch) for batch in Dataset(5).gen_batch(2, n_epochs=2, drop_last=True)]
    assert sizes == [2, 2, 2, 2]
    assert Dataset(5).next_batch(2, drop_last=True).size == 2


def test_a_notifier_counts_batches():
    counted = []

    class Bar:
        def __init__(self, total=None, **kwargs):
            self.total = total

        def update(self, n=1):
            counted.append((n, self.total))

        def close(self):
            counted.append("closed")

    for _ in Dataset(5).gen_batch(2, n_epochs=1, notifier=Bar):
        pass
    assert counted == [(1, 3), (1, 3), (1, 3), "closed"]


def test_a_pipeline_of_a_dataset_takes_a_config():
    assert Dataset(3).pipeline({"a/b": 1}).config["a/b"] == 1
    assert Dataset(3).pipeline(config={"a/b": 2}).config["a/b"] == 2
