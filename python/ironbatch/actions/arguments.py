"""How arguments of an action reach its init, its item function and its post."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ironbatch.targets.calls import Calls, Constant

__all__ = [
    "Accepted",
    "Spread",
    "accepted",
    "call_accepting",
    "has_item_values",
    "make_calls",
    "split_user_arguments",
]


class Accepted:
    """Which arguments a signature takes.

    Parameters
    ----------
    positional : int or None
        How many positional arguments fit, None for any number.
    names : frozenset of str or None
        Which keywords fit, None for all.
    parameters : tuple of str
        Names of the positional parameters, in order.
    inspected : bool, optional
        False if the signature is unknown and everything is let through.
    """

    __slots__ = ("inspected", "names", "parameters", "positional")

    def __init__(
        self,
        positional: int | None,
        names: frozenset[str] | None,
        parameters: tuple[str, ...],
        inspected: bool = True,
    ) -> None:
        self.positional = positional
        self.names = names
        self.parameters = parameters
        self.inspected = inspected

    def takes(self, name: str) -> bool:
        """Tell whether there is a parameter for that keyword."""
        return self.names is None or name in self.names


_EVERYTHING = Accepted(None, None, (), inspected=False)
_cache: WeakKeyDictionary[Any, Accepted] = WeakKeyDictionary()


def _inspect(func: Callable[..., Any]) -> Accepted:
    try:
        signature = inspect.signature(func)
    except (ValueError, TypeError):
        # A builtin that does not tell: hand it everything and let it complain.
        return _EVERYTHING
    positional: list[str] = []
    names: set[str] = set()
    any_position = any_name = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            any_position = True
        elif parameter.kind is parameter.VAR_KEYWORD:
            any_name = True
        else:
            if parameter.kind is not parameter.KEYWORD_ONLY:
                positional.append(parameter.name)
            if parameter.kind is not parameter.POSITIONAL_ONLY:
                names.add(parameter.name)
    return Accepted(
        None if any_position else len(positional),
        None if any_name else frozenset(names),
        tuple(positional),
    )


def accepted(func: Callable[..., Any]) -> Accepted:
    """Return which arguments `func` takes, `self` of a bound method left out."""
    # A bound method is made anew at each access: the cache hangs on what it is bound from.
    bound = inspect.ismethod(func)
    key = func.__func__ if bound else func  # type: ignore[attr-defined]
    try:
        found = _cache.get(key)
    except TypeError:
        return _inspect(func)
    if found is None:
        found = _inspect(key)
        try:
            _cache[key] = found
        except TypeError:
            return _inspect(func)
    if bound and found.parameters:
        self_name = found.parameters[0]
        return Accepted(
            None if found.positional is None else found.positional - 1,
            None if found.names is None else found.names - {self_name},
            found.parameters[1:],
        )
    return found


def call_accepting(
    func: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    given: Sequence[Any] = (),
) -> Any:
    """Call `func` with those of the arguments that its signature takes.

    Parameters
    ----------
    func : callable
        What to call.
    args : sequence
        Positional arguments; those that do not fit are dropped.
    kwargs : mapping
        Keyword arguments; those without a parameter, or with one that is already filled by
        position, are dropped.
    given : sequence, optional
        Leading positional arguments that are passed in any case.

    Returns
    -------
    object
        What `func` returns.

    Examples
    --------
    >>> call_accepting(lambda path, ext='': path + ext, ('a', 'b', 'c'), {'mode': 1})
    'ab'
    """
    known = accepted(func)
    positional = [*given, *args]
    if known.positional is not None:
        del positional[max(known.positional, len(given)) :]
    filled = set(known.parameters[: len(positional)])
    chosen = {
        name: value for name, value in kwargs.items() if known.takes(name) and name not in filled
    }
    return func(*positional, **chosen)


class Spread:
    """Calls `func` with a tuple of positional arguments and a dict of keyword arguments.

    Parameters
    ----------
    func : callable
        What to call.
    """

    __slots__ = ("func",)
    wraps_item_function = True

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    def __call__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Make the call."""
        return self.func(*args, **kwargs)


def has_item_values(value: Any) -> bool:
    """Tell whether an argument has a value for each item."""
    # Not `hasattr`: classes of named expressions answer to every name.
    return any("item_values" in cls.__dict__ for cls in type(value).__mro__)


def split_user_arguments(
    args: Sequence[Any], kwargs: Mapping[str, Any], batch: Any, n: Callable[[], int]
) -> tuple[list[Any], dict[str, Any], set[int | str]]:
    """Evaluate the arguments that have a value for each item.

    An argument has one if a class of it defines ``item_values(batch, n)``, which returns a sequence
    of `n` values.

    Parameters
    ----------
    args, kwargs
        What the user passed to the action.
    batch : object
        The batch, handed to ``item_values``.
    n : callable
        Returns how many items there are; only called when it is needed.

    Returns
    -------
    args : list
        Positional arguments, those with a value for each item replaced by the values.
    kwargs : dict
        Keyword arguments, likewise.
    varying : set
        Positions and names of those arguments.
    """
    varying: set[int | str] = set()
    new_args = list(args)
    new_kwargs = dict(kwargs)
    for position, value in enumerate(args):
        if has_item_values(value):
            new_args[position] = list(value.item_values(batch, n()))
            varying.add(position)
    for name, value in kwargs.items():
        if has_item_values(value):
            new_kwargs[name] = list(value.item_values(batch, n()))
            varying.add(name)
    return new_args, new_kwargs, varying


def _is_args_and_kwargs(element: Any) -> bool:
    return (
        isinstance(element, tuple)
        and len(element) == 2
        and isinstance(element[0], tuple)
        and isinstance(element[1], dict)
    )


def _as_columns(elements: Any) -> list[Sequence[Any]] | None:
    """Return the positional arguments of all items as columns, None if items differ in form."""
    if isinstance(elements, np.ndarray) and (elements.ndim != 1 or elements.dtype != object):
        return [elements]  # type: ignore[list-item]
    kinds = set(map(type, elements))
    if not any(issubclass(kind, list | tuple | dict) for kind in kinds):
        return [elements]
    if any(issubclass(kind, dict) for kind in kinds):
        return None
    if not all(issubclass(kind, list | tuple) for kind in kinds):
        return None
    if len(set(map(len, elements))) != 1 or any(map(_is_args_and_kwargs, elements)):
        return None
    return list(zip(*elements, strict=True))


def _row(element: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if _is_args_and_kwargs(element):
        return element[0], element[1]
    if isinstance(element, dict):
        return (), element
    if isinstance(element, list | tuple):
        return tuple(element), {}
    return (element,), {}


def make_calls(
    func: Callable[..., Any],
    elements: Iterable[Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    varying: set[int | str],
    *,
    owner: Sequence[Any] = (),
    spread: bool = True,
) -> tuple[Callable[..., Any], Calls]:
    """Turn what init returned and what the user passed into calls.

    An element of init is: a tuple of a tuple and a dict - positional and keyword arguments; a dict
    - keyword arguments; a list or tuple - positional arguments; anything else - one argument. The
    user's arguments follow.

    Parameters
    ----------
    func : callable
        The item function.
    elements : iterable
        One element for each item.
    args, kwargs
        The user's arguments, evaluated.
    varying : set
        Which of them hold one value for each item.
    owner : sequence, optional
        What goes before everything else: ``self``, or nothing.
    spread : bool, optional
        False if each element is one argument, whatever it is.

    Returns
    -------
    func : callable
        What to call: `func`, or `func` in a `Spread`.
    calls : Calls
        The arguments.

    Raises
    ------
    TypeError
        If `elements` is not iterable.
    ValueError
        If an argument with one value for each item has another number of them.
    """
    if not isinstance(elements, np.ndarray | list | tuple):
        try:
            elements = list(elements)
        except TypeError:
            if hasattr(type(elements), "__iter__") or hasattr(type(elements), "__getitem__"):
                raise
            raise TypeError(
                "init must give an iterable with one element for each item, "
                f"not {type(elements).__name__}"
            ) from None
    n = len(elements)
    columns = _as_columns(elements) if spread else [elements]
    before = [Constant(value) for value in owner]
    if columns is not None and not args and not varying:
        return func, Calls(n, (*before, *columns), kwargs)
    for where in varying:
        values = args[where] if isinstance(where, int) else kwargs[where]
        if len(values) != n:
            raise ValueError(f"argument {where!r} has {len(values)} values for {n} items")
    named = {where for where in varying if isinstance(where, str)}
    if columns is not None and not named:
        user = [
            value if position in varying else Constant(value) for position, value in enumerate(args)
        ]
        return func, Calls(n, (*before, *columns, *user), kwargs)
    rows_args: list[tuple[Any, ...]] = []
    rows_kwargs: list[dict[str, Any]] = []
    for position, element in enumerate(elements):
        row_args, row_kwargs = _row(element) if spread else ((element,), {})
        tail = [value[position] if where in varying else value for where, value in enumerate(args)]
        rows_args.append((*owner, *row_args, *tail))
        own = {
            name: value[position] if name in varying else value for name, value in kwargs.items()
        }
        rows_kwargs.append({**row_kwargs, **own})
    return Spread(func), Calls(n, (rows_args, rows_kwargs))
