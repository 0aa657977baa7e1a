"""Samplers of NumPy's distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ironbatch.sampler.names import NUMPY_NAMES, full_name
from ironbatch.sampler.sampler import Points, Sampler, State
from ironbatch.sampler.seeding import describe, generator


class NumpySampler(Sampler):
    """Draws from a distribution of `numpy.random.Generator`.

    Parameters
    ----------
    name : str
        A method of the generator, such as ``'normal'``, or an alias: ``n`` normal, ``u`` uniform,
        ``mvn`` multivariate_normal, ``e`` exponential, ``g`` gamma, ``be`` beta, ``mnm``
        multinomial, ``f`` f, ``p`` poisson, ``w`` weibull, ``ln`` lognormal, ``b`` binomial,
        ``chi2`` chisquare, ``c`` choice.
    seed : None, int, SeedSequence, BitGenerator, Generator or RandomState
        An int gives the stream of ``numpy.random.Generator(numpy.random.SFC64(seed))``; a
        generator is used as it is, and shared with whoever else holds it.
    dim : int, optional
        Join so many independent draws side by side.
    **kwargs
        Parameters of the distribution, such as `loc` and `scale`.

    Attributes
    ----------
    name : str
        Full name of the distribution.
    state : numpy.random.Generator or numpy.random.RandomState
        The generator.

    Raises
    ------
    ValueError
        If the distribution is unknown (the message has the nearest names) or a parameter is out
        of range; at once, not at the first draw.
    TypeError
        If a parameter is unknown or missing.

    Examples
    --------
    >>> from ironbatch import NumpySampler
    >>> NumpySampler('integers', low=0, high=10, seed=1, dim=3).sample(2).shape
    (2, 3)
    >>> NumpySampler('mvn', mean=[0, 0], cov=[[1, 0], [0, 1]]).dim
    2
    """

    def __init__(self, name: str, seed: Any = None, *, dim: int | None = None, **kwargs: Any):
        super().__init__(dim=dim)
        self.state = generator(seed)
        known = {known for known in NUMPY_NAMES if hasattr(self.state, known)}
        if isinstance(self.state, np.random.RandomState):
            known |= {"randint", "random_sample"}
        self.name = full_name(name, "np", known)
        self._params = kwargs
        self._seed = seed
        # Bad parameters show now, in a draw that leaves the sampler's own generator alone.
        probe: State = (
            np.random.RandomState(0)
            if isinstance(self.state, np.random.RandomState)
            else np.random.Generator(np.random.SFC64(0))
        )
        try:
            point = getattr(probe, self.name)(size=1, **kwargs)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self!r}: {error}") from error
        self._width = point.size
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
            Points of shape ``(size, coordinates)``.
        """
        points: Points = getattr(self.state, self.name)(size=size, **self._params)
        return points.reshape(size, self._width)

    def __repr__(self) -> str:
        return describe(f"NumpySampler({self.name!r}", self._params, self._seed, self._copies)
