"""Engines: what a cluster gains where actions are Python, and what it costs where they are not.

The cluster has two workers on this machine, so both cores have to be free for it: whatever else
runs here takes from the ratio. Both sides run in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ironbatch
from benches.bench_pipeline import spin
from benches.row import Measured, Row, compare, seconds

WORKERS = 2


@contextmanager
def cluster() -> Iterator[Any]:
    """Give a client of a cluster on this machine."""
    import distributed

    dask: Any = distributed
    with (
        dask.LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            dashboard_address=":0",
            memory_limit=0,
        ) as local,
        dask.Client(local) as client,
    ):
        client.wait_for_workers(WORKERS)
        yield client


class Busy(ironbatch.Batch):
    """Batches of numbers that Python code works on."""

    @ironbatch.action
    def work(self, count: int) -> Any:
        """Keep the interpreter busy."""
        self.total = spin(count)
        return self


def speedup() -> Measured:
    """Compare 200 batches of about 20 ms of Python on a cluster with the same in one process."""
    pipeline = ironbatch.Dataset(200 * 16, Busy).p.work(400_000)
    with cluster() as client:
        return compare(lambda: pipeline.run(16, engine=client), lambda: pipeline.run(16), rounds=9)


def cost() -> Measured:
    """Give what a batch that does nothing costs, in milliseconds."""
    count = 2000
    pipeline = ironbatch.Dataset(count * 4, Busy).p.do_nothing()
    with cluster() as client:
        return seconds(lambda: pipeline.run(4, engine=client), scale=1e3 / count, rounds=7)


ROWS = [
    Row(
        "engines",
        "Dask, 2 workers, Python that keeps the interpreter busy",
        1.7,
        "higher",
        "x",
        "one process",
        speedup,
    ),
    Row("engines", "Dask, a batch that does nothing", 2, "lower", "ms", "-", cost),
]
