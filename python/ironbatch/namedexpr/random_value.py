"""`R`: random values, by batch or, inside `P` and `PP`, by item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ironbatch.namedexpr.base import NamedExpression, evaluate, has_expression
from ironbatch.namedexpr.expressions import OfPipeline
from ironbatch.namedexpr.scope import Scope
from ironbatch.namedexpr.written import call

__all__ = ["EachItem", "OneItem", "R", "is_a_seed", "places"]

# Parameters of these are arrays in themselves, so an array has no value for each item.
_WHOLE_PARAMETERS = frozenset(
    {
        "choice",
        "dirichlet",
        "multinomial",
        "multivariate_hypergeometric",
        "multivariate_normal",
        "permutation",
        "permuted",
    }
)
_OWN_OPERATION = "expression with a seed"
"""Keeps streams of expressions with a seed of their own apart from those of batches."""


class EachItem:
    """Says that `R` gives an array with a value for each item: it is inside `P`."""


class OneItem:
    """Says that `R` draws for one item, from its stream: it is inside `PP` or another `R`.

    Parameters
    ----------
    generator : numpy.random.Generator
        Stands at the stream of the item.
    place : tuple of int
        Origin, epoch and occurrence of the item.
    """

    __slots__ = ("generator", "place")

    def __init__(self, generator: Any, place: tuple[int, int, int]) -> None:
        self.generator = generator
        self.place = place


def places(batch: Any) -> Iterator[tuple[int, int, int]]:
    """Give origin, epoch and occurrence of each item of a batch."""
    index = batch.index
    n = len(index)
    columns = [
        [0] * n if part is None else part.tolist()
        for part in (index.origins, index.epochs, index.occurrences)
    ]
    return zip(*columns, strict=True)


class R(OfPipeline):
    """A random value: a method of `numpy.random.Generator` by name, or a choice from a sequence.

    Parameters
    ----------
    name : str, or sequence to choose from
        Such as ``'uniform'`` or ``['cat', 'dog']``.
    *args, **kwargs
        Arguments of the method; they may be expressions. Inside `P`, one that is random is drawn
        for each item too, and an array or a `P` gives each item its own parameter.
    seed : int or SeedSequence, optional
        Draw from streams of its own, the same in each run; from those of the run by default. A
        Generator is used as it is: what it gives then depends on the order of the batches.
    size : int or tuple of int, optional
        Shape of the result.
    """

    def __init__(
        self, name: Any, *args: Any, seed: Any = None, size: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name, pipeline=kwargs.pop("pipeline", None))
        self._args = args
        self._kwargs = kwargs
        self._size = size
        self._seed = seed
        self._rng: Any = None

    def get(
        self,
        *,
        batch: Any = None,
        pipeline: Any = None,
        iteration: int | None = None,
        size: Any = None,
    ) -> Any:
        """Draw.

        Parameters
        ----------
        batch, pipeline, iteration
            As for every expression.
        size : int or tuple of int, optional
            How many values; it goes before the expression's own `size`.
        """
        batch, scope = self._context(batch, pipeline, iteration)
        if size is None:
            return self._compute(batch, scope)
        leading = (size,) if isinstance(size, int) else tuple(size)
        return self._draw(self._generator(batch, scope), batch, scope, leading)

    def _value(self, batch: Any, scope: Scope) -> Any:
        draws = scope.draws
        if draws is None or batch is None:
            return self._draw(self._generator(batch, scope), batch, scope)
        if isinstance(draws, OneItem):
            return self._draw(self._generator_of(draws, batch, scope), batch, scope)
        return self._draw_each(batch, scope)

    def _draw_each(self, batch: Any, scope: Scope) -> Any:
        """Draw a value for each item: the same one whatever batch the item is in."""
        import numpy as np

        from ironbatch.random import ItemStreams, operation_hash, stream_key

        outer = scope.inside(None)
        seed = evaluate(self._seed, batch, outer)
        if seed is None:
            streams = ItemStreams(batch.stream_key, batch.next_operation())
        elif is_a_seed(seed):
            streams = ItemStreams(stream_key(seed), operation_hash(_OWN_OPERATION, 0))
        else:
            return self._draw(self._stateful(seed), batch, outer, (len(batch),))
        parameters = _Parameters(self, batch, outer)
        values = []
        for position, place in enumerate(places(batch)):
            rng = streams.at(*place)
            inner = scope.inside(OneItem(rng, place)) if parameters.drawn else outer
            values.append(parameters.draw(rng, batch, inner, position))
        try:
            return np.array(values)
        except ValueError:
            # They differ in shape.
            ragged = np.empty(len(values), object)
            ragged[:] = values
            return ragged

    def _generator(self, batch: Any, scope: Scope) -> Any:
        seed = evaluate(self._seed, batch, scope)
        if seed is None:
            return batch.random if batch is not None else self._owner(batch, scope).random
        if batch is None or scope.stream_key is None or not is_a_seed(seed):
            return self._stateful(seed)
        if scope.generators is None:
            scope.generators = {}
        # By action too, as some actions may be carried out in another process.
        where = (id(self), batch.__dict__.get("_action_path"))
        generator = scope.generators.get(where)
        if generator is None:
            place = (scope.position, 0, 0)
            generator = scope.generators[where] = _placed(seed, place, 1)
        return generator

    def _generator_of(self, item: OneItem, batch: Any, scope: Scope) -> Any:
        seed = evaluate(self._seed, batch, scope)
        if seed is None:
            return item.generator
        return _placed(seed, item.place, 0) if is_a_seed(seed) else self._stateful(seed)

    def _stateful(self, seed: Any) -> Any:
        if self._rng is None:
            from ironbatch.random import make_rng

            self._rng = make_rng(seed)
        return self._rng

    def _draw(self, rng: Any, batch: Any, scope: Scope, size: tuple[int, ...] = ()) -> Any:
        name = self._resolved_name(batch, scope)
        args = evaluate(self._args, batch, scope)
        kwargs = evaluate(self._kwargs, batch, scope)
        own = evaluate(self._size, batch, scope)
        return _call(rng, name, args, kwargs, (*size, *_shape(own)))

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_rng": None}

    def _options(self) -> dict[str, Any]:
        given = {"size": self._size, "seed": self._seed}
        return {**self._kwargs, **{key: one for key, one in given.items() if one is not None}}

    def __repr__(self) -> str:
        return call("R", (self._name, *self._args), self._options())


class _Parameters:
    """Parameters of an `R` inside `P`: some are the same for all items, others are not.

    Attributes
    ----------
    drawn : bool
        Whether some are random themselves, so that they are evaluated for each item.
    """

    def __init__(self, expression: R, batch: Any, scope: Scope) -> None:
        everything = (expression._args, expression._kwargs, expression._size, expression._name)
        self.expression = expression
        self.drawn = _is_random(everything)
        self.by_item = False
        if self.drawn:
            return
        self.name = expression._resolved_name(batch, scope)
        self.args = evaluate(expression._args, batch, scope)
        self.kwargs = evaluate(expression._kwargs, batch, scope)
        self.shape = _shape(evaluate(expression._size, batch, scope))
        self.by_item = has_expression(everything[:2])
        self.n = len(batch)

    def draw(self, rng: Any, batch: Any, scope: Scope, position: int) -> Any:
        """Draw for the item at a position."""
        if not self.drawn and not self.by_item:
            return _call(rng, self.name, self.args, self.kwargs, self.shape)
        own = self.expression
        if self.drawn:
            name = own._resolved_name(batch, scope)
            args = evaluate(own._args, batch, scope)
            kwargs = evaluate(own._kwargs, batch, scope)
            shape, n = _shape(evaluate(own._size, batch, scope)), len(batch)
        else:
            name, args, kwargs, shape, n = self.name, self.args, self.kwargs, self.shape, self.n
        if isinstance(name, str) and name not in _WHOLE_PARAMETERS:
            args = tuple(
                _of_item(value, given, position, n, shape)
                for value, given in zip(args, own._args, strict=True)
            )
            kwargs = {
                key: _of_item(value, own._kwargs[key], position, n, shape)
                for key, value in kwargs.items()
            }
        return _call(rng, name, args, kwargs, shape)


def _of_item(value: Any, given: Any, position: int, n: int, shape: tuple[int, ...]) -> Any:
    """Give an item's part of a parameter that is an array with a value for each item."""
    if not isinstance(given, NamedExpression):
        return value
    if hasattr(value, "item_values"):
        return value[position]
    if hasattr(value, "ndim") and value.ndim == len(shape) + 1 and len(value) == n:
        return value[position]
    return value


def _is_random(value: Any) -> bool:
    """Whether there is an `R` in an expression or a container."""
    if isinstance(value, R):
        return True
    if isinstance(value, NamedExpression):
        return any(map(_is_random, value.__dict__.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_random, value))
    if isinstance(value, dict):
        return any(map(_is_random, value.values()))
    if isinstance(value, slice):
        return any(map(_is_random, (value.start, value.stop, value.step)))
    return False


def is_a_seed(seed: Any) -> bool:
    """Whether it is a number or a sequence of seeds, rather than something that has a state."""
    import numpy as np

    return isinstance(seed, int | np.integer | np.random.SeedSequence)


def _placed(seed: Any, place: tuple[int, int, int], kind: int) -> Any:
    """Make a generator that stands at a place of the streams of a seed, of items or of batches."""
    from ironbatch.random import ItemStreams, operation_hash, stream_key

    return ItemStreams(stream_key(seed), operation_hash(_OWN_OPERATION, kind)).at(*place)


def _shape(size: Any) -> tuple[int, ...]:
    return () if size is None else (size,) if hasattr(size, "__index__") else tuple(size)


def _call(
    rng: Any, name: Any, args: tuple[Any, ...], kwargs: dict[str, Any], shape: tuple[int, ...]
) -> Any:
    if shape:
        kwargs = {**kwargs, "size": shape}
    if isinstance(name, str):
        return getattr(rng, name)(*args, **kwargs)
    return rng.choice(name, *args, **kwargs)
