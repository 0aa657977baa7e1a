"""Formats that keep an array for each component, a row for each item, side by side."""

from __future__ import annotations

import os
import threading
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ironbatch import components as columns
from ironbatch.errors import ComponentError, FormatError, UnknownColumnError
from ironbatch.formats.base import ComponentNames, Format
from ironbatch.formats.native import component_of

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch

__all__ = ["ArraysFormat", "chunk_rows", "refuse_other"]

#: Name of the array of ids that dumping writes and loading looks for.
ID_ARRAY = "id"

_CHUNK_BYTES = 1 << 20

_appending = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: globals().update(_appending=threading.Lock()))


class ArraysFormat(Format):
    """Arrays by name in one place, of which a batch reads and writes its own rows.

    Define `reading` and `write`. Rows belong to items by the array of ids: `index_col`, or else an
    array named ``id``; without any they are found as those of data in memory are.
    """

    extra: str | None = "arrays"

    #: What the place is called in messages.
    what: ClassVar[str] = "file"

    @abstractmethod
    def reading(self, path: str, group: str | None) -> AbstractContextManager[Any]:
        """Open the arrays to read: give what `ironbatch.sources` knows as a table."""

    @abstractmethod
    def write(
        self,
        path: str,
        group: str | None,
        arrays: dict[str, Any],
        *,
        append: bool,
        fsync: bool,
        options: dict[str, Any],
    ) -> None:
        """Write components: in place of what is there, or after its rows."""

    def load(
        self,
        batch: Batch,
        src: Any,
        components: ComponentNames,
        *,
        index_col: str | None = None,
        group: str | None = None,
    ) -> dict[str | None, Any]:
        """Read the rows of a batch.

        Parameters
        ----------
        batch, components : as for `Format.load`
            See `Format.load`. A component is the array of its name; without components all arrays
            are read, as a dictionary.
        src : path
            The file or store.
        index_col : str, optional
            The array of ids.
        group : str, optional
            The group that the arrays are in; the outermost by default.
        """
        from ironbatch.batch.preloaded import Preloaded
        from ironbatch.sources import Table, source_of

        path = _path(src, "src")
        with self.reading(path, group) as given:
            table = source_of(given)
            if not isinstance(table, Table):
                where = "" if group is None else f" at {group!r}"
                raise FormatError(f"{path}: there is no group of arrays{where}")
            if index_col is None and ID_ARRAY in table.names and ID_ARRAY not in components:
                index_col = ID_ARRAY
            names = [name for name in components if name is not None]
            everything = not names
            if everything:
                names = [name for name in table.names if name != index_col]
            lost = [name for name in (*names, index_col) if name not in (*table.names, None)]
            if lost:
                raise UnknownColumnError(
                    f"{path}: there is no array {lost[0]!r}; its arrays are "
                    f"{', '.join(map(repr, table.names)) or 'none'}"
                )
            source = Preloaded(given, tuple(names), index_col=index_col, whole=False)
            found = source.take_all(batch.index, names)
            return {None: dict(found)} if everything else found

    def dump(
        self,
        batch: Batch,
        dst: Any,
        components: ComponentNames,
        *,
        mode: str = "w",
        index_col: str | None = ID_ARRAY,
        group: str | None = None,
        fsync: bool = False,
        **options: Any,
    ) -> None:
        """Write the rows of a batch.

        Parameters
        ----------
        batch, components : as for `Format.dump`
            See `Format.dump`.
        dst : path
            The file or store.
        mode : {'w', 'a'}
            Replace what is there, or add the rows after it.
        index_col : str or None
            Name of the array of ids; None leaves it out.
        group : str, optional
            The group that the arrays go into.
        fsync : bool
            Whether to wait until the disk has the file.
        **options
            For the function that makes an array.
        """
        path = _path(dst, "dst")
        if mode not in ("w", "a"):
            raise ValueError(f"mode must be 'w' or 'a', got {mode!r}")
        arrays: dict[str, Any] = {}
        if index_col is not None:
            arrays[index_col] = columns.as_component(batch.index.indices, None, name=index_col)
            if index_col in components:
                raise ComponentError(
                    f"two arrays would be named {index_col!r}; give index_col= another name, or "
                    "None"
                )
            ids = arrays[index_col]
            if isinstance(ids, np.ndarray) and ids.dtype.kind in "OU":
                arrays[index_col] = columns.Strings.from_items(list(map(str, ids.tolist())))
        for name in components:
            arrays[name or "data"] = component_of(batch, name)
        for name, value in arrays.items():
            if isinstance(value, np.ndarray) and value.dtype.hasobject:
                raise ComponentError(
                    f"component {name!r} holds Python objects, which format {self.name!r} cannot; "
                    "use 'blosc' with allow_pickle=True"
                )
        with _appending:
            self.write(path, group, arrays, append=mode == "a", fsync=fsync, options=dict(options))


def _path(where: Any, argument: str) -> str:
    if where is None:
        raise ValueError(f"give {argument}=, the path of the arrays")
    if not isinstance(where, str | os.PathLike):
        raise TypeError(f"{argument} must be the path of the arrays, got {type(where).__name__}")
    return os.fsdecode(os.fspath(where))


def chunk_rows(row_bytes: int) -> int:
    """Give how many rows of that size make a chunk of about a mebibyte.

    Examples
    --------
    >>> chunk_rows(64 * 64 * 3), chunk_rows(1 << 30)
    (85, 1)
    """
    return max(1, _CHUNK_BYTES // max(1, row_bytes))


def refuse_other(path: str, name: str, value: Any, dtype: Any, shape: tuple[int, ...]) -> None:
    """Check that rows are of the type and shape of those that are there.

    Raises
    ------
    ComponentError
        If they are not.
    """
    given = np.dtype(value.dtype), tuple(value.shape[1:])
    if given != (np.dtype(dtype), tuple(shape)):
        raise ComponentError(
            f"{path}: its array {name!r} has rows of {dtype} {tuple(shape)}, and the component has "
            f"{given[0]} {given[1]}; rows are added only to those of the same"
        )
