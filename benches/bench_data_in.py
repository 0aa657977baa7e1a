"""Data of other packages beside what their users have now."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import ironbatch
from benches.row import Measured, Row, compare

N, COLUMNS, BATCH = 10**6, 20, 4096


def columns() -> dict[str, Any]:
    """Make the columns of a table."""
    rng = np.random.default_rng(0)
    return {f"c{number}": rng.random(N) for number in range(COLUMNS)}


NAMES = tuple(f"c{number}" for number in range(COLUMNS))


def written(folder: str) -> Path:
    """Write the table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(folder) / "table.parquet"
    pq.write_table(pa.table(columns()), path, row_group_size=100_000)
    return path


def take(dataset: Any, **ends: int) -> None:
    """Go through shuffled batches and use all columns."""
    for batch in dataset.gen_batch(BATCH, shuffle=7, **ends):
        for name in NAMES:
            getattr(batch, name)


def against_batchflow() -> Measured:
    """Time some batches of all columns beside BatchFlow over a preloaded frame of pandas.

    Whole epochs of BatchFlow would take ten minutes each.
    """
    import batchflow
    import pandas as pd
    import pyarrow.parquet as pq

    class Rows(batchflow.Batch):  # type: ignore[misc]
        components = NAMES

    theirs = batchflow.Dataset(N, Rows, preloaded=pd.DataFrame(columns()))
    with tempfile.TemporaryDirectory() as folder:
        ours = ironbatch.Dataset(pq.ParquetFile(written(folder)))
        return compare(lambda: take(ours, n_iters=2), lambda: take(theirs, n_iters=2), rounds=5)


def against_torch() -> Measured:
    """Time epochs of all columns, the file read anew in each, beside one of a DataLoader.

    Its data is one array in memory, of which each batch is one look-up.
    """
    import pyarrow.parquet as pq
    import torch
    from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

    matrix = torch.from_numpy(np.stack(list(columns().values()), axis=1))

    class Whole(Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return N

        def __getitem__(self, rows: list[int]) -> Any:
            return matrix[torch.as_tensor(rows)]

    held = Whole()
    loader = DataLoader(
        held, sampler=BatchSampler(RandomSampler(held), BATCH, False), batch_size=None
    )

    def peer() -> None:
        for _ in loader:
            pass

    with tempfile.TemporaryDirectory() as folder:
        path = written(folder)

        def epoch() -> None:
            take(ironbatch.Dataset(pq.ParquetFile(path)), n_epochs=1)

        return compare(epoch, peer, rounds=7)


def reads_of_chunks() -> Measured:
    """Count how often a chunk is read in an epoch that keeps to chunks; the most of all chunks.

    A quarter of the array is kept in memory at most, or each chunk would be read once in all.
    """
    import zarr
    from zarr.storage import LocalStore

    from ironbatch.sources import set_chunk_limit

    reads: Counter[str] = Counter()

    class Counting(LocalStore):  # type: ignore[misc]
        async def get(self, key: str, *args: Any, **kwargs: Any) -> Any:
            if "c/" in key:
                reads[key] += 1
            return await super().get(key, *args, **kwargs)

    class Scans(ironbatch.Batch):
        components = "images"

    n, size = 20_000, 64
    with tempfile.TemporaryDirectory() as folder:
        images = zarr.create_array(
            folder, shape=(n, 64, 64, 3), chunks=(size, 64, 64, 3), dtype="u1"
        )
        for start in range(0, n, size):
            images[start : start + size] = start % 251
        held = zarr.open_array(Counting(folder, read_only=True), mode="r")
        set_chunk_limit(n * 64 * 64 * 3 // 4)
        found = []
        for seed in range(3):
            reads.clear()
            dataset = ironbatch.Dataset(held, Scans)  # which has read nothing yet
            for batch in dataset.p.gen_batch(256, shuffle="blocks", seed=seed, n_epochs=1):
                assert batch.images.shape[1:] == (64, 64, 3)
            assert len(reads) == -(-n // size)
            found.append(float(max(reads.values())))
    set_chunk_limit(1 << 28)
    return Measured(sorted(found)[1], min(found), max(found))


LOADER = "DataLoader over one array, batches sampled"

ROWS = [
    Row(
        "data in",
        "Parquet 10^6 x 20, shuffled, batches of 4,096",
        3,
        "higher",
        "x",
        "BatchFlow, pandas preloaded",
        against_batchflow,
    ),
    Row(
        "data in",
        "Parquet 10^6 x 20, shuffled, batches of 4,096",
        1,
        "higher",
        "x",
        LOADER,
        against_torch,
    ),
    Row(
        "data in",
        "zarr 20,000 x 64x64x3, 'blocks': reads of a chunk",
        2,
        "lower",
        "reads",
        "-",
        reads_of_chunks,
    ),
]
