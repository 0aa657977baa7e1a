"""Metrics that are gathered batch by batch: counts of what was predicted for what was true."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

__all__ = ["ClassificationMetrics", "SegmentationMetrics", "metrics_class"]


class _Counted:
    """Counts pairs of true and predicted classes.

    Parameters
    ----------
    num_classes : int, optional
        How many classes there are at least; as many as were seen by default.
    """

    whole_items: ClassVar[bool] = False
    """Whether each item has one label rather than many."""

    def __init__(self, num_classes: int = 0) -> None:
        self.num_classes = num_classes
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self.confusion: npt.NDArray[np.int64] = np.zeros((self.num_classes,) * 2, np.int64)

    def update(
        self,
        targets: Any,
        predictions: Any,
        fmt: str = "labels",
        axis: int = -1,
        threshold: float = 0.5,
        num_classes: int = 0,
    ) -> None:
        """Count one batch.

        Parameters
        ----------
        targets : array of int or bool
            The true class of each item, or of each pixel.
        predictions : array
            Classes in the shape of `targets`, or what `fmt` says.
        fmt : {'labels', 'proba', 'logits'}
            Classes; or probabilities or logits, either with an axis for the classes, of which the
            largest is taken, or in the shape of `targets` for class 1 of two.
        axis : int
            Which axis of the predictions is that of the classes.
        threshold : float
            From which probability on it is class 1.
        num_classes : int
            How many classes there are at least.

        Raises
        ------
        ValueError
            If the shapes differ, naming both; if a class is negative or no whole number; or if
            `fmt` is unknown.
        """
        true = np.asarray(targets)
        if self.whole_items and true.ndim == 2 and true.shape[1] == 1:
            true = true[:, 0]
        guessed = _labels(np.asarray(predictions), true, fmt, axis, threshold)
        if true.shape != guessed.shape:
            raise ValueError(
                f"shapes differ: targets {true.shape}, predictions {guessed.shape} "
                f"(fmt={fmt!r}, axis={axis})"
            )
        true, guessed = _classes(true, "targets"), _classes(guessed, "predictions")
        size = max(num_classes, *(int(one.max(initial=-1)) + 1 for one in (true, guessed)))
        if size > len(self.confusion):
            self.confusion = np.pad(self.confusion, (0, size - len(self.confusion)))
        size = len(self.confusion)
        pairs = np.bincount(true * size + guessed, minlength=size * size)
        self.confusion += pairs.reshape(size, size)

    def per_class(self) -> dict[str, npt.NDArray[np.float64]]:
        """Compute metrics for each class.

        Returns
        -------
        dict of str to ndarray, shape (classes,)
            ``precision``, ``recall``, ``f1`` (which is the Dice coefficient) and ``iou`` (the
            Jaccard index); NaN for a class that was neither true nor predicted.
        """
        hits = np.diag(self.confusion).astype(np.float64)
        predicted, true = self.confusion.sum(axis=0), self.confusion.sum(axis=1)
        met = predicted + true > 0

        def share(of: Any) -> npt.NDArray[np.float64]:
            empty = np.where(met, 0.0, np.nan)
            np.divide(hits, of, out=empty, where=of > 0)
            return empty

        return {
            "precision": share(predicted),
            "recall": share(true),
            "f1": share((predicted + true) / 2),
            "iou": share(predicted + true - hits),
        }

    def compute(self) -> dict[str, float]:
        """Compute the metrics of all batches so far.

        Returns
        -------
        dict of str to float
            ``accuracy``, the share of right predictions, and the means over the classes that were
            met of what `per_class` gives; NaN before the first batch.
        """
        total = int(self.confusion.sum())
        accuracy = float(np.trace(self.confusion) / total) if total else float("nan")
        means = {
            name: float(np.nanmean(values)) if total else float("nan")
            for name, values in self.per_class().items()
        }
        return {"accuracy": accuracy, **means}

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value:.4g}" for name, value in self.compute().items())
        return f"{type(self).__name__}({values})"


class ClassificationMetrics(_Counted):
    """Accuracy, precision, recall, F1 and IoU of predicted classes.

    Parameters
    ----------
    num_classes : int, optional
        How many classes there are at least; as many as were seen by default.

    Attributes
    ----------
    confusion : ndarray of int64, shape (classes, classes)
        How many items of a class (row) were taken for a class (column).

    Examples
    --------
    >>> metrics = ClassificationMetrics()
    >>> metrics.update([0, 1, 1], [0, 1, 0])
    >>> metrics.update([2], [[0.1, 0.2, 0.7]], fmt='proba')
    >>> metrics.compute()['accuracy']
    0.75
    >>> metrics.confusion.tolist()
    [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    """

    whole_items = True


class SegmentationMetrics(_Counted):
    """The same of the pixels of masks, all items together.

    Parameters
    ----------
    num_classes : int, optional
        How many classes there are at least, the background included; as many as were seen by
        default.

    Examples
    --------
    >>> metrics = SegmentationMetrics()
    >>> metrics.update([[[0, 0], [1, 1]]], [[[0, 1], [1, 1]]])
    >>> metrics.per_class()['iou'].round(3).tolist()
    [0.5, 0.667]
    """


def _labels(
    predictions: npt.NDArray[Any], true: npt.NDArray[Any], fmt: str, axis: int, threshold: float
) -> npt.NDArray[Any]:
    if fmt == "labels":
        if predictions.ndim == true.ndim + 1 and predictions.shape[-1] == 1:
            return predictions[..., 0]
        return predictions
    if fmt not in ("proba", "logits"):
        raise ValueError(f"fmt is 'labels', 'proba' or 'logits', got {fmt!r}")
    if not 0 < threshold < 1:
        raise ValueError(f"the threshold is a probability between 0 and 1, got {threshold!r}")
    if predictions.ndim == true.ndim + 1:
        if predictions.shape[axis] > 1:
            chosen: npt.NDArray[Any] = predictions.argmax(axis)
            return chosen
        predictions = predictions.squeeze(axis)
    if fmt == "logits":
        # A logit is above that of the threshold where its probability is above the threshold.
        threshold = float(np.log(threshold / (1 - threshold)))
    labels: npt.NDArray[Any] = predictions >= threshold
    return labels


def _classes(values: npt.NDArray[Any], what: str) -> npt.NDArray[np.int64]:
    numbers = values.ravel()
    whole = numbers.dtype.kind in "iub" or (
        numbers.dtype.kind == "f" and bool((numbers == np.floor(numbers)).all())
    )
    if not whole:
        raise ValueError(
            f"{what} are classes, whole numbers from 0; got {numbers.dtype} "
            f"such as {numbers[0]!r}; for probabilities say fmt='proba'"
        )
    classes: npt.NDArray[np.int64] = numbers.astype(np.int64)
    if classes.min(initial=0) < 0:
        raise ValueError(f"{what} are classes from 0, got {classes.min()}")
    return classes


METRICS: dict[str, type[_Counted]] = {
    "classification": ClassificationMetrics,
    "segmentation": SegmentationMetrics,
    "masks": SegmentationMetrics,
}


def metrics_class(name: str) -> type[_Counted]:
    """Give the class of metrics whose name begins so.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> metrics_class('class').__name__
    'ClassificationMetrics'
    """
    found = [cls for full, cls in METRICS.items() if name and full.startswith(name)]
    if len(found) != 1:
        raise ValueError(f"metrics are called {', '.join(map(repr, METRICS))}, got {name!r}")
    return found[0]
