"""Tensors and datasets of torch as the data of batches."""

from __future__ import annotations

import pickle
from collections import Counter, namedtuple

import numpy as np
import pytest

from ironbatch import Batch, Dataset
from ironbatch.components import Ragged

pytestmark = pytest.mark.full("torch")

N = 12


class Scans(Batch):
    components = "images", "labels"


class Plain(Batch):
    components = "x"


def images():
    import torch

    return torch.arange(N * 6, dtype=torch.float32).reshape(N, 2, 3)


def samples(kind=tuple, **methods):
    """Make a dataset of samples of a kind, which counts what it is asked for."""
    from torch.utils.data import Dataset as Base

    data = images()

    class Samples(Base):
        asked = Counter()

        def __len__(self):
            return N

        def __getitem__(self, number):
            self.asked[number] += 1
            if number >= N:
                raise IndexError(number)
            return kind((data[number], number * 10))

    for name, method in methods.items():
        setattr(Samples, name, method)
    return Samples()


def test_tensors_are_taken_in_their_memory():
    data = images()
    dataset = Dataset(N, Scans, preloaded={"images": data, "labels": np.arange(N)})
    batch = dataset.create_batch([3, 1], pos=True)
    column, _ = batch.preloaded_rows("images")
    assert np.shares_memory(column, data.numpy())
    np.testing.assert_array_equal(batch.images, data.numpy()[[3, 1]])
    batch.images[0] = -1
    assert data.min() == 0
    assert Dataset(data, Plain).next_batch(2).x.shape == (2, 2, 3)
    assert Plain([5]).load(data).x.tolist() == [data[5].tolist()]
    assert Dataset(data[:, 0, 0]).indices.tolist() == data[:, 0, 0].tolist()


def test_tensors_that_need_gradients_or_are_strided():
    data = images().requires_grad_()
    np.testing.assert_array_equal(Dataset(data, Plain).next_batch(N).x, data.detach().numpy())
    turned = images().transpose(1, 2)
    np.testing.assert_array_equal(Dataset(turned, Plain).next_batch(N).x, turned.numpy())


def test_tensors_without_a_form_in_numpy():
    import torch

    with pytest.raises(TypeError, match=r"component 'x': a torch tensor of torch.bfloat16"):
        Dataset(images().to(torch.bfloat16), Plain)
    with pytest.raises(TypeError, match=r"'x'.*torch.float32 \(torch.sparse_coo\)"):
        Dataset(N, Plain, preloaded=images()[:, 0].to_sparse())
    with pytest.raises(TypeError, match=r"'x'.*no axis of items"):
        Dataset(N, Plain, preloaded={"x": torch.tensor(1.0)})


@pytest.mark.parametrize("kind", [tuple, list, "dict", "namedtuple"])
def test_samples_are_items(kind):
    pair = namedtuple("Scan", "labels images")
    made = {
        "dict": lambda sample: {"labels": sample[1], "images": sample[0]},
        "namedtuple": lambda sample: pair(sample[1], sample[0]),
    }.get(kind, kind)
    data = samples(made)
    dataset = Dataset(data, Scans)
    for batch in dataset.gen_batch(5, shuffle=1, n_epochs=1):
        data.asked.clear()
        assert batch.labels.tolist() == (batch.indices * 10).tolist()
        np.testing.assert_array_equal(batch.images, images().numpy()[batch.indices])
        assert set(data.asked.values()) == {1}
        assert sorted(data.asked) == sorted(batch.indices.tolist())


def test_names_of_samples_are_components():
    dataset = Dataset(samples(lambda sample: {"picture": sample[0], "label": sample[1]}))
    batch = dataset.next_batch(2)
    assert batch.components == ("picture", "label")
    assert batch.label.tolist() == [0, 10]


def test_samples_without_names_are_the_data_of_batches_without_components():
    data = Dataset(samples()).create_batch([2, 1], pos=True).data
    assert [label for _, label in data] == [20, 10]


def test_samples_are_loaded_once():
    data = samples()
    batch = Scans([7, 3]).load(data)
    assert batch.labels.tolist() == [70, 30]
    assert data.asked[7] == 1
    np.testing.assert_array_equal(batch.images, images().numpy()[[7, 3]])


def test_a_sample_may_be_one_thing():
    data = samples(lambda sample: sample[0])
    assert Dataset(data, Plain).create_batch([4], pos=True).x.tolist() == [images()[4].tolist()]


def test_samples_of_different_shapes_are_ragged():
    import torch

    data = samples(lambda sample: {"x": torch.arange(sample[1] // 10)})
    batch = Dataset(data, Plain).create_batch([3, 0], pos=True)
    assert isinstance(batch.x, Ragged)
    assert [len(item) for item in batch.x] == [3, 0]


def test_several_samples_are_asked_for_together():
    calls = []

    def together(self, numbers):
        calls.append(numbers)
        return [self[number] for number in numbers]

    batch = Dataset(samples(__getitems__=together), Scans).create_batch([2, 5], pos=True)
    assert batch.labels.tolist() == [20, 50]
    assert calls == [[2, 5]]


def test_datasets_of_tensors_and_parts_of_datasets():
    import torch
    from torch.utils.data import Subset, TensorDataset

    tensors = TensorDataset(images(), torch.arange(N))
    batch = Dataset(tensors, Scans).create_batch([3, 1], pos=True)
    assert batch.labels.tolist() == [3, 1]
    assert batch.preloaded_rows("images") is not None
    part = Dataset(Subset(tensors, [7, 8, 9]), Scans)
    assert len(part) == 3
    assert part.next_batch(3).labels.tolist() == [7, 8, 9]


def test_what_can_only_be_iterated_over_is_refused():
    from torch.utils.data import IterableDataset

    class Stream(IterableDataset):
        def __iter__(self):
            return iter(range(3))

    with pytest.raises(TypeError, match="Stream is an IterableDataset"):
        Dataset(Stream(), Plain)


def test_samples_that_differ_in_kind_are_refused():
    data = samples(lambda sample: {"x": 1} if sample[1] < 50 else {"y": 1})
    with pytest.raises(TypeError, match="component 'x': a sample has no part 'x'"):
        _ = Dataset(data, Plain).next_batch(N).x


def test_more_parts_than_components_are_refused():
    with pytest.raises(ValueError, match="2 parts"):
        Dataset(samples(), Plain)


def test_datasets_with_data_of_torch_are_pickled():
    dataset = pickle.loads(pickle.dumps(Dataset(images(), Plain)))
    assert dataset.next_batch(2).x.shape == (2, 2, 3)


def test_a_dataset_without_a_length_is_refused():
    from torch.utils.data import Dataset as Base

    class Endless(Base):
        def __getitem__(self, number):
            return number

    with pytest.raises(TypeError, match="Endless is a Dataset of torch without __len__"):
        Dataset(Endless(), Plain)


def test_a_loader_is_refused():
    from torch.utils.data import DataLoader

    with pytest.raises(TypeError, match=r"Dataset\(loader\.dataset\)"):
        Dataset(DataLoader(samples()), Scans)


def test_a_sample_that_fails_is_named():
    def broken(self, number):
        if number == 5:
            raise RuntimeError("no such sample")
        return images()[0], 1

    with pytest.raises(RuntimeError, match="no such sample") as caught:
        _ = Dataset(samples(__getitem__=broken), Scans).create_batch([4, 5], pos=True).images
    assert "sample 5 of Samples" in caught.value.__notes__
