"""Distributions that kernels draw noise from.

Each is bound like a kernel and draws from an item's own stream what the method of
`numpy.random.Generator` of its name draws, bit by bit:

    kernels.additive_noise.bind(distributions.uniform.bind(low=-5, high=5))
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from ironbatch.actions.arguments import has_item_values

__all__ = [
    "BoundDistribution",
    "Distribution",
    "exponential",
    "gumbel",
    "integers",
    "laplace",
    "logistic",
    "normal",
    "uniform",
]

# Whole numbers up to here are doubles without loss, which is how they reach the compiled side.
_MOST_WHOLE = 2**53
# Numbers of a row: which distribution it is, and two parameters.
_WIDTH = 3


class Distribution:
    """A distribution whose parameters are yet to be bound.

    Not made but found: as attributes of this module.

    Parameters
    ----------
    name : str
        The method of `numpy.random.Generator` that draws the same.
    number : int
        What the compiled side calls it.
    **defaults : float or None
        The parameters; None has to be given.

    Examples
    --------
    >>> from ironbatch.kernels import distributions
    >>> distributions.laplace
    <distribution ironbatch.kernels.distributions.laplace(*, loc=0.0, scale=1.0)>
    >>> distributions.laplace.bind(scale=2)
    distributions.laplace.bind(loc=0.0, scale=2)
    """

    def __init__(self, name: str, number: int, **defaults: float | None) -> None:
        self.__name__ = self.__qualname__ = name
        self.__module__ = __name__
        parameters = ", ".join(defaults)
        self.__doc__ = f"Draws ``rng.{name}({parameters})``; `bind` fixes the parameters."
        self.number = number
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter(
                    one,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if default is None else default,
                )
                for one, default in defaults.items()
            ]
        )

    @property
    def signature(self) -> str:
        """The parameters as Python code."""
        return f"{self.__name__}{self.__signature__}"

    def bind(self, *unnamed: Any, **params: Any) -> BoundDistribution:
        """Fix the parameters.

        Parameters
        ----------
        *unnamed
            Nothing: parameters are given by name.
        **params : float, or named expression
            The parameters: numbers, named expressions that are evaluated for each batch, or ones
            that give a number for each item (``P(...)``).

        Returns
        -------
        BoundDistribution
            What a kernel takes as `distribution`.

        Raises
        ------
        TypeError
            For missing and unknown parameters and what is no number; the message has the signature.
        ValueError
            For numbers that are no parameters of the distribution; the message has the signature.
        """
        if unnamed:
            raise self.error(TypeError, f"bind takes parameters by name, got {unnamed[0]!r}")
        known = self.__signature__.parameters
        for name in params:
            if name not in known:
                raise self.error(TypeError, f"has no parameter {name}")
        values = {}
        for name, parameter in known.items():
            if name not in params and parameter.default is parameter.empty:
                raise self.error(TypeError, f"parameter {name} is missing")
            values[name] = params.get(name, parameter.default)
        varies = any(map(_varies, values.values()))
        return (_VaryingDistribution if varies else BoundDistribution)(self, values)

    def error(self, kind: type[Exception], what: str) -> Exception:
        """Make an exception that shows how the distribution is bound."""
        return kind(f"{self.__name__}: {what}; its signature is {self.signature}")

    def __repr__(self) -> str:
        return f"<distribution {__name__}.{self.signature}>"

    def __reduce__(self) -> str:
        return self.__name__


class BoundDistribution:
    """A distribution with its parameters.

    Made by `Distribution.bind`. Two with the same parameters are equal.

    Parameters
    ----------
    distribution : Distribution
        The distribution.
    params : mapping of str to float
        All of its parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from ironbatch.kernels import distributions
    >>> noise = distributions.integers.bind(low=0, high=10)
    >>> noise == distributions.integers.bind(low=0, high=10)
    True
    >>> noise(rng=np.random.default_rng(1), size=5)
    array([4, 5, 7, 9, 0])
    """

    def __init__(self, distribution: Distribution, params: Mapping[str, Any]) -> None:
        self.distribution = distribution
        self.params = dict(params)
        self._check()

    @property
    def row(self) -> list[float]:
        """Which distribution it is and its parameters, as the compiled side takes them."""
        numbers = [self.distribution.number, *self.params.values()]
        return [float(one) for one in numbers] + [0.0] * (_WIDTH - len(numbers))

    def __call__(self, *, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw.

        Parameters
        ----------
        rng : Generator
            What to draw from.
        size : int or tuple of int, optional
            Shape of the result.

        Returns
        -------
        float, int or ndarray
            What the method of the generator gives.
        """
        return getattr(rng, self.distribution.__name__)(**self.params, size=size)

    def _check(self) -> None:
        """Refuse what is no parameter of the distribution; what varies is checked item by item."""
        fixed = {name: one for name, one in self.params.items() if not _varies(one)}
        for name, value in fixed.items():
            self._check_number(name, value)
        if len(fixed) == 2 and "low" in fixed:
            low, high = fixed["low"], fixed["high"]
            if self._whole and not low < high:
                raise self._refuse(f"low={low} has to be below high={high}")
            if low > high or not np.isfinite(float(high) - float(low)):
                raise self._refuse(
                    f"low={low} has to be at most high={high}, a finite distance apart"
                )

    def _check_number(self, name: str, value: Any) -> None:
        is_number = isinstance(value, int | float | np.integer | np.floating)
        if not is_number or isinstance(value, bool):
            raise self._refuse(f"{name}={value!r} is no number", TypeError)
        if not abs(value) <= sys.float_info.max:
            raise self._refuse(f"{name}={value} has to be finite")
        if self._whole and (value != int(value) or abs(value) > _MOST_WHOLE):
            raise self._refuse(f"{name}={value} has to be a whole number, up to 2**53")
        if name == "scale" and value < 0:
            raise self._refuse(f"scale={value} has to be at least 0")

    @property
    def _whole(self) -> bool:
        return self.distribution is integers

    def _refuse(self, what: str, kind: type[Exception] = ValueError) -> Exception:
        return self.distribution.error(kind, what)

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        return f"distributions.{self.distribution.__name__}.bind({params})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundDistribution):
            return NotImplemented
        return self.distribution is other.distribution and self.params == other.params

    def __hash__(self) -> int:
        return hash((self.distribution.__name__, *self.params.values()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.distribution, self.params)


class _VaryingDistribution(BoundDistribution):
    """A distribution with parameters that are named expressions: each item has its own numbers."""

    def __call__(self, *, rng: np.random.Generator, size: Any = None) -> Any:
        raise TypeError(
            f"{self!r} has parameters that depend on the batch, which only kernels know; for a "
            "function of one item give P([...]) of distributions"
        )

    def item_values(self, batch: Any, n: int) -> Any:
        """Give a distribution for each item."""
        from ironbatch.namedexpr.base import evaluate, scope_of
        from ironbatch.namedexpr.per_item import PerItem

        columns: dict[str, list[Any]] = {}
        for name, value in self.params.items():
            if has_item_values(value):
                columns[name] = list(value.item_values(batch, n))
            else:
                columns[name] = [evaluate(value, batch, scope_of(batch, None, None))] * n
            if len(columns[name]) != n:
                raise self._refuse(f"{name} has {len(columns[name])} values for {n} items")
        made = []
        for position, numbers in enumerate(zip(*columns.values(), strict=True)):
            try:
                made.append(
                    BoundDistribution(self.distribution, dict(zip(columns, numbers, strict=True)))
                )
            except (TypeError, ValueError) as error:
                item = position if batch is None else batch.indices.tolist()[position]
                raise type(error)(f"item {item!r}: {error}") from None
        return PerItem(made, n=n, index=None if batch is None else batch.index)


def _varies(value: Any) -> bool:
    from ironbatch.namedexpr import has_expression

    return has_item_values(value) or has_expression(value)


# The numbers are those of `Distribution` in rust/core/src/kernels/noise/distribution.rs.
normal = Distribution("normal", 0, loc=0.0, scale=1.0)
uniform = Distribution("uniform", 1, low=0.0, high=1.0)
laplace = Distribution("laplace", 2, loc=0.0, scale=1.0)
logistic = Distribution("logistic", 3, loc=0.0, scale=1.0)
gumbel = Distribution("gumbel", 4, loc=0.0, scale=1.0)
exponential = Distribution("exponential", 5, scale=1.0)
integers = Distribution("integers", 6, low=None, high=None)
