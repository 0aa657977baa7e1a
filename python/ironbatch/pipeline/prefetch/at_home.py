"""Which steps of a chain can be carried out in another process, and which cannot.

What all batches share (variables, models, locks, the consumer's output) lives in the consumer's
process. Steps that touch it are carried out there, in the order of the batches; they have to be the
last ones, since a batch travels between processes once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ironbatch.namedexpr import C, D, M, NamedExpression, R, V, W
from ironbatch.namedexpr.random_value import is_a_seed
from ironbatch.pipeline.chain.step import Step
from ironbatch.pipeline.plan.plan import action_marks
from ironbatch.pipeline.plan.save import is_private
from ironbatch.pipeline.run.joining import joined_in, with_joins
from ironbatch.targets.processes.batches import KEPT_DATASETS

__all__ = ["first_at_home"]

_WORKER, _NEUTRAL, _CALL, _SHARED, _JOIN = range(5)

_KINDS = {
    "print": "prints in the order of the batches",
    "acquire_lock": "takes a lock",
    "release_lock": "releases a lock",
    "init_lock": "makes a lock",
    "train_model": "trains a model",
    "predict_model": "uses a model",
    "save_model": "saves a model",
    "load_model": "loads a model",
    "import_model": "imports a model",
    "gather_metrics": "gathers metrics",
}
"""Why steps of some kinds stay at home."""

_STORES = "stores outside of the batch"


def first_at_home(pipeline: Any, owner: Any, batch_class: type) -> int:
    """Give the number of the first step that is carried out in the consumer's process.

    Parameters
    ----------
    pipeline : Pipeline
        The chain.
    owner : Pipeline
        Whose namespaces count.
    batch_class : type
        Class of the batches at the start.

    Raises
    ------
    ValueError
        If a step that has to be there is followed by one that belongs into a worker process.
    """
    judge = _Judge(pipeline.steps, owner, batch_class)
    judged = judge.of_all(pipeline.steps)
    first = len(judged)
    while first and judged[first - 1][0] != _WORKER:
        first -= 1
    for number, (kind, why) in enumerate(judged[:first]):
        if kind == _SHARED:
            raise _refusal(pipeline.steps, number, why)
    while first < len(judged) and judged[first][0] == _NEUTRAL:
        first += 1
    for number, (_, why) in enumerate(judged):
        if why.startswith("mixes"):
            raise _refusal(pipeline.steps, number, why)
    return first


def _refusal(steps: tuple[Step, ...], number: int, why: str) -> ValueError:
    place = "is nested with them" if why.startswith("mixes") else "actions follow it"
    error = ValueError(
        f"step {number}.{steps[number].name} {why}, which worker processes cannot share, and "
        f"{place}; move it to the end of the chain, where it is carried out in this process, or "
        "prefetch in threads (target='threads')"
    )
    error.step = number  # type: ignore[attr-defined]
    return error


class _Judge:
    """Looks at steps, knowing what the whole chain stores."""

    def __init__(self, steps: Iterable[Step], owner: Any, batch_class: type) -> None:
        self.owner = owner
        self.batch_class = batch_class
        datasets = {id(one.dataset) for one in joined_in(steps)}
        self.crowded = len(datasets) >= KEPT_DATASETS
        self.written: set[tuple[type, Any]] = set()
        for step in _flat(steps):
            for destination in self._destinations(step):
                self.written.update(_key(one) for one in _walk(destination))

    def of_all(self, steps: Iterable[Step], joins: tuple[Any, ...] = ()) -> list[tuple[int, str]]:
        """Judge a chain; `join` belongs where the step is that gets the batches."""
        judged: list[tuple[int, str]] = []
        for step, joined in with_joins(steps, joins):
            judged.append(self.of(step, joined))
            if step.kind != "join":
                for place in range(len(judged) - 2, -1, -1):
                    if judged[place][0] != _JOIN:
                        break
                    judged[place] = judged[-1]
        return judged

    def of(self, step: Step, joins: tuple[Any, ...] = ()) -> tuple[int, str]:
        """Give where a step belongs, and why if it stays at home."""
        if step.kind == "join":
            return _JOIN, ""
        if step.nested is None and joins:
            if self.crowded:
                return _SHARED, f"joins pipelines over more than {KEPT_DATASETS - 1} datasets"
            for one in joins:
                why = self._stays(one)
                if why:
                    return _SHARED, why
        reads = self._reads((step.args, step.kwargs, step.proba, step.repeat))
        if step.nested is not None:
            inner = self.of_all(step.nested.steps, joins)
            kinds = {kind for kind, _ in inner}
            shared = [why for kind, why in inner if kind == _SHARED]
            if shared and _WORKER in kinds:
                return _SHARED, f"mixes actions with a step that {shared[0]}"
            if shared or reads:
                return _SHARED, reads or shared[0]
            if _WORKER in kinds:
                return _WORKER, ""
            return max(kinds, default=_NEUTRAL), ""
        if any(not is_private(one) for one in self._destinations(step)):
            return _SHARED, _STORES
        if reads:
            return _SHARED, reads
        if step.kind in _KINDS:
            return _SHARED, _KINDS[step.kind]
        if step.kind == "discard_batch":
            return _NEUTRAL, ""
        if step.kind == "call" or (step.kind == "action" and self._is_function(step)):
            # Called for what it does; nobody knows where its effects have to be seen.
            called = step.save_to is None and step.kwargs.get("save_to") is None
            return (_CALL if called else _WORKER), ""
        if self._marks(step).get("use_lock"):
            return _SHARED, "takes a lock (use_lock=True)"
        return _WORKER, ""

    def _stays(self, joined: Any) -> str:
        """Say why a joined pipeline cannot be carried out elsewhere; nothing if it can."""
        cls = getattr(joined.dataset, "batch_class", self.batch_class)
        part = joined
        while part is not None:
            for kind, why in _Judge(part.steps, joined, cls).of_all(part.steps):
                if kind in (_SHARED, _CALL):
                    return f"joins a pipeline that {why or 'calls a function for what it does'}"
            part = part.rebatched.pipeline if part.rebatched is not None else None
        return ""

    def _is_function(self, step: Step) -> bool:
        if callable(getattr(self.batch_class, step.name, None)):
            return False
        return self.owner.find_function(step.name) is not None

    def _marks(self, step: Step) -> dict[str, Any]:
        return action_marks(getattr(self.batch_class, step.name, None))

    def _destinations(self, step: Step) -> list[Any]:
        """Give all that a step may store to."""
        found = [step.save_to]
        if step.kind == "update":
            found.append(step.args[0])
        if step.kind in ("action", "call"):
            found.append(step.kwargs.get("save_to") if self._is_function(step) else None)
            unevaluated = self._marks(step).get("no_eval") or ()
            names = (unevaluated,) if isinstance(unevaluated, str) else unevaluated
            handed = [step.kwargs.get(name) for name in names]
            handed += [one._name for one in _walk((step.args, step.kwargs)) if isinstance(one, W)]
            found += [one for one in handed if isinstance(one, NamedExpression)]
        return [one for one in found if one is not None]

    def _reads(self, values: Any) -> str:
        """Say what expressions read that changes from batch to batch; nothing if they do not."""
        for one in _walk(values):
            if isinstance(one, M):
                return f"uses a model ({one!r})"
            if isinstance(one, R) and not (one._seed is None or is_a_seed(one._seed)):
                return f"draws from one stream for all batches ({one!r})"
            if isinstance(one, V | C | D):
                if getattr(one, "_pipeline", None) is not None:
                    return f"reads from another pipeline ({one!r})"
                written = {name for kind, name in self.written if kind is type(one)}
                if written and ({None, _key(one)[1]} & written or _key(one)[1] is None):
                    return f"reads what the chain stores ({one!r})"
        return ""


def _flat(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        if step.nested is not None:
            yield from _flat(step.nested.steps)
        yield step


def _walk(value: Any) -> Iterator[NamedExpression]:
    """Give all expressions within a value."""
    if isinstance(value, NamedExpression):
        yield value
        for name, part in value.__dict__.items():
            if name != "_bound":
                yield from _walk(part)
    elif isinstance(value, list | tuple | set):
        for part in value:
            yield from _walk(part)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _walk(key)
            yield from _walk(part)
    elif isinstance(value, slice):
        yield from _walk((value.start, value.stop, value.step))


def _key(one: NamedExpression) -> tuple[type, Any]:
    """Give what an expression names, None for what may be anything; paths of options may nest."""
    named = isinstance(one._name, str) and not isinstance(one, C)
    return type(one), one._name if named else None
