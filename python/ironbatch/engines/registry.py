"""Which engine an argument ``engine=`` means: a name, a client of a cluster, or an engine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ironbatch.engines.protocol import Engine

__all__ = ["engine_for", "register_engine"]

_named: dict[str, Callable[[], Engine]] = {}
_clients: dict[tuple[str, str], Callable[[Any], Engine]] = {}


def register_engine(
    name: str, make: Callable[..., Engine], *, client: tuple[str, str] | None = None
) -> None:
    """Make an engine known by a name, and by a client's class.

    Parameters
    ----------
    name : str
        What ``engine=`` takes.
    make : callable
        Makes the engine; called without arguments for the name, with the client for a client.
    client : tuple of str, optional
        Module and name of the client's class. The module is not imported: whoever has a client
        has imported it.

    Examples
    --------
    >>> from ironbatch.engines import Local, engine_for, register_engine
    >>> register_engine('two', lambda: Local(2))
    >>> engine_for('two')
    Local(workers=2)
    """
    _named[name] = make
    if client is not None:
        _clients[client] = make


def engine_for(engine: Any) -> Engine:
    """Give the engine that an argument means.

    Parameters
    ----------
    engine : str, Engine, or a client such as ``distributed.Client``
        The argument.

    Raises
    ------
    ValueError
        If no engine has that name.
    TypeError
        If it is something else.
    """
    if isinstance(engine, str):
        if engine not in _named:
            known = ", ".join(map(repr, sorted(_named)))
            raise ValueError(f"there is no engine {engine!r}; known ones are {known}")
        return _named[engine]()
    for (module, name), make in _clients.items():
        cls = getattr(sys.modules.get(module), name, None)
        if cls is not None and isinstance(engine, cls):
            return make(engine)
    if isinstance(engine, Engine) and not isinstance(engine, type):
        return engine
    what = f"the class {engine.__name__}" if isinstance(engine, type) else repr(engine)
    advice = ""
    if type(engine).__module__.split(".")[0] in ("distributed", "dask_jobqueue", "dask_kubernetes"):
        advice = "; for a cluster of Dask give a client of it, distributed.Client(cluster)"
    raise TypeError(
        "engine is a name, a client of Dask or an object with the methods of "
        f"ironbatch.engines.Engine, got {what}{advice}"
    )
