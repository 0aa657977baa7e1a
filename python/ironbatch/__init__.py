"""Batches, datasets and pipelines for machine-learning data, with a Rust core."""

from ironbatch._core import version as _version

__version__: str = _version()
