"""Batches as tensors of torch: the same memory wherever that can be."""

import numpy as np
import pytest

from ironbatch import Batch, Dataset, kernels
from ironbatch import components as c
from ironbatch.components import Ragged

pytestmark = pytest.mark.full("torch")


class Scans(Batch):
    components = "images", "labels", "signals", "names", "things"


def scans():
    batch = Scans(3)
    batch.images = c.take(np.arange(12, dtype=np.float32).reshape(3, 2, 2), np.arange(3))
    batch.labels = [5, 6, 7]
    batch.signals = [np.ones(1), np.full(2, 2.0), np.zeros(3)]
    batch.names = ["x", "", "ž"]
    return batch


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "?"])
def test_a_dense_component_is_not_copied(dtype):
    import torch

    batch = Scans(3)
    batch.images = np.arange(12).reshape(3, 2, 2).astype(dtype)
    tensor = batch.to_torch()["images"]
    assert isinstance(tensor, torch.Tensor)
    assert tensor.data_ptr() == batch.images.ctypes.data
    assert tensor.numpy().dtype == np.dtype(dtype)
    tensor[1] = 1
    assert (batch.images[1] == 1).all()
    batch.images[2] = 0
    assert not tensor[2].any()


def test_every_way_to_a_tensor_shares_memory():
    import torch

    batch = scans()
    for tensor in (
        torch.from_numpy(batch.images),
        torch.from_dlpack(batch.images),
        torch.as_tensor(batch.images),
        torch.asarray(batch.images),
        torch.frombuffer(batch.images, dtype=torch.float32),
    ):
        assert tensor.data_ptr() == batch.images.ctypes.data


def test_a_tensor_keeps_its_bytes_when_kernels_run():
    batch = scans()
    tensor = batch.to_torch("images")["images"]
    batch.apply_parallel(kernels.scale_shift.bind(scale=2.0, shift=1.0), src="images")
    assert batch.images[0].tolist() == [[1, 3], [5, 7]]
    assert tensor[0].tolist() == [[0, 1], [2, 3]]
    assert tensor.data_ptr() != batch.images.ctypes.data


def test_a_tensor_counts_as_sharing_until_it_is_gone():
    batch = scans()
    seen = [c.is_shared(batch.images)]
    tensors = batch.to_torch()
    seen += [c.is_shared(batch.images), c.is_shared(batch.signals)]
    del tensors
    seen += [c.is_shared(batch.images), c.is_shared(batch.signals)]
    assert seen == [False, True, True, False, False]


def test_a_tensor_outlives_its_batch():
    tensor = scans().to_torch("images")["images"]
    [c.take(np.full((3, 2, 2), 9, np.float32), np.arange(3)) for _ in range(4)]
    assert tensor.sum() == 66


def test_what_becomes_of_the_kinds_of_components():
    batch = scans()
    batch.things = [{"a": 1}, None, "text"]
    tensors = batch.to_torch()
    assert list(tensors) == ["images", "labels", "signals", "names", "things"]
    assert tensors["labels"].tolist() == [5, 6, 7]
    assert tensors["names"] == ["x", "", "ž"]
    assert tensors["things"] == [{"a": 1}, None, "text"]
    batch.names = np.array(["a", "b", "c"])
    assert batch.to_torch("names") == {"names": ["a", "b", "c"]}


def test_components_without_data_are_left_out():
    assert list(scans().to_torch()) == ["images", "labels", "signals", "names"]
    assert list(scans().to_torch(["names", "labels"])) == ["names", "labels"]
    with pytest.raises(ValueError, match="to_torch: component 'things' holds no data"):
        scans().to_torch("things")
    with pytest.raises(ValueError, match="to_torch takes the components of a batch by name"):
        Batch(2).to_torch()


def test_ragged_items_are_a_jagged_tensor_over_their_values():
    import torch

    batch = scans()
    tensor = batch.to_torch("signals")["signals"]
    assert tensor.is_nested
    assert tensor.layout == torch.jagged
    assert [item.tolist() for item in tensor.unbind()] == [[1], [2, 2], [0, 0, 0]]
    assert tensor.values().data_ptr() == batch.signals.values.ctypes.data
    tensor.values()[0] = 8
    assert batch.signals[0].tolist() == [8]


def test_ragged_items_of_several_axes_may_differ_in_the_first():
    batch = Scans(3)
    items = [np.arange(n * 6.0).reshape(n, 2, 3) for n in (2, 0, 1)]
    batch.signals = items
    assert isinstance(batch.signals, Ragged)
    tensor = batch.to_torch()["signals"]
    assert tensor.shape[0] == 3
    assert tuple(tensor.shape[2:]) == (2, 3)
    for item, expected in zip(tensor.unbind(), items, strict=True):
        assert item.tolist() == expected.tolist()
    part = batch[1:2].to_torch()["signals"]
    assert [item.tolist() for item in part.unbind()] == [items[1].tolist()]


def test_ragged_items_of_any_shapes():
    import torch

    batch = Scans(2)
    items = [np.arange(6.0).reshape(2, 3), np.arange(4.0).reshape(1, 4)]
    batch.signals = items
    with pytest.raises(ValueError, match=r"'signals', item at position 1.*\(1, 4\).*\(2, 3\)"):
        batch.to_torch()
    nested = batch.to_torch(ragged="strided")["signals"]
    assert nested.is_nested
    assert nested.layout == torch.strided
    listed = batch.to_torch(ragged="list")["signals"]
    for one, other, expected in zip(nested.unbind(), listed, items, strict=True):
        assert one.tolist() == other.tolist() == expected.tolist()
    assert listed[0].data_ptr() == batch.signals.values.ctypes.data
    with pytest.raises(ValueError, match="'jagged', 'strided', 'list', got 'padded'"):
        batch.to_torch(ragged="padded")


def test_no_ragged_items():
    batch = scans()[[]]
    with pytest.raises(ValueError, match="'signals': a jagged tensor needs items"):
        batch.to_torch()
    assert batch.to_torch("signals", ragged="list") == {"signals": []}


def test_what_must_not_be_written_to_is_copied():
    batch = scans()
    batch.images.flags.writeable = False
    tensor = batch.to_torch("images")["images"]
    tensor[:] = 7
    assert batch.images.max() == 11
    batch.images = np.arange(3, dtype=">i4")
    assert batch.to_torch("images")["images"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        (np.zeros(3, "M8[s]"), "view it as int64"),
        (np.zeros(3, np.longdouble), "leave it out"),
        (np.zeros(3, [("a", "i4")]), "leave it out"),
    ],
)
def test_what_torch_has_no_tensors_for(values, hint):
    batch = Scans(3)
    batch.images = values
    with pytest.raises(TypeError, match=rf"component 'images' is .*no tensors; {hint}"):
        batch.to_torch()


def test_the_device():
    tensors = scans().to_torch(["images", "signals", "names"], device="meta")
    assert tensors["images"].device.type == "meta"
    assert tensors["signals"].device.type == "meta"
    assert tensors["names"] == ["x", "", "ž"]
    listed = scans().to_torch("signals", device="meta", ragged="list")["signals"]
    assert {item.device.type for item in listed} == {"meta"}


def test_pinned_memory():
    import torch

    batch = scans()
    if torch.accelerator.is_available():
        assert batch.to_torch(pin_memory=True)["images"].is_pinned()
    else:
        with pytest.raises(RuntimeError, match=r"accelerator|driver"):
            batch.to_torch(pin_memory=True)


def test_rows_of_preloaded_data_are_not_those_of_the_dataset():
    images = np.zeros((4, 2), np.float32)
    batch = Dataset(4, Scans, preloaded={"images": images}).next_batch(2)
    batch.to_torch()["images"][:] = 1
    assert images.max() == 0
