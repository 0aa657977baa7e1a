"""Tables read and written as BatchFlow does: by pandas, with its options, by the table's labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ironbatch.extras import need

__all__ = ["TABLES", "dump_table", "load_table"]

_READERS = {"csv": "read_csv", "hdf5": "read_hdf", "feather": "read_feather"}
_WRITERS = {"csv": "to_csv", "hdf5": "to_hdf", "feather": "to_feather"}
TABLES = frozenset(_READERS)


def load_table(
    batch: Any,
    src: Any,
    fmt: str,
    dst: Any = None,
    post: Callable[..., Any] | None = None,
    **options: Any,
) -> None:
    """Read the rows of the items of a batch.

    Parameters
    ----------
    batch : Batch
        Where to.
    src : str, path or file
        Where from.
    fmt : {'csv', 'hdf5', 'feather'}
        The format.
    dst : str or sequence of str, optional
        Components; columns of these names, or the table as a whole for one name that is no column.
    post : callable, optional
        Gets the rows, ``src``, ``fmt``, ``dst`` and the options, and gives what is loaded.
    **options
        For the function of pandas.
    """
    components = options.pop("components", None)
    dst = components if dst is None else dst
    pandas = need("pandas", extra="tables", what=f"format {fmt!r}")
    table = getattr(pandas, _READERS[fmt])(src, **options)
    rows = table.loc[batch.indices]
    if post is not None:
        rows = post(rows, src=src, fmt=fmt, dst=dst, **options)
    names = batch.components if dst is None else (dst,) if isinstance(dst, str) else tuple(dst)
    if names is None:
        batch._data = rows
        return
    for place, name in enumerate(names):
        batch.store(name, _part(rows, name, place, len(names)))


def _part(rows: Any, name: str, place: int, n: int) -> Any:
    if hasattr(rows, "columns"):
        return rows[name].to_numpy() if name in rows.columns else rows if n == 1 else None
    if isinstance(rows, dict):
        return rows.get(name)
    return rows if n == 1 and not isinstance(rows, tuple) else rows[place]


def dump_table(batch: Any, dst: Any, fmt: str, components: Any = None, **options: Any) -> None:
    """Write components of a batch as the columns of a table.

    Parameters
    ----------
    batch : Batch
        Which items.
    dst : str, path or file
        Where to.
    fmt : {'csv', 'hdf5', 'feather'}
        The format.
    components : str or sequence of str, optional
        Which components; all by default. One with two axes makes a column of each of its columns.
    **options
        For the method of pandas.
    """
    pandas = need("pandas", extra="tables", what=f"format {fmt!r}")
    names = (components,) if isinstance(components, str) else components or batch.components
    found: dict[str, Any] = {}
    for name in names:
        data = batch.get(component=name)
        if hasattr(data, "columns"):
            found.update({column: data[column].to_numpy() for column in data.columns})
        elif isinstance(data, np.ndarray) and data.ndim > 1:
            flat = data.reshape(len(data), -1)
            found.update({f"{name}{at}": flat[:, at] for at in range(flat.shape[1])})
        else:
            found[name] = data
    table = pandas.DataFrame(found, index=None if fmt == "feather" else batch.indices)
    getattr(table, _WRITERS[fmt])(dst, **options)
