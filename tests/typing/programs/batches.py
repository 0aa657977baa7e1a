"""Components declared with annotations, actions and what they give."""

from typing import Any, Self, assert_type

import numpy as np
from numpy.typing import NDArray

from ironbatch import Batch, action, apply_parallel, inbatch_parallel
from ironbatch.components import Dense, Strings


class Scans(Batch):
    components = "images", "labels", "names"

    images: Dense
    labels: NDArray[np.int64]
    names: Strings

    @action
    def scale(self, factor: float) -> Self:
        self.images = Dense.of(self.images * factor)
        return self

    @action(use_lock=True)
    def guarded(self) -> Self:
        return self

    @apply_parallel(src="images", target="for")
    def invert(self, image: NDArray[Any], level: float = 1) -> NDArray[Any]:
        return level - image

    @apply_parallel
    def plain(self, image: NDArray[Any]) -> NDArray[Any]:
        return image

    @inbatch_parallel(init="indices", target="for")
    def visit(self, item: int) -> None:
        pass

    @inbatch_parallel(init="indices", post="_total", target="for")
    def counted(self, item: int) -> int:
        return 1

    def _total(self, results: list[int]) -> int:
        return sum(results)


class More(Scans):
    pass


batch = Scans.from_data(
    data={"images": np.zeros((2, 4)), "labels": np.arange(2), "names": ["a", "b"]}
)
assert_type(batch, Scans)
assert_type(batch.images, Dense)
assert_type(batch.labels, NDArray[np.int64])
assert_type(batch.names[0], str)
assert_type(batch.names[:1], Strings)
assert_type(batch.size, int)

assert_type(batch.scale(2), Scans)
assert_type(batch.guarded().scale(factor=0.5), Scans)
assert_type(batch.invert(level=3), Scans)
assert_type(batch.visit(), Scans)
assert_type(batch.do_nothing().invert(), Scans)
assert batch.counted() == 2
