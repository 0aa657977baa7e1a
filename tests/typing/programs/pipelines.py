"""Pipelines know of which class their batches are."""

from collections.abc import Iterator
from typing import Self, assert_type

import numpy as np
from numpy.typing import NDArray

from ironbatch import B, Batch, Dataset, Pipeline, V, action
from ironbatch.pipeline import adds


class Scans(Batch):
    components = "images"

    images: NDArray[np.float64]

    @action
    def scale(self, factor: float, *, offset: float = 0) -> Self:
        self.images = self.images * factor + offset
        return self


dataset = Dataset(4, Scans, preloaded=(np.ones((4, 2)),))
assert_type(dataset, Dataset[Scans])
assert_type(dataset.next_batch(2), Scans)
assert_type(dataset.create_batch([0, 1]), Scans)
for batch in dataset.gen_batch(2, n_epochs=1):
    assert_type(batch.images, NDArray[np.float64])

dataset.split(0.5)
assert_type(dataset.train, Dataset[Scans])
assert_type(dataset.create_subset([0]), Dataset[Scans])

# Any action is taken, with any arguments; the class of the batches stays known.
pipeline = dataset.p.init_variable("n", 0).scale(2).update(V("n"), V("n") + B.size)
assert_type(pipeline, Pipeline[Scans])
assert_type(pipeline.gen_batch(2, n_epochs=1), Iterator[Scans])
assert_type(pipeline.next_batch(2), Scans)
assert_type(pipeline.run(2), Pipeline[Scans])
assert_type(pipeline * 2, Pipeline[Scans])
assert_type(dataset >> Pipeline[Scans]().scale(3), Pipeline[Scans])


class ScansPipeline(Pipeline[Scans]):
    scale = adds(Scans.scale)


# Actions that a class of pipelines names are checked.
named = ScansPipeline(dataset).scale(2, offset=1).scale(factor=3)
assert_type(named, ScansPipeline)
assert_type(named.next_batch(2), Scans)
assert_type(dataset >> ScansPipeline().scale(2), ScansPipeline)
assert named.next_batch(2).images[0, 0] == 9

wrong = ScansPipeline().scale("much")  # type: ignore[arg-type]
missing = ScansPipeline().scale()  # type: ignore[call-arg]
unknown = ScansPipeline().scale(2, rate=1)  # type: ignore[call-arg]
