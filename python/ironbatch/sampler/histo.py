"""Samplers of histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ironbatch.sampler.sampler import Points, Sampler
from ironbatch.sampler.seeding import describe, generator


class HistoSampler(Sampler):
    """Draws from a histogram: a box with odds by its count, then a place in it, evenly.

    Parameters
    ----------
    histo : tuple, optional
        What `numpy.histogramdd`, `numpy.histogram2d` or `numpy.histogram` returns: counts (not
        densities: boxes of unequal size would be weighted wrongly) and edges.
    edges : sequence of array_like, optional
        Edges along each axis of an empty histogram, to be filled by `update`. One array of
        numbers is a histogram of one axis.
    seed : None, int, SeedSequence, BitGenerator, Generator or RandomState
        As for `NumpySampler`.
    dim : int, optional
        Join so many independent draws side by side.

    Attributes
    ----------
    bins : numpy.ndarray
        Counts, float64.
    edges : list of numpy.ndarray
        Edges along each axis.
    state : numpy.random.Generator or numpy.random.RandomState
        The generator.

    Raises
    ------
    ValueError
        If neither or both of `histo` and `edges` are given, if edges do not grow, if counts are
        negative or of a shape that does not fit the edges.

    Notes
    -----
    A mixture of uniform distributions: L. Devroye, *Non-Uniform Random Variate Generation*,
    Springer 1986, chapter II.4. The time for a point is logarithmic in the number of boxes.

    Examples
    --------
    >>> import numpy as np
    >>> from ironbatch import HistoSampler
    >>> histo = np.histogramdd(np.array([[0.5], [2.5], [2.6]]), bins=[[0, 1, 2, 3]])
    >>> points = HistoSampler(histo, seed=0).sample(3000)
    >>> round(float(np.mean(points > 2)), 1), bool(np.any((points > 1) & (points < 2)))
    (0.7, False)
    """

    def __init__(
        self,
        histo: Sequence[Any] | None = None,
        edges: Any = None,
        seed: Any = None,
        *,
        dim: int | None = None,
    ) -> None:
        super().__init__(dim=dim)
        if (histo is None) == (edges is None):
            raise ValueError("a HistoSampler is made of histo or of edges: give one of them")
        if histo is not None:
            counts, *rest = histo
            edges = rest[0] if len(rest) == 1 else rest
        if not len(edges):
            raise ValueError("a histogram has edges along one axis or more")
        if np.ndim(edges[0]) == 0:
            edges = [edges]
        self.edges = [_checked_edges(axis, edge) for axis, edge in enumerate(edges)]
        shape = tuple(len(edge) - 1 for edge in self.edges)
        if histo is None:
            counts = np.zeros(shape)
        # A copy: updates must not write to the caller's histogram.
        self.bins: npt.NDArray[np.float64] = np.array(counts, np.float64)
        if self.bins.shape != shape:
            raise ValueError(
                f"counts of shape {self.bins.shape} do not fit edges for boxes of shape {shape}"
            )
        if not (np.isfinite(self.bins) & (self.bins >= 0)).all():
            raise ValueError("the counts of a histogram are finite and not negative")
        self.state = generator(seed)
        self._seed = seed
        self._cumulated = np.cumsum(self.bins)
        self.dim = len(shape) * self._copies

    def draw(self, size: int) -> Points:
        """Draw boxes, then points in them.

        Parameters
        ----------
        size : int
            How many points.

        Returns
        -------
        numpy.ndarray
            Points of shape ``(size, axes)``, float64.

        Raises
        ------
        ValueError
            If all boxes are empty.
        """
        total = self._cumulated[-1]
        if not total > 0:
            raise ValueError("the histogram is empty: fill it with update(points) first")
        assert self.state is not None
        picks = self.state.random(size) * total
        points: Points = self.state.random((size, len(self.edges)))
        # Searching to the right of equal sums never ends in a box without points; the last sum is
        # out of reach, but for rounding.
        flat = np.searchsorted(self._cumulated, picks, side="right")
        last = np.searchsorted(self._cumulated, total, side="left")
        box = np.unravel_index(np.minimum(flat, last), self.bins.shape)
        for axis, edge in enumerate(self.edges):
            low, high = edge[box[axis]], edge[box[axis] + 1]
            points[:, axis] = low + points[:, axis] * (high - low)
        return points

    def update(self, points: npt.ArrayLike) -> None:
        """Count further points in; later draws follow the new counts.

        Parameters
        ----------
        points : array_like
            Shape ``(number of points, axes)``, or ``(number of points,)`` for one axis. Those
            beyond the edges are left out, as by `numpy.histogramdd`.

        Raises
        ------
        ValueError
            If the points have another number of coordinates.

        Examples
        --------
        >>> from ironbatch import HistoSampler
        >>> sampler = HistoSampler(edges=[[0, 1, 2]])
        >>> sampler.update([[0.5], [1.5], [1.7]])
        >>> sampler.bins
        array([1., 2.])
        """
        array = np.asarray(points)
        if array.ndim == 1 and len(self.edges) == 1:
            array = array.reshape(-1, 1)
        if array.ndim != 2 or array.shape[1] != len(self.edges):
            raise ValueError(
                f"the histogram has {len(self.edges)} axes, but the points are of shape "
                f"{array.shape}"
            )
        self.bins += np.histogramdd(array, bins=self.edges)[0]
        self._cumulated = np.cumsum(self.bins)

    def __repr__(self) -> str:
        shape = "x".join(str(n) for n in self.bins.shape)
        name = f"HistoSampler(<{shape} boxes, total {self._cumulated[-1]:g}>"
        return describe(name, {}, self._seed, self._copies)


def _checked_edges(axis: int, edges: Any) -> npt.NDArray[np.float64]:
    array = np.array(edges, np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"the edges along axis {axis} are two numbers or more in one dimension")
    if not (np.isfinite(array).all() and (np.diff(array) > 0).all()):
        raise ValueError(f"the edges along axis {axis} are not finite and growing")
    return array
