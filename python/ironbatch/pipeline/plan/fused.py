"""Native steps that follow one another, carried out in one pass over the items.

A group of `ironbatch.pipeline.plan.fusion` becomes one step of the plan: a chain of its kernels,
whose intermediate results never leave the scratch memory of a worker. The arguments of each step
are computed under that step's own path, so that random numbers are those of separate steps.

If anything goes wrong, the batch is as it was, and the steps are carried out one by one with the
arguments that were computed already: errors and failure policies are those of separate steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ironbatch.errors import SkipBatchException, StopPipeline
from ironbatch.namedexpr import Scope
from ironbatch.pipeline.plan.fusion import NativeStep, expressions_in, native_step
from ironbatch.pipeline.plan.plan import Action, PlannedStep, explain_failure

__all__ = ["Fused", "fuse"]


class Fused(PlannedStep):
    """A group of native steps.

    Parameters
    ----------
    members : sequence of Action
        The steps.
    natives : sequence of NativeStep
        What each of them does.
    """

    def __init__(self, members: Sequence[Action], natives: Sequence[NativeStep]) -> None:
        first = members[0]
        super().__init__(first.step, first.path, first.pipeline)
        self.members = tuple(members)
        self.src = natives[0].src
        self.dst = str(natives[0].dst)
        self.ways = [native.way for native in natives]
        self.own_params = [tuple(native.params) for native in natives]
        self.name = " + ".join(native.kernel.__name__ for native in natives)
        self.path = f"{first.path}+{members[-1].path.rpartition('/')[2]}"
        self._chances = [member.step.kwargs.get("p") is not None for member in members]
        self._fuses: dict[type, bool] = {}
        self._chain: Any = None
        computed = (list(expressions_in(one.step.args, one.step.kwargs)) for one in members)
        self._is_constant = not any(computed)

    def run(self, batch: Any, scope: Scope) -> Any:
        """Carry out the steps together, or one by one if they cannot be or fail."""
        cls = type(batch)
        together = self._fuses.get(cls)
        if together is None:
            natives = [native_step(member.step, cls) for member in self.members]
            together = all(native is not None and native.joins_others for native in natives)
            self._fuses[cls] = together
        computed: list[tuple[tuple[Any, ...], dict[str, Any], int]] = []
        if together:
            try:
                made = self._run_chain(batch, scope, computed)
            except (SkipBatchException, StopPipeline):
                raise
            except Exception as error:
                # The steps by themselves say better what is wrong, and with which item.
                self._fuses[cls] = not isinstance(error, TypeError)
            else:
                batch.store(self.dst, made)
                return batch
        return self._one_by_one(batch, scope, computed)

    def _run_chain(self, batch: Any, scope: Scope, computed: list[Any]) -> Any:
        from ironbatch.actions.item_random import applied_items
        from ironbatch.actions.native import component_of, fixed_kernel, streams_of_batch
        from ironbatch.actions.policy import policy_of
        from ironbatch.kernels import chain

        attributes = batch.__dict__
        fixes_first = policy_of(batch).kind != "raise"
        kernels = []
        streams: list[Any] = []
        applied: list[Any] = []
        for number, member in enumerate(self.members):
            attributes["_action_path"] = member.path
            attributes["_action_calls"] = 0
            if self._chain is not None:
                kernel = self._chain.kernels[number]
            else:
                args, kwargs = member.arguments(batch, scope)
                computed.append((args, kwargs, attributes["_action_calls"]))
                kernel = self._kernel_of(number, type(batch), args, kwargs).resolve(batch)
            # In the order of a step by itself, as each draw is numbered.
            if fixes_first:
                kernel = fixed_kernel(kernel, batch)
            some: Any = None
            if self._chances[number]:
                constants = member.step.kwargs
                chosen, _ = applied_items(batch, (constants if self._chain else kwargs)["p"])
                some = None if chosen is None else np.array(chosen, dtype=np.bool_)
            drawn: Any = None
            if kernel.draws:
                drawn = streams_of_batch(kernel, batch, kernel.operations(batch))
            kernels.append(fixed_kernel(kernel, batch))
            n_links = len(getattr(kernel, "kernels", (kernel,)))
            streams.extend(drawn if isinstance(drawn, list) else [drawn] * n_links)
            applied.extend([some] * n_links)
        whole = chain(*kernels)
        if self._is_constant and self._chain is None and len(whole.kernels) == len(self.members):
            self._chain = whole
        options: dict[str, Any] = {"name": self.dst, "batch": batch, "streams": streams}
        if any(some is not None for some in applied):
            options["applied"] = applied
        picked = batch.preloaded_rows(self.src[0]) if len(self.src) == 1 else None
        if picked is not None:
            sources, options["rows"] = [picked[0]], picked[1]
        else:
            sources = [component_of(batch, name) for name in self.src]
        if any(way is not None and not way.takes(sources[0]) for way in self.ways):
            raise TypeError(f"{self.name} as a kernel does not take these items")
        return whole.run_batch(*sources, **options)

    def _kernel_of(self, number: int, cls: Any, args: Any, kwargs: Any) -> Any:
        from ironbatch.targets.native import bound_kernel

        way = self.ways[number]
        if way is None:
            params = {name: kwargs[name] for name in self.own_params[number]}
            return bound_kernel(args[0] if args else kwargs["func"], params)
        made = way.kernel_for(cls, args, kwargs)
        if made is None:
            raise TypeError(f"no kernel does what {self.members[number].step.name} is called with")
        return made[0]

    def _one_by_one(self, batch: Any, scope: Scope, computed: list[Any]) -> Any:
        """Carry out the steps as if they had not been joined."""
        attributes = batch.__dict__
        for number, member in enumerate(self.members):
            attributes["_action_path"] = member.path
            attributes["_action_calls"] = 0
            try:
                if number < len(computed):
                    # The draws of the arguments have been counted.
                    args, kwargs, attributes["_action_calls"] = computed[number]
                    getattr(batch, member.step.name)(*args, **kwargs)
                else:
                    member.run(batch, scope)
            except Exception as error:
                explain_failure(error, member, scope, batch)
                raise
        return batch


def fuse(steps: Sequence[PlannedStep], groups: Sequence[range], cls: Any) -> list[PlannedStep]:
    """Put one step in the place of each group.

    Parameters
    ----------
    steps : sequence of PlannedStep
        The steps of a plan.
    groups : sequence of range
        Which of them go together.
    cls : type or None
        Class of the batches before them, if it is known.

    Returns
    -------
    list of PlannedStep
        The steps to carry out.
    """
    route = list(steps)
    for group in reversed(groups):
        members = [steps[number] for number in group]
        natives = [native_step(member.step, cls) for member in members]
        if any(native is None or native.starts_only for native in natives[:1]):
            group, members, natives = group[1:], members[1:], natives[1:]
        if len(members) < 2:
            continue
        # A step that batches take turns at stays by itself, for as short as possible.
        if any(member.ordered or not isinstance(member, Action) for member in members):
            continue
        route[group.start : group.stop] = [Fused(members, natives)]  # type: ignore[arg-type]
    return route
