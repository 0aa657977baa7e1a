"""Data stored to, and read from, expressions, arrays and containers of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ironbatch.namedexpr import NamedExpression

__all__ = ["read_data_from", "save_data_to"]


def save_data_to(data: Any, dst: Any, **kwargs: Any) -> None:
    """Store data.

    Parameters
    ----------
    data : object, list or dict
        What.
    dst : NamedExpression, array, list or dict of them
        Where to; a dict of destinations takes a dict of data, a list as many as there are.
    **kwargs
        What expressions are about: ``batch=``, ``pipeline=``.

    Raises
    ------
    ValueError
        If there are not as many data as destinations, or a dict has no dict to go to.
    KeyError
        If a name of `dst` is not in `data`.

    Examples
    --------
    >>> there = np.zeros(2)
    >>> save_data_to([[1, 2], 3], [there, None])
    >>> there
    array([1., 2.])
    """
    if isinstance(data, dict):
        if not isinstance(dst, dict):
            raise ValueError(f"a dict of data goes to a dict, not to {type(dst).__name__}")
        for name in dst:
            if name not in data:
                raise KeyError(f"there is no {name!r} in the data; it has {', '.join(data)}")
            _store(data[name], dst, name, kwargs)
        return
    if not isinstance(dst, tuple | list):
        _store(data, [dst], 0, kwargs)
        return
    if not isinstance(data, tuple | list):
        data = [data]
    if len(dst) != len(data):
        raise ValueError(f"there are {len(data)} data for {len(dst)} destinations")
    for place, item in enumerate(data):
        _store(item, dst, place, kwargs)


def _store(item: Any, places: Any, key: Any, kwargs: dict[str, Any]) -> None:
    place = places[key]
    if isinstance(place, NamedExpression):
        place.set(item, **kwargs)
    elif isinstance(place, np.ndarray):
        place[:] = item
    elif not isinstance(places, tuple):
        places[key] = item


def read_data_from(src: Any, **kwargs: Any) -> Any:
    """Read data.

    Parameters
    ----------
    src : NamedExpression, object, list or tuple of them
        Where from.
    **kwargs
        What expressions are about: ``batch=``, ``pipeline=``.

    Examples
    --------
    >>> from ironbatch import F
    >>> read_data_from([F(int), 7])
    [0, 7]
    """
    if isinstance(src, tuple | list):
        return type(src)(read_data_from(one, **kwargs) for one in src)
    return src.get(**kwargs) if isinstance(src, NamedExpression) else src
