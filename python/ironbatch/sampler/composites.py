"""Samplers made of other samplers: side by side, mixed, weighted, computed with, transformed."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ironbatch.sampler.sampler import Points, Sampler, State, as_points, rows

_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


class CompositeSampler(Sampler):
    """A sampler made of others.

    Attributes
    ----------
    bases : tuple
        What it is made of: samplers, or a sampler and an array.
    """

    bases: tuple[Any, ...] = ()

    @property
    def state(self) -> State | None:  # type: ignore[override]
        """Generator of the first of the `bases` that has one."""
        states = (base.state for base in self.bases if isinstance(base, Sampler))
        return next((state for state in states if state is not None), None)

    def _reseed(self, seed: np.random.SeedSequence) -> None:
        """Do nothing: the generators belong to the bases."""


class InfixSampler(CompositeSampler):
    """A sampler that is written with an operator between two operands."""

    symbol: str

    def __init__(self, left: Any, right: Any) -> None:
        super().__init__()
        self.bases = (left, right)

    def __repr__(self) -> str:
        left, right = (operand_repr(base) for base in self.bases)
        return f"{left} {self.symbol} {right}"


class AndSampler(InfixSampler):
    """The coordinates of one sampler followed by those of another; made by ``left & right``.

    Parameters
    ----------
    left, right : Sampler
        Drawn from in this order.
    """

    symbol = "&"

    def __init__(self, left: Sampler, right: Sampler) -> None:
        super().__init__(left, right)
        if left.dim is not None and right.dim is not None:
            self.dim = left.dim + right.dim

    def draw(self, size: int) -> Points:
        """Draw from both and join the rows.

        Parameters
        ----------
        size : int
            How many points.

        Returns
        -------
        numpy.ndarray
            Points of shape ``(size, left dim + right dim)``.
        """
        return np.concatenate([rows(base, size) for base in self.bases], axis=1)


class OrSampler(InfixSampler):
    """A mixture of two samplers; made by ``left | right``.

    Parameters
    ----------
    left, right : Sampler
        Of equal `dim`. Each point comes from `left` with the probability
        ``left.weight / (left.weight + right.weight)``, from `right` otherwise.

    Attributes
    ----------
    weight : float
        Sum of both weights, so that ``a | b | c`` picks each with odds by its own weight.
    normed : numpy.ndarray
        Probability of either.

    Raises
    ------
    ValueError
        If dims differ or both weights are 0.

    Notes
    -----
    This is the composition method: L. Devroye, *Non-Uniform Random Variate Generation*, Springer
    1986, chapter II.4, "Decomposition as discrete mixtures".
    """

    symbol = "|"

    def __init__(self, left: Sampler, right: Sampler) -> None:
        super().__init__(left, right)
        if left.dim is not None and right.dim is not None:
            self.dim = _equal_dims((left, right), left.dim, right.dim)
        else:
            self.dim = left.dim if right.dim is None else right.dim
        self.weight = left.weight + right.weight
        if not self.weight > 0:
            raise ValueError(f"both weights in a mixture are 0: {self!r}")
        self.normed = np.array([left.weight, right.weight]) / self.weight
        self._own = None
        if super().state is None:
            self._own = np.random.Generator(np.random.SFC64())

    @property
    def state(self) -> State | None:  # type: ignore[override]
        """Generator that picks: that of the first of the `bases` with one, else its own."""
        inherited = super().state
        return self._own if inherited is None else inherited

    def _reseed(self, seed: np.random.SeedSequence) -> None:
        if self._own is not None:
            self._own = np.random.Generator(np.random.SFC64(seed))

    def draw(self, size: int) -> Points:
        """Pick a sampler for each point, then draw from both.

        Parameters
        ----------
        size : int
            How many points.

        Returns
        -------
        numpy.ndarray
            Points of shape ``(size, dim)``; of one dtype, wherever they come from.
        """
        state = self.state
        assert state is not None
        of_left = state.random(size) < self.normed[0]
        n_left = int(np.count_nonzero(of_left))
        left, right = rows(self.bases[0], n_left), rows(self.bases[1], size - n_left)
        _equal_dims(self.bases, left.shape[1], right.shape[1])
        source = np.empty(size, np.intp)
        source[of_left] = np.arange(n_left)
        source[~of_left] = np.arange(n_left, size)
        mixed: Points = np.concatenate([left, right])[source]
        return mixed


class WeightedSampler(CompositeSampler):
    """A sampler with another weight in mixtures; made by ``number & sampler``.

    Parameters
    ----------
    base : Sampler
        What to draw from.
    weight : float
        The weight, 0 or more.

    Raises
    ------
    ValueError
        If the weight is negative, infinite or NaN.
    """

    def __init__(self, base: Sampler, weight: float) -> None:
        super().__init__()
        if not 0 <= weight < np.inf:
            raise ValueError(f"the weight of a sampler is a number from 0 up, not {weight}")
        self.bases = (base,)
        self.dim = base.dim
        self.weight = weight

    def draw(self, size: int) -> Points:
        """Draw from the sampler.

        Parameters
        ----------
        size : int
            How many points.

        Returns
        -------
        numpy.ndarray
            Points of shape ``(size, dim)``.
        """
        return rows(self.bases[0], size)

    def __repr__(self) -> str:
        base = self.bases[0]
        # The weight already holds that of the base, so a chain of weights reads as one.
        while isinstance(base, WeightedSampler):
            base = base.bases[0]
        return f"{self.weight:g} & {operand_repr(base)}"


class ArithmeticSampler(InfixSampler):
    """Arithmetic on what samplers draw; made by ``left + right`` and the like.

    Parameters
    ----------
    symbol : {'+', '-', '*', '/', '//', '%', '**'}
        What to do; the rules for dtypes are NumPy's.
    left, right : Sampler or numpy.ndarray
        At least one of them a sampler. One coordinate combines with any number of them.

    Raises
    ------
    ValueError
        If the coordinates do not match.
    """

    def __init__(self, symbol: str, left: Any, right: Any) -> None:
        operands = [_as_operand(operand) for operand in (left, right)]
        super().__init__(*operands)
        self.symbol = symbol
        dims = [
            operand.dim if isinstance(operand, Sampler) else operand.size for operand in operands
        ]
        if dims[0] is not None and dims[1] is not None:
            self.dim = self._joint_dim(dims[0], dims[1])

    def _joint_dim(self, left: int, right: int) -> int:
        if 1 not in (left, right):
            return _equal_dims(self.bases, left, right)
        return right if left == 1 else left

    def draw(self, size: int) -> Points:
        """Draw from whatever is a sampler and compute.

        Parameters
        ----------
        size : int
            How many points.

        Returns
        -------
        numpy.ndarray
            Points of shape ``(size, dim)``.
        """
        left, right = (
            rows(base, size) if isinstance(base, Sampler) else base for base in self.bases
        )
        if left.ndim and right.ndim:
            self._joint_dim(left.shape[-1], right.shape[-1])
        points: Points = _OPERATIONS[self.symbol](left, right)
        return points


class ApplySampler(CompositeSampler):
    """A sampler whose points go through a function; made by `Sampler.apply`.

    Parameters
    ----------
    sampler : Sampler
        What to draw from.
    transform : callable
        Takes points of shape ``(size, dim)``, returns ``(size, any dim)`` or ``(size,)``.

    Raises
    ------
    TypeError
        If `transform` cannot be called.
    """

    def __init__(self, sampler: Sampler, transform: Callable[[Points], Points]) -> None:
        super().__init__()
        if not callable(transform):
            raise TypeError(f"apply takes a function of points, not {type(transform).__name__}")
        self.bases = (sampler,)
        self.transform = transform

    def draw(self, size: int) -> Points:
        """Draw and transform.

        Parameters
        ----------
        size : int
            How many points.

        Returns
        -------
        numpy.ndarray
            Points of shape ``(size, dim)``.
        """
        return as_points(self.transform(rows(self.bases[0], size)), size, self)

    def __repr__(self) -> str:
        return f"{operand_repr(self.bases[0])}.apply({callable_name(self.transform)})"


def callable_name(function: Any) -> str:
    """Name a function as the user would.

    Parameters
    ----------
    function : callable
        A function, class or object.

    Returns
    -------
    str
        Such as ``'sqrt'``, ``'<lambda>'`` or the `repr` of an object without a name.
    """
    return str(getattr(function, "__name__", None) or repr(function))


def operand_repr(operand: Any) -> str:
    """Write an operand so that it stays one within a longer expression.

    Parameters
    ----------
    operand : Sampler or numpy.ndarray
        What to write.

    Returns
    -------
    str
        Its `repr`, in parentheses if it is written with an operator.
    """
    if isinstance(operand, InfixSampler | WeightedSampler):
        return f"({operand!r})"
    return repr(operand if isinstance(operand, Sampler) else operand.tolist())


def _as_operand(operand: Any) -> Any:
    """Check that an array is a number or a row of them; samplers pass."""
    if isinstance(operand, Sampler):
        return operand
    array = np.array(operand)
    if array.ndim == 2 and len(array) == 1:
        array = array[0]
    if array.ndim > 1 or array.size == 0:
        raise ValueError(
            "a sampler combines with a number or with one number for each coordinate, "
            f"not with an array of shape {array.shape}"
        )
    return array


def _equal_dims(sides: tuple[Any, ...], left_dim: int, right_dim: int) -> int:
    """Refuse samplers with different numbers of coordinates."""
    if left_dim != right_dim:
        names = [operand_repr(side) for side in sides]
        raise ValueError(
            f"points of {left_dim} and of {right_dim} coordinates do not combine: "
            f"{names[0]} has dim {left_dim}, {names[1]} has dim {right_dim}"
        )
    return left_dim
