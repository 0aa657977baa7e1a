"""The NumPy view of a dense component."""

from __future__ import annotations

import copy
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ironbatch.components.writes import (
    Loss,
    as_written,
    cast_exactly,
    lossy_write,
    place,
    shape_mismatch,
)
from ironbatch.errors import ComponentError

__all__ = ["Dense"]


_set_item = np.ndarray.__setitem__


class Dense(np.ndarray[Any, np.dtype[Any]]):
    r"""Items of one shape and dtype: an ndarray of shape (n, *item shape) with checked writes.

    Reading is NumPy's. Writing never loses anything silently:

    - ``component[i] = value`` takes a value of exactly the item's shape, or one number;
    - ``component[a:b] = value``, and so with an array of positions or a boolean mask of the items,
      takes a value of the selection's shape, of one item's shape (written to each), or a number;
    - ``component[i, ...] = value`` and writes into an item (``component[i][:] = value``) broadcast
      as in NumPy;
    - in all of them a value that the dtype cannot hold (a float into integers, an integer out of
      range, text that would be cut) raises.

    Results of arithmetic, pickles and copies made by `copy` are plain arrays. Other libraries take
    it without a copy, as any array (buffers, ``__array__``, DLPack) and through the Arrow PyCapsule
    interface; see `ironbatch.components.arrow` for its types there.

    Raises
    ------
    LossyWriteError
        When a value written does not fit; names the component, the item, both dtypes and values.
    ComponentError
        When a value written has another shape; names both.

    Examples
    --------
    >>> images = Dense.of(np.zeros((3, 2), 'uint8'), name='images')
    >>> images[1] = [1, 2]
    >>> images[1] = [.5, 2]  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    ironbatch.errors.LossyWriteError: component 'images', item at position 1: float64 value 0.5
    cannot be written into uint8 (now 1): integers have no fraction; assign ...
    """

    __slots__ = ("_name",)
    _name: str | None

    # Mixed with a plain array, the plain array's type wins.
    __array_priority__ = -1.0

    @staticmethod
    def of(array: NDArray[Any], name: str | None = None) -> Dense:
        """View an array as a component.

        Parameters
        ----------
        array : ndarray
            Shape (n, *item shape). Not copied.
        name : str, optional
            The component's name, for messages.

        Examples
        --------
        >>> Dense.of(np.arange(3), name='labels').name
        'labels'
        """
        view = array.view(Dense)
        view._name = name
        return view

    @property
    def name(self) -> str | None:
        """Name of the component, or None (for a view of a part too)."""
        return getattr(self, "_name", None)

    def __setitem__(self, key: Any, value: Any) -> None:
        if (
            type(key) is int
            and type(value) is np.ndarray
            and value.dtype == self.dtype
            and value.shape == self.shape[1:]
        ):
            _set_item(self, key, value)
            return
        plain = self.view(np.ndarray)
        if isinstance(key, str):  # one field of a structured dtype
            Dense.of(plain[key], self.name)[...] = value
            return
        array = value if isinstance(value, np.ndarray) else as_written(value)
        if array.dtype == plain.dtype and array.dtype.kind != "O":
            fitting = array
        else:
            fitting = self._fit(plain, key, array)
        if (
            isinstance(key, int | np.integer)
            and not isinstance(key, bool)
            and hasattr(self, "_name")
        ):
            if fitting.ndim and fitting.shape != plain.shape[1:]:
                raise shape_mismatch(self._where(key), fitting.shape, plain.shape[1:])
        elif not isinstance(key, tuple) and hasattr(self, "_name"):
            self._check_selection(plain, key, fitting)
        try:
            plain[key] = fitting
        except ValueError as error:
            if not plain.flags.writeable:
                raise
            raise ComponentError(f"{self._where(key)}: {error}") from error

    def _fit(self, plain: NDArray[Any], key: Any, array: NDArray[Any]) -> NDArray[Any]:
        try:
            return cast_exactly(array, plain.dtype)
        except Loss as loss:
            where, current = self._loss_place(plain, key, array, loss.position)
            raise lossy_write(where, loss, array.dtype, plain.dtype, current) from None

    def _check_selection(self, plain: NDArray[Any], key: Any, array: NDArray[Any]) -> None:
        item = plain.shape[1:]
        if array.ndim == 0 or array.shape == item:
            return
        if isinstance(key, slice):
            selected = len(range(*key.indices(len(plain)))), *item
        else:
            positions = np.arange(len(plain))[key]
            selected = *positions.shape, *item
        if array.shape != selected:
            raise shape_mismatch(self._where(key), array.shape, selected)

    def _where(self, key: Any) -> str:
        """Name the place that a key of this view means."""
        whole = self if hasattr(self, "_name") else self.base
        if not isinstance(whole, Dense) or not hasattr(whole, "_name"):
            return place(None)
        if whole is not self:
            return place(whole.name, _item_of(whole, self))
        first = key[0] if isinstance(key, tuple) and key else key
        position = int(first) if isinstance(first, int | np.integer) else None
        if position is not None and position < 0:
            position += len(self)
        return place(whole.name, position)

    def _loss_place(
        self, plain: NDArray[Any], key: Any, array: NDArray[Any], flat: int
    ) -> tuple[str, object]:
        """Place and present value of the first cell that a failing value would have gone to."""
        cells = np.arange(plain.size).reshape(plain.shape)[key]
        try:
            targets = np.broadcast_to(np.arange(array.size).reshape(array.shape), np.shape(cells))
        except ValueError:
            return self._where(key), None
        hit = np.flatnonzero(targets.reshape(-1) == flat)
        if not len(hit):
            return self._where(key), None
        cell = int(np.reshape(cells, -1)[hit[0]])
        current = plain.reshape(-1)[cell] if plain.flags.c_contiguous else None
        if hasattr(self, "_name") and plain.ndim:
            return place(self.name, cell // max(1, plain.size // len(plain))), current
        return self._where(key), current

    def __array_wrap__(
        self, array: NDArray[Any], context: object = None, return_scalar: bool | None = None
    ) -> Any:
        if array is self:
            return array
        if return_scalar or (return_scalar is None and array.ndim == 0):
            return array[()]
        return array.view(np.ndarray) if isinstance(array, Dense) and array.base is None else array

    def __arrow_c_schema__(self) -> object:
        return self.__arrow_c_array__()[0]

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        from ironbatch.components.arrow import capsules_of

        return capsules_of(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.view(np.ndarray).__reduce_ex__(protocol)

    def __reduce__(self) -> Any:
        return self.view(np.ndarray).__reduce__()

    def __copy__(self) -> NDArray[Any]:  # type: ignore[override]
        return self.view(np.ndarray).copy()

    def __deepcopy__(self, memo: dict[int, Any] | None) -> NDArray[Any]:  # type: ignore[override]
        return cast("NDArray[Any]", copy.deepcopy(self.view(np.ndarray), memo))


def _item_of(whole: NDArray[Any], part: NDArray[Any]) -> int | None:
    """Position of the item that a view of a part starts in."""
    step = whole.strides[0] if whole.ndim else 0
    if step <= 0 or not part.size:
        return None
    distance = (part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // step
    return int(distance) if 0 <= distance < len(whole) else None
