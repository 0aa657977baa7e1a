"""Which native steps of a chain can be carried out together, item by item.

The rule. Steps form a group when they follow one another and

- each calls `Batch.apply_parallel` with a kernel; or an action that a kernel carries out, whatever
  the items are (`native_way`, as those of `ImagesBatch` have it); or, as the first of them only, an
  action made by ``@inbatch_parallel(target='native')`` whose `init` is a component and whose `post`
  stores components;
- all of them write the same one component, and all but the first read nothing else than that
  component: the first may read another one, or several;
- each is carried out for every batch: no chance, no repetition; none limits `n_workers` or
  `timeout`, takes `init` or `post` or the batches of joined pipelines, or is a list of sources. A
  step with `p` is passed by the items that are not drawn, so its kernel has to keep dtype and
  shape: if one does not, the steps are carried out one by one;
- no argument of a step after the first can see what the steps before it have made or done: no
  expression with `B`, `L`, `M`, `W` or `F`. Others are computed at once for all steps, in their
  order, each under the path of its step, so that random numbers stay the same.

So only the last result has to be kept, and it is the same as without groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ironbatch.namedexpr import B, F, L, M, NamedExpression, W
from ironbatch.pipeline.chain.known import class_after
from ironbatch.pipeline.chain.step import Step
from ironbatch.pipeline.run.joining import with_joins
from ironbatch.targets.native import as_kernel, is_native

__all__ = ["NativeStep", "checked_fuse", "expressions_in", "groups", "native_step"]

_OPTIONS = {"src", "dst", "target", "init", "post", "p", "n_workers", "timeout", "debug"}
_SEES_BATCH = (B, L, M, W, F)


def checked_fuse(fuse: Any) -> bool:
    """Check what was said of carrying out steps together.

    Raises
    ------
    TypeError
        If it is no bool: any text would count as True.
    """
    if not isinstance(fuse, bool | np.bool_):
        raise TypeError(
            f"fuse is True or False, got {fuse!r}; with False each native step runs by itself"
        )
    return bool(fuse)


@dataclass(frozen=True, slots=True)
class NativeStep:
    """What a step does natively.

    Attributes
    ----------
    kernel : Kernel, BoundKernel or None
        The kernel; None where a method makes it from the batch.
    params : dict
        Its parameters, where it is not bound.
    src : tuple of str
        The components that it reads.
    dst : str or None
        The component that it writes; None for several.
    joins_others : bool
        Whether it may be in a group.
    starts_only : bool
        Whether it may only be the first of one.
    way : object, optional
        What makes the kernel of an action from its evaluated arguments, in ``kernel_for(cls, args,
        kwargs)``, and says whether it ``takes(component)``.
    """

    kernel: Any
    params: dict[str, Any]
    src: tuple[str, ...]
    dst: str | None
    joins_others: bool
    starts_only: bool
    way: Any = None


def native_step(step: Step, cls: Any = None) -> NativeStep | None:
    """Say what a step does natively.

    Parameters
    ----------
    step : Step
        The step.
    cls : type, optional
        Class of the batches there, if it is known.

    Returns
    -------
    NativeStep or None
        None if the step is no call of a kernel, or if that cannot be told.
    """
    if step.kind != "action" or step.nested is not None:
        return None
    if step.name == "apply_parallel":
        return _of_apply_parallel(step, cls)
    way = getattr(getattr(cls, step.name, None), "native_way", None)
    if way is not None:
        return _of_action(way, step, cls)
    parallel = getattr(getattr(cls, step.name, None), "parallel", None)
    if not isinstance(parallel, dict):
        return None
    if step.kwargs.get("target", parallel["target"]) not in ("native", "n"):
        return None
    init, dst = parallel["init"], step.kwargs.get("dst")
    is_component = isinstance(init, str) and init in (cls.components or ())
    stores = getattr(getattr(cls, str(parallel["post"]), None), "stores_components", False)
    joins = is_component and stores and isinstance(dst, str) and not _modified(step)
    src = (init,) if is_component else ()
    return NativeStep(None, {}, src, dst if isinstance(dst, str) else None, joins, True)


def _of_apply_parallel(step: Step, cls: Any) -> NativeStep | None:
    from ironbatch.batch import Batch

    options = dict(step.kwargs)
    args = step.args or ((options.pop("func"),) if "func" in options else ())
    if not args or not is_native(args[0]):
        return None
    src, dst = options.get("src"), options.get("dst")
    names: Any = (src,) if isinstance(src, str) else src
    named = isinstance(names, tuple) and all(isinstance(name, str) for name in names)
    target = dst if dst is not None else src
    joins = (
        named
        and isinstance(target, str)
        and len(args) == 1
        and not _modified(step)
        and all(options.get(name) is None for name in ("n_workers", "timeout", "rng_seeds"))
        and not options.get("debug")
        and not options.get("requires_rng")
        and (options.get("init") in (None, False) or options.get("init") == "data")
        and options.get("post") in (None, "_assemble")
        and not isinstance(options.get("target"), NamedExpression)
        and _is_plain(cls, Batch)
    )
    return NativeStep(
        as_kernel(args[0]),
        {name: value for name, value in options.items() if name not in _OPTIONS},
        names if named else (),
        target if isinstance(target, str) else None,
        joins,
        False,
    )


def _of_action(way: Any, step: Step, cls: Any) -> NativeStep | None:
    from ironbatch.batch import Batch

    made = way.kernel_for(cls, step.args, step.kwargs)
    if made is None:
        return None
    kernel, src, dst = made
    joins = not _modified(step) and _is_plain(cls, Batch)
    return NativeStep(kernel, {}, (src,), dst, joins, False, way)


def _is_plain(cls: Any, base: Any) -> bool:
    """Whether a class leaves parallel actions as they are; so far unknown ones are looked at again.

    Whoever carries out a group has to make sure of it for the class of the batch.
    """
    if cls is None:
        return True
    defaults = cls.apply_defaults or {}
    return (
        cls.apply_parallel is base.apply_parallel
        and cls._assemble is base._assemble
        and defaults.get("init") in (None, False)
        and defaults.get("post") in (None, "_assemble")
    )


def _modified(step: Step) -> bool:
    return step.proba is not None or step.repeat is not None or step.save_to is not None


def groups(steps: Sequence[Step], cls: Any = None, joins: tuple[Any, ...] = ()) -> list[range]:
    """Give the groups of native steps that can be carried out together.

    Parameters
    ----------
    steps : sequence of Step
        A chain; what is nested in it has groups of its own.
    cls : type, optional
        Class of the batches before them, if it is known.
    joins : tuple of Pipeline
        Pipelines whose batches the first step gets.

    Returns
    -------
    list of range
        Numbers of the steps of each group, of which there are at least two.
    """
    found = []
    start = 0
    group: list[NativeStep] = []
    for number, (step, joined) in enumerate(with_joins(steps, joins)):
        native = None if joined else native_step(step, cls)
        cls = class_after((step,), cls)
        if native is not None and not native.joins_others:
            native = None
        if native is not None and group and _follows(native, group, step):
            group.append(native)
            continue
        if len(group) > 1:
            found.append(range(start, number))
        start, group = number, [] if native is None else [native]
    if len(group) > 1:
        found.append(range(start, start + len(group)))
    return found


def _follows(native: NativeStep, group: list[NativeStep], step: Step) -> bool:
    name = group[0].dst
    return (
        native.dst == name
        and native.src == (name,)
        and not native.starts_only
        and not any(isinstance(one, _SEES_BATCH) for one in expressions_in(step.args, step.kwargs))
    )


def expressions_in(*values: Any) -> Iterator[NamedExpression]:
    """Give all expressions in some values, those inside of others and of bound kernels too."""
    waiting: list[Any] = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, NamedExpression):
            yield value
            waiting.extend(part for name, part in value.__dict__.items() if name != "_bound")
        elif isinstance(value, list | tuple | set):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.keys())
            waiting.extend(value.values())
        elif isinstance(value, slice):
            waiting.extend((value.start, value.stop, value.step))
        elif is_native(value):
            waiting.append(getattr(value, "params", None))
            waiting.extend(getattr(value, "kernels", ()))
