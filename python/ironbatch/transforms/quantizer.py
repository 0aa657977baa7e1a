"""Quantization of floats to small integers, and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

SUPPORTED = ("int8", "int16", "uint8", "uint16")
"""Names of the dtypes that codes may have."""


class Quantizer:
    """Replaces floats by the number of the bin they are in, as 8 or 16-bit integers, and back.

    The range is cut into equal bins, two fewer than the dtype has codes:

    ==================  =====================================  =======================
    code                stands for                             comes back as
    ==================  =====================================  =======================
    lowest              values below the range (if not `clip`)  lower end of the range
    the ones between    one bin each, lower edge included      middle of the bin
    highest             the upper end and values above it      upper end of the range
    ==================  =====================================  =======================

    Values within the range come back with an error of at most half a bin, and codes survive
    ``quantize(dequantize(codes))`` unchanged.

    Parameters
    ----------
    ranges : (float, float)
        Lower and upper end of the range, after centering.
    clip : bool, default: True
        Count values below the range to the first bin, instead of giving them the lowest code.
    center : bool, default: False
        Subtract `mean` before quantizing, add it after dequantizing.
    mean : float, optional
        What to subtract; needed when `center` is true.
    dtype : {int8, int16, uint8, uint16}
        Of the codes.

    Attributes
    ----------
    bins : numpy.ndarray
        Edges of the bins, float64.

    Raises
    ------
    TypeError
        If `dtype` is another.
    ValueError
        If the range is empty or not finite, or if `center` is true without `mean`.

    Notes
    -----
    A uniform quantizer whose outputs are the midpoints of its cells: the error is at most half a
    step, and ``step / sqrt(12)`` in the root mean square for evenly spread values. R. M. Gray and
    D. L. Neuhoff, "Quantization", *IEEE Transactions on Information Theory* 44(6), 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from ironbatch import Quantizer
    >>> quantizer = Quantizer((-1, 1), dtype='int8')
    >>> codes = quantizer.quantize(np.array([-1.0, 0.0, 0.5, 1.0, 3.0]))
    >>> codes
    array([-127,    0,   63,  127,  127], dtype=int8)
    >>> quantizer.dequantize(codes).round(2)
    array([-1. ,  0. ,  0.5,  1. ,  1. ], dtype=float32)
    """

    def __init__(
        self,
        ranges: tuple[float, float],
        clip: bool = True,
        center: bool = False,
        mean: float | None = None,
        dtype: npt.DTypeLike = np.int8,
    ) -> None:
        self.dtype = np.dtype(dtype)
        if self.dtype.name not in SUPPORTED:
            raise TypeError(f"codes are of {', '.join(SUPPORTED)}, not of {self.dtype}")
        try:
            low, high = (float(end) for end in ranges)
        except (TypeError, ValueError):
            raise ValueError(f"ranges is a pair of numbers, not {ranges!r}") from None
        if not (np.isfinite([low, high]).all() and low < high):
            raise ValueError(f"ranges is two finite numbers, the lower one first, not {ranges!r}")
        if center and mean is None:
            raise ValueError("center=True needs the mean to subtract")
        self.ranges = (low, high)
        self.clip = clip
        self.center = center
        self.mean = mean
        limits = np.iinfo(self.dtype)
        self._lowest = int(limits.min)
        self._n_bins = int(limits.max) - self._lowest - 1
        self.bins = np.linspace(low, high, self._n_bins + 1)
        middles = (self.bins[:-1] + self.bins[1:]) / 2
        self._shift = float(mean) if center and mean is not None else 0.0
        exact = np.concatenate([[low], middles, [high]]) + self._shift
        values: npt.NDArray[Any] = exact.astype(np.float32)
        # Rounding to float32 may move the ends to the other side, where another code holds.
        if float(values[-1]) - self._shift < high:
            values[-1] = np.nextafter(values[-1], np.float32(np.inf))
        if not clip and float(values[0]) - self._shift >= low:
            values[0] = np.nextafter(values[0], np.float32(-np.inf))
        self._values = values
        codes = np.arange(1, self._n_bins + 2) + self._lowest
        if not np.array_equal(self.quantize(values[1:]), codes):
            # Bins far from 0 may be narrower than the step from one float32 to the next.
            self._values = exact

    def quantize(self, array: npt.ArrayLike, copy: bool = True) -> npt.NDArray[Any]:
        """Replace values by codes.

        Parameters
        ----------
        array : array_like
            Real numbers, of any shape. Infinite ones are beyond the range.
        copy : bool, default: True
            False lets an array of float64 serve as working memory: that saves one copy, and what
            it holds afterwards is of no use.

        Returns
        -------
        numpy.ndarray
            Codes, of the same shape.

        Raises
        ------
        TypeError
            If `array` does not hold real numbers.
        ValueError
            If it holds NaN, which no code stands for.
        """
        given = np.asarray(array)
        if given.dtype.kind not in "biuf":
            raise TypeError(f"values to quantize are real numbers, not of dtype {given.dtype}")
        work = given.astype(np.float64, copy=copy)
        low, high = self.ranges
        if self.center:
            work -= self._shift
        work -= low
        # Divided by the width first, since that gives exactly 1 at the upper end.
        work /= high - low
        work *= self._n_bins
        np.floor(work, out=work)
        work += 1
        np.clip(work, 1 if self.clip else 0, self._n_bins + 1, out=work)
        if work.size and np.isnan(work.min()):
            raise ValueError("NaN cannot be quantized: replace it or leave it out first")
        work += self._lowest
        return work.astype(self.dtype)

    def __call__(self, array: npt.ArrayLike, copy: bool = True) -> npt.NDArray[Any]:
        """Call `quantize`."""
        return self.quantize(array, copy)

    def dequantize(self, array: npt.ArrayLike) -> npt.NDArray[Any]:
        """Replace codes by the values they stand for.

        Parameters
        ----------
        array : array_like
            Codes, of any shape and any integer dtype.

        Returns
        -------
        numpy.ndarray
            Values of the same shape: float32, or float64 where float32 cannot tell the codes
            apart.

        Raises
        ------
        TypeError
            If `array` does not hold integers.
        ValueError
            If a code is none of this quantizer's dtype.
        """
        codes = np.asarray(array)
        if codes.dtype.kind not in "iu":
            raise TypeError(f"codes are integers of {self.dtype}, not of dtype {codes.dtype}")
        if codes.dtype != self.dtype and codes.size:
            limits = np.iinfo(self.dtype)
            least, most = int(codes.min()), int(codes.max())
            if least < limits.min or most > limits.max:
                raise ValueError(
                    f"codes of {self.dtype} are within {limits.min} and {limits.max}, but these "
                    f"reach from {least} to {most}"
                )
        return self._values[codes.astype(np.int32) - self._lowest]

    @property
    def estimated_absolute_error(self) -> float:
        """Largest error of a value within the range: half a bin.

        Examples
        --------
        >>> from ironbatch import Quantizer
        >>> Quantizer((0, 254), dtype='uint8').estimated_absolute_error
        0.5
        """
        low, high = self.ranges
        return (high - low) / self._n_bins / 2

    def compute_mean_error(self, data: npt.ArrayLike) -> float:
        """Measure the mean error on data, relative to their standard deviation.

        Parameters
        ----------
        data : array_like
            Real numbers; they stay as they are.

        Returns
        -------
        float
            ``mean(abs(dequantize(quantize(data)) - data)) / std(data)``.

        Raises
        ------
        ValueError
            If there are no data or all are equal, so that there is nothing to relate it to.
        """
        values = np.asarray(data, np.float64)
        deviation = values.std() if values.size else 0.0
        if not deviation > 0:
            raise ValueError("an error relative to the standard deviation needs data that vary")
        restored = self.dequantize(self.quantize(values))
        return float(np.abs(restored - values).mean() / deviation)

    def __repr__(self) -> str:
        parts = [str(self.ranges)]
        if not self.clip:
            parts.append("clip=False")
        if self.center:
            parts.append(f"center=True, mean={self.mean}")
        return f"Quantizer({', '.join(parts)}, dtype={self.dtype.name!r})"
