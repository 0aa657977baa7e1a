"""Actions that a class of pipelines names, for type checkers and editors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

__all__ = ["adds"]

_P = ParamSpec("_P")
_Chain = TypeVar("_Chain")


class _Added(Generic[_P]):
    """The attribute of a class of pipelines that adds an action."""

    def __init__(self, name: str, doc: str | None) -> None:
        self._name = name
        self.__doc__ = doc

    @overload
    def __get__(self, pipeline: None, owner: Any = None) -> _Added[_P]: ...
    @overload
    def __get__(self, pipeline: _Chain, owner: Any = None) -> Callable[_P, _Chain]: ...
    def __get__(self, pipeline: Any, owner: Any = None) -> Any:
        return self if pipeline is None else pipeline.__getattr__(self._name)


def adds(method: Callable[Concatenate[Any, _P], Any]) -> _Added[_P]:
    """Name an action in a class of pipelines, so that checkers and editors know it.

    Pipelines find actions when the chain is written, which checkers cannot follow. An action that
    is named so is added as any other; its arguments are checked, and it gives a pipeline of the
    same class.

    Parameters
    ----------
    method : callable
        The action, as an attribute of its batch class.

    Returns
    -------
    descriptor
        To be assigned in the body of a subclass of `Pipeline`.

    Raises
    ------
    TypeError
        If it is no method.

    Examples
    --------
    >>> from ironbatch import Batch, Dataset, Pipeline, action
    >>> class Scans(Batch):
    ...     @action
    ...     def scale(self, factor):
    ...         return self
    >>> class ScansPipeline(Pipeline[Scans]):
    ...     scale = adds(Scans.scale)
    >>> Dataset(10, Scans) >> ScansPipeline().scale(2)
    ScansPipeline(Dataset)
        .scale(2)
    """
    name = getattr(method, "__name__", None)
    if not callable(method) or not isinstance(name, str):
        raise TypeError(f"adds takes an action, such as Scans.scale, got {method!r}")
    return _Added(name, method.__doc__)
