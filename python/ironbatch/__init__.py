"""Batches, datasets and pipelines for machine-learning data, with a Rust core."""

from ironbatch._core import version as _version
from ironbatch.index import Baseset, DatasetIndex, FilesIndex
from ironbatch.random import make_rng, make_seed_sequence, spawn_seed_sequence

__version__: str = _version()

__all__ = [
    "Baseset",
    "DatasetIndex",
    "FilesIndex",
    "__version__",
    "make_rng",
    "make_seed_sequence",
    "spawn_seed_sequence",
]
