"""The part of a pipeline that writes steps which use models."""

from __future__ import annotations

from typing import Any, Self

from ironbatch.pipeline.chain.step import Step

__all__ = ["ModelSteps"]


class ModelSteps:
    """Steps that train models, predict with them, save, load and import them, and judge them."""

    def _with(self, *steps: Step) -> Self:
        raise NotImplementedError

    def train_model(self, name: str, *args: Any, save_to: Any = None, **kwargs: Any) -> Self:
        """Train a model on each batch, in the order of batches.

        Parameters
        ----------
        name : str
            The model.
        *args, **kwargs
            For its method `train`; usually expressions such as ``B.images``.
        save_to : NamedExpression, optional
            Where what it returns goes.
        """
        return self._with(Step("train_model", (name, *args), kwargs, "train_model", save_to))

    def predict_model(self, name: str, *args: Any, save_to: Any = None, **kwargs: Any) -> Self:
        """Predict with a model for each batch; see `train_model`."""
        return self._with(Step("predict_model", (name, *args), kwargs, "predict_model", save_to))

    def save_model(self, name: str, *args: Any, **kwargs: Any) -> Self:
        """Let a model save itself after each batch; `save_model_once` does it after a run."""
        return self._with(Step("save_model", (name, *args), kwargs, "save_model"))

    def load_model(self, name: str, *args: Any, **kwargs: Any) -> Self:
        """Let a model load itself for each batch; `load_model_once` does it before a run."""
        return self._with(Step("load_model", (name, *args), kwargs, "load_model"))

    def import_model(self, name: str, source: Any) -> Self:
        """Share a model of another pipeline, or an object that is one, from the first batch on."""
        return self._with(Step("import_model", (name, source), kind="import_model"))

    def gather_metrics(self, metrics: Any, *args: Any, save_to: Any = None, **kwargs: Any) -> Self:
        """Let metrics learn from each batch, in the order of batches.

        Parameters
        ----------
        metrics : class, callable, object or str
            What has the methods `update` and `compute`, as the metrics of torchmetrics do. A class
            or another callable is called without arguments at the beginning of each run. An object
            is updated itself, and goes on from run to run. A str is the beginning of
            ``'classification'`` or ``'segmentation'``; see `ironbatch.models.metrics`.
        *args, **kwargs
            For the method `update`; usually expressions such as ``B.labels``.
        save_to : NamedExpression
            Where the object with the metrics goes, as ``V('metrics')``; call its `compute` after
            the run. With mode 'u' it goes on with what it finds there, also from an earlier run;
            with mode 'a' each batch appends an object of its own.

        Raises
        ------
        ValueError
            If a str names no metrics or more than one, or if nobody would see the metrics.
        """
        from ironbatch.pipeline.shared.metrics import check_metrics

        check_metrics(metrics, save_to)
        return self._with(
            Step("gather_metrics", (metrics, *args), kwargs, "gather_metrics", save_to)
        )
