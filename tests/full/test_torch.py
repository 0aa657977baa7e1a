"""Tensors of torch over the memory of a batch."""

import numpy as np
import pytest

from ironbatch import Batch

pytestmark = pytest.mark.full("torch")


class Scans(Batch):
    components = "images"


def test_a_tensor_shares_the_memory_of_a_component():
    import torch

    batch = Scans.from_data(data=np.zeros((4, 3), np.float32))
    tensor = torch.from_numpy(batch.images)
    tensor[1] = 5
    assert batch.images[1].tolist() == [5, 5, 5]


def test_a_tensor_counts_as_sharing():
    import torch

    from ironbatch.components import is_shared

    batch = Scans(4)
    batch._assemble([np.zeros(3, np.float32)] * 4, dst="images")
    alone = is_shared(batch.images)  # not inside an assert: pytest keeps what it sees there
    tensor = torch.from_dlpack(batch.images)
    shared = is_shared(batch.images)
    del tensor
    assert [alone, shared, is_shared(batch.images)] == [False, True, False]


def test_tensors_become_a_component():
    import torch

    batch = Scans.from_data(data=torch.arange(6).reshape(3, 2))
    assert batch.images.tolist() == [[0, 1], [2, 3], [4, 5]]
