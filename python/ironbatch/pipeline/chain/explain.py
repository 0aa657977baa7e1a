"""What a pipeline will do, in words: nothing is computed and nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from ironbatch.actions.apply_parallel import merged_options
from ironbatch.batch import Batch
from ironbatch.pipeline.chain.brief import brief, brief_call, lean
from ironbatch.pipeline.chain.known import class_after, class_before, first_class
from ironbatch.pipeline.chain.step import Step
from ironbatch.pipeline.plan.fusion import expressions_in, groups, native_step
from ironbatch.pipeline.plan.plan import KINDS, action_marks
from ironbatch.pipeline.plan.save import is_private
from ironbatch.pipeline.run.joining import Merged, with_joins

__all__ = ["AT_HOME", "Explained", "Line", "Part", "explained"]


AT_HOME = "; from here on in threads, whatever the target"
"""What is said of steps behind rebatch and merge."""


class Explained(str):
    """Text that a prompt shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass
class Line:
    """One step.

    Attributes
    ----------
    path : str
        Its place in the plan.
    call : str
        The step as it was written, shortened.
    what : str
        What it does.
    notes : list of str
        Expressions among its arguments, order, place, fusion.
    parts : list of Part
        Pipelines within: nested ones, and those that are joined.
    kind : str
        'native', 'ordered' if batches take turns, 'pipeline' or 'action'.
    group : tuple of int or None
        First and last number of the steps that it can be done with in one pass.
    """

    path: str
    call: str
    what: str
    notes: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    kind: str = "action"
    group: tuple[int, int] | None = None


@dataclass
class Part:
    """A stretch of a chain between `rebatch` and `merge`.

    Attributes
    ----------
    title : str
        Where its batches come from.
    facts : list of str
        Config, variables, models, steps before and after a run.
    lines : list of Line
        Its steps.
    parts : list of Part
        Other pipelines that are merged in.
    goes_on : bool
        Whether its batches are those of the part before it, rebatched or merged.
    """

    title: str
    facts: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    goes_on: bool = False


def explained(pipeline: Any, owner: Any = None, fuse: bool = True) -> list[Part]:
    """Describe a pipeline.

    Parameters
    ----------
    pipeline : Pipeline
        The pipeline.
    owner : Pipeline, optional
        Whose variables and models count, when it feeds another one: they are described there.
    fuse : bool
        Whether native steps are carried out together where they can be.

    Returns
    -------
    list of Part
        In the order in which batches go through them.
    """
    source = pipeline.rebatched
    before = class_before(pipeline)
    others = []
    if source is None:
        parts: list[Part] = []
        title = _dataset(pipeline)
    else:
        parts = explained(source.pipeline, owner or pipeline, fuse)
        cls = "" if before is None else f" of class {before.__name__}"
        if isinstance(source, Merged):
            title = f"batches merged with those of {len(source.others)} more pipeline(s){cls}"
            others = [part for one in source.others for part in explained(one, fuse=fuse)]
        else:
            title = f"batches of {brief(source.batch_size)} items, made by rebatch{cls}"
        if source.merge is not None:
            title += f", by {brief(source.merge)}"
        if source.components is not None:
            title += f", with {brief(source.components)} alone"
        title += AT_HOME
    part = Part(title, parts=others, goes_on=source is not None)
    parts.append(part)
    if owner is None:
        parts[0].facts = list(_facts(pipeline))
    at_home = source is not None
    part.lines = _lines(pipeline, owner or pipeline, before, at_home=at_home, fuse=fuse)
    return parts


def _dataset(pipeline: Any) -> str:
    dataset = pipeline.__dict__.get("_dataset")
    if dataset is None:
        return "no dataset yet"
    cls = first_class(pipeline)
    if cls is None:
        return f"over the dataset {brief(dataset)}"
    return f"over {type(dataset).__name__} of {len(dataset)} items, batches of class {cls.__name__}"


def _facts(pipeline: Any) -> Iterator[str]:
    config = pipeline.config.flatten()
    if config:
        yield "config: " + ", ".join(f"{path}={brief(value)}" for path, value in config.items())
    if len(pipeline.variables):
        yield "variables: " + ", ".join(brief(name) for name in pipeline.variables)
    if pipeline.models.names():
        yield "models: " + ", ".join(brief(name) for name in pipeline.models.names())
    for name in ("before", "after"):
        steps = getattr(pipeline, name).steps
        if steps:
            yield f"{name} each run: " + ", ".join(map(repr, steps))
    if pipeline._later is not None:
        args, kwargs = pipeline._later
        yield f"arguments kept for a run: {brief_call('run', args, kwargs)}"


def _lines(
    pipeline: Any,
    owner: Any,
    cls: Any,
    prefix: str = "",
    joins: tuple[Any, ...] = (),
    at_home: bool = False,
    fuse: bool = True,
) -> list[Line]:
    steps = tuple(map(_lean, pipeline.steps))
    try:
        pairs = with_joins(steps, joins)
        together = groups(steps, cls, joins) if fuse else []
        fault = ""
    except ValueError as error:
        pairs, together, fault = [(step, ()) for step in steps], [], str(error)
    places = [""] * len(steps) if at_home or prefix or fault else _places(steps, owner, cls)
    lines = []
    likely = cls
    for number, (step, joined) in enumerate(pairs):
        path = f"{prefix}{number}.{step.name}"
        call = repr(pipeline.steps[number]) if step.nested is None else "pipeline"
        likely = cls or likely
        line = Line(path, call, _what(pipeline.steps[number], likely, owner, cls is not None))
        line.notes = list(_notes(step, likely))
        if places[number]:
            line.notes.append(places[number])
        for group in together:
            if number in group:
                line.group = group[0], group[-1]
                line.notes.append(f"fusible: one pass with steps {group[0]} to {group[-1]}")
        line.kind = _kind(step, likely)
        if step.nested is not None:
            inner = _lines(step.nested, owner, cls, f"{path}/", joined, at_home, fuse)
            line.parts.append(Part("nested", lines=inner))
        elif joined:
            line.notes.append(f"first arguments: batches of {len(joined)} joined pipeline(s)")
            line.parts = [part for one in joined for part in explained(one, fuse=fuse)]
        lines.append(line)
        cls = class_after((step,), cls)
    if fault and lines:
        lines[-1].notes.append(f"cannot run: {fault}")
    return lines


def _lean(step: Step) -> Step:
    return replace(step, args=lean(step.args), kwargs=lean(step.kwargs), save_to=lean(step.save_to))


def _places(steps: tuple[Step, ...], owner: Any, cls: Any) -> list[str]:
    """Say where steps are carried out under prefetch in processes."""
    from ironbatch.pipeline.prefetch.at_home import first_at_home

    try:
        first = first_at_home(SimpleNamespace(steps=steps), owner, cls or Batch)
    except ValueError as error:
        number = getattr(error, "step", None)
        texts = [""] * len(steps)
        at = 0 if number is None else number
        if texts:
            texts[at] = f"target='mpc' is refused: {error}"
        return texts
    return [
        "with target='mpc' in a worker" if number < first else "with target='mpc' at home"
        for number in range(len(steps))
    ]


def _what(step: Step, cls: Any, owner: Any, known: bool) -> str:
    if step.nested is not None:
        return f"pipeline of {len(step.nested.steps)} steps"
    if step.kind != "action":
        return str(_KIND_WORDS.get(step.kind, lambda step: step.kind.replace("_", " "))(step))
    native = native_step(step, cls)
    if native is not None:
        kernel = "a kernel made from the batch" if native.kernel is None else brief(native.kernel)
        src: Any = native.src
        dst: Any = native.dst
        if step.name == "apply_parallel":
            options = merged_options(cls, {}, step.kwargs)
            src, dst = options.get("src"), options.get("dst")
        return f"native: {kernel}, {_ways(src, dst)}"
    function = None if cls is None else getattr(cls, step.name, None)
    if callable(function):
        what = _of_action(step, cls, function)
        return what if known else f"{what}, if batches are still of that class"
    function = owner.find_function(step.name)
    if function is not None:
        home = getattr(function, "__module__", None) or "?"
        name = getattr(function, "__qualname__", step.name)
        return f"function {home}.{name} of a namespace, without the batch"
    if not known:
        return "action, looked up when the first batch comes"
    return f"unknown: {cls.__name__} has no such action"


def _of_action(step: Step, cls: Any, function: Any) -> str:
    if step.name == "apply_parallel":
        what = brief(step.args[0] if step.args else step.kwargs.get("func"))
        options = merged_options(cls, {}, step.kwargs)
        return (
            f"{what} for each item, {_ways(options.get('src'), options.get('dst'))}, "
            f"target {brief(options.get('target') or 'threads')}"
        )
    parallel = getattr(function, "parallel", None)
    if isinstance(parallel, dict):
        target = step.kwargs.get("target", parallel["target"])
        return f"action of {cls.__name__}, for each of {brief(parallel['init'])}, target {target!r}"
    declared = getattr(getattr(function, "__wrapped__", None), "apply_kwargs", None)
    if isinstance(declared, dict):
        options = merged_options(cls, declared, step.kwargs)
        ways = _ways(options.get("src"), options.get("dst"))
        where = f"target {brief(options['target'])}"
        may_run_kernels = getattr(getattr(function, "native_way", None), "may_run_kernels", None)
        if may_run_kernels is not None and may_run_kernels(step.kwargs):
            where = f"by a kernel if one does that to these images, else {where}"
        return f"action of {cls.__name__} for each item, {ways}, {where}"
    return f"action of {cls.__name__}"


def _kind(step: Step, cls: Any) -> str:
    if step.nested is not None:
        return "pipeline"
    if native_step(step, cls) is not None:
        return "native"
    marks = action_marks(getattr(cls, step.name, None)) if step.kind == "action" and cls else {}
    kind = KINDS.get(step.kind)
    return "ordered" if marks.get("use_lock") or (kind is not None and kind.ordered) else "action"


def _has_some(found: Iterator[Any]) -> bool:
    # Expressions have no truth value.
    return next((True for _ in found), False)


def _ways(src: Any, dst: Any) -> str:
    source, target = _names(src), _names(dst)
    return f"{source} in place" if dst is None or source == target else f"{source} to {target}"


def _names(names: Any) -> str:
    if isinstance(names, str):
        return names
    return ", ".join(map(str, names)) if isinstance(names, tuple | list) else brief(names)


def _notes(step: Step, cls: Any) -> Iterator[str]:
    arguments = {**{str(number): one for number, one in enumerate(step.args)}, **step.kwargs}
    names = [name for name, one in arguments.items() if _has_some(expressions_in(one))]
    if names and step.kind not in ("update", "join"):
        yield f"expressions in {', '.join(names)}"
    if step.proba is not None:
        yield f"with a chance of {brief(step.proba)}"
    if step.repeat is not None:
        yield f"{brief(step.repeat)} times"
    if step.save_to is not None:
        yield f"result to {brief(step.save_to)}"
    marks = action_marks(getattr(cls, step.name, None)) if step.kind == "action" and cls else {}
    if marks.get("use_lock"):
        yield "batches one by one, in their order (lock)"
    elif KINDS.get(step.kind) is not None and KINDS[step.kind].ordered:
        yield "in the order of the batches"
    elif not is_private(step.save_to):
        yield "result stored in the order of the batches"


_KIND_WORDS: dict[str, Any] = {
    "call": lambda step: f"calls {brief(step.args[0])}",
    "update": lambda step: f"stores {brief(step.args[1])} to {brief(step.args[0])}",
    "print": lambda step: "prints",
    "discard_batch": lambda step: "the run yields None in the place of the batch",
    "join": lambda step: f"batches of {len(step.args)} pipeline(s), of the same items",
    "acquire_lock": lambda step: f"takes the lock {step.args[0]!r}",
    "release_lock": lambda step: f"releases the lock {step.args[0]!r}",
    "train_model": lambda step: f"trains model {step.args[0]!r}",
    "predict_model": lambda step: f"predicts with model {step.args[0]!r}",
    "save_model": lambda step: f"saves model {step.args[0]!r}",
    "load_model": lambda step: f"loads model {step.args[0]!r}",
    "import_model": lambda step: f"shares model {step.args[0]!r} of another pipeline",
    "gather_metrics": lambda step: "gathers metrics",
}


def as_text(parts: list[Part], indent: str = "") -> Iterator[str]:
    """Give the lines of a description."""
    for part in parts:
        if part.title != "nested":
            yield f"{indent}{part.title}"
        for fact in part.facts:
            yield f"{indent}  {fact}"
        for line in part.lines:
            call = "" if line.call == "pipeline" else f"{line.call}: "
            yield f"{indent}  {line.path.rsplit('/', 1)[-1].split('.', 1)[0]}. {call}{line.what}"
            if line.notes:
                yield f"{indent}       ({'; '.join(line.notes)})"
            yield from as_text(line.parts, f"{indent}     ")
        if part.parts:
            yield f"{indent}  merged in:"
            yield from as_text(part.parts, f"{indent}    ")
