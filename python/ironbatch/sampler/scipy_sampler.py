"""Samplers of SciPy's distributions; SciPy is imported when the first one is made."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from ironbatch.extras import need
from ironbatch.sampler.names import full_name
from ironbatch.sampler.sampler import Points, Sampler
from ironbatch.sampler.seeding import describe, generator

# They have `rvs` too, but are bases of distributions or settings of tests.
_NOT_DISTRIBUTIONS = {"MonteCarloMethod", "rv_continuous"}


class ScipySampler(Sampler):
    """Draws from a distribution of `scipy.stats`; needs ``pip install 'ironbatch[samplers]'``.

    Parameters
    ----------
    name : str
        A distribution there, such as ``'norm'``, or an alias: ``n`` norm, ``u`` uniform, ``mvn``
        multivariate_normal, ``e`` expon, ``g`` gamma, ``be`` beta, ``mnm`` multinomial, ``f`` f,
        ``p`` poisson, ``w`` dweibull (the double one: NumPy's Weibull is ``'weibull_min'``),
        ``ln`` lognorm, ``b`` binom, ``chi2`` chi2.
    seed : None, int, SeedSequence, BitGenerator, Generator or RandomState
        As for `NumpySampler`.
    dim : int, optional
        Join so many independent draws side by side.
    **kwargs
        Parameters of the distribution, such as `loc` and `scale`.

    Attributes
    ----------
    name : str
        Full name of the distribution.
    distr : object
        The distribution with its parameters, with `pdf`, `cdf` and so on.
    state : numpy.random.Generator or numpy.random.RandomState
        The generator.

    Raises
    ------
    MissingPackageError
        If SciPy is not installed.
    ValueError
        If the distribution is unknown (the message has the nearest names) or a parameter is out
        of range; at once, not at the first draw.
    TypeError
        If a parameter is unknown or missing.

    Examples
    --------
    >>> from ironbatch import ScipySampler
    >>> ScipySampler('t', df=5, seed=0).sample(3).shape
    (3, 1)
    """

    def __init__(self, name: str, seed: Any = None, *, dim: int | None = None, **kwargs: Any):
        super().__init__(dim=dim)
        stats = _stats()
        self.state = generator(seed)
        self.name = full_name(name, "ss", _names(stats))
        self._params = kwargs
        self._seed = seed
        # Bad parameters show now, in a draw that leaves the sampler's own generator alone.
        try:
            self.distr: Any = getattr(stats, self.name)(**kwargs)
            point = np.asarray(self.distr.rvs(size=1, random_state=np.random.default_rng(0)))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self!r}: {error}") from error
        self._width = point.size
        self._dtype = point.dtype
        self.dim = self._width * self._copies

    def draw(self, size: int) -> Points:
        """Draw from the distribution.

        Parameters
        ----------
        size : int
            How many points.

        Returns
        -------
        numpy.ndarray
            Points of shape ``(size, coordinates)``; matrices come as rows.
        """
        if size == 0:
            # Some distributions of SciPy refuse to draw nothing.
            return np.empty((0, self._width), self._dtype)
        # SciPy drops axes of length 1, the one of a single point among them.
        return np.asarray(self.distr.rvs(size=size, random_state=self.state)).reshape(
            size, self._width
        )

    def __getstate__(self) -> dict[str, Any]:
        # Several of SciPy's frozen distributions do not pickle.
        return {key: value for key, value in self.__dict__.items() if key != "distr"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.distr = getattr(_stats(), self.name)(**self._params)

    def __repr__(self) -> str:
        return describe(f"ScipySampler({self.name!r}", self._params, self._seed, self._copies)


def _stats() -> ModuleType:
    return need("scipy.stats", extra="samplers", what="ScipySampler")


@cache
def _names(stats: ModuleType) -> frozenset[str]:
    names = (name for name in dir(stats) if hasattr(getattr(stats, name), "rvs"))
    return frozenset(names) - _NOT_DISTRIBUTIONS
