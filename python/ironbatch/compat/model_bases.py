"""Classes that the models and metrics of projects derive from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

__all__ = ["BaseModel", "Metrics"]


class BaseModel(ABC):
    """What pipelines ask of a model; see `ironbatch.models.Model`, which needs no base class."""

    @property
    def default_name(self) -> str:
        """Name of the class."""
        return type(self).__name__

    @abstractmethod
    def reset(self) -> Any:
        """Forget what was learnt."""

    @abstractmethod
    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train the model on a batch."""

    @abstractmethod
    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Predict for a batch."""

    @abstractmethod
    def load(self, *args: Any, **kwargs: Any) -> Any:
        """Read the model from files."""

    @abstractmethod
    def save(self, *args: Any, **kwargs: Any) -> Any:
        """Write the model to files."""

    @classmethod
    def is_model_like(cls, obj: Any) -> bool:
        """Whether an object has all methods of a model."""
        return all(hasattr(obj, name) for name in cls.__abstractmethods__)


class Metrics:
    """Metrics of a project's own: each is a method.

    Examples
    --------
    >>> class Shares(Metrics):
    ...     def positive(self, threshold=0):
    ...         return np.array([.25, .75])
    >>> Shares().evaluate(['positive'])
    {'positive': 0.5}
    """

    #: How values of batches or instances are put together.
    aggregations: ClassVar[dict[str, Callable[..., Any]]] = {"mean": np.nanmean}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._agg_fn_dict: dict[str, Callable[..., Any]] = dict(self.aggregations)

    def _aggregate(self, metric: Any, agg: str | None = None) -> Any:
        if agg is not None and not np.isscalar(metric):
            if agg not in self._agg_fn_dict:
                known = ", ".join(map(repr, self._agg_fn_dict))
                raise ValueError(f"agg is one of {known}, got {agg!r}")
            metric = self._agg_fn_dict[agg](metric)
        squeezed = np.squeeze(metric)
        return squeezed.item() if squeezed.ndim == 0 else squeezed

    def evaluate(
        self, metrics: str | Sequence[str], agg: str | None = "mean", *args: Any, **kwargs: Any
    ) -> Any:
        """Calculate metrics.

        Parameters
        ----------
        metrics : str or sequence of str
            Which.
        agg : str or None
            How values of batches or instances are put together.
        *args, **kwargs
            For the methods.

        Returns
        -------
        number, or dict of them by name
            The number alone if `metrics` is a str.

        Raises
        ------
        ValueError
            If there is no such `agg`.
        """
        names = [metrics] if isinstance(metrics, str) else metrics
        found = {n: self._aggregate(getattr(self, n)(*args, **kwargs), agg) for n in names}
        return found[metrics] if isinstance(metrics, str) else found
