"""The part of a pipeline that runs it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, Generic, Self

import numpy as np

from ironbatch._core import BatchBase
from ironbatch.actions.policy import DEFAULT
from ironbatch.index.iteration import refuse_misspelt
from ironbatch.namedexpr import Scope, eval_expr
from ironbatch.pipeline.chain.declarations import Declarations
from ironbatch.pipeline.plan.plan import Plan, attach
from ironbatch.pipeline.profile.profile import Profile
from ironbatch.pipeline.profile.profiled import Profiled
from ironbatch.pipeline.resume.resumable import Resumable
from ironbatch.pipeline.resume.standing import Origin
from ironbatch.pipeline.run.failures import Tally
from ironbatch.pipeline.run.run import Run, RunOptions
from ironbatch.type_variables import BatchT

__all__ = ["Running"]

_PLACES = ("batch_size", "shuffle", "n_iters", "n_epochs", "drop_last", "prefetch", "target")
"""Arguments of a run by position."""

_INNER = {"batch_kwargs", "sink", "first_epoch", "lane"}
_OPTIONS = frozenset(f.name for f in fields(RunOptions)) - _INNER
_ENDLESS = "the run never ends: it has neither n_iters nor n_epochs"


class Running(Resumable, Profiled, Declarations, Generic[BatchT]):
    """Runs: all at once, batch by batch, or later."""

    dataset: Any
    rebatched: Any
    profile: Profile | None
    run_time: float | None
    _later: tuple[tuple[Any, ...], dict[str, Any]] | None
    _iterator: Iterator[Any] | None
    _random: Any

    def gen_batch(self, *args: Any, **kwargs: Any) -> Iterator[BatchT]:
        """Generate batches that have gone through all actions.

        Parameters
        ----------
        batch_size : int
            Number of items in a batch.
        shuffle : bool, int, SeedSequence, Generator
            Whether and how the items are permuted. True and ints from 0 permute, False and None do
            not, a negative int seeds the random numbers of actions without permuting.
        n_iters : int, optional
            How many batches are made; the dataset is gone through again as needed.
        n_epochs : int, optional
            How many times the dataset is gone through: once by default; None without `n_iters`
            never ends.
        drop_last : bool
            Drop the shorter batch at the end of each epoch; otherwise batches straddle epochs.
        prefetch : int or bool
            How many batches are made ahead while the consumer is busy; True for 4 per core.
        target : {'threads', 'mpc'} or Executor
            Where they are made, also 't' and 'm': in threads, in worker processes, or by an
            executor such as those of `concurrent.futures`, which stays open. Where batches are
            pickled, steps that touch what batches share (variables, models, locks, printing) are
            carried out in this process, in order, when the batch is asked for, and have to come
            last; so is a `call` without ``save_to`` at the end of the chain.
        prefetch_bytes : int, optional
            How many bytes of batches may wait, finished or under way, besides the one that the
            consumer has. A batch is expected to be as large as the largest so far; one that is
            larger than the bound is made by itself.
        n_workers : int, optional
            How many threads, or processes, there are at most; as many processes as cores by
            default.
        n_threads : int
            How many batches each worker process makes at once, in threads; 1 by default. One
            process with several threads leaves the consumer's interpreter free, with one copy of
            the dataset.
        bar, notifier : bool, str, callable, dict or Notifier
            Show a progress bar: what `ironbatch.Notifier` takes first, a dictionary of its
            arguments, or a notifier.
        seed : int, SeedSequence, optional
            Seed of the random numbers of actions; that of `shuffle` by default.
        ignore_exceptions : bool
            Drop batches whose actions fail.
        on_error : {'raise', 'skip', 'collect'} or object
            What becomes of items that fail in an action: they end the run, leave their batch,
            leave it and are raised together at the end, or have their results replaced by this
            value; see `ironbatch.actions.on_error`. What an action says itself wins.
        max_failures : int or float, optional
            How many items, or which share of them, may fail before the run ends.
        retries : int
            How often an item is tried again after an error of input or output.
        backoff : float
            Seconds before the first repetition; doubled before each further one.
        retry_on : type or tuple of type
            After which exceptions an item is tried again; `OSError` by default.
        fuse : bool
            Carry out neighbouring native steps in one pass over the items; see `explain`. The
            result is the same either way.
        order : {'native', 'numpy'}
            Which algorithm shuffles: the one that takes no memory, or NumPy's permutation; see
            `DatasetIndex.shuffle`.
        engine : str, distributed.Client or Engine, optional
            Make the batches on a cluster: a client of Dask, 'dask', 'ray', or an object with the
            methods of `ironbatch.engines.Engine`. Everything said of pickled batches under `target`
            holds. A worker that is lost has its batches made again, up to `retries` times, or 3 if
            that is 0. Without `prefetch` as many batches are under way as keep the workers busy.
        range_length : int, optional
            How many batches a worker of the engine is given at once; by default what takes about
            0.2 s. Batches do not depend on it.
        profile : bool, 2 or 'detailed'
            Measure where the time goes, see `report`, `trace`, `profile_info` and the attribute
            `profile`; with 2 or 'detailed' functions are timed too, by `cProfile`.
        reset : str, list of str, optional
            What starts anew: 'iter' (by default), 'vars', 'models', 'all'.
        **kwargs
            For the constructor of the batches.

        Returns
        -------
        iterator
            Of batches.

        Raises
        ------
        ValueError, TypeError
            At the call, if an argument is wrong, or if a step that processes cannot share is
            followed by an action under ``target='mpc'``.
        TooManyFailuresError
            If more has failed than `max_failures` allows.
        ExceptionGroup
            At the end, of all that has failed, with ``on_error='collect'``.
        WorkerDiedError
            If a worker process ends while it makes a batch; the message names its first item. Under
            an engine, if that happens again and again, or if the engine is gone.

        Notes
        -----
        The order of batches, their data and their random numbers do not depend on `prefetch` and
        `target`. Worker processes belong to a run until it ends or its generator is dropped. A
        generator that is dropped before its end leaves nothing behind but idle threads and
        processes. What follows `rebatch` is carried out in threads under any target.
        """
        return self._start(args, kwargs).batches()

    def run(self, *args: Any, **kwargs: Any) -> Self:
        """Run the pipeline for all batches.

        Parameters
        ----------
        *args, **kwargs
            As for `gen_batch`; with ``lazy=True`` they are kept for later, as `run_later` does.

        Returns
        -------
        Pipeline
            This very pipeline.
        """
        if kwargs.pop("lazy", False):
            return self.run_later(*args, **kwargs)
        goes_on = self._pending is not None
        run = self._start(args, kwargs)
        if goes_on and run.options.n_iters is None and run.options.n_epochs is None:
            warnings.warn(_ENDLESS, stacklevel=2)
        for batch in run.batches():
            del batch
        return self

    run_now = run

    def run_later(self, *args: Any, **kwargs: Any) -> Self:
        """Keep the arguments of a run for `run`, `gen_batch` and `next_batch` without any."""
        _refuse_surplus(args)
        self._later = args, kwargs
        self._iterator = None
        return self

    def next_batch(self, *args: Any, **kwargs: Any) -> BatchT:
        """Give the next batch of one endless run that goes on from call to call.

        Parameters
        ----------
        *args, **kwargs
            As for `gen_batch`, but without `n_iters` and `n_epochs` there is no end. They count at
            the first call, and at the first one after `reset`.

        Raises
        ------
        StopIteration
            When there are no more batches.
        """
        if self._iterator is None:
            self._iterator = self._start(args, kwargs, endless=True).batches()
        made: BatchT = next(self._iterator)
        return made

    def _start_beside(self, options: RunOptions, number: int, origin: Origin | None) -> Run:
        """Make the run of a pipeline that is merged into another one, which runs with `options`."""
        from ironbatch.pipeline.run.joining import options_beside

        defaults = options_beside(options, number)
        inner = {"first_epoch": options.first_epoch, "lane": options.lane}
        return self._start((), {}, endless=True, defaults=defaults, origin=origin, inner=inner)

    def epoch_run(self, epoch: int, lane: int, lanes: int, **kwargs: Any) -> Run:
        """Make the run of one epoch, or of every `lanes`-th batch of it, beginning with `lane`.

        This is what data loaders of other libraries call in each of their processes. All lanes
        together make the very batches that one lane would.

        Parameters
        ----------
        epoch : int
            Which epoch, from 0.
        lane, lanes : int
            Whose batches, and among how many processes they are shared out.
        **kwargs
            As for `gen_batch`, without `n_iters` and `n_epochs`.
        """
        kwargs = {**kwargs, "n_epochs": epoch + 1}
        return self._start((), kwargs, inner={"first_epoch": epoch, "lane": (lane, lanes)})

    def _start(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        endless: bool = False,
        defaults: dict[str, Any] | None = None,
        origin: Origin | None = None,
        inner: dict[str, Any] | None = None,
    ) -> Run:
        """Check the arguments of a run and make it."""
        if self._later is not None:
            given = {**dict(zip(_PLACES, args, strict=False)), **kwargs}
            places = zip(_PLACES, self._later[0], strict=False)
            kept = {**dict(places), **self._later[1]}
            if given.get("n_iters") is not None or given.get("n_epochs") is not None:
                # Another end, in the place of the one that was kept.
                kept = {k: v for k, v in kept.items() if k not in ("n_iters", "n_epochs")}
            kwargs = {**{k: v for k, v in kept.items() if k not in given}, **kwargs}
        args = eval_expr(args, pipeline=self)
        # What a notifier shows is computed batch by batch.
        shown = {name: value for name, value in kwargs.items() if name in ("bar", "notifier")}
        kwargs = eval_expr({k: v for k, v in kwargs.items() if k not in shown}, pipeline=self)
        for name, value in shown.items():
            kwargs[name] = value if isinstance(value, dict) else eval_expr(value, pipeline=self)
        reset = kwargs.pop("reset", "iter")
        _refuse_surplus(args)
        for name, value in zip(_PLACES, args, strict=False):
            if name in kwargs:
                raise TypeError(f"{name} is given twice, by position and by name")
            kwargs[name] = value
        if defaults is not None:
            if "target" in kwargs or "engine" in kwargs:
                # What else is said of the place is said of another one.
                named = dict.fromkeys(("n_workers", "n_threads", "engine", "range_length"))
                defaults = {**defaults, **named, "target": "threads"}
            kwargs = {**defaults, **({"seed": None} if "shuffle" in kwargs else {}), **kwargs}
        notifier = kwargs.pop("notifier", None)
        if notifier is not None and kwargs.get("bar") is None:
            kwargs["bar"] = notifier
        options = {name: kwargs.pop(name) for name in _OPTIONS & kwargs.keys()}
        if kwargs:
            refuse_misspelt(kwargs, getattr(self.dataset, "batch_class", BatchBase))
        if defaults is None:
            origin = self._continue(options, kwargs)
        if options.get("batch_size") is None:
            raise TypeError("a run needs a batch_size; give it here or in run_later")
        if not endless and origin is None:
            if "n_epochs" not in options and options.get("n_iters") is None:
                options["n_epochs"] = 1
            elif options.get("n_epochs") is None and options.get("n_iters") is None:
                warnings.warn(_ENDLESS, stacklevel=3)
        pending = self._pending
        if not endless or reset != "iter":
            self.reset(reset)
        self._pending = pending
        run_options = replace(self._run_options(options, kwargs), **(inner or {}))
        run = Run(self, run_options, origin=origin)
        self._pending, self._standing = None, run.standing
        self._random = np.random.Generator(
            np.random.SFC64(np.random.SeedSequence(list(run.stream_key)))
        )
        self.failures = run.tally.records
        self.variables.start_run(self)
        return run

    def _run_options(self, given: dict[str, Any], batch_kwargs: dict[str, Any]) -> RunOptions:
        """Give the options of a run, all that are not given by default."""
        return RunOptions(**given, batch_kwargs=batch_kwargs)

    def create_batch(self, index: Any, *args: Any, **kwargs: Any) -> Any:
        """Make a batch of the given items and take it through the pipeline.

        What was written before `rebatch` is carried out for these items too. No batch comes of a
        pipeline with `merge`, whose batches are not made of given items.
        """
        if self.rebatched is None:
            if self.dataset is None:
                raise ValueError(
                    "the pipeline has no dataset to make a batch of; give it one with "
                    "dataset >> pipeline"
                )
            batch = self.dataset.create_batch(index, *args, **kwargs)
        else:
            batch = self.rebatched.pipeline.create_batch(index, *args, **kwargs)
            batch = self.rebatched.alone(batch)
        return None if batch is None else self.execute_for(batch)

    def execute_for(
        self,
        batch: Any,
        notifier: Any = None,
        iteration: int | None = None,
        seed: Any = None,
        new_loop: bool = False,
    ) -> Any:
        """Take one batch through the pipeline, from the last `rebatch` or `merge` on.

        Parameters
        ----------
        batch : Batch
            The batch.
        notifier : Notifier, optional
            Moved on by one.
        iteration : int, optional
            Number of the batch for `I`; 1 by default.
        seed : int or SeedSequence, optional
            Seed of the random numbers of actions; drawn by default.
        new_loop : bool
            Accepted for code that passes it; coroutines always run on a loop of their own.

        Returns
        -------
        Batch
            What the last action returned; None if it discarded the batch.
        """
        if not isinstance(batch, BatchBase):
            raise TypeError(f"execute_for takes a batch, got {batch!r}")
        key = None
        if seed is not None:
            from ironbatch.random import stream_key

            key = stream_key(seed)
        scope = Scope(self, iteration or 1, None, 0, key)
        scope.index = batch.index
        scope.policy = DEFAULT
        attach(batch, scope)
        tally = Tally(DEFAULT)
        self.failures = tally.records
        try:
            result = Plan(self).execute(batch, scope)
        finally:
            scope.policy = None
            if scope.kept is not None:
                tally.seen = len(scope.index)
                tally.keep(scope.kept)
            for _, lock in reversed(scope.locks):
                lock.release()
        tally.check()
        tally.finish()
        if notifier is not None:
            notifier.update(pipeline=self, batch=result)
        return None if scope.discarded else result

    def reset(self, *what: Any) -> Self:
        """Start anew.

        Parameters
        ----------
        *what : str, list of str or None
            'iter': `next_batch` begins again, and a state that was loaded is forgotten; 'vars':
            variables get their first values; 'models': models are made again, imported ones are
            left as they are; 'all'. Nothing for None.

        Raises
        ------
        ValueError
            If it is none of these.
        """
        names: list[str] = []
        for one in what or ("iter",):
            if isinstance(one, str):
                names.append(one)
            elif isinstance(one, Sequence):
                names.extend(one)
            elif one is not None:
                raise TypeError(f"reset takes names, got {one!r}")
        for name in names:
            if name not in ("iter", "vars", "variables", "models", "all"):
                raise ValueError(f"reset takes 'iter', 'vars', 'models' or 'all', got {name!r}")
            if name in ("iter", "all"):
                self._iterator = self._pending = None
            if name in ("vars", "variables", "all"):
                self.variables.reset(self)
            if name in ("models", "all"):
                self.models.reset(self)
        return self

    @property
    def random(self) -> np.random.Generator:
        """Random numbers for what happens outside batches, seeded by the latest run."""
        if self._random is None:
            self._random = np.random.Generator(np.random.SFC64())
        generator: np.random.Generator = self._random
        return generator


def _refuse_surplus(args: tuple[Any, ...]) -> None:
    if len(args) > len(_PLACES):
        raise TypeError(f"a run takes {len(_PLACES)} positional arguments, got {len(args)}")
