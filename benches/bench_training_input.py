"""The input of a training run, whole: from preloaded pictures to normalised batches, with prefetch.

512 pictures of 256 x 256 pixels of three bytes are in memory. Each is cropped to 224 x 224 at a
random place, mirrored by chance, standardised by channel, and written as float32 with the channels
first, 64 to a batch. Every side has two threads (or processes), makes batches ahead, and hands over
its own kind of array; the consumer lets go of a batch when it asks for the next one.
"""

from __future__ import annotations

import importlib.util
import itertools
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benches.row import Measured, Row
from ironbatch import Batch, Dataset, kernels

MEAN, STD = (123.0, 116.0, 103.0), (58.0, 57.0, 57.0)
N, SIDE, SIZE, BATCH = 512, 256, 224, 64

Batches = Iterator[object]


@lru_cache(maxsize=1)
def pictures() -> NDArray[np.uint8]:
    """Make the pictures."""
    return np.random.default_rng(0).integers(0, 256, (N, SIDE, SIDE, 3), dtype=np.uint8)


def one_picture(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Do the work on one picture with NumPy, as the loaders' users write it."""
    top, left = rng.integers(0, SIDE - SIZE + 1, 2)
    image = image[top : top + SIZE, left : left + SIZE]
    if rng.random() < 0.5:
        image = image[:, ::-1]
    standardised = image.astype(np.float32)
    standardised -= np.array(MEAN, np.float32)
    standardised /= np.array(STD, np.float32)
    return np.ascontiguousarray(standardised.transpose(2, 0, 1))


class Pictures(Batch):
    """Pictures as a component."""

    components = ("images",)


def ironbatch_batches(stack: ExitStack) -> Batches:
    """Make batches with this library."""
    pipeline = (
        Dataset(N, Pictures, preloaded=pictures())
        .p.apply_parallel(kernels.random_crop.bind(size=[SIZE, SIZE]), src="images")
        .apply_parallel(kernels.flip, src="images", p=0.5)
        .apply_parallel(
            kernels.standardize.bind(mean=list(MEAN), std=list(STD), channels="first"), src="images"
        )
    )
    batches: Any = pipeline.gen_batch(BATCH, shuffle=1, n_epochs=10**6, prefetch=2)
    stack.callback(batches.close)
    return (batch.images for batch in batches)


def dali_batches(stack: ExitStack) -> Batches:
    """Make batches with DALI's operators for processors, fed without copies."""
    from nvidia.dali import fn, pipeline_def, types

    whole = pictures()
    starts = itertools.cycle(range(0, N, BATCH))

    def graph() -> Any:
        images = fn.external_source(
            source=lambda: whole[(start := next(starts)) : start + BATCH],
            batch=True,
            no_copy=True,
            layout="HWC",
        )
        return fn.crop_mirror_normalize(
            images,
            crop=(SIZE, SIZE),
            crop_pos_x=fn.random.uniform(range=(0.0, 1.0)),
            crop_pos_y=fn.random.uniform(range=(0.0, 1.0)),
            mirror=fn.random.coin_flip(),
            mean=list(MEAN),
            std=list(STD),
            dtype=types.FLOAT,
            output_layout="CHW",
        )

    options = {"batch_size": BATCH, "num_threads": 2, "prefetch_queue_depth": 2}
    made = pipeline_def(device_id=None, **options)(graph)()
    made.build()
    return iter(made.run, None)


def torch_batches(stack: ExitStack) -> Batches:
    """Make batches with torch's DataLoader in two worker processes."""
    import torch
    from torch.utils.data import DataLoader

    class Items(torch.utils.data.Dataset):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rng = np.random.default_rng(0)

        def __len__(self) -> int:
            return N

        def __getitem__(self, at: int) -> Any:
            return torch.from_numpy(one_picture(pictures()[at], self.rng))

    loader = DataLoader(
        Items(), BATCH, shuffle=True, num_workers=2, persistent_workers=True, prefetch_factor=2
    )
    return (batch for _ in itertools.count() for batch in loader)


def grain_batches(stack: ExitStack, processes: bool) -> Batches:
    """Make batches with Grain, in two threads or two processes."""
    import grain

    data = (
        grain.MapDataset.source(pictures())
        .seed(0)
        .shuffle()
        .random_map(one_picture)
        .repeat(None)
        .batch(BATCH)
    )
    if processes:
        made = data.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=2))
        made = made.mp_prefetch(
            grain.MultiprocessingOptions(num_workers=2, per_worker_buffer_size=1)
        )
    else:
        made = data.to_iter_dataset(grain.ReadOptions(num_threads=2, prefetch_buffer_size=4))
    batches: Batches = iter(made)
    stack.callback(getattr(batches, "close", lambda: None))
    return batches


def spdl_batches(stack: ExitStack) -> Batches:
    """Make batches with SPDL, in two threads."""
    from spdl.pipeline import PipelineBuilder

    rng = np.random.default_rng(0)
    pipeline = (
        PipelineBuilder()
        .add_source(itertools.cycle(pictures()))
        .pipe(partial(one_picture, rng=rng), concurrency=2)
        .aggregate(BATCH)
        .pipe(np.stack)
        .add_sink(2)
        .build(num_threads=2)
    )
    stack.enter_context(pipeline.auto_stop())
    return iter(pipeline)


def batchflow_batches(stack: ExitStack) -> Batches:
    """Make batches with BatchFlow, items in threads and batches ahead."""
    import batchflow

    class Images(batchflow.Batch):  # type: ignore[misc]
        components = ("images",)

        def one(self, image: Any) -> Any:
            return one_picture(image, np.random.default_rng())

        in_threads = batchflow.decorators.inbatch_parallel("items_of", "stacked", "threads")
        prepare = batchflow.action(in_threads(one))

        def items_of(self) -> Any:
            return [[image] for image in self.images]

        def stacked(self, results: Any) -> Any:
            self.images = np.stack(results)
            return self

    dataset = batchflow.Dataset(N, Images, preloaded=(pictures(),))
    batches = dataset.p.prepare().gen_batch(BATCH, shuffle=True, n_epochs=10**6, prefetch=2)
    stack.callback(batches.close)
    return (batch.images for batch in batches)


AHEAD = 16
"""Batches that are taken before each timing: more than any side has made ahead meanwhile, in all of
its queues."""


SETTLED = 0.4
"""Seconds in which every side has made all batches that it makes ahead."""


def rate(made: Batches, count: int) -> float:
    """Give the seconds a batch takes, once those that were made ahead are gone.

    Before, the other side gets the time to stop: it makes batches ahead in threads or processes,
    which would slow this one.
    """
    time.sleep(SETTLED)
    for _ in range(AHEAD):
        next(made)
    start = time.perf_counter()
    for _ in range(count):
        next(made)
    return (time.perf_counter() - start) / count


def quartiles(ratios: list[float]) -> Measured:
    """Sum the rounds up."""
    low, median, high = statistics.quantiles(ratios, n=4)
    return Measured(median, low, high)


def beside(*peers: Callable[[ExitStack], Batches], batches: int) -> Measured:
    """Compare the time of a batch with that of the quickest peer, in turn."""
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = ironbatch_batches(stack)
        measured = []
        for peer in peers:
            theirs = peer(stack)
            measured.append(quartiles([(rate(theirs, batches)) / rate(ours, 12) for _ in range(7)]))
        return min(measured, key=lambda one: one.median)


def beside_a_copy() -> Measured:
    """Compare with two threads that copy as many bytes as a batch has, to and from used memory."""
    source = np.ones((BATCH, 3, SIZE, SIZE), np.float32)
    target = np.zeros_like(source)
    half = BATCH // 2
    with ExitStack() as stack:
        ours = ironbatch_batches(stack)
        pool = stack.enter_context(ThreadPoolExecutor(2))

        def copies() -> Iterator[object]:
            while True:
                halves = (slice(0, half), slice(half, BATCH))
                yield list(pool.map(lambda part: np.copyto(target[part], source[part]), halves))

        return quartiles([rate(copies(), 12) / rate(ours, 12) for _ in range(15)])


_PEERS: list[tuple[str, str, float, int, list[Callable[[ExitStack], Batches]]]] = [
    ("nvidia.dali", "DALI on the processor, crop_mirror_normalize", 1.5, 12, [dali_batches]),
    ("torch", "torch DataLoader, two workers", 10, 6, [torch_batches]),
    (
        "grain",
        "Grain, the quicker of two threads and two processes",
        10,
        6,
        [partial(grain_batches, processes=False), partial(grain_batches, processes=True)],
    ),
    ("spdl", "SPDL, two threads", 10, 6, [spdl_batches]),
    ("batchflow", "BatchFlow", 10, 6, [batchflow_batches]),
]


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


ROWS = [
    *(
        Row(
            "training input",
            "crop, mirror and standardise 64 pictures of 256 x 256, with prefetch",
            bar,
            "higher",
            "x",
            name,
            partial(beside, *peers, batches=batches),
        )
        for package, name, bar, batches, peers in _PEERS
        if _is_there(package)
    ),
    Row(
        "training input",
        "crop, mirror and standardise 64 pictures of 256 x 256, with prefetch",
        0.6,
        "higher",
        "of the rate",
        "two threads that copy the batch",
        beside_a_copy,
    ),
]
