"""Normalization of values by statistics, and its inverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt

Values: TypeAlias = npt.NDArray[Any]
Stats: TypeAlias = Mapping[str, Any]
Mode: TypeAlias = "str | Callable[[Values, dict[str, Any]], npt.ArrayLike]"

MODES: dict[str, tuple[str, ...]] = {
    "mean": ("mean",),
    "std": ("std",),
    "meanstd": ("mean", "std"),
    "minmax": ("min", "max"),
}
"""Statistics that each mode needs."""


class Normalizer:
    """Normalizes arrays by given statistics or by their own, and turns them back.

    =============  =========================================
    mode           normalized value
    =============  =========================================
    ``'mean'``     ``x - mean``
    ``'std'``      ``x / std``
    ``'meanstd'``  ``(x - mean) / std``, the standard score
    ``'minmax'``   ``(x - min) / (max - min)``
    callable       ``mode(x, stats)``
    =============  =========================================

    Where `std` or ``max - min`` is 0, nothing is divided. `denormalize` solves the same
    formula for ``x``, so it restores values up to rounding, except those that were clipped.

    Parameters
    ----------
    mode : {'meanstd', 'mean', 'std', 'minmax'} or callable
        What to do. A callable takes the values and the dict of statistics (which holds
        ``'quantiles'`` after clipping, and what you give) and returns an array of the same shape.
    clip_to_quantiles : bool, default: False
        Clip values to the quantiles `q` first. The statistics then are of the clipped values, and
        ``'minmax'`` takes the quantiles for bounds.
    q : (float, float), default: (0.01, 0.99)
        The quantiles, as shares.
    normalization_stats : mapping, optional
        Statistics to use: ``'mean'``, ``'std'``, ``'min'``, ``'max'`` and ``'quantiles'`` (a pair),
        as far as the mode needs them. Each is a number, or an array that broadcasts over the
        values (per channel, say). Without them, each array is normalized by its own.
    expect_nan : bool, default: False
        Leave NaN out of the statistics. Otherwise one NaN makes all values NaN.

    Raises
    ------
    ValueError
        If the mode is unknown or `q` is not two growing shares.

    Notes
    -----
    Statistics are computed in float64 over all values of an array; `std` is that of the population
    (`ddof` 0). The formulas are those of scikit-learn's ``StandardScaler`` and ``MinMaxScaler``,
    as is the rule to divide by 1 where the scale is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from ironbatch import Normalizer
    >>> normalizer = Normalizer('minmax')
    >>> values, stats = normalizer.normalize(np.array([2.0, 4.0, 6.0]), return_stats=True)
    >>> values, stats
    (array([0. , 0.5, 1. ]), {'min': 2.0, 'max': 6.0})
    >>> normalizer.denormalize(values, stats)
    array([2., 4., 6.])
    """

    def __init__(
        self,
        mode: Mode = "meanstd",
        clip_to_quantiles: bool = False,
        q: tuple[float, float] = (0.01, 0.99),
        normalization_stats: Stats | None = None,
        expect_nan: bool = False,
    ) -> None:
        _check_mode(mode)
        low, high = _pair("q", q)
        if not 0 <= low < high <= 1:
            raise ValueError(f"q is two growing shares between 0 and 1, not {q}")
        self.mode = mode
        self.clip_to_quantiles = clip_to_quantiles
        self.q = (float(low), float(high))
        self.normalization_stats = normalization_stats
        self.expect_nan = expect_nan

    @overload
    def normalize(
        self,
        array: npt.ArrayLike,
        normalization_stats: Stats | None = ...,
        mode: Mode | None = ...,
        return_stats: Literal[False] = ...,
        inplace: bool = ...,
        clip_to_quantiles: bool | None = ...,
    ) -> Values: ...

    @overload
    def normalize(
        self,
        array: npt.ArrayLike,
        normalization_stats: Stats | None = ...,
        mode: Mode | None = ...,
        return_stats: bool = ...,
        inplace: bool = ...,
        clip_to_quantiles: bool | None = ...,
    ) -> Any: ...

    def normalize(
        self,
        array: npt.ArrayLike,
        normalization_stats: Stats | None = None,
        mode: Mode | None = None,
        return_stats: bool = False,
        inplace: bool = False,
        clip_to_quantiles: bool | None = None,
    ) -> Any:
        """Normalize an array.

        Parameters
        ----------
        array : array_like
            Values of any shape. Floats keep their dtype; ints and bools become float32, or
            float64 where float32 could not hold them.
        normalization_stats : mapping, optional
            Instead of those of the normalizer.
        mode : str or callable, optional
            Instead of that of the normalizer.
        return_stats : bool, default: False
            Return the statistics too.
        inplace : bool, default: False
            Write to `array`, an ndarray of floats, and return it.
        clip_to_quantiles : bool, optional
            Instead of that of the normalizer.

        Returns
        -------
        numpy.ndarray or (numpy.ndarray, dict)
            Normalized values; with `return_stats` also the statistics they were normalized by,
            as `denormalize` takes them.

        Raises
        ------
        TypeError
            If `array` does not hold real numbers, or not floats when `inplace`.
        ValueError
            If the statistics lack what the mode needs, or a callable changes the shape.
        """
        mode = self._mode(mode)
        clip = self.clip_to_quantiles if clip_to_quantiles is None else clip_to_quantiles
        given = self.normalization_stats if normalization_stats is None else normalization_stats
        values = _floats(array, inplace)
        stats = self._clip(values, clip, given)
        if callable(mode):
            _assign(values, mode(values, stats))
        else:
            if given is None:
                stats.update(self._measure(values, MODES[mode]))
            work = _working(values)
            shift, scale = _shift_and_scale(mode, stats, clip, work.dtype)
            if shift is not None:
                work -= shift
            if scale is not None:
                work /= scale
            if work is not values:
                values[...] = work
        return (values, stats) if return_stats else values

    def __call__(self, array: npt.ArrayLike, *args: Any, **kwargs: Any) -> Any:
        """Call `normalize`."""
        return self.normalize(array, *args, **kwargs)

    def denormalize(
        self,
        array: npt.ArrayLike,
        normalization_stats: Stats | None = None,
        mode: Mode | None = None,
        inplace: bool = False,
        clip_to_quantiles: bool | None = None,
    ) -> Values:
        """Turn normalized values back.

        Parameters
        ----------
        array : array_like
            Normalized values.
        normalization_stats : mapping, optional
            What they were normalized by; those of the normalizer by default.
        mode : str or callable, optional
            What they were normalized with; that of the normalizer by default. A callable is the
            inverse itself: it takes normalized values and statistics.
        inplace : bool, default: False
            Write to `array`, an ndarray of floats, and return it.
        clip_to_quantiles : bool, optional
            Whether they were clipped; as the normalizer says by default.

        Returns
        -------
        numpy.ndarray
            Values in their original range; of the dtypes `normalize` returns.

        Raises
        ------
        TypeError
            If `array` does not hold real numbers, or not floats when `inplace`.
        ValueError
            If there are no statistics, or not those the mode needs; if the normalizer's mode is a
            callable and no inverse is given as `mode`.
        """
        if mode is None and callable(self.mode):
            raise ValueError("a callable has no known inverse: give the inverse as mode")
        mode = self._mode(mode)
        clip = self.clip_to_quantiles if clip_to_quantiles is None else clip_to_quantiles
        stats = self.normalization_stats if normalization_stats is None else normalization_stats
        if stats is None:
            raise ValueError(
                "denormalize needs the statistics the values were normalized by: "
                "normalize(..., return_stats=True) returns them"
            )
        values = _floats(array, inplace)
        if callable(mode):
            _assign(values, mode(values, dict(stats)))
            return values
        work = _working(values)
        shift, scale = _shift_and_scale(mode, stats, clip, work.dtype)
        if scale is not None:
            work *= scale
        if shift is not None:
            work += shift
        if work is not values:
            values[...] = work
        return values

    def reset_stats(self, normalization_stats: Stats | None = None) -> None:
        """Replace the statistics.

        Parameters
        ----------
        normalization_stats : mapping, optional
            The new ones; None means that each array is normalized by its own.
        """
        self.normalization_stats = normalization_stats

    def _mode(self, mode: Mode | None) -> Mode:
        if mode is None:
            return self.mode
        _check_mode(mode)
        return mode

    def _clip(self, values: Values, clip: bool, given: Stats | None) -> dict[str, Any]:
        """Clip in place; return a copy of the statistics, with quantiles if they were computed."""
        stats = {} if given is None else dict(given)
        if not clip:
            return stats
        if given is None:
            known = self._known(values)
            bounds = np.quantile(known, self.q) if known.size else (np.nan, np.nan)
            stats["quantiles"] = (float(bounds[0]), float(bounds[1]))
        low, high = _pair("quantiles", _statistic(stats, "quantiles", "clip_to_quantiles"))
        np.clip(values, low, high, out=values)
        return stats

    def _measure(self, values: Values, names: tuple[str, ...]) -> dict[str, float]:
        known = self._known(values)
        if not known.size:
            return dict.fromkeys(names, np.nan)
        compute: dict[str, Callable[[Values], Any]] = {
            "mean": lambda x: x.mean(dtype=np.float64),
            "std": lambda x: x.std(dtype=np.float64),
            "min": np.min,
            "max": np.max,
        }
        found = {name: float(compute[name](known)) for name in names}
        # The mean of equal values may be rounded away from them, and their deviation from 0.
        rounded = abs(found.get("mean", known.flat[0])) * 1e-6
        if found.get("std", 0) <= rounded and known.min() == known.max():
            found.update({name: {"std": 0.0}.get(name, float(known.flat[0])) for name in names})
        return found

    def _known(self, values: Values) -> Values:
        return values[~np.isnan(values)] if self.expect_nan else values

    def __repr__(self) -> str:
        mode = getattr(self.mode, "__name__", repr(self.mode))
        parts = [mode if callable(self.mode) else repr(self.mode)]
        if self.clip_to_quantiles:
            parts.append(f"clip_to_quantiles=True, q={self.q}")
        if self.normalization_stats is not None:
            parts.append(f"normalization_stats={self.normalization_stats}")
        if self.expect_nan:
            parts.append("expect_nan=True")
        return f"Normalizer({', '.join(parts)})"


def _check_mode(mode: Any) -> None:
    if callable(mode):
        return
    if not isinstance(mode, str):
        raise TypeError(f"mode is a name or a callable, not {type(mode).__name__}")
    if mode not in MODES:
        from difflib import get_close_matches

        nearest = get_close_matches(mode, MODES, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"mode is one of {', '.join(MODES)} or a callable, not {mode!r}{hint}")


def _pair(name: str, values: Any) -> tuple[Any, Any]:
    try:
        low, high = values
    except (TypeError, ValueError):
        raise ValueError(f"{name} is a pair of numbers, not {values!r}") from None
    return low, high


def _floats(array: npt.ArrayLike, inplace: bool) -> Values:
    """Return the array itself if `inplace`, else a copy of floats."""
    given = np.asarray(array)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"values to normalize are real numbers, not of dtype {given.dtype}")
    if not inplace:
        kept = given.dtype if given.dtype.kind == "f" else np.result_type(given, np.float32)
        return given.astype(kept)
    if given is not array or given.dtype.kind != "f":
        what = f"an array of {given.dtype}" if given is array else type(array).__name__
        raise TypeError(f"inplace=True writes to an ndarray of floats, not to {what}")
    return given


def _assign(values: Values, result: npt.ArrayLike) -> None:
    result = np.asarray(result)
    if result.shape != values.shape:
        raise ValueError(
            f"the callable mode changed the shape from {values.shape} to {result.shape}"
        )
    values[...] = result


def _statistic(stats: Stats, name: str, purpose: str) -> Any:
    if name not in stats:
        has = ", ".join(map(repr, stats)) or "none"
        raise ValueError(f"{purpose} needs the statistic {name!r}; there are {has}")
    return stats[name]


def _working(values: Values) -> Values:
    """Return where to compute: the values themselves, or a float32 copy of float16.

    Differences of float16 values may be beyond float16.
    """
    return values.astype(np.float32) if values.dtype.itemsize < 4 else values


def _shift_and_scale(
    mode: str, stats: Stats, clip: bool, dtype: np.dtype[Any]
) -> tuple[Values | None, Values | None]:
    """Return what to subtract and what to divide by; None where the mode does neither."""
    purpose = f"mode {mode!r}"
    shift = scale = None
    if mode == "minmax":
        if clip:
            shift, high = _pair("quantiles", _statistic(stats, "quantiles", purpose))
        else:
            shift, high = (_statistic(stats, name, purpose) for name in ("min", "max"))
        scale = np.subtract(high, shift)
    else:
        if "mean" in mode:
            shift = _statistic(stats, "mean", purpose)
        if "std" in mode:
            scale = _statistic(stats, "std", purpose)
    if shift is not None:
        shift = np.asarray(shift, dtype)
    if scale is not None:
        scale = np.asarray(scale, dtype)
        # Constant values are shifted only, and can be turned back.
        scale = np.where(scale == 0, np.ones((), dtype), scale)
    return shift, scale
