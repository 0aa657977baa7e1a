"""What every sampler has: drawing, the algebra, and seeds."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from numbers import Real
from operator import index
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ironbatch.sampler.composites import ApplySampler
    from ironbatch.sampler.truncate import TruncateSampler

Points: TypeAlias = npt.NDArray[Any]
State: TypeAlias = "np.random.Generator | np.random.RandomState"


class Sampler:
    """Base class of samplers: things that draw points and combine with each other.

    A sampler gives `size` points of `dim` coordinates at a time. Samplers combine:

    ===================================  =====================================================
    expression                           draws
    ===================================  =====================================================
    ``a & b``                            the coordinates of `a`, then those of `b`
    ``a | b``                            from `a` or from `b`, with odds by weight
    ``0.3 & a``, ``a & 0.3``             as `a`, with its weight in mixtures times 0.3
    ``a + b``, ``2 * a``, ``a ** [1, 2]``  the arithmetic of what both draw (``+ - * / // % **``);
                                         an array has one number, or one for each coordinate
    ``a.apply(function)``                ``function(points)``
    ``a.truncate(high, low)``            as `a`, until the point is within bounds
    ===================================  =====================================================

    ``&`` binds closer than ``|``, so ``0.3 & a | 0.7 & b`` needs no parentheses. Weights add up in
    a mixture; the other operations give a sampler of weight 1.

    Parameters
    ----------
    dim : int, optional
        Join so many independent draws of the sampler side by side, as ``a & a & ...`` does.
    *args, **kwargs
        Ignored, so that classes of your own may pass on whatever they take.

    Attributes
    ----------
    weight : float
        Weight in mixtures.
    dim : int or None
        Coordinates of a point; None if that shows only when points are drawn.
    state : numpy.random.Generator, numpy.random.RandomState or None
        Where random numbers come from. It advances with every draw.

    Notes
    -----
    A class of your own defines `draw` and keeps its generator in `state`.

    Equal seeds give equal points, whatever the expression. A mixture has no seed of its own: it
    picks by the generator of the first sampler in it that has one, or by fresh entropy if none
    has (a mixture of constants). `seeded` gives a whole expression one seed.

    Examples
    --------
    >>> import numpy as np
    >>> from ironbatch import ConstantSampler, NumpySampler, Sampler
    >>> place = NumpySampler('u', seed=1) & NumpySampler('n', loc=5, scale=0.1, seed=2)
    >>> place.sample(3).shape
    (3, 2)
    >>> place
    NumpySampler('uniform', seed=1) & NumpySampler('normal', loc=5, scale=0.1, seed=2)

    A class of one's own:

    >>> class Coin(Sampler):
    ...     def __init__(self, seed):
    ...         super().__init__()
    ...         self.state = np.random.default_rng(seed)
    ...
    ...     def draw(self, size):
    ...         return self.state.integers(2, size=(size, 1))
    >>> (Coin(0) + 10).sample(4).ravel()
    array([11, 11, 11, 10])
    """

    # NumPy's arrays and scalars leave operations with a sampler to the sampler.
    __array_ufunc__ = None

    weight: float = 1.0
    dim: int | None = None
    state: State | None = None
    _copies: int = 1

    def __init__(self, *args: Any, dim: int | None = None, **kwargs: Any) -> None:
        if dim is None:
            return
        if index(dim) < 1:
            raise ValueError(f"dim is how many draws to join, at least 1, not {dim}")
        if type(self).sample is not Sampler.sample:
            raise TypeError(
                f"dim= works through draw(size), but {type(self).__name__} defines sample(size)"
            )
        self._copies = index(dim)

    def sample(self, size: int) -> Points:
        """Draw points.

        Parameters
        ----------
        size : int
            How many, 0 or more.

        Returns
        -------
        numpy.ndarray
            Points of shape ``(size, dim)``.

        Raises
        ------
        TypeError
            If `size` is not an int.
        ValueError
            If it is negative, or if the coordinates of combined samplers do not match.

        Examples
        --------
        >>> from ironbatch import ConstantSampler
        >>> ConstantSampler([1, 2]).sample(3)
        array([[1, 2],
               [1, 2],
               [1, 2]])
        """
        size = index(size)
        if size < 0:
            raise ValueError(f"size is how many points to draw, 0 or more, not {size}")
        parts = [as_points(self.draw(size), size, self) for _ in range(self._copies)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def draw(self, size: int) -> Points:
        """Draw points; what a class of your own defines.

        Parameters
        ----------
        size : int
            How many, 0 or more.

        Returns
        -------
        numpy.ndarray
            Points of shape ``(size, dim)``, or ``(size,)`` for one coordinate.

        Raises
        ------
        NotImplementedError
            If the class does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no draw(size)")

    def seeded(self, seed: int | np.random.SeedSequence) -> Self:
        """Make a copy of the whole expression in which all draws follow from one seed.

        Parameters
        ----------
        seed : int or numpy.random.SeedSequence
            Every sampler of the expression gets a child of it.

        Returns
        -------
        Sampler
            The copy; the samplers it was made of keep their generators.

        Examples
        --------
        >>> from ironbatch import ConstantSampler
        >>> flip = ConstantSampler('head') | ConstantSampler('tail')
        >>> flip.seeded(3).sample(4).ravel().tolist()
        ['tail', 'head', 'tail', 'head']
        """
        if not isinstance(seed, np.random.SeedSequence):
            seed = np.random.SeedSequence(index(seed))
        # A sequence numbers its children, so spawning from a copy leaves the caller's as it was.
        source = copy.deepcopy(seed)
        clone = copy.deepcopy(self)
        seen: set[int] = set()
        for node in clone._nodes():
            if id(node) not in seen:
                seen.add(id(node))
                node._reseed(source.spawn(1)[0])
        return clone

    def apply(self, transform: Callable[[Points], Points]) -> ApplySampler:
        """Change the points by a function.

        Parameters
        ----------
        transform : callable
            Takes points of shape ``(size, dim)``, returns points of shape ``(size, any dim)`` or
            ``(size,)``. `size` may be 0.

        Returns
        -------
        Sampler

        Examples
        --------
        >>> import numpy as np
        >>> from ironbatch import NumpySampler
        >>> bool(NumpySampler('n', dim=2, seed=0).apply(np.abs).sample(100).min() >= 0)
        True
        """
        from ironbatch.sampler.composites import ApplySampler

        return ApplySampler(self, transform)

    def truncate(
        self,
        high: npt.ArrayLike | None = None,
        low: npt.ArrayLike | None = None,
        expr: Callable[[Points], Points] | None = None,
        prob: float = 0.5,
        max_iters: int | None = None,
        sample_anyways: bool = False,
    ) -> TruncateSampler:
        """Keep the points for which ``low <= point <= high``, or ``low <= expr(point) <= high``.

        Points are drawn and those out of bounds rejected, in rounds, until there are enough.

        Parameters
        ----------
        high, low : number or array_like, optional
            Bounds, inclusive: one for all coordinates, or one for each.
        expr : callable, optional
            Takes points of shape ``(size, dim)``; returns a number, or a row of them, for each,
            which then are what the bounds are for. Without bounds, it returns bools: a point is
            kept if all of its are true.
        prob : float, default: 0.5
            Your estimate of the share of points that is kept, above 0 and at most 1: it sets how
            many are drawn in the first round. Later rounds go by what the earlier ones kept.
        max_iters : int, optional
            How many rounds to try. By default there is no limit on rounds, but 10 million points
            in a row of which none is kept end the attempt.
        sample_anyways : bool, default: False
            Beyond that limit, warn and go on (for ever, if no such point exists) instead of
            raising an error.

        Returns
        -------
        Sampler

        Raises
        ------
        ValueError
            If there is neither a bound nor `expr`, if ``low > high``, if a bound does not match
            the coordinates; when drawing, if the limit is reached.

        Examples
        --------
        >>> from ironbatch import NumpySampler
        >>> inside = NumpySampler('n', dim=2, seed=0).truncate(high=1, expr=lambda p: (p**2).sum(1))
        >>> bool(((inside.sample(1000)**2).sum(axis=1) <= 1).all())
        True
        """
        from ironbatch.sampler.truncate import TruncateSampler

        return TruncateSampler(self, high, low, expr, prob, max_iters, sample_anyways)

    def _nodes(self) -> Iterator[Sampler]:
        """Go through the samplers of the expression, each after those it is made of."""
        for base in getattr(self, "bases", ()):
            if isinstance(base, Sampler):
                yield from base._nodes()
        yield self

    def _reseed(self, seed: np.random.SeedSequence) -> None:
        """Replace the generator, if the sampler has one of its own."""
        if self.state is not None:
            self.state = np.random.Generator(np.random.SFC64(seed))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __or__(self, other: Any) -> Sampler:
        from ironbatch.sampler.composites import OrSampler

        if not isinstance(other, Sampler):
            return NotImplemented
        return OrSampler(self, other)

    def __and__(self, other: Any) -> Sampler:
        from ironbatch.sampler.composites import AndSampler, WeightedSampler

        if isinstance(other, Sampler):
            return AndSampler(self, other)
        if isinstance(other, Real):
            return WeightedSampler(self, self.weight * float(other))
        return NotImplemented

    def __rand__(self, other: Any) -> Sampler:
        result: Sampler = self.__and__(other)
        return result

    def _arithmetic(self, symbol: str, other: Any, reflected: bool = False) -> Sampler:
        from ironbatch.sampler.composites import ArithmeticSampler

        if not isinstance(other, Sampler):
            other = np.asarray(other)
            if other.dtype.kind not in "biufc":
                return cast("Sampler", NotImplemented)
        left, right = (other, self) if reflected else (self, other)
        return ArithmeticSampler(symbol, left, right)

    def __add__(self, other: Any) -> Sampler:
        return self._arithmetic("+", other)

    def __radd__(self, other: Any) -> Sampler:
        return self._arithmetic("+", other, reflected=True)

    def __sub__(self, other: Any) -> Sampler:
        return self._arithmetic("-", other)

    def __rsub__(self, other: Any) -> Sampler:
        return self._arithmetic("-", other, reflected=True)

    def __mul__(self, other: Any) -> Sampler:
        return self._arithmetic("*", other)

    def __rmul__(self, other: Any) -> Sampler:
        return self._arithmetic("*", other, reflected=True)

    def __truediv__(self, other: Any) -> Sampler:
        return self._arithmetic("/", other)

    def __rtruediv__(self, other: Any) -> Sampler:
        return self._arithmetic("/", other, reflected=True)

    def __floordiv__(self, other: Any) -> Sampler:
        return self._arithmetic("//", other)

    def __rfloordiv__(self, other: Any) -> Sampler:
        return self._arithmetic("//", other, reflected=True)

    def __mod__(self, other: Any) -> Sampler:
        return self._arithmetic("%", other)

    def __rmod__(self, other: Any) -> Sampler:
        return self._arithmetic("%", other, reflected=True)

    def __pow__(self, other: Any) -> Sampler:
        return self._arithmetic("**", other)

    def __rpow__(self, other: Any) -> Sampler:
        return self._arithmetic("**", other, reflected=True)


def as_points(points: Any, size: int, sampler: Sampler) -> Points:
    """Bring what a sampler drew to shape ``(size, dim)``.

    Parameters
    ----------
    points : array_like
        What it drew.
    size : int
        How many points it was asked for.
    sampler : Sampler
        Named in the error.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    ValueError
        If `points` are not so many rows.
    """
    array: Points = np.asarray(points)
    if array.ndim not in (1, 2) or len(array) != size:
        raise ValueError(
            f"a sampler draws points of shape (size, dim), here ({size}, dim), but "
            f"{sampler!r} drew an array of shape {array.shape}"
        )
    return array.reshape(-1, 1) if array.ndim == 1 else array


def rows(sampler: Sampler, size: int) -> Points:
    """Draw from a sampler that may override `sample`, and check the shape.

    Parameters
    ----------
    sampler : Sampler
        Where to draw from.
    size : int
        How many points.

    Returns
    -------
    numpy.ndarray
        Points of shape ``(size, dim)``.

    Raises
    ------
    ValueError
        If the shape is another.
    """
    return as_points(sampler.sample(size), size, sampler)
