"""Batches of images of each kind that actions meet."""

import numpy as np
import pytest

from ironbatch import ImagesBatch

DTYPES = ("u1", "i2", "u2", "f4", "f8", "i8", "?")


def pictures(dtype, shapes, seed=0):
    """Make images: the whole range of bytes and booleans, modest values of other types."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    made = []
    for shape in shapes:
        values = rng.random(shape)
        made.append(values.astype(dtype) if dtype.kind == "f" else (values * 256).astype("i8"))
        if dtype.kind == "b":
            made[-1] = made[-1] > 127
        made[-1] = made[-1].astype(dtype)
    return made


DENSE = [(8, 6, 3)] * 4
GREY = [(8, 6)] * 4
RAGGED = [(8, 6, 3), (5, 9, 3), (12, 7, 3), (6, 6, 3)]


@pytest.fixture
def make():
    def make(dtype="u1", shapes=DENSE, masks=False):
        batch = ImagesBatch(["a", "b", "c", "d"])
        batch.random_seed = 11
        batch.images = pictures(dtype, shapes)
        if masks:
            batch.masks = [(image[:, :, 0] > 100).astype("i4") for image in batch.images]
        return batch

    return make
