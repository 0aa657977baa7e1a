"""Truncated samplers: points are rejected until enough lie within bounds."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import ceil, sqrt
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from ironbatch.sampler.composites import CompositeSampler, callable_name, operand_repr
from ironbatch.sampler.sampler import Points, Sampler, rows

# At 10 ns a number this is a fraction of a second without a single hit.
FRUITLESS_LIMIT = 10_000_000
# Numbers drawn in one round, at most: 8 MB of float64.
ROUND_LIMIT = 2**20


class TruncateSampler(CompositeSampler):
    """A sampler restricted to a region; made by `Sampler.truncate`, which see.

    Parameters
    ----------
    sampler : Sampler
        What to draw from.
    high, low : number or array_like, optional
        Bounds, inclusive.
    expr : callable, optional
        What the bounds are for, or a condition when there are none.
    prob : float, default: 0.5
        Estimate of the share of points that is kept.
    max_iters : int, optional
        How many rounds to try.
    sample_anyways : bool, default: False
        Beyond the limit, warn and go on.

    Raises
    ------
    ValueError
        If there is nothing to truncate by, or a number is out of range.

    Notes
    -----
    Plain rejection: L. Devroye, *Non-Uniform Random Variate Generation*, Springer 1986, chapter
    II.3. To get `k` hits of probability `p` takes ``k / p`` points on average, with a standard
    deviation of ``sqrt(k * (1 - p)) / p`` (the negative binomial distribution); a round draws
    the mean plus two deviations.
    """

    def __init__(
        self,
        sampler: Sampler,
        high: npt.ArrayLike | None = None,
        low: npt.ArrayLike | None = None,
        expr: Callable[[Points], Points] | None = None,
        prob: float = 0.5,
        max_iters: int | None = None,
        sample_anyways: bool = False,
    ) -> None:
        super().__init__()
        self.bases = (sampler,)
        self.dim = sampler.dim
        self.high = _bound("high", high)
        self.low = _bound("low", low)
        self.expr = expr
        self.prob = prob
        self.max_iters = None if max_iters is None else index(max_iters)
        self.sample_anyways = sample_anyways
        if self.high is None and self.low is None and expr is None:
            raise ValueError("truncate needs high, low or expr")
        if expr is not None and not callable(expr):
            raise TypeError(f"expr is a function of points, not {type(expr).__name__}")
        if not 0 < prob <= 1:
            raise ValueError(f"prob is a share above 0 and up to 1, not {prob}")
        if self.max_iters is not None and self.max_iters < 1:
            raise ValueError(f"max_iters is a number of rounds, at least 1, not {max_iters}")
        if expr is None and sampler.dim is not None:
            self._check_bounds(sampler.dim)
        if self.low is not None and self.high is not None:
            if 1 not in (self.low.size, self.high.size) and self.low.size != self.high.size:
                raise ValueError(
                    f"low has {self.low.size} numbers, high {self.high.size}: one for each "
                    "coordinate, or one for all"
                )
            if not (self.low <= self.high).all():
                raise ValueError(f"no point has {self._condition()}")

    def draw(self, size: int) -> Points:
        """Draw in rounds until there are enough points within bounds.

        Parameters
        ----------
        size : int
            How many points.

        Returns
        -------
        numpy.ndarray
            Points of shape ``(size, dim)``.

        Raises
        ------
        ValueError
            If there are not, and `sample_anyways` is false.

        Warns
        -----
        UserWarning
            If there are not, and `sample_anyways` is true; once.
        """
        (base,) = self.bases
        if size == 0:
            return rows(base, 0)
        kept: list[Points] = []
        n_kept = n_drawn = n_rounds = fruitless = 0
        share, warned = self.prob, False
        while n_kept < size:
            if not warned and (
                fruitless >= FRUITLESS_LIMIT
                if self.max_iters is None
                else n_rounds >= self.max_iters
            ):
                self._give_up(size, n_kept, n_drawn, n_rounds)
                warned = True
            points = rows(base, self._round(size - n_kept, share))
            inside = points[self._inside(points)]
            kept.append(inside)
            n_rounds += 1
            n_drawn += len(points)
            n_kept += len(inside)
            fruitless = 0 if len(inside) else fruitless + len(points)
            share = max(n_kept, 1) / n_drawn
        return np.concatenate(kept)[:size]

    def _round(self, missing: int, share: float) -> int:
        """Say how many points to draw next, given the share of them that is kept."""
        wanted = missing / share + 2 * sqrt(missing * (1 - share)) / share
        return max(1, min(ceil(wanted), ROUND_LIMIT // (self.dim or 1)))

    def _inside(self, points: Points) -> npt.NDArray[np.bool_]:
        """Mark the points that are kept."""
        values = points
        if self.expr is not None:
            values = np.asarray(self.expr(points))
            if values.ndim == 0 or len(values) != len(points):
                raise ValueError(
                    f"expr gives one value, or one row of them, for each of {len(points)} points, "
                    f"but gave an array of shape {values.shape}"
                )
            values = values.reshape(len(points), -1)
        self._check_bounds(values.shape[1])
        inside = np.ones(len(points), bool)
        if self.low is not None:
            inside &= (values >= self.low).all(axis=1)
        if self.high is not None:
            inside &= (values <= self.high).all(axis=1)
        if self.low is None and self.high is None:
            inside &= values.astype(bool, copy=False).all(axis=1)
        return inside

    def _check_bounds(self, n_values: int) -> None:
        for name, bound in (("low", self.low), ("high", self.high)):
            if bound is not None and bound.size not in (1, n_values):
                what = "coordinates of a point" if self.expr is None else "values of expr"
                raise ValueError(f"{name} has {bound.size} numbers for {n_values} {what}")

    def _give_up(self, size: int, n_kept: int, n_drawn: int, n_rounds: int) -> None:
        message = (
            f"truncation found {n_kept} of {size} points with {self._condition()} among {n_drawn} "
            f"drawn in {n_rounds} rounds"
        )
        if not self.sample_anyways:
            raise ValueError(
                f"{message}; widen the bounds, raise max_iters, or set sample_anyways=True"
            )
        warnings.warn(f"{message}; going on, since sample_anyways is set", stacklevel=4)

    def _condition(self) -> str:
        middle = "point" if self.expr is None else f"{callable_name(self.expr)}(point)"
        low = "" if self.low is None else f"{self.low.tolist()} <= "
        high = "" if self.high is None else f" <= {self.high.tolist()}"
        return f"{low}{middle}{high}"

    def __repr__(self) -> str:
        parts = [
            f"{name}={bound.tolist()}"
            for name, bound in (("high", self.high), ("low", self.low))
            if bound is not None
        ]
        if self.expr is not None:
            parts.append(f"expr={callable_name(self.expr)}")
        if self.prob != 0.5:
            parts.append(f"prob={self.prob}")
        if self.max_iters is not None:
            parts.append(f"max_iters={self.max_iters}")
        if self.sample_anyways:
            parts.append("sample_anyways=True")
        return f"{operand_repr(self.bases[0])}.truncate({', '.join(parts)})"


def _bound(name: str, bound: npt.ArrayLike | None) -> npt.NDArray[Any] | None:
    """Check a bound: None, a number, or one number for each coordinate."""
    if bound is None:
        return None
    array = np.array(bound)
    if array.ndim == 2 and len(array) == 1:
        array = array[0]
    if array.ndim > 1 or array.size == 0:
        raise ValueError(
            f"{name} is a number or one for each coordinate, not an array of shape {array.shape}"
        )
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"{name} is NaN, which no point is within")
    return array
