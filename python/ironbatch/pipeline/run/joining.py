"""Pipelines that take in others: batches of the same items as arguments, or the next batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ironbatch.actions.failed_item import Kept
from ironbatch.namedexpr import NamedExpression, Scope
from ironbatch.pipeline.chain.step import Step
from ironbatch.pipeline.resume.standing import Place
from ironbatch.pipeline.run.rebatch import Rebatched, merged_batch

if TYPE_CHECKING:
    from ironbatch.actions.policy import Policy
    from ironbatch.pipeline.resume.standing import Origin, Standing
    from ironbatch.pipeline.run.run import Run

__all__ = [
    "Joined",
    "Merged",
    "check_pipelines",
    "chosen_part",
    "derived_key",
    "joined_in",
    "travelling",
    "with_joins",
]

_TAKES_JOINED = ("action", "call", "print", "train_model", "predict_model")
"""Kinds of steps whose arguments joined batches can come before."""

_PASSED_ON = (
    "batch_size",
    "drop_last",
    "prefetch",
    "target",
    "n_workers",
    "n_threads",
    "prefetch_bytes",
    "ignore_exceptions",
    "on_error",
    "max_failures",
    "retries",
    "backoff",
    "retry_on",
    "fuse",
    "order",
    "engine",
    "range_length",
)
"""Arguments of a run that merged pipelines have too."""

_MERGED = 0x6D65726765
"""Keeps the seeds of merged pipelines apart from children that users spawn."""


def check_pipelines(pipelines: Sequence[Any], what: str) -> None:
    """Refuse what is not a pipeline.

    Raises
    ------
    TypeError
        If one of them is something else, or there is none.
    """
    from ironbatch.pipeline.pipeline import Pipeline

    if not pipelines:
        raise TypeError(f"{what} takes at least one pipeline")
    for number, one in enumerate(pipelines):
        if not isinstance(one, Pipeline):
            raise TypeError(
                f"{what} takes pipelines, but number {number} is a {type(one).__name__}"
            )


def with_joins(
    steps: Iterable[Step], joins: tuple[Any, ...] = ()
) -> list[tuple[Step, tuple[Any, ...]]]:
    """Give each step together with the pipelines whose batches come before its arguments.

    Parameters
    ----------
    steps : iterable of Step
        A chain.
    joins : tuple of Pipeline
        What its first step gets.

    Raises
    ------
    ValueError
        If `join` is followed by nothing, or by a step that takes no batches.
    """
    pairs = []
    for step in steps:
        if step.kind == "join":
            joins = (*joins, *step.args)
            pairs.append((step, ()))
            continue
        if joins and step.nested is None and step.kind not in _TAKES_JOINED:
            raise ValueError(
                f"join puts batches before the arguments of the next action, and {step.name!r}, "
                "which follows it, takes none"
            )
        pairs.append((step, joins))
        joins = ()
    if joins:
        raise ValueError("join puts batches before the arguments of the next action; none follows")
    return pairs


def joined_in(steps: Iterable[Step]) -> Iterator[Any]:
    """Give all pipelines that steps join, and those that these join in turn."""
    for step in steps:
        if step.nested is not None:
            yield from joined_in(step.nested.steps)
        elif step.kind == "join":
            for one in step.args:
                part = one
                while part is not None:
                    yield part
                    yield from joined_in(part.steps)
                    part = part.rebatched.pipeline if part.rebatched is not None else None


def travelling(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Give steps whose joined pipelines can be pickled: without what their processes keep."""
    made = []
    for step in steps:
        if step.kind == "join":
            step = replace(step, args=tuple(_twin(one) for one in step.args))
        elif step.nested is not None and any(joined_in((step,))):
            nested = _like(step.nested, steps=travelling(step.nested.steps))
            step = replace(step, nested=nested)
        made.append(step)
    return tuple(made)


def _like(pipeline: Any, **changes: Any) -> Any:
    twin = object.__new__(type(pipeline))
    twin.__dict__.update(pipeline.__getstate__())
    twin.__dict__.update(changes)
    return twin


def _twin(pipeline: Any) -> Any:
    from types import SimpleNamespace

    from ironbatch.pipeline.chain.once import OncePipeline

    functions = {
        step.name: pipeline.find_function(step.name)
        for step in _flat(pipeline.steps)
        if step.kind == "action"
    }
    functions = {name: function for name, function in functions.items() if function is not None}
    source = pipeline.rebatched
    twin = _like(
        pipeline,
        steps=travelling(pipeline.steps),
        _dataset=pipeline.dataset,
        _later=None,
        profile=None,
        rebatched=None if source is None else replace(source, pipeline=_twin(source.pipeline)),
        # Not what is in them: a namespace may be a module, or `__main__`.
        namespaces=(SimpleNamespace(**functions),),
    )
    twin.__dict__.update(before=OncePipeline(twin), after=OncePipeline(twin))
    return twin


def _flat(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        if step.nested is not None:
            yield from _flat(step.nested.steps)
        yield step


def derived_key(key: tuple[int, int], *path: int) -> tuple[int, int]:
    """Give a key for random streams that have nothing to do with those of `key`."""
    state = np.random.SeedSequence([*key, *path]).generate_state(2, np.uint64).tolist()
    return state[0], state[1]


def chosen_part(pipeline: Any, index: Any, dataset: Any = None) -> Any:
    """Make a batch of a pipeline's dataset that has the items of an index, epochs included.

    Parameters
    ----------
    pipeline : Pipeline
        Whose dataset it is.
    index : DatasetIndex
        The items.
    dataset : Dataset, optional
        In the place of one that the pipeline does not have.

    Raises
    ------
    ValueError
        If there is no dataset, or the ids of `index` are not those of a dataset.
    UnknownIdError
        If the dataset lacks an item.
    """
    own = pipeline.dataset
    dataset = dataset if own is None else own
    if dataset is None:
        raise ValueError("a joined pipeline has no dataset; give it one with dataset >> pipeline")
    if index.__dict__.get("_renumbered"):
        raise ValueError(
            "the items were numbered anew when batches with the same ids were merged, so a joined "
            "pipeline cannot find them; join before that, or make ids differ"
        )
    part = dataset.index.create_subset(index)
    if part is not index and len(part) == len(index):
        part._epochs = index._epochs
    return dataset.create_batch(part)


def _policy_within(policy: Policy | None) -> Policy | None:
    """Give the policy for actions of a joined pipeline that say nothing themselves.

    Items that left the joined batch alone would leave it without its counterparts, so a run that
    skips items drops both batches.
    """
    if policy is None or not policy.shrinks:
        return policy
    return replace(policy, kind="raise", max_failures=None)


class Joined(NamedExpression):
    """The batch of a joined pipeline for the items of the batch that comes by.

    Parameters
    ----------
    pipeline : Pipeline
        The joined pipeline.
    path : str
        Names it in messages and random streams.
    """

    def __init__(self, pipeline: Any, path: str) -> None:
        super().__init__()
        self._joined = pipeline
        self._path = path
        self._parts = _plans(pipeline, path)
        self._keys: dict[tuple[int, int], tuple[int, int]] = {}

    def _key(self, key: tuple[int, int] | None) -> tuple[int, int] | None:
        if key is None:
            return None
        found = self._keys.get(key)
        if found is None:
            found = self._keys[key] = derived_key(key, *self._path.encode())
        return found

    def _value(self, batch: Any, scope: Scope) -> Any:
        from ironbatch.pipeline.plan.plan import attach

        pipeline = self._joined
        inner = Scope(
            pipeline, scope.iteration, scope.total, scope.position, self._key(scope.stream_key)
        )
        inner.ticket, inner.turns = scope.ticket, scope.turns
        inner.policy = _policy_within(scope.policy)
        outer = None if scope.pipeline is None else scope.pipeline.dataset
        made = chosen_part(self._parts[0][0], batch.index, outer)
        try:
            for number, (part, plan) in enumerate(self._parts):
                if number:
                    made = part.rebatched.alone(made)
                attach(made, inner)
                made = plan.execute(made, inner)
        finally:
            inner.policy = None
            if inner.kept is not None and inner.kept.records:
                kept = Kept.of(scope)
                kept.records.extend(inner.kept.records)
                kept.limits.update(inner.kept.limits)
            for _, lock in reversed(inner.locks):
                lock.release()
        return None if inner.discarded else made

    def __repr__(self) -> str:
        return f"join({self._path})"


def _plans(pipeline: Any, path: str) -> list[tuple[Any, Any]]:
    """Give the parts of a pipeline that `rebatch` has divided, each with its plan."""
    from ironbatch.pipeline.plan.plan import Plan

    parts = [pipeline]
    while parts[0].rebatched is not None:
        parts.insert(0, parts[0].rebatched.pipeline)
    if any(isinstance(part.rebatched, Merged) for part in parts):
        raise ValueError(
            "a pipeline with merge cannot be joined: its batches are not made of given items alone"
        )
    return [
        (part, Plan(part, f"{path}/{number}:" if number else f"{path}/", pipeline))
        for number, part in enumerate(parts)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Merged(Rebatched):
    """Batches of a pipeline, each merged with the next batches of others.

    Attributes
    ----------
    others : tuple of Pipeline
        The other pipelines. They run as they would by themselves, with variables, models and config
        of their own.
    """

    others: tuple[Any, ...] = ()

    def shard(self, rank: int, world_size: int) -> Rebatched:
        """Give the source of one rank: its pipelines make their parts."""
        first = Rebatched.shard(self, rank, world_size)
        others = tuple(
            one if one.shard_of[1] > 1 else one.shard(rank, world_size) for one in self.others
        )
        return replace(first, others=others)  # type: ignore[call-arg]

    def run(self, options: Any, owner: Any, origin: Origin | None) -> Run:
        """Give the run whose batches come first."""
        from ironbatch.pipeline.prefetch.budget import budget_of
        from ironbatch.pipeline.run.run import Run

        limit = budget_of(options.prefetch_bytes)
        if limit is not None:
            # The merged batches have the other half.
            limit = max(1, limit // 2 // (1 + len(self.others)))
        options = replace(options, bar=None, profile=False, prefetch_bytes=limit)
        return Run(self.pipeline, options, owner, origin)

    def batches(
        self, run: Run, owner: Any, origin: Origin | None, standing: Standing
    ) -> Iterator[tuple[Any, Place]]:
        """Run all the pipelines, and yield each merged batch and the place after it."""
        runs = []
        for number, pipeline in enumerate(self.others):
            begin = None if origin is None else origin.beside[number]
            try:
                runs.append(pipeline._start_beside(run.options, number, begin))
            except Exception as error:
                error.add_note(f"in merged pipeline {number}")
                raise
        standing.stands_beside([one.standing for one in runs])
        return self._together(run, runs)

    def _together(self, first: Run, others: list[Run]) -> Iterator[tuple[Any, Place]]:
        sources = [run.batches() for run in (first, *others)]
        going: list[Iterator[Any] | None] = list(sources[1:])
        try:
            for batch in sources[0]:
                batches = [batch]
                for number, source in enumerate(going):
                    if source is None:
                        continue
                    try:
                        batches.append(next(source))
                    except StopIteration:
                        going[number] = None
                    except Exception as error:
                        error.add_note(f"in merged pipeline {number}")
                        raise
                batches = [one for one in batches if one is not None]
                if batches:
                    merged, rest = merged_batch(self, batches, None)
                    if rest is not None:
                        raise ValueError(
                            f"the function that merges batches gave back {len(rest)} items; it "
                            "is asked for all of them in one batch (batch_size is None)"
                        )
                    beside = tuple(run.standing.now for run in others)
                    yield merged, Place(first.standing.now, beside=beside)
            for number, run in enumerate(others):
                if going[number] is None:
                    continue
                try:
                    run.conclude()
                except Exception as error:
                    error.add_note(f"in merged pipeline {number}")
                    raise
        finally:
            for source in sources:
                source.close()  # type: ignore[attr-defined]

    def alone(self, batch: Any) -> Any:
        """Refuse: a batch by itself has no others to be merged with."""
        raise ValueError(
            "a pipeline with merge makes batches in a run (gen_batch, next_batch, run), not of "
            "given items"
        )


def seed_beside(seed: Any, number: int) -> Any:
    """Give a seed for the pipeline of that number, that has nothing to do with the run's own."""
    from ironbatch.index.blocks import Blocks
    from ironbatch.random import make_seed_sequence

    if seed is None or isinstance(seed, bool | np.bool_ | str):
        return seed
    if isinstance(seed, Blocks):
        if not seed.is_seeded:
            return seed
        return Blocks(seed_beside(seed.random_seed, number), seed.size, seed.window)
    parent = make_seed_sequence(seed)
    return np.random.SeedSequence(parent.entropy, spawn_key=(*parent.spawn_key, _MERGED, number))


def options_beside(options: Any, number: int) -> dict[str, Any]:
    """Give the run arguments that a merged pipeline has unless it keeps some of its own."""
    from ironbatch.random import is_shuffled

    shuffle, seed = options.shuffle, options.seed
    if seed is not None:
        seed = seed_beside(seed, number)
    elif not is_shuffled(shuffle):
        seed = seed_beside(shuffle, number)
    given = {
        "shuffle": seed_beside(shuffle, number) if is_shuffled(shuffle) else False,
        "seed": None if seed is False else seed,
    }
    for name in _PASSED_ON:
        given[name] = getattr(options, name)
    return given
