"""Batches of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from ironbatch.actions.action import action
from ironbatch.images.acting import ImageActions
from ironbatch.images.geometry import Geometry
from ironbatch.images.values import Pixels

__all__ = ["ImagesBatch"]


class ImagesBatch(Geometry, Pixels, ImageActions):
    """A batch of images, with actions that change them.

    Images are arrays of rows and columns, in grey or with channels as the last axis, of any dtype
    and each of a size of its own. Images of Pillow are taken too, and become arrays at the first
    action. Sizes, shapes, origins and offsets are rows first, then columns.

    Every action takes these keywords, besides its own: ``src`` and ``dst``, names of components,
    'images' by default; a list of several, ``src=['images', 'masks']``, so that all get the same
    random numbers; ``p``, the probability that an item is changed; and those of
    `Batch.apply_parallel`. Its own arguments may have a value for each item, ``P(...)``. Random
    ones are drawn from the item's own stream, so that a seed fixes them at any parallelism.

    Where a kernel does what an action says it runs, on all cores; otherwise, or with an explicit
    ``target=``, the action is a Python function of one image.

    Attributes
    ----------
    images, labels, masks : component
        Masks are resized, scaled, rotated and transformed without interpolation by default:
        their values are classes.

    Examples
    --------
    >>> import numpy as np
    >>> from ironbatch import ImagesBatch
    >>> batch = ImagesBatch(2)
    >>> batch.images = np.zeros((2, 8, 6, 3), np.uint8)
    >>> batch.resize((4, None)).images.shape
    (2, 4, 3, 3)
    >>> int(batch.invert().flip('ud').images.max())
    255
    """

    components = "images", "labels", "masks"

    #: Arguments of actions where the call does not give them.
    apply_defaults: ClassVar[dict[str, Any]] = {
        "target": "for",
        "post": "_assemble",
        "src": "images",
        "dst": "images",
    }

    @action
    def to_array(
        self,
        src: str | Sequence[str] | None = None,
        dst: str | Sequence[str] | None = None,
        dtype: Any = np.float32,
        channels: str | None = "last",
    ) -> Self:
        """Convert images to arrays of a dtype.

        Parameters
        ----------
        src : str or sequence of str, optional
            Which components; 'images' by default.
        dst : str or sequence of str, optional
            Where to; in place by default.
        dtype : dtype
            Type of the result.
        channels : {'last', 'first', None}
            Where the channel axis goes; see `Batch.to_array`.
        """
        names = "images" if src is None else src
        self._pixels_of([names] if isinstance(names, str) else list(names))
        super().to_array(names, dst, dtype, channels)
        return self
