"""Batches as the tables that scikit-learn takes: a row for each item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["as_column", "as_rows", "kept", "stacked"]


def as_rows(inputs: Any) -> Any:
    """Give a table of two dimensions.

    Parameters
    ----------
    inputs : array, DataFrame, sparse matrix, or tuple of arrays
        Items of any shape are flattened to rows; the arrays of a tuple are put side by side.

    Raises
    ------
    ValueError
        If items differ in shape.

    Examples
    --------
    >>> as_rows(np.zeros((5, 8, 8))).shape
    (5, 64)
    >>> as_rows((np.zeros((5, 3)), np.zeros(5))).shape
    (5, 4)
    """
    if isinstance(inputs, tuple):
        return np.hstack([as_rows(part) for part in inputs])
    if _is_table(inputs):
        return inputs
    rows = np.asarray(inputs)
    if rows.dtype == object and rows.ndim == 1 and len(rows) and np.ndim(rows[0]):
        shapes = sorted({np.shape(item) for item in rows})
        raise ValueError(
            f"items of differing shapes, such as {shapes[0]} and {shapes[-1]}, are no rows of a "
            "table; cut or pad them, or compute features of each"
        )
    return rows.reshape(len(rows), -1)


def _is_table(inputs: Any) -> bool:
    return hasattr(inputs, "iloc") or hasattr(inputs, "tocsr")


def as_column(targets: Any) -> Any:
    """Give the targets, a single column of them in one dimension."""
    column = np.asarray(targets)
    return column[:, 0] if column.ndim == 2 and column.shape[1] == 1 else column


def kept(values: Any) -> Any:
    """Give a copy that stays as it is when the batch changes."""
    if values is None:
        return None
    return values.copy() if _is_table(values) else np.array(values)


def stacked(parts: Sequence[Any]) -> Any:
    """Put tables one below the other."""
    if hasattr(parts[0], "iloc"):
        import pandas as pd

        return pd.concat(parts, ignore_index=True)
    if hasattr(parts[0], "tocsr"):
        from scipy import sparse

        return sparse.vstack(parts)
    return np.concatenate(parts)
