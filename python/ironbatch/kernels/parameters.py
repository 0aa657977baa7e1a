"""Parameters of kernels: what Python gives, as the compiled side takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.kernels.distributions import BoundDistribution, Distribution

if TYPE_CHECKING:
    from ironbatch._core import NativeKernel

__all__ = [
    "check_names",
    "distribution_of",
    "is_expression",
    "of_parameter",
    "per_item_values",
    "plain",
    "plain_values",
]


def plain(value: Any) -> Any:
    """Turn NumPy's scalars, arrays and dtypes into what the compiled side reads."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if value is float or value is int or value is bool:
        return np.dtype(value).name
    if isinstance(value, np.ndarray):
        if value.ndim > 1 and value.dtype.kind in "biuf":
            return np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
        return value.tolist()
    if isinstance(value, list | tuple | range):
        if any(isinstance(item, list | tuple | np.ndarray) for item in value):
            return _nested(value)
        return [plain(item) for item in value]
    if hasattr(value, "__index__"):
        return value.__index__()
    if hasattr(value, "__float__"):
        return float(value)
    return value


def plain_values(native: NativeKernel, given: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the parameters of a kernel into what the compiled side reads.

    Raises
    ------
    TypeError
        If one is nothing that a kernel takes; the message has the signature.
    ValueError
        If one is an integer of more than 64 bits.
    """
    kinds = {name: kind for name, kind, *_ in native.params}
    # What has no kind is no parameter of the kernel, which is found when they are bound.
    values = {
        name: _plain_of(native, name, kinds.get(name, ""), value) for name, value in given.items()
    }
    for name, value in values.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(
                f"{native.name}: {name}={value} is no integer of 64 bits; "
                f"its signature is {native.signature}"
            )
        if not (
            all(isinstance(item, bool | int | float) for item in value)
            if isinstance(value, list)
            else value is None or isinstance(value, bool | int | float | str | np.ndarray)
        ):
            raise TypeError(
                f"{native.name}: {name}={given[name]!r} cannot be a parameter of a kernel; "
                f"its signature is {native.signature}"
            )
    return values


def distribution_of(native: NativeKernel) -> str | None:
    """Give the name of the parameter that is a distribution, if there is one."""
    return next((name for name, kind, *_ in native.params if _is_distribution(kind)), None)


def _is_distribution(kind: str) -> bool:
    return kind.startswith(BoundDistribution.__name__)


def _plain_of(native: NativeKernel, name: str, kind: str, value: Any) -> Any:
    """Turn a parameter of a kind into what the compiled side reads."""
    if _is_distribution(kind):
        return _row(native, name, value)
    made = plain(value)
    return _dtype_name(made) if kind.startswith("DTypeLike") and isinstance(made, str) else made


def _row(native: NativeKernel, name: str, value: Any) -> Any:
    """Turn a distribution into numbers."""
    if value is None:
        return None
    if isinstance(value, BoundDistribution):
        return value.row
    is_known = isinstance(value, Distribution)
    hint = f"{value.__name__}.bind(...)" if is_known else "normal.bind(scale=1)"
    raise TypeError(
        f"{native.name}: {name} has to be a bound distribution of ironbatch.kernels.distributions, "
        f"such as distributions.{hint}, got {value!r}; its signature is {native.signature}"
    )


def _dtype_name(name: str) -> str:
    """Give the full name of a dtype for any that NumPy knows it by."""
    try:
        return np.dtype(name).name
    except TypeError:
        return name


def _nested(value: Any) -> Any:
    """Turn a sequence of sequences into an array, if its rows are of one length."""
    try:
        array = np.asarray(value)
    except ValueError:
        return value
    return plain(array) if array.ndim > 1 and array.dtype.kind in "biuf" else value


def is_expression(value: Any) -> bool:
    """Whether a parameter is a named expression, or a container that holds one."""
    from ironbatch.namedexpr import has_expression

    return has_expression(value)


@contextmanager
def of_parameter(native: NativeKernel, name: str) -> Iterator[None]:
    """Say of which parameter of which kernel the value is that is refused while it is evaluated."""
    try:
        yield
    except ValueError as error:
        # Subclasses may have arguments of their own.
        if type(error) is ValueError:
            text = f"{native.name}: {name}: {error}; its signature is {native.signature}"
            error.args = (text,)
        raise


def check_names(native: NativeKernel, given: Mapping[str, Any]) -> None:
    """Check that a kernel has the parameters, and that none is missing.

    Raises
    ------
    TypeError
        If not; the message has the signature.
    """
    known = {name: has_default for name, _, _, has_default, _ in native.params}
    unknown = [name for name in given if name not in known]
    missing = [name for name, has_default in known.items() if not has_default and name not in given]
    for names, what in ((unknown, "has no parameter {}"), (missing, "parameter {} is missing")):
        if names:
            raise TypeError(
                f"{native.name}: {what.format(names[0])}; its signature is {native.signature}"
            )


def per_item_values(
    native: NativeKernel, expressions: Mapping[str, Any], batch: Any, n: int
) -> list[NDArray[Any]]:
    """Evaluate the parameters that differ from item to item.

    Parameters
    ----------
    native : NativeKernel
        The kernel.
    expressions : mapping of str to expression
        Expressions with ``item_values(batch, n)``.
    batch : Batch
        What they are evaluated for.
    n : int
        Number of items.

    Returns
    -------
    list of ndarray
        Values of each parameter, in the kernel's order.

    Raises
    ------
    ValueError
        If there is not one value for each item.
    TypeError
        If values are not of the parameter's type.
    """
    values = []
    for name, kind, per_item, _, _ in native.params:
        if name not in expressions or per_item is None:
            continue
        dtype, rank, number = per_item
        with of_parameter(native, name):
            given = expressions[name].item_values(batch, n)
        if _is_distribution(kind):
            given = [_row(native, name, one) for one in given]
        try:
            column = np.asarray(list(given) if rank else given)
        except ValueError:  # rows of different lengths
            column = np.empty((), object)
        if number and column.ndim == 1:
            rank = 0
        if rank == 1 and column.ndim > 2 and column.dtype.kind in "biuf":
            # A matrix for each item, whose elements are taken in C order, as those of a constant.
            column = column.reshape(len(column), -1)
        if rank == 1 and column.ndim == 1 and column.dtype.kind in "biuf":
            # As for a constant: a number is a sequence of one.
            column = column[:, np.newaxis]
        if column.ndim != 1 + rank or column.dtype.kind not in "biuf":
            what = "as many numbers" if rank else "one number"
            raise TypeError(
                f"{native.name}: {name} has to be {what} for each item; "
                f"the signature is {native.signature}"
            )
        if len(column) != n:
            raise ValueError(
                f"{native.name}: {name} has {len(column)} values for {n} items; "
                f"the signature is {native.signature}"
            )
        if np.dtype(dtype) == bool and column.dtype.kind in "iu" and np.isin(column, (0, 1)).all():
            column = column.astype(bool)
        if not np.can_cast(column.dtype, np.dtype(dtype), "same_kind"):
            raise TypeError(
                f"{native.name}: {name} has values of {column.dtype}, it takes {dtype}; "
                f"the signature is {native.signature}"
            )
        values.append(np.ascontiguousarray(column, dtype=dtype))
    return values
