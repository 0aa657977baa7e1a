"""What may be written into an array of a given dtype without losing anything.

The rule, in one place: bool and integers go where they fit exactly; floats go into floats (rounding
to a narrower float is accepted, a finite value that would become infinite is not) and into complex;
text goes where it is not cut; dates where the unit can hold them. Everything else is a loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.errors import ComponentError, LossyWriteError

__all__ = ["Loss", "as_written", "cast_exactly", "lossy_write", "place", "shape_mismatch"]

_SIGNIFICAND_BITS = {2: 11, 4: 24, 8: 53}


class Loss(Exception):  # noqa: N818 - never leaves the package
    """A value does not fit: the flat position of the first one, the value, and why."""

    def __init__(self, position: int, value: object, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.value = value
        self.reason = reason


def _first(values: NDArray[Any], bad: NDArray[np.bool_], reason: str) -> Loss:
    flat = int(np.argmax(bad.reshape(-1)))
    return Loss(flat, values.reshape(-1)[flat], reason)


def _whole(values: NDArray[Any], reason: str) -> Loss:
    return Loss(0, values.reshape(-1)[0], reason)


def _integers(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Integers (or bools) into bool, integers, floats, complex."""
    kind = dtype.kind
    if kind == "b":
        bad = (values != 0) & (values != 1)
        if bad.any():
            raise _first(values, bad, "only 0 and 1 fit")
        return values.astype(dtype)
    if kind in "iu":
        bounds = np.iinfo(dtype)
        low, high = int(values.min()), int(values.max())
        if low < bounds.min or high > bounds.max:
            wide = values.astype(object)
            bad = np.asarray((wide < bounds.min) | (wide > bounds.max), dtype=np.bool_)
            raise _first(values, bad, f"it is outside {bounds.min}..{bounds.max}")
        return values.astype(dtype)
    size = dtype.itemsize // (2 if kind == "c" else 1)
    bits = _SIGNIFICAND_BITS.get(size, 64)
    largest = max(abs(int(values.min())), abs(int(values.max())))
    if largest <= 1 << bits and (size > 2 or largest <= 65504):
        return values.astype(dtype)
    with np.errstate(over="ignore"):
        result = values.astype(dtype)
    wide = values.astype(object)
    finite = np.isfinite(result)
    back = np.where(finite, result.real, 0).astype(object)
    same = np.fromiter(
        (int(b) == int(w) for b, w in zip(back.reshape(-1), wide.reshape(-1), strict=True)),
        np.bool_,
        count=wide.size,
    )
    bad = ~(same & finite.reshape(-1))
    if bad.any():
        raise _first(values, bad, "no number of that dtype is equal to it")
    return result


def _floats(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Floats or complex numbers into a narrower one of them."""
    with np.errstate(over="ignore", under="ignore"):
        result = values.astype(dtype)
    bad = np.isinf(result) & ~np.isinf(values)
    if bad.any():
        raise _first(values, bad, "it would become infinite")
    return result


def _texts(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Fixed-width text or bytes into another width."""
    width = dtype.itemsize // (4 if dtype.kind == "U" else 1)
    bad = np.asarray(np.char.str_len(values) > width)
    if bad.any():
        raise _first(values, bad, f"it is longer than {width}")
    return values.astype(dtype)


def _dates(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Dates or time spans into another unit."""
    try:
        result = values.astype(dtype)
        back = result.astype(values.dtype)
    except (OverflowError, TypeError, ValueError) as error:
        raise _whole(values, str(error)) from error
    bad = (back != values) & ~(np.isnat(values) & np.isnat(back))
    if bad.any():
        raise _first(values, bad, "its unit is finer or its range wider")
    return result


def _records(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Structured values into another layout of the same fields."""
    names = dtype.names or ()
    if values.dtype.names != names:
        raise _whole(values, f"its fields are {values.dtype.names}, not {names}")
    result = np.empty(values.shape, dtype)
    for name in names:
        result[name] = cast_exactly(values[name], result[name].dtype)
    return result


def as_written(value: Any) -> NDArray[Any]:
    """Make an array of a value without a loss on the way.

    NumPy makes floats of integers that no integer type holds together, such as 0 and 2**63 + 1.

    Parameters
    ----------
    value : array-like
        What is to be written.

    Returns
    -------
    ndarray
        Of Python integers in that case, else what ``np.asarray`` gives.

    Examples
    --------
    >>> as_written([0, 2**63 + 1]).tolist()
    [0, 9223372036854775809]
    """
    array = np.asarray(value)
    if type(value) is float or array.dtype != np.float64 or array.size == 0:
        return array
    if float(np.abs(array).max()) > 2**53:
        exact = np.asarray(value, dtype=object)
        if all(isinstance(each, int) for each in exact.reshape(-1)):
            return exact
    return array


def cast_exactly(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert values to a dtype, or raise.

    Parameters
    ----------
    values : ndarray
        What is to be written.
    dtype : dtype
        What it is written into.

    Returns
    -------
    ndarray
        ``values`` itself when the dtype is the same already.

    Raises
    ------
    Loss
        If a value does not survive; it holds the flat position of the first such value.

    Examples
    --------
    >>> cast_exactly(np.array([1, 2]), np.dtype('uint8'))
    array([1, 2], dtype=uint8)
    """
    source = values.dtype
    if source == dtype:
        return values
    if values.size == 0:
        return np.empty(values.shape, dtype)
    kind, into = source.kind, dtype.kind
    if into == "O":
        return values.astype(dtype)
    if kind == "O":
        if into in "biufc" and all(isinstance(value, int) for value in values.reshape(-1)):
            return _integers(values, dtype)
        plain = np.asarray(values.tolist())
        if plain.dtype.kind == "O" or plain.shape != values.shape:
            raise _whole(values, "it is a Python object")
        return cast_exactly(plain, dtype)
    if kind == "b" and into in "iufc":
        return values.astype(dtype)
    if kind in "iu" and into in "biufc":
        return _integers(values, dtype)
    if (kind == "f" and into in "fc") or (kind == "c" and into == "c"):
        return _floats(values, dtype)
    if kind == into and kind in "US":
        return _texts(values, dtype)
    if kind == into and kind in "mM":
        return _dates(values, dtype)
    if kind == into == "V" and source.names and dtype.names:
        return _records(values, dtype)
    reason = "integers have no fraction" if kind == "f" and into in "iu" else "it does not convert"
    raise _whole(values, reason)


def place(name: str | None, position: object = None, item_id: object = None) -> str:
    """Say which component and item a message is about.

    Examples
    --------
    >>> place('images', 3, 'cat')
    "component 'images', item at position 3 (id 'cat')"
    >>> place(None)
    'a component'
    """
    text = f"component {name!r}" if name is not None else "a component"
    if position is not None:
        text += f", item at position {position}"
    if item_id is not None:
        text += f" (id {item_id!r})"
    return text


def lossy_write(
    where: str, loss: Loss, source: np.dtype[Any], target: np.dtype[Any], current: object = None
) -> LossyWriteError:
    """Make the error for a value that does not fit."""
    now = "" if current is None else f" (now {_short(current)})"
    return LossyWriteError(
        f"{where}: {source} value {_short(loss.value)} cannot be written into {target}{now}: "
        f"{loss.reason}; assign the whole component to change its dtype"
    )


def shape_mismatch(where: str, given: tuple[int, ...], expected: tuple[int, ...]) -> ComponentError:
    """Make the error for a value of another shape."""
    return ComponentError(
        f"{where}: a value of shape {given} cannot be written, the shape there is {expected}; "
        "assign the whole component to change its shape"
    )


def _short(value: object) -> str:
    text = str(value) if isinstance(value, np.generic | int | float | complex) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
