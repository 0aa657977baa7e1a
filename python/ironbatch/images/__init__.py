"""Batches of images and their augmentations."""

from ironbatch.images.batch import ImagesBatch

__all__ = ["ImagesBatch"]
