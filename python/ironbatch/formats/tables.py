"""Formats that keep all items in one table."""

from __future__ import annotations

import inspect
import os
import threading
import warnings
from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ironbatch import components as columns_of
from ironbatch.errors import ComponentError, DuplicateIdWarning, FormatError, UnknownIdError
from ironbatch.extras import need
from ironbatch.formats.atomic import replacing
from ironbatch.formats.base import ComponentNames, Format
from ironbatch.formats.staging import fetched, looks, sent
from ironbatch.formats.table_cache import TableCache, frozen
from ironbatch.urls import is_url

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch

__all__ = ["TableFormat"]

#: Name of the column of ids that dumping writes and loading looks for.
ID_COLUMN = "id"

cache = TableCache()
_appending = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: globals().update(_appending=threading.Lock()))


class _Table(NamedTuple):
    """A table that was read: its columns, and which row belongs to which id."""

    frame: Any
    #: A pandas index of ids, no id twice; None if rows are known by their place alone.
    ids: Any
    #: Row of each of them; None if they are all rows in order.
    rows: NDArray[np.intp] | None


class TableFormat(Format):
    """One table, a row for each item.

    Define `read_table` and `write_table`. Rows belong to items by the column of ids: `index_col`,
    or else a column named ``id``, or else the labels that the table itself has. A table without any
    is addressed by position: by the ids if they are integers, by the place in the dataset otherwise
    (then the table must have a row for each item of the dataset).

    A table is read once and kept while its file does not change.
    """

    maps_columns: ClassVar[bool] = True
    extra: str | None = "tables"

    #: Whether rows can be added to a file that is there.
    appends: ClassVar[bool] = False

    @abstractmethod
    def read_table(self, path: str, **options: Any) -> Any:
        """Read the whole table.

        Parameters
        ----------
        path : str
            The file.
        **options
            Further keywords of `load`.

        Returns
        -------
        pandas.DataFrame
        """

    @abstractmethod
    def write_table(self, frame: Any, path: str, **options: Any) -> None:
        """Write the whole table to a file that does not exist yet."""

    def append_table(self, frame: Any, path: str, **options: Any) -> None:
        """Add rows to a file; only asked of formats that say that they can."""
        raise NotImplementedError

    def text_id_options(self, options: dict[str, Any], id_column: Any) -> dict[str, Any]:
        """Change the options so that ids are read as text, for an index of strings."""
        return options

    def load(
        self,
        batch: Batch,
        src: Any,
        components: ComponentNames,
        *,
        index_col: str | int | None = None,
        post: Callable[..., Any] | None = None,
        columns: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> dict[str | None, Any]:
        """Read the rows of a batch.

        Parameters
        ----------
        batch, components : as for `Format.load`
            See `Format.load`. A component takes the column of its name, or the columns ``name_0``,
            ``name_1``, ... as one array of two dimensions. If no name is a column, as many
            components as columns take them in order, and a single component takes them all.
        src : path
            The file.
        index_col : str or int, optional
            The column of ids, by name or place.
        post : callable, optional
            Called with the rows (a DataFrame) and those of the keywords ``src``, ``fmt``, ``dst``
            and the options that it takes; what it gives back is loaded instead: a table, a mapping
            by component, a tuple in the order of the components, or the one component.
        columns : mapping, optional
            Column, or list of columns, of each component. Users write it as ``dst=``.
        **options
            For the function of pandas that reads the table.
        """
        path = _path(src, "src")
        need("pandas", extra="tables", what=f"format {self.name!r}")
        table = self._table(path, batch, index_col, components, options)
        frame = table.frame.iloc[_rows(table, batch, path)]
        result: Any = frame
        if post is not None:
            keywords = {"src": src, "fmt": self.name, "dst": components, **options}
            result = post(frame.copy(), **_accepted(post, keywords))
        return _by_component(result, components, columns, path)

    def _table(
        self,
        path: str,
        batch: Batch,
        index_col: str | int | None,
        components: ComponentNames,
        options: dict[str, Any],
    ) -> _Table:
        wanted = ID_COLUMN if index_col is None and ID_COLUMN not in components else index_col
        text = batch.index.kind == "str"
        if text and wanted is not None:
            options = self.text_id_options(dict(options), wanted)
        key: tuple[Any, ...] = (
            type(self),
            *_look(path),
            index_col,
            wanted,
            text,
        )

        def read() -> tuple[_Table, int]:
            table = self._read(path, index_col, wanted, options)
            return table, int(table.frame.memory_usage(deep=True).sum())

        try:
            key = (*key, frozen(options))
        except TypeError:
            # An option that cannot be compared: what was read for another may be something else.
            return read()[0]
        table: _Table = cache.get(key, read)
        return table

    def _read(self, path: str, index_col: Any, wanted: Any, options: dict[str, Any]) -> _Table:
        (local,) = fetched([path])
        try:
            frame = self.read_table(local, **options)
        except ImportError:
            raise
        except OSError as error:
            if error.errno is not None:
                raise
            raise FormatError(f"{path}: it is no sound {self.name} table: {error}") from error
        except ValueError as error:
            raise FormatError(f"{path}: it is no sound {self.name} table: {error}") from error
        if index_col is None and wanted not in frame.columns:
            pandas = need("pandas", extra="tables", what=f"format {self.name!r}")
            ids = None if isinstance(frame.index, pandas.RangeIndex) else frame.index
        else:
            if isinstance(wanted, int) and not isinstance(wanted, bool):
                if not -len(frame.columns) <= wanted < len(frame.columns):
                    raise FormatError(
                        f"{path}: index_col={wanted}, but it has {len(frame.columns)} columns"
                    )
                wanted = frame.columns[wanted]
            if wanted not in frame.columns:
                raise FormatError(
                    f"{path}: there is no column {wanted!r} of ids; its columns are "
                    f"{', '.join(map(repr, frame.columns))}"
                )
            frame = frame.set_index(wanted)
            ids = frame.index
        if ids is None or ids.is_unique:
            return _Table(frame, ids, None)
        repeated = ids.duplicated()
        first = ids[repeated].tolist()[0]
        warnings.warn(
            f"{path}: ids repeat in it, such as {first!r}; the first row of each is used",
            DuplicateIdWarning,
            stacklevel=2,
        )
        rows = np.flatnonzero(~repeated)
        return _Table(frame, ids[rows], rows)

    def dump(
        self,
        batch: Batch,
        dst: Any,
        components: ComponentNames,
        *,
        mode: str = "w",
        index_col: str | None = ID_COLUMN,
        fsync: bool = False,
        **options: Any,
    ) -> None:
        """Write the rows of a batch.

        Parameters
        ----------
        batch, components : as for `Format.dump`
            See `Format.dump`. A component of two dimensions takes the columns ``name_0``,
            ``name_1``, ...
        dst : path
            The file.
        mode : {'w', 'a'}
            Replace the file (all or nothing), or add the rows to it, where the format can.
        index_col : str or None
            Name of the column of ids; None leaves it out.
        fsync : bool
            Whether to wait until the disk has the file.
        **options
            For the function of pandas that writes the table.
        """
        path = _path(dst, "dst")
        if mode not in ("w", "a"):
            raise ValueError(f"mode must be 'w' or 'a', got {mode!r}")
        if mode == "a" and not self.appends:
            raise ValueError(
                f"format {self.name!r} cannot add rows to a file; use 'csv', or one file for each "
                "batch"
            )
        if mode == "a" and is_url(path):
            raise ValueError(
                f"rows cannot be added to {path!r}: files of URLs are written as a whole; give "
                "each batch a file of its own"
            )
        frame = self._frame(batch, components, index_col)
        if is_url(path):
            with sent([path], [0]) as (local,):
                self.write_table(frame, local, **options)
            return
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)  # noqa: PTH103, PTH120
        if mode == "a":
            with _appending:
                self.append_table(frame, path, **options)
            return
        with replacing(path, fsync=fsync) as temporary:
            self.write_table(frame, str(temporary), **options)

    def _frame(self, batch: Batch, components: ComponentNames, index_col: str | None) -> Any:
        pandas = need("pandas", extra="tables", what=f"format {self.name!r}")
        data: dict[str, Any] = {}
        if index_col is not None:
            data[index_col] = batch.index.indices
        for name in components:
            value = batch.data if name is None else getattr(batch, name)
            if value is None:
                what = "the batch" if name is None else f"component {name!r}"
                raise ComponentError(f"{what} holds no data, so there is nothing to dump")
            parts = (
                dict(value.items())
                if name is None and hasattr(value, "columns")
                else _as_columns(value, name or "data")
            )
            for column, values in parts.items():
                if column in data:
                    raise ComponentError(
                        f"two columns would be named {column!r}; give index_col= another name, "
                        "or None"
                    )
                data[column] = np.asarray(values) if hasattr(values, "iloc") else values
        return pandas.DataFrame(data)


def _path(where: Any, argument: str) -> str:
    if where is None:
        raise ValueError(f"give {argument}=, the path of the table")
    if not isinstance(where, str | os.PathLike):
        raise TypeError(f"{argument} must be the path of a table, got {type(where).__name__}")
    return os.fsdecode(os.fspath(where))


def _look(path: str) -> tuple[Any, ...]:
    """Give what changes when a file does."""
    if is_url(path):
        return path, looks(path)
    status = os.stat(path)  # noqa: PTH116
    return os.path.realpath(path), status.st_mtime_ns, status.st_size


def _as_columns(value: Any, name: str) -> dict[str, Any]:
    if isinstance(value, columns_of.Ragged):
        raise ComponentError(
            f"component {name!r} is ragged, which no table can hold; use format 'npy' or 'blosc'"
        )
    if isinstance(value, columns_of.Strings | columns_of.Bytes):
        return {name: value.to_list()}
    array = np.asarray(value)
    if array.ndim == 1:
        return {name: array}
    if array.ndim == 2:
        return {f"{name}_{place}": array[:, place] for place in range(array.shape[1])}
    raise ComponentError(
        f"component {name!r} has items of shape {array.shape[1:]}, which no table can hold; use "
        "format 'npy' or 'blosc'"
    )


def _rows(table: _Table, batch: Batch, path: str) -> NDArray[Any]:
    index = batch.index
    ids = index.indices
    if table.ids is None:
        return _rows_by_position(table, batch, path)
    found: NDArray[Any] = table.ids.get_indexer(ids)
    missing = np.flatnonzero(found < 0)
    if len(missing):
        item = ids[missing[0]]
        item = item.item() if isinstance(item, np.generic) else item
        raise UnknownIdError(
            f"{path} has no row for item {item!r} ({type(item).__name__}); its ids are "
            f"{table.ids.dtype}, such as {table.ids[:1].tolist()[0]!r}"
            if len(table.ids)
            else f"{path} has no row for item {item!r}: it has no rows"
        )
    return found if table.rows is None else table.rows[found]


def _rows_by_position(table: _Table, batch: Batch, path: str) -> NDArray[Any]:
    index = batch.index
    count = len(table.frame)
    if index.kind in ("int", "range"):
        outside = np.flatnonzero((index.indices < 0) | (index.indices >= count))
        if len(outside):
            raise UnknownIdError(
                f"{path} has no column of ids and {count} rows, so there is no row "
                f"{index.indices[outside[0]]}; give index_col="
            )
        return index.indices
    if count != len(index.root):
        raise FormatError(
            f"{path} has no column of ids and {count} rows for the {len(index.root)} items of the "
            "dataset; give index_col="
        )
    return index.root_positions


def _accepted(function: Callable[..., Any], keywords: dict[str, Any]) -> dict[str, Any]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return keywords
    names = {each.name for each in parameters if each.kind is not each.POSITIONAL_ONLY}
    return {name: value for name, value in keywords.items() if name in names}


def _by_component(
    result: Any, names: ComponentNames, columns: Mapping[str, Any] | None, path: str
) -> dict[str | None, Any]:
    if names == (None,):
        return {None: result}
    if hasattr(result, "iloc") and hasattr(result, "columns"):
        return _from_frame(result, names, columns, path)
    if isinstance(result, Mapping):
        return {name: result[name] for name in names if name in result}
    if isinstance(result, tuple):
        if len(result) != len(names):
            raise ComponentError(
                f"post gave {len(result)} parts for {len(names)} components: "
                f"{', '.join(map(str, names))}"
            )
        return dict(zip(names, result, strict=True))
    if len(names) == 1:
        return {names[0]: result}
    raise ComponentError(
        f"post gave one {type(result).__name__} for {len(names)} components; give a mapping or a "
        "tuple"
    )


def _from_frame(
    frame: Any, names: ComponentNames, columns: Mapping[str, Any] | None, path: str
) -> dict[str | None, Any]:
    there = list(frame.columns)
    chosen: dict[str | None, Any] = {}
    if columns is not None:
        chosen.update(columns)
    else:
        for name in names:
            if name in there:
                chosen[name] = name
                continue
            numbered = _numbered(there, name)
            if numbered:
                chosen[name] = numbered
        if not chosen and len(names) == len(there):
            chosen = dict(zip(names, there, strict=True))
        elif not chosen and len(names) == 1:
            chosen = {names[0]: there}
    for name in names:
        wanted = chosen.get(name)
        each: Sequence[Hashable] = wanted if isinstance(wanted, list | tuple) else [wanted]
        lost = [column for column in each if column not in there]
        if name not in chosen or lost:
            raise ComponentError(
                f"{path} has no column {(lost[0] if name in chosen else name)!r} for component "
                f"{name!r}; its columns are {', '.join(map(repr, there))}"
            )
    return {name: _values(frame[_as_list(column)]) for name, column in chosen.items()}


def _numbered(there: Sequence[Any], name: Any) -> list[str]:
    found: list[str] = []
    while f"{name}_{len(found)}" in there:
        found.append(f"{name}_{len(found)}")
    return found


def _as_list(column: Any) -> Any:
    return list(column) if isinstance(column, tuple) else column


def _values(part: Any) -> Any:
    return part.to_numpy() if hasattr(part, "columns") else part
