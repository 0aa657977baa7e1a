"""Running a function over the items of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ironbatch.actions.action import action
from ironbatch.actions.apply_parallel import as_action, assemble_results, run
from ironbatch.actions.failure import errors_of
from ironbatch.batch.own_names import refuse_taken_names
from ironbatch.batch.randomness import Randomness

__all__ = ["Parallel"]


class Parallel(Randomness):
    """The part of `Batch` that runs parallel actions."""

    #: Arguments of `apply_parallel` where neither the call nor the decorator gives them.
    apply_defaults: ClassVar[dict[str, Any]] = {
        "target": "threads",
        "post": "_assemble",
        "src": None,
        "dst": None,
    }

    #: Private names of the class that its subclasses are meant to override.
    overridable: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_taken_names(cls)
        for name, method in list(cls.__dict__.items()):
            marked = getattr(method, "apply_kwargs", None)
            if isinstance(marked, Mapping) and callable(method):
                cls._install(name, method, marked)

    @classmethod
    def _install(cls, name: str, method: Callable[..., Any], marked: Mapping[str, Any]) -> None:
        # The two underscores of `__name` inside a class body are mangled by Python; from here they
        # are not, so a private `_name` keeps its item method at `__name_`.
        setattr(cls, f"_{name}_", method)
        setattr(cls, name, as_action(method, marked))

    @classmethod
    def use_apply_parallel(cls, method: Callable[..., Any], **kwargs: Any) -> None:
        """Make an action of a function that processes one item.

        Parameters
        ----------
        method : callable
            Takes the batch and one item; the action gets its name.
        **kwargs
            Arguments of `apply_parallel`.

        Examples
        --------
        >>> import ironbatch
        >>> class Numbers(ironbatch.Batch):
        ...     components = 'values'
        >>> def double(self, value):
        ...     return 2 * value
        >>> Numbers.use_apply_parallel(double, src='values', target='for')
        >>> batch = Numbers.from_data(data=[1, 2, 3])
        >>> batch.double().values.tolist()
        [2, 4, 6]
        """
        cls._install(method.__name__, method, kwargs)

    @action
    def apply_parallel(self, func: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> Any:
        """Apply a function to each item of a component and put the results into another.

        Parameters
        ----------
        func : callable, Kernel, or str
            The item function, or the name of a method of the batch. It gets ``src=`` and ``dst=``
            if its signature takes them.
        *args
            Further positional arguments of `func`, after the item.
        **kwargs
            ``init``, ``post``, ``src``, ``dst``, ``p``, ``target``, ``requires_rng``,
            ``rng_seeds``, ``n_workers``, ``timeout``, ``debug``, ``on_error``, ``max_failures``,
            ``retries``, ``backoff`` and ``retry_on`` as `ironbatch.actions.apply_parallel.run`
            describes them; the others go to `func`.

        Returns
        -------
        object
            What `post` returns, by default the batch.

        Raises
        ------
        ActionError
            If an item failed; it is also of that failure's class.
        ComponentError
            If a component in `src` is unknown or not set, or there is nowhere to put the results.
        ValueError
            If lists of `src` and `dst` differ in length, or there is neither `src` nor `init`.

        Examples
        --------
        >>> import ironbatch
        >>> class Scans(ironbatch.Batch):
        ...     components = 'images'
        >>> batch = Scans(2)
        >>> batch.images = [[1., 3.], [2., 4.]]
        >>> batch.apply_parallel(max, src='images', dst='peaks').peaks.tolist()
        [3.0, 4.0]
        """
        return run(self, func, *args, **kwargs)

    def _assemble(
        self,
        all_results: Sequence[Any],
        *args: Any,
        src: Any = None,
        dst: Any = None,
        **kwargs: Any,
    ) -> Any:
        return assemble_results(self, all_results, src=src, dst=dst)

    _assemble.stores_components = True  # type: ignore[attr-defined]

    @property
    def run_once(self) -> list[list[Any]]:
        """As an `init`, it has the decorated method run once, with the call's arguments only."""
        return [[]]

    def get_errors(self, all_results: Sequence[Any]) -> list[Exception] | None:
        """Give the exceptions among results of a parallel action; None if there are none.

        Parameters
        ----------
        all_results : sequence
            What a `post` method gets.
        """
        return errors_of(all_results) or None
