"""Format None: data in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch import components as columns
from ironbatch.errors import ComponentError
from ironbatch.formats.base import ComponentNames, Format
from ironbatch.formats.native import component_of
from ironbatch.formats.registry import register_format
from ironbatch.sources import Table, source_of

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch
    from ironbatch.batch.preloaded import Addressing

__all__ = ["Memory", "as_one"]


def as_one(src: Any, name: str) -> Any:
    """Make data for the one component that a string names.

    A mapping or table that has such a part gives it; anything else is the component itself.
    """
    if isinstance(src, Mapping):
        return {name: src[name]} if name in src else src
    source = source_of(src)
    return src if isinstance(source, Table) and name in source.names else {name: src}


@register_format(None)
class Memory(Format):
    """Arrays, lists, tables, or any object with advanced indexing.

    Which rows belong to the items of a batch is the rule of `ironbatch.batch.preloaded`.
    """

    def load(
        self,
        batch: Batch,
        src: Any,
        components: ComponentNames,
        *,
        addressing: Addressing = "auto",
        index_col: str | None = None,
    ) -> dict[str | None, Any]:
        """Take the rows of the batch's items.

        Parameters
        ----------
        batch, components : as for `Format.load`
            See `Format.load`.
        src : array, tuple, list, dict, table or any object with advanced indexing
            The data; a tuple by position, a dict or a table by component. Whatever
            `ironbatch.sources` knows may stand for a table or an array.
        addressing : {'auto', 'id', 'position'}
            Which rows belong to the items.
        index_col : str, optional
            The column of a table whose values are the ids of its rows.
        """
        from ironbatch.batch.preloaded import Preloaded

        if src is None:
            raise ValueError("there is nothing to load: give src=, or the format of files in fmt=")
        names = None if components == (None,) else tuple(name for name in components if name)
        if names is not None and isinstance(src, Mapping):
            missing = [name for name in names if name not in src]
            if missing:
                raise ComponentError(
                    f"src has no part {missing[0]!r}; it has {', '.join(map(repr, src))}"
                )
            src = {name: src[name] for name in names}
        source = Preloaded(src, names, addressing, index_col=index_col, whole=False)
        parts = [name for name in components if name in source]
        if not parts:
            raise ComponentError(
                f"src has nothing for the components {', '.join(map(str, components))}"
            )
        return source.take_all(batch.index, parts)

    def dump(
        self,
        batch: Batch,
        dst: Any,
        components: ComponentNames,
        *,
        addressing: Addressing = "auto",
    ) -> None:
        """Write the rows of the batch's items.

        Parameters
        ----------
        batch, components : as for `Format.dump`
            See `Format.dump`.
        dst : array, dict or DataFrame of them, or any object with item assignment
            Where to. A dict or a table takes several components by name, anything else one.
        addressing : {'auto', 'id', 'position'}
            Which rows belong to the items.
        """
        from ironbatch.batch.preloaded import Preloaded

        if dst is None:
            raise ValueError("nothing says where to: give dst=, or the format of files in fmt=")
        table = hasattr(dst, "columns") and hasattr(dst, "iloc")
        if isinstance(dst, Mapping) or table:
            missing = [name for name in components if name not in dst]
            if missing:
                raise ComponentError(
                    f"dst has no part {missing[0]!r}; it has {', '.join(map(repr, dst))}"
                )
        elif len(components) > 1:
            raise ComponentError(
                f"dst is one {type(dst).__name__}, but there are {len(components)} components "
                f"({', '.join(map(str, components))}); name one, or give a dict"
            )
        for name in components:
            part = dst[name] if isinstance(dst, Mapping) else dst
            rows = Preloaded(part, None, addressing).positions(batch.index)
            values = component_of(batch, name)
            if table:
                part.iloc[rows, part.columns.get_loc(name)] = _plain(values)
            elif isinstance(part, list):
                for row, value in zip(rows.tolist(), columns.items_of(values), strict=True):
                    part[row] = value
            else:
                _assign(part, rows, values)


def _plain(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values
    return columns.as_objects(list(columns.items_of(values)))


def _assign(part: Any, rows: Any, values: Any) -> None:
    plain = _plain(values)
    if isinstance(part, np.ndarray) and plain.dtype.kind == "O" and part.dtype.kind == "O":
        for row, value in zip(rows.tolist(), plain, strict=True):
            part[row] = value
        return
    part[rows] = plain
