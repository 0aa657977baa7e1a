"""Columns of Arrow as components.

============================================  ======================================================
type of the column                            component
============================================  ======================================================
numbers, bool                                 dense, without a copy if it is one piece without nulls
floats with nulls                             dense, NaN where there is none
timestamp, date, duration                     dense ``datetime64``/``timedelta64`` (of instants with
                                              a time zone: UTC), NaT where there is none
string, binary, their views                   `Strings`, `Bytes`, of fixed size too
fixed-size lists of numbers, fixed tensors    dense, of shape (n, size, ...)
lists of numbers, of any depth                `Ragged`, if each item is rectangular
dictionary, run-end encoded, extension        as what it stands for
anything else, and other types with nulls     Python objects, None where there is none
============================================  ======================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch import components
from ironbatch.extras import need

__all__ = ["as_objects", "component_of", "empty_of", "has_form", "needs_values"]


def _plain(column: Any) -> Any:
    """Make the column that an encoded one stands for; any other is given back.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    """
    arrow = _arrow()
    types = arrow.types
    kind = column.type
    while True:
        if isinstance(kind, arrow.BaseExtensionType):
            column = arrow.chunked_array(
                [each.storage for each in column.chunks], kind.storage_type
            )
        elif types.is_dictionary(kind):
            column = arrow.chunked_array(
                [_looked_up(each) for each in column.chunks], kind.value_type
            )
        elif types.is_run_end_encoded(kind):
            decode = arrow.compute.run_end_decode
            column = arrow.chunked_array([decode(each) for each in column.chunks], kind.value_type)
        elif types.is_fixed_size_binary(kind):
            column = column.cast(arrow.large_binary())
        elif types.is_string_view(kind):
            column = column.cast(arrow.large_string())
        elif types.is_binary_view(kind):
            column = column.cast(arrow.large_binary())
        else:
            return column
        kind = column.type


def _looked_up(array: Any) -> Any:
    """Give the values that the numbers of a dictionary stand for."""
    dictionary = array.dictionary
    if _arrow().types.is_string_view(dictionary.type):
        # Views are looked up by what is as wide, and made views again.
        return dictionary.cast(_arrow().large_string()).take(array.indices).cast(dictionary.type)
    return dictionary.take(array.indices)


def component_of(column: Any, name: str | None = None) -> Any:
    """Make a component of a column, by the table of this module's text.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        The column.
    name : str, optional
        Name of the component.

    Returns
    -------
    component or None
        None if there is only the form of Python objects; see `as_objects`.
    """
    types = _arrow().types
    shape = _shape_of(column.type)
    column = _plain(column)
    kind = column.type
    if _is_number(kind) or types.is_temporal(kind):
        return _numbers(column, name)
    if types.is_string(kind) or types.is_large_string(kind):
        return _text(column, components.Strings, name)
    if types.is_binary(kind) or types.is_large_binary(kind):
        return _text(column, components.Bytes, name)
    if _is_list(kind):
        made = _lists(column, name)
        return made if shape is None or made is None else _shaped(made, *shape, name)
    return None


def has_form(column: Any) -> bool:
    """Whether a column is a component by its type and nulls, as far as that can be told quickly."""
    types = _arrow().types
    kind = column.type
    if types.is_floating(kind) or types.is_temporal(kind):
        return True
    return not column.null_count


def empty_of(kind: Any) -> Any:
    """Give the component, or the objects, that a column of a type and without rows is.

    Parameters
    ----------
    kind : pyarrow.DataType

    Examples
    --------
    >>> import pyarrow
    >>> empty_of(pyarrow.float32()), empty_of(pyarrow.decimal128(5))
    (Dense([], dtype=float32), array([], dtype=object))
    """
    column = _arrow().chunked_array([], kind)
    made = component_of(column)
    return as_objects(column) if made is None else made


def needs_values(kind: Any) -> bool:
    """Whether it takes the values of a column of a type to say if it is a component or objects.

    Parameters
    ----------
    kind : pyarrow.DataType

    Examples
    --------
    >>> import pyarrow
    >>> needs_values(pyarrow.int8()), needs_values(pyarrow.float32())
    (True, False)
    """
    types = _arrow().types
    plain = _plain(_arrow().chunked_array([], kind)).type
    if types.is_floating(plain) or types.is_temporal(plain):
        return False
    made = empty_of(kind)
    return not (isinstance(made, np.ndarray) and made.dtype == object)


def as_objects(column: Any, name: str | None = None) -> NDArray[np.object_]:
    """Make Python objects of a column, one for each row.

    Raises
    ------
    TypeError
        If its type has no form in Python.
    """
    arrow = _arrow()
    try:
        return components.as_objects(_plain(column).to_pylist())
    except (arrow.ArrowException, NotImplementedError, AttributeError) as error:
        raise TypeError(
            f"column {name!r} is of Arrow's type {column.type}, which has no form in NumPy or "
            f"Python: {error}"
        ) from error


def _arrow() -> Any:
    arrow = need("pyarrow", extra="tables", what="a table of Arrow")
    need("pyarrow.compute", extra="tables", what="a table of Arrow")
    return arrow


def _is_number(kind: Any) -> bool:
    types = _arrow().types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _is_list(kind: Any) -> bool:
    types = _arrow().types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _shape_of(kind: Any) -> tuple[tuple[int, ...], Any] | None:
    """Give the shape of items that an extension type states, and the order of their axes."""
    if not isinstance(kind, _arrow().BaseExtensionType):
        return None
    shape = getattr(kind, "shape", None)
    if isinstance(shape, list | tuple) and all(type(length) is int for length in shape):
        return tuple(shape), getattr(kind, "permutation", None)
    return None


def _shaped(made: Any, shape: tuple[int, ...], permutation: Any, name: str | None) -> Any:
    """Give items the shape that their type states, whatever the layout."""
    if isinstance(made, components.Ragged):
        start, stop = made.offsets[[0, -1]].tolist()
        made = made.values[start:stop]
    array = made.view(np.ndarray).reshape(-1, *shape)
    if permutation is not None:
        array = np.ascontiguousarray(array.transpose(0, *(1 + axis for axis in permutation)))
    return components.Dense.of(array, name)


def _numbers(column: Any, name: str | None) -> Any:
    types = _arrow().types
    kind = column.type
    if types.is_time(kind) or kind.id == _arrow().lib.Type_INTERVAL_MONTH_DAY_NANO:
        return None
    if column.null_count and not (types.is_floating(kind) or types.is_temporal(kind)):
        return None
    if column.num_chunks == 1:
        array = column.chunk(0).to_numpy(zero_copy_only=False)
        return components.Dense.of(np.ascontiguousarray(array), name)
    pieces = [chunk.to_numpy(zero_copy_only=False) for chunk in column.chunks]
    dtype = pieces[0].dtype if pieces else np.dtype(kind.to_pandas_dtype())
    out = components.empty(len(column), dtype)
    start = 0
    for piece in pieces:
        out[start : start + len(piece)] = piece
        start += len(piece)
    return components.Dense.of(out, name)


def _text(column: Any, kind: Any, name: str | None) -> Any:
    if column.null_count:
        return None
    arrow = _arrow()
    wide = arrow.large_string() if kind is components.Strings else arrow.large_binary()
    array = _one(column.cast(wide))
    if not len(array):
        return kind.from_items([], name=name)
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    if data is None:
        return kind._of(np.empty(0, np.uint8), bounds, name)
    return kind._of(np.frombuffer(data, np.uint8), bounds, name)


def _one(column: Any) -> Any:
    """Put the pieces of a column together."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks() if column.num_chunks else _arrow().array([], column.type)


def _lists(column: Any, name: str | None) -> Any:
    """Make arrays of nested lists of numbers: dense if the type says how long they are."""
    types = _arrow().types
    array = _one(column)
    n = len(array)
    # Lists by level: of which the items of the level above are made, and how many each has.
    bounds: list[NDArray[np.int64]] = []
    fixed: list[int] = []
    while _is_list(array.type):
        if array.null_count:
            return None
        if types.is_fixed_size_list(array.type):
            size = array.type.list_size
            fixed.append(size)
            bounds.append(np.arange(len(array) + 1, dtype=np.int64) * size)
            array = array.values.slice(array.offset * size, len(array) * size)
        else:
            offsets = np.asarray(array.offsets).astype(np.int64)
            array = array.values.slice(offsets[0], offsets[-1] - offsets[0])
            bounds.append(offsets - offsets[0])
    if not _is_number(array.type):
        return None
    if array.null_count and not types.is_floating(array.type):
        return None
    values = np.ascontiguousarray(array.to_numpy(zero_copy_only=False))
    if len(fixed) == len(bounds):
        return components.Dense.of(values.reshape(n, *fixed), name)
    shapes = np.empty((n, len(bounds)), np.int64)
    place = np.arange(n + 1, dtype=np.int64)
    for level, offsets in enumerate(bounds):
        lengths, counts = np.diff(offsets), np.diff(place)
        some = np.flatnonzero(counts)
        shapes[:, level] = 0
        shapes[some, level] = lengths[place[:-1][some]]
        if not np.array_equal(lengths, np.repeat(shapes[:, level], counts)):
            return None
        place = offsets[place]
    return components.Ragged(values, place, shapes, name=name)
