"""Batches of images."""

from ironbatch.compat.batch import Batch
from ironbatch.images import ImagesBatch as _ImagesBatch

__all__ = ["BaseImagesBatch", "ImagesBatch"]


class BaseImagesBatch(Batch):
    """A batch with components for images, labels and masks, without actions on them."""

    components = "images", "labels", "masks"


class ImagesBatch(_ImagesBatch, BaseImagesBatch):
    """A batch of images, with the actions of `ironbatch.ImagesBatch`."""
