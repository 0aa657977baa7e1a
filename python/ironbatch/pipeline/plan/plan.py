"""The compiled form of a pipeline: made once per run, carried out for every batch.

Arguments without named expressions are handed over as they are. A method is looked up once for each
class of batch, since an action may return a batch of another class. Every step has a path, such as
``2.crop`` or ``0.pipeline/1.flip``, that names its random streams.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from ironbatch._core import BatchBase
from ironbatch.actions.failed_item import Kept
from ironbatch.errors import SkipBatchException, StopPipeline
from ironbatch.namedexpr import NamedExpression, Scope, evaluate, has_expression
from ironbatch.pipeline.chain.step import Step, checked_chance, checked_times
from ironbatch.pipeline.plan.save import is_private, save_output
from ironbatch.pipeline.plan.spans import spans
from ironbatch.pipeline.run.joining import with_joins

__all__ = ["Plan", "PlannedStep", "attach", "step_kind"]

KINDS: dict[str, type[PlannedStep]] = {}
"""Classes that carry out steps, by the kind of step."""


def step_kind(kind: str) -> Callable[[type[PlannedStep]], type[PlannedStep]]:
    """Register the class that carries out steps of a kind."""

    def register(cls: type[PlannedStep]) -> type[PlannedStep]:
        KINDS[kind] = cls
        return cls

    return register


def attach(batch: Any, scope: Scope) -> None:
    """Tell a batch where it travels."""
    batch.pipeline = scope.pipeline
    attributes = batch.__dict__
    attributes["_scope"] = scope
    if scope.stream_key is not None:
        attributes["_stream_key"] = scope.stream_key
        attributes["_first_position"] = scope.position


class PlannedStep:
    """A step that is ready to be carried out.

    Attributes
    ----------
    ordered : bool
        Whether it touches what batches share, so that batches take turns.
    plain : bool
        Whether it is one method call with constant arguments: the plan then calls the method
        itself.
    waits_at, leaves : hashable or None
        Gates of the span of steps that it begins or ends; see `ironbatch.pipeline.plan.spans`.
    """

    plain = False
    ordered = False
    waits_at: Any = None
    leaves: Any = None

    def __init__(self, step: Step, path: str, pipeline: Any) -> None:
        self.step = step
        self.name = step.name
        self.path = path
        self.pipeline = pipeline
        self.args = step.args
        # Only these are computed: other arguments are handed over themselves, so that a list of the
        # user's is not a copy in which nobody finds what was added.
        self.computed = [
            (place, _evaluator(value))
            for place, value in enumerate(step.args)
            if has_expression(value)
        ]
        self.constant_args = not self.computed
        self.constants = {k: v for k, v in step.kwargs.items() if not has_expression(v)}
        self.expressions = [
            (name, value, _evaluator(value))
            for name, value in step.kwargs.items()
            if has_expression(value)
        ]

    def arguments(
        self, batch: Any, scope: Scope, unevaluated: frozenset[str] = frozenset()
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Compute the arguments for a batch."""
        args = self.args
        if self.computed:
            values = list(args)
            for place, compute in self.computed:
                values[place] = compute(batch, scope)
            args = tuple(values)
        if not self.expressions:
            return args, self.constants
        kwargs = self.constants.copy()
        for name, value, compute in self.expressions:
            if name in unevaluated and isinstance(value, NamedExpression):
                kwargs[name] = value._bind(batch, scope)
            else:
                kwargs[name] = compute(batch, scope)
        return args, kwargs

    def run(self, batch: Any, scope: Scope) -> Any:
        """Carry the step out and give the batch that goes on."""
        raise NotImplementedError

    def save(self, output: Any, batch: Any, scope: Scope) -> None:
        """Put an output where ``save_to`` says, in order if others can see it."""
        destination = self.step.save_to
        if destination is not None:
            with _Turn(self, scope, not is_private(destination)):
                save_output(output, destination, batch, scope)


def _evaluator(value: Any) -> Callable[[Any, Scope], Any]:
    """Give the shortest way to the value of an argument."""
    if isinstance(value, NamedExpression):
        return value._closure()
    return lambda batch, scope: evaluate(value, batch, scope)


class _Turn:
    """Holds a step back until it is the turn of the batch."""

    def __init__(self, step: PlannedStep, scope: Scope, needed: bool = True) -> None:
        self.step = step
        self.scope = scope
        self.turns = scope.turns if needed else None

    def __enter__(self) -> None:
        if self.turns is not None:
            if self.step.waits_at is not None:
                self.turns.wait(self.step.waits_at, self.scope.ticket)
            self.turns.wait(id(self.step), self.scope.ticket)

    def __exit__(self, *_: object) -> None:
        if self.turns is not None:
            self.turns.leave(id(self.step), self.scope.ticket)
            if self.step.leaves is not None:
                self.turns.leave(self.step.leaves, self.scope.ticket)


class Action(PlannedStep):
    """A method of the batch, or a function of a namespace."""

    def __init__(self, step: Step, path: str, pipeline: Any) -> None:
        super().__init__(step, path, pipeline)
        self.functions: dict[type, Any] = {}
        self.method: dict[type, tuple[Any, bool, frozenset[str]]] = {}
        self.plain = self.constant_args and not self.expressions

    def resolve(self, cls: type) -> tuple[Any, bool, frozenset[str]]:
        """Find what the name means for a class of batch.

        Returns
        -------
        function, ordered, unevaluated
            What to call, whether batches take turns, and which arguments stay unevaluated.
        """
        found = self.method.get(cls)
        if found is not None:
            return found
        function = _find_method(cls, self.name)
        if function is None:
            function = self.pipeline.find_function(self.name)
            if function is None:
                raise AttributeError(unknown_action(self.name, cls, self.pipeline))
            planned = _Function(self.step, self.path, self.pipeline, function)
            found = (planned, False, frozenset())
        else:
            marks = action_marks(function)
            found = (function, bool(marks.get("use_lock")), _names(marks.get("no_eval")))
        self.method[cls] = found
        if self.plain and not found[1] and not isinstance(found[0], _Function):
            self.functions[cls] = function
        return found

    def run(self, batch: Any, scope: Scope) -> Any:
        """Call the method."""
        function, ordered, unevaluated = self.resolve(type(batch))
        if isinstance(function, _Function):
            return function.run(batch, scope)
        args, kwargs = self.arguments(batch, scope, unevaluated)
        if ordered and scope.turns is not None:
            with _Turn(self, scope):
                return function(batch, *args, **kwargs)
        return function(batch, *args, **kwargs)


class _Function(PlannedStep):
    """A function of a namespace, in the place of a method: it is called without the batch."""

    def __init__(self, step: Step, path: str, pipeline: Any, function: Callable[..., Any]) -> None:
        # Where nobody knew yet that it is a function, ``save_to`` is among its arguments.
        kwargs = dict(step.kwargs)
        place = kwargs.pop("save_to", None)
        if place is not None:
            step = replace(step, kwargs=kwargs, save_to=place)
        super().__init__(step, path, pipeline)
        self.function = function

    def run(self, batch: Any, scope: Scope) -> Any:
        """Call the function and save its output."""
        args, kwargs = self.arguments(batch, scope)
        self.save(self.function(*args, **kwargs), batch, scope)
        return batch


def _find_method(cls: type, name: str) -> Any:
    function = getattr(cls, name, None)
    if function is None or not callable(function):
        return None
    if isinstance(inspect.getattr_static(cls, name), staticmethod | classmethod):
        bound = function
        return lambda batch, *args, **kwargs: bound(*args, **kwargs)
    return function


def action_marks(function: Any) -> dict[str, Any]:
    """Give what `@action` has noted on a function: ``use_lock`` and ``no_eval``."""
    marks = getattr(function, "action", None)
    return marks if isinstance(marks, dict) else {}


def _names(names: Any) -> frozenset[str]:
    if not names:
        return frozenset()
    return frozenset((names,) if isinstance(names, str) else names)


def unknown_action(name: str, cls: type | None, pipeline: Any, certain: bool = True) -> str:
    """Say that nothing has this name, and what comes near."""
    known = set(pipeline.function_names())
    if cls is not None:
        known.update(dir(cls))
    near = get_close_matches(name, sorted(n for n in known if not n.startswith("_")), n=3)
    where = "its batch class" if cls is None else f"the batch class {cls.__name__}"
    hint = f"; near names: {', '.join(near)}" if near else ""
    if not certain:
        hint += (
            "; an action before it may give batches of another class, but no batch class that is "
            "imported so far has the name either"
        )
    return f"{where} has no action {name!r}, nor has a namespace of the pipeline{hint}"


KINDS["action"] = Action


class _Modified(PlannedStep):
    """A step with a chance or a repetition."""

    def __init__(self, inner: PlannedStep) -> None:
        super().__init__(inner.step, inner.path, inner.pipeline)
        self.inner = inner
        self.ordered = inner.ordered

    def run(self, batch: Any, scope: Scope) -> Any:
        """Carry the step out as often as it was drawn and repeated."""
        step = self.step
        if step.proba is not None:
            chance = checked_chance(evaluate(step.proba, batch, scope))
            if not self._drawn(chance, batch, scope):
                return batch
        times = 1
        if step.repeat is not None:
            times = checked_times(evaluate(step.repeat, batch, scope))
        outer = scope.turn
        try:
            for turn in range(times):
                attributes = batch.__dict__
                attributes["_action_path"] = self.path
                attributes["_action_calls"] = 0
                # Not in the path: the steps of a nested pipeline have paths of their own.
                scope.turn = outer if times == 1 else f"{outer}#{turn}"
                batch = adopt(self.inner.run(batch, scope), batch, scope, self)
        finally:
            scope.turn = outer
        return batch

    def _drawn(self, chance: float, batch: Any, scope: Scope) -> bool:
        if chance <= 0 or chance >= 1:
            return chance > 0
        import numpy as np

        path = zlib.crc32((self.path + scope.turn).encode())
        seed = np.random.SeedSequence([*batch.stream_key, scope.position, path])
        return bool(np.random.default_rng(seed).random() < chance)


def adopt(result: Any, before: Any, scope: Scope, step: PlannedStep) -> Any:
    """Check what an action has returned, and let a new batch travel on."""
    if result is before:
        return result
    if not isinstance(result, BatchBase):
        what = "nothing" if result is None else f"an object of type {type(result).__name__}"
        raise TypeError(
            f"action {step.name!r} returned {what}; an action returns a batch, so end it with "
            "'return self'"
        )
    attach(result, scope)
    generator = before.__dict__.get("_generator")
    if generator is not None:
        # It goes on where it stands: from its beginning it would give the same numbers again.
        result.__dict__.setdefault("_generator", generator)
    return result


class Plan:
    """What a run does with each batch.

    Parameters
    ----------
    pipeline : Pipeline
        Where the steps come from.
    prefix : str
        Path of the step that this plan is nested in.
    owner : Pipeline, optional
        Whose namespaces count, when that is another one.
    joins : tuple of Pipeline
        Pipelines whose batches come before the arguments of the first step.
    fuse : bool
        Whether neighbouring native steps are carried out in one pass over the items.

    Attributes
    ----------
    steps : list of PlannedStep
        One for each step of the chain.
    route : list of PlannedStep
        What is carried out: the same with one step in the place of each group.
    """

    def __init__(
        self,
        pipeline: Any,
        prefix: str = "",
        owner: Any = None,
        joins: tuple[Any, ...] = (),
        fuse: bool = True,
    ) -> None:
        owner = pipeline if owner is None else owner
        self.pipeline = pipeline
        self.joins = joins
        self.steps: list[PlannedStep] = []
        for number, (step, joined) in enumerate(with_joins(pipeline.steps, joins)):
            path = f"{prefix}{number}.{step.name}"
            if step.nested is not None:
                planned: PlannedStep = _Nested(step, path, owner, joined, fuse)
            else:
                if joined:
                    step = _with_batches(step, path, joined)
                planned = KINDS[step.kind](step, path, owner)
            if step.proba is not None or step.repeat is not None:
                planned = _Modified(planned)
            self.steps.append(planned)
        for first, last in spans(pipeline.steps):
            begin, end = self.steps[first], self.steps[last]
            begin.ordered = end.ordered = True
            begin.waits_at = end.leaves = (id(begin), id(end))
        self.route = self._fused() if fuse else self.steps

    @cached_property
    def groups(self) -> list[range]:
        """Numbers of native steps that can be carried out in one pass over the items.

        `ironbatch.pipeline.plan.fusion` has the rule. Nested plans have groups of their own.
        """
        from ironbatch.pipeline.chain.known import class_before
        from ironbatch.pipeline.plan.fusion import groups

        return groups(self.pipeline.steps, class_before(self.pipeline), self.joins)

    def _fused(self) -> list[PlannedStep]:
        """Give the steps to carry out, with one in the place of each group."""
        from ironbatch.pipeline.chain.known import class_before

        cls = class_before(self.pipeline)

        def may_be_native(name: str) -> bool:
            return name == "apply_parallel" or hasattr(getattr(cls, name, None), "native_way")

        if sum(may_be_native(step.name) for step in self.steps) < 2 or not self.groups:
            return self.steps
        from ironbatch.pipeline.plan.fused import fuse

        return fuse(self.steps, self.groups, cls)

    def execute(self, batch: Any, scope: Scope, first: int = 0) -> Any:
        """Carry out all steps for one batch, or those from `first` on.

        Returns
        -------
        Batch
            What the last action returned.
        """
        if scope.record is not None:
            return self._execute_timed(batch, scope, scope.record, first)
        step: Any = None
        attributes = batch.__dict__
        try:
            for step in self.steps[first:] if first else self.route:
                attributes["_action_path"] = step.path
                attributes["_action_calls"] = 0
                if step.plain and (function := step.functions.get(type(batch))) is not None:
                    result = function(batch, *step.args, **step.constants)
                elif step.ordered and scope.turns is not None:
                    with _Turn(step, scope):
                        result = step.run(batch, scope)
                else:
                    result = step.run(batch, scope)
                if result is not batch:
                    batch = adopt(result, batch, scope, step)
                    attributes = batch.__dict__
        except Exception as error:
            explain_failure(error, step, scope, batch)
            raise
        return batch

    def _execute_timed(self, batch: Any, scope: Scope, record: Any, first: int = 0) -> Any:
        step: Any = None
        attributes = batch.__dict__
        try:
            for step in self.steps[first:] if first else self.route:
                attributes["_action_path"] = step.path
                attributes["_action_calls"] = 0
                record.enter(step.path)
                try:
                    with _Turn(step, scope, step.ordered):
                        result = step.run(batch, scope)
                        record.stop()
                except BaseException:
                    record.leave(batch, failed=True)
                    raise
                record.leave(result)
                if result is not batch:
                    batch = adopt(result, batch, scope, step)
                    attributes = batch.__dict__
        except Exception as error:
            explain_failure(error, step, scope, batch)
            raise
        return batch


def _with_batches(step: Step, path: str, pipelines: tuple[Any, ...]) -> Step:
    """Put the batches of joined pipelines before the arguments of a step."""
    from ironbatch.pipeline.run.joining import Joined

    batches = [Joined(one, f"{path}/join{number}") for number, one in enumerate(pipelines)]
    # Before them comes what to call, or the name of the model.
    own = 1 if step.kind in ("call", "train_model", "predict_model") else 0
    return replace(step, args=(*step.args[:own], *batches, *step.args[own:]))


def explain_failure(error: Exception, step: PlannedStep, scope: Scope, batch: Any) -> None:
    """Note on an error in which step of which batch it has come up, unless that is known."""
    if not isinstance(error, SkipBatchException | StopPipeline):
        kept = Kept.of(scope)
        if kept.failed_in is None:
            kept.failed_in = step.name, step.path, batch.index
    note = f"in action {step.name!r} (step {step.path}) of batch {scope.iteration}"
    if not any(old.startswith("in action ") for old in getattr(error, "__notes__", ())):
        error.add_note(note)


class _Nested(PlannedStep):
    """A pipeline within a pipeline."""

    def __init__(
        self, step: Step, path: str, pipeline: Any, joins: tuple[Any, ...], fuse: bool
    ) -> None:
        super().__init__(step, path, pipeline)
        self.plan = Plan(step.nested, f"{path}/", pipeline, joins, fuse)

    def run(self, batch: Any, scope: Scope) -> Any:
        """Carry out the steps of the nested pipeline."""
        return self.plan.execute(batch, scope)
