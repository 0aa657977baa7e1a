"""Data in memory for the components of a batch, in the forms that BatchFlow takes besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ironbatch.compat.plain import assembled

__all__ = ["known_parts", "of_items", "parts_of"]


def known_parts(data: Any, components: Sequence[str] | None) -> Any:
    """Leave out of a dict what is no component, as BatchFlow does.

    Examples
    --------
    >>> known_parts({'images': 1, 'notes': 2}, ('images',))
    {'images': 1}
    """
    if components is None or not isinstance(data, Mapping):
        return data
    names = (components,) if isinstance(components, str) else tuple(components)
    return {name: part for name, part in data.items() if name in names}


def parts_of(src: Any, names: Sequence[str], batch: Any) -> tuple[Any, dict[str, Any], list[str]]:
    """Tell what ironbatch loads from what is taken here.

    Parameters
    ----------
    src : object
        What `load` was given.
    names : sequence of str
        Which components are wanted.
    batch : Batch
        Whose items.

    Returns
    -------
    rest : object
        What is left of the source; None if that is nothing.
    taken : dict
        Data of components whose source is a dict with an entry for each id.
    absent : list of str
        Components that the source has nothing for; BatchFlow leaves them empty.
    """
    if isinstance(src, tuple | list) and len(names) > 1:
        src = dict(zip(names, src, strict=False))
    if not isinstance(src, Mapping):
        return src, {}, []
    taken = {
        name: of_items(src[name], batch.indices)
        for name in names
        if isinstance(src.get(name), Mapping)
    }
    rest = {name: src[name] for name in names if src.get(name) is not None and name not in taken}
    return rest or None, taken, [name for name in names if src.get(name) is None]


def of_items(part: Mapping[Any, Any], ids: Any) -> Any:
    """Give the entries for some ids as a component.

    Examples
    --------
    >>> of_items({'a': [1, 2], 'b': [3, 4]}, ['b', 'a'])
    array([[3, 4],
           [1, 2]])
    """
    return assembled([part[id_] for id_ in ids])
