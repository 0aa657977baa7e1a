"""The sampler that always draws the same point."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ironbatch.sampler.sampler import Points, Sampler


class ConstantSampler(Sampler):
    """Draws one and the same point.

    Parameters
    ----------
    constant : number, str or array_like
        The point; an array has a value for each coordinate.
    dim : int, optional
        Join so many of them side by side.

    Attributes
    ----------
    constant : numpy.ndarray
        The point, of shape ``(1, coordinates)``.

    Raises
    ------
    ValueError
        If there are no coordinates.

    Examples
    --------
    >>> from ironbatch import ConstantSampler
    >>> ConstantSampler([3, 4]).sample(2).tolist()
    [[3, 4], [3, 4]]
    """

    def __init__(self, constant: npt.ArrayLike, *, dim: int | None = None) -> None:
        super().__init__(dim=dim)
        self.constant: npt.NDArray[Any] = np.array(constant).reshape(1, -1)
        if self.constant.size == 0:
            raise ValueError("a constant has at least one coordinate")
        self.dim = self.constant.size * self._copies

    def draw(self, size: int) -> Points:
        """Repeat the point.

        Parameters
        ----------
        size : int
            How many points.

        Returns
        -------
        numpy.ndarray
            Points of shape ``(size, coordinates)``.
        """
        return np.repeat(self.constant, size, axis=0)

    def __repr__(self) -> str:
        values = self.constant[0].tolist()
        shown = repr(values[0] if len(values) == 1 else values)
        dim = f", dim={self._copies}" if self._copies > 1 else ""
        return f"ConstantSampler({shown}{dim})"
