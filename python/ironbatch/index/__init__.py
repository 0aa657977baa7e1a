"""Indexes: the ids of a set, views of them, and the order in which batches take them."""

from ironbatch.index.base import Baseset
from ironbatch.index.blocks import Blocks
from ironbatch.index.dataset_index import DatasetIndex
from ironbatch.index.files_index import FilesIndex
from ironbatch.index.iteration import IterState

__all__ = ["Baseset", "Blocks", "DatasetIndex", "FilesIndex", "IterState"]
