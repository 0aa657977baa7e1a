"""What a pipeline asks of a model."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["Model"]


@runtime_checkable
class Model(Protocol):
    """What a pipeline asks of a model: any class with these methods is one.

    Nothing has to be inherited. A pipeline makes it by ``model_class(config=config)``, where
    `config` is a `Config`, and calls only what its steps name: a class without `save` does as long
    as nobody saves it.

    Examples
    --------
    >>> import numpy as np
    >>> class Mean:
    ...     def __init__(self, config):
    ...         self.reset()
    ...
    ...     def train(self, values):
    ...         self.total, self.count = self.total + values.sum(), self.count + len(values)
    ...
    ...     def predict(self, values):
    ...         return values - self.total / self.count
    ...
    ...     def save(self, path):
    ...         np.save(path, [self.total, self.count])
    ...
    ...     def load(self, path):
    ...         self.total, self.count = np.load(path)
    ...
    ...     def reset(self):
    ...         self.total, self.count = 0.0, 0
    >>> isinstance(Mean(config={}), Model)
    True
    """

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Learn from the data of one batch; what it returns goes to ``save_to``."""

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Give the predictions for the data of one batch."""

    def save(self, path: Any) -> None:
        """Write the model to a file."""

    def load(self, path: Any) -> None:
        """Read the model from a file."""

    def reset(self) -> None:
        """Forget all that was learnt."""
