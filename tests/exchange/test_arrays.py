"""Dense components as arrays of anybody: the same memory, and old bytes when kernels have run."""

import numpy as np
import pyarrow as pa
import pytest

from ironbatch import Batch, kernels
from ironbatch import components as c


class Scans(Batch):
    components = "images"


WAYS = {
    "array": np.asarray,
    "buffer": lambda component: np.frombuffer(memoryview(component), component.dtype),
    "dlpack": np.from_dlpack,
    "interface": lambda component: np.asarray(Interface(component)),
    "arrow": lambda component: pa.array(component).to_numpy(zero_copy_only=True),
    "slice": lambda component: component[:],
}


class Interface:
    def __init__(self, component):
        self.__array_interface__ = component.__array_interface__
        self.component = component


def make():
    batch = Scans(4)
    batch.images = c.take(np.arange(4.0), np.arange(4))
    return batch


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_copied(way):
    batch = make()
    assert WAYS[way](batch.images).ctypes.data == batch.images.ctypes.data


@pytest.mark.parametrize("way", WAYS)
def test_what_was_handed_out_keeps_its_bytes_when_a_kernel_runs(way):
    batch = make()
    other = WAYS[way](batch.images)
    batch.apply_parallel(kernels.scale_shift.bind(scale=2.0, shift=1.0), src="images")
    assert batch.images.tolist() == [1, 3, 5, 7]
    assert other.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "interface"])
def test_what_was_handed_out_counts_as_sharing_until_it_is_gone(way):
    batch = make()
    seen = [c.is_shared(batch.images)]
    other = WAYS[way](batch.images)
    seen.append(c.is_shared(batch.images))
    del other
    seen.append(c.is_shared(batch.images))
    assert seen == [False, True, False]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "arrow"])
def test_what_is_written_on_one_side_is_seen_on_the_other(way):
    batch = make()
    other = WAYS[way](batch.images)
    batch.images[1] = 50
    assert other[1] == 50
    if other.flags.writeable:
        other[2] = 60
        assert batch.images[2] == 60
