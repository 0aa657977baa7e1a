"""A batch: an index of item ids plus named data components."""

from ironbatch.batch.batch import Batch
from ironbatch.batch.view import ComponentsView

__all__ = ["Batch", "ComponentsView"]
