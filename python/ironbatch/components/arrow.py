"""Components as columns of Apache Arrow, through the C data interface; no package is needed.

=====================================  ==========================================  ==============
component                              Arrow type                                  values
=====================================  ==========================================  ==============
dense int, uint, float                 the same; float16 too                       shared
dense bool                             bool                                        packed to bits
dense datetime64, timedelta64          timestamp, duration; days are date32;       shared
                                       ``NaT`` is null                             (days copied)
dense ``'U'``, ``'S'``                 large_string, large_binary                  copied
dense, items of one or more axes       a fixed_size_list for each axis             as above
ragged                                 a large_list for each axis                  as above
`Strings`, `Bytes`                     large_string, large_binary                  shared
=====================================  ==========================================  ==============

Arrays that are not contiguous, or of another byte order, are copied. What Arrow has no type for
(complex numbers, structured dtypes, Python objects) is a TypeError.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ironbatch import _core
from ironbatch.components.component import Component
from ironbatch.components.ragged import Ragged
from ironbatch.components.strings import Bytes, Strings
from ironbatch.components.writes import place
from ironbatch.errors import ComponentError

__all__ = ["Column", "capsules_of", "column_of", "struct_of"]

_NUMBERS = {
    "i1": "c",
    "u1": "C",
    "i2": "s",
    "u2": "S",
    "i4": "i",
    "u4": "I",
    "i8": "l",
    "u8": "L",
    "f2": "e",
    "f4": "f",
    "f8": "g",
}
_UNITS = {"s": "s", "ms": "m", "us": "u", "ns": "n"}
_ITEM = "item"


class Column(NamedTuple):
    """Layout and memory of a column, as the core takes it.

    Attributes
    ----------
    format : str
        Its type, as a format string of the Arrow C data interface.
    name : str
        Its name.
    nullable : bool
        Whether it may hold nulls.
    length, null_count : int
        Numbers of items, and of nulls among them.
    buffers : tuple of ndarray or None
        Validity bits, and what the type has beside them.
    children : tuple of Column
        The columns that it is made of.
    """

    format: str
    name: str
    nullable: bool
    length: int
    null_count: int
    buffers: tuple[NDArray[Any] | None, ...]
    children: tuple[Column, ...] = ()


def column_of(component: Component, name: str | None = None) -> Column:
    """Lay out a component for Arrow.

    Parameters
    ----------
    component : component
        Dense, ragged, `Strings` or `Bytes`.
    name : str, optional
        What the column is called; by default as the component, if that has a name.

    Returns
    -------
    Column

    Raises
    ------
    TypeError
        If Arrow has no type for the items; names the component and their type.
    ComponentError
        If text is no valid UTF-8; names the item.

    Examples
    --------
    >>> column_of(Strings.from_items(['a', 'bc']), 'names')[:4]
    ('U', 'names', False, 2)
    """
    known = getattr(component, "name", None) if name is None else name
    called = known or ""
    if isinstance(component, Ragged):
        return _lists(component, called)
    if isinstance(component, Strings | Bytes):
        return _packed(component, called)
    array = component.view(np.ndarray)
    axes = array.shape[1:]
    column = _values(array.reshape(-1), called if not axes else _ITEM, known)
    length = array.size
    for axis in reversed(range(len(axes))):
        length = int(np.prod(array.shape[: axis + 1], dtype=np.int64))
        inner = called if axis == 0 else _ITEM
        column = Column(f"+w:{axes[axis]}", inner, False, length, 0, (None,), (column,))
    return column


def capsules_of(component: Component) -> tuple[object, object]:
    """Give what ``__arrow_c_array__`` gives: the capsules of a component's type and memory.

    Consumers may ask for another type; what they get is the component's own, which they cast.

    Raises
    ------
    TypeError, ComponentError
        As `column_of`.

    Examples
    --------
    >>> len(capsules_of(np.arange(3)))
    2
    """
    return _core.arrow_array(column_of(component))


def struct_of(columns: tuple[Column, ...], length: int) -> Column:
    """Put columns of one length side by side, as the rows of a table.

    Examples
    --------
    >>> struct_of((column_of(np.arange(3), 'labels'),), 3).format
    '+s'
    """
    return Column("+s", "", False, length, 0, (None,), columns)


def _values(array: NDArray[Any], name: str, component: str | None) -> Column:
    """Lay out one axis of values."""
    kind, n = array.dtype.kind, len(array)
    if kind == "b":
        return Column("b", name, False, n, 0, (None, np.packbits(array, bitorder="little")))
    if kind in "Mm":
        return _times(array, name, component)
    if kind == "U":
        return _packed(Strings.from_items(array.tolist(), name=component), name)
    if kind == "S":
        return _packed(Bytes.from_items(array.tolist(), name=component), name)
    form = _NUMBERS.get(f"{kind}{array.dtype.itemsize}")
    if form is None:
        raise _no_type(component, "objects" if kind == "O" else str(array.dtype))
    return Column(form, name, False, n, 0, (None, _plain(array)))


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Contiguous, aligned, in the byte order of the machine."""
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A"])


def _no_type(component: str | None, found: str) -> TypeError:
    return TypeError(
        f"{place(component)} holds {found}, for which Arrow has no type; leave it out, or convert "
        "it first, for example to numbers or text"
    )


def _times(array: NDArray[Any], name: str, component: str | None) -> Column:
    unit, count = np.datetime_data(array.dtype)
    dates = array.dtype.kind == "M"
    values = _plain(array)
    form = None
    if count == 1 and unit in _UNITS:
        form = f"ts{_UNITS[unit]}:" if dates else f"tD{_UNITS[unit]}"
    elif count == 1 and unit == "D" and dates:
        form = "tdD"
    if form is None:
        example = "datetime64[s]" if dates else "timedelta64[s]"
        raise _no_type(component, f"{array.dtype} (it has for {example})")
    known = ~np.isnat(values)
    nulls = len(values) - int(np.count_nonzero(known))
    validity = np.packbits(known, bitorder="little") if nulls else None
    whole = values.view(np.int64)
    if form == "tdD":
        days = np.where(known, whole, 0)
        if len(days) and (days.max() > 2**31 - 1 or days.min() < -(2**31)):
            raise _no_type(component, f"{array.dtype} beyond the days of 32 bits")
        whole = days.astype(np.int32)
    # Always nullable: the type of a column must not depend on the batch.
    return Column(form, name, True, len(values), nulls, (validity, whole))


def _packed(items: Strings | Bytes, name: str) -> Column:
    data, offsets = _plain(items.data), _plain(items.offsets)
    text = isinstance(items, Strings)
    if text:
        wrong = _core.first_not_utf8(data, offsets)
        if wrong is not None:
            found = data[offsets[wrong] : offsets[wrong + 1]].tobytes()
            raise ComponentError(
                f"{place(items.name, wrong)}: {found!r} is no valid UTF-8, which Arrow needs; make "
                "the component Bytes, or replace what is not text"
            )
    return Column("U" if text else "Z", name, False, len(items), 0, (None, offsets, data))


def _lists(component: Ragged, name: str) -> Column:
    """Lay out ragged items: a list for each axis, whatever the shapes are."""
    first, last = int(component.offsets[0]), int(component.offsets[-1])
    ndim, n = component.ndim, len(component)
    if ndim == 0:
        return _values(component.values[first:last], name, component.name)
    # Offsets need not begin at 0, but what is converted should be no more than what is used.
    shared = component.values.dtype.kind in "iuf" and component.values.dtype.isnative
    values = component.values[:last] if shared else component.values[first:last]
    column = _values(values, _ITEM, component.name)
    begin = first if shared else 0
    if ndim == 1:
        bounds = _plain(component.offsets)
        bounds = bounds if begin == first else bounds - first
        return Column("+L", name, False, n, 0, (None, bounds), (column,))
    extents = component.shapes
    for axis in reversed(range(ndim)):
        # Each list of this axis, in order: one for each cell of the axes before.
        counts = extents[:, :axis].prod(axis=1) if axis else np.ones(n, np.int64)
        lengths = np.repeat(extents[:, axis], counts)
        offsets = np.empty(len(lengths) + 1, np.int64)
        offsets[0] = begin if axis == ndim - 1 else 0
        np.cumsum(lengths, out=offsets[1:])
        offsets[1:] += offsets[0]
        inner = name if axis == 0 else _ITEM
        column = Column("+L", inner, False, len(lengths), 0, (None, offsets), (column,))
    return column
