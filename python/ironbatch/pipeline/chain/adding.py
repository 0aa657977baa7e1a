"""The steps that pipelines have of their own, as methods of a pipeline."""

from __future__ import annotations

from typing import Any, Self

from ironbatch.namedexpr import NamedExpression
from ironbatch.pipeline.chain.step import Step
from ironbatch.pipeline.run.joining import Merged, check_pipelines
from ironbatch.pipeline.run.rebatch import Rebatched, check_merging, checked_size
from ironbatch.pipeline.run.running import Running
from ironbatch.type_variables import BatchT

__all__ = ["Adding"]


class Adding(Running[BatchT]):
    """Adds steps that are no actions of a batch."""

    def _with(self, *steps: Step) -> Self:
        """Give a pipeline with further steps."""
        raise NotImplementedError

    def _fed_by(self, source: Rebatched) -> Self:
        """Give a pipeline without steps whose batches come from elsewhere."""
        raise NotImplementedError

    def call(self, fn: Any, *args: Any, save_to: Any = None, **kwargs: Any) -> Self:
        """Call a function for each batch.

        Parameters
        ----------
        fn : callable or NamedExpression
            The function.
        *args, **kwargs
            Its arguments; `B` stands for the batch.
        save_to : NamedExpression, array, list, tuple or dict of them, optional
            Where the result goes. Without it, a batch that is returned travels on.
        """
        if not callable(fn):
            raise TypeError(f"call takes a function, got {fn!r}")
        return self._with(Step("call", (fn, *args), kwargs, "call", save_to))

    def update(self, expr: Any, value: Any = None) -> Self:
        """Store a value for each batch, in the order of batches.

        Parameters
        ----------
        expr : NamedExpression, array, list, tuple or dict of them
            Where to; its mode says how.
        value : object
            What; usually an expression.
        """
        return self._with(Step("update", (expr, value), kind="update"))

    def save_to(self, dst: Any, value: Any = None) -> Self:
        """Store a value for each batch; the same as `update`."""
        return self.update(dst, value)

    def print(self, *args: Any, **kwargs: Any) -> Self:
        """Print values for each batch; takes what the function `print` takes, and expressions."""
        unknown = kwargs.keys() - {"sep", "end", "file", "flush"}
        if unknown:
            raise TypeError(f"print takes sep, end, file and flush, got {', '.join(unknown)}")
        return self._with(Step("print", args, kwargs, "print"))

    def discard_batch(self) -> Self:
        """Yield None in the place of each batch."""
        return self._with(Step("discard_batch", kind="discard_batch"))

    def init_lock(self, name: str = "lock") -> Self:
        """Declare a lock that all batches share."""
        self.variables.lock(name)
        return self

    def acquire_lock(self, name: str = "lock") -> Self:
        """Let one batch at a time pass, until `release_lock`; a failing batch releases it too."""
        return self._with(Step("acquire_lock", (name,), kind="acquire_lock"))

    def release_lock(self, name: str = "lock") -> Self:
        """Let the next batch pass."""
        return self._with(Step("release_lock", (name,), kind="release_lock"))

    # Other sizes

    def rebatch(
        self,
        batch_size: Any,
        merge: Any = None,
        components: Any = None,
        batch_class: type | None = None,
    ) -> Self:
        """Make batches of another size of the batches so far; what follows works on those.

        Parameters
        ----------
        batch_size : int or NamedExpression
            How many items they have; the last one may have fewer.
        merge : callable, optional
            Joins batches in the place of `Batch.merge`, with its arguments and result.
        components : str or sequence of str, optional
            Which components they have; all by default.
        batch_class : type, optional
            Their class; that of the first batch by default.
        """
        if not isinstance(batch_size, NamedExpression):
            batch_size = checked_size(batch_size)
        check_merging(merge, components, batch_class)
        return self._fed_by(Rebatched(self, batch_size, merge, components, batch_class))

    def merge(
        self,
        *pipelines: Any,
        merge: Any = None,
        components: Any = None,
        batch_class: type | None = None,
    ) -> Self:
        """Merge each batch with the next batch of other pipelines; what follows works on the whole.

        Parameters
        ----------
        *pipelines : Pipeline
            Where the other batches come from. They run beside this one, with variables, models,
            `before` and `after` of their own, and with the arguments that `run_later` has kept;
            without these, they have this run's `batch_size`, `drop_last`, `prefetch`, `target` and
            `ignore_exceptions`, an order and random numbers that its seed leads to, and no end.
        merge : callable, optional
            Joins batches in the place of `Batch.merge`, with its arguments and result.
        components : str or sequence of str, optional
            Which components the merged batches have; those of the first batch by default.
        batch_class : type, optional
            Their class; that of the first batch by default.

        Raises
        ------
        TypeError
            If there is no other pipeline, or one is something else.

        Notes
        -----
        The run ends with this pipeline; what the others would give after that is not made. One of
        them that ends before adds nothing from then on. Ids are kept while they are unique in a
        batch, and numbered anew otherwise. Every run begins the others anew.
        """
        check_pipelines(pipelines, "merge")
        check_merging(merge, components, batch_class)
        return self._fed_by(Merged(self, None, merge, components, batch_class, pipelines))

    def join(self, *pipelines: Any) -> Self:
        """Hand batches of other pipelines, made of the same items, to the next action.

        Parameters
        ----------
        *pipelines : Pipeline
            Each makes a batch of its own dataset with the ids of the batch that comes by, takes it
            through its actions, and the next action, `call`, `train_model`, `predict_model` or
            `print` gets these batches before its own arguments. Without a dataset it takes the one
            of the pipeline that it is joined to. Variables, models and config are its own; its
            `before` and `after` are not carried out, as it is not run.

        Raises
        ------
        TypeError
            If there is no pipeline, or one is something else.
        ValueError
            When the pipeline runs, if no action follows.
        """
        check_pipelines(pipelines, "join")
        return self._with(Step("join", pipelines, kind="join"))
