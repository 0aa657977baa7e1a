"""Estimators of scikit-learn as models."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np

from ironbatch.config import Config
from ironbatch.extras import need
from ironbatch.models.files import existing, written_whole
from ironbatch.models.rows import as_column, as_rows, kept, stacked
from ironbatch.models.sources import imported, path_of, plain

__all__ = ["SklearnModel"]

_OWN = ("estimator", "classes", "training", "method", "load", "trusted")


class SklearnModel:
    """Any estimator that follows scikit-learn's interface.

    Parameters
    ----------
    config : Config or dict
        ========================  =================================================================
        ``'estimator'``           class, object, or path to import, such as
                                  ``'sklearn.linear_model.SGDClassifier'``; an object is cloned
        ``'classes'``             all labels, or how many there are, for classifiers that learn
                                  batch by batch; by default those of the first batch
        ``'training'``            ``'partial_fit'``, ``'gather'`` or ``'fit'``; see the notes
        ``'method'``              what `predict` calls; ``'predict'`` by default, or
                                  ``'transform'`` where there is no such method
        ``'load'``, ``'trusted'``  for `load`, when the model is made
        any other                 a parameter of the estimator
        ========================  =================================================================

    Raises
    ------
    KeyError
        If there is no ``'estimator'``.
    TypeError, ValueError
        If an option does not fit the estimator.

    Notes
    -----
    ``training`` says what `train` does with a batch:

    - ``'partial_fit'``: the estimator learns from it. The default where the estimator can.
    - ``'gather'``: it is kept, and the estimator is fitted to all batches when it is first asked
      for something. The default otherwise, since ``fit`` forgets what was learnt before. All data
      is then in memory; train for one epoch, since later ones would bring it again.
    - ``'fit'``: the estimator is fitted to this batch alone.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> model = SklearnModel({'estimator': GaussianNB, 'classes': 2})
    >>> model.train(np.array([[0.0], [1.0], [9.0]]), [0, 0, 1])
    >>> model.train(np.array([[2.0], [8.0]]), [0, 1])
    >>> model.predict(np.array([[1.0], [9.0]])).tolist()
    [0, 1]
    """

    def __init__(self, config: Any) -> None:
        need("sklearn", extra="sklearn", what="SklearnModel")
        self.config = Config(config).copy()
        self._source: Any = None
        self.reset()
        path = self.config.get("load")
        if path is not None:
            self.load(path)

    def reset(self) -> None:
        """Make the estimator anew, as the config says."""
        self.estimator = self._make()
        self.classes = self._classes()
        self._gathered: list[tuple[Any, ...]] = []
        self._stale = False
        self._training = self.config.get("training")
        incremental = hasattr(self.estimator, "partial_fit")
        if self._training is None:
            self._training = "partial_fit" if incremental else "gather"
        if self._training not in ("partial_fit", "gather", "fit"):
            raise ValueError(
                f"option 'training' is 'partial_fit', 'gather' or 'fit', got {self._training!r}"
            )
        if self._training == "partial_fit" and not incremental:
            raise ValueError(
                f"{self!r} has no partial_fit; set training to 'gather' (fit to all batches) "
                "or 'fit' (fit to each batch alone)"
            )

    def _make(self) -> Any:
        from sklearn.base import clone

        if self.config.get("estimator") is None:
            raise KeyError("SklearnModel needs the option 'estimator', a class of scikit-learn")
        given = imported(self.config["estimator"], "estimator")
        # Not the items of the Config: an option that is a dict would come back as a Config.
        options = {k: plain(v) for k, v in self.config.items() if k not in _OWN}
        if inspect.isclass(given):
            known = inspect.signature(given).parameters
            if all(one.kind is not one.VAR_KEYWORD for one in known.values()):
                _check_options(given.__name__, options, list(known))
            return given(**options)
        if not hasattr(given, "get_params"):
            raise TypeError(
                f"option 'estimator' is an estimator of scikit-learn, got {type(given).__name__}"
            )
        _check_options(type(given).__name__, options, list(given.get_params()))
        return clone(given).set_params(**options)

    def _classes(self) -> Any:
        classes = self.config.get("classes")
        if classes is None:
            return None
        if isinstance(classes, int | np.integer) and not isinstance(classes, bool):
            return np.arange(classes)
        return np.unique(classes)

    # Learning

    def train(self, inputs: Any, targets: Any = None, **kwargs: Any) -> None:
        """Learn from one batch.

        Parameters
        ----------
        inputs : array, DataFrame, sparse matrix, or tuple of arrays
            What is known of each item. Items of any shape are flattened to rows; the arrays of a
            tuple are put side by side.
        targets : array, optional
            What is to be predicted of each item.
        **kwargs
            For the estimator's method, such as ``sample_weight``.

        Raises
        ------
        ValueError
            If a label is not among the classes, or if the numbers of items differ.
        """
        rows = as_rows(inputs)
        if targets is not None:
            targets = as_column(targets)
            if len(targets) != rows.shape[0]:
                raise ValueError(
                    f"{self!r} got {rows.shape[0]} items to learn from and {len(targets)} targets"
                )
        if self._training == "gather":
            self._gathered.append((kept(rows), kept(targets), dict(kwargs)))
            self._stale = True
        elif self._training == "fit":
            self._fit(self.estimator.fit, rows, targets, kwargs)
        else:
            self._check_width(rows)
            self._partial_fit(rows, targets, kwargs)

    def _partial_fit(self, rows: Any, targets: Any, kwargs: dict[str, Any]) -> None:
        method = self.estimator.partial_fit
        if "classes" in inspect.signature(method).parameters and targets is not None:
            if self.classes is None:
                known = getattr(self.estimator, "classes_", None)
                self.classes = np.unique(targets) if known is None else known
            new = np.setdiff1d(targets, self.classes)
            if len(new):
                whence = "of the config" if "classes" in self.config else "that the first batch had"
                raise ValueError(
                    f"{self!r}: labels {_listed(new)} are not among the classes {whence}, "
                    f"{_listed(self.classes)}; name all of them: config={{'classes': [...]}}"
                )
            kwargs = {"classes": self.classes, **kwargs}
        self._fit(method, rows, targets, kwargs)

    def _fit(self, method: Any, rows: Any, targets: Any, kwargs: dict[str, Any]) -> None:
        if targets is None:
            method(rows, **kwargs)
        else:
            method(rows, targets, **kwargs)

    def _fit_gathered(self) -> None:
        """Fit the estimator to all batches that were kept, unless it is."""
        if not self._stale:
            return
        rows, targets, kwargs = zip(*self._gathered, strict=True)
        known = None if targets[0] is None else np.concatenate(targets)
        options = {name: np.concatenate([one[name] for one in kwargs]) for name in kwargs[0]}
        self._gathered = [(stacked(rows), known, options)]
        self._fit(self.estimator.fit, *self._gathered[0])
        self._stale = False

    # Prediction

    def predict(self, inputs: Any, method: str | None = None, **kwargs: Any) -> Any:
        """Predict for one batch.

        Parameters
        ----------
        inputs : array, DataFrame, sparse matrix, or tuple of arrays
            As for `train`.
        method : str, optional
            Method of the estimator to call, such as ``'predict_proba'``, ``'decision_function'``
            or ``'transform'``; that of the config by default.
        **kwargs
            For that method.

        Returns
        -------
        ndarray
            What the method returns.

        Raises
        ------
        AttributeError
            If the estimator has no such method.
        ValueError
            If it was not trained, or on rows of another length.
        """
        from sklearn.exceptions import NotFittedError

        self._fit_gathered()
        if method is None:
            method = self.config.get("method")
        if method is None:
            method = "predict" if hasattr(self.estimator, "predict") else "transform"
        function = getattr(self.estimator, method, None)
        if not callable(function):
            raise AttributeError(
                f"{self!r} has no method {method!r}; {_what_it_has(self.estimator)}"
            )
        rows = as_rows(inputs)
        self._check_width(rows)
        try:
            return function(rows, **kwargs)
        except NotFittedError as error:
            raise NotFittedError(
                f"{self!r} has learnt nothing yet: train or load it first"
            ) from error

    def _check_width(self, rows: Any) -> None:
        expected = getattr(self.estimator, "n_features_in_", None)
        if expected is not None and rows.shape[1] != expected:
            loaded = "" if self._source is None else f" (loaded from {str(self._source)!r})"
            raise ValueError(
                f"shapes differ: {self!r}{loaded} has learnt from rows of {expected} numbers, "
                f"got {tuple(rows.shape)}"
            )

    # Files

    def save(self, path: Any) -> None:
        """Write the estimator in the format of skops, which holds no pickle.

        What was there before is replaced by the complete file.
        """
        skops = need("skops.io", extra="sklearn", what="saving a SklearnModel")
        self._fit_gathered()
        with written_whole(path) as part:
            part.write_bytes(skops.dumps({"estimator": self.estimator, "classes": self.classes}))

    def load(self, path: Any, trusted: Sequence[str] = ()) -> None:
        """Read an estimator that was saved.

        Parameters
        ----------
        path : str or Path
            The file.
        trusted : sequence of str
            Types, by their full names, that may be made beside those of scikit-learn and NumPy:
            your own classes and functions. Those of the option ``'trusted'`` may be made too.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file has types that are not trusted, listing them; if it holds another estimator
            than the config says; or if it is no such file. The model stays as it was.

        Notes
        -----
        Batches that were gathered for `fit` are not in the file: where ``training`` is
        ``'gather'``, training goes on from nothing.
        """
        skops = need("skops.io", extra="sklearn", what="loading a SklearnModel")
        path = existing(path, self)
        allowed = {*trusted, *self.config.get("trusted", ())}
        data = path.read_bytes()
        try:
            special = skops.get_untrusted_types(data=data)
        except Exception as error:
            raise ValueError(
                f"{str(path)!r} was not written by SklearnModel.save: {error}"
            ) from error
        unknown = [name for name in special if name not in allowed]
        if unknown:
            raise ValueError(
                f"{str(path)!r} has types that are not trusted: {', '.join(unknown)}; if you know "
                f"where the file is from, load it with trusted={unknown!r}"
            )
        content = skops.loads(data, trusted=special)
        if not isinstance(content, dict) or content.keys() != {"estimator", "classes"}:
            raise ValueError(f"{str(path)!r} was not written by SklearnModel.save")
        if type(content["estimator"]) is not type(self.estimator):
            raise ValueError(
                f"{str(path)!r} holds {path_of(content['estimator'])}, and the model is "
                f"{path_of(self.estimator)}"
            )
        self.estimator, self.classes = content["estimator"], content["classes"]
        self._gathered = []
        self._stale = False
        self._source = path

    def __repr__(self) -> str:
        estimator = self.__dict__.get("estimator")
        return (
            f"SklearnModel({type(estimator).__name__})" if estimator is not None else "SklearnModel"
        )


def _check_options(name: str, options: dict[str, Any], known: list[str]) -> None:
    for option in options:
        if option not in known:
            near = get_close_matches(option, [*known, *_OWN], n=3)
            hint = f"near names: {', '.join(near)}" if near else f"it has {', '.join(known)}"
            raise TypeError(f"{name} has no parameter {option!r}; {hint}")


def _listed(labels: Any) -> str:
    shown = ", ".join(str(label) for label in labels[:10])
    return shown if len(labels) <= 10 else f"{shown}, ... ({len(labels)} in all)"


def _what_it_has(estimator: Any) -> str:
    names = ("predict", "predict_proba", "decision_function", "score_samples", "transform")
    return f"it has {', '.join(name for name in names if hasattr(estimator, name))}"
