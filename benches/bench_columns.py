"""Moving items of components, against NumPy moving the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benches.row import Measured, Row, compare, seconds
from ironbatch import components

N_ITEMS = 20_000
ITEM = (3, 64, 64)


def _images(n: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (n, *ITEM), dtype=np.uint8)


def _epochs(size: int) -> Iterator[NDArray[np.int64]]:
    """Positions of batches, over and over in a new order."""
    rng = np.random.default_rng(1)
    while True:
        order = rng.permutation(N_ITEMS)
        yield from np.split(order[: N_ITEMS // size * size], N_ITEMS // size)


def _gather(size: int) -> Callable[[], Measured]:
    def measure() -> Measured:
        images, labels = _images(N_ITEMS), np.arange(N_ITEMS)
        source = components.Dense.of(images, "images")
        target = components.Dense.of(labels, "labels")
        out = np.empty((size, *ITEM), np.uint8)
        mine, theirs = _epochs(size), _epochs(size)
        batch: list[object] = [None, None]

        def ours() -> None:
            positions = next(mine)
            batch[0] = components.take(source, positions)
            batch[1] = components.take(target, positions)

        def peer() -> None:
            np.take(images, next(theirs), axis=0, mode="clip", out=out)

        return compare(ours, peer, rounds=31)

    return measure


def _merge() -> Measured:
    parts = list(_images(8 * 256).reshape(8, 256, *ITEM))
    dense = [components.Dense.of(part) for part in parts]
    return compare(lambda: components.concat(dense), lambda: np.concatenate(parts), rounds=31)


def _assemble() -> Measured:
    items = [item.copy() for item in _images(1_000)]
    out = np.empty((len(items), *ITEM), np.uint8)

    def peer() -> None:
        results = []
        for item in items:
            results.append(item)
        np.stack(results, out=out)

    def ours() -> object:
        results = []
        for item in items:
            results.append(item)
        return components.assemble(results)

    return compare(ours, peer, rounds=31)


def _item() -> Measured:
    images = components.Dense.of(_images(64), "images")
    return seconds(lambda: [images[i] for i in range(64)], scale=1e9 / 64)


def _write() -> Measured:
    images, item = components.Dense.of(_images(64), "images"), _images(1)[0]

    def write() -> None:
        for i in range(64):
            images[i] = item

    return seconds(write, scale=1e9 / 64)


def _ragged() -> Measured:
    rng = np.random.default_rng(2)
    items = [rng.random(n) for n in rng.integers(500, 3_000, 1_000)]
    ragged, positions = components.Ragged.from_items(items), rng.permutation(1_000)
    return compare(
        lambda: ragged[positions], lambda: np.concatenate([items[i] for i in positions]), rounds=31
    )


def _cast() -> Measured:
    images = components.Dense.of(_images(1_024))
    return compare(
        lambda: components.to_array(images, "float32", None), lambda: images.astype("float32")
    )


ROWS = [
    Row("columns", f"gather of 12 KB items and labels, {size}", bar, "higher", "x",
        "np.take(out=)", _gather(size))
    for size, bar in ((64, 0.7), (256, 0.9), (1_024, 0.9))
]  # fmt: skip
ROWS += [
    Row("columns", "merge 8x256 of 12 KB items", 0.9, "higher", "x", "np.concatenate", _merge),
    Row("columns", "assemble 1,000 arrays of 12 KB", 0.7, "higher", "x", "np.stack(out=)",
        _assemble),
    Row("columns", "an item of a dense component", 250, "lower", "ns", "-", _item),
    Row("columns", "a checked write of a 12 KB item", 1_500, "lower", "ns", "-", _write),
    Row("columns", "gather of 1,000 ragged items", 0.9, "higher", "x", "np.concatenate", _ragged),
    Row("columns", "uint8 images to float32", 0.9, "higher", "x", "astype", _cast),
]  # fmt: skip
