"""Batches of images and their augmentations.

An action is a method of one image in `geometry` (where pixels are) or `values` (what they are);
`acting` makes it one of a batch, and `natively` says which kernel does the same for all items.
What they compute with: `boxes` and `placing` (parts of images), `mapping` and `sampling` (pixels
from between pixels), `drawing` (distributions), `pixels` (arrays and images of Pillow).
"""

from ironbatch.images.batch import ImagesBatch

__all__ = ["ImagesBatch"]
